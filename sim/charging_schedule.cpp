#include "sim/charging_schedule.hpp"

#include <algorithm>
#include <cmath>

namespace busbar::sim {
namespace {

namespace v16 = ocpp::v16;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Purpose = v16::ChargingProfilePurpose;
using ProfileKind = v16::ChargingProfileKind;

std::optional<Timestamp> earlier(std::optional<Timestamp> a, std::optional<Timestamp> b) {
    if (!a) return b;
    return b ? std::min(*a, *b) : a;
}

Amps to_amps(Tenths limit, v16::ChargingRateUnit unit, const ConnectorUse& use) {
    if (unit == v16::ChargingRateUnit::A) return {limit.value * 100};
    // W is the power of all phases together (7.12).
    const double watts = limit.value / 10.0;
    return {static_cast<std::int32_t>(watts * 1000.0 / (use.volts * use.phases))};
}

Tenths to_tenths(Amps amps, v16::ChargingRateUnit unit, const ConnectorUse& use) {
    if (unit == v16::ChargingRateUnit::A) return {amps.milliamps / 100};
    return {static_cast<std::int32_t>(amps.to_double() * use.volts * use.phases * 10.0)};
}

// Where the schedule of a profile begins that is in force at `at`, and where that run of it ends.
struct Run {
    Timestamp start;
    std::optional<Timestamp> end;  // of a recurrence
};

Run current_run(const v16::ChargingProfile& profile, Timestamp at, const ConnectorUse& use) {
    const auto& schedule = profile.chargingSchedule;
    switch (profile.chargingProfileKind) {
        case ProfileKind::Relative:
            return {use.transaction_started.value_or(at), {}};
        case ProfileKind::Absolute:
            return {schedule.startSchedule.value_or(at), {}};
        case ProfileKind::Recurring:
            break;
    }
    const milliseconds cycle = profile.recurrencyKind == v16::RecurrencyKind::Weekly
                                   ? milliseconds{std::chrono::weeks{1}}
                                   : milliseconds{std::chrono::days{1}};
    const Timestamp base = schedule.startSchedule.value_or(at);
    if (at < base) return {base, base + cycle};
    const Timestamp start = base + (at - base) / cycle * cycle;
    return {start, start + cycle};
}

}  // namespace

Allowed evaluate(const v16::ChargingProfile& profile, Timestamp at, const ConnectorUse& use) {
    if (profile.validFrom && at < *profile.validFrom) return {{}, profile.validFrom};
    if (profile.validTo && at >= *profile.validTo) return {};
    const auto& schedule = profile.chargingSchedule;
    const Run run = current_run(profile, at, use);
    if (at < run.start) return {{}, earlier(run.start, profile.validTo)};
    std::optional<Timestamp> end = earlier(run.end, profile.validTo);
    if (schedule.duration) {
        const Timestamp over = run.start + seconds{*schedule.duration};
        if (at >= over) return {{}, run.end ? end : std::nullopt};
        end = earlier(end, over);
    }
    Allowed allowed{{}, end};
    for (const auto& period : schedule.chargingSchedulePeriod) {
        const Timestamp begins = run.start + seconds{period.startPeriod};
        if (begins > at) {
            allowed.until = earlier(allowed.until, begins);
            break;
        }
        allowed.limit = to_amps(period.limit, schedule.chargingRateUnit, use);
    }
    return allowed;
}

std::optional<std::string> defect(const v16::ChargingProfile& profile,
                                  const ProfileCapacity& capacity) {
    const auto& schedule = profile.chargingSchedule;
    const auto& periods = schedule.chargingSchedulePeriod;
    if (profile.stackLevel < 0 || profile.stackLevel > capacity.stack_level_max) {
        return "stackLevel is above ChargeProfileMaxStackLevel";
    }
    if (periods.empty()) return "no chargingSchedulePeriod";
    if (static_cast<int>(periods.size()) > capacity.periods_max) {
        return "more periods than ChargingScheduleMaxPeriods";
    }
    if (periods.front().startPeriod != 0) return "the first startPeriod is not 0";
    for (std::size_t i = 0; i < periods.size(); ++i) {
        if (periods[i].limit.value < 0) return "a negative limit";
        if (i > 0 && periods[i].startPeriod <= periods[i - 1].startPeriod) {
            return "startPeriod does not grow";
        }
    }
    if (schedule.duration && *schedule.duration <= 0) return "duration is not positive";
    const bool relative = profile.chargingProfileKind == ProfileKind::Relative;
    const bool recurring = profile.chargingProfileKind == ProfileKind::Recurring;
    if (relative == schedule.startSchedule.has_value()) {
        return relative ? "a Relative profile has no startSchedule" : "startSchedule is missing";
    }
    if (recurring != profile.recurrencyKind.has_value()) {
        return recurring ? "recurrencyKind is missing" : "recurrencyKind is for Recurring only";
    }
    if (profile.validFrom && profile.validTo && *profile.validFrom >= *profile.validTo) {
        return "validTo is not after validFrom";
    }
    return std::nullopt;
}

v16::SetChargingProfileStatus ProfileStore::set(int connector, const v16::ChargingProfile& profile,
                                                const ConnectorUse& use, std::string* why) {
    const auto reject = [&](std::string reason) {
        if (why) *why = std::move(reason);
        return v16::SetChargingProfileStatus::Rejected;
    };
    if (auto wrong = defect(profile, capacity_)) return reject(std::move(*wrong));
    const Purpose purpose = profile.chargingProfilePurpose;
    if (purpose == Purpose::ChargePointMaxProfile && connector != 0) {
        return reject("ChargePointMaxProfile is for connector 0 only");
    }
    if (purpose == Purpose::TxProfile) {
        if (connector == 0) return reject("TxProfile is not for connector 0");
        if (!use.transaction_running) return reject("no transaction is running");
        if (profile.transactionId && profile.transactionId != use.transaction_id) {
            return reject("another transaction is running");
        }
    }
    const auto replaced = [&](const Installed& old) {
        return old.profile.chargingProfileId == profile.chargingProfileId ||
               (old.connector == connector && old.profile.chargingProfilePurpose == purpose &&
                old.profile.stackLevel == profile.stackLevel);
    };
    const auto kept = std::count_if(installed_.begin(), installed_.end(),
                                    [&](const Installed& old) { return !replaced(old); });
    if (kept >= capacity_.profiles_max) {
        return reject("MaxChargingProfilesInstalled profiles are installed");
    }
    std::erase_if(installed_, replaced);
    installed_.push_back({connector, profile});
    return v16::SetChargingProfileStatus::Accepted;
}

bool ProfileStore::clear(const v16::ClearChargingProfile::Request& request) {
    const auto matches = [&](const Installed& entry) {
        if (request.id) return entry.profile.chargingProfileId == *request.id;
        return (!request.connectorId || *request.connectorId == entry.connector) &&
               (!request.chargingProfilePurpose ||
                *request.chargingProfilePurpose == entry.profile.chargingProfilePurpose) &&
               (!request.stackLevel || *request.stackLevel == entry.profile.stackLevel);
    };
    return std::erase_if(installed_, matches) > 0;
}

void ProfileStore::transaction_ended(int connector) {
    std::erase_if(installed_, [&](const Installed& entry) {
        return entry.connector == connector &&
               entry.profile.chargingProfilePurpose == Purpose::TxProfile;
    });
}

// The highest level that says something wins alone (3.13.2).
Allowed ProfileStore::highest(Purpose purpose, int connector, Timestamp at,
                              const ConnectorUse& use) const {
    Allowed best;
    int best_level = -1;
    for (const auto& entry : installed_) {
        if (entry.connector != connector || entry.profile.chargingProfilePurpose != purpose) {
            continue;
        }
        const Allowed allowed = evaluate(entry.profile, at, use);
        best.until = earlier(best.until, allowed.until);
        if (allowed.limit && entry.profile.stackLevel > best_level) {
            best.limit = allowed.limit;
            best_level = entry.profile.stackLevel;
        }
    }
    return best;
}

Allowed ProfileStore::connector_limit(int connector, Timestamp at, const ConnectorUse& use) const {
    Allowed result;
    if (use.transaction_running) result = highest(Purpose::TxProfile, connector, at, use);
    if (result.limit) return result;
    // A TxDefaultProfile of the connector stands in for the one of all connectors (3.13.1).
    for (const int owner : {connector, 0}) {
        const Allowed allowed = highest(Purpose::TxDefaultProfile, owner, at, use);
        result.until = earlier(result.until, allowed.until);
        result.limit = allowed.limit;
        if (result.limit) break;
    }
    return result;
}

Allowed ProfileStore::charge_point_limit(Timestamp at) const {
    return highest(Purpose::ChargePointMaxProfile, 0, at, {});
}

Allowed ProfileStore::composite(int connector, Timestamp at, const ConnectorUse& use) const {
    const Allowed whole = highest(Purpose::ChargePointMaxProfile, 0, at, use);
    if (connector == 0) return whole;
    Allowed result = connector_limit(connector, at, use);
    result.until = earlier(result.until, whole.until);
    if (whole.limit && (!result.limit || *whole.limit < *result.limit)) result.limit = whole.limit;
    return result;
}

v16::ChargingSchedule ProfileStore::composite_schedule(int connector, Timestamp from,
                                                       seconds duration, v16::ChargingRateUnit unit,
                                                       const ConnectorUse& use,
                                                       Amps hardware_max) const {
    ConnectorUse planned = use;
    // Without a transaction, a Relative profile is shown as if one began now.
    if (!planned.transaction_started) planned.transaction_started = from;
    v16::ChargingSchedule schedule{.duration = static_cast<std::int32_t>(duration.count()),
                                   .startSchedule = from,
                                   .chargingRateUnit = unit,
                                   .chargingSchedulePeriod = {},
                                   .minChargingRate = {}};
    auto& periods = schedule.chargingSchedulePeriod;
    Timestamp at = from;
    while (at < from + duration) {
        const Allowed allowed = composite(connector, at, planned);
        const Amps amps = std::min(allowed.limit.value_or(hardware_max), hardware_max);
        const Tenths limit = to_tenths(amps, unit, planned);
        const auto offset =
            static_cast<std::int32_t>(std::chrono::duration_cast<seconds>(at - from).count());
        // Two changes within a second: the later one counts.
        if (!periods.empty() && periods.back().startPeriod == offset) periods.pop_back();
        if (periods.empty() || periods.back().limit != limit) {
            periods.push_back({offset, limit, std::nullopt});
        }
        if (!allowed.until || static_cast<int>(periods.size()) == capacity_.periods_max) break;
        at = *allowed.until;
    }
    return schedule;
}

}  // namespace busbar::sim
