// StatusNotification: what a connector says of itself.
#include <algorithm>
#include <utility>

#include "site/charger_keys.hpp"
#include "site/routes.hpp"
#include "site/salvage_status.hpp"
#include "site/transactions.hpp"

namespace busbar::site {
namespace {

// Each connector costs load management time: a charger that makes them up gets no more of them.
bool is_one_too_many(const ChargePoint& charger, std::int32_t connector_id) {
    const std::int64_t usual_max = charger.quirks.cluster ? 100 : 16;  // a cluster is many boxes
    const auto& known = charger.connectors;
    if (connector_id == 0 || known.contains(connector_id)) return false;
    const auto present = static_cast<std::int64_t>(known.size() - (known.contains(0) ? 1 : 0));
    const auto told = configuration_number(charger, "NumberOfConnectors");
    return present >= std::max(usual_max, told.value_or(0));
}

// The connector that already shows the plug this one says it has: it has become Preparing at the
// same moment. Nothing if it is a plug of its own.
std::optional<std::int32_t> shows_the_same_plug(const ChargePoint& charger,
                                                const db::ConnectorStatus& row) {
    constexpr std::chrono::seconds same_moment{5};
    if (!charger.quirks.phantom_connectors || row.status != "Preparing" ||
        has_transaction(charger, row.connector_id)) {
        return std::nullopt;
    }
    for (const auto& [id, other] : charger.connectors) {
        if (id == 0 || id == row.connector_id || !other.status || other.shown_by) continue;
        const bool is_near = std::chrono::abs(other.status->at - row.at) <= same_moment;
        if (is_near && other.status->status == "Preparing") return id;
    }
    return std::nullopt;
}

// It shows Preparing but no plug of its own. It turns out later whose the plug is: the other one's
// Preparing is then the one too many.
bool is_phantom(ChargePoint& charger, Connector& connector, const db::ConnectorStatus& row) {
    if (connector.status) {
        if (const auto shown_by = shows_the_same_plug(charger, row)) {
            connector.shown_by = shown_by;
            return true;
        }
    }
    const auto shown_by = std::exchange(connector.shown_by, std::nullopt);
    if (!shown_by || row.status == "Available" || !charger.connectors.contains(*shown_by)) {
        return false;
    }
    auto& other = charger.connectors.at(*shown_by);
    const bool is_left = other.status && other.status->status == "Preparing";
    if (is_left && !has_transaction(charger, *shown_by)) other.status->status = "Available";
    return false;
}

// Each connector is again what it said it was.
void end_fault(ChargePoint& charger) {
    for (auto& [id, connector] : charger.connectors) {
        if (!std::exchange(connector.is_faulted_with_whole, false)) continue;
        connector.status = std::exchange(connector.own_status, std::nullopt);
    }
}

// Where a fault of connector 0 is one of the whole charger.
void spread_fault(ChargePoint& charger, const db::ConnectorStatus& row) {
    if (row.connector_id != 0) return;
    if (row.status != "Faulted") return end_fault(charger);
    if (charger.quirks.connector_0_faults_informational) return;
    for (auto& [id, connector] : charger.connectors) {
        if (id == 0) continue;
        auto status = row;
        status.connector_id = id;
        auto before = std::exchange(connector.status, std::move(status));
        if (!std::exchange(connector.is_faulted_with_whole, true)) {
            connector.own_status = std::move(before);
        }
    }
}

// What a connector says of itself counts from then on.
void take_own(Connector& connector, const db::ConnectorStatus& row) {
    connector.is_faulted_with_whole = false;
    connector.own_status.reset();
    connector.status = row;
}

// A connector we did not know needs its safe profile.
void set_up_soon(Context& on) {
    on.charger.setup_due = on.now.mono + std::chrono::seconds{1};
    on.site.wake_by(*on.charger.setup_due);
}

// A queue that is replayed late must not turn the clock of the live state back. A clock that has
// been set back must not hold it for ever, either: what comes after a boot, or minutes after the
// last state or into a connection, is no queue any more. The order of receipt counts then (field
// practice).
bool is_replay(Context& on, const Connector& connector, const db::ConnectorStatus& row) {
    constexpr std::chrono::minutes queue_lasts{5};
    if (!connector.status || row.at >= connector.status->at) return false;
    // Where times had to be put right, summer time may have begun or ended meanwhile.
    const bool is_corrected =
        time_correction(on.site, on.charger, on.now.wall) != std::chrono::seconds{0};
    const std::chrono::minutes late_by{is_corrected ? 65 : 5};
    if (row.at + late_by >= row.received_at) return false;
    count_deviation(on.charger, "old_status", to_string(row.at), on.now.wall);
    const auto known_since = connector.status->received_at;
    if (on.charger.boot && on.charger.boot->at >= known_since) return false;
    const auto since = std::max(known_since, on.charger.connected_at.value_or(known_since));
    return row.received_at < since + queue_lasts;
}

}  // namespace

v16::StatusNotification::Response take_status(Context& on, SalvagedStatus status) {
    auto& request = status.request;
    if (status.is_occupied) {
        const bool charges = has_transaction(on.charger, request.connectorId);
        request.status = charges ? v16::StatusNotificationStatus::Charging
                                 : v16::StatusNotificationStatus::Preparing;
    } else if (!status.status_is_known) {
        const auto known = on.charger.connectors.size();
        if (is_one_too_many(on.charger, request.connectorId)) return {};
        connector_of(on.charger, request.connectorId);
        if (on.charger.connectors.size() != known) set_up_soon(on);
        return {};
    }
    return handle(on, request);
}

v16::StatusNotification::Response handle(Context& on,
                                         const v16::StatusNotification::Request& request) {
    db::ConnectorStatus row;
    row.charge_point = on.charger.settings.id;
    row.connector_id = request.connectorId;
    row.status = enumerator_name(request.status);
    row.error_code = enumerator_name(request.errorCode);
    if (request.info) row.info = request.info->value;
    if (request.vendorErrorCode) row.vendor_error_code = request.vendorErrorCode->value;
    row.at = request.timestamp.value_or(on.now.wall);
    row.received_at = on.now.wall;

    if (request.connectorId < 0 || request.connectorId > connector_id_max) {
        count_deviation(on.charger, "connector_id", std::to_string(request.connectorId),
                        on.now.wall);
        return {};
    }
    if (is_one_too_many(on.charger, request.connectorId)) {
        count_deviation(on.charger, "too_many_connectors", std::to_string(request.connectorId),
                        on.now.wall);
        return {};
    }
    if (is_hidden(on.charger, request.connectorId)) return {};
    auto& connector = on.charger.connectors[request.connectorId];
    if (row.at < believable_from) {
        count_deviation(on.charger, "old_status", to_string(row.at), on.now.wall);
        row.at = on.now.wall;
    }
    if (is_replay(on, connector, row)) return {};
    if (is_phantom(on.charger, connector, row)) return {};
    const auto& known = connector.is_faulted_with_whole ? connector.own_status : connector.status;
    if (request.connectorId > 0 && !known) set_up_soon(on);
    take_own(connector, row);
    spread_fault(on.charger, row);
    observe(on.site, on.charger, ConnectorReported{row.connector_id, row.status});
    status_reported(on, row.connector_id);
    if (row.status == "Available") connector.measured.reset();
    on.site.step_wanted = true;
    if (!on.site.journal.full()) on.site.record({std::move(row)});
    return {};
}

}  // namespace busbar::site
