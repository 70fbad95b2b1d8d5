// The SQL that reads transactions as they count: corrected where somebody has corrected them (view
// transaction_in_force), with what the charger said beside it. Includes libpqxx: for db/*.cpp only.
// Each function runs inside the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/connection.hpp"
#include "db/queries.hpp"

namespace busbar::db {

TransactionPage read_transactions(Transaction& transaction, const TransactionFilter& filter);
// Nothing if there is none.
std::optional<TransactionRow> read_transaction(Transaction& transaction, TransactionKey id);
// Those of the transactions whose ids this SQL selects, the oldest first.
std::vector<TransactionCorrected> select_corrections(Transaction& transaction,
                                                     const std::string& ids);

// A stop that was kept because it fitted nothing, and has become the end of a transaction since, is
// none any more.
OrphanStopPage read_orphan_stops(Transaction& transaction, const OrphanStopFilter& filter);
// See SiteSnapshot.
std::vector<OrphanStop> select_orphan_stops(Transaction& transaction);

}  // namespace busbar::db
