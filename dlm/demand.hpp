// Learns how much of its limit a car really takes, so that current it leaves unused goes to others
// and comes back when the car wants it again (load-management.md 6.4).
// One thread owns it; time is a parameter.
#pragma once

#include <optional>

#include "base/time.hpp"
#include "base/units.hpp"

namespace busbar::dlm {

// Measurements taken sooner after a change of the limit still show the old one.
inline constexpr std::chrono::seconds settling_time{8};

class Demand {
public:
    // What is known of one car at one moment.
    struct Observation {
        Amps drawn;        // highest phase
        Instant drawn_at;  // when its charger measured that
        Amps limit;        // the limit it follows
        Instant limit_changed_at;
        Instant charging_since;
        Amps minimum;                 // the cap never falls below
        Amps maximum;                 // a cap above is no cap
        bool room_for_probe = false;  // 2 A are free for it
    };

    void update(const Observation& seen, Instant now);
    // The car left.
    void forget() { *this = Demand{}; }
    // The most this car is worth offering; nothing while it takes what it gets.
    std::optional<Amps> cap() const { return cap_; }

private:
    void lower(const Observation& seen, Instant now);

    std::optional<Amps> cap_;
    std::optional<Instant> low_since_;
    int low_samples_ = 0;
    bool has_drawn_ = false;
    Instant last_sample_ = Instant::min();
    Instant changed_at_{};
    Instant probed_at_{};
};

}  // namespace busbar::dlm
