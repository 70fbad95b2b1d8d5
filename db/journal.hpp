// The write side of the database as the site loop sees it: append rows, be told when they are
// durable. The real journal (db/postgres_journal) commits batches on its own thread; the simulated
// one (sim/journal) commits, delays or fails under the control of a test. Site loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "db/rows.hpp"

namespace busbar::db {

class Journal {
public:
    // Names an appended unit; grows with each.
    using Ticket = std::uint64_t;

    virtual ~Journal() = default;

    // Appends rows as one unit: never split over two batches, spill files or commits.
    virtual Ticket append(std::vector<Record> unit) = 0;

    // Runs `release` on the site loop once the unit is durable, in PostgreSQL or in the spill; at
    // once if it already is. Releases run in the order of their tickets.
    virtual void when_durable(Ticket ticket, std::function<void()> release) = 0;

    // True while so much waits to become durable that no more should be appended: the caller then
    // leaves the message unanswered, and its charger keeps it.
    virtual bool full() const = 0;
};

}  // namespace busbar::db
