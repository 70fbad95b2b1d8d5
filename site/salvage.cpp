#include "site/salvage.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include <boost/describe/class.hpp>

namespace busbar::site {
namespace {

struct LooseStart {
    std::optional<RawJson> connectorId;
    std::optional<RawJson> idTag;
    std::optional<RawJson> meterStart;
    std::optional<RawJson> reservationId;
    std::optional<RawJson> timestamp;
};
BOOST_DESCRIBE_STRUCT(LooseStart, (), (connectorId, idTag, meterStart, reservationId, timestamp))

struct LooseStop {
    std::optional<RawJson> idTag;
    std::optional<RawJson> meterStop;
    std::optional<RawJson> timestamp;
    std::optional<RawJson> transactionId;
    std::optional<RawJson> reason;
    std::optional<RawJson> transactionData;
};
BOOST_DESCRIBE_STRUCT(LooseStop, (),
                      (idTag, meterStop, timestamp, transactionId, reason, transactionData))

struct LooseValues {
    std::optional<RawJson> connectorId;
    std::optional<RawJson> transactionId;
    std::optional<RawJson> meterValue;
};
BOOST_DESCRIBE_STRUCT(LooseValues, (), (connectorId, transactionId, meterValue))

bool is_digit(char c) { return c >= '0' && c <= '9'; }

template <class T>
T read_loose(const Json& payload) {
    DecodeReport report;
    return decode<T>(payload, {.lenient = true}, report).value_or(T{});
}

// As it should be, or as salvage_number() reads it; the field is noted unless it is the former.
template <class R>
std::optional<std::int32_t> number(Salvaged<R>& out, const std::optional<RawJson>& json,
                                   std::string_view field, bool energy) {
    if (const auto value = read_member<std::int32_t>(json)) return value;
    out.fields.emplace_back(field);
    return json ? salvage_number(json->text, energy) : std::nullopt;
}

template <class R>
Timestamp time(Salvaged<R>& out, const std::optional<RawJson>& json, Timestamp received_at) {
    if (const auto value = read_member<Timestamp>(json)) return *value;
    out.fields.emplace_back("timestamp");
    out.time_is_known = false;
    return received_at;
}

// Every value that can be read.
template <class R>
std::vector<v16::MeterValue> values(Salvaged<R>& out, const std::optional<RawJson>& json,
                                    std::string_view field, Timestamp received_at) {
    if (auto all = read_member<std::vector<v16::MeterValue>>(json, received_at))
        return std::move(*all);
    out.fields.emplace_back(field);
    std::vector<v16::MeterValue> some;
    for (const auto& item :
         read_member<std::vector<RawJson>>(json).value_or(std::vector<RawJson>{})) {
        auto value = read_member<v16::MeterValue>(item, received_at);
        if (value) some.push_back(std::move(*value));
    }
    return some;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

// The digits without thousands separators; nothing if these are not where they belong.
std::optional<std::string> ungrouped(std::string_view text) {
    const auto first = text.find_first_of(", '");
    if (first == std::string_view::npos) return std::string{text};
    const char separator = text[first];
    if (first == 0 || first > 3) return std::nullopt;
    std::string out{text.substr(0, first)};
    for (text.remove_prefix(first); !text.empty(); text.remove_prefix(4)) {
        if (text.size() < 4 || text[0] != separator) return std::nullopt;
        out += text.substr(1, 3);
    }
    return out;
}

}  // namespace

std::optional<std::int32_t> salvage_number(std::string_view json, bool energy) {
    if (json.size() >= 2 && json.front() == '"') json = json.substr(1, json.size() - 2);
    json = trimmed(json);
    double factor = 1;
    const auto last = json.find_last_of("0123456789");
    if (last == std::string_view::npos) return std::nullopt;
    const auto unit = trimmed(json.substr(last + 1));
    if (!unit.empty()) {
        const bool is_kilo = equal_ignoring_case(unit, "kWh");
        if (!energy || (!is_kilo && !equal_ignoring_case(unit, "Wh"))) return std::nullopt;
        factor = is_kilo ? 1000 : 1;
    }
    auto digits = json.substr(0, last + 1);
    const bool negative = digits.starts_with('-');
    if (negative || digits.starts_with('+')) digits.remove_prefix(1);
    const auto point = digits.find('.');
    const auto fraction =
        point == std::string_view::npos ? std::string_view{} : digits.substr(point + 1);
    // A comma before three digits of kWh may as well be a decimal one, a point in Wh a separator.
    if (factor == 1 && fraction.size() == 3 && point <= 3) return std::nullopt;
    if (factor != 1 && digits.find(',') != std::string_view::npos) return std::nullopt;
    auto plain = ungrouped(digits.substr(0, point));
    if (!plain || plain->empty()) return std::nullopt;
    if (point != std::string_view::npos) plain->append(".").append(fraction);
    double value = 0;
    const char* end = plain->data() + plain->size();
    const auto [stopped, error] =
        std::from_chars(plain->data(), end, value, std::chars_format::fixed);
    if (error != std::errc{} || stopped != end || !is_digit(plain->front())) return std::nullopt;
    value = std::round(value * factor) * (negative ? -1 : 1);
    if (std::abs(value) > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
    return static_cast<std::int32_t>(value);
}

Salvaged<v16::StartTransaction::Request> salvage_start(const Json& payload, Timestamp received_at) {
    const auto loose = read_loose<LooseStart>(payload);
    Salvaged<v16::StartTransaction::Request> out;
    const auto connector = number(out, loose.connectorId, "connectorId", false);
    out.connector_is_known = connector.has_value();
    out.request.connectorId = connector.value_or(0);
    auto badge = read_member<std::string>(loose.idTag);
    if (!badge) out.fields.emplace_back("idTag");
    out.request.idTag.value = std::move(badge).value_or("");
    const auto meter = number(out, loose.meterStart, "meterStart", true);
    out.meter_is_known = meter.has_value();
    out.request.meterStart = meter.value_or(0);
    if (loose.reservationId) {
        out.request.reservationId = number(out, loose.reservationId, "reservationId", false);
    }
    out.request.timestamp = time(out, loose.timestamp, received_at);
    return out;
}

Salvaged<v16::StopTransaction::Request> salvage_stop(const Json& payload, Timestamp received_at) {
    const auto loose = read_loose<LooseStop>(payload);
    Salvaged<v16::StopTransaction::Request> out;
    if (auto badge = read_member<std::string>(loose.idTag)) {
        out.request.idTag.emplace().value = std::move(*badge);
    } else if (loose.idTag) {
        out.fields.emplace_back("idTag");
    }
    const auto meter = number(out, loose.meterStop, "meterStop", true);
    out.meter_is_known = meter.has_value();
    out.request.meterStop = meter.value_or(0);
    out.request.timestamp = time(out, loose.timestamp, received_at);
    out.request.transactionId =
        number(out, loose.transactionId, "transactionId", false).value_or(-1);
    out.request.reason = read_member<v16::StopTransactionReason>(loose.reason);
    if (loose.reason && !out.request.reason) out.fields.emplace_back("reason");
    if (loose.transactionData) {
        out.request.transactionData =
            values(out, loose.transactionData, "transactionData", received_at);
    }
    return out;
}

Salvaged<v16::MeterValues::Request> salvage_values(const Json& payload, Timestamp received_at) {
    const auto loose = read_loose<LooseValues>(payload);
    Salvaged<v16::MeterValues::Request> out;
    const auto connector = number(out, loose.connectorId, "connectorId", false);
    out.connector_is_known = connector.has_value();
    out.request.connectorId = connector.value_or(0);
    if (loose.transactionId) {
        out.request.transactionId = number(out, loose.transactionId, "transactionId", false);
    }
    out.request.meterValue = values(out, loose.meterValue, "meterValue", received_at);
    return out;
}

}  // namespace busbar::site
