#include "site/unknown_badges.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "site/site.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

// Longer ones are no idTags in any form that a reader makes of them, and would fill memory.
constexpr std::size_t id_tag_bytes_max = 200;

db::StateRemoved removal_of(const std::string& id_tag) {
    return {std::string{unknown_badge_kind}, to_lower(id_tag)};
}

}  // namespace

void UnknownBadges::note(Site& site, const BadgeTap& tap, Now now) {
    if (tap.idTag.empty() || tap.idTag.size() > id_tag_bytes_max) return;
    auto it = badges_.find(tap.idTag);
    if (it == badges_.end()) {
        if (badges_.size() >= kept_max) make_room(site);
        it = badges_.emplace(tap.idTag, UnknownBadge{}).first;
        it->second.idTag = tap.idTag;
        it->second.firstAt = tap.at;
    }
    auto& badge = it->second;
    badge.lastAt = std::max(badge.lastAt, tap.at);
    badge.chargePoint = tap.chargePoint;
    badge.connectorId = tap.connectorId;
    ++badge.taps;
    if (!may_save(badge.idTag, now) || site.journal.full()) return;
    saved_.insert_or_assign(badge.idTag, now.mono);
    ++saved_this_minute_;
    site.record(
        {db::StateSaved{std::string{unknown_badge_kind}, to_lower(badge.idTag), {to_json(badge)}}});
}

bool UnknownBadges::may_save(std::string_view id_tag, Now now) {
    if (now.mono >= minute_began_ + 60s) {
        minute_began_ = now.mono;
        saved_this_minute_ = 0;
    }
    if (saved_this_minute_ >= rows_per_minute_max) return false;
    const auto last = saved_.find(id_tag);
    return last == saved_.end() || now.mono >= last->second + row_pause;
}

void UnknownBadges::make_room(Site& site) {
    const auto oldest = std::min_element(
        badges_.begin(), badges_.end(),
        [](const auto& a, const auto& b) { return a.second.lastAt < b.second.lastAt; });
    // One that has a row is worth another: there are never more of these than of the first.
    if (saved_.contains(oldest->first) && !site.journal.full()) {
        site.record({removal_of(oldest->first)});
    }
    saved_.erase(oldest->first);
    badges_.erase(oldest);
}

void UnknownBadges::restore(UnknownBadge badge) {
    if (badge.idTag.empty() || badges_.size() >= kept_max) return;
    saved_.insert_or_assign(badge.idTag, Instant::min());
    std::string key = badge.idTag;
    badges_.insert_or_assign(std::move(key), std::move(badge));
}

std::optional<db::StateRemoved> UnknownBadges::forget(std::string_view id_tag) {
    const auto it = badges_.find(id_tag);
    if (it == badges_.end()) return std::nullopt;
    auto row = removal_of(it->first);
    saved_.erase(it->first);
    badges_.erase(it);
    return row;
}

std::optional<db::Journal::Ticket> UnknownBadges::forget(Site& site, std::string_view id_tag) {
    auto row = forget(id_tag);
    if (!row) return std::nullopt;
    return site.record({std::move(*row)});
}

void UnknownBadges::forget_known(Site& site) {
    std::vector<std::string> known;
    for (const auto& [id_tag, badge] : badges_) {
        if (site.badges.contains(id_tag)) known.push_back(id_tag);
    }
    std::vector<db::Record> unit;
    for (const auto& id_tag : known) unit.emplace_back(*forget(id_tag));
    if (!unit.empty() && !site.journal.full()) site.record(std::move(unit));
}

void restore_unknown_badge(Site& site, const db::StateSaved& row) {
    if (row.kind != unknown_badge_kind) return;
    DecodeReport report;
    auto badge = decode_text<UnknownBadge>(row.body.text, {.lenient = true}, report);
    if (badge && !site.badges.contains(badge->idTag))
        site.unknown_badges.restore(std::move(*badge));
}

}  // namespace busbar::site
