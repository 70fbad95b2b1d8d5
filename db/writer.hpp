// The only connection that writes the journal to PostgreSQL. It holds the writer's lock of the
// database for as long as it lives, so that its reading of the position settles whether a commit of
// a predecessor took place: a backend that might still commit holds the lock still.
// Includes libpqxx: for db/*.cpp only. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "db/batch.hpp"
#include "db/connection.hpp"
#include "db/spill.hpp"

namespace busbar::db {

// Another connection holds the writer's lock.
class WriterLocked : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Writer {
public:
    // Throws WriterLocked, or what libpqxx throws when the database cannot be used.
    Writer(const std::string& url, std::chrono::milliseconds call_timeout);

    // Writes units in ascending order and skips those at or below the position. What PostgreSQL
    // refuses for its content is quarantined and the rest written. After an exception the writer
    // is to be destroyed: position() then says what is surely in the database, and one more commit
    // may be.
    void write(std::span<const Unit> units);
    // The same for as many of the first units as make one transaction.
    void write_first(std::span<const Unit> units);

    std::uint64_t position() const { return position_; }
    const std::string& identity() const { return identity_; }

    struct Counts {
        std::uint64_t records = 0;
        std::uint64_t commits = 0;
        std::uint64_t quarantined = 0;
    };
    // Since the last call.
    Counts take_counts() { return std::exchange(counts_, {}); }

private:
    void take_lock();
    void write_some(std::span<const Unit> units);
    void commit(std::span<const Unit> units);
    void quarantine_unit(const Unit& unit, const std::string& error);

    Connection connection_;
    std::uint64_t position_ = 0;
    std::string identity_;
    Counts counts_;
};

// Makes a Writer and waits up to `lock_wait` for a predecessor to release the lock. Throws
// DatabaseError.
std::unique_ptr<Writer> writer_or_explain(const std::string& url,
                                          std::chrono::milliseconds call_timeout,
                                          std::chrono::milliseconds lock_wait);

// Writes the next units of the spill; returns how many, 0 when all of it is written.
std::size_t drain_some(Writer& writer, Spill& spill);

}  // namespace busbar::db
