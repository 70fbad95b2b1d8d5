// /api/v1/unknown-badges, and /api/v1/badges/learn: from a tap to a badge.
#include "site/unknown_badges.hpp"

#include <algorithm>

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/handlers.hpp"
#include "site/badge_learning.hpp"
#include "site/badge_likeness.hpp"

namespace busbar::api {
namespace {

struct UnknownBadgeView {
    std::string idTag;
    Timestamp firstAt;
    Timestamp lastAt;
    std::string chargePoint;
    Nullable<std::int32_t> connectorId;
    std::int64_t taps = 0;
    Nullable<site::LikelyBadge> likely;  // the badge it may be, read in another way
};
BOOST_DESCRIBE_STRUCT(UnknownBadgeView, (),
                      (idTag, firstAt, lastAt, chargePoint, connectorId, taps, likely))

struct LearningView {
    bool active = false;
    Nullable<Timestamp> until;
    Nullable<std::string> chargePointId;
    Nullable<site::LearnedBadge> learned;  // the newest
};
BOOST_DESCRIBE_STRUCT(LearningView, (), (active, until, chargePointId, learned))

struct LearnRequest {
    std::optional<std::string> chargePointId;
    std::optional<std::int32_t> seconds;
};
BOOST_DESCRIBE_STRUCT(LearnRequest, (), (chargePointId, seconds))

constexpr std::int32_t seconds_default = 60;

UnknownBadgeView view_of(site::Site& site, const site::UnknownBadge& badge) {
    return {badge.idTag,
            badge.firstAt,
            badge.lastAt,
            badge.chargePoint,
            badge.connectorId,
            badge.taps,
            site::likely_badge(site, badge.idTag)};
}

// Grows with the time of the last tap; another one for each badge.
std::string key_of(const site::UnknownBadge& badge) {
    return to_string_milliseconds(badge.lastAt) + to_lower(badge.idTag);
}

// All that start_learning() would object to; it tells the first only.
std::vector<Violation> wrong_in(const Call& call, const std::optional<std::string>& charge_point,
                                std::chrono::seconds length) {
    std::vector<Violation> found;
    if (length < site::learning_min || length > site::learning_max) {
        found.push_back({Defect::bad_value, "/seconds", "must be 5 to 300"});
    }
    if (charge_point && !call.site().find(*charge_point)) {
        found.push_back({Defect::bad_value, "/chargePointId",
                         "there is no such charge point; leave it out for all of them"});
    }
    return found;
}

LearningView learning_view(const Call& call) {
    const auto& learning = call.site().learning;
    LearningView view;
    view.active = learning.is_active(call.now().wall);
    if (view.active) {
        view.until = learning.until;
        view.chargePointId = learning.charge_point;
    }
    view.learned = learning.learned;
    return view;
}

}  // namespace

void list_unknown_badges(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    std::vector<std::pair<std::string, const site::UnknownBadge*>> all;
    for (const auto& [id_tag, badge] : call.site().unknown_badges.all()) {
        auto key = key_of(badge);
        if (!cursor || key < *cursor) all.emplace_back(std::move(key), &badge);
    }
    std::sort(all.begin(), all.end(), std::greater{});
    std::vector<UnknownBadgeView> items;
    for (std::size_t i = 0; i < std::min(limit, all.size()); ++i) {
        items.push_back(view_of(call.site(), *all[i].second));
    }
    std::optional<std::string> next;
    if (all.size() > items.size()) next = all[items.size() - 1].first;
    call.respond(page_response(items, next));
}

void forget_unknown_badge(const Call& call) {
    if (!call.site().unknown_badges.all().contains(call.names[0])) {
        return call.respond(not_found("unknown badge"));
    }
    if (refused_as_full(call)) return;
    audit(call, {.action = "delete", .object_kind = "unknown-badge", .object_id = call.names[0]});
    const auto ticket = call.site().unknown_badges.forget(call.site(), call.names[0]);
    respond_when_durable(call, ticket.value_or(0), no_content());
}

void start_badge_learning(const Call& call) {
    auto body = read_body<LearnRequest>(call, body_or_empty_object(call));
    if (!body) return;
    const std::chrono::seconds length{body->value.seconds.value_or(seconds_default)};
    add(body->violations, wrong_in(call, body->value.chargePointId, length));
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    const auto result =
        site::start_learning(call.site(), body->value.chargePointId, length, call.now());
    if (const auto* violation = std::get_if<Violation>(&result)) {
        return call.respond(invalid({*violation}));
    }
    if (const auto* busy = std::get_if<site::LearningBusy>(&result)) {
        return call.respond(
            to_response({.status = 409,
                         .detail = "A badge is being learned already, until " +
                                   to_string(busy->until) + ": DELETE gives that up."}));
    }
    call.on.after_change();
    call.respond(json_response(202, learning_view(call)));
}

void show_badge_learning(const Call& call) {
    call.respond(json_response(200, learning_view(call)));
}

void stop_badge_learning(const Call& call) {
    site::stop_learning(call.site(), call.now());
    call.respond(no_content());
}

}  // namespace busbar::api
