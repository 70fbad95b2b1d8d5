#include "site/limit_habits.hpp"

#include <algorithm>
#include <utility>

#include "base/codec.hpp"
#include "ocpp/v16/smart_charging.hpp"
#include "site/charging_profiles.hpp"
#include "site/limit_key.hpp"
#include "site/load_management.hpp"
#include "site/metering.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using Purpose = v16::ChargingProfilePurpose;

constexpr auto hour = 1h;
constexpr Amps drawing_min = 1_A;  // less is no charging

bool takes_no_profiles(const ChargePoint& charger) {
    const auto& actions = charger.quirks.unsupported_actions;
    return std::find(actions.begin(), actions.end(), v16::SetChargingProfile::action) !=
           actions.end();
}

// What the charger refused before it took this shape, it need not be asked again.
void learn_shape(Site& site, ChargePoint& charger, const Connector& connector,
                 const ProfileShape& shape, Now now) {
    const auto shapes = limit_shapes(profile_abilities(charger));
    if (shapes.empty() || shapes.front() == shape) return;
    const auto& usual = shapes.front();
    const auto refused = std::string{v16::SetChargingProfile::action} + " with ";
    if (shape.purpose != usual.purpose) {
        std::vector<Purpose> left;
        for (const auto purpose : charger.quirks.profile_purposes) {
            const bool was_tried =
                purpose == Purpose::TxProfile || (shape.purpose == Purpose::ChargePointMaxProfile &&
                                                  purpose == Purpose::TxDefaultProfile);
            const bool holds_safe =
                purpose == Purpose::TxDefaultProfile && connector.safe_profile_accepted;
            if (!was_tried || holds_safe) left.push_back(purpose);
        }
        learn(site, charger, "profilePurposes", busbar::to_json(left),
              refused + enumerator_name(usual.purpose), now);
    } else if (shape.unit != usual.unit) {
        const bool watts = shape.unit == v16::ChargingRateUnit::W;
        learn(site, charger, "rateUnit", watts ? "\"W\"" : "\"A\"",
              refused + (watts ? "chargingRateUnit A" : "chargingRateUnit W"), now);
    } else if (shape.kind != usual.kind) {
        const bool relative = shape.kind == ProfileKind::Relative;
        learn(site, charger, "profileKind", relative ? "\"Relative\"" : "\"Absolute\"",
              refused + (relative ? "an Absolute schedule" : "a Relative schedule"), now);
    } else if (shape.stack_level != usual.stack_level) {
        learn(site, charger, "stackLevelMax", std::to_string(shape.stack_level),
              refused + "stackLevel " + std::to_string(usual.stack_level), now);
    }
}

// A ChargePointMaxProfile has the last word over all others: one that carried a limit before would
// hold the charger at its safe current for ever.
void remove_whole_profile(Site& site, ChargePoint& charger, const ProfileShape& shape) {
    if (!charger.link) return;
    auto& session = charger.link->session;
    if (charger.quirks.clear_profiles == ClearProfiles::overwrite) {
        LeasedLimit wide;
        wide.limit = wide.safe = Amps::from_milliamps(charger.settings.max_milliamps);
        wide.lease = site.settings.load_management.lease;
        wide.wired = wide.phases = count(wired_phases(charger.settings.phase_map));
        send_profile(site, charger, leased_profile(wide, shape, charger.quirks, site.now.wall), {},
                     [](const auto&) {});
        return;
    }
    session.call<v16::ClearChargingProfile>(
        site.now, {.id = own_profile_id(Purpose::ChargePointMaxProfile, 0, charger.quirks)}, {},
        [](const auto&) {});
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

// How many phases the present car uses. A car that draws next to nothing shows nothing.
int phases_shown(const Connector& connector, int before) {
    if (!connector.measured) return before;
    const auto& amps = *connector.measured;
    const auto used =
        std::count_if(amps.begin(), amps.end(), [&](Amps a) { return a >= drawing_min; });
    return used > 0 ? static_cast<int>(used) : before;
}

// The newest limit has another form than it should have now: the car has shown its phases, or the
// charger has told or taught what it knows.
bool is_outdated(const ChargePoint& charger, std::int32_t connector_id,
                 const Connector& connector) {
    const auto& limits = connector.limits;
    if (!limits.sent || connector.limit_refused) return false;
    const int wired = count(wired_phases(charger.settings.phase_map));
    const int phases = limits.phases == wired ? wired : 1;
    if (limits.phases_sent > 0 && limits.phases_sent != phases) return true;
    return present_shape(charger, connector_id, connector) != limits.sent;
}

// Charging has begun again after a pause: some chargers ignore the limit until they are told again.
bool has_resumed(const ChargePoint& charger, const Connector& connector) {
    const auto& since = connector.limits.resumed_at;
    if (!since || !charger.quirks.reassert_after_zero) return false;
    const auto& status = connector.status;
    if (status && status->status == "Charging" && status->received_at >= since->wall) return true;
    if (!connector.measured || connector.measured_at < since->mono) return false;
    const auto& amps = *connector.measured;
    return std::any_of(amps.begin(), amps.end(), [](Amps phase) { return phase >= drawing_min; });
}

// The transaction is over and its limit is not: the next car may have it until the safe profile has
// taken its place.
void replace_lingering(Site& site, ChargePoint& charger, std::int32_t connector_id,
                       Connector& connector, Now now) {
    auto& limits = connector.limits;
    if (!limits.lingering || limits.is_being_replaced) return;
    limits.is_being_replaced = true;
    site.engine.restore(evse_id(charger.settings.id, connector_id), *limits.lingering, now);
    connector.safe_profile_sent.reset();
    if (!charger.link || now.mono < charger.quiet_until) return;
    charger.setup_due = now.mono;
    site.wake_by(now.mono);
}

void tend_one(Site& site, ChargePoint& charger, std::int32_t connector_id, Connector& connector,
              Now now) {
    auto& limits = connector.limits;
    check_limit_key(site, charger, connector_id, connector, now);
    if (!site.find_open_on(charger, connector_id)) {
        car_gone(connector);
        return replace_lingering(site, charger, connector_id, connector, now);
    }
    limits.phases = phases_shown(connector, limits.phases);
    if (!charger.link) return;
    const bool resumes = has_resumed(charger, connector);
    if (!resumes && !is_outdated(charger, connector_id, connector)) return;
    if (resumes) limits.resumed_at.reset();
    limits.sent.reset();
    site.engine.reconnected(evse_id(charger.settings.id, connector_id), now);
    site.step_wanted = true;
    site.wake_by(now.mono);
}

}  // namespace

