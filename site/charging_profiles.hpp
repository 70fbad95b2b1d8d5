// The OCPP form of a limit (load-management.md 7.1): profiles with fixed ids per connector, so that
// each replaces its predecessor, in the shape that a charger takes. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/units.hpp"
#include "ocpp/v16/smart_charging.hpp"
#include "site/quirk_settings.hpp"

namespace busbar::site {

struct ChargePoint;

// The lowest voltage that a limit in watts is converted with: with more of it, the same power means
// less current, so that no phase ever carries more than was meant (load management must not count
// on a voltage that a weak mains does not have).
inline constexpr std::int64_t lowest_volts = 207;

// Numbers of load management's own profiles; operators use others.
inline constexpr std::int32_t own_profile_id_min = 1000;
inline constexpr std::int32_t own_profile_id_max = 3999;
// Where a charger knows small numbers only, load management takes those up to this one.
inline constexpr std::int32_t own_small_profile_id_max = 100;

// Which of the forms that OCPP knows a limit has.
struct ProfileShape {
    ocpp::v16::ChargingProfilePurpose purpose = ocpp::v16::ChargingProfilePurpose::TxProfile;
    ProfileKind kind = ProfileKind::Absolute;
    ocpp::v16::ChargingRateUnit unit = ocpp::v16::ChargingRateUnit::A;
    std::int32_t stack_level = 0;
    bool has_duration = false;  // ends by its duration and not in a second period
    friend bool operator==(const ProfileShape&, const ProfileShape&) = default;
};

// What a charger's quirks and configuration keys say about profiles.
struct ProfileAbilities {
    const Quirks& quirks;
    std::optional<std::int64_t> stack_level_max;  // ChargeProfileMaxStackLevel
    std::string_view rate_units;                  // ChargingScheduleAllowedChargingRateUnit, or ""
    int connectors = 1;
    // One period is all it takes, and after `duration` it is sure to fall to the safe current.
    bool needs_duration = false;
    // The highest stack level on which an operator's ChargePointMaxProfile may stand.
    std::optional<std::int32_t> whole_level_taken;
    // The same of their TxDefaultProfiles, whatever the connector.
    std::optional<std::int32_t> default_level_taken;
    // Nobody can tell what an Absolute schedule means to it, see is_clock_unsure.
    bool clock_is_unsure = false;
};
ProfileAbilities profile_abilities(const ChargePoint& charger);

// True for a clock that is ahead, so that a lease would be over before its time, and for one that
// may be in another zone: its charger takes our times as they are or puts them into its zone.
bool is_clock_unsure(const ChargePoint& charger);

// Where load management's profiles stand in the stacks of their purposes (3.13.2): its
// TxDefaultProfile at the bottom, its TxProfile at the top, above all that operators send.
struct StackLevels {
    std::int32_t tx_default = 0;
    std::int32_t tx = 0;
};
StackLevels stack_levels(const ProfileAbilities& abilities);

// The shapes to try for the limit of a transaction, best first: as the charger says it wants it,
// then at level 0, in the other unit, Relative, and for other purposes.
std::vector<ProfileShape> limit_shapes(const ProfileAbilities& abilities);
// The same for the safe profile: Relative first, because that needs no clock.
std::vector<ProfileShape> safe_shapes(const ProfileAbilities& abilities);
// The first one that is not among `refused`; nothing if all are.
std::optional<ProfileShape> next_shape(const std::vector<ProfileShape>& shapes,
                                       const std::vector<ProfileShape>& refused);

// What a running transaction may draw: `limit` for `lease`, then `safe` for the rest of it.
struct LeasedLimit {
    std::int32_t connector_id = 0;
    std::int32_t transaction_id = 0;
    Amps limit;
    Amps safe;
    std::chrono::seconds lease{0};
    std::chrono::seconds running{0};  // since the transaction began, for Relative profiles
    int phases = 1;  // that the car is known to use; 1 if it may be fewer than are wired
    int wired = 3;
};

// Two periods. An Absolute one begins a little in the past because a schedule that starts in the
// future leaves a gap without any limit (3.13.2). The lease counts from `now`, which is what the
// charger's clock shows, if that is behind ours (see clock_lag).
ocpp::v16::SetChargingProfile::Request leased_profile(const LeasedLimit& limit,
                                                      const ProfileShape& shape,
                                                      const Quirks& quirks, Timestamp now);

// TxDefaultProfile: the safe current, without end. `wired`: phases of the charger. An Absolute one
// begins so long ago that it has begun by any clock.
ocpp::v16::SetChargingProfile::Request safe_profile(std::int32_t connector_id, Amps safe, int wired,
                                                    const ProfileShape& shape, const Quirks& quirks,
                                                    Timestamp now);

// Whether the numbers that this charger knows are enough for the profiles of this connector.
bool has_own_profile_ids(std::int32_t connector_id, const Quirks& quirks);
// The id of load management's profile for this purpose and connector: of each its own.
// Precondition: has_own_profile_ids, except for ChargePointMaxProfile, and for connector 0.
std::int32_t own_profile_id(ocpp::v16::ChargingProfilePurpose purpose, std::int32_t connector_id,
                            const Quirks& quirks);
bool is_own_profile_id(std::int32_t id, const Quirks& quirks);
// The connector that load management's profile of this purpose names for that connector: 0 where it
// stands for the whole.
std::int32_t profile_connector(ocpp::v16::ChargingProfilePurpose purpose, std::int32_t connector_id,
                               const Quirks& quirks);

// A limit as the wire has it, never more than given: rounded down to what the charger knows. In W
// it is what `phases` phases make of it at the nominal voltage; a car on fewer phases than that may
// draw all of it on one (7.12, errata 3.34).
Tenths wire_limit(Amps amps, ocpp::v16::ChargingRateUnit unit, int phases, const Quirks& quirks);

// The other way: the most that one phase may carry under this limit, whatever the car.
Amps most_on_one_phase(Tenths limit, ocpp::v16::ChargingRateUnit unit);

// Amperes as the wire has them: one decimal, never more than given.
Tenths rounded_down(Amps amps);

// The request as JSON; whole limits without a decimal where the charger wants it so.
std::string profile_text(const ocpp::v16::SetChargingProfile::Request& request,
                         const Quirks& quirks);

}  // namespace busbar::site
