// Meter values and states that do not come by themselves are asked for with TriggerMessage: those
// of chargers that are known to wait for it, and of others once they are overdue during a
// transaction. Never more often than the charger's quirks allow. Site loop.
#pragma once

#include "site/site.hpp"

namespace busbar::site {

// Time has passed: asks for what is overdue, if it is time to. Nothing happens to a charger that is
// not connected, still being set up, or has refused to be asked since its last boot or connection.
void ask_for_what_is_overdue(Site& site, ChargePoint& charger, Now now);

// The states of all its connectors, where it may be asked for them (quirk triggerMessages).
void ask_for_states(Site& site, ChargePoint& charger);

// How long values of a running transaction may stay away before they count as overdue.
std::chrono::seconds patience_for_values(const Site& site, const ChargePoint& charger);

}  // namespace busbar::site
