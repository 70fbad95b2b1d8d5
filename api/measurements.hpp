// Currents as the REST interface writes them. Pure.
#pragma once

#include <algorithm>
#include <vector>

#include "base/units.hpp"

namespace busbar::api {

// The current of the phase that carries most, in A: what a limit is compared with.
inline double highest_amps(const PhaseAmps& amps) {
    return std::max_element(amps.begin(), amps.end())->to_double();
}

// L1, L2, L3 in A.
inline std::vector<double> per_phase_amps(const PhaseAmps& amps) {
    return {amps[0].to_double(), amps[1].to_double(), amps[2].to_double()};
}

}  // namespace busbar::api
