#include "dlm/worst_case.hpp"

#include <algorithm>

namespace busbar::dlm {
namespace {

constexpr std::size_t entries_max = 32;

}  // namespace

void WorstCase::on_sent(std::uint64_t sequence, Amps limit, Amps safe, Instant lease_end) {
    entries_.push_back({sequence, limit, safe, lease_end + lease_grace, false, true});
    if (entries_.size() <= entries_max) return;
    // A charger that never answers must not fill memory: its two oldest entries become one that
    // covers both.
    Entry& second = entries_[1];
    const Entry& first = entries_[0];
    second.limit = std::max(first.limit, second.limit);
    second.safe = std::max(first.safe, second.safe);
    second.until = std::max(first.until, second.until);
    entries_.erase(entries_.begin());
}

void WorstCase::on_delayed(std::uint64_t sequence, Instant lease_end) {
    for (Entry& entry : entries_) {
        if (entry.sequence == sequence)
            entry.until = std::max(entry.until, lease_end + lease_grace);
    }
}

bool WorstCase::on_acknowledged(std::uint64_t sequence) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.sequence == sequence; });
    if (found == entries_.end()) return false;
    found->acknowledged = true;
    tail_ = found->safe;
    std::erase_if(entries_, [&](const Entry& entry) { return entry.sequence < sequence; });
    return true;
}

void WorstCase::on_refused(std::uint64_t sequence) {
    std::erase_if(entries_, [&](const Entry& entry) {
        return entry.sequence == sequence && entry.connected && !entry.acknowledged;
    });
}

void WorstCase::on_disconnected() {
    for (Entry& entry : entries_) entry.connected = false;
}

void WorstCase::restore(Amps limit, Amps safe, Instant until) {
    entries_.insert(entries_.begin(), {0, limit, safe, until, false, false});
}

void WorstCase::clear() {
    entries_.clear();
    tail_ = Amps{};
}

Amps WorstCase::worst_case(Instant now) const {
    Amps most = std::max(safe_, after_lease());
    for (const Entry& entry : entries_) {
        if (now < entry.until) most = std::max(most, entry.limit);
    }
    return most;
}

Amps WorstCase::worst_case_connected(Instant now) const {
    Amps most;
    bool certain = false;
    for (const Entry& entry : entries_) {
        if (now < entry.until) most = std::max(most, entry.limit);
        certain = certain ||
                  (entry.acknowledged && entry.connected && now < entry.until - 2 * lease_grace);
    }
    return certain ? most : worst_case(now);
}

std::optional<Amps> WorstCase::leased(Instant now) const {
    Amps most;
    bool certain = false;
    for (const Entry& entry : entries_) {
        if (now < entry.until) most = std::max(most, entry.limit);
        certain = certain || (entry.acknowledged && now < entry.until - 2 * lease_grace);
    }
    return certain ? std::optional{most} : std::nullopt;
}

Amps WorstCase::after_lease() const {
    Amps most = tail_;
    for (const Entry& entry : entries_) most = std::max(most, entry.safe);
    return most;
}

bool WorstCase::has_lease(Instant now) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& entry) { return now < entry.until; });
}

std::optional<Instant> WorstCase::lease_end(Instant now) const {
    std::optional<Instant> last;
    for (const Entry& entry : entries_) {
        if (now < entry.until) last = std::max(last.value_or(entry.until), entry.until);
    }
    return last;
}

std::optional<Amps> WorstCase::acknowledged(Instant now) const {
    std::optional<Amps> newest;
    for (const Entry& entry : entries_) {
        if (entry.acknowledged && now < entry.until - lease_grace) newest = entry.limit;
    }
    return newest;
}

std::optional<Instant> WorstCase::next_change(Instant now) const {
    std::optional<Instant> next;
    for (const Entry& entry : entries_) {
        if (now < entry.until && (!next || entry.until < *next)) next = entry.until;
    }
    return next;
}

}  // namespace busbar::dlm
