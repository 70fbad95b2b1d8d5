// /api/v1/badges: who may charge.
#include "site/badges.hpp"

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/badge_view.hpp"
#include "api/etag.hpp"
#include "api/handlers.hpp"
#include "site/transaction_rules.hpp"
#include "site/transactions.hpp"

namespace busbar::api {
namespace {

// The body of POST, which needs an idTag, and of PATCH, which must not have one.
struct BadgeEdit {
    Patch<std::string> idTag;
    Patch<std::string> printedNumber;
    Patch<std::string> label;
    Patch<std::string> holder;
    Patch<std::string> email;
    Patch<std::string> group;
    Patch<std::string> costCentre;
    Patch<std::string> status;
    Patch<Timestamp> validFrom;
    Patch<Timestamp> validUntil;
    Patch<std::vector<std::string>> chargePoints;
    Patch<std::vector<std::string>> chargePointGroups;
    Patch<std::string> schedule;
    Patch<std::int32_t> maxActiveTransactions;
    Patch<std::int64_t> monthlyEnergyQuotaWh;
    Patch<std::string> chargeMode;
    Patch<std::int32_t> priorityClass;
    Patch<std::string> note;
};
BOOST_DESCRIBE_STRUCT(BadgeEdit, (),
                      (idTag, printedNumber, label, holder, email, group, costCentre, status,
                       validFrom, validUntil, chargePoints, chargePointGroups, schedule,
                       maxActiveTransactions, monthlyEnergyQuotaWh, chargeMode, priorityClass,
                       note))

// What memory knows of how a badge is used.
struct Usage {
    Nullable<Timestamp> lastUsedAt;      // start of the newest transaction at hand
    std::int64_t energyThisMonthWh = 0;  // what its quota is held against
};
BOOST_DESCRIBE_STRUCT(Usage, (), (lastUsedAt, energyThisMonthWh))

// What the transactions at hand say of a badge.
struct Use {
    Timestamp last_at;            // when it last began to charge
    std::int64_t running_wh = 0;  // of those that have not ended
};
using Uses = std::map<std::string, Use, LessIgnoringCase>;

// Of each badge, or of the one of this idTag.
Uses uses_of(const Call& call, const std::optional<std::string>& id_tag = {}) {
    Uses uses;
    const auto note = [&](const site::Transaction& transaction) -> Use* {
        const auto& start = transaction.start;
        const auto& used = start.badge ? *start.badge : start.id_tag;
        if (id_tag && !equal_ignoring_case(used, *id_tag)) return nullptr;
        auto& use = uses.try_emplace(used, Use{start.started_at}).first->second;
        use.last_at = std::max(use.last_at, start.started_at);
        return &use;
    };
    const auto now = call.now().wall;
    for (const auto& [id, charger] : call.site().charge_points) {
        const auto watts_max = site::power_watts_max(charger);
        for (const auto& transaction : charger.open) {
            auto* use = note(transaction);
            if (use) use->running_wh += site::energy_of(transaction, now, watts_max).wh;
        }
        for (const auto& transaction : charger.stopped) note(transaction);
    }
    return uses;
}

// What an edit can change, as it was when it was read: its ETag is made of this.
std::string version_of(const site::Badge& badge) {
    return to_json(badge_view(badge), TimeStyle::milliseconds);
}

std::string body_of(const Call& call, const site::Badge& badge, const Uses& uses) {
    Usage usage;
    usage.energyThisMonthWh = call.site().energy_used.used_wh(badge.id_tag, call.now().wall);
    if (const auto use = uses.find(badge.id_tag); use != uses.end()) {
        usage.lastUsedAt = std::optional{use->second.last_at};
        usage.energyThisMonthWh += use->second.running_wh;
    }
    const auto members = to_json(usage, TimeStyle::milliseconds);
    return extended(version_of(badge), members.substr(1, members.size() - 2));
}

std::string body_of(const Call& call, const site::Badge& badge) {
    return body_of(call, badge, uses_of(call, badge.id_tag));
}

// Text that says nothing is no text: tables cannot tell the two apart.
void assign_text(std::optional<std::string>& to, const Patch<std::string>& from) {
    assign_nullable(to, from);
    if (to && to->empty()) to.reset();
}

// The badge as the edit leaves it; everything wrong is added.
site::Badge edited(site::Badge badge, const BadgeEdit& edit, std::vector<Violation>& violations) {
    std::vector<Violation> found;
    assign_text(badge.printed_number, edit.printedNumber);
    assign_text(badge.label, edit.label);
    assign_text(badge.holder, edit.holder);
    assign_text(badge.email, edit.email);
    assign_nullable(badge.group, edit.group);
    assign_text(badge.cost_centre, edit.costCentre);
    assign_value(badge.status, edit.status, "/status", found);
    assign_nullable(badge.valid_from, edit.validFrom);
    assign_nullable(badge.valid_until, edit.validUntil);
    assign_nullable(badge.charge_points, edit.chargePoints);
    assign_nullable(badge.charge_point_groups, edit.chargePointGroups);
    assign_nullable(badge.schedule, edit.schedule);
    assign_value(badge.max_active_transactions, edit.maxActiveTransactions,
                 "/maxActiveTransactions", found);
    assign_nullable(badge.monthly_energy_quota_wh, edit.monthlyEnergyQuotaWh);
    assign_nullable(badge.charge_mode, edit.chargeMode);
    assign_nullable(badge.priority_class, edit.priorityClass);
    assign_text(badge.note, edit.note);
    add(violations, std::move(found));
    add(violations, site::check(badge));
    return badge;
}

void save(const Call& call, const site::Badge* before, site::Badge badge) {
    const auto version = version_of(badge);
    auto response = tagged(json_response(before ? 200 : 201, body_of(call, badge)), version);
    if (!before) {
        response.headers.emplace_back("Location", "/api/v1/badges/" + path_segment(badge.id_tag));
    }
    Change change{before ? "update" : "create", "badge", badge.id_tag};
    if (before) change.before = audit_json(*before);
    change.after = audit_json(badge, before);
    audit(call, std::move(change));
    const auto ticket = site::save(call.site(), std::move(badge));
    respond_when_durable(call, ticket, std::move(response));
}

const site::Badge* find(const Call& call) {
    const auto it = call.site().badges.find(call.names[0]);
    return it == call.site().badges.end() ? nullptr : &it->second;
}

// Adds the badge that the body describes, under this idTag.
void add_badge(const Call& call, std::string id_tag, Body<BadgeEdit> body) {
    site::Badge badge;
    badge.id_tag = std::move(id_tag);
    badge.status = "active";
    badge = edited(std::move(badge), body.value, body.violations);
    if (!body.violations.empty()) return call.respond(invalid(std::move(body.violations)));
    if (call.site().badges.contains(badge.id_tag)) {
        return call.respond(to_response(
            {.status = 409,
             .detail = "There is a badge with this idTag, whatever the case of its letters: "
                       "change it with PATCH."}));
    }
    if (refused_as_full(call)) return;
    save(call, nullptr, std::move(badge));
}

}  // namespace

void list_badges(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.cursor();
    const BadgeFilter filter{query.text("text"), query.text("group"), query.text("status")};
    auto violations = query.violations();
    if (filter.status && filter.status != "active" && filter.status != "blocked") {
        add(violations, {{Defect::bad_value, "/status", "must be active or blocked"}});
    }
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    const auto& all = call.site().badges;
    const auto uses = uses_of(call);
    std::vector<RawJson> items;
    std::optional<std::string> next;
    std::string last;
    for (auto it = cursor ? all.upper_bound(*cursor) : all.begin(); it != all.end(); ++it) {
        if (!fits(it->second, filter)) continue;
        if (items.size() == limit) {
            next = last;
            break;
        }
        items.push_back({body_of(call, it->second, uses)});
        last = it->second.id_tag;
    }
    call.respond(page_response(items, next));
}

void show_badge(const Call& call) {
    const auto* badge = find(call);
    if (!badge) return call.respond(not_found("badge"));
    call.respond(tagged(json_response(200, body_of(call, *badge)), version_of(*badge)));
}

void add_badge(const Call& call) {
    auto body = read_body<BadgeEdit>(call);
    if (!body) return;
    if (!body->value.idTag.value) {
        add(body->violations, {{Defect::missing_field, "/idTag", "required field is missing"}});
    }
    auto id_tag = body->value.idTag.value.value_or("");
    add_badge(call, std::move(id_tag), std::move(*body));
}

void adopt_unknown_badge(const Call& call) {
    const auto& unknown = call.site().unknown_badges.all();
    const auto it = unknown.find(call.names[0]);
    if (it == unknown.end()) return call.respond(not_found("unknown badge"));
    auto body = read_body<BadgeEdit>(call, body_or_empty_object(call));
    if (!body) return;
    if (body->value.idTag.present) {
        add(body->violations, {{Defect::bad_value, "/idTag", "is in the path already"}});
    }
    add_badge(call, it->second.idTag, std::move(*body));
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
    if (refused_as_stale(call, version_of(*known), body_of(call, *known))) return;
    if (refused_as_full(call)) return;
    save(call, known, std::move(badge));
}

void remove_badge(const Call& call) {
    const auto* known = find(call);
    if (!known) return call.respond(not_found("badge"));
    if (refused_as_stale(call, version_of(*known), body_of(call, *known))) return;
    if (refused_as_full(call)) return;
    audit(call, {.action = "delete",
                 .object_kind = "badge",
                 .object_id = known->id_tag,
                 .before = audit_json(*known)});
    const auto ticket = site::remove_badge(call.site(), call.names[0]);
    respond_when_durable(call, *ticket, no_content());
}

}  // namespace busbar::api
