#include "base/quarter_hours.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace busbar {
namespace {

double milliseconds_between(Timestamp from, Timestamp to) {
    return static_cast<double>((to - from).count());
}

// The readings within the charge between those of its start and stop, as far as these fit to them.
std::vector<RegisterReading> curve_of(const EndedCharge& charge, Timestamp begin) {
    // A corrected energy may be less than what the register showed.
    const auto step_max = std::max(static_cast<double>(charge.energy_wh),
                                   charge.meter_stop_wh - charge.meter_start_wh);
    const auto fits = [&](double step) { return step >= 0 && step <= step_max; };
    std::vector<RegisterReading> inner;
    for (const auto& reading : charge.readings) {
        const bool within = reading.at >= begin && reading.at <= charge.stopped_at;
        if (!within || !std::isfinite(reading.wh)) continue;
        if (!inner.empty() && !fits(reading.wh - inner.back().wh)) continue;
        inner.push_back(reading);
    }
    std::vector<RegisterReading> curve;
    if (inner.empty()) return {{begin, 0}, {charge.stopped_at, 1}};
    const bool start_fits = fits(inner.front().wh - charge.meter_start_wh);
    curve.push_back({begin, start_fits ? charge.meter_start_wh : inner.front().wh});
    curve.insert(curve.end(), inner.begin(), inner.end());
    const bool stop_fits = fits(charge.meter_stop_wh - inner.back().wh);
    curve.push_back({charge.stopped_at, stop_fits ? charge.meter_stop_wh : inner.back().wh});
    return curve;
}

// Adds what flowed between two readings to the quarters it flowed in.
void add(std::vector<double>& weights, Timestamp first, const RegisterReading& from,
         const RegisterReading& to) {
    const double step = to.wh - from.wh;
    if (step <= 0) return;
    const auto index_of = [&](Timestamp at) {
        return std::min(static_cast<std::size_t>((at - first) / quarter_hour), weights.size() - 1);
    };
    const auto duration = milliseconds_between(from.at, to.at);
    const auto last = index_of(to.at);
    for (auto index = index_of(from.at); index <= last; ++index) {
        const auto begin = first + static_cast<std::int64_t>(index) * quarter_hour;
        const auto share =
            milliseconds_between(std::max(from.at, begin), std::min(to.at, begin + quarter_hour));
        if (duration > 0) {
            weights[index] += step * std::max(share, 0.0) / duration;
        } else if (index == last) {
            weights[index] += step;
        }
    }
}

std::vector<std::int64_t> apportion(std::int64_t whole, const std::vector<double>& weights) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<std::int64_t> parts(weights.size(), 0);
    std::vector<double> remainders(weights.size(), 0);
    std::int64_t left = whole;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double exact = static_cast<double>(whole) * (weights[i] / sum);
        // Rounding in the last place must not hand out more than there is.
        parts[i] = std::min(static_cast<std::int64_t>(exact), left);
        remainders[i] = exact - static_cast<double>(parts[i]);
        left -= parts[i];
    }
    std::vector<std::size_t> order(weights.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return remainders[a] > remainders[b]; });
    // Fewer are left than there are parts, but for what a double cannot count of absurd energies.
    const auto count = static_cast<std::int64_t>(parts.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        parts[order[i]] += left / count + (static_cast<std::int64_t>(i) < left % count ? 1 : 0);
    }
    return parts;
}

}  // namespace

QuarterEnergy spread_over_quarters(const EndedCharge& charge) {
    const auto stop = charge.stopped_at;
    constexpr auto longest = static_cast<std::int64_t>(quarters_max - 1) * quarter_hour;
    const auto begin = std::clamp(charge.started_at, stop - longest, stop);
    const auto first = quarter_of(begin);
    // A charge that ends with a quarter has nothing in the next one.
    const auto span = std::max(stop - first - std::chrono::milliseconds{1}, stop - stop);
    std::vector<double> weights(static_cast<std::size_t>(span / quarter_hour) + 1, 0);
    const auto curve = curve_of(charge, begin);
    for (std::size_t i = 1; i < curve.size(); ++i) add(weights, first, curve[i - 1], curve[i]);
    const bool is_flat =
        std::none_of(weights.begin(), weights.end(), [](double w) { return w > 0; });
    if (is_flat) add(weights, first, {begin, 0}, {stop, 1});
    return {first, apportion(charge.energy_wh, weights)};
}

}  // namespace busbar
