// The releases that the site loop has asked for and that wait for their units to become durable.
// Lives as long as the last handler posted to the loop, and does nothing any more once the journal
// is gone. Site loop only, but for the two atomics.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <utility>

#include "db/journal.hpp"

namespace busbar::db {

struct Releases {
    std::deque<std::pair<Journal::Ticket, std::function<void()>>> waiting;  // ascending tickets
    bool closed = false;
    std::atomic<Journal::Ticket> durable{0};
    std::atomic<bool> posted{false};

    // Behind those with the same or an earlier ticket.
    void add(Journal::Ticket ticket, std::function<void()> release) {
        const auto behind = std::upper_bound(
            waiting.begin(), waiting.end(), ticket,
            [](Journal::Ticket value, const auto& entry) { return value < entry.first; });
        waiting.insert(behind, {ticket, std::move(release)});
    }

    // Whether the ticket is durable and no earlier release waits.
    bool may_run_now(Journal::Ticket ticket) const {
        return ticket <= durable.load() && (waiting.empty() || waiting.front().first > ticket);
    }

    // Runs what is durable. A release may add others.
    void run() {
        posted = false;
        while (!closed && !waiting.empty() && waiting.front().first <= durable.load()) {
            const auto release = std::move(waiting.front().second);
            waiting.pop_front();
            release();
        }
    }
};

}  // namespace busbar::db
