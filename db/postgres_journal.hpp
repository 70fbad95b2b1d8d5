// The journal on PostgreSQL: one thread, one connection, group commit. While a batch commits the
// next one gathers. While PostgreSQL is away the thread writes to the spill, which counts as
// durable, and drains it, in order and exactly once, before it writes to PostgreSQL again.
//
// append, when_durable and full belong to the site loop; the rest may be called from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "db/error.hpp"
#include "db/journal.hpp"

namespace busbar::db {

class PostgresJournal final : public Journal {
public:
    enum class State {
        normal,    // written to PostgreSQL
        spilling,  // PostgreSQL is away: written to the spill
        draining,  // PostgreSQL is back: the spill is being emptied into it, new units join it
        failing    // neither can be written: nothing becomes durable, both are tried again
    };

    struct Health {
        State state = State::normal;
        Timestamp since;                  // when this state began
        std::string detail;               // why, in words; empty when normal
        std::size_t pending_records = 0;  // appended, not yet durable
        std::uint64_t spilled_units = 0;  // durable in the spill, not yet in PostgreSQL
    };

    struct Options {
        std::string url;
        std::string spill_path;  // a SQLite file; made when it is missing
        std::size_t pending_records_max = 100'000;
        std::size_t pending_bytes_max = std::size_t{64} << 20;
        std::chrono::milliseconds call_timeout{2000};   // of each call to PostgreSQL
        std::chrono::milliseconds lock_wait{3000};      // for a predecessor to let go
        std::chrono::milliseconds reconnect_wait{100};  // doubled up to reconnect_wait_max
        std::chrono::milliseconds reconnect_wait_max{5000};
        std::chrono::milliseconds stop_timeout{5000};
        std::int64_t spill_pages_max = 0;                    // of 4 KiB; 0: as large as the disk
        std::function<void(const Health&)> on_state_change;  // run on the site loop
    };

    // Counts since the start.
    struct Stats {
        std::uint64_t records = 0;      // written to PostgreSQL
        std::uint64_t commits = 0;      // in so many transactions
        std::uint64_t spilled = 0;      // units written to the spill
        std::uint64_t quarantined = 0;  // units that PostgreSQL refused for what is in them
    };

    // Takes the writer's lock of the database and drains a spill left by an earlier run: both
    // block. The schema must be current (migrate). Throws DatabaseError when PostgreSQL cannot be
    // reached, when another Busbar writes to it, or when the spill cannot be opened.
    PostgresJournal(Options options, boost::asio::any_io_executor site_loop);
    ~PostgresJournal() override;
    PostgresJournal(const PostgresJournal&) = delete;
    PostgresJournal& operator=(const PostgresJournal&) = delete;

    Ticket append(std::vector<Record> unit) override;
    void when_durable(Ticket ticket, std::function<void()> release) override;
    bool full() const override;

    // Whether the unit of this ticket is part of what was read together with `journal_sequence`
    // (SiteSnapshot, ChangeListener).
    bool includes(std::uint64_t journal_sequence, Ticket ticket) const;

    Health health() const;
    Stats stats() const;

    // Makes everything appended durable, in PostgreSQL or in the spill, and ends the thread; gives
    // up after stop_timeout. The destructor calls it. Releases posted by then still run.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// The state's name for logs, metrics and the REST interface.
std::string_view to_string(PostgresJournal::State state);

}  // namespace busbar::db
