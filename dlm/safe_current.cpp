#include "dlm/safe_current.hpp"

#include <algorithm>

namespace busbar::dlm {
namespace {

constexpr std::size_t entries_max = 8;

}  // namespace

void SafeCurrent::on_sent(std::uint64_t sequence, Amps safe) {
    sent_.push_back({sequence, safe});
    if (sent_.size() <= entries_max) return;
    // A charger that never answers must not fill memory: the two oldest become one.
    sent_[1].safe = std::max(sent_[0].safe, sent_[1].safe);
    sent_.erase(sent_.begin());
}

void SafeCurrent::on_accepted(std::uint64_t sequence) {
    const auto found = std::find_if(sent_.begin(), sent_.end(),
                                    [&](const Entry& entry) { return entry.sequence == sequence; });
    if (found == sent_.end()) return;
    accepted_ = found->safe;
    sent_.erase(sent_.begin(), found + 1);
}

void SafeCurrent::on_refused(std::uint64_t sequence) {
    std::erase_if(sent_, [&](const Entry& entry) { return entry.sequence == sequence; });
}

Amps SafeCurrent::most() const {
    Amps most = accepted_.value_or(Amps{});
    for (const Entry& entry : sent_) most = std::max(most, entry.safe);
    return most;
}

}  // namespace busbar::dlm
