#include "site/transaction_energy.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace busbar::site {
namespace {

constexpr double unknown_power_max = 400'000;
constexpr double whole_kwh = 1000;
constexpr double rounding_wh = 1;  // start and stop are whole Wh, samples need not be
constexpr double trifle_wh = 50;   // what a register may have missed, and a power meter made up
constexpr std::chrono::minutes seen_late_after{5};
constexpr std::chrono::hours power_gap_max{1};  // nobody knows what was drawn in a longer one

double hours_between(Timestamp from, Timestamp to) {
    return std::chrono::duration<double, std::ratio<3600>>(to - from).count();
}

// What can have been delivered between start and stop. Clocks are set while transactions run: what
// we saw of the time counts as well, a register is not doubted for less than an hour, and a day
// counts where nobody knows: where we were not there when it began.
double most_of(const EnergySpan& span, double power_watts_max) {
    using std::chrono::hours;
    const auto told = span.stopped_at - span.started_at;
    const auto seen = span.stop_received_at - span.start_received_at;
    auto lasted = std::max({told, seen, Timestamp::duration{hours{1}}});
    const auto unseen = span.start_received_at - span.started_at;
    if (!span.times_are_believable || told < told.zero() || unseen > seen_late_after) {
        lasted = std::max({seen, told, Timestamp::duration{hours{24}}});
    }
    return deliverable_wh(power_watts_max, Timestamp{}, Timestamp{lasted});
}

// What the register has risen where it has gone on since the last break.
double risen_since_break(const EnergyTally& tally) { return *tally.register_wh - tally.piece_wh; }

// True if this reading goes on from before the last break, and not, or less likely, from after it.
bool comes_back(const EnergyTally& tally, double wh, Timestamp at, double power_watts_max) {
    if (!tally.last_break || !tally.register_wh) return false;
    const auto& before = *tally.last_break;
    const auto back = register_rise(before.register_wh, wh,
                                    deliverable_wh(power_watts_max, before.register_at, at));
    if (!back.wh || back.fell) return false;
    const auto on = register_rise(*tally.register_wh, wh,
                                  deliverable_wh(power_watts_max, tally.register_at, at));
    if (!on.wh || on.fell) return true;
    // A register that began anew has risen step by step when it gets to where it was.
    return *back.wh < *on.wh && risen_since_break(tally) < *on.wh;
}

// True if the stop shows what the start has shown, while another register has risen step by step:
// the one of start and stop stands still.
bool stands_still(const EnergyTally& tally, const EnergySpan& span) {
    return tally.last_break && tally.register_wh &&
           std::abs(*span.stop_wh - span.start_wh) <= rounding_wh &&
           risen_since_break(tally) > trifle_wh;
}

// What the register may have been rounded by where it was read last.
double step_of(double register_wh) {
    for (const double step : {whole_kwh, whole_kwh / 10}) {
        if (std::fmod(register_wh, step) == 0) return step;
    }
    return trifle_wh;
}

void forget_break(EnergyTally& tally) {
    const auto before = *tally.last_break;
    tally.register_wh = before.register_wh;
    tally.register_at = before.register_at;
    tally.rises_wh = before.rises_wh;
    tally.broken_at = before.broken_at;
    tally.piece_wh = before.piece_wh;
    tally.piece_at = before.piece_at;
    tally.rises_before_wh = before.rises_before_wh;
    tally.fell_at = before.fell_at;
    tally.last_break.reset();
}

// The register is about to go on elsewhere.
void keep_break(EnergyTally& tally) {
    constexpr double enough_wh = 100;
    if (tally.last_break && risen_since_break(tally) < enough_wh) return;
    tally.last_break =
        RegisterBreak{*tally.register_wh, tally.register_at, tally.rises_wh,        tally.broken_at,
                      tally.piece_wh,     tally.piece_at,    tally.rises_before_wh, tally.fell_at};
}

void add_register(EnergyTally& tally, double wh, Timestamp at, double power_watts_max) {
    if (at < tally.register_at) return;
    ++tally.readings;
    if (comes_back(tally, wh, at, power_watts_max)) forget_break(tally);
    if (tally.register_wh) {
        const auto rise = register_rise(*tally.register_wh, wh,
                                        deliverable_wh(power_watts_max, tally.register_at, at));
        if (rise.fell || !rise.wh) keep_break(tally);
        tally.rises_wh += rise.wh.value_or(0);
        if (rise.fell && !tally.fell_at) tally.fell_at = at;
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
    if (tally.register_at > span.stopped_at) {
        const auto whole =
            register_rise(span.start_wh, *span.stop_wh, most_of(span, power_watts_max));
        if (whole.rolled_over) return *whole.wh;
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

bool may_follow(double earlier_wh, Timestamp earlier_at, double later_wh, Timestamp later_at,
                double power_watts_max) {
    if (later_wh >= earlier_wh) return true;
    const auto most = deliverable_wh(power_watts_max, earlier_at, later_at);
    return register_rise(earlier_wh, later_wh, most).rolled_over;
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

bool take_back(EnergyTally& tally, double stop_wh, Timestamp stopped_at) {
    if (!tally.register_wh || stopped_at >= tally.register_at) return false;
    // The same register as at the begin says nothing: that of a session has none other.
    if (stopped_at >= tally.piece_at && stop_wh > tally.piece_wh && stop_wh <= *tally.register_wh) {
        tally.rises_wh = tally.rises_before_wh + (stop_wh - tally.piece_wh);
        tally.register_wh = stop_wh;
        tally.register_at = stopped_at;
        return true;
    }
    // The register of a session began anew with the later one.
    if (!tally.last_break || stopped_at < tally.last_break->register_at) return false;
    if (stopped_at > tally.piece_at) return false;
    forget_break(tally);
    return true;
}

bool is_odd(const EnergyTally& tally) {
    if (tally.broken_at) return true;
    return tally.readings == 0 && (tally.intervals_wh > 0 || tally.power_wh > 0);
}

Energy energy_of(const EnergyTally& told, const EnergySpan& span, double power_watts_max) {
    auto tally = told;
    const bool is_seen = span.stop_wh && span.stopped_at >= tally.register_at;
    if (is_seen && !stands_still(tally, span) &&
        comes_back(tally, *span.stop_wh, span.stopped_at, power_watts_max)) {
        forget_break(tally);
    }
    const double most = std::floor(most_of(span, power_watts_max));
    const double rises = std::min(rises_until(tally, span, power_watts_max), most);
    const double direct = span.stop_wh ? *span.stop_wh - span.start_wh : -1;
    // One that has only risen too fast was read by a clock that was set.
    const bool is_whole = !tally.fell_at || span.stopped_at < *tally.fell_at;
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
    // One that has risen, and with the stop alone shows less than that: its stop is stale.
    const bool is_stale = is_seen && !tally.fell_at && tally.register_wh &&
                          direct < rises - step_of(*tally.register_wh);
    if (is_possible && is_whole && !is_dead && !is_stale) return answer(direct, "register");
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
