// Charging profiles that an operator sends by hand, beside those of load management. A profile
// replaces another of its purpose and stack level, and a higher level hides a lower one (OCPP 1.6,
// 3.13.2), so only those are let through that cannot raise what a connector may draw above what is
// booked for it. What the specification rules out never reaches a charger. Site loop.
#pragma once

#include <optional>
#include <string_view>

#include "ocpp/v16/smart_charging.hpp"
#include "site/commands.hpp"
#include "site/site.hpp"

namespace busbar::site {

// What is wrong with a SetChargingProfile. A ChargePointMaxProfile can only lower. A
// TxDefaultProfile must not exceed the safe current and not stand on load management's stack level;
// a TxProfile must stand below it, so that load management's own keeps the upper hand.
std::optional<CommandFailure> profile_objection(const Site& site, const ChargePoint& charger,
                                                const v16::SetChargingProfile::Request& request);

// What is wrong with the profile of a RemoteStartTransaction (5.16.2): the rules of a TxProfile,
// for a transaction that has no number yet.
std::optional<CommandFailure> remote_start_profile_objection(
    const Site& site, const ChargePoint& charger,
    const v16::RemoteStartTransaction::Request& request);

// What is wrong with clearing profiles by these criteria: those of load management are its own.
std::optional<CommandFailure> clearing_objection(const ChargePoint& charger,
                                                 const v16::ClearChargingProfile::Request& request);

// A profile of load management as its charger has it.
struct OwnProfile {
    std::int32_t connector_id = 0;  // 0: stands for the whole charge point
    v16::ChargingProfilePurpose purpose{};
    std::int32_t stack_level = 0;
};
struct OwnProfiles {
    OwnProfile safe;
    std::optional<OwnProfile> limit;  // of the running transaction
};
OwnProfiles own_profiles(const ChargePoint& charger, std::int32_t connector_id,
                         const Connector& connector);

// True if clearing by these criteria may take this profile of load management with it.
bool may_clear(const v16::ClearChargingProfile::Request& request, const OwnProfile& own,
               const Quirks& quirks);

// An operator's profile is about to be sent: what it allows is booked, and load management makes
// room for it at once, because a TxDefaultProfile of an operator hides load management's own.
// Without an answer it stays booked, beside what it may have replaced.
void operator_profile_sent(Site& site, ChargePoint& charger,
                           const v16::SetChargingProfile::Request& request);
// The charger has accepted it: what it has replaced is gone.
void operator_profile_taken(Site& site, ChargePoint& charger,
                            const v16::SetChargingProfile::Request& request);
// It was refused or never sent: its booking is undone.
void operator_profile_refused(Site& site, ChargePoint& charger,
                              const v16::SetChargingProfile::Request& request);
// It has no answer: it may have come, and stays booked.
void operator_profile_unanswered(ChargePoint& charger,
                                 const v16::SetChargingProfile::Request& request);
// The charger has accepted this clearing. Criteria that may have missed a profile leave it booked,
// and so does a model that is known to clear nothing (quirk clearProfiles). What stands in the
// queue behind the clearing comes after it.
void operator_profiles_cleared(Site& site, ChargePoint& charger,
                               const v16::ClearChargingProfile::Request& request);
// The most that operators' profiles allow this connector, whether it has been seen or not.
Amps held_by_operators(const ChargePoint& charger, std::int32_t connector_id);

// Takes over what was booked before a restart (kind "operator_profiles"); other rows are left
// alone.
void restore_operator_profiles(Site& site, const db::StateSaved& row);

// The highest current a phase may carry under this schedule; watts are counted as if one phase took
// them all, the worst that a car can make of them (7.12, errata 3.34).
Amps highest_limit(const v16::ChargingSchedule& schedule);

}  // namespace busbar::site
