// /api/v1/badges: who may charge.
#include "site/badges.hpp"

#include <boost/describe/class.hpp>

#include "api/handlers.hpp"
#include "site/charge_points.hpp"

namespace busbar::api {
namespace {

struct BadgeView {
    std::string idTag;
    Nullable<std::string> label;
    Nullable<std::string> holder;
    std::string status;
    Nullable<Timestamp> validFrom;
    Nullable<Timestamp> validUntil;
    Nullable<std::string> group;
    Nullable<std::vector<std::string>> chargePoints;
    Nullable<std::string> chargeMode;
    std::int32_t maxActiveTransactions = 1;
};
BOOST_DESCRIBE_STRUCT(BadgeView, (),
                      (idTag, label, holder, status, validFrom, validUntil, group, chargePoints,
                       chargeMode, maxActiveTransactions))

// The body of POST, which needs an idTag, and of PATCH, which must not have one.
struct BadgeEdit {
    Patch<std::string> idTag;
    Patch<std::string> label;
    Patch<std::string> holder;
    Patch<std::string> status;
    Patch<Timestamp> validFrom;
    Patch<Timestamp> validUntil;
    Patch<std::string> group;
    Patch<std::vector<std::string>> chargePoints;
    Patch<std::string> chargeMode;
    Patch<std::int32_t> maxActiveTransactions;
};
BOOST_DESCRIBE_STRUCT(BadgeEdit, (),
                      (idTag, label, holder, status, validFrom, validUntil, group, chargePoints,
                       chargeMode, maxActiveTransactions))

BadgeView view_of(const site::Badge& badge) {
    return {badge.id_tag,      badge.label,
            badge.holder,      badge.status,
            badge.valid_from,  badge.valid_until,
            badge.group,       badge.charge_points,
            badge.charge_mode, badge.max_active_transactions};
}

void check_charge_points(const site::Badge& badge, std::vector<Violation>& out) {
    if (!badge.charge_points) return;
    for (std::size_t i = 0; i < badge.charge_points->size(); ++i) {
        const auto& id = (*badge.charge_points)[i];
        if (site::check(site::default_settings(id)).empty()) continue;
        out.push_back({Defect::bad_value, "/chargePoints/" + std::to_string(i),
                       "is no id that a charge point could have"});
    }
}

// The badge as the edit leaves it; everything wrong is added.
site::Badge edited(site::Badge badge, const BadgeEdit& edit, std::vector<Violation>& violations) {
    std::vector<Violation> found;
    assign_nullable(badge.label, edit.label);
    assign_nullable(badge.holder, edit.holder);
    assign_value(badge.status, edit.status, "/status", found);
    assign_nullable(badge.valid_from, edit.validFrom);
    assign_nullable(badge.valid_until, edit.validUntil);
    assign_nullable(badge.group, edit.group);
    assign_nullable(badge.charge_points, edit.chargePoints);
    assign_nullable(badge.charge_mode, edit.chargeMode);
    assign_value(badge.max_active_transactions, edit.maxActiveTransactions,
                 "/maxActiveTransactions", found);
    check_charge_points(badge, found);
    add(violations, std::move(found));
    add(violations, site::check(badge));
    return badge;
}

void save(const Call& call, site::Badge badge, int status) {
    auto response = json_response(status, view_of(badge));
    if (status == 201) {
        response.headers.emplace_back("Location", "/api/v1/badges/" + path_segment(badge.id_tag));
    }
    const auto ticket = site::save(call.site(), std::move(badge));
    respond_when_durable(call, ticket, std::move(response));
}

const site::Badge* find(const Call& call) {
    const auto it = call.site().badges.find(call.names[0]);
    return it == call.site().badges.end() ? nullptr : &it->second;
}

}  // namespace

void list_badges(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    const auto& all = call.site().badges;
    std::vector<BadgeView> items;
    auto it = cursor ? all.upper_bound(*cursor) : all.begin();
    for (; it != all.end() && items.size() < limit; ++it) items.push_back(view_of(it->second));
    std::optional<std::string> next;
    if (it != all.end()) next = items.back().idTag;
    call.respond(page_response(items, next));
}

void show_badge(const Call& call) {
    const auto* badge = find(call);
    if (!badge) return call.respond(not_found("badge"));
    call.respond(json_response(200, view_of(*badge)));
}

void add_badge(const Call& call) {
    auto body = read_body<BadgeEdit>(call);
    if (!body) return;
    if (!body->value.idTag.value) {
        add(body->violations, {{Defect::missing_field, "/idTag", "required field is missing"}});
    }
    site::Badge badge;
    badge.id_tag = body->value.idTag.value.value_or("");
    badge.status = "active";
    badge = edited(std::move(badge), body->value, body->violations);
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    if (call.site().badges.contains(badge.id_tag)) {
        return call.respond(to_response(
            {.status = 409,
             .detail = "There is a badge with this idTag, whatever the case of its letters: "
                       "change it with PATCH."}));
    }
    if (refused_as_full(call)) return;
    save(call, std::move(badge), 201);
}

void edit_badge(const Call& call) {
    const auto* known = find(call);
    if (!known) return call.respond(not_found("badge"));
    auto body = read_body<BadgeEdit>(call);
    if (!body) return;
    if (body->value.idTag.present) {
        add(body->violations, {{Defect::bad_value, "/idTag", "cannot be changed"}});
    }
    auto badge = edited(*known, body->value, body->violations);
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    if (refused_as_full(call)) return;
    save(call, std::move(badge), 200);
}

void remove_badge(const Call& call) {
    if (!find(call)) return call.respond(not_found("badge"));
    if (refused_as_full(call)) return;
    const auto ticket = site::remove_badge(call.site(), call.names[0]);
    respond_when_durable(call, *ticket, no_content());
}

}  // namespace busbar::api
