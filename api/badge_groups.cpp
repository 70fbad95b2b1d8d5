// /api/v1/groups: what is set for all badges of a group. A group is there as soon as a badge names
// it; settings are kept only for those that have some.
#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/badge_view.hpp"
#include "api/etag.hpp"
#include "api/handlers.hpp"
#include "site/badges.hpp"

namespace busbar::api {
namespace {

// The body of POST, which needs a name, and of PATCH, which must not have one.
struct GroupEdit {
    Patch<std::string> name;
    Patch<std::string> label;
    Patch<std::string> costCentre;
    Patch<std::int32_t> maxActiveTransactions;
    Patch<std::string> note;
};
BOOST_DESCRIBE_STRUCT(GroupEdit, (), (name, label, costCentre, maxActiveTransactions, note))

// How many badges name each group.
using Sizes = std::map<std::string, std::int64_t, LessIgnoringCase>;

Sizes group_sizes(const site::Site& site) {
    Sizes sizes;
    for (const auto& [id_tag, badge] : site.badges) {
        if (badge.group) ++sizes[*badge.group];
    }
    return sizes;
}

std::string version_of(const site::BadgeGroup& group) {
    return to_json(badge_group_view(group), TimeStyle::milliseconds);
}

std::string body_of(const site::BadgeGroup& group, const Sizes& sizes) {
    const auto size = sizes.find(group.name);
    const auto count = size == sizes.end() ? 0 : size->second;
    return extended(version_of(group), "\"badges\":" + std::to_string(count));
}

std::string body_of(const Call& call, const site::BadgeGroup& group) {
    return body_of(group, group_sizes(call.site()));
}

// The group's settings, none where only badges name it; nothing if there is no such group.
std::optional<site::BadgeGroup> find(const Call& call) {
    const auto& groups = call.site().badge_groups;
    if (const auto it = groups.find(call.names[0]); it != groups.end()) return it->second;
    const auto sizes = group_sizes(call.site());
    const auto named = sizes.find(call.names[0]);
    if (named == sizes.end()) return std::nullopt;
    site::BadgeGroup group;
    group.name = named->first;
    return group;
}

site::BadgeGroup edited(site::BadgeGroup group, const GroupEdit& edit,
                        std::vector<Violation>& violations) {
    assign_nullable(group.label, edit.label);
    assign_nullable(group.cost_centre, edit.costCentre);
    assign_nullable(group.max_active_transactions, edit.maxActiveTransactions);
    assign_nullable(group.note, edit.note);
    add(violations, site::check(group));
    return group;
}

void save(const Call& call, const std::optional<site::BadgeGroup>& before, site::BadgeGroup group) {
    auto response =
        tagged(json_response(before ? 200 : 201, body_of(call, group)), version_of(group));
    if (!before) {
        response.headers.emplace_back("Location", "/api/v1/groups/" + path_segment(group.name));
    }
    Change change{before ? "update" : "create", "group", group.name};
    if (before) change.before = audit_json(*before);
    change.after = audit_json(group, before ? &*before : nullptr);
    audit(call, std::move(change));
    const auto ticket = site::save(call.site(), std::move(group));
    respond_when_durable(call, ticket, std::move(response));
}

}  // namespace

void list_badge_groups(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    const auto sizes = group_sizes(call.site());
    auto all = call.site().badge_groups;
    for (const auto& [name, size] : sizes) {
        site::BadgeGroup bare;
        bare.name = name;
        all.emplace(name, std::move(bare));
    }
    std::vector<RawJson> items;
    std::string last;
    auto it = cursor ? all.upper_bound(*cursor) : all.begin();
    for (; it != all.end() && items.size() < limit; ++it) {
        items.push_back({body_of(it->second, sizes)});
        last = it->first;
    }
    std::optional<std::string> next;
    if (it != all.end()) next = last;
    call.respond(page_response(items, next));
}

void show_badge_group(const Call& call) {
    const auto group = find(call);
    if (!group) return call.respond(not_found("group"));
    call.respond(tagged(json_response(200, body_of(call, *group)), version_of(*group)));
}

void add_badge_group(const Call& call) {
    auto body = read_body<GroupEdit>(call);
    if (!body) return;
    if (!body->value.name.value) {
        add(body->violations, {{Defect::missing_field, "/name", "required field is missing"}});
    }
    site::BadgeGroup group;
    group.name = body->value.name.value.value_or("");
    group = edited(std::move(group), body->value, body->violations);
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    if (call.site().badge_groups.contains(group.name)) {
        return call.respond(to_response(
            {.status = 409,
             .detail = "There are settings for this group already: change them with PATCH."}));
    }
    if (refused_as_full(call)) return;
    save(call, std::nullopt, std::move(group));
}

void edit_badge_group(const Call& call) {
    const auto known = find(call);
    if (!known) return call.respond(not_found("group"));
    auto body = read_body<GroupEdit>(call);
    if (!body) return;
    if (body->value.name.present) {
        add(body->violations, {{Defect::bad_value, "/name", "cannot be changed"}});
    }
    auto group = edited(*known, body->value, body->violations);
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    if (refused_as_stale(call, version_of(*known), body_of(call, *known))) return;
    if (refused_as_full(call)) return;
    save(call, known, std::move(group));
}

void remove_badge_group(const Call& call) {
    const auto known = find(call);
    if (!known) return call.respond(not_found("group"));
    if (refused_as_stale(call, version_of(*known), body_of(call, *known))) return;
    if (!call.site().badge_groups.contains(known->name)) {
        return call.respond(to_response(
            {.status = 409,
             .detail = "Nothing is set for this group; it is there because badges name it."}));
    }
    if (refused_as_full(call)) return;
    audit(call, {.action = "delete",
                 .object_kind = "group",
                 .object_id = known->name,
                 .before = audit_json(*known)});
    const auto ticket = site::remove_badge_group(call.site(), known->name);
    respond_when_durable(call, ticket.value_or(0), no_content());
}

}  // namespace busbar::api
