// Units on the local disk while PostgreSQL is away: a SQLite file (WAL, synchronous=FULL), rows as
// JSON. An append that returns is durable. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "db/batch.hpp"

namespace busbar::db {

// The spill cannot be used: disk full, no permission, I/O error. Close it and open it again.
class SpillError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Spill {
public:
    // Opens the file, making it if need be. One that is damaged is moved aside (renamed to
    // "PATH.damaged-N", with an error in the log) and a new one begun. `pages_max` of 4 KiB bounds
    // its size; 0 leaves it to the disk. Throws SpillError.
    explicit Spill(const std::string& path, std::int64_t pages_max = 0);
    ~Spill();
    Spill(const Spill&) = delete;
    Spill& operator=(const Spill&) = delete;

    // Appends the units in one transaction; appending a sequence again replaces it.
    void append(std::span<const Unit> units);

    // Units with a sequence above `after`, ascending, as many as are within the bounds but at least
    // one if there is any. What cannot be read as rows comes back in Unit::unreadable.
    std::vector<Unit> read(std::uint64_t after, std::size_t units_max, std::size_t bytes_max);

    // The number of units above `after`, and the highest sequence (0 when empty).
    std::uint64_t count(std::uint64_t after);
    std::uint64_t last_sequence();

    // Binds the spill to a database: if its units were numbered for another one, they are numbered
    // anew from `position` + 1 on, in their order.
    void adopt(const std::string& identity, std::uint64_t position);

    // Deletes the file of a spill that is not open. Throws SpillError.
    static void remove(const std::string& path);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace busbar::db
