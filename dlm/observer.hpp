// Estimates the load of the building beside the EVSEs from the meter at the connection. What
// chargers draw is known late and roughly, what they may draw at most is known exactly; between the
// two lies an interval for the rest, and the estimate stays inside it (load-management.md 6.2).
// One thread owns it; time is a parameter.
#pragma once

#include <deque>
#include <optional>
#include <span>

#include "base/time.hpp"
#include "base/units.hpp"

namespace busbar::dlm {

// One EVSE below the meter.
struct Contribution {
    Phases phases = three_phases;
    Amps high;                          // the most it may draw now by what it was told
    Amps previous_high;                 // the same at the last update
    std::optional<PhaseAmps> measured;  // by its charger, if recent
    bool settled = false;     // measured shows the present limit, or nothing is drawn for certain
    bool draw_known = false;  // measured since the last raise: it draws hardly more than that
    bool silent = false;      // its charger measures nothing, and its limit is not new
    // previous_high was a guess: no more than this is known to have been drawn, and can fall.
    std::optional<PhaseAmps> shown;
};

class Observer {
public:
    // Takes the newest meter sample (again, if there is no newer one) and the EVSEs of this moment.
    // `overloaded`: phases on which the estimate must explain all current beyond what the EVSEs
    // are known to draw. `first_guess` is used when nothing is known yet.
    void update(const PhaseAmps& metered, Instant sampled_at, std::span<const Contribution> evses,
                const Phases& overloaded, const PhaseAmps& first_guess, Instant now);

    // The same while no sample can be trusted: what limits do is noted at its time, so that it is
    // over when the meter is back. The estimate stays.
    void note(std::span<const Contribution> evses, Instant now);

    // The load to plan with: the highest estimate of the last 20 s, so that short dips do not pump.
    // Nothing before the first update.
    std::optional<PhaseAmps> background() const;

    // How much of the metered current is about to go because limits have fallen: cars take a few
    // seconds to follow.
    PhaseAmps pending_fall() const;

private:
    struct Fall {
        Amps amount;
        Instant until;
    };
    struct Rise {
        Amps amount;
        Instant at;
    };
    struct Snapshot {
        Amps metered;
        Amps estimate;
        Instant at;
    };
    struct Sum;
    struct Estimate {
        Amps value;
        Instant at;
    };
    struct PhaseState {
        std::deque<Fall> falls;          // of limits that cars have not followed yet
        std::deque<Rise> rises;          // of limits that cars may be following
        std::deque<Snapshot> snapshots;  // of the last seconds
        std::optional<Amps> reference;   // last metered level, without its noise
        Amps unexplained;                // by which the last sample fell before any limit had
        std::optional<Amps> estimate;
        std::deque<Estimate> highest;  // values fall from front to back

        Amps pending() const;
        void take_changes(std::size_t phase, std::span<const Contribution> evses, Instant now);
        std::optional<Amps> by_rise(Amps metered) const;
        void follow_meter(Amps metered);
        void remember(Amps value, Instant now);
    };

    static Sum sum(std::size_t phase, std::span<const Contribution> evses);
    void estimate(PhaseState& phase, Amps metered, const Sum& evses, bool overloaded,
                  Amps first_guess, Instant now);

    PerPhase<PhaseState> phases_;
    Instant last_sample_ = Instant::min();
    std::optional<Instant> last_update_;
};

}  // namespace busbar::dlm
