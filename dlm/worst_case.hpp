// The books of one EVSE: every limit its charger may hold now, and so the most it may draw. A limit
// counts from the moment it is sent until a newer one is acknowledged (messages of one connection
// arrive in order) or its lease and a grace of 5 s are over (load-management.md 7.2).
// One thread owns it; time is a parameter.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "base/units.hpp"

namespace busbar::dlm {

// How much longer than its lease a limit counts: clocks of chargers are not ours.
inline constexpr std::chrono::seconds lease_grace{5};

class WorstCase {
public:
    // What the charger does with no leased limit at all.
    void set_safe(Amps safe) { safe_ = safe; }

    // A command went out: `limit` until `lease_end`, then `safe`. Sequences only grow.
    void on_sent(std::uint64_t sequence, Amps limit, Amps safe, Instant lease_end);
    // It reached the wire later than booked: its lease ends later.
    void on_delayed(std::uint64_t sequence, Instant lease_end);
    // True if the command was still booked. All older entries are void.
    bool on_acknowledged(std::uint64_t sequence);
    // The charger did not take it, or it was never written; older entries go on.
    void on_refused(std::uint64_t sequence);
    // The connection is gone. What was sent may have arrived: it stays booked, and can no longer be
    // refused.
    void on_disconnected();
    // After a restart: the last durable limit, without knowing what became of it, and what follows
    // it.
    void restore(Amps limit, Amps safe, Instant until);
    // The transaction ended, and every limit with it.
    void clear();

    // The most the charger may draw now, come what may.
    Amps worst_case(Instant now) const;
    // The same for a charger that is connected and answers: as long as the lease of an acknowledged
    // limit certainly runs, the safe current is not in force. Lower than worst_case() only for
    // chargers paused at 0 A. One that connected anew or booted since may have lost its limit.
    Amps worst_case_connected(Instant now) const;
    // The most under limits alone while the lease of an acknowledged one certainly runs, whatever
    // became of the connection: what a charger draws that kept what it was told. Nothing if there
    // is no such limit.
    std::optional<Amps> leased(Instant now) const;
    // What the charger may draw once its leased limits have ended: 0 if it was sent none.
    Amps after_lease() const;
    // True while a leased limit may be in force.
    bool has_lease(Instant now) const;
    // When the last of them is over; nothing if none is in force.
    std::optional<Instant> lease_end(Instant now) const;
    // The newest acknowledged limit while its lease runs.
    std::optional<Amps> acknowledged(Instant now) const;
    // When worst_case() changes next by time alone.
    std::optional<Instant> next_change(Instant now) const;

private:
    struct Entry {
        std::uint64_t sequence = 0;
        Amps limit;
        Amps safe;
        Instant until;  // lease end and grace
        bool acknowledged = false;
        bool connected = true;  // the connection it was sent on still stands
    };

    Amps safe_;
    Amps tail_;  // second period of the acknowledged limit: it has no end
    std::vector<Entry> entries_;
};

}  // namespace busbar::dlm
