#include "api/badge_view.hpp"

#include "api/audit.hpp"

namespace busbar::api {
namespace {

// What the audit log says of the import as a whole.
struct ImportSummary {
    std::int32_t created = 0;
    std::int32_t changed = 0;
    std::int32_t unchanged = 0;
};
BOOST_DESCRIBE_STRUCT(ImportSummary, (), (created, changed, unchanged))

// Veils one member of `row`, which was `before`.
template <class Row>
void veil(Row& row, const Row* before, std::optional<std::string> Row::*member) {
    const bool is_other =
        before && before->*member && row.*member && before->*member != row.*member;
    row.*member = is_other ? std::optional<std::string>{"(changed)"} : veiled(row.*member);
}

}  // namespace

BadgeView badge_view(const db::BadgeSaved& badge) {
    BadgeView view;
    view.idTag = badge.id_tag;
    view.printedNumber = badge.printed_number;
    view.label = badge.label;
    view.holder = badge.holder;
    view.email = badge.email;
    view.group = badge.group;
    view.costCentre = badge.cost_centre;
    view.status = badge.status;
    view.validFrom = badge.valid_from;
    view.validUntil = badge.valid_until;
    view.chargePoints = badge.charge_points;
    view.chargePointGroups = badge.charge_point_groups;
    view.schedule = badge.schedule;
    view.maxActiveTransactions = badge.max_active_transactions;
    view.monthlyEnergyQuotaWh = badge.monthly_energy_quota_wh;
    view.chargeMode = badge.charge_mode;
    view.priorityClass = badge.priority_class;
    view.note = badge.note;
    return view;
}

bool fits(const db::BadgeSaved& badge, const BadgeFilter& filter) {
    if (filter.status && badge.status != *filter.status) return false;
    if (filter.group && !equal_ignoring_case(badge.group.value_or(""), *filter.group)) return false;
    if (!filter.text) return true;
    const auto wanted = to_lower(*filter.text);
    const auto holds = [&](std::string_view text) {
        return to_lower(text).find(wanted) != std::string::npos;
    };
    if (holds(badge.id_tag)) return true;
    for (const auto* text :
         {&badge.printed_number, &badge.label, &badge.holder, &badge.email, &badge.note}) {
        if (*text && holds(**text)) return true;
    }
    return false;
}

std::string audit_json(db::BadgeSaved badge, const db::BadgeSaved* before) {
    using Badge = db::BadgeSaved;
    for (const auto member : {&Badge::label, &Badge::holder, &Badge::email, &Badge::note}) {
        veil(badge, before, member);
    }
    return to_json(badge_view(badge), TimeStyle::milliseconds);
}

std::string audit_json(db::BadgeGroupSaved group, const db::BadgeGroupSaved* before) {
    veil(group, before, &db::BadgeGroupSaved::note);
    return to_json(badge_group_view(group), TimeStyle::milliseconds);
}

BadgeGroupView badge_group_view(const db::BadgeGroupSaved& group) {
    return {group.name, group.label, group.cost_centre, group.max_active_transactions, group.note};
}

std::string extended(std::string object, const std::string& members) {
    object.pop_back();
    return object + ',' + members + '}';
}

std::vector<db::AuditEntry> import_entries(const db::AuditEntry& pattern,
                                           const site::BadgesByIdTag& present,
                                           const site::BadgeImport& import) {
    std::vector<db::AuditEntry> entries;
    auto& whole = entries.emplace_back(pattern);
    whole.action = "import";
    whole.object_kind = "badge";
    whole.after = RawJson{to_json(ImportSummary{import.created, import.changed, import.unchanged})};
    for (const auto& badge : import.badges) {
        auto& entry = entries.emplace_back(pattern);
        const auto before = present.find(badge.id_tag);
        const bool is_new = before == present.end();
        entry.action = is_new ? "create" : "update";
        entry.object_kind = "badge";
        entry.object_id = badge.id_tag;
        if (!is_new) entry.before = RawJson{audit_json(before->second)};
        entry.after = RawJson{audit_json(badge, is_new ? nullptr : &before->second)};
    }
    return entries;
}

}  // namespace busbar::api
