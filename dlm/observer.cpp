#include "dlm/observer.hpp"

#include <algorithm>

namespace busbar::dlm {
namespace {

using std::chrono::seconds;

constexpr seconds follow_time{12};  // charger 5 s, car 5 s, meter 1 s, and some
constexpr seconds window{20};
constexpr Amps noise{500};
constexpr std::int64_t decay_ma_per_s = 50;

Amps percent(Amps amps, std::int32_t part) {
    return Amps{static_cast<std::int32_t>(std::int64_t{amps.milliamps} * part / 100)};
}

}  // namespace

Amps Observer::PhaseState::pending() const {
    Amps sum;
    for (const Fall& fall : falls) sum += fall.amount;
    return sum;
}

// A car that follows shows in the meter, and what has shown is pending no longer.
void Observer::PhaseState::follow_meter(Amps metered) {
    unexplained = Amps{};
    if (reference && metered >= *reference - noise && metered <= *reference + noise) return;
    Amps seen = reference ? *reference - metered : Amps{};
    reference = metered;
    while (seen > Amps{} && !falls.empty()) {
        const Amps part = std::min(seen, falls.front().amount);
        falls.front().amount -= part;
        seen -= part;
        if (falls.front().amount == Amps{}) falls.pop_front();
    }
    unexplained = std::max(seen, Amps{});
}

void Observer::PhaseState::take_changes(std::size_t p, std::span<const Contribution> evses,
                                        Instant now) {
    std::erase_if(falls, [&](const Fall& fall) { return fall.until <= now; });
    std::erase_if(rises, [&](const Rise& rise) { return rise.at + follow_time <= now; });
    std::erase_if(snapshots, [&](const Snapshot& old) { return old.at + follow_time < now; });
    for (const Contribution& evse : evses) {
        if (!evse.phases[p]) continue;
        if (evse.high > evse.previous_high) rises.push_back({evse.high - evse.previous_high, now});
        Amps before = evse.previous_high;
        if (evse.draw_known && evse.measured) {
            before = std::min(before, percent((*evse.measured)[p], 110));
        }
        if (evse.shown) before = std::min(before, (*evse.shown)[p]);
        if (before <= evse.high) continue;
        // A charger may follow before its answer is here: that much has fallen already.
        const Amps part = std::min(unexplained, before - evse.high);
        unexplained -= part;
        if (before - part > evse.high) {
            falls.push_back({before - part - evse.high, now + follow_time});
        }
    }
}

// What rises in the meter without a limit that rose is the building, or a car that took less than
// it was allowed: room that an earlier estimate had lent to others.
std::optional<Amps> Observer::PhaseState::by_rise(Amps metered) const {
    if (snapshots.empty()) return std::nullopt;
    Amps allowed;
    for (const Rise& rise : rises) allowed += rise.amount;
    const Snapshot& earlier = snapshots.front();
    return earlier.estimate + (metered - earlier.metered) - allowed;
}

void Observer::PhaseState::remember(Amps value, Instant now) {
    while (!highest.empty() && highest.back().value <= value) highest.pop_back();
    highest.push_back({value, now});
    while (highest.front().at + window < now) highest.pop_front();
}

// What the EVSEs on one phase draw together, by different degrees of certainty.
struct Observer::Sum {
    Amps high;                   // the most they may draw
    Amps low;                    // the least they draw
    Amps measured;               // their own measurements; limits where there are none
    Amps probable;               // the most they draw, as far as measurements tell
    bool settled = true;         // all of `measured` is measured
    bool nearly_settled = true;  // the rest has not moved for a while
};

Observer::Sum Observer::sum(std::size_t p, std::span<const Contribution> evses) {
    Sum sum;
    for (const Contribution& evse : evses) {
        if (!evse.phases[p]) continue;
        // One that may draw nothing does draw nothing, whatever it measured last.
        const bool may_draw = evse.high > Amps{};
        const Amps own = evse.measured && may_draw ? (*evse.measured)[p] : Amps{};
        sum.high += evse.high;
        sum.measured += evse.silent ? evse.high : own;
        if (evse.settled) sum.low += percent(own, 90);
        sum.probable += evse.draw_known && evse.measured ? std::min(own, evse.high) : evse.high;
        sum.settled = sum.settled && evse.settled;
        sum.nearly_settled = sum.nearly_settled && (evse.settled || evse.silent);
    }
    return sum;
}

void Observer::update(const PhaseAmps& metered, Instant sampled_at,
                      std::span<const Contribution> evses, const Phases& overloaded,
                      const PhaseAmps& first_guess, Instant now) {
    const bool is_new = sampled_at > last_sample_;
    if (!last_update_) last_update_ = now;
    last_sample_ = std::max(last_sample_, sampled_at);
    for (std::size_t p = 0; p < phases_.size(); ++p) {
        PhaseState& phase = phases_[p];
        if (is_new) phase.follow_meter(metered[p]);
        phase.take_changes(p, evses, now);
        estimate(phase, metered[p], sum(p, evses), overloaded[p], first_guess[p], now);
    }
    last_update_ = now;
}

void Observer::note(std::span<const Contribution> evses, Instant now) {
    for (std::size_t p = 0; p < phases_.size(); ++p) phases_[p].take_changes(p, evses, now);
}

void Observer::estimate(PhaseState& phase, Amps metered, const Sum& evses, bool overloaded,
                        Amps first_guess, Instant now) {
    const Amps pending = phase.pending();
    const Amps least = metered - evses.high - pending;
    const Amps most = metered - evses.low;
    const Amps by_measurement = metered - evses.measured;
    Amps value = phase.estimate.value_or(first_guess);
    if (pending == Amps{} && evses.settled) {
        value = by_measurement;
    } else if (pending == Amps{} && evses.nearly_settled && by_measurement < value) {
        // Nobody tells what these cars draw. Taking all of their limits for granted at once would
        // swing; never taking it would lose the current for good.
        const auto elapsed = std::min<std::chrono::milliseconds>(now - *last_update_, window);
        const Amps part{static_cast<std::int32_t>(elapsed.count() * decay_ma_per_s / 1000)};
        value = std::max(by_measurement, value - part);
    }
    value = std::max(least, std::min(value, most));
    if (overloaded) {
        value = std::max(value, metered - pending - evses.probable);
        value = std::max(value, phase.by_rise(metered).value_or(value));
    }
    phase.estimate = value;
    phase.snapshots.push_back({metered, value, now});
    phase.remember(value, now);
}

std::optional<PhaseAmps> Observer::background() const {
    PhaseAmps result;
    for (std::size_t p = 0; p < result.size(); ++p) {
        if (phases_[p].highest.empty()) return std::nullopt;
        result[p] = phases_[p].highest.front().value;
    }
    return result;
}

PhaseAmps Observer::pending_fall() const {
    PhaseAmps result;
    for (std::size_t p = 0; p < result.size(); ++p) result[p] = phases_[p].pending();
    return result;
}

}  // namespace busbar::dlm
