#include "site/badge_groups.hpp"

#include "site/badge_fields.hpp"

namespace busbar::site {

std::vector<Violation> check(const BadgeGroup& group) {
    std::vector<Violation> out;
    check_id_token(out, "/name", group.name);
    check_text(out, "/label", group.label, badge_text_size_max);
    check_text(out, "/costCentre", group.cost_centre, badge_text_size_max);
    check_note(out, "/note", group.note);
    const auto& most = group.max_active_transactions;
    if (most && (*most < 0 || *most > active_transactions_max)) {
        out.push_back({Defect::bad_value, "/maxActiveTransactions",
                       "must be 0 to " + std::to_string(active_transactions_max) +
                           ", or null for any number"});
    }
    return out;
}

db::Journal::Ticket save(Site& site, BadgeGroup group) {
    site.badge_groups.insert_or_assign(group.name, group);
    site.last_badge_group_edit = site.record({std::move(group)});
    return site.last_badge_group_edit;
}

std::optional<db::Journal::Ticket> remove_badge_group(Site& site, std::string_view name) {
    const auto it = site.badge_groups.find(name);
    if (it == site.badge_groups.end()) return std::nullopt;
    site.last_badge_group_edit = site.record({db::BadgeGroupRemoved{it->second.name}});
    site.badge_groups.erase(it);
    return site.last_badge_group_edit;
}

void replace_badge_groups(Site& site, std::vector<BadgeGroup> groups) {
    site.badge_groups.clear();
    for (auto& group : groups) {
        std::string name = group.name;
        site.badge_groups.insert_or_assign(std::move(name), std::move(group));
    }
}

}  // namespace busbar::site
