// The SQL that writes rows: one statement a kind of row and batch. Idempotent: writing a batch
// again changes nothing. Includes libpqxx: for db/*.cpp only.
#pragma once

#include <cstdint>
#include <span>

#include "db/batch.hpp"
#include "db/connection.hpp"

namespace busbar::db {

// Registers the statements below.
void prepare_writes(Connection& connection);

// Writes the units, in effect one after the other, inside the caller's transaction.
void write(Transaction& transaction, std::span<const Unit> units);

// Moves the journal from `from` behind these units, and notes the highest transaction id among them
// as used, whatever becomes of its row; false if the journal does not stand at `from`.
bool move_position(Transaction& transaction, std::uint64_t from, std::span<const Unit> units);

// Keeps records that cannot be stored where they belong.
void quarantine(Transaction& transaction, std::uint64_t sequence, std::string_view records,
                std::string_view error);

}  // namespace busbar::db
