#include "site/privacy.hpp"

#include <algorithm>

#include "site/badge_reading.hpp"
#include "site/local_list.hpp"

namespace busbar::site {
namespace {

bool is_same(const std::optional<std::string>& a, std::string_view b) {
    return a && equal_ignoring_case(*a, b);
}

// Whatever the charger made of it: read for this badge, or sent just so.
bool is_of(const db::TransactionStarted& start, std::string_view id_tag) {
    return start.badge ? equal_ignoring_case(*start.badge, id_tag)
                       : equal_ignoring_case(start.id_tag, id_tag);
}

void rename(Transaction& transaction, std::string_view id_tag, const std::string& pseudonym) {
    auto& start = transaction.start;
    auto& stop = transaction.stop;
    const bool is_its = is_of(start, id_tag);
    if (stop && stop->id_tag && (is_its || is_same(stop->id_tag, id_tag))) stop->id_tag = pseudonym;
    if (!is_its) return;
    start.badge = pseudonym;
    start.id_tag = pseudonym;
}

}  // namespace

bool is_charging(const Site& site, std::string_view id_tag) {
    for (const auto& [id, charger] : site.charge_points) {
        for (const auto& transaction : charger.open) {
            const auto& start = transaction.start;
            if (is_of(start, id_tag) || equal_ignoring_case(start.id_tag, id_tag)) return true;
            const auto* badge = find_badge(site, charger, start.id_tag);
            if (badge && equal_ignoring_case(badge->id_tag, id_tag)) return true;
        }
    }
    return false;
}

bool is_known_badge(const Site& site, std::string_view id_tag) {
    if (site.badges.contains(id_tag) || site.unknown_badges.all().contains(id_tag)) return true;
    return std::any_of(
        site.charge_points.begin(), site.charge_points.end(), [&](const auto& entry) {
            const auto& stopped = entry.second.stopped;
            return std::any_of(stopped.begin(), stopped.end(), [&](const auto& transaction) {
                return is_of(transaction.start, id_tag);
            });
        });
}

db::Journal::Ticket erase_badge(Site& site, std::string_view id_tag, const std::string& pseudonym) {
    const auto badge = site.badges.find(id_tag);
    const std::string name{badge == site.badges.end() ? id_tag : badge->second.id_tag};
    std::vector<db::Record> unit{db::BadgeErased{name, pseudonym}};
    if (auto forgotten = site.unknown_badges.forget(name)) unit.emplace_back(*forgotten);
    for (auto& [id, charger] : site.charge_points) {
        for (auto& transaction : charger.stopped) rename(transaction, name, pseudonym);
        for (auto& orphan : charger.orphan_stops) {
            if (is_same(orphan.id_tag, name)) orphan.id_tag = pseudonym;
        }
    }
    for (auto& [id, correction] : site.corrections) {
        if (is_same(correction.badge, name)) correction.badge = pseudonym;
    }
    if (site.learning.learned && equal_ignoring_case(site.learning.learned->idTag, name)) {
        site.learning.learned.reset();
    }
    const bool was_there = badge != site.badges.end();
    if (was_there) site.badges.erase(badge);
    site.last_badge_edit = site.record(std::move(unit));
    if (was_there) badges_changed(site, site.now);
    return site.last_badge_edit;
}

void forget_unknown_badges(Site& site, Timestamp before) {
    if (site.journal.full()) return;
    std::vector<std::string> old;
    for (const auto& [id_tag, badge] : site.unknown_badges.all()) {
        if (badge.lastAt < before) old.push_back(id_tag);
    }
    std::vector<db::Record> unit;
    for (const auto& id_tag : old) {
        if (auto forgotten = site.unknown_badges.forget(id_tag)) unit.emplace_back(*forgotten);
    }
    if (!unit.empty()) site.record(std::move(unit));
}

}  // namespace busbar::site
