#include "site/operator_profiles.hpp"

#include <algorithm>
#include <limits>

#include "dlm/explain.hpp"
#include "site/charging_profiles.hpp"

namespace busbar::site {
namespace {

using Purpose = v16::ChargingProfilePurpose;
using Kind = v16::ChargingProfileKind;
using Objection = std::optional<CommandFailure>;

// More than any charger gives: a slip of the operator.
constexpr std::int32_t operator_amps_max = 1000;
constexpr std::int32_t operator_watts_max = 1'000'000;

// A profile on its way to a connector (0: all of them); pointers into it begin with `at`.
struct Candidate {
    const ChargePoint& charger;
    const v16::ChargingProfile& profile;
    std::int32_t connector_id = 0;
    std::string_view at;
};

CommandFailure wrong(std::string pointer, std::string detail) {
    return {CommandFailure::Kind::invalid_payload,
            "",
            {{Defect::bad_value, std::move(pointer), std::move(detail)}},
            {}};
}

CommandFailure wrong(const Candidate& candidate, std::string_view member, std::string detail) {
    return wrong(std::string{candidate.at}.append(member), std::move(detail));
}

CommandFailure not_now(std::string detail) {
    return {CommandFailure::Kind::not_allowed_now, std::move(detail), {}, {}};
}

Objection number_objection(const Candidate& candidate) {
    if (!is_own_profile_id(candidate.profile.chargingProfileId, candidate.charger.quirks)) {
        return std::nullopt;
    }
    if (candidate.charger.quirks.charging_profile_id_max < own_profile_id_max) {
        return wrong(candidate, "/chargingProfileId",
                     "up to " + std::to_string(own_small_profile_id_max) +
                         " belong to load management at this charge point: choose another");
    }
    return wrong(candidate, "/chargingProfileId",
                 "1000 to 3999 belong to load management: choose another");
}

// 7.13, errata 3.45.
Objection periods_objection(const Candidate& candidate) {
    const auto& periods = candidate.profile.chargingSchedule.chargingSchedulePeriod;
    for (std::size_t i = 0; i < periods.size(); ++i) {
        const auto place = "/chargingSchedule/chargingSchedulePeriod/" + std::to_string(i);
        if (i == 0 && periods[i].startPeriod != 0) {
            return wrong(candidate, place + "/startPeriod", "must be 0 in the first period");
        }
        if (i > 0 && periods[i].startPeriod <= periods[i - 1].startPeriod) {
            return wrong(candidate, place + "/startPeriod",
                         "must be later than that of the period before");
        }
        if (periods[i].limit.value < 0) {
            return wrong(candidate, place + "/limit", "must be 0 or more");
        }
        const bool is_current =
            candidate.profile.chargingSchedule.chargingRateUnit == v16::ChargingRateUnit::A;
        if (periods[i].limit.value > (is_current ? operator_amps_max : operator_watts_max) * 10) {
            return wrong(candidate, place + "/limit",
                         is_current ? "must be 1000 A or less" : "must be 1000000 W or less");
        }
    }
    return std::nullopt;
}

// 7.8, 7.9, errata 3.56.
Objection form_objection(const Candidate& candidate) {
    const auto& profile = candidate.profile;
    const auto& schedule = profile.chargingSchedule;
    if (profile.stackLevel < 0) return wrong(candidate, "/stackLevel", "must be 0 or more");
    const bool recurs = profile.chargingProfileKind == Kind::Recurring;
    if (recurs && !profile.recurrencyKind) {
        return wrong(candidate, "/recurrencyKind", "is needed with Recurring");
    }
    if (!recurs && profile.recurrencyKind) {
        return wrong(candidate, "/recurrencyKind", "is for Recurring only");
    }
    const bool is_relative = profile.chargingProfileKind == Kind::Relative;
    if (is_relative && schedule.startSchedule) {
        return wrong(candidate, "/chargingSchedule/startSchedule",
                     "must be left out: a Relative schedule begins with its transaction");
    }
    if (!is_relative && !schedule.startSchedule) {
        return wrong(candidate, "/chargingSchedule/startSchedule",
                     "is needed with Absolute and Recurring");
    }
    if (profile.validFrom && profile.validTo && *profile.validTo <= *profile.validFrom) {
        return wrong(candidate, "/validTo", "must be later than validFrom");
    }
    if (schedule.duration && *schedule.duration <= 0) {
        return wrong(candidate, "/chargingSchedule/duration", "must be more than 0");
    }
    return periods_objection(candidate);
}

// 3.13.1.
Objection place_objection(const Candidate& candidate) {
    const auto& profile = candidate.profile;
    const auto purpose = profile.chargingProfilePurpose;
    if (purpose == Purpose::ChargePointMaxProfile && candidate.connector_id != 0) {
        return wrong("/connectorId", "must be 0: a ChargePointMaxProfile is for the whole");
    }
    if (purpose == Purpose::TxProfile && candidate.connector_id < 1) {
        return wrong("/connectorId", "must be 1 or more: a TxProfile is for one transaction");
    }
    if (candidate.connector_id < 0) return wrong("/connectorId", "must be 0 or more");
    if (purpose != Purpose::TxProfile && profile.transactionId) {
        return wrong(candidate, "/transactionId", "is for TxProfiles only");
    }
    return std::nullopt;
}

Objection transaction_objection(const Candidate& candidate) {
    const auto& profile = candidate.profile;
    if (profile.chargingProfilePurpose != Purpose::TxProfile) return std::nullopt;
    const auto& open = candidate.charger.open;
    const auto running = std::find_if(open.begin(), open.end(), [&](const auto& transaction) {
        return transaction.start.connector_id == candidate.connector_id;
    });
    if (running == open.end()) {
        return not_now("a TxProfile needs a running transaction, and there is none on connector " +
                       std::to_string(candidate.connector_id));
    }
    if (profile.transactionId && *profile.transactionId != running->start.transaction_id) {
        return wrong(candidate, "/transactionId",
                     "must be " + std::to_string(running->start.transaction_id) +
                         ", the transaction that runs on this connector");
    }
    return std::nullopt;
}

// The connectors that a profile reaches.
template <class Each>
void for_reached(const Candidate& candidate, Each each) {
    for (const auto& [number, connector] : candidate.charger.connectors) {
        if (number == 0) continue;
        if (candidate.connector_id == 0 || candidate.connector_id == number) {
            each(number, connector);
        }
    }
}

// The purpose that carries load management's limits as long as nothing else is known (see
// limit_shapes).
Purpose usual_carrier(const Quirks& quirks) {
    const auto& works = quirks.profile_purposes;
    for (const auto purpose :
         {Purpose::TxProfile, Purpose::TxDefaultProfile, Purpose::ChargePointMaxProfile}) {
        if (std::find(works.begin(), works.end(), purpose) != works.end()) return purpose;
    }
    return Purpose::TxProfile;
}

// Load management's own limits must stay the ones that count. Where it has not come down to
// ChargePointMaxProfiles yet, it will not if an operator's stands above (see limit_shapes).
Objection stack_objection(const Candidate& candidate) {
    const auto purpose = candidate.profile.chargingProfilePurpose;
    const auto level = candidate.profile.stackLevel;
    auto levels = stack_levels(profile_abilities(candidate.charger));
    auto carrier = usual_carrier(candidate.charger.quirks);
    for_reached(candidate, [&](std::int32_t, const Connector& connector) {
        const auto& limits = connector.limits;
        // What it has now is what counts, even if it can do better, and what is on its way.
        for (const auto& shape : {limits.sent, limits.taken}) {
            if (!shape) continue;
            if (shape->purpose != Purpose::TxProfile) carrier = shape->purpose;
            if (shape->purpose == Purpose::TxProfile)
                levels.tx = std::min(levels.tx, shape->stack_level);
        }
    });
    const bool outranks = carrier == Purpose::TxDefaultProfile && purpose == Purpose::TxProfile;
    if (outranks || (carrier != Purpose::TxProfile && purpose == carrier)) {
        return wrong(candidate, "/chargingProfilePurpose",
                     "this charge point takes load management's limits as " +
                         enumerator_name(carrier) + ", and this profile would stand above it");
    }
    if (purpose == Purpose::TxDefaultProfile && level == levels.tx_default) {
        return wrong(candidate, "/stackLevel",
                     std::to_string(levels.tx_default) +
                         " is where load management's own TxDefaultProfile stands: choose "
                         "another");
    }
    if (purpose == Purpose::TxProfile && carrier == Purpose::TxProfile && level >= levels.tx) {
        if (levels.tx == 0 && !candidate.charger.configuration.read_at) {
            return not_now(
                "the stack levels of this charge point are not known yet: its "
                "configuration has not been read");
        }
        return wrong(candidate, "/stackLevel",
                     levels.tx == 0 ? "this charge point is known to have one stack level only, "
                                      "and load management needs it for TxProfiles"
                                    : "must be below " + std::to_string(levels.tx) +
                                          ", where load management's own TxProfile stands");
    }
    return std::nullopt;
}

Objection current_objection(const Site& site, const Candidate& candidate) {
    std::optional<Amps> safe;
    bool all_known = true;
    for_reached(candidate, [&](std::int32_t number, const Connector& connector) {
        all_known = all_known && (connector.safe_profile_sent || connector.safe_profile_accepted ||
                                  connector.safe_profile_refused);
        const Amps one = site.engine.safe(evse_id(candidate.charger.settings.id, number));
        safe = std::min(safe.value_or(one), one);
    });
    if (!safe || !all_known) {
        return not_now(candidate.connector_id > 0
                           ? "the safe current of this connector is not known yet: it must have "
                             "reported its status and been set up first"
                           : "the safe currents of its connectors are not known yet: they must "
                             "have reported their status and been set up first");
    }
    const Amps highest = highest_limit(candidate.profile.chargingSchedule);
    if (highest <= *safe) return std::nullopt;
    return wrong(candidate, "/chargingSchedule",
                 "allows " + dlm::to_text(highest) +
                     " on one phase; this connector's safe current is " + dlm::to_text(*safe) +
                     ": what exceeds it could trip a breaker");
}

Objection limits_objection(const Site& site, const Candidate& candidate) {
    if (auto refusal = stack_objection(candidate)) return refusal;
    // It can only lower.
    if (candidate.profile.chargingProfilePurpose == Purpose::ChargePointMaxProfile) {
        return std::nullopt;
    }
    return current_objection(site, candidate);
}

}  // namespace

Amps highest_limit(const v16::ChargingSchedule& schedule) {
    Amps highest;
    for (const auto& period : schedule.chargingSchedulePeriod) {
        highest = std::max(highest, most_on_one_phase(period.limit, schedule.chargingRateUnit));
    }
    return highest;
}

std::optional<CommandFailure> profile_objection(const Site& site, const ChargePoint& charger,
                                                const v16::SetChargingProfile::Request& request) {
    const Candidate candidate{charger, request.csChargingProfiles, request.connectorId,
                              "/csChargingProfiles"};
    if (auto refusal = number_objection(candidate)) return refusal;
    if (auto refusal = place_objection(candidate)) return refusal;
    if (auto refusal = form_objection(candidate)) return refusal;
    if (auto refusal = transaction_objection(candidate)) return refusal;
    return limits_objection(site, candidate);
}

std::optional<CommandFailure> remote_start_profile_objection(
    const Site& site, const ChargePoint& charger,
    const v16::RemoteStartTransaction::Request& request) {
    if (!request.chargingProfile) return std::nullopt;
    const Candidate candidate{charger, *request.chargingProfile, request.connectorId.value_or(0),
                              "/chargingProfile"};
    if (candidate.profile.chargingProfilePurpose != Purpose::TxProfile) {
        return wrong(candidate, "/chargingProfilePurpose", "must be TxProfile in a remote start");
    }
    if (candidate.profile.transactionId) {
        return wrong(candidate, "/transactionId",
                     "must be left out: the transaction has no number yet");
    }
    if (auto refusal = number_objection(candidate)) return refusal;
    if (auto refusal = form_objection(candidate)) return refusal;
    return limits_objection(site, candidate);
}

std::optional<CommandFailure> clearing_objection(
    const ChargePoint& charger, const v16::ClearChargingProfile::Request& request) {
    if (!request.id || !is_own_profile_id(*request.id, charger.quirks)) return std::nullopt;
    return wrong("/id", "this number belongs to load management");
}

OwnProfiles own_profiles(const ChargePoint& charger, std::int32_t connector_id,
                         const Connector& connector) {
    const auto level = stack_levels(profile_abilities(charger)).tx_default;
    OwnProfiles own{{profile_connector(Purpose::TxDefaultProfile, connector_id, charger.quirks),
                     Purpose::TxDefaultProfile, level},
                    {}};
    const auto& limits = connector.limits;
    const auto shape = limits.taken ? limits.taken : limits.sent;
    if (!shape) return own;
    own.limit = OwnProfile{profile_connector(shape->purpose, connector_id, charger.quirks),
                           shape->purpose, shape->stack_level};
    return own;
}

bool may_clear(const v16::ClearChargingProfile::Request& request, const OwnProfile& own,
               const Quirks& quirks) {
    if (request.id) return is_own_profile_id(*request.id, quirks);
    const auto& connector = request.connectorId;
    const auto& purpose = request.chargingProfilePurpose;
    // Connector 0 means the whole to some, and anything to others.
    return (!connector || *connector == 0 || own.connector_id == 0 ||
            *connector == own.connector_id) &&
           (!purpose || *purpose == own.purpose) &&
           (!request.stackLevel || *request.stackLevel == own.stack_level);
}

}  // namespace busbar::site
