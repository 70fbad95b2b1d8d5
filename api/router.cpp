#include "api/router.hpp"

#include <algorithm>
#include <array>

#include "api/handlers.hpp"

namespace busbar::api {
namespace {

constexpr std::array<std::string_view, 2> list_parameters{"limit", "cursor"};
constexpr std::array<std::string_view, 1> upload_parameters{"name"};
constexpr std::array<std::string_view, 1> configuration_parameters{"cached"};
constexpr std::array<std::string_view, 4> file_parameters{"chargePoint", "purpose", "limit",
                                                          "cursor"};
constexpr std::array<std::string_view, 11> transaction_parameters{
    "active",     "from", "to",     "idTag", "chargePoint", "group",
    "costCentre", "text", "format", "limit", "cursor"};

constexpr std::array<std::string_view, 5> orphan_stop_parameters{"chargePoint", "from", "to",
                                                                 "limit", "cursor"};
constexpr std::array<std::string_view, 8> message_parameters{
    "from", "to", "direction", "action", "text", "format", "limit", "cursor"};

constexpr std::array<std::string_view, 5> badge_parameters{"text", "group", "status", "limit",
                                                           "cursor"};
constexpr std::array<std::string_view, 1> import_parameters{"dryRun"};
constexpr std::array<std::string_view, 1> export_parameters{"format"};
constexpr std::array<std::string_view, 7> audit_parameters{
    "objectKind", "objectId", "actor", "from", "to", "limit", "cursor"};

constexpr std::array<std::string_view, 5> report_parameters{"from", "to", "by", "format", "lang"};

constexpr std::array table{
    Route{"GET", "/healthz", Access::everyone, "Whether the process is up", {}, &show_health},
    Route{"GET",
          "/readyz",
          Access::everyone,
          "Whether the server can do its work",
          {},
          &show_readiness},

    Route{"GET", "/api/v1/charge-points", Access::read, "All charge points, by id", list_parameters,
          &list_charge_points},
    Route{"POST",
          "/api/v1/charge-points",
          Access::install,
          "Register a charge point before it connects",
          {},
          &register_charge_point},
    Route{"GET",
          "/api/v1/charge-points/{id}",
          Access::read,
          "A charge point, its connectors and how it deviates from OCPP",
          {},
          &show_charge_point},
    Route{"PATCH",
          "/api/v1/charge-points/{id}",
          Access::install,
          "Change settings of a charge point; accept or reject it",
          {},
          &edit_charge_point},
    Route{"DELETE",
          "/api/v1/charge-points/{id}",
          Access::install,
          "Forget a charge point; its transactions stay",
          {},
          &remove_charge_point},
    Route{"POST",
          "/api/v1/charge-points/{id}/commands/{Action}",
          Access::staff,
          "Send an OCPP request to a charge point and wait for its response",
          {},
          &send_command},

    Route{"GET", "/api/v1/charge-points/{id}/configuration", Access::read,
          "The configuration keys of a charge point, asked for now, and what is wanted of them",
          configuration_parameters, &show_configuration},
    Route{"PUT",
          "/api/v1/charge-points/{id}/configuration/{key}",
          Access::staff,
          "Set what a configuration key is to be; sent now, and again whenever it differs",
          {},
          &set_configuration_key},
    Route{"DELETE",
          "/api/v1/charge-points/{id}/configuration/{key}",
          Access::staff,
          "Want nothing of a configuration key any more; the charge point keeps its value",
          {},
          &remove_configuration_key},

    Route{"GET", "/api/v1/charge-points/{id}/operations", Access::read,
          "Commands that go on after their answer, newest first", list_parameters,
          &list_operations},
    Route{"GET",
          "/api/v1/charge-points/{id}/operations/{number}",
          Access::read,
          "How far a command is",
          {},
          &show_operation},

    Route{"GET", "/api/v1/connection-attempts", Access::read,
          "Handshakes that were refused or failed, newest first, with what to do", list_parameters,
          &list_connection_attempts},
    Route{"POST",
          "/api/v1/connection-attempts/{number}/accept",
          Access::install,
          "Let the charge point in when it comes again",
          {},
          &accept_connection_attempt},
    Route{"GET",
          "/api/v1/enrolment",
          Access::read,
          "Whether unknown charge points may connect",
          {},
          &show_enrolment},
    Route{"PUT",
          "/api/v1/enrolment",
          Access::install,
          "Let unknown charge points connect for some minutes; they wait to be accepted",
          {},
          &set_enrolment},

    Route{"GET", "/api/v1/quirks", Access::read,
          "What is known of models of charge points, in the order it is applied", list_parameters,
          &list_quirks},
    Route{"GET", "/api/v1/quirks/{name}", Access::read, "One row of quirks", {}, &show_quirk},
    Route{"PUT",
          "/api/v1/quirks/{name}",
          Access::install,
          "Add or replace a row of one's own; one with a built-in row's name stands in for it",
          {},
          &set_quirk},
    Route{"DELETE",
          "/api/v1/quirks/{name}",
          Access::install,
          "Remove a row of one's own, or forget a learned one",
          {},
          &remove_quirk},
    Route{"GET",
          "/api/v1/charge-points/{id}/quirks",
          Access::read,
          "The settings in force for a charge point, and where each comes from",
          {},
          &show_charge_point_quirks},
    Route{"PUT",
          "/api/v1/charge-points/{id}/quirks",
          Access::install,
          "Set what differs from its model for one charge point",
          {},
          &set_charge_point_quirks},

    Route{"GET", "/api/v1/files", Access::read,
          "Firmware, diagnostics and logs, newest first, and those that are expected",
          file_parameters, &list_files},
    Route{"POST", "/api/v1/files", Access::staff, "Upload a firmware: the body is the file",
          upload_parameters, &upload_file},
    Route{"GET", "/api/v1/files/{id}", Access::read, "A file", {}, &show_file},
    Route{
        "GET", "/api/v1/files/{id}/content", Access::read, "What is in a file", {}, &download_file},
    Route{"DELETE",
          "/api/v1/files/{id}",
          Access::staff,
          "Delete a file and every URL for it",
          {},
          &remove_file},
    Route{"GET",
          "/api/v1/charge-points/{id}/maintenance",
          Access::read,
          "What a charge point reports of firmware, diagnostics, logs and its security",
          {},
          &show_maintenance},

    Route{"GET",
          "/api/v1/charge-points/{id}/local-list",
          Access::read,
          "How the badges a charge point knows by itself compare with those it should know",
          {},
          &show_local_list},
    Route{"POST",
          "/api/v1/charge-points/{id}/local-list/sync",
          Access::staff,
          "Bring a charge point's local list up to date, also one that was sent by hand",
          {},
          &synchronise_local_list},

    Route{"GET", "/api/v1/reservations", Access::read, "Reservations that hold, newest first",
          list_parameters, &list_reservations},
    Route{"POST",
          "/api/v1/reservations",
          Access::operate,
          "Keep a connector for a badge",
          {},
          &add_reservation},
    Route{"GET",
          "/api/v1/reservations/{chargePoint}/{reservationId}",
          Access::read,
          "A reservation",
          {},
          &show_reservation},
    Route{"DELETE",
          "/api/v1/reservations/{chargePoint}/{reservationId}",
          Access::operate,
          "Ask the charge point to give a reservation up",
          {},
          &cancel_reservation},

    Route{"GET", "/api/v1/badges", Access::read, "All badges, by idTag", badge_parameters,
          &list_badges},
    Route{"POST", "/api/v1/badges", Access::operate, "Add a badge", {}, &add_badge},
    Route{"POST", "/api/v1/badges/import", Access::operate,
          "Add and change badges by a CSV table, all or nothing", import_parameters,
          &import_badges},
    Route{"GET", "/api/v1/badges/export", Access::read, "All badges as a CSV table",
          export_parameters, &export_badges},
    Route{"POST",
          "/api/v1/badges/learn",
          Access::operate,
          "Wait for an unknown badge to be held to a charger",
          {},
          &start_badge_learning},
    Route{"GET",
          "/api/v1/badges/learn",
          Access::operate,
          "Whether a badge is being learned, and the last one that was",
          {},
          &show_badge_learning},
    Route{"DELETE",
          "/api/v1/badges/learn",
          Access::operate,
          "Give learning up",
          {},
          &stop_badge_learning},
    Route{"GET", "/api/v1/badges/{idTag}", Access::read, "A badge", {}, &show_badge},
    Route{"PATCH",
          "/api/v1/badges/{idTag}",
          Access::operate,
          "Change or block a badge",
          {},
          &edit_badge},
    Route{"DELETE",
          "/api/v1/badges/{idTag}",
          Access::operate,
          "Forget a badge; running transactions go on",
          {},
          &remove_badge},

    Route{"GET", "/api/v1/unknown-badges", Access::operate,
          "Badges that were tapped and that nobody knows, the last tap first", list_parameters,
          &list_unknown_badges},
    Route{"POST",
          "/api/v1/unknown-badges/{idTag}",
          Access::operate,
          "Make a badge of it",
          {},
          &adopt_unknown_badge},
    Route{"DELETE",
          "/api/v1/unknown-badges/{idTag}",
          Access::operate,
          "Forget its taps",
          {},
          &forget_unknown_badge},

    Route{"GET", "/api/v1/groups", Access::read, "All groups of badges, by name", list_parameters,
          &list_badge_groups},
    Route{"POST",
          "/api/v1/groups",
          Access::operate,
          "Set something for a group of badges",
          {},
          &add_badge_group},
    Route{"GET",
          "/api/v1/groups/{name}",
          Access::read,
          "What is set for a group of badges",
          {},
          &show_badge_group},
    Route{"PATCH",
          "/api/v1/groups/{name}",
          Access::operate,
          "Change what is set for a group of badges",
          {},
          &edit_badge_group},
    Route{"DELETE",
          "/api/v1/groups/{name}",
          Access::operate,
          "Set nothing for a group any more; its badges stay in it",
          {},
          &remove_badge_group},

    Route{"GET", "/api/v1/audit", Access::staff, "Who changed what, newest first", audit_parameters,
          &list_audit},
    Route{"GET",
          "/api/v1/events",
          Access::read,
          "What happens, as server-sent events; what a role may not see is left out",
          {},
          &stream_events},

    Route{"GET", "/api/v1/transactions", Access::read, "Transactions, newest first",
          transaction_parameters, &list_transactions},
    Route{"GET", "/api/v1/transactions/{id}", Access::read, "A transaction", {}, &show_transaction},
    Route{"PATCH",
          "/api/v1/transactions/{id}",
          Access::operate,
          "Correct what a charger said of a transaction, or add a note",
          {},
          &correct_transaction},
    Route{"GET", "/api/v1/transactions/{id}/meter-values", Access::read,
          "What the charger measured during a transaction, oldest first", list_parameters,
          &list_meter_values},
    Route{"POST",
          "/api/v1/transactions/{id}/stop",
          Access::operate,
          "Ask the charger to end a transaction, or close one that is stuck",
          {},
          &stop_transaction},
    Route{"GET", "/api/v1/orphan-stops", Access::read,
          "Stops that fit no transaction, for a person to look at, newest first",
          orphan_stop_parameters, &list_orphan_stops},

    Route{"GET", "/api/v1/messages", Access::read,
          "OCPP messages of all charge points, newest first", message_parameters, &list_messages},
    Route{"GET", "/api/v1/charge-points/{id}/messages", Access::read,
          "OCPP messages of a charge point, newest first", message_parameters,
          &list_messages_of_charge_point},
    Route{"GET", "/api/v1/charge-points/{id}/security-events", Access::read,
          "Security events a charge point has reported, newest first", list_parameters,
          &list_security_events},

    Route{"POST",
          "/api/v1/badges/{idTag}/erase",
          Access::administer,
          "Forget who a badge belongs to; what was charged with it stays under a pseudonym",
          {},
          &erase_badge},
    Route{"GET", "/api/v1/tariffs", Access::read, "All tariffs, by name", list_parameters,
          &list_tariffs},
    Route{"POST", "/api/v1/tariffs", Access::operate, "Add a tariff", {}, &add_tariff},
    Route{"GET", "/api/v1/tariffs/{name}", Access::read, "One tariff", {}, &show_tariff},
    Route{"PUT",
          "/api/v1/tariffs/{name}",
          Access::operate,
          "Add or replace a tariff; it holds for all sessions that it is for, past ones included",
          {},
          &set_tariff},
    Route{
        "DELETE", "/api/v1/tariffs/{name}", Access::operate, "Remove a tariff", {}, &remove_tariff},
    Route{"GET", "/api/v1/reports/energy", Access::read,
          "Energy and cost of the sessions that ended on these days", report_parameters,
          &report_energy},

    Route{"GET",
          "/api/v1/load",
          Access::read,
          "The latest decision of load management",
          {},
          &show_load},
    Route{"POST",
          "/api/v1/site/plan",
          Access::install,
          "Solve a load-management problem; nothing is stored",
          {},
          &solve_plan},
};

// Cuts the next segment off a pattern; "" at its end.
std::string_view next_segment(std::string_view& pattern) {
    if (pattern.empty()) return {};
    pattern.remove_prefix(1);  // the slash
    const auto segment = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(segment.size());
    return segment;
}

bool fits(std::string_view pattern, const std::vector<std::string>& path,
          std::vector<std::string>& names) {
    names.clear();
    for (const auto& segment : path) {
        const auto expected = next_segment(pattern);
        if (expected.starts_with('{'))
            names.push_back(segment);
        else if (expected != segment)
            return false;
    }
    return pattern.empty();
}

}  // namespace

std::span<const Route> routes() { return table; }

Match match(std::string_view method, const std::vector<std::string>& path) {
    // HEAD is GET whose body is left out (RFC 9110, 9.3.2); net leaves it out.
    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    Match result;
    std::vector<std::string> names;
    for (const auto& route : table) {
        if (!fits(route.pattern, path, names)) continue;
        if (route.method == wanted) {
            result.route = &route;
            result.names = std::move(names);
            return result;
        }
        if (!result.allowed_methods.empty()) result.allowed_methods += ", ";
        result.allowed_methods += route.method;
        if (route.method == "GET") result.allowed_methods += ", HEAD";
    }
    return result;
}

std::vector<Violation> check_query(const Route& route, const net::HttpRequest& request) {
    std::vector<Violation> violations;
    const auto& known = route.parameters;
    for (auto it = request.query.begin(); it != request.query.end(); ++it) {
        const std::string& name = it->first;
        std::string detail;
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            detail = "unknown parameter";
        } else if (std::any_of(request.query.begin(), it,
                               [&](const auto& earlier) { return earlier.first == name; })) {
            detail = "given twice";
        } else if (!is_plain_text(it->second)) {
            detail = "holds control characters or is not UTF-8";
        } else {
            continue;
        }
        add(violations, {{Defect::unknown_field, pointer_to(name), std::move(detail)}});
    }
    return violations;
}

}  // namespace busbar::api
