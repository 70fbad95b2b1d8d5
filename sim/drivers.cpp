#include "sim/drivers.hpp"

#include <algorithm>

namespace busbar::sim {
namespace {

std::chrono::milliseconds between(Random& random, std::chrono::milliseconds low,
                                  std::chrono::milliseconds high) {
    return std::chrono::milliseconds{static_cast<std::int64_t>(
        random.real(static_cast<double>(low.count()), static_cast<double>(high.count())))};
}

}  // namespace

Drivers::Drivers(DriverOptions options, int connectors, std::uint64_t seed, Now now)
    : options_(std::move(options)), random_(seed) {
    for (int i = 0; i < connectors; ++i) {
        arrivals_.push_back(
            now.mono + between(random_, options_.first_arrival_min, options_.first_arrival_max));
    }
}

Instant Drivers::deadline() const { return *std::min_element(arrivals_.begin(), arrivals_.end()); }

void Drivers::on_timer(Now now, Charger& charger) {
    for (std::size_t i = 0; i < arrivals_.size(); ++i) {
        if (arrivals_[i] > now.mono) continue;
        arrivals_[i] = now.mono + between(random_, options_.gap_min, options_.gap_max);
        const int connector = static_cast<int>(i) + 1;
        if (!charger.is_free(connector)) continue;  // still occupied: somebody else comes later
        CarTraits car = options_.car ? *options_.car : random_car(random_);
        if (options_.stay_max) {
            car.stay =
                std::min(car.stay, between(random_, *options_.stay_max / 8, *options_.stay_max));
        }
        car.speed = options_.speed;
        const int badge = random_.pick(0, static_cast<int>(options_.id_tags.size()) - 1);
        charger.plug_in(now, connector, car, options_.id_tags[static_cast<std::size_t>(badge)]);
    }
}

void Drivers::hurry_to(Now now, int connector) {
    const auto index = static_cast<std::size_t>(connector - 1);
    if (index >= arrivals_.size()) return;
    arrivals_[index] = now.mono + between(random_, std::chrono::milliseconds{1'000},
                                          std::chrono::milliseconds{6'000});
}

}  // namespace busbar::sim
