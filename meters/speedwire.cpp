#include "meters/speedwire.hpp"

#include <array>
#include <cmath>
#include <map>
#include <utility>

namespace busbar::meters {
namespace {

constexpr std::size_t header_bytes = 28;
constexpr std::uint64_t meter_protocol = 0x6069;
constexpr std::uint64_t version_channel = 0x9000;
constexpr std::uint8_t present_value = 4;  // of four bytes
constexpr std::uint8_t counter = 8;        // of eight bytes

std::uint64_t number_at(std::span<const std::uint8_t> bytes, std::size_t at, std::size_t count) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : bytes.subspan(at, count)) number = number << 8 | byte;
    return number;
}

// Raw values by channel and type.
using Raw = std::map<std::pair<std::uint64_t, std::uint8_t>, double>;

std::optional<double> value_of(const Raw& raw, std::uint64_t channel, std::uint8_t type,
                               double per_unit) {
    const auto found = raw.find({channel, type});
    if (found == raw.end()) return std::nullopt;
    return found->second / per_unit;
}

// One phase, or all together: the channels beside each other that belong to it.
struct Channels {
    const char* suffix;
    std::uint64_t import;
    std::uint64_t exported;
    std::uint64_t current;  // 0: none
    std::uint64_t voltage;
};
constexpr std::array<Channels, 4> all_channels{{
    {"Total", 1, 2, 0, 0},
    {"L1", 21, 22, 31, 32},
    {"L2", 41, 42, 51, 52},
    {"L3", 61, 62, 71, 72},
}};

void add(Values& values, const std::string& name, std::optional<double> value) {
    if (value) values[name] = *value;
}

Values to_values(const Raw& raw) {
    Values values;
    for (const Channels& channels : all_channels) {
        const std::string suffix = channels.suffix;
        const std::string energy_suffix = suffix == "Total" ? "" : suffix;
        const auto in = value_of(raw, channels.import, present_value, 10);
        const auto out = value_of(raw, channels.exported, present_value, 10);
        if (in && out) values["activePower" + suffix] = *in - *out;
        // Counters are in watt seconds.
        add(values, "energyImport" + energy_suffix, value_of(raw, channels.import, counter, 3600));
        add(values, "energyExport" + energy_suffix,
            value_of(raw, channels.exported, counter, 3600));
        if (channels.current == 0) continue;
        add(values, "voltage" + suffix, value_of(raw, channels.voltage, present_value, 1000));
        if (const auto current = value_of(raw, channels.current, present_value, 1000)) {
            const bool exports = in && out && *out > *in && *current > 0;
            values["current" + suffix] = exports ? -*current : *current;
        }
    }
    add(values, "powerFactorTotal", value_of(raw, 13, present_value, 1000));
    add(values, "frequency", value_of(raw, 14, present_value, 1000));
    return values;
}

ParsedSpeedwire refused(std::string problem) { return {std::nullopt, std::move(problem)}; }

}  // namespace

ParsedSpeedwire parse_speedwire(std::span<const std::uint8_t> bytes) {
    if (bytes.size() < header_bytes) return refused("it is too short for a meter's datagram");
    if (number_at(bytes, 0, 4) != 0x534D4100) return refused("it does not begin with SMA");
    const std::size_t length = number_at(bytes, 12, 2) + 16;
    if (length > bytes.size() || length < header_bytes) {
        return refused("its length is " + std::to_string(bytes.size()) + " bytes, but it says " +
                       std::to_string(length));
    }
    // Inverters and managers speak other protocols to the same group.
    if (number_at(bytes, 16, 2) != meter_protocol) return refused("it is not of a meter");
    const auto body = bytes.first(length);
    Raw raw;
    for (std::size_t at = header_bytes; at + 4 <= body.size();) {
        const std::uint64_t channel = number_at(body, at, 2);
        const std::uint8_t type = body[at + 2];
        const std::uint8_t tariff = body[at + 3];
        if (channel == 0 && type == 0) break;  // the end
        const bool known = type == present_value || type == counter || channel == version_channel;
        const std::size_t width = type == counter ? 8 : 4;
        if (!known || at + 4 + width > body.size()) {
            return refused("it cannot be read from byte " + std::to_string(at) + " on");
        }
        if (channel != version_channel && tariff == 0) {
            raw[{channel, type}] = static_cast<double>(number_at(body, at + 4, width));
        }
        at += 4 + width;
    }
    SpeedwireDatagram datagram;
    datagram.serial = static_cast<std::uint32_t>(number_at(bytes, 20, 4));
    datagram.values = to_values(raw);
    if (datagram.values.empty()) return refused("it holds no values");
    return {std::move(datagram), {}};
}

}  // namespace busbar::meters
