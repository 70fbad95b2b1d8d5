// /api/v1/reservations: connectors that are kept for a badge.
#include "site/reservations.hpp"

#include <algorithm>
#include <limits>

#include "api/audit.hpp"
#include "api/handlers.hpp"

namespace busbar::api {
namespace {

constexpr std::int32_t minutes_max = 7 * 24 * 60;

struct ReservationView {
    std::string chargePoint;
    std::int32_t connectorId = 0;
    std::string idTag;
    std::int32_t reservationId = 0;
    Nullable<Timestamp> expiresAt;
    std::string state;
    std::string detail;
    std::int64_t operation = 0;
};
BOOST_DESCRIBE_STRUCT(ReservationView, (),
                      (chargePoint, connectorId, idTag, reservationId, expiresAt, state, detail,
                       operation))

// The body of POST.
struct ReservationRequest {
    std::string chargePoint;
    std::int32_t connectorId = 0;
    std::string idTag;
    std::optional<std::int32_t> minutes;
    std::optional<Timestamp> expiresAt;
};
BOOST_DESCRIBE_STRUCT(ReservationRequest, (), (chargePoint, connectorId, idTag, minutes, expiresAt))

ReservationView view_of(const site::Operation& operation) {
    ReservationView view;
    view.chargePoint = operation.chargePoint;
    view.connectorId = operation.connectorId.value_or(0);
    view.idTag = operation.idTag.value_or("");
    view.reservationId = operation.requestId.value_or(0);
    view.expiresAt = operation.deadline;
    view.state = enumerator_name(operation.state);
    view.detail = operation.detail;
    view.operation = operation.number;
    return view;
}

// When it ends; everything wrong with the body is added.
Timestamp checked_expiry(const Call& call, const ReservationRequest& request,
                         std::vector<Violation>& violations) {
    std::vector<Violation> found;
    const auto now = call.now().wall;
    const auto refuse = [&](std::string pointer, std::string detail) {
        found.push_back({Defect::bad_value, std::move(pointer), std::move(detail)});
    };
    if (!call.site().find(request.chargePoint)) {
        refuse("/chargePoint", "there is no such charge point");
    }
    if (request.connectorId < 0 || request.connectorId > site::connector_id_max) {
        refuse("/connectorId", "must be a connector, or 0 for any one");
    }
    if (!call.site().badges.contains(request.idTag)) refuse("/idTag", "there is no such badge");
    if (request.minutes.has_value() == request.expiresAt.has_value()) {
        refuse("/minutes", "needs either minutes or expiresAt");
    }
    const auto minutes = request.minutes.value_or(1);
    if (minutes < 1 || minutes > minutes_max) refuse("/minutes", "must be 1 to 10080");
    const auto last = now + std::chrono::minutes{minutes_max};
    if (request.expiresAt && (*request.expiresAt <= now || *request.expiresAt > last)) {
        refuse("/expiresAt", "must be in the next 7 days");
    }
    add(violations, std::move(found));
    return request.expiresAt.value_or(now +
                                      std::chrono::minutes{std::clamp(minutes, 1, minutes_max)});
}

net::HttpResponse refused_by_charger(const std::string& status) {
    return to_response({.status = 409, .detail = "The charge point answered " + status + "."});
}

void respond_reserved(const Call& call, const std::string& charge_point,
                      const site::ReservationAnswer& answer) {
    if (!answer.refusal.empty()) return call.respond(refused_by_charger(answer.refusal));
    const auto* charger = call.site().find(charge_point);
    const auto* operations = charger ? &charger->operations : nullptr;
    for (std::size_t i = operations ? operations->size() : 0; i > 0; --i) {
        const auto& operation = (*operations)[i - 1];
        if (operation.number != answer.operation) continue;
        auto response = json_response(201, view_of(operation));
        response.headers.emplace_back("Location",
                                      "/api/v1/reservations/" + path_segment(charge_point) + "/" +
                                          std::to_string(operation.requestId.value_or(0)));
        return call.respond(std::move(response));
    }
    call.respond(to_response({.status = 409, .detail = "The charge point has been removed."}));
}

}  // namespace

void list_reservations(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto before = query.number_cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    std::vector<const site::Operation*> all;
    for (const auto& [id, charger] : call.site().charge_points) {
        for (const auto* reservation : site::reservations_of(charger, call.now().wall)) {
            if (!before || reservation->number < *before) all.push_back(reservation);
        }
    }
    std::sort(all.begin(), all.end(),
              [](const auto* a, const auto* b) { return a->number > b->number; });
    std::vector<ReservationView> items;
    for (const auto* reservation : all) {
        if (items.size() == limit) break;
        items.push_back(view_of(*reservation));
    }
    std::optional<std::string> next;
    if (all.size() > items.size()) next = std::to_string(items.back().operation);
    call.respond(page_response(items, next));
}

void show_reservation(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    const auto number = parse_id(call.names[1]);
    for (const auto* reservation : site::reservations_of(*charger, call.now().wall)) {
        if (reservation->requestId != number) continue;
        return call.respond(json_response(200, view_of(*reservation)));
    }
    call.respond(not_found("reservation"));
}

void add_reservation(const Call& call) {
    auto body = read_body<ReservationRequest>(call);
    if (!body) return;
    const auto& wanted = body->value;
    const auto expiry = checked_expiry(call, wanted, body->violations);
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    audit(call, {.action = "create",
                 .object_kind = "reservation",
                 .object_id = wanted.chargePoint,
                 .after = to_json(ReservationRequest{wanted.chargePoint, wanted.connectorId,
                                                     "(set)", std::nullopt, expiry},
                                  TimeStyle::milliseconds)});
    site::reserve(call.site(), wanted.chargePoint, wanted.connectorId, wanted.idTag, expiry,
                  call.now(),
                  [call, id = wanted.chargePoint](const site::ReservationResult& result) {
                      if (const auto* failure = std::get_if<site::CommandFailure>(&result)) {
                          return call.respond(response_to(*failure));
                      }
                      respond_reserved(call, id, std::get<site::ReservationAnswer>(result));
                  });
    call.on.after_change();
}

void cancel_reservation(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    const auto number = parse_id(call.names[1]);
    const bool is_known =
        number && *number <= std::numeric_limits<std::int32_t>::max() &&
        site::find_reservation(*charger, static_cast<std::int32_t>(*number), call.now().wall);
    if (!is_known) return call.respond(not_found("reservation"));
    audit(call, {.action = "delete",
                 .object_kind = "reservation",
                 .object_id = call.names[0] + "/" + call.names[1]});
    site::cancel_reservation(
        call.site(), call.names[0], static_cast<std::int32_t>(*number), call.now(),
        [call](const site::ReservationResult& result) {
            if (const auto* failure = std::get_if<site::CommandFailure>(&result)) {
                return call.respond(response_to(*failure));
            }
            const auto& refusal = std::get<site::ReservationAnswer>(result).refusal;
            call.respond(refusal.empty() ? no_content() : refused_by_charger(refusal));
        });
    call.on.after_change();
}

}  // namespace busbar::api
