#include "site/commands.hpp"

#include <algorithm>
#include <array>

#include "site/authorization_key.hpp"
#include "site/command_rules.hpp"

namespace busbar::site {
namespace {

using Done = std::function<void(CommandResult)>;

struct Route {
    std::string_view action;
    void (*run)(Site&, ChargePoint&, std::string_view payload, Now, Done);
};

CommandFailure failure_of(const ocpp::CallFailure& failure) {
    using From = ocpp::CallFailure::Kind;
    using To = CommandFailure::Kind;
    switch (failure.kind) {
        case From::timeout:
            return {To::timeout, failure.description, {}, {}};
        case From::refused:
            return {To::refused, failure.description, {}, failure.error_code};
        case From::invalid_answer:
            return {To::refused,
                    "the charge point's answer could not be understood: " + failure.description,
                    {},
                    {}};
        case From::queue_full:
            return {To::busy, failure.description, {}, {}};
        case From::superseded:
            return {To::not_allowed_now, failure.description, {}, {}};
        case From::disconnected:
            break;
    }
    return {To::disconnected, failure.description, {}, {}};
}

CommandFailure not_connected() {
    return {CommandFailure::Kind::not_connected, "the charge point is not connected", {}, {}};
}

// NotSupported may be about what this one asked for, and so may any answer to a DataTransfer. What
// load management and safety rest on is never given up for one answer.
void learn_from(Site& site, ChargePoint& charger, std::string_view action,
                const ocpp::CallFailure& failure) {
    if (failure.kind != ocpp::CallFailure::Kind::refused) return;
    if (!equal_ignoring_case(failure.error_code, "NotImplemented")) return;
    constexpr std::array kept{std::string_view{v16::DataTransfer::action},
                              std::string_view{v16::SetChargingProfile::action},
                              std::string_view{v16::ClearChargingProfile::action},
                              std::string_view{v16::ChangeConfiguration::action},
                              std::string_view{v16::Reset::action},
                              std::string_view{v16::TriggerMessage::action},
                              std::string_view{v16::RemoteStartTransaction::action},
                              std::string_view{v16::RemoteStopTransaction::action}};
    if (std::find(kept.begin(), kept.end(), action) != kept.end()) return;
    learn_unsupported(site, charger, action, site.now);
}

// What follows from an answer; the charge point may have been removed while it was asked.
template <class M>
std::optional<std::int64_t> follow_up(Site& site, const std::string& charge_point,
                                      const typename M::Request& request,
                                      const typename M::Response& response) {
    ChargePoint* charger = site.find(charge_point);
    if (!charger) return std::nullopt;
    const auto operation = answered(site, *charger, request, response, site.now);
    if (operation) link_upload(site, request, *operation);
    return operation;
}

template <class M>
CommandResult result_of(Site& site, const std::string& charge_point,
                        const typename M::Request& request,
                        const ocpp::Session::Answer<M>& answer) {
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        if (ChargePoint* charger = site.find(charge_point)) {
            learn_from(site, *charger, M::action, *failure);
            using enum ocpp::CallFailure::Kind;
            const bool may_have_arrived = failure->kind == timeout ||
                                          failure->kind == disconnected ||
                                          failure->kind == invalid_answer;
            if (may_have_arrived) {
                unanswered(site, *charger, request, site.now);
            } else {
                not_taken(site, *charger, request);
            }
        }
        return failure_of(*failure);
    }
    const auto& response = std::get<typename M::Response>(answer);
    return CommandAnswer{.payload = to_json(response),
                         .operation = follow_up<M>(site, charge_point, request, response)};
}

template <class M>
void send(Site& site, ChargePoint& charger, const typename M::Request& request, Now now,
          Done done) {
    about_to_send(site, charger, request);
    if (!charger.link) {
        not_taken(site, charger, request);
        return done(not_connected());
    }
    auto& session = charger.link->session;
    const auto id = charger.settings.id;
    session.call<M>(
        now, request,
        {.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds},
         .queue_timeout = command_queue_timeout},
        [&site, id, request, done](const auto& answer) {
            done(result_of<M>(site, id, request, answer));
        },
        // Nobody waits for it any more, but what it begins is followed all the same.
        [&site, id, request](const auto& response) { follow_up<M>(site, id, request, response); });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

// A charger cannot send a file to nowhere, nor get one from there.
template <class Request>
std::optional<CommandFailure> location_objection(const Request& request) {
    std::string pointer;
    if constexpr (requires { request.location.empty(); }) {
        if (request.location.empty()) pointer = "/location";
    } else if constexpr (requires { request.log.remoteLocation.empty(); }) {
        if (request.log.remoteLocation.empty()) pointer = "/log/remoteLocation";
    } else if constexpr (requires { request.firmware.location.empty(); }) {
        if (request.firmware.location.empty()) pointer = "/firmware/location";
    }
    if (pointer.empty()) return std::nullopt;
    return invalid_payload(std::move(pointer), "must not be empty");
}

template <class M>
void run(Site& site, ChargePoint& charger, std::string_view payload, Now now, Done done) {
    DecodeReport report;
    auto request = decode_text<typename M::Request>(payload, {}, report);
    if (!request) {
        return done(CommandFailure{CommandFailure::Kind::invalid_payload, "", report.errors, {}});
    }
    if (auto refusal = general_objection(site, charger, M::action)) {
        return done(std::move(*refusal));
    }
    if (auto refusal = location_objection(*request)) return done(std::move(*refusal));
    if (auto refusal = objection(site, charger, *request, now)) return done(std::move(*refusal));
    if (!charger.link) return done(not_connected());
    if (auto defect = resolve_location(site, charger, *request, now)) {
        return done(
            CommandFailure{CommandFailure::Kind::invalid_payload, "", {std::move(*defect)}, {}});
    }
    if constexpr (std::is_same_v<M, v16::ChangeConfiguration>) {
        if (equal_ignoring_case(request->key, authorization_key)) {
            return change_authorization_key(site, charger, request->value.value, std::move(done));
        }
    }
    send<M>(site, charger, *request, now, std::move(done));
}

template <class... M>
constexpr auto make_routes(boost::mp11::mp_list<M...>) {
    return std::array{Route{M::action, &run<M>}...};
}
constexpr auto routes = make_routes(v16::ToChargePoint{});

std::string known_actions() {
    std::string out;
    for (const auto& route : routes) out.append(out.empty() ? "" : ", ").append(route.action);
    return out;
}

}  // namespace

void command(Site& site, std::string_view charge_point, std::string_view action,
             std::string_view payload, Now now, Done done) {
    site.now = now;
    const auto route = std::find_if(routes.begin(), routes.end(),
                                    [&](const Route& r) { return r.action == action; });
    ChargePoint* charger = site.find(charge_point);
    if (!charger) {
        return done(CommandFailure{
            CommandFailure::Kind::unknown_charge_point, "there is no such charge point", {}, {}});
    }
    if (route == routes.end()) {
        return done(CommandFailure{
            CommandFailure::Kind::unknown_action, "known are " + known_actions(), {}, {}});
    }
    route->run(site, *charger, payload, now, std::move(done));
}

}  // namespace busbar::site
