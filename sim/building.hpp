// A simulated building: its own load on the three grid phases, and the meter at its connection that
// sees this load together with what the chargers draw. Pure: time is a parameter, randomness is
// seeded. One thread at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "base/units.hpp"
#include "meters/reading.hpp"
#include "sim/random.hpp"

namespace busbar::sim {

// Currents by phase of a charger, as grid phases. `phase_map` is "RST" or a permutation (the letter
// at place i is the grid phase of the charger's phase i+1) or "L1", "L2", "L3" (its phase 1).
PhaseAmps to_grid(const PhaseAmps& charger, std::string_view phase_map);

struct BuildingOptions {
    PhaseAmps base{20_A, 15_A, 18_A};                 // around which the load moves
    Amps swing = 5_A;                                 // slowly up and down by this much
    Amps step = 12_A;                                 // machines that come and go; 0: none
    std::chrono::milliseconds step_interval{90'000};  // between two of them, on average
    Amps noise = Amps{300};
    PhaseAmps solar{};  // fed in at most, against the load
    std::uint64_t seed = 1;
};

class Building {
public:
    explicit Building(BuildingOptions options);

    // The building's own load now, grid phases, + is import. Times must not run backwards.
    PhaseAmps load(Now now);

    // What the meter at the connection shows, by the names of meters::Reading: voltages, signed
    // currents and powers per phase, totals, counters, frequency. `chargers` are grid phases.
    meters::Values meter(Now now, const PhaseAmps& chargers);

    // The last load with the chargers', grid phases: what the main breaker carries.
    const PhaseAmps& connection() const { return connection_; }

private:
    struct Machine {
        PhaseAmps amps;
        Instant until;
    };

    void start_machines(Now now);

    BuildingOptions options_;
    Random random_;
    std::optional<Instant> begun_;
    Instant next_machine_{};
    std::vector<Machine> machines_;
    PerPhase<double> shift_{};  // where each phase is in its swing
    PhaseAmps connection_{};
    std::optional<Instant> metered_at_;
    double import_wh_ = 0;
    double export_wh_ = 0;
    double power_watts_ = 0;
};

}  // namespace busbar::sim
