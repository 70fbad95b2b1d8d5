// The message log: every frame to and from the chargers, written to PostgreSQL in batches by a
// thread of its own. It never makes anybody wait: when PostgreSQL is away or too slow, or when
// there is more than a batch every batch_wait (5,000 rows a second), the oldest rows are dropped
// and counted: a flood of frames must not take the database from the journal. What is too old or
// too much is deleted by the same thread, a little at a time.
//
// add belongs to the site loop; the rest may be called from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "db/message_row.hpp"

namespace busbar::db {

class MessageLog {
public:
    struct Options {
        std::string url;
        std::chrono::hours age_max{30 * 24};               // older rows are deleted
        std::int64_t size_max = std::int64_t{1024} << 20;  // bytes of the table and its indexes
        std::size_t waiting_rows_max = 20'000;             // not yet written
        std::size_t waiting_bytes_max = std::size_t{32} << 20;
        std::chrono::milliseconds batch_wait{200};  // how long a batch gathers, if not longer
        std::chrono::milliseconds retention_interval{60'000};
        std::chrono::milliseconds call_timeout{2000};   // of each call to PostgreSQL
        std::chrono::milliseconds reconnect_wait{100};  // doubled up to reconnect_wait_max
        std::chrono::milliseconds reconnect_wait_max{5000};
    };

    // A longer payload is cut, and says so.
    static constexpr std::size_t payload_bytes_max = std::size_t{64} << 10;

    // Connects on its own thread and keeps trying.
    explicit MessageLog(Options options);
    // Writes what waits, if the database takes it at once, and ends the thread.
    ~MessageLog();
    MessageLog(const MessageLog&) = delete;
    MessageLog& operator=(const MessageLog&) = delete;

    // Queues a copy of the row; secrets in it are hidden before it is written.
    void add(const MessageView& row);
    // Counts a row that is left out.
    void leave_out();

    // Rows since the start that were never written.
    std::uint64_t dropped() const;
    // Rows since the start that were.
    std::uint64_t written() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace busbar::db
