#include "dlm/demand.hpp"

#include <algorithm>

namespace busbar::dlm {
namespace {

using std::chrono::seconds;

constexpr seconds low_time{20};
constexpr int low_samples_min = 2;
constexpr seconds raise_pause{10};
constexpr seconds probe_pause{300};
constexpr seconds start_time{60};  // cars think for a while before they draw
constexpr Amps raise_step = 2_A;
constexpr Amps near_cap{700};
constexpr Amps deadband{500};
constexpr Amps drawing = 1_A;

Amps tenth(Amps amps) { return Amps{amps.milliamps / 10}; }

}  // namespace

void Demand::update(const Observation& seen, Instant now) {
    const bool is_new = seen.drawn_at > last_sample_;
    const bool settled = seen.drawn_at >= seen.limit_changed_at + settling_time;
    if (is_new) {
        last_sample_ = seen.drawn_at;
        has_drawn_ = has_drawn_ || seen.drawn >= drawing;
    }
    if (is_new && settled) lower(seen, now);
    if (!cap_) return;
    if (is_new && settled && seen.drawn >= *cap_ - near_cap && now - changed_at_ >= raise_pause) {
        cap_ = *cap_ + raise_step;
        changed_at_ = now;
    }
    if (seen.room_for_probe && now - probed_at_ >= probe_pause) {
        cap_ = *cap_ + raise_step;
        changed_at_ = probed_at_ = now;
        low_since_.reset();
    }
    if (*cap_ >= seen.maximum) cap_.reset();
}

void Demand::lower(const Observation& seen, Instant now) {
    const bool may_think = !has_drawn_ && now - seen.charging_since < start_time;
    if (may_think || seen.drawn >= seen.limit - std::max(1_A, tenth(seen.limit))) {
        low_since_.reset();
        return;
    }
    if (!low_since_) {
        low_since_ = seen.drawn_at;
        low_samples_ = 0;
    }
    ++low_samples_;
    if (low_samples_ < low_samples_min || seen.drawn_at - *low_since_ < low_time) return;
    const Amps worth = std::max(seen.minimum, seen.drawn + std::max(raise_step, tenth(seen.drawn)));
    if (!cap_) probed_at_ = now;
    if (!cap_ || std::max(*cap_ - worth, worth - *cap_) >= deadband) {
        cap_ = worth;
        changed_at_ = now;
    }
}

}  // namespace busbar::dlm
