// The SQL that reads transactions as they count: corrected where somebody has corrected them (view
// transaction_in_force), with what the charger said beside it. Includes libpqxx: for db/*.cpp only.
// Each function runs inside the caller's transaction.
#pragma once

#include <optional>

#include "db/connection.hpp"
#include "db/queries.hpp"

namespace busbar::db {

TransactionPage read_transactions(Transaction& transaction, const TransactionFilter& filter);
// Nothing if there is none.
std::optional<TransactionRow> read_transaction(Transaction& transaction, TransactionKey id);

}  // namespace busbar::db
