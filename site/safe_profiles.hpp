// The safe TxDefaultProfile of every connector: installed when a charger has connected or booted
// and whenever the safe plan changes, lowerings before raises, and remembered over restarts
// (load-management.md 7.1, 7.4). Site loop.
#pragma once

#include "ocpp/v16/smart_charging.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The charger booted: what it was told may be gone. It is left alone for the grace, except for
// lowerings; then it is set up, and load management sends its limits again.
void begin_set_up(Site& site, ChargePoint& charger, std::chrono::seconds grace, Now now);

// The same for a charger that connected, and may be about to boot.
void await_boot(Site& site, ChargePoint& charger, Now now);

// Installs the safe profile on every connector of a charger that lacks it, and asks for the state
// of connectors that are unknown.
void set_up(Site& site, ChargePoint& charger, Now now);

// Safe currents are one plan for the whole site, so that a new connector may change those of all
// others: has the chargers set up that were sent another one than they are to have now.
void renew_safe_profiles(Site& site, Now now);

// An operator has cleared profiles by these criteria, or may have: those of ours that fit them
// count as gone, and are sent again at once.
void profiles_cleared(Site& site, ChargePoint& charger,
                      const v16::ClearChargingProfile::Request& request, Now now);

// What the charger was told of its safe current is not there any more: it counts as able to give
// all it can until it has accepted it again.
void safe_current_gone(Site& site, const ChargePoint& charger, std::int32_t connector_id,
                       Connector& connector);

// Stores the most that the connector may hold of safe currents, however it was told.
db::Journal::Ticket record_safe_current(Site& site, Connector& connector, const std::string& evse,
                                        Amps most);
// The same of what the engine knows, once a lower value is certain; left out while the journal is
// full.
void record_safe_held(Site& site, Connector& connector, const std::string& evse);

// False if a reboot may have taken the safe profile with it (quirk keepsProfilesOverReboot), and it
// has not been accepted again.
bool holds_safe_profile(const Site& site, const ChargePoint& charger, const Connector& connector);

// The StateSaved kind that restore_safe_current() takes.
inline constexpr std::string_view safe_current_kind = "safe_current";

// At start: what a connector may hold. Rows of unknown charge points, and such as we would not
// write, are ignored.
void restore_safe_current(Site& site, const db::StateSaved& row);

// Takes the charger's rows out of the database; the caller forgets the charger.
void forget_safe_currents(Site& site, const ChargePoint& charger);

}  // namespace busbar::site
