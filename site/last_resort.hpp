// What load management does where limits do not help: it asks for transactions to end. Site loop.
#pragma once

#include <string_view>

#include "site/site.hpp"

namespace busbar::site {

// Sends RemoteStopTransaction, unless it was sent a moment ago. Counted among the deviations of the
// charger, with `why`, and logged. False if nothing was sent.
bool ask_to_stop(Site& site, ChargePoint& charger, const Transaction& transaction,
                 std::string_view why, Now now);

// After a step: ends the newest of the transactions whose chargers refuse limits, one after the
// other, while a phase stays overloaded although limits have had their time.
void relieve_overload(Site& site, Now now);

}  // namespace busbar::site