std::optional<ProfileShape> present_shape(const ChargePoint& charger, std::int32_t connector_id,
                                          const Connector& connector) {
    if (takes_no_profiles(charger) || !has_own_profile_ids(connector_id, charger.quirks)) {
        return std::nullopt;
    }
    if (connector.limits.is_by_key && has_limit_key(charger)) return std::nullopt;
    const auto shapes = limit_shapes(profile_abilities(charger));
    if (shapes.empty()) return std::nullopt;
    // One that refused all is asked again in the usual way.
    return next_shape(shapes, connector.limits.refused).value_or(shapes.front());
}

bool is_paused_often(const Quirks& quirks, const Connector& connector, Now now) {
    const auto& pauses = connector.limits.pauses;
    const auto recent = std::count_if(pauses.begin(), pauses.end(),
                                      [&](Instant at) { return at + hour > now.mono; });
    return recent >= quirks.pauses_per_hour_max;
}

void note_pause(Site& site, ChargePoint& charger, const dlm::Command& command, Connector& connector,
                Now now) {
    constexpr std::size_t kept_max = 60;  // what the quirk can count to
    auto& limits = connector.limits;
    if (command.limit > Amps{} || limits.is_paused) return;
    limits.is_paused = true;
    limits.resumed_at.reset();
    if (is_paused_often(charger.quirks, connector, now)) {
        const auto why = "more than " + std::to_string(charger.quirks.pauses_per_hour_max) +
                         " pauses within an hour: there is no room for its minimum";
        count_deviation(charger, "paused_too_often", command.evse + ": " + why, now.wall);
        if (site.log) site.log("paused_too_often", command.evse);
    }
    limits.pauses.push_back(now.mono);
    if (limits.pauses.size() > kept_max) limits.pauses.pop_front();
}

void limit_taken(Site& site, ChargePoint& charger, const dlm::Command& command,
                 const ProfileShape& shape, Connector& connector, Now now) {
    auto& limits = connector.limits;
    const auto before = limits.taken;
    if (before != shape) {
        limits.taken = shape;
        learn_shape(site, charger, connector, shape, now);
    }
    if (before && before->purpose == Purpose::ChargePointMaxProfile &&
        shape.purpose != Purpose::ChargePointMaxProfile) {
        remove_whole_profile(site, charger, *before);
    }
    if (shape.purpose == Purpose::TxDefaultProfile) {
        limits.lingering = std::max(command.limit, command.safe);
    }
}

void car_gone(Connector& connector) {
    auto& limits = connector.limits;
    limits.phases = 0;
    limits.sent.reset();
    limits.is_paused = false;
    limits.resumed_at.reset();
}

void tend_limits(Site& site, Now now) {
    for (auto& [id, charger] : site.charge_points) {
        for (auto& [connector_id, connector] : charger.connectors) {
            if (connector_id > 0) tend_one(site, charger, connector_id, connector, now);
        }
    }
}

}  // namespace busbar::site
