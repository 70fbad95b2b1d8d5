#include "sim/car.hpp"

#include <algorithm>

namespace busbar::sim {
namespace {

using std::chrono::milliseconds;

// The lowest current of a nearly full battery, as a part of current_max.
constexpr double taper_floor = 0.15;

}  // namespace

CarTraits random_car(Random& random) {
    CarTraits car;
    car.phases = random.chance(35) ? 1 : 3;
    constexpr std::array<Amps, 4> single{16_A, 16_A, 20_A, 32_A};
    constexpr std::array<Amps, 4> triple{10_A, 16_A, 16_A, 32_A};
    const auto kind = static_cast<std::size_t>(random.pick(0, 3));
    car.current_max = car.phases == 1 ? single[kind] : triple[kind];
    car.energy_wh = random.real(4'000, 40'000);
    car.taper_wh = car.energy_wh * random.real(0.05, 0.15);
    car.reaction = milliseconds{random.pick(500, 5'000)};
    car.stay = std::chrono::seconds{random.pick(20 * 60, 6 * 3600)};
    car.linger = std::chrono::seconds{random.pick(30, 20 * 60)};
    return car;
}

Amps Car::current() const {
    if (full() || followed_ < traits_.current_min) return {};
    Amps amps = std::min(followed_, traits_.current_max);
    const double left = traits_.energy_wh - battery_wh_;
    if (left < traits_.taper_wh) {
        const double part = std::max(left / traits_.taper_wh, taper_floor);
        amps = std::min(amps, Amps::from_double(traits_.current_max.to_double() * part));
    }
    return amps;
}

double Car::draw(milliseconds elapsed, double volts) {
    const double hours = static_cast<double>(elapsed.count()) / 3'600'000.0;
    const double power = current().to_double() * volts * traits_.phases;
    const double left = (traits_.energy_wh - battery_wh_) / traits_.speed;
    if (power * hours >= left && !full()) {
        battery_wh_ = traits_.energy_wh;
        return left;
    }
    battery_wh_ += power * hours * traits_.speed;
    return power * hours;
}

Draw Car::step(Amps offered, milliseconds elapsed, double volts) {
    if (offered != last_offer_) {
        last_offer_ = offered;
        pending_.push_back({clock_ + traits_.reaction, offered});
    }
    Draw result;
    const milliseconds end = clock_ + elapsed;
    while (true) {
        while (!pending_.empty() && pending_.front().due <= clock_) {
            followed_ = pending_.front().amps;
            pending_.pop_front();
        }
        if (clock_ >= end) break;
        const milliseconds until = pending_.empty() ? end : std::min(end, pending_.front().due);
        result.energy_wh += draw(until - clock_, volts);
        clock_ = until;
        if (full() && !full_since_) full_since_ = clock_;
    }
    const Amps amps = current();
    result.current = traits_.phases == 1 ? PhaseAmps{amps, {}, {}} : PhaseAmps{amps, amps, amps};
    return result;
}

void Car::power_off() {
    pending_.clear();
    last_offer_ = {};
    followed_ = {};
}

std::optional<milliseconds> Car::next_change() const {
    if (pending_.empty()) return std::nullopt;
    return pending_.front().due - clock_;
}

milliseconds Car::until_departure() const {
    milliseconds departure = traits_.stay;
    if (full_since_) departure = std::min(departure, *full_since_ + traits_.linger);
    return departure - clock_;
}

}  // namespace busbar::sim
