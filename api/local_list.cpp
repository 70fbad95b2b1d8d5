// /api/v1/charge-points/{id}/local-list: the badges a charger knows by itself.
#include "site/local_list.hpp"

#include "api/handlers.hpp"

namespace busbar::api {
namespace {

struct LocalListView {
    Nullable<bool> supported;  // null: the charger has not been asked yet
    std::int32_t version = 0;
    std::int64_t entries = 0;
    std::int64_t wantedEntries = 0;
    std::int64_t leftOut = 0;
    std::string state;
    Nullable<std::string> lastError;
    bool manual = false;
};
BOOST_DESCRIBE_STRUCT(LocalListView, (),
                      (supported, version, entries, wantedEntries, leftOut, state, lastError,
                       manual))

LocalListView view_of(const site::LocalListStatus& status) {
    LocalListView view;
    view.supported = status.supported;
    view.version = status.version;
    view.entries = static_cast<std::int64_t>(status.entries);
    view.wantedEntries = static_cast<std::int64_t>(status.wanted);
    view.leftOut = static_cast<std::int64_t>(status.left_out);
    view.state = enumerator_name(status.state);
    if (!status.last_error.empty()) view.lastError = std::optional{status.last_error};
    view.manual = status.manual;
    return view;
}

net::HttpResponse conflict(std::string detail) {
    return to_response({.status = 409, .detail = std::move(detail)});
}

}  // namespace

void show_local_list(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    call.respond(json_response(
        200, view_of(site::local_list_status(call.site(), *charger, call.now().wall))));
}

void synchronise_local_list(const Call& call) {
    auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    if (charger->settings.state != "accepted") {
        return call.respond(
            conflict("The charge point is " + charger->settings.state + ": accept it first."));
    }
    if (!charger->link) return call.respond(conflict("The charge point is not connected."));
    if (!site::may_have_local_list(*charger)) {
        return call.respond(
            conflict("The charge point has no local list: see localList and unsupportedActions "
                     "of its quirks."));
    }
    call.site().now = call.now();
    site::synchronise_local_list(call.site(), *charger, call.now());
    call.respond(json_response(
        202, view_of(site::local_list_status(call.site(), *charger, call.now().wall))));
    call.on.after_change();
}

}  // namespace busbar::api
