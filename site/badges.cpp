#include "site/badges.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "ocpp/identity.hpp"
#include "site/local_list.hpp"

namespace busbar::site {
namespace {

constexpr std::size_t id_tag_size_max = 20;  // OCPP 1.6, 7.28
constexpr std::size_t text_size_max = 200;
constexpr std::size_t charge_points_max = 1000;

void check_text(std::vector<Violation>& out, std::string pointer,
                const std::optional<std::string>& text, std::size_t size_max) {
    if (!text) return;
    if (text->size() > size_max) {
        out.push_back({Defect::bad_value, pointer,
                       "longer than " + std::to_string(size_max) + " characters"});
    }
    if (!is_printable(*text)) {
        out.push_back({Defect::bad_value, std::move(pointer), "holds control characters"});
    }
}

}  // namespace

std::vector<Violation> check(const Badge& badge) {
    std::vector<Violation> out;
    if (badge.id_tag.empty()) out.push_back({Defect::bad_value, "/idTag", "must not be empty"});
    check_text(out, "/idTag", badge.id_tag, id_tag_size_max);
    check_text(out, "/label", badge.label, text_size_max);
    check_text(out, "/holder", badge.holder, text_size_max);
    check_text(out, "/group", badge.group, id_tag_size_max);
    check_text(out, "/chargeMode", badge.charge_mode, id_tag_size_max);
    if (badge.group && badge.group->empty()) {
        out.push_back({Defect::bad_value, "/group", "must not be empty"});
    }
    if (badge.status != "active" && badge.status != "blocked") {
        out.push_back({Defect::bad_value, "/status", "must be active or blocked"});
    }
    if (badge.valid_from && badge.valid_until && *badge.valid_from >= *badge.valid_until) {
        out.push_back({Defect::bad_value, "/validUntil", "must be later than validFrom"});
    }
    if (badge.max_active_transactions < 0 || badge.max_active_transactions > 1000) {
        out.push_back({Defect::bad_value, "/maxActiveTransactions", "must be 0 to 1000"});
    }
    if (badge.charge_points && badge.charge_points->size() > charge_points_max) {
        out.push_back({Defect::bad_value, "/chargePoints", "more than 1000 charge points"});
    }
    for (std::size_t i = 0; badge.charge_points && i < badge.charge_points->size(); ++i) {
        check_text(out, "/chargePoints/" + std::to_string(i), (*badge.charge_points)[i],
                   ocpp::identity_size_max);
    }
    return out;
}

db::Journal::Ticket save(Site& site, Badge badge) {
    site.badges.insert_or_assign(badge.id_tag, badge);
    site.last_badge_edit = site.record({std::move(badge)});
    badges_changed(site, site.now);
    return site.last_badge_edit;
}

std::optional<db::Journal::Ticket> remove_badge(Site& site, std::string_view id_tag) {
    const auto it = site.badges.find(id_tag);
    if (it == site.badges.end()) return std::nullopt;
    site.last_badge_edit = site.record({db::BadgeRemoved{it->second.id_tag}});
    site.badges.erase(it);
    badges_changed(site, site.now);
    return site.last_badge_edit;
}

void replace_badges(Site& site, std::vector<Badge> badges) {
    decltype(site.badges) replaced;
    for (auto& badge : badges) {
        std::string key = badge.id_tag;
        replaced.insert_or_assign(std::move(key), std::move(badge));
    }
    // Chargers' lists are not sent again because the database has come back.
    const bool is_news = !std::equal(
        replaced.begin(), replaced.end(), site.badges.begin(), site.badges.end(),
        [](const auto& a, const auto& b) { return to_json(a.second) == to_json(b.second); });
    site.badges = std::move(replaced);
    if (is_news) badges_changed(site, site.now);
}

}  // namespace busbar::site
