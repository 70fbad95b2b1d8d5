#include "site/commands.hpp"

#include <algorithm>
#include <array>

#include <boost/mp11/list.hpp>

#include "ocpp/v16/core.hpp"
#include "ocpp/v16/remote_trigger.hpp"
#include "ocpp/v16/smart_charging.hpp"
#include "site/authorization.hpp"

namespace busbar::site {
namespace {

using ToCharger = boost::mp11::mp_list<v16::RemoteStartTransaction, v16::RemoteStopTransaction,
                                       v16::Reset, v16::SetChargingProfile, v16::TriggerMessage>;

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
            return {To::refused, failure.description, {}, "FormationViolation"};
        case From::superseded:
        case From::queue_full:
            return {To::not_allowed_now, failure.description, {}, {}};
        case From::disconnected:
            break;
    }
    return {To::disconnected, failure.description, {}, {}};
}

// What the site knows that the schema does not: nothing means "go ahead".
template <class Request>
std::optional<CommandFailure> objection(const Site&, const ChargePoint&, const Request&, Now) {
    return std::nullopt;
}

CommandFailure invalid(std::string pointer, std::string detail) {
    return {CommandFailure::Kind::invalid_payload,
            "",
            {{Defect::bad_value, std::move(pointer), std::move(detail)}},
            {}};
}

// A profile replaces another of its purpose and stack level (3.13.2): a TxProfile or
// TxDefaultProfile from elsewhere would take the place of load management's limits. A
// ChargePointMaxProfile can only lower what they allow (3.13.3).
std::optional<CommandFailure> objection(const Site&, const ChargePoint&,
                                        const v16::SetChargingProfile::Request& request, Now) {
    const auto& profile = request.csChargingProfiles;
    if (profile.chargingProfilePurpose != v16::ChargingProfilePurpose::ChargePointMaxProfile) {
        return invalid("/csChargingProfiles/chargingProfilePurpose",
                       "load management sets these: only ChargePointMaxProfile may be sent");
    }
    if (profile.chargingProfileId < 1000 || profile.chargingProfileId >= 4000) return std::nullopt;
    return invalid("/csChargingProfiles/chargingProfileId",
                   "1000 to 3999 belong to load management: choose another");
}

std::optional<CommandFailure> objection(const Site& site, const ChargePoint& charger,
                                        const v16::RemoteStartTransaction::Request& request,
                                        Now now) {
    if (request.chargingProfile) {
        return invalid("/chargingProfile", "load management sets the limits: leave it out");
    }
    const auto badge = site.badges.find(request.idTag);
    const auto verdict =
        authorize({.badge = badge == site.badges.end() ? nullptr : &badge->second,
                   .charge_point = charger.settings.id,
                   .at = now.wall,
                   .active_transactions = site.open_transactions_of(request.idTag)});
    if (verdict.accepted()) return std::nullopt;
    return CommandFailure{CommandFailure::Kind::not_allowed_now,
                          "the badge would be refused: " + verdict.reason,
                          {},
                          {}};
}

template <class M>
void run(Site& site, ChargePoint& charger, std::string_view payload, Now now, Done done) {
    DecodeReport report;
    const auto request = decode_text<typename M::Request>(payload, {}, report);
    if (!request) {
        return done(CommandFailure{CommandFailure::Kind::invalid_payload, "", report.errors, {}});
    }
    if (auto refusal = objection(site, charger, *request, now)) return done(std::move(*refusal));
    if (!charger.link) {
        return done(CommandFailure{
            CommandFailure::Kind::not_connected, "the charge point is not connected", {}, {}});
    }
    auto& session = charger.link->session;
    session.call<M>(now, *request, {}, [done](const auto& answer) {
        if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
            return done(failure_of(*failure));
        }
        done(to_json(std::get<typename M::Response>(answer)));
    });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

template <class... M>
constexpr auto make_routes(boost::mp11::mp_list<M...>) {
    return std::array{Route{M::action, &run<M>}...};
}
constexpr auto routes = make_routes(ToCharger{});

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
