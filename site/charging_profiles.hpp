// The OCPP form of a limit (load-management.md 7.1): profiles with fixed ids per connector, so that
// each replaces its predecessor. Pure.
#pragma once

#include "base/units.hpp"
#include "ocpp/v16/smart_charging.hpp"

namespace busbar::site {

// What a running transaction may draw: `limit` for `lease`, then `safe` for the rest of it.
struct LeasedLimit {
    std::int32_t connector_id = 0;
    std::int32_t transaction_id = 0;
    Amps limit;
    Amps safe;
    std::chrono::seconds lease{0};
};

// TxProfile 3000+k: Absolute, two periods, beginning a little in the past because a schedule that
// starts in the future leaves a gap without any limit (3.13.2). The lease counts from `now`.
ocpp::v16::SetChargingProfile::Request leased_profile(const LeasedLimit& limit, Timestamp now);

// TxDefaultProfile 2000+k: the safe current, without end.
ocpp::v16::SetChargingProfile::Request safe_profile(std::int32_t connector_id, Amps safe);

// Amperes as the wire has them: one decimal, never more than given.
Tenths rounded_down(Amps amps);

}  // namespace busbar::site
