// A transaction as it is kept in memory: while it runs, and for a while after its end, so that
// repeats of its messages are known. Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "db/journal.hpp"
#include "db/rows.hpp"
#include "site/transaction_energy.hpp"

namespace busbar::site {

inline constexpr std::size_t open_transactions_max = 100;  // of one charge point

// A transaction, from StartTransaction until it leaves memory.
struct Transaction {
    db::TransactionStarted start;
    db::Journal::Ticket recorded = 0;  // the unit that holds its newest row
    std::int32_t register_wh = 0;      // last reading of the charger's energy register
    Timestamp register_at;             // and when it was taken
    Instant charging_since{};          // start, or load after a restart
    std::optional<db::TransactionStopped> stop;
    EnergyTally energy;  // what its meter values say
    // Its connector says Available, and nothing has spoken against it since.
    std::optional<Instant> available_since;
    std::optional<Instant> booted_at;  // its charger has, and nothing of it has come since
};

// False for a transaction whose badge was refused: its charger may run it all the same, and ends
// it.
bool is_authorized(const Transaction& transaction);

}  // namespace busbar::site
