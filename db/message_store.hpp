// The SQL of the message log: writing, retention and search. Includes libpqxx: for db/*.cpp only.
// Each function runs inside the caller's transaction.
#pragma once

#include <cstdint>
#include <span>

#include "db/connection.hpp"
#include "db/message_row.hpp"

namespace busbar::db {

// A row on its way, under the id that it keeps however often it is written.
struct NumberedMessage {
    std::int64_t id = 0;
    MessageRow row;
};

// What a row occupies in the table and its indexes, in bytes: measured, and rather too much.
std::int64_t stored_bytes(const MessageView& row);
std::int64_t stored_bytes(const MessageRow& row);

// Registers the statement that writes.
void prepare_message_log(Connection& connection);
void write_messages(Transaction& transaction, std::span<const NumberedMessage> messages);

std::int64_t last_message_id(Transaction& transaction);

// The sum of stored_bytes over at most `rows_max` rows behind the id `after`, up to `until`.
struct MeasuredMessages {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
    std::int64_t last_id = 0;
};
MeasuredMessages measure_messages(Transaction& transaction, std::int64_t after, std::int64_t until,
                                  int rows_max);

// Deletes at most `rows_max` rows: those before a time, or the oldest until `bytes` are gone.
struct DeletedMessages {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
};
DeletedMessages delete_messages_before(Transaction& transaction, Timestamp before, int rows_max);
DeletedMessages delete_oldest_messages(Transaction& transaction, std::int64_t bytes, int rows_max);

// Searches newest first, in chunks, for about a second at most.
MessagePage read_messages(Transaction& transaction, const MessageFilter& filter);

}  // namespace busbar::db
