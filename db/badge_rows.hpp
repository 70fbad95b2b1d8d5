// The SQL that writes badges, their groups, corrections of transactions and the audit log: part of
// db/repository. Includes libpqxx: for db/*.cpp only.
#pragma once

#include "db/batch.hpp"
#include "db/connection.hpp"

namespace busbar::db {

// Registers the statements of write_badges.
void prepare_badge_writes(Connection& connection);

// Writes these rows of the batch; its transactions must have been written before.
void write_badges(Transaction& transaction, const Batch& batch);

}  // namespace busbar::db
