// How far a meter's last reading may be believed: by its age, and by what it says.
//
// Pure: time comes in with every call. One MeterTrust a meter, used by the site loop.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "base/units.hpp"
#include "meters/reading.hpp"

namespace busbar::meters {

// fresh: limits may be raised. late: no raises. stale: assume the worst background seen, alarm.
// dead: nothing is known. Ordered from best to worst.
enum class Freshness { fresh, late, stale, dead };
std::string_view to_string(Freshness freshness);

// Ages from which a reading is no longer what it was; each is exclusive ("older than").
struct AgeLimits {
    std::chrono::milliseconds late{3'000};
    std::chrono::milliseconds stale{10'000};
    std::chrono::milliseconds dead{60'000};
};

// The class of a reading of that age.
Freshness freshness(std::chrono::milliseconds age, const AgeLimits& limits = {});

// What a reading is held against.
struct Expectation {
    Phases phases = three_phases;  // where a current must be present
    // The current limit of what the meter measures; a current beyond three times it is a defect of
    // the measurement. No value: not checked.
    PerPhase<std::optional<Amps>> limit{};
};
inline constexpr double implausible_factor = 3;

// Why the reading cannot be right; nothing if it can.
std::optional<std::string> implausible(const Reading& reading, const Expectation& expectation);

// A meter's state, and why.
struct Trust {
    Freshness freshness = Freshness::dead;
    std::string reason;  // "" when fresh
    friend bool operator==(const Trust&, const Trust&) = default;
};

// Follows one meter. Before the first plausible reading it is dead.
class MeterTrust {
public:
    explicit MeterTrust(Expectation expectation = {}, AgeLimits limits = {});

    // Takes a reading in. An implausible one is not kept, and makes the meter stale at once.
    void observe(Reading reading);

    // Takes in that the meter could not be read; the text becomes part of the reason.
    void observe_failure(std::string error);

    Trust at(Instant now) const;

    // When at() changes by the passing of time alone; nothing once dead.
    std::optional<Instant> next_change(Instant now) const;

    // The last plausible reading, however old.
    const std::optional<Reading>& last() const { return last_; }

    void expect(Expectation expectation) { expectation_ = expectation; }

private:
    Expectation expectation_;
    AgeLimits limits_;
    std::optional<Reading> last_;
    std::string doubt_;  // why the newest reading was not kept
    std::string error_;  // why there has been no newer reading
};

}  // namespace busbar::meters
