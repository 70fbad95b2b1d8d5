// When energy was delivered: the quarters of an hour (UTC) that a charge touches, and how its
// energy spreads over them by what its register showed. Every zone's offset is a multiple of a
// quarter of an hour, so these are quarters of the local day too. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace busbar {

inline constexpr std::chrono::minutes quarter_hour{15};
// Of one charge; one that seems to last longer begins so long before its end.
inline constexpr std::size_t quarters_max = 366 * 96;

// The beginning of the quarter of an hour that a moment lies in.
constexpr Timestamp quarter_of(Timestamp at) {
    return std::chrono::floor<std::chrono::duration<std::int64_t, std::ratio<900>>>(at);
}

struct RegisterReading {
    Timestamp at;
    double wh = 0;
};

// An ended charge. The readings, oldest first, only say how the energy spreads; the energy itself
// is what it is.
struct EndedCharge {
    Timestamp started_at;
    Timestamp stopped_at;
    double meter_start_wh = 0;
    double meter_stop_wh = 0;
    std::int64_t energy_wh = 0;  // not negative
    std::vector<RegisterReading> readings{};
};

// Energy of the quarters from `first` on; never empty.
struct QuarterEnergy {
    Timestamp first;
    std::vector<std::int64_t> wh;
};

// Between two readings energy flows evenly; readings that cannot be (going down, or more than the
// whole charge) say nothing, and where none says anything it flows evenly from start to stop. The
// numbers add up to energy_wh exactly: fractions go to the largest remainders, the earlier first.
QuarterEnergy spread_over_quarters(const EndedCharge& charge);

}  // namespace busbar
