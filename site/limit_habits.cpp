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
constexpr auto just_begun = 10s;   // its charger may not have heard of it yet
constexpr auto lag_noise = 30s;    // messages come as late as that

bool takes_no_profiles(const ChargePoint& charger) {
    const auto& actions = charger.quirks.unsupported_actions;
    return std::find(actions.begin(), actions.end(), v16::SetChargingProfile::action) !=
           actions.end();
}

bool is_among(const ProfileShape& shape, const std::vector<ProfileShape>& shapes) {
    return std::find(shapes.begin(), shapes.end(), shape) != shapes.end();
}

// That a model does not take limits for a purpose at all is believed when two transactions have
// shown it, one after the other.
bool is_doubted_twice(LimitHabits& limits, db::TransactionKey transaction) {
    if (limits.doubted_in && limits.doubted_in != transaction) {
        limits.doubted_in.reset();
        return true;
    }
    limits.doubted_in = transaction;
    return false;
}

// What the charger refused before it took this shape, it need not be asked again.
void learn_shape(Site& site, ChargePoint& charger, Connector& connector, const SentLimit& sent,
                 Now now) {
    const auto& shape = sent.shape;
    const auto shapes = limit_shapes(profile_abilities(charger));
    if (shapes.empty() || shapes.front() == shape) return;
    const auto& usual = shapes.front();
    if (!is_among(usual, connector.limits.refused)) return;
    const auto refused = std::string{v16::SetChargingProfile::action} + " with ";
    if (shape.purpose != usual.purpose) {
        if (!is_doubted_twice(connector.limits, sent.meant_for)) return;
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
    } else if (shape.kind != usual.kind && shape.kind != charger.quirks.profile_kind) {
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
        const auto begins = site.now.wall - clock_lag(site, charger, site.now.wall);
        send_profile(site, charger, leased_profile(wide, shape, charger.quirks, begins), {},
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

// The newest limit has another form than it should have now: the car has shown its phases, the
// charger has told or taught what it knows, or its clock is further behind than was known.
bool is_outdated(const Site& site, const ChargePoint& charger, std::int32_t connector_id,
                 const Connector& connector, Now now) {
    const auto& limits = connector.limits;
    if (!limits.sent || connector.limit_refused) return false;
    if (limits.sent->kind == ProfileKind::Absolute &&
        clock_lag(site, charger, now.wall) > limits.lag_sent + lag_noise) {
        return true;
    }
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
    // Its answer would come too late for the next car.
    limit_unanswered(connector);
    if (!limits.lingering || limits.is_being_replaced) return;
    limits.is_being_replaced = true;
    site.engine.restore(evse_id(charger.settings.id, connector_id), *limits.lingering, now);
    connector.safe_profile_sent.reset();
    if (!charger.link || now.mono < charger.quiet_until) return;
    charger.setup_due = now.mono;
    site.wake_by(now.mono);
}

bool has_just_begun(const Transaction& transaction, Now now) {
    return now.wall < transaction.start.received_at + just_begun;
}

// TxProfiles that were refused are asked for again: after the first moments of a transaction, and
// in the next one after a doubt.
void forgive_refusals(LimitHabits& limits) {
    limits.refused_early = false;
    limits.refused_in.reset();
    std::erase_if(limits.refused,
                  [](const ProfileShape& shape) { return shape.purpose == Purpose::TxProfile; });
}

void tend_one(Site& site, ChargePoint& charger, std::int32_t connector_id, Connector& connector,
              Now now) {
    auto& limits = connector.limits;
    check_limit_key(site, charger, connector_id, connector, now);
    const auto* running = site.find_open_on(charger, connector_id);
    if (!running) {
        car_gone(connector);
        return replace_lingering(site, charger, connector_id, connector, now);
    }
    if (limits.refused_early && !has_just_begun(*running, now)) forgive_refusals(limits);
    limits.phases = phases_shown(connector, limits.phases);
    if (!charger.link) return;
    const bool resumes = has_resumed(charger, connector);
    if (!resumes && !is_outdated(site, charger, connector_id, connector, now)) return;
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

std::chrono::seconds clock_lag(const Site& site, const ChargePoint& charger, Timestamp now) {
    const auto& clock = charger.clock;
    auto ahead = clock.shown();
    if (!ahead) ahead = clock.offset();
    return std::max(-ahead.value_or(time_correction(site, charger, now)), 0s);
}

void limit_leaves(Connector& connector, const SentLimit& sent) {
    if (sent.shape.purpose != Purpose::TxDefaultProfile) return;
    auto& standing = connector.limits.lingering_sent;
    standing = std::max({standing.value_or(Amps{}), sent.command.limit, sent.command.safe});
}

void limit_taken(Site& site, ChargePoint& charger, const SentLimit& sent, Connector& connector,
                 Now now) {
    auto& limits = connector.limits;
    const auto& shape = sent.shape;
    const auto before = std::exchange(limits.taken, shape);
    if (limits.refused_in == sent.meant_for) {
        limits.refused_in.reset();
        learn_shape(site, charger, connector, sent, now);
    }
    if (shape.purpose == Purpose::TxProfile) limits.doubted_in.reset();
    if (before && before->purpose == Purpose::ChargePointMaxProfile &&
        shape.purpose != Purpose::ChargePointMaxProfile) {
        remove_whole_profile(site, charger, *before);
    }
    if (shape.purpose == Purpose::TxDefaultProfile) {
        limits.lingering = std::max(sent.command.limit, sent.command.safe);
    }
    if (!site.is_superseded(sent.command.evse, sent.command.sequence)) {
        limits.lingering_sent.reset();
    }
}

void shape_refused(Connector& connector, const Transaction& running, const SentLimit& sent,
                   Now now) {
    auto& limits = connector.limits;
    if (!is_among(sent.shape, limits.refused)) limits.refused.push_back(sent.shape);
    if (has_just_begun(running, now)) {
        limits.refused_early = true;
    } else {
        limits.refused_in = sent.meant_for;
    }
}

void limit_unanswered(Connector& connector) {
    auto& limits = connector.limits;
    const auto standing = std::exchange(limits.lingering_sent, std::nullopt);
    if (standing) limits.lingering = std::max(limits.lingering.value_or(Amps{}), *standing);
}

void transaction_over(Site& site, ChargePoint& charger, std::int32_t connector_id, Now now) {
    const auto evse = evse_id(charger.settings.id, connector_id);
    site.engine.transaction_ended(evse, now);
    auto* connector = connector_of(charger, connector_id);
    if (!connector) return;
    limit_unanswered(*connector);
    auto& limits = connector->limits;
    if (!limits.lingering) return;
    // The next car may be there already: what it is told takes its place then.
    limits.is_being_replaced = false;
    site.engine.restore(evse, *limits.lingering, now);
}

void car_gone(Connector& connector) {
    auto& limits = connector.limits;
    limits.phases = 0;
    limits.sent.reset();
    limits.is_paused = false;
    limits.resumed_at.reset();
    if (limits.refused_early || limits.doubted_in) forgive_refusals(limits);
}

void tend_limits(Site& site, Now now) {
    for (auto& [id, charger] : site.charge_points) {
        for (auto& [connector_id, connector] : charger.connectors) {
            if (connector_id > 0) tend_one(site, charger, connector_id, connector, now);
        }
    }
}

}  // namespace busbar::site
