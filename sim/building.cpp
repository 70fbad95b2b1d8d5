#include "sim/building.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace busbar::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, 3> phase_names{"L1", "L2", "L3"};
constexpr double nominal_volts = 230.0;
constexpr double volts_lost_per_amp = 0.02;
constexpr milliseconds swing_period{20 * 60 * 1'000};
constexpr std::size_t machines_max = 6;

double seconds_between(Instant from, Instant to) {
    return static_cast<double>((to - from).count()) / 1'000.0;
}

}  // namespace

PhaseAmps to_grid(const PhaseAmps& charger, std::string_view phase_map) {
    PhaseAmps grid{};
    for (std::size_t phase = 0; phase < 3; ++phase) {
        if (phase_map == phase_names[phase]) {
            grid[phase] = charger[0];
            return grid;
        }
    }
    for (std::size_t phase = 0; phase < 3 && phase < phase_map.size(); ++phase) {
        const char letter = phase_map[phase];
        const std::size_t target = letter == 'S' ? 1 : letter == 'T' ? 2 : 0;
        grid[target] += charger[phase];
    }
    return grid;
}

Building::Building(BuildingOptions options) : options_(options), random_(options.seed) {
    for (double& shift : shift_) shift = random_.real(0, 2 * std::numbers::pi);
}

// Machines draw on one phase or on all three, for half a minute to ten minutes.
void Building::start_machines(Now now) {
    std::erase_if(machines_, [&](const Machine& machine) { return machine.until <= now.mono; });
    if (options_.step <= Amps{}) return;
    while (next_machine_ <= now.mono) {
        const double mean = static_cast<double>(options_.step_interval.count());
        next_machine_ += milliseconds{static_cast<std::int64_t>(random_.real(0.2, 1.8) * mean)};
        if (machines_.size() == machines_max) continue;
        const Amps amps = Amps::from_double(options_.step.to_double() * random_.real(0.3, 1.0));
        Machine machine{{}, now.mono + std::chrono::seconds{random_.pick(30, 600)}};
        const int phase = random_.pick(0, 5);
        for (int i = 0; i < 3; ++i) {
            if (phase > 2 || phase == i) machine.amps[static_cast<std::size_t>(i)] = amps;
        }
        machines_.push_back(machine);
    }
}

PhaseAmps Building::load(Now now) {
    if (!begun_) {
        begun_ = now.mono;
        next_machine_ = now.mono + options_.step_interval / 4;
    }
    start_machines(now);
    const double turn = 2 * std::numbers::pi * seconds_between(*begun_, now.mono) /
                        (static_cast<double>(swing_period.count()) / 1'000.0);
    PhaseAmps load = options_.base;
    for (std::size_t phase = 0; phase < 3; ++phase) {
        double amps = options_.swing.to_double() * std::sin(turn + shift_[phase]);
        amps += options_.noise.to_double() * random_.real(-1, 1);
        // The sun: a slow half wave, three turns of the swing long.
        amps -= options_.solar[phase].to_double() * std::max(0.0, std::sin(turn / 6));
        load[phase] += Amps::from_double(amps);
        for (const Machine& machine : machines_) load[phase] += machine.amps[phase];
        if (options_.solar[phase] == Amps{}) load[phase] = std::max(load[phase], Amps{});
    }
    return load;
}

meters::Values Building::meter(Now now, const PhaseAmps& chargers) {
    const PhaseAmps own = load(now);
    if (metered_at_) {
        const double energy_wh = power_watts_ * seconds_between(*metered_at_, now.mono) / 3'600;
        (energy_wh >= 0 ? import_wh_ : export_wh_) += std::abs(energy_wh);
    }
    metered_at_ = now.mono;
    meters::Values values;
    power_watts_ = 0;
    for (std::size_t phase = 0; phase < 3; ++phase) {
        const std::string name{phase_names[phase]};
        connection_[phase] = own[phase] + chargers[phase];
        const double amps = connection_[phase].to_double();
        const double volts = nominal_volts - volts_lost_per_amp * amps + 0.3 * random_.real(-1, 1);
        values["voltage" + name] = volts;
        values["current" + name] = amps;
        values["activePower" + name] = amps * volts;
        power_watts_ += amps * volts;
    }
    values["activePowerTotal"] = power_watts_;
    values["energyImport"] = import_wh_;
    values["energyExport"] = export_wh_;
    values["frequency"] = 50.0 + 0.02 * random_.real(-1, 1);
    return values;
}

}  // namespace busbar::sim
