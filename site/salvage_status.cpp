#include "site/salvage_status.hpp"

#include <utility>

#include <boost/describe/class.hpp>

namespace busbar::site {
namespace {

struct LooseStatus {
    std::optional<RawJson> connectorId;
    std::optional<RawJson> errorCode;
    std::optional<RawJson> info;
    std::optional<RawJson> status;
    std::optional<RawJson> timestamp;
    std::optional<RawJson> vendorId;
    std::optional<RawJson> vendorErrorCode;
};
BOOST_DESCRIBE_STRUCT(LooseStatus, (),
                      (connectorId, errorCode, info, status, timestamp, vendorId, vendorErrorCode))

struct LooseReport {
    std::optional<RawJson> status;
};
BOOST_DESCRIBE_STRUCT(LooseReport, (), (status))

// A member that may be missing: it is left out, and noted, if it cannot be read.
template <class T>
void take(SalvagedStatus& out, std::optional<T>& member, const std::optional<RawJson>& json,
          std::string_view field) {
    member = read_member<T>(json);
    if (json && !member) out.fields.emplace_back(field);
}

template <class Text>
bool has_room(const std::optional<Text>& text) {
    return !text || text->value.empty();
}

void take_error(SalvagedStatus& out, const std::optional<RawJson>& json) {
    using enum v16::StatusNotificationErrorCode;
    auto& request = out.request;
    request.errorCode = NoError;
    if (const auto known = read_member<v16::StatusNotificationErrorCode>(json)) {
        request.errorCode = *known;
        return;
    }
    out.fields.emplace_back("errorCode");
    if (!json) return;
    auto word = read_member<std::string>(json).value_or(json->text);
    if (word.empty()) return;
    request.errorCode = OtherError;
    if (has_room(request.info)) {
        request.info.emplace().value = std::move(word);
    } else if (has_room(request.vendorErrorCode)) {
        request.vendorErrorCode.emplace().value = std::move(word);
    }
}

void take_state(SalvagedStatus& out, const std::optional<RawJson>& json) {
    if (const auto known = read_member<v16::StatusNotificationStatus>(json)) {
        out.request.status = *known;
        return;
    }
    out.fields.emplace_back("status");
    out.status_is_known = false;
    out.is_occupied = equal_ignoring_case(read_member<std::string>(json).value_or(""), "Occupied");
}

}  // namespace

std::optional<SalvagedStatus> salvage_status(const Json& payload) {
    DecodeReport report;
    const auto loose = decode<LooseStatus>(payload, {.lenient = true}, report);
    if (!loose) return std::nullopt;
    const auto connector = read_member<std::int32_t>(loose->connectorId);
    if (!connector) return std::nullopt;
    SalvagedStatus out;
    auto& request = out.request;
    request.connectorId = *connector;
    take(out, request.info, loose->info, "info");
    take(out, request.timestamp, loose->timestamp, "timestamp");
    take(out, request.vendorId, loose->vendorId, "vendorId");
    take(out, request.vendorErrorCode, loose->vendorErrorCode, "vendorErrorCode");
    take_error(out, loose->errorCode);
    take_state(out, loose->status);
    return out;
}

bool is_report(const Json& payload) {
    DecodeReport report;
    return decode<LooseReport>(payload, {.lenient = true}, report).has_value();
}

}  // namespace busbar::site
