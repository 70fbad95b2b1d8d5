// Requests that carry money and cannot be decoded: what of them can be understood is taken, field
// by field, so that they are always answered. A charger that gets an error repeats the message and
// blocks its queue. Read strictly, some of them are refused all the same: see routes.cpp. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.hpp"
#include "ocpp/v16/core.hpp"

namespace busbar::site {

namespace v16 = ocpp::v16;

// A request with what could be read; the members that could not have a stand-in.
template <class Request>
struct Salvaged {
    Request request;
    std::vector<std::string> fields;  // that were missing or not as they should be
    bool meter_is_known = true;       // else meterStart or meterStop is 0
    bool connector_is_known = true;   // else connectorId is 0
    bool time_is_known = true;        // else timestamp is the time of receipt
};

// A member as it should be; nothing where it is missing or cannot be read.
template <class T>
std::optional<T> read_member(const std::optional<RawJson>& json,
                             std::optional<Timestamp> received_at = std::nullopt) {
    if (!json) return std::nullopt;
    DecodeReport report;
    return decode_text<T>(json->text, {.lenient = true, .received_at = received_at}, report);
}

// A number of the JSON value `json`, text or not: with thousands separators and, if `energy`, with
// Wh or kWh behind it, in Wh then. Nothing where it can be read in two ways or is out of range.
std::optional<std::int32_t> salvage_number(std::string_view json, bool energy);

// What can be understood of a payload.
Salvaged<v16::StartTransaction::Request> salvage_start(const Json& payload, Timestamp received_at);
// A transactionId that cannot be read is -1.
Salvaged<v16::StopTransaction::Request> salvage_stop(const Json& payload, Timestamp received_at);
// The values that cannot be read are left out; all may be.
Salvaged<v16::MeterValues::Request> salvage_values(const Json& payload, Timestamp received_at);

}  // namespace busbar::site
