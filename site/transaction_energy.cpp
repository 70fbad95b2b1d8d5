#include "site/transaction_energy.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace busbar::site {
namespace {

constexpr double unknown_power_max = 400'000;
constexpr double whole_kwh = 1000;
constexpr double rounding_wh = 1;               // start and stop are whole Wh, samples need not be
constexpr std::chrono::hours power_gap_max{1};  // nobody knows what was drawn in a longer one

double hours_between(Timestamp from, Timestamp to) {
    return std::chrono::duration<double, std::ratio<3600>>(to - from).count();
}

// What can have been delivered between start and stop. Clocks are set while transactions run: what
// we saw of the time counts as well, a register is not doubted for less than an hour, and a day
// counts where nobody knows.
double most_of(const EnergySpan& span, double power_watts_max) {
    using std::chrono::hours;
    const auto told = span.stopped_at - span.started_at;
    const auto seen = span.stop_received_at - span.start_received_at;
    auto lasted = std::max({told, seen, Timestamp::duration{hours{1}}});
    if (!span.times_are_believable || told < told.zero()) {
        lasted = std::max({seen, told, Timestamp::duration{hours{24}}});
    }
    return deliverable_wh(power_watts_max, Timestamp{}, Timestamp{lasted});
}

void add_register(EnergyTally& tally, double wh, Timestamp at, double power_watts_max) {
    if (at < tally.register_at) return;
    ++tally.readings;
    if (tally.register_wh) {
        const auto rise = register_rise(*tally.register_wh, wh,
                                        deliverable_wh(power_watts_max, tally.register_at, at));
        tally.rises_wh += rise.wh.value_or(0);
        if (rise.fell || !rise.wh) {
            if (!tally.broken_at) tally.broken_at = at;
            tally.piece_wh = wh;
            tally.piece_at = at;
            tally.rises_before_wh = tally.rises_wh;
        }
    }
    tally.register_wh = wh;
    tally.register_at = at;
}

void add_power(EnergyTally& tally, double watts, Timestamp at) {
    if (tally.power_watts && at <= tally.power_at) return;
    watts = std::max(0.0, watts);
    if (tally.power_watts && at - tally.power_at <= power_gap_max) {
        tally.power_wh += (*tally.power_watts + watts) / 2 * hours_between(tally.power_at, at);
    }
    tally.power_watts = watts;
    tally.power_at = at;
}

// The rises up to the stop. A register that falls with the stop alone is another one: what came
// before counts, unless there was nothing.
double rises_until(const EnergyTally& tally, const EnergySpan& span, double power_watts_max) {
    if (!span.stop_wh || !tally.register_wh) return tally.rises_wh;
    // What was measured after the stop is the next one's, whose start is still to come.
    const bool is_before_last =
        tally.register_at > span.stopped_at && *span.stop_wh < *tally.register_wh;
    if (is_before_last && span.stopped_at >= tally.piece_at && *span.stop_wh >= tally.piece_wh) {
        return tally.rises_before_wh + (*span.stop_wh - tally.piece_wh);
    }
    const auto rise = register_rise(*tally.register_wh, *span.stop_wh,
                                    deliverable_wh(power_watts_max, tally.register_at,
                                                   std::max(span.stopped_at, tally.register_at)));
    const bool is_same = !rise.fell || rise.rolled_over || tally.readings == 0;
    return tally.rises_wh + (is_same ? rise.wh.value_or(0) : 0);
}

}  // namespace

double deliverable_wh(double power_watts, Timestamp from, Timestamp to) {
    constexpr double leniency = 1.5;
    constexpr double minute_in_hours = 1.0 / 60;
    const double power = power_watts > 0 ? power_watts : unknown_power_max;
    const double hours = std::max(0.0, hours_between(from, to)) + minute_in_hours;
    return power * leniency * hours + whole_kwh;
}

RegisterRise register_rise(double earlier_wh, double later_wh, double rise_max_wh) {
    RegisterRise out;
    if (later_wh >= earlier_wh - rounding_wh) {
        const double rise = std::max(0.0, later_wh - earlier_wh);
        if (rise <= rise_max_wh) out.wh = rise;
        return out;
    }
    out.fell = true;
    // 6, 7 and 8 digits of Wh and of kWh; 31 and 32 bits.
    constexpr double sizes[] = {1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 2'147'483'648.0, 4'294'967'296.0};
    for (const double size : sizes) {
        const double rise = later_wh + size - earlier_wh;
        if (rise < 0 || rise > rise_max_wh) continue;
        out.rolled_over = true;
        out.wh = rise;
        return out;
    }
    if (later_wh >= 0 && later_wh <= rise_max_wh) out.wh = later_wh;
    return out;
}

EnergyTally begin_tally(double meter_start_wh, Timestamp started_at) {
    EnergyTally tally;
    tally.register_wh = meter_start_wh;
    tally.register_at = started_at;
    tally.piece_wh = meter_start_wh;
    tally.piece_at = started_at;
    return tally;
}

void add_reading(EnergyTally& tally, const EnergyReading& reading, double power_watts_max) {
    if (reading.begin_wh && !tally.begin_wh) tally.begin_wh = reading.begin_wh;
    if (reading.end_wh) tally.end_wh = reading.end_wh;
    if (reading.register_wh) {
        add_register(tally, *reading.register_wh, reading.at, power_watts_max);
    }
    if (reading.interval_wh && (!tally.interval_at || reading.at > *tally.interval_at)) {
        tally.intervals_wh += std::max(0.0, *reading.interval_wh);
        tally.interval_at = reading.at;
    }
    if (reading.power_watts) add_power(tally, *reading.power_watts, reading.at);
}

bool is_odd(const EnergyTally& tally) {
    if (tally.broken_at) return true;
    return tally.readings == 0 && (tally.intervals_wh > 0 || tally.power_wh > 0);
}

Energy energy_of(const EnergyTally& tally, const EnergySpan& span, double power_watts_max) {
    constexpr double trifle_wh = 50;  // what a register may have missed, and a power meter made up
    const double most = most_of(span, power_watts_max);
    const double rises = std::min(rises_until(tally, span, power_watts_max), most);
    const double direct = span.stop_wh ? *span.stop_wh - span.start_wh : -1;
    const bool is_whole = !tally.broken_at || span.stopped_at < *tally.broken_at;
    const bool is_possible = direct >= 0 && direct <= most;
    const double power = std::min(tally.power_wh, most);
    const double intervals = std::min(tally.intervals_wh, most);
    const auto answer = [&](double wh, std::string source) {
        return Energy{std::llround(std::clamp(wh, 0.0, most)), std::move(source)};
    };
    const double between = tally.begin_wh && tally.end_wh ? *tally.end_wh - *tally.begin_wh : -1;
    const bool is_between_possible = between > 0 && between <= most;
    // A register that never moves while everything else does is none.
    const bool is_dead = direct == 0 && tally.rises_wh == 0 &&
                         (intervals > trifle_wh || power > trifle_wh ||
                          (is_between_possible && between > trifle_wh));
    if (is_possible && is_whole && !is_dead) return answer(direct, "register");
    if (is_between_possible && between >= rises) return answer(between, "transaction_values");
    if (rises > 0) return answer(rises, "register_sum");
    if (intervals > 0) return answer(intervals, "intervals");
    if (power > 0) return answer(power, "power");
    // Only the time speaks against it: what can have been delivered in it.
    if (is_whole && direct > most && span.start_wh > 0) return answer(most, "register");
    if (is_possible) return answer(direct, "register");
    return answer(0, "unknown");
}

}  // namespace busbar::site
