// The people of a simulated site: cars come to free connectors and their drivers present badges.
// Pure: time is a parameter. One thread at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "sim/charger.hpp"
#include "sim/random.hpp"

namespace busbar::sim {

struct DriverOptions {
    std::vector<std::string> id_tags{"SIM-TAG"};
    std::chrono::milliseconds first_arrival_min{500};
    std::chrono::milliseconds first_arrival_max{20'000};  // the first car comes within this time
    std::chrono::milliseconds gap_min{30'000};            // a connector stays empty this long ...
    std::chrono::milliseconds gap_max{300'000};           // ... at most
    // Drivers come back for their cars within this time, full or not; otherwise when they like.
    std::optional<std::chrono::milliseconds> stay_max;
    double speed = 1;              // batteries fill this many times faster
    std::optional<CarTraits> car;  // all cars alike; otherwise the usual mixture
};

// Brings cars to one charge point. Owner: calls on_timer at deadline(), and after remote starts.
class Drivers {
public:
    Drivers(DriverOptions options, int connectors, std::uint64_t seed, Now now);

    Instant deadline() const;
    // Brings the cars that are due.
    void on_timer(Now now, Charger& charger);
    // Somebody started a charge at this connector from a distance: its car comes within seconds.
    void hurry_to(Now now, int connector);

private:
    DriverOptions options_;
    Random random_;
    std::vector<Instant> arrivals_;  // the next one at each connector
};

}  // namespace busbar::sim
