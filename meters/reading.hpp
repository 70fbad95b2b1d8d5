// One set of values read from one meter, in the units of its names.
//
// Plain data, free to copy between threads. A value the meter did not deliver is absent: it is
// never zero and never an older one.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "base/units.hpp"

namespace busbar::meters {

// Values by quantity name ("voltageL1", "activePowerTotal"), in V, A, W, var, VA, Wh, varh, Hz, %.
// What is not in the map is not known.
using Values = std::map<std::string, double, std::less<>>;

struct Reading {
    std::string meter;  // the name its owner gave it
    Instant at{};       // when the answer with currents and powers had arrived
    Timestamp wall{};

    PerPhase<std::optional<double>> voltage_volts;
    // Positive draws from the grid, negative feeds into it. Where the meter cannot tell, positive.
    PerPhase<std::optional<double>> current_amps;
    PerPhase<std::optional<double>> active_power_watts;

    std::optional<double> active_power_watts_total;
    std::optional<double> reactive_power_vars_total;
    std::optional<double> apparent_power_volt_amps_total;
    std::optional<double> power_factor_total;
    std::optional<double> frequency_hz;
    // Counters; up to ten seconds older than the rest.
    std::optional<double> energy_import_wh;
    std::optional<double> energy_export_wh;

    Values quantities;  // everything read, the members above included
};

}  // namespace busbar::meters
