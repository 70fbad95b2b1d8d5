#include "api/api.hpp"

#include "api/audit.hpp"
#include "api/events.hpp"
#include "api/handlers.hpp"
#include "api/router.hpp"

namespace busbar::api {
namespace {

bool is_guarded(const net::HttpRequest& request) {
    return !request.path.empty() && request.path.front() == "api";
}

Problem unauthorized(std::string detail, std::string challenge) {
    return {.status = 401,
            .detail = std::move(detail),
            .headers = {{"WWW-Authenticate", std::move(challenge)}}};
}

net::HttpResponse forbidden(const Route& route) {
    return to_response(
        {.status = 403,
         .detail = "This needs the role " + std::string{roles_with(route.access)} + "."});
}

}  // namespace

// Who asks (nobody on the open paths), or why nobody we know.
struct Api::Caller {
    std::optional<Identity> identity{};
    std::optional<Problem> refusal{};

    bool may(Access access) const {
        return access == Access::everyone || (identity && permits(identity->role, access));
    }
};

Api::Api(Dependencies dependencies) : dependencies_(std::move(dependencies)) {
    dependencies_.site.on_badge_tap = [&events = dependencies_.events](const site::BadgeTap& tap) {
        events.publish("badge-tap", Access::operate, tap.at, to_json(tap, TimeStyle::milliseconds));
    };
    dependencies_.events.judge_by([this](std::int64_t token) { return tokens_.role_of(token); });
}

void Api::set_tokens(std::vector<db::Token> tokens) {
    tokens_.replace(std::move(tokens));
    dependencies_.events.tokens_changed();
}

void Api::note_use(const Identity& identity) {
    const auto now = dependencies_.now();
    if (!dependencies_.token_used || !tokens_.note_use(identity.token, now.mono)) return;
    dependencies_.token_used(identity.token, now.wall);
}

Api::Caller Api::authenticate(const net::HttpRequest& request) {
    const auto secret = bearer_secret(request.header("Authorization"));
    if (!secret) {
        return {.refusal = unauthorized(
                    "Send a token as 'Authorization: Bearer TOKEN'; 'busbar token create' makes "
                    "one.",
                    "Bearer realm=\"busbar\"")};
    }
    if (const auto* identity = tokens_.find(*secret)) {
        note_use(*identity);
        return {.identity = *identity};
    }
    if (const auto wait = failures_.count(request.peer_address, dependencies_.now().mono)) {
        return {.refusal = Problem{
                    .status = 429,
                    .detail = "Too many wrong tokens came from this address: wait and try again.",
                    .headers = {{"Retry-After", std::to_string(wait->count())}}}};
    }
    return {.refusal = unauthorized("This token is unknown or has been revoked.",
                                    "Bearer realm=\"busbar\", error=\"invalid_token\"")};
}

std::optional<net::BodyPlan> Api::judge_body(const net::HttpRequest& head) {
    auto found = match(head.method, head.path);
    if (!found.route || found.route->handle != &upload_file) return std::nullopt;
    net::BodyPlan plan;
    const auto caller = authenticate(head);
    if (caller.refusal) {
        plan.refusal = to_response(*caller.refusal);
    } else if (!caller.may(found.route->access)) {
        plan.refusal = forbidden(*found.route);
    } else {
        auto violations = check_query(*found.route, head);
        plan =
            plan_upload(Call{dependencies_, head, std::move(found.names), std::move(violations)});
    }
    return plan;
}

void Api::handle(net::HttpRequest request, std::function<void(net::HttpResponse)> respond) {
    Caller caller;
    if (is_guarded(request)) {
        caller = authenticate(request);
        if (caller.refusal) return respond(to_response(*caller.refusal));
    }
    auto found = match(request.method, request.path);
    if (!found.route && found.allowed_methods.empty()) return respond(not_found("resource"));
    if (!found.route) {
        return respond(to_response({.status = 405,
                                    .detail = "This resource knows " + found.allowed_methods + ".",
                                    .headers = {{"Allow", found.allowed_methods}}}));
    }
    const Route& route = *found.route;
    if (!caller.may(route.access)) return respond(forbidden(route));
    auto violations = check_query(route, request);
    if (!violations.empty() && route.parameters.empty()) {
        return respond(invalid(std::move(violations)));
    }
    route.handle(Call{dependencies_, std::move(request), std::move(found.names),
                      std::move(violations), std::move(respond),
                      caller.identity ? caller.identity->name : std::string{},
                      caller.identity ? caller.identity->role : Role::viewer,
                      caller.identity ? caller.identity->token : 0});
    dependencies_.audit.flush();
}

}  // namespace busbar::api
