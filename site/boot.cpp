// BootNotification, Heartbeat, DataTransfer: a charger's signs of life.
#include "site/routes.hpp"

namespace busbar::site {

// An accepted charger keeps its transactions over a reboot: what was running is settled by its own
// StopTransaction, not by the boot.
v16::BootNotification::Response handle(Context& on, const v16::BootNotification::Request& request) {
    db::ChargePointBooted row;
    row.id = on.charger.settings.id;
    row.vendor = request.chargePointVendor.value;
    row.model = request.chargePointModel.value;
    if (request.chargePointSerialNumber) row.serial_number = request.chargePointSerialNumber->value;
    if (request.firmwareVersion) row.firmware_version = request.firmwareVersion->value;
    row.at = on.now.wall;
    on.charger.boot = row;
    if (!on.site.journal.full()) on.site.record({std::move(row)});

    v16::BootNotification::Response response;
    response.currentTime = on.now.wall;
    response.interval = static_cast<std::int32_t>(on.site.settings.heartbeat_interval.count());
    if (on.charger.settings.state == "accepted") {
        response.status = v16::BootNotificationStatus::Accepted;
        // Some chargers drop what arrives right behind the answer: a second's grace.
        on.charger.setup_due = on.now.mono + std::chrono::seconds{1};
        for (auto& [id, connector] : on.charger.connectors) {
            connector.safe_profile_sent.reset();
        }
        on.site.wake_by(*on.charger.setup_due);
    } else {
        const bool pending = on.charger.settings.state == "pending";
        response.status =
            pending ? v16::BootNotificationStatus::Pending : v16::BootNotificationStatus::Rejected;
        // Here the interval is the wait before the next attempt (4.2).
        response.interval = 60;
    }
    return response;
}

v16::Heartbeat::Response handle(Context& on, const v16::Heartbeat::Request&) {
    return {.currentTime = on.now.wall};
}

// No vendor extension is known yet, and an unknown one is answered with its name (4.3).
v16::DataTransfer::Response handle(Context& on, const v16::DataTransfer::Request& request) {
    count_deviation(on.charger, "data_transfer", request.vendorId.value, on.now.wall);
    return {.status = v16::DataTransferStatus::UnknownVendorId, .data = {}};
}

}  // namespace busbar::site
