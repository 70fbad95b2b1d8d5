// /api/v1/tariffs: what a kWh costs, when and for whom.
#include "site/tariffs.hpp"

#include "api/audit.hpp"
#include "api/etag.hpp"
#include "api/handlers.hpp"

namespace busbar::api {
namespace {

site::Tariffs& tariffs(const Call& call) { return *call.on.tariffs; }

std::string version_of(const site::Tariff& tariff) { return to_json(tariff); }

const site::Tariff* find(const Call& call) {
    const auto& all = tariffs(call).all();
    const auto it = all.find(call.names[0]);
    return it == all.end() ? nullptr : &it->second;
}

// Stores what has passed all checks.
void save(const Call& call, const site::Tariff* before, site::Tariff tariff) {
    const auto version = version_of(tariff);
    auto response = tagged(json_response(before ? 200 : 201, version), version);
    if (!before) {
        response.headers.emplace_back("Location", "/api/v1/tariffs/" + path_segment(tariff.name));
    }
    Change change{before ? "update" : "create", "tariff", tariff.name};
    if (before) change.before = version_of(*before);
    change.after = version;
    audit(call, std::move(change));
    const auto ticket = call.site().record({tariffs(call).save(std::move(tariff))});
    respond_when_durable(call, ticket, std::move(response));
}

// The body of a call as a tariff that may be stored, or nothing and the call answered. `name` is
// what stands in the path.
std::optional<site::Tariff> read_tariff(const Call& call, const std::optional<std::string>& name) {
    auto body = read_body<site::Tariff>(call);
    if (!body) return std::nullopt;
    if (name && body->value.name != *name) {
        add(body->violations, {{Defect::bad_value, "/name", "must be the name in the path"}});
    }
    add(body->violations, tariffs(call).check(body->value));
    if (body->violations.empty()) return std::move(body->value);
    call.respond(invalid(std::move(body->violations)));
    return std::nullopt;
}

bool refused_as_too_many(const Call& call) {
    if (!tariffs(call).is_full()) return false;
    call.respond(to_response(
        {.status = 409, .detail = "There are too many tariffs already: remove some first."}));
    return true;
}

}  // namespace

void list_tariffs(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    const auto& all = tariffs(call).all();
    std::vector<site::Tariff> items;
    auto it = cursor ? all.upper_bound(*cursor) : all.begin();
    for (; it != all.end() && items.size() < limit; ++it) items.push_back(it->second);
    std::optional<std::string> next;
    if (it != all.end()) next = items.back().name;
    call.respond(page_response(items, next));
}

void show_tariff(const Call& call) {
    const auto* tariff = find(call);
    if (!tariff) return call.respond(not_found("tariff"));
    const auto version = version_of(*tariff);
    call.respond(tagged(json_response(200, version), version));
}

void add_tariff(const Call& call) {
    auto tariff = read_tariff(call, std::nullopt);
    if (!tariff) return;
    if (tariffs(call).all().contains(tariff->name)) {
        return call.respond(to_response(
            {.status = 409,
             .detail = "There is a tariff of this name: PUT replaces it. For a new price from a "
                       "day on, add one of another name with validFrom."}));
    }
    if (refused_as_too_many(call) || refused_as_full(call)) return;
    save(call, nullptr, std::move(*tariff));
}

void set_tariff(const Call& call) {
    const auto* before = find(call);
    if (before && refused_as_stale(call, version_of(*before), version_of(*before))) return;
    auto tariff = read_tariff(call, call.names[0]);
    if (!tariff) return;
    if (!before && refused_as_too_many(call)) return;
    if (refused_as_full(call)) return;
    save(call, before, std::move(*tariff));
}

void remove_tariff(const Call& call) {
    const auto* tariff = find(call);
    if (!tariff) return call.respond(not_found("tariff"));
    if (refused_as_stale(call, version_of(*tariff), version_of(*tariff))) return;
    if (refused_as_full(call)) return;
    audit(call, {.action = "delete",
                 .object_kind = "tariff",
                 .object_id = tariff->name,
                 .before = version_of(*tariff)});
    const auto ticket = call.site().record({tariffs(call).remove(call.names[0])});
    respond_when_durable(call, ticket, no_content());
}

}  // namespace busbar::api
