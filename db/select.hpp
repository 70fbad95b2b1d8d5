// SELECTs that more than one part of db needs, and rows to structs. Includes libpqxx: for db/*.cpp
// only. Each function runs inside the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "db/connection.hpp"
#include "db/queries.hpp"

namespace busbar::db {

std::vector<BadgeSaved> select_badges(Transaction& transaction,
                                      const std::optional<std::string>& id_tag = std::nullopt);
std::vector<BadgeGroupSaved> select_badge_groups(Transaction& transaction);
std::vector<ChargePointSaved> select_charge_points(Transaction& transaction);
// By id; with the revoked ones if asked for.
std::vector<Token> select_tokens(Transaction& transaction, bool revoked);
std::uint64_t select_journal_sequence(Transaction& transaction);

// The columns of table `transaction` under the alias t, as start_of and stop_of read them.
std::string transaction_columns();
TransactionStarted start_of(const pqxx::row& row);
// Nothing while the transaction runs.
std::optional<TransactionStopped> stop_of(const pqxx::row& row);

}  // namespace busbar::db
