// Transactions as they are known again after a restart of the server: from their rows, as if
// nothing had been in between. Pure.
#pragma once

#include <vector>

#include "db/rows.hpp"
#include "site/meter_register.hpp"
#include "site/transaction.hpp"

namespace busbar::site {

// A running one. `registers` are what its charger has sent, the newest first, believed or not.
Transaction restored(db::TransactionStarted start, const std::vector<RegisterPoint>& registers,
                     double power_watts_max, Now now);

// One that has stopped. The end of an estimated one may still be corrected.
Transaction restored(db::TransactionStarted start, db::TransactionStopped stop,
                     double power_watts_max);

// A running one with a tally that was stored because the rows do not tell it.
void take_tally(Transaction& transaction, const EnergyTally& tally);

// Its charger had booted at that time. `status` is its connector's. Whatever was measured before
// the restart shows that the transaction went on, as a status of charging does.
void restore_boot(Transaction& transaction, Timestamp booted_at, const db::ConnectorStatus* status,
                  Now now);

}  // namespace busbar::site
