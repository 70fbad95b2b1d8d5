// What load management must know of the site before it decides. Site loop.
#pragma once

#include "dlm/engine.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The newest meter sample, every connector of accepted charge points and every one with a running
// transaction, at site.now. Forgets connectors that transactions have made up and that load
// management has no current booked for any more: references to connectors do not outlive this.
dlm::Inputs gather_inputs(Site& site);

// A connector that a transaction or a value has named and that its charger does not have, as far as
// it has told: a real one reports its status. It is given no safe profile.
bool is_made_up(const ChargePoint& charger, std::int32_t connector_id, const Connector& connector);

}  // namespace busbar::site
