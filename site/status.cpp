// StatusNotification: what a connector says of itself.
#include <algorithm>

#include "site/charger_keys.hpp"
#include "site/routes.hpp"

namespace busbar::site {
namespace {

// Each connector costs load management time: a charger that makes them up gets no more of them.
bool is_one_too_many(const ChargePoint& charger, std::int32_t connector_id) {
    constexpr std::int64_t usual_max = 16;
    const auto& known = charger.connectors;
    if (connector_id == 0 || known.contains(connector_id)) return false;
    const auto present = static_cast<std::int64_t>(known.size() - (known.contains(0) ? 1 : 0));
    const auto told = configuration_number(charger, "NumberOfConnectors");
    return present >= std::max(usual_max, told.value_or(0));
}

}  // namespace

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
    auto& connector = on.charger.connectors[request.connectorId];
    // A queue that is replayed late must not turn the clock of the live state back.
    const bool older = connector.status && row.at < connector.status->at &&
                       row.at + std::chrono::minutes{5} < row.received_at;
    if (older) return {};
    if (request.connectorId > 0 && !connector.status) {
        // A connector we did not know needs its safe profile.
        on.charger.setup_due = on.now.mono + std::chrono::seconds{1};
        on.site.wake_by(*on.charger.setup_due);
    }
    connector.status = row;
    observe(on.site, on.charger, ConnectorReported{row.connector_id, row.status});
    if (row.status == "Available") connector.measured.reset();
    on.site.step_wanted = true;
    if (!on.site.journal.full()) on.site.record({std::move(row)});
    return {};
}

}  // namespace busbar::site
