#include "site/routes.hpp"

#include <algorithm>

#include <boost/mp11/list.hpp>

#include "site/salvage_status.hpp"
#include "site/transactions.hpp"

namespace busbar::site {
namespace {

using FromCharger = boost::mp11::mp_list<
    v16::Authorize, v16::BootNotification, v16::DataTransfer, v16::DiagnosticsStatusNotification,
    v16::FirmwareStatusNotification, v16::Heartbeat, v16::LogStatusNotification, v16::MeterValues,
    v16::SecurityEventNotification, v16::SignCertificate, v16::SignedFirmwareStatusNotification,
    v16::StartTransaction, v16::StatusNotification, v16::StopTransaction>;

// Messages that carry money or evidence: they are not even looked at while nothing more can be made
// durable, so that the charger keeps them and sends them again.
template <class M>
constexpr bool must_be_recorded = false;
template <>
constexpr bool must_be_recorded<v16::MeterValues> = true;
template <>
constexpr bool must_be_recorded<v16::SecurityEventNotification> = true;
template <>
constexpr bool must_be_recorded<v16::StartTransaction> = true;
template <>
constexpr bool must_be_recorded<v16::StopTransaction> = true;

struct Route {
    std::string_view action;
    void (*run)(Site&, ChargePoint&, const std::shared_ptr<Link>&, const ocpp::IncomingCall&, Now);
};

std::string_view defect_name(Defect defect) {
    switch (defect) {
        case Defect::wrong_shape:
            return "wrong_shape";
        case Defect::missing_field:
            return "missing_field";
        case Defect::unknown_field:
            return "unknown_field";
        case Defect::wrong_type:
            return "wrong_type";
        case Defect::bad_value:
            return "bad_value";
        case Defect::empty_array:
            return "empty_array";
    }
    return "other";
}

void count_all(ChargePoint& charger, std::string_view action,
               const std::vector<Violation>& violations, Timestamp at) {
    for (const auto& violation : violations) {
        count_deviation(charger,
                        std::string{action}.append(":").append(defect_name(violation.defect)),
                        violation.pointer + ": " + violation.detail, at);
    }
}

// What the message log says of a call: "wrong_type /meterStart, unknown_field /colour, 3 more".
std::string summary(const DecodeReport& report, bool is_name_exact) {
    constexpr std::size_t size_max = 200;
    std::string out = is_name_exact ? "" : "action_case";
    std::size_t left = report.deviations.size() + report.errors.size();
    for (const auto* violations : {&report.deviations, &report.errors}) {
        for (const auto& violation : *violations) {
            if (!out.empty()) out += ", ";
            if (out.size() > size_max) return out += std::to_string(left) + " more";
            out.append(defect_name(violation.defect)).append(" ");
            out += std::string_view{violation.pointer}.substr(0, size_max);
            --left;
        }
    }
    return out;
}

// Reads a request, tolerating what its message alone tolerates.
template <class M>
struct Reader {
    static std::optional<typename M::Request> read(const Json& payload,
                                                   const DecodeOptions& options,
                                                   DecodeReport& report) {
        return decode<typename M::Request>(payload, options, report);
    }
};

// A boot that lacks its maker or its model, or has null or an object there, is a boot all the same:
// one that is refused is repeated for ever (field practice).
template <>
struct Reader<v16::BootNotification> {
    static std::optional<v16::BootNotification::Request> read(const Json& payload,
                                                              const DecodeOptions& options,
                                                              DecodeReport& report) {
        auto request = decode<v16::BootNotification::Request>(payload, options, report);
        if (request || !options.lenient) return request;
        return read_bare_boot(payload, options, report);
    }
};

// Data that is no text is kept as the text it was.
template <>
struct Reader<v16::DataTransfer> {
    static std::optional<v16::DataTransfer::Request> read(const Json& payload,
                                                          const DecodeOptions& options,
                                                          DecodeReport& report) {
        auto request = decode<v16::DataTransfer::Request>(payload, options, report);
        if (request && !request->data) request->data = structured_data(payload);
        return request;
    }
};

// Messages that carry money are not even refused to a charger that is read strictly, if what counts
// can be read (ruling R13).
template <class M>
constexpr bool carries_money = false;
template <>
constexpr bool carries_money<v16::MeterValues> = true;
template <>
constexpr bool carries_money<v16::StartTransaction> = true;
template <>
constexpr bool carries_money<v16::StopTransaction> = true;

// How far something is: a word that OCPP does not know says nothing, least of all that it is over.
template <class M>
constexpr bool is_progress = false;
template <>
constexpr bool is_progress<v16::DiagnosticsStatusNotification> = true;
template <>
constexpr bool is_progress<v16::FirmwareStatusNotification> = true;
template <>
constexpr bool is_progress<v16::LogStatusNotification> = true;
template <>
constexpr bool is_progress<v16::SignedFirmwareStatusNotification> = true;

// What is made of a message that cannot be decoded. Nothing: it is refused.
template <class M>
std::optional<typename M::Response> salvage(Context&, [[maybe_unused]] const Json& payload) {
    if constexpr (is_progress<M>) {
        if (is_report(payload)) return typename M::Response{};
    }
    return std::nullopt;
}

template <class R>
void count_salvaged(Context& on, std::string_view action, const Salvaged<R>& message) {
    for (const auto& field : message.fields) {
        count_deviation(on.charger, "salvaged:" + field, action, on.now.wall);
    }
}

template <>
std::optional<v16::StartTransaction::Response> salvage<v16::StartTransaction>(Context& on,
                                                                              const Json& payload) {
    auto start = salvage_start(payload, on.now.wall);
    const bool is_understood = start.connector_is_known && start.time_is_known;
    if (!is_understood && !is_lenient(on.charger)) return std::nullopt;
    count_salvaged(on, v16::StartTransaction::action, start);
    correct_times(on.site, on.charger, on.now, start.request);
    return take_start(on, std::move(start));
}

template <>
std::optional<v16::StopTransaction::Response> salvage<v16::StopTransaction>(Context& on,
                                                                            const Json& payload) {
    auto stop = salvage_stop(payload, on.now.wall);
    const bool is_understood = stop.request.transactionId >= 0 && stop.time_is_known;
    if (!is_understood && !is_lenient(on.charger)) return std::nullopt;
    count_salvaged(on, v16::StopTransaction::action, stop);
    correct_times(on.site, on.charger, on.now, stop.request);
    return take_stop(on, std::move(stop));
}

// A connector, and a value whose time can be read.
bool is_understood(const Json& payload) {
    constexpr auto unreadable = Timestamp::min();
    const auto values = salvage_values(payload, unreadable);
    const auto& all = values.request.meterValue;
    return values.connector_is_known && std::any_of(all.begin(), all.end(), [&](const auto& value) {
               return value.timestamp != unreadable;
           });
}

template <>
std::optional<v16::MeterValues::Response> salvage<v16::MeterValues>(Context& on,
                                                                    const Json& payload) {
    if (!is_lenient(on.charger) && !is_understood(payload)) return std::nullopt;
    auto values = salvage_values(payload, on.now.wall);
    count_salvaged(on, v16::MeterValues::action, values);
    correct_times(on.site, on.charger, on.now, values.request);
    if (values.request.meterValue.empty()) return v16::MeterValues::Response{};
    const auto& connectors = on.charger.connectors;
    if (!values.connector_is_known && connectors.size() == 1) {
        values.request.connectorId = connectors.begin()->first;
    }
    return handle(on, values.request);
}

template <>
std::optional<v16::StatusNotification::Response> salvage<v16::StatusNotification>(
    Context& on, const Json& payload) {
    auto status = salvage_status(payload);
    if (!status) return std::nullopt;
    count_salvaged(on, v16::StatusNotification::action, *status);
    correct_times(on.site, on.charger, on.now, status->request);
    return take_status(on, std::move(*status));
}

void send_replies(Site& site, const std::string& charge_point, db::Journal::Ticket ticket) {
    ChargePoint* charger = site.find(charge_point);
    if (!charger) return;
    charger->awaited_tickets.erase(ticket);
    std::vector<WaitingReply> due;
    std::vector<WaitingReply> rest;
    for (auto& reply : charger->waiting_replies) {
        (reply.ticket == ticket ? due : rest).push_back(std::move(reply));
    }
    charger->waiting_replies = std::move(rest);
    for (const auto& reply : due) {
        if (const auto link = reply.link.lock()) reply.send(*link);
    }
}

// The journal is asked once a unit: a charger that repeats a message over ever new connections
// while the journal stands still must not fill memory.
void reply_once_durable(Site& site, ChargePoint& charger, db::Journal::Ticket ticket,
                        const std::shared_ptr<Link>& link, std::function<void(Link&)> send) {
    auto& waiting = charger.waiting_replies;
    std::erase_if(waiting, [&](const auto& reply) { return reply.link.lock() != link; });
    // A charger that is owed so many has long sent its calls without waiting for answers.
    if (waiting.size() >= waiting_replies_max) waiting.erase(waiting.begin());
    waiting.push_back({ticket, link, std::move(send)});
    if (!charger.awaited_tickets.insert(ticket).second) return;
    site.journal.when_durable(
        ticket, [&site, id = charger.settings.id, ticket] { send_replies(site, id, ticket); });
}

template <class M>
void run(Site& site, ChargePoint& charger, const std::shared_ptr<Link>& link,
         const ocpp::IncomingCall& call, Now now) {
    if (must_be_recorded<M> && site.journal.full()) {
        constexpr std::uint16_t try_again_later = 1013;
        return link->close(try_again_later, "nothing can be stored at the moment");
    }
    DecodeReport report;
    const bool lenient = is_lenient(charger);
    auto request =
        Reader<M>::read(*call.payload, {.lenient = lenient, .received_at = now.wall}, report);
    count_all(charger, M::action, report.deviations, now.wall);
    link->session.judged(call.id, summary(report, call.action == M::action));
    Context on{site, charger, now};
    std::optional<typename M::Response> response;
    if (request) {
        correct_times(site, charger, now, *request);
        response = handle(on, *request);
    } else {
        count_all(charger, M::action, report.errors, now.wall);
        if (lenient || carries_money<M>) response = salvage<M>(on, *call.payload);
    }
    if (!response) {
        ++site.counters.refused_calls;
        link->session.refuse(call.id, ocpp::call_error(report));
        return link->flush();
    }
    if (on.reply_after == 0) {
        link->session.reply(call.id, *response);
        return link->flush();
    }
    reply_once_durable(site, charger, on.reply_after, link,
                       [id = call.id, response = std::move(*response)](Link& to) {
                           to.session.reply(id, response);
                           to.flush();
                       });
}

template <class... M>
constexpr auto make_routes(boost::mp11::mp_list<M...>) {
    return std::array{Route{M::action, &run<M>}...};
}
constexpr auto routes = make_routes(FromCharger{});

const Route* find_route(ChargePoint& charger, std::string_view action, Timestamp at) {
    auto route = std::find_if(routes.begin(), routes.end(),
                              [&](const Route& r) { return r.action == action; });
    if (route == routes.end()) {
        route = std::find_if(routes.begin(), routes.end(),
                             [&](const Route& r) { return equal_ignoring_case(r.action, action); });
        if (route != routes.end()) count_deviation(charger, "action_case", action, at);
    }
    return route == routes.end() ? nullptr : &*route;
}

}  // namespace

void dispatch(Site& site, ChargePoint& charger, const std::shared_ptr<Link>& link,
              const ocpp::IncomingCall& call, Now now) {
    ++site.counters.calls;
    charger.last_seen_at = now.wall;
    const auto refuse = [&](ocpp::ErrorCode code, std::string description) {
        ++site.counters.refused_calls;
        link->session.refuse(call.id, {code, std::move(description)});
        link->flush();
    };
    const Route* route = find_route(charger, call.action, now.wall);
    if (!route) {
        count_deviation(charger, "unknown_action", call.action, now.wall);
        return refuse(ocpp::ErrorCode::NotImplemented, "unknown action " + call.action);
    }
    // Ruling R8 (errata of OCPP-J, 3.10): nothing but BootNotification from a charger that is not
    // accepted, not even what could do no harm: one that is answered goes on as if it were. Its
    // transactions are not lost, it repeats them until it is.
    if (charger.settings.state != "accepted" && route->action != v16::BootNotification::action) {
        return refuse(ocpp::ErrorCode::SecurityError,
                      "this charge point has not been accepted: send BootNotification");
    }
    route->run(site, charger, link, call, now);
}

}  // namespace busbar::site
