#include "dlm/proof.hpp"

#include <algorithm>

#include "dlm/demand.hpp"

namespace busbar::dlm {
namespace {

using std::chrono::seconds;

constexpr seconds proof_time{10};     // within the limit, from one sample to another
constexpr seconds disproof_time{15};  // after that nobody is still following

// Meters of chargers are not exact.
Amps tolerated(Amps limit) { return limit + std::max(1_A, Amps{limit.milliamps / 10}); }

}  // namespace

void Proof::on_limit(Amps limit) {
    if (most_) most_ = std::max(*most_, limit);
    // What was within a lower limit is within this one.
    if (!limit_ || limit < *limit_) within_since_.reset();
    limit_ = limit;
}

void Proof::update(const Observation& seen) {
    if (seen.drawn_at <= last_sample_) return;
    last_sample_ = seen.drawn_at;
    if (seen.drawn_at < seen.limit_changed_at + settling_time) return;
    if (seen.drawn > tolerated(seen.limit)) {
        within_since_.reset();
        if (seen.drawn_at >= seen.limit_changed_at + disproof_time) most_.reset();
        return;
    }
    if (!within_since_) within_since_ = seen.drawn_at;
    if (seen.drawn_at - *within_since_ >= proof_time) most_ = seen.limit;
}

}  // namespace busbar::dlm
