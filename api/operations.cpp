// /api/v1/charge-points/{id}/operations: commands with a second act, followed to their real end.
#include "site/operations.hpp"

#include <algorithm>

#include "api/handlers.hpp"

namespace busbar::api {
namespace {

struct OperationView {
    std::int64_t number = 0;
    std::string action;
    std::string state;  // "waiting", "succeeded" or "failed"
    std::string detail;
    Nullable<std::int32_t> connectorId;
    Nullable<std::string> idTag;
    Nullable<std::int32_t> requestId;
    Timestamp startedAt;
    Nullable<Timestamp> deadline;
    Nullable<std::int64_t> secondsLeft;
    Nullable<Timestamp> endedAt;
};
BOOST_DESCRIBE_STRUCT(OperationView, (),
                      (number, action, state, detail, connectorId, idTag, requestId, startedAt,
                       deadline, secondsLeft, endedAt))

OperationView view_of(const site::Operation& operation, Timestamp now) {
    OperationView view;
    view.number = operation.number;
    view.action = operation.action;
    view.state = enumerator_name(operation.state);
    view.detail = operation.detail;
    view.connectorId = operation.connectorId;
    view.idTag = operation.idTag;
    view.requestId = operation.requestId;
    view.startedAt = operation.startedAt;
    view.deadline = operation.deadline;
    if (operation.deadline) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(*operation.deadline - now);
        view.secondsLeft = std::optional{std::max<std::int64_t>(left.count(), 0)};
    }
    view.endedAt = operation.endedAt;
    return view;
}

}  // namespace

void list_operations(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto before = query.number_cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    std::vector<OperationView> items;
    std::optional<std::string> next;
    const auto& all = charger->operations;
    for (auto it = all.rbegin(); it != all.rend(); ++it) {
        if (before && it->number >= *before) continue;
        if (items.size() == limit) {
            next = std::to_string(items.back().number);
            break;
        }
        items.push_back(view_of(*it, call.now().wall));
    }
    call.respond(page_response(items, next));
}

void show_operation(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    const auto number = parse_id(call.names[1]);
    for (const auto& operation : charger->operations) {
        if (operation.number != number) continue;
        return call.respond(json_response(200, view_of(operation, call.now().wall)));
    }
    call.respond(not_found("operation"));
}

}  // namespace busbar::api
