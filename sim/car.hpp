// An electric car at a charging cable: what it draws of what it is offered, how its battery fills,
// when it leaves. Pure: current and time go in, current and energy come out.
#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "base/units.hpp"
#include "sim/random.hpp"

namespace busbar::sim {

// What kind of car it is and what its driver wants.
struct CarTraits {
    int phases = 3;             // 1 or 3; a car with one phase uses L1 of the charger
    Amps current_max = 16_A;    // of its charging unit, per phase
    Amps current_min = 6_A;     // below this offer it pauses (IEC 61851-1: never less than 6 A)
    double energy_wh = 20'000;  // wanted; then it is full
    double taper_wh = 2'000;    // the last part, drawn with less and less current
    std::chrono::milliseconds reaction{2'000};              // from a new offer to the new current
    std::chrono::milliseconds stay{std::chrono::hours{4}};  // leaves at the latest
    std::chrono::milliseconds linger{std::chrono::minutes{10}};  // leaves this long after full
    double speed = 1;  // its battery fills this many times faster than the energy drawn says
};

// A car of the usual mixture: 1 or 3 phases, 10 to 32 A, 4 to 40 kWh, a reaction of 0.5 to 5 s.
CarTraits random_car(Random& random);

// What a car took in one step.
struct Draw {
    PhaseAmps current{};  // at the end of the step, by phase of the charger
    double energy_wh = 0;
};

class Car {
public:
    explicit Car(CarTraits traits) : traits_(traits) {}

    // Lets time pass with this offer per phase; less than current_min means pause. A new offer is
    // followed after `reaction`, as a pure delay: two offers in a row are both followed.
    Draw step(Amps offered, std::chrono::milliseconds elapsed, double volts = 230.0);

    // The charger takes the power away: the current ends at once and offers are forgotten.
    void power_off();

    // Time until the current changes because of an earlier offer, if one is still to be followed.
    std::optional<std::chrono::milliseconds> next_change() const;
    // Time until it drives away at the latest.
    std::chrono::milliseconds until_departure() const;

    // Has what it wanted: draws nothing any more.
    bool full() const { return battery_wh_ >= traits_.energy_wh; }
    // Time is up, or it is full and its driver is back.
    bool leaving() const { return until_departure().count() <= 0; }

    const CarTraits& traits() const { return traits_; }
    double battery_wh() const { return battery_wh_; }

private:
    struct Offer {
        std::chrono::milliseconds due;  // on the car's own clock
        Amps amps;
    };

    Amps current() const;
    double draw(std::chrono::milliseconds elapsed, double volts);

    CarTraits traits_;
    std::chrono::milliseconds clock_{0};  // since it arrived
    std::optional<std::chrono::milliseconds> full_since_;
    std::deque<Offer> pending_;
    Amps last_offer_;
    Amps followed_;
    double battery_wh_ = 0;
};

}  // namespace busbar::sim
