// BootNotification, Heartbeat, DataTransfer: a charger's signs of life.
#include <boost/describe/class.hpp>

#include "site/desired_state.hpp"
#include "site/routes.hpp"
#include "site/safe_profiles.hpp"
#include "site/transactions.hpp"

namespace busbar::site {
namespace {

// The fields of a BootNotification, none of them required.
struct BareBoot {
    std::optional<CiString<20>> chargePointVendor;
    std::optional<CiString<20>> chargePointModel;
    std::optional<CiString<25>> chargePointSerialNumber;
    std::optional<CiString<25>> chargeBoxSerialNumber;
    std::optional<CiString<50>> firmwareVersion;
    std::optional<CiString<20>> iccid;
    std::optional<CiString<20>> imsi;
    std::optional<CiString<25>> meterType;
    std::optional<CiString<25>> meterSerialNumber;
};
BOOST_DESCRIBE_STRUCT(BareBoot, (),
                      (chargePointVendor, chargePointModel, chargePointSerialNumber,
                       chargeBoxSerialNumber, firmwareVersion, iccid, imsi, meterType,
                       meterSerialNumber))

struct AnyDataTransfer {
    std::optional<RawJson> data;
};
BOOST_DESCRIBE_STRUCT(AnyDataTransfer, (), (data))

}  // namespace

std::optional<v16::BootNotification::Request> read_bare_boot(const Json& payload,
                                                             const DecodeOptions& options,
                                                             DecodeReport& report) {
    DecodeReport second;
    auto bare = decode<BareBoot>(payload, options, second);
    if (!bare) return std::nullopt;
    for (auto& error : report.errors) report.deviations.push_back(std::move(error));
    report.errors.clear();
    v16::BootNotification::Request request;
    request.chargePointVendor = bare->chargePointVendor.value_or("");
    request.chargePointModel = bare->chargePointModel.value_or("");
    request.chargePointSerialNumber = std::move(bare->chargePointSerialNumber);
    request.chargeBoxSerialNumber = std::move(bare->chargeBoxSerialNumber);
    request.firmwareVersion = std::move(bare->firmwareVersion);
    request.iccid = std::move(bare->iccid);
    request.imsi = std::move(bare->imsi);
    request.meterType = std::move(bare->meterType);
    request.meterSerialNumber = std::move(bare->meterSerialNumber);
    return request;
}

std::optional<std::string> structured_data(const Json& payload) {
    DecodeReport ignored;
    auto any = decode<AnyDataTransfer>(payload, {.lenient = true}, ignored);
    if (!any || !any->data) return std::nullopt;
    return std::move(any->data->text);
}

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
    resolve_quirks(on.site, on.charger);
    const bool clock_is_forgotten = on.charger.clock.booted();
    on.charger.poll = {};
    configuration_booted(on.charger);
    observe(on.site, on.charger, ChargePointBooted{});
    charger_booted(on);
    if (!on.site.journal.full()) {
        std::vector<db::Record> unit;
        if (clock_is_forgotten) {
            unit.emplace_back(clock_row(on.charger));
        }
        unit.emplace_back(std::move(row));
        on.site.record(std::move(unit));
    }

    // Some chargers drop what arrives right behind the answer: a moment's grace.
    const std::chrono::seconds delay{on.charger.quirks.setup_delay_seconds};
    if (on.charger.link) on.charger.link->session.hold_calls(on.now.mono + delay);
    on.site.wake_by(on.now.mono + delay);

    v16::BootNotification::Response response;
    response.currentTime = on.now.wall;
    const auto interval = heartbeat_interval(on.site, on.charger);
    response.interval = static_cast<std::int32_t>(interval.count());
    if (on.charger.settings.state == "accepted") {
        response.status = v16::BootNotificationStatus::Accepted;
        begin_set_up(on.site, on.charger, delay, on.now);
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

// No vendor extension is known yet, and an unknown one is answered with its name (4.3). What a
// model is known to chat about is taken without a word: some ask again and again otherwise.
v16::DataTransfer::Response handle(Context& on, const v16::DataTransfer::Request& request) {
    for (const auto& ignored : on.charger.quirks.data_transfer_ignored) {
        if (request.vendorId == ignored || (request.messageId && *request.messageId == ignored)) {
            return {.status = v16::DataTransferStatus::Accepted, .data = {}};
        }
    }
    count_deviation(on.charger, "data_transfer",
                    request.vendorId.value + " " + request.data.value_or(""), on.now.wall);
    return {.status = v16::DataTransferStatus::UnknownVendorId, .data = {}};
}

}  // namespace busbar::site
