// /api/v1/charge-points/{id}/commands/{Action}: an OCPP request for a charger.
#include "site/commands.hpp"

#include <algorithm>
#include <iterator>

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/handlers.hpp"

namespace busbar::api {
namespace {

std::string operation_path(std::string_view charge_point, std::int64_t number) {
    return "/api/v1/charge-points/" + path_segment(charge_point) + "/operations/" +
           std::to_string(number);
}

// What ReserveNow.req holds (6.43).
struct ReservationPayload {
    std::int32_t connectorId = 0;
    Timestamp expiryDate;
    std::string idTag;
    std::optional<std::string> parentIdTag;
    std::int32_t reservationId = 0;
};
BOOST_DESCRIBE_STRUCT(ReservationPayload, (),
                      (connectorId, expiryDate, idTag, parentIdTag, reservationId))

// A payload that names a badge, without it: the audit log is for ever.
template <class Request>
std::optional<std::string> without_badge(std::string_view payload) {
    DecodeReport report;
    auto request = decode_text<Request>(payload, {.lenient = true}, report);
    if (!request) return std::nullopt;
    request->idTag = "(set)";
    if constexpr (requires { request->parentIdTag; }) {
        if (request->parentIdTag) request->parentIdTag = "(set)";
    }
    return to_json(*request);
}

// The payload for the audit log; nothing where secrets can be in it.
std::optional<std::string> harmless_payload(std::string_view action, std::string_view payload) {
    constexpr std::string_view harmless[] = {
        "CancelReservation",    "ChangeAvailability",     "ClearCache",
        "ClearChargingProfile", "ExtendedTriggerMessage", "GetCompositeSchedule",
        "GetConfiguration",     "RemoteStopTransaction",  "Reset",
        "SetChargingProfile",   "TriggerMessage",         "UnlockConnector"};
    constexpr std::size_t size_max = 16'384;
    if (payload.size() > size_max) return std::nullopt;
    if (action == site::v16::RemoteStartTransaction::action) {
        return without_badge<site::v16::RemoteStartTransaction::Request>(payload);
    }
    if (action == "ReserveNow") return without_badge<ReservationPayload>(payload);
    const bool is_harmless =
        std::find(std::begin(harmless), std::end(harmless), action) != std::end(harmless);
    if (!is_harmless) return std::nullopt;
    DecodeReport report;
    const auto json = decode_text<RawJson>(payload, {}, report);
    return json ? std::optional{json->text} : std::nullopt;
}

}  // namespace

net::HttpResponse response_to(const site::CommandFailure& failure) {
    using Kind = site::CommandFailure::Kind;
    const auto problem = [&](int status) {
        return to_response({.status = status, .detail = failure.detail});
    };
    switch (failure.kind) {
        case Kind::unknown_charge_point:
            return not_found("charge point");
        case Kind::unknown_action:
            return to_response(
                {.status = 404, .detail = "There is no such action: " + failure.detail + "."});
        case Kind::invalid_payload:
            return invalid(failure.violations);
        case Kind::not_connected:
        case Kind::not_allowed_now:
            return problem(409);
        case Kind::refused:
            return to_response({.status = 502,
                                .detail = "The charge point answered with an error.",
                                .error_code = failure.error_code,
                                .error_description = failure.detail});
        case Kind::busy:
            return to_response(
                {.status = 504, .detail = "The command was not sent: " + failure.detail + "."});
        case Kind::timeout:
            return to_response(
                {.status = 504, .detail = "The charge point did not answer in time."});
        case Kind::disconnected:
            // Whether it obeyed is not known: as with a time-out, asking again is up to the caller.
            return to_response(
                {.status = 504,
                 .detail = "The connection ended before the charge point answered."});
    }
    return problem(500);
}

void send_command(const Call& call, std::string_view charge_point, std::string_view action,
                  std::string_view payload) {
    if (call.site().find(charge_point)) {
        audit(call, {.action = "command",
                     .object_kind = "charge-point",
                     .object_id = std::string{charge_point},
                     .after = harmless_payload(action, payload),
                     .note = std::string{action}});
    }
    site::command(
        call.site(), charge_point, action, payload, call.now(),
        [respond = call.respond, id = std::string{charge_point}](site::CommandResult result) {
            if (const auto* failure = std::get_if<site::CommandFailure>(&result)) {
                return respond(response_to(*failure));
            }
            auto& answer = std::get<site::CommandAnswer>(result);
            auto response = json_response(200, std::move(answer.payload));
            if (answer.operation) {
                response.headers.emplace_back("Location", operation_path(id, *answer.operation));
            }
            respond(std::move(response));
        });
    call.on.after_change();
}

void send_command(const Call& call) {
    // Many requests have no required member.
    const auto payload = body_or_empty_object(call);
    if (!read_body<RawJson>(call, payload)) return;
    send_command(call, call.names[0], call.names[1], payload);
}

}  // namespace busbar::api
