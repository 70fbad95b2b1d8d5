#include "site/routes.hpp"

#include <algorithm>

#include <boost/mp11/list.hpp>

namespace busbar::site {
namespace {

using FromCharger = boost::mp11::mp_list<v16::Authorize, v16::BootNotification, v16::DataTransfer,
                                         v16::Heartbeat, v16::MeterValues, v16::StartTransaction,
                                         v16::StatusNotification, v16::StopTransaction>;

// Messages that carry money: they are not even looked at while nothing more can be made durable, so
// that the charger keeps them and sends them again.
template <class M>
constexpr bool must_be_recorded = false;
template <>
constexpr bool must_be_recorded<v16::MeterValues> = true;
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

template <class M>
void run(Site& site, ChargePoint& charger, const std::shared_ptr<Link>& link,
         const ocpp::IncomingCall& call, Now now) {
    if (must_be_recorded<M> && site.journal.full()) {
        constexpr std::uint16_t try_again_later = 1013;
        return link->close(try_again_later, "nothing can be stored at the moment");
    }
    DecodeReport report;
    const bool lenient = charger.settings.validation != "strict";
    const auto request = decode<typename M::Request>(
        *call.payload, {.lenient = lenient, .received_at = now.wall}, report);
    count_all(charger, M::action, report.deviations, now.wall);
    if (!request) {
        count_all(charger, M::action, report.errors, now.wall);
        ++site.counters.refused_calls;
        link->session.refuse(call.id, ocpp::call_error(report));
        return link->flush();
    }
    Context on{site, charger, now};
    auto response = handle(on, *request);
    if (on.reply_after == 0) {
        link->session.reply(call.id, response);
        return link->flush();
    }
    site.journal.when_durable(on.reply_after, [link, id = call.id, response = std::move(response)] {
        link->session.reply(id, response);
        link->flush();
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
    // Ruling R8: nothing but BootNotification from a charger that was never accepted.
    if (charger.settings.state != "accepted" && route->action != v16::BootNotification::action) {
        return refuse(ocpp::ErrorCode::SecurityError,
                      "this charge point has not been accepted: send BootNotification");
    }
    route->run(site, charger, link, call, now);
}

}  // namespace busbar::site
