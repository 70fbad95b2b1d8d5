// /api/v1/charge-points: what is known of each charger, and its settings.
#include "site/charge_points.hpp"

#include <algorithm>
#include <map>

#include <boost/describe/class.hpp>

#include "api/audit.hpp"
#include "api/etag.hpp"
#include "api/handlers.hpp"
#include "api/measurements.hpp"
#include "api/settings_view.hpp"
#include "site/badge_fields.hpp"
#include "site/connections.hpp"

namespace busbar::api {
namespace {

constexpr std::size_t password_size_max = 128;
constexpr std::size_t text_size_max = 200;
constexpr std::size_t groups_max = 100;
constexpr double amps_min = 6;
constexpr double amps_max = 1000;

struct RunningTransaction {
    std::int64_t id = 0;
    std::string idTag;
    Timestamp startedAt;
    std::int64_t energyWh = 0;
};
BOOST_DESCRIBE_STRUCT(RunningTransaction, (), (id, idTag, startedAt, energyWh))

// What a StatusNotification said, of a connector or of the charge point as a whole.
struct StatusView {
    std::string status;
    std::string errorCode;
    Nullable<std::string> info;
    Timestamp at;
};
BOOST_DESCRIBE_STRUCT(StatusView, (), (status, errorCode, info, at))

struct ConnectorView {
    std::int32_t connectorId = 0;
    Nullable<std::string> status;  // null: not heard of yet
    Nullable<std::string> errorCode;
    Nullable<std::string> info;
    Nullable<Timestamp> at;
    Nullable<RunningTransaction> transaction;
    Nullable<double> measuredAmps;  // of the phase with the highest current
    Nullable<double> limitAmps;     // acknowledged by the charger
};
BOOST_DESCRIBE_STRUCT(ConnectorView, (),
                      (connectorId, status, errorCode, info, at, transaction, measuredAmps,
                       limitAmps))

struct DeviationView {
    std::string kind;
    std::int64_t count = 0;
    std::string lastExample;
    Timestamp lastAt;
};
BOOST_DESCRIBE_STRUCT(DeviationView, (), (kind, count, lastExample, lastAt))

// How often it has connected lately, and why its last connections ended.
struct PastConnectionView {
    Timestamp connectedAt;
    Timestamp endedAt;
    std::string cause;
};
BOOST_DESCRIBE_STRUCT(PastConnectionView, (), (connectedAt, endedAt, cause))

struct ConnectionsView {
    std::int32_t inLastHour = 0;
    bool flapping = false;
    std::vector<PastConnectionView> past;  // the newest first
};
BOOST_DESCRIBE_STRUCT(ConnectionsView, (), (inLastHour, flapping, past))

struct ChargePointView {
    std::string id;
    std::string state;
    Nullable<std::string> label;
    Nullable<std::string> location;
    std::string validation;
    double maxAmps = 0;
    std::string phaseMap;
    bool assumeOcpp16 = false;
    Nullable<std::vector<std::string>> groups;
    std::string access;
    Nullable<std::string> openingHours;
    bool hasPassword = false;
    bool connected = false;
    bool away = false;  // without a connection for longer than its quirks allow
    Nullable<std::string> peerAddress;
    Nullable<Timestamp> connectedAt;
    Nullable<Timestamp> lastSeenAt;
    Nullable<std::int64_t> clockOffsetSeconds;  // its clock is ahead by this; null: not known yet
    std::int64_t clockCorrectionSeconds = 0;    // taken off the times it sends
    ConnectionsView connections;
    Nullable<std::string> vendor;
    Nullable<std::string> model;
    Nullable<std::string> serialNumber;
    Nullable<std::string> firmwareVersion;
    Nullable<StatusView> overall;  // connector 0
    std::vector<ConnectorView> connectors;
    std::vector<DeviationView> deviations;
};
BOOST_DESCRIBE_STRUCT(ChargePointView, (),
                      (id, state, label, location, validation, maxAmps, phaseMap, assumeOcpp16,
                       groups, access, openingHours, hasPassword, connected, away, peerAddress,
                       connectedAt, lastSeenAt, clockOffsetSeconds, clockCorrectionSeconds,
                       connections, vendor, model, serialNumber, firmwareVersion, overall,
                       connectors, deviations))

// The body of POST, which needs an id, and of PATCH, which must not have one.
struct ChargePointEdit {
    Patch<std::string> id;
    Patch<std::string> state;
    Patch<std::string> label;
    Patch<std::string> location;
    Patch<std::string> password;
    Patch<std::string> validation;
    Patch<double> maxAmps;
    Patch<std::string> phaseMap;
    Patch<bool> assumeOcpp16;
    Patch<std::vector<std::string>> groups;
    Patch<std::string> access;
    Patch<std::string> openingHours;
};
BOOST_DESCRIBE_STRUCT(ChargePointEdit, (),
                      (id, state, label, location, password, validation, maxAmps, phaseMap,
                       assumeOcpp16, groups, access, openingHours))

// Acknowledged limits, by EVSE.
using Limits = std::map<std::string, Amps, std::less<>>;

Limits acknowledged_limits(const Call& call) {
    Limits limits;
    for (const auto& evse : call.site().engine.status(call.now())) {
        if (evse.offered) limits.emplace(evse.id, *evse.offered);
    }
    return limits;
}

std::optional<RunningTransaction> running_on(const site::ChargePoint& charger,
                                             std::int32_t connector_id) {
    for (const auto& transaction : charger.open) {
        const auto& start = transaction.start;
        if (start.connector_id != connector_id) continue;
        return RunningTransaction{start.id, start.id_tag, start.started_at,
                                  std::int64_t{transaction.register_wh} - start.meter_start_wh};
    }
    return std::nullopt;
}

ConnectorView connector_view(const site::ChargePoint& charger, std::int32_t connector_id,
                             const site::Connector& connector, const Limits& limits) {
    ConnectorView view;
    view.connectorId = connector_id;
    if (const auto& status = connector.status) {
        view.status = std::optional{status->status};
        view.errorCode = std::optional{status->error_code};
        view.info = status->info;
        view.at = std::optional{status->at};
    }
    view.transaction = running_on(charger, connector_id);
    if (connector.measured) view.measuredAmps = std::optional{highest_amps(*connector.measured)};
    const auto limit = limits.find(site::evse_id(charger.settings.id, connector_id));
    if (limit != limits.end()) view.limitAmps = std::optional{limit->second.to_double()};
    return view;
}

ConnectionsView connections_view(const site::ChargePoint& charger, Timestamp now) {
    ConnectionsView view;
    view.inLastHour = site::connections_within(charger, std::chrono::hours{1}, now);
    view.flapping = site::is_flapping(charger, now);
    const auto& past = charger.past_connections;
    for (auto it = past.rbegin(); it != past.rend(); ++it) {
        view.past.push_back({it->began_at, it->ended_at, it->cause});
    }
    return view;
}

void describe_state(ChargePointView& view, const site::ChargePoint& charger, const Limits& limits) {
    view.connected = charger.link != nullptr;
    view.away = charger.is_away;
    if (view.connected) view.peerAddress = std::optional{charger.peer_address};
    view.connectedAt = charger.connected_at;
    view.lastSeenAt = charger.last_seen_at;
    if (const auto& boot = charger.boot) {
        view.vendor = std::optional{boot->vendor};
        view.model = std::optional{boot->model};
        view.serialNumber = boot->serial_number;
        view.firmwareVersion = boot->firmware_version;
    }
    for (const auto& [connector_id, connector] : charger.connectors) {
        if (connector_id != 0) {
            view.connectors.push_back(connector_view(charger, connector_id, connector, limits));
        } else if (const auto& status = connector.status) {
            view.overall = std::optional{
                StatusView{status->status, status->error_code, status->info, status->at}};
        }
    }
    for (const auto& [kind, deviation] : charger.deviations) {
        view.deviations.push_back({kind, static_cast<std::int64_t>(deviation.count),
                                   deviation.last_example, deviation.last_at});
    }
}

ChargePointView view_of(const Call& call, const site::ChargePoint& charger, const Limits& limits) {
    const auto now = call.now().wall;
    const auto& settings = charger.settings;
    ChargePointView view;
    view.id = settings.id;
    view.state = settings.state;
    view.label = settings.label;
    view.location = settings.location;
    view.validation = settings.validation;
    view.maxAmps = Amps::from_milliamps(settings.max_milliamps).to_double();
    view.phaseMap = settings.phase_map;
    view.assumeOcpp16 = settings.assume_ocpp16;
    view.groups = settings.groups;
    view.access = settings.access.value_or("badge");
    view.openingHours = settings.opening_hours;
    view.hasPassword = settings.password_hash.has_value();
    const auto offset =
        charger.clock.measured() ? charger.clock.measured() : charger.clock.offset();
    if (offset) view.clockOffsetSeconds = std::optional{std::int64_t{offset->count()}};
    view.clockCorrectionSeconds = site::time_correction(call.site(), charger, now).count();
    view.connections = connections_view(charger, now);
    describe_state(view, charger, limits);
    return view;
}

// What is wrong with who may charge there and when.
void check_rights(const db::ChargePointSaved& settings, std::vector<Violation>& found) {
    const auto& groups = settings.groups;
    if (groups && groups->size() > groups_max) {
        found.push_back({Defect::bad_value, "/groups", "more than 100 groups"});
    }
    for (std::size_t i = 0; groups && i < std::min(groups->size(), groups_max); ++i) {
        auto pointer = "/groups/" + std::to_string(i);
        if ((*groups)[i].empty()) {
            found.push_back({Defect::bad_value, pointer, "must not be empty"});
        }
        site::check_text(found, std::move(pointer), (*groups)[i], site::badge_text_size_max);
    }
    if (settings.access && *settings.access != "badge" && *settings.access != "free") {
        found.push_back({Defect::bad_value, "/access", "must be badge or free"});
    }
    site::check_hours(found, "/openingHours", settings.opening_hours);
}

// The settings as the edit leaves them; the password apart. Everything wrong is added.
db::ChargePointSaved edited(db::ChargePointSaved settings, const ChargePointEdit& edit,
                            std::vector<Violation>& violations) {
    std::vector<Violation> found;
    assign_value(settings.state, edit.state, "/state", found);
    assign_nullable(settings.label, edit.label);
    assign_nullable(settings.location, edit.location);
    assign_value(settings.validation, edit.validation, "/validation", found);
    assign_value(settings.phase_map, edit.phaseMap, "/phaseMap", found);
    assign_value(settings.assume_ocpp16, edit.assumeOcpp16, "/assumeOcpp16", found);
    assign_nullable(settings.groups, edit.groups);
    std::string access = settings.access.value_or("badge");
    assign_value(access, edit.access, "/access", found);
    settings.access = std::move(access);
    assign_nullable(settings.opening_hours, edit.openingHours);
    double amps = Amps::from_milliamps(settings.max_milliamps).to_double();
    assign_value(amps, edit.maxAmps, "/maxAmps", found);
    if (amps >= amps_min && amps <= amps_max)
        settings.max_milliamps = Amps::from_double(amps).milliamps;
    else
        found.push_back({Defect::bad_value, "/maxAmps", "must be 6 to 1000"});
    check_text(found, "/label", settings.label, text_size_max);
    check_text(found, "/location", settings.location, text_size_max);
    check_text(found, "/password", edit.password.value, password_size_max);
    if (edit.password.value && edit.password.value->empty()) {
        found.push_back(
            {Defect::bad_value, "/password", "must not be empty: null removes the password"});
    }
    check_rights(settings, found);
    add(violations, std::move(found));
    add(violations, site::check(settings));
    return settings;
}

// Runs `proceed` with the settings' password as the edit wants it; it may take a while.
void with_password(const Call& call, const ChargePointEdit& edit,
                   std::function<void(const std::function<void(db::ChargePointSaved&)>&)> proceed) {
    if (!edit.password.value) {
        const bool removed = edit.password.present;
        return proceed([removed](db::ChargePointSaved& settings) {
            if (!removed) return;
            settings.password_hash.reset();
            settings.password_hash_previous.reset();
        });
    }
    call.on.hash_password(
        *edit.password.value, [call, proceed = std::move(proceed)](const std::string& hash) {
            if (hash.empty()) {
                return call.respond(unavailable("Too many passwords are being set: try again."));
            }
            proceed([&hash](db::ChargePointSaved& settings) {
                settings.password_hash = hash;
                settings.password_hash_previous.reset();
            });
        });
}

// Saves the settings and answers with what they make of the charge point.
void save(const Call& call, db::ChargePointSaved settings, int status) {
    if (refused_as_full(call)) return;
    const std::string id = settings.id;
    const auto version = settings_json(settings);
    Change change{status == 201 ? "create" : "update", "charge-point", id};
    if (const auto* before = call.site().find(id)) change.before = settings_json(before->settings);
    change.after = version;
    audit(call, std::move(change));
    const auto ticket = site::save(call.site(), std::move(settings), call.now());
    auto response = tagged(
        json_response(status, view_of(call, *call.site().find(id), acknowledged_limits(call))),
        version);
    if (status == 201) {
        response.headers.emplace_back("Location", "/api/v1/charge-points/" + path_segment(id));
    }
    respond_when_durable(call, ticket, std::move(response));
}

// True after answering that somebody else was faster, see api/etag.
bool refused_as_stale(const Call& call, const site::ChargePoint& charger) {
    const auto view = view_of(call, charger, acknowledged_limits(call));
    return refused_as_stale(call, settings_json(charger.settings),
                            to_json(view, TimeStyle::milliseconds));
}

net::HttpResponse exists_already() {
    return to_response(
        {.status = 409, .detail = "There is a charge point with this id: change it with PATCH."});
}

}  // namespace

void list_charge_points(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    const auto& all = call.site().charge_points;
    const auto limits = acknowledged_limits(call);
    std::vector<ChargePointView> items;
    auto it = cursor ? all.upper_bound(*cursor) : all.begin();
    for (; it != all.end() && items.size() < limit; ++it) {
        items.push_back(view_of(call, it->second, limits));
    }
    std::optional<std::string> next;
    if (it != all.end()) next = items.back().id;
    call.respond(page_response(items, next));
}

void show_charge_point(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    call.respond(tagged(json_response(200, view_of(call, *charger, acknowledged_limits(call))),
                        settings_json(charger->settings)));
}

void register_charge_point(const Call& call) {
    auto body = read_body<ChargePointEdit>(call);
    if (!body) return;
    const auto& edit = body->value;
    if (!edit.id.value) {
        add(body->violations, {{Defect::missing_field, "/id", "required field is missing"}});
    }
    const auto settings =
        edited(site::default_settings(edit.id.value.value_or("")), edit, body->violations);
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    if (call.site().find(settings.id)) return call.respond(exists_already());
    if (refused_as_full(call)) return;
    with_password(call, edit, [call, settings](const auto& set_password) {
        // It may have come, by itself or registered by another, while the password was hashed.
        if (call.site().find(settings.id)) return call.respond(exists_already());
        auto wanted = settings;
        set_password(wanted);
        save(call, std::move(wanted), 201);
    });
}

void edit_charge_point(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    auto body = read_body<ChargePointEdit>(call);
    if (!body) return;
    const auto edit = std::move(body->value);
    if (edit.id.present) {
        add(body->violations, {{Defect::bad_value, "/id", "cannot be changed"}});
    }
    edited(charger->settings, edit, body->violations);
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    if (refused_as_stale(call, *charger) || refused_as_full(call)) return;
    with_password(call, edit, [call, edit](const auto& set_password) {
        const auto* present = call.site().find(call.names[0]);
        if (!present) return call.respond(not_found("charge point"));
        if (refused_as_stale(call, *present)) return;
        std::vector<Violation> none;
        auto wanted = edited(present->settings, edit, none);
        set_password(wanted);
        save(call, std::move(wanted), 200);
    });
}

void remove_charge_point(const Call& call) {
    const auto* charger = call.site().find(call.names[0]);
    if (!charger) return call.respond(not_found("charge point"));
    if (refused_as_stale(call, *charger)) return;
    if (const auto obstacle = site::obstacle_to_removal(*charger)) {
        return call.respond(to_response(
            {.status = 409,
             .detail = "The charge point cannot be removed: " + std::string{*obstacle} + "."}));
    }
    if (refused_as_full(call)) return;
    audit(call, {.action = "delete",
                 .object_kind = "charge-point",
                 .object_id = call.names[0],
                 .before = settings_json(charger->settings)});
    const auto ticket = site::remove_charge_point(call.site(), call.names[0]);
    respond_when_durable(call, ticket, no_content());
}

}  // namespace busbar::api
