// Rows of the message log in one piece of memory: adding one copies its texts behind those of the
// row before, and forgetting all of them touches none. Plain data, no locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "db/message_row.hpp"

namespace busbar::db {

class MessageBatch {
public:
    void add(const MessageView& row);
    // Forgets the rows and keeps the memory for the next.
    void clear();

    std::size_t size() const { return entries_.size(); }
    // What the rows will occupy in the database (db/message_store.hpp).
    std::size_t stored_bytes() const { return stored_bytes_; }

    // Copies of the rows, in order.
    std::vector<MessageRow> rows() const;

private:
    // Charge point, direction, type, action, message id, payload, violation.
    static constexpr std::size_t texts = 7;
    struct Entry {
        Timestamp at;
        std::array<std::uint32_t, texts> lengths{};
        std::optional<std::int32_t> latency_ms;
        bool has_violation = false;
    };

    std::vector<Entry> entries_;
    std::string text_;
    std::size_t stored_bytes_ = 0;
};

}  // namespace busbar::db
