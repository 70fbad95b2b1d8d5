#include "site/meter_register.hpp"

#include <algorithm>

namespace busbar::site {
namespace {

constexpr double whole_kwh = 1000;
constexpr double rounding_wh = 1;  // meterStart is an integer, samples need not be
constexpr double unknown_power_max = 400'000;
constexpr int suspects_needed = 3;
constexpr int votes_needed = 2;

double hours_between(Timestamp from, Timestamp to) {
    return std::chrono::duration<double, std::ratio<3600>>(to - from).count();
}

double rise_max_wh(const RegisterPoint& earlier, Timestamp at, const RegisterBounds& bounds) {
    constexpr double leniency = 1.5;
    constexpr double minute_in_hours = 1.0 / 60;
    const double power = bounds.power_watts_max > 0 ? bounds.power_watts_max : unknown_power_max;
    const double hours = std::max(0.0, hours_between(earlier.at, at)) + minute_in_hours;
    return power * leniency * hours + whole_kwh;
}

bool is_plausible_after(const RegisterPoint& earlier, double wh, Timestamp at,
                        const RegisterBounds& bounds) {
    return wh >= earlier.wh - rounding_wh && wh <= earlier.wh + rise_max_wh(earlier, at, bounds);
}

// Whether that was no coincidence: after days nearly every number is plausible in some unit.
bool is_telling(const RegisterPoint& earlier, double wh, Timestamp at,
                const RegisterBounds& bounds) {
    return is_plausible_after(earlier, wh, at, bounds) &&
           rise_max_wh(earlier, at, bounds) <= wh / 4;
}

// The start, where it says something newer than the last reading. One of 0 says nothing: chargers
// send it whatever their register shows.
std::optional<RegisterPoint> useful_start(const RegisterMemory& memory,
                                          const RegisterBounds& bounds) {
    const auto& start = bounds.transaction_start;
    if (!start || (memory.last && start->at < memory.last->at)) return std::nullopt;
    if (start->wh <= 0 && !bounds.session && !memory.last) return std::nullopt;
    return start;
}

// Compares what the register says with what the measured power explains.
bool counts_kwh(RegisterMemory& memory, const RegisterReading& reading, double wh) {
    constexpr double enough_wh = 200;
    if (!memory.last || !memory.power_watts || !reading.power_watts) {
        memory.anchor.reset();
        return false;
    }
    if (!memory.anchor) {
        memory.anchor = memory.last;
        memory.expected_wh = 0;
    }
    const double hours = hours_between(memory.last->at, reading.point.at);
    memory.expected_wh += (*memory.power_watts + *reading.power_watts) / 2 * hours;
    if (memory.expected_wh < enough_wh) return false;
    const double as_kwh = (wh - memory.anchor->wh) * 1000;
    const bool fits = as_kwh > memory.expected_wh / 3 && as_kwh < memory.expected_wh * 3;
    memory.votes_for_kwh = fits ? memory.votes_for_kwh + 1 : 0;
    memory.anchor.reset();
    return memory.votes_for_kwh >= votes_needed;
}

void believe(RegisterMemory& memory, const RegisterReading& reading, double& wh, double factor,
             bool continues) {
    if (continues && memory.last) {
        wh = std::max(wh, memory.last->wh);
        memory.energy_wh += wh - memory.last->wh;
    }
    if (!continues) memory.anchor.reset();
    if (memory.factor != factor) {
        memory.anchor.reset();
        memory.votes_for_kwh = 0;
    }
    memory.factor = factor;
    memory.last = RegisterPoint{wh, reading.point.at};
    memory.power_watts = reading.power_watts;
    memory.suspect.reset();
    memory.suspects = 0;
}

RegisterVerdict doubted(RegisterMemory& memory, const RegisterReading& reading,
                        const RegisterBounds& bounds) {
    const double wh = reading.point.wh * memory.factor;
    const auto doubt =
        memory.last && wh < memory.last->wh ? RegisterDoubt::backwards : RegisterDoubt::jump;
    const bool is_repeat =
        memory.suspect && memory.suspect->at == reading.point.at && memory.suspect->wh == wh;
    if (is_repeat) return {std::nullopt, memory.factor, doubt};
    const bool follows = memory.suspect && memory.suspect->at < reading.point.at &&
                         is_plausible_after(*memory.suspect, wh, reading.point.at, bounds);
    memory.suspects = follows ? memory.suspects + 1 : 1;
    memory.suspect = RegisterPoint{wh, reading.point.at};
    if (memory.suspects >= suspects_needed) {
        double believed = wh;
        believe(memory, reading, believed, memory.factor, false);
        return {believed, memory.factor, RegisterDoubt::reset};
    }
    return {std::nullopt, memory.factor, doubt};
}

}  // namespace

RegisterVerdict judge(RegisterMemory& memory, const RegisterReading& reading,
                      const RegisterBounds& bounds) {
    const Timestamp at = reading.point.at;
    if (memory.last && at < memory.last->at) {
        return {reading.point.wh * memory.factor, memory.factor, RegisterDoubt::none};
    }
    const auto start = useful_start(memory, bounds);
    std::optional<double> factors[] = {memory.factor, {}, {}};
    if (!reading.unit_is_known) {
        factors[1] = 1;
        factors[2] = reading.says_kilo ? 0.001 : 1000;
    }
    for (const auto factor : factors) {
        if (!factor) continue;
        double wh = reading.point.wh * *factor;
        const bool relabelled = *factor != memory.factor;
        const auto fits = relabelled ? is_telling : is_plausible_after;
        const bool continues = memory.last && fits(*memory.last, wh, at, bounds);
        const bool first = !memory.last && !start;
        // Where a register begins anew with each transaction, that is no reason for doubt.
        const bool begins = (start && fits(*start, wh, at, bounds)) ||
                            (bounds.session && !relabelled && memory.last && wh < memory.last->wh);
        if (!continues && !first && !begins) continue;
        const bool reset = !continues && memory.last && wh < memory.last->wh && !bounds.session;
        if (continues && *factor == 1 && !reading.says_kilo && !reading.unit_is_known &&
            counts_kwh(memory, reading, wh)) {
            memory.last->wh *= 1000;
            memory.energy_wh *= 1000;
            wh *= 1000;
            believe(memory, reading, wh, 1000, true);
            return {wh, 1000, RegisterDoubt::unit};
        }
        if (!continues && bounds.session) memory.energy_wh += std::max(0.0, wh);
        believe(memory, reading, wh, *factor, continues);
        const auto doubt = relabelled ? RegisterDoubt::unit
                           : reset    ? RegisterDoubt::reset
                                      : RegisterDoubt::none;
        return {wh, *factor, doubt};
    }
    return doubted(memory, reading, bounds);
}

double transaction_energy_wh(double start_wh, double stop_wh, double increases_wh) {
    return std::max({stop_wh - start_wh, increases_wh, 0.0});
}

}  // namespace busbar::site
