#include "meters/p1.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <map>

namespace busbar::meters {
namespace {

// An object's values: the texts between its brackets.
using Fields = std::vector<std::string_view>;
using Objects = std::map<std::string_view, Fields, std::less<>>;

std::string hexadecimal(std::uint16_t number) {
    std::string text;
    for (int shift = 12; shift >= 0; shift -= 4) {
        text += "0123456789ABCDEF"[number >> shift & 15];
    }
    return text;
}

// The fields of "...(a)(b)"; nothing if brackets do not match.
std::optional<Fields> split_fields(std::string_view text) {
    Fields fields;
    while (!text.empty()) {
        const auto end = text.find(')');
        if (text.front() != '(' || end == std::string_view::npos) return std::nullopt;
        fields.push_back(text.substr(1, end - 1));
        text.remove_prefix(end + 1);
    }
    return fields;
}

// The objects of a telegram by their reference, "1-0:1.8.1". The first of two counts; what cannot
// be read is left out. Older meters put a value on a line of its own below its object.
Objects read_objects(std::string_view body) {
    Objects objects;
    Fields* last = nullptr;
    while (!body.empty()) {
        const auto length = std::min(body.find('\n'), body.size());
        std::string_view line = body.substr(0, length);
        body.remove_prefix(std::min(length + 1, body.size()));
        while (!line.empty() && (line.back() == '\r' || line.back() == '\0')) line.remove_suffix(1);
        const auto bracket = line.find('(');
        if (bracket == std::string_view::npos) continue;
        const auto fields = split_fields(line.substr(bracket));
        if (!fields) continue;
        if (bracket == 0) {
            if (last != nullptr) last->insert(last->end(), fields->begin(), fields->end());
            continue;
        }
        const auto [at, is_new] = objects.try_emplace(line.substr(0, bracket), *fields);
        last = is_new ? &at->second : nullptr;
    }
    return objects;
}

// "00012.345*kWh" in units without prefix; nothing if it is not in that unit.
std::optional<double> measured(std::string_view field, std::string_view unit) {
    const auto star = field.find('*');
    if (star == std::string_view::npos) return std::nullopt;
    double number = 0;
    const auto digits = field.substr(0, star);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number,
                                              std::chars_format::fixed);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (!std::isfinite(number) || std::abs(number) > 1e9) return std::nullopt;
    const auto given = field.substr(star + 1);
    if (given == unit) return number;
    // Thousandths are whole there: 0.345 kW are 345 W.
    if (given.starts_with('k') && given.substr(1) == unit) return std::round(number * 1e6) / 1e3;
    return std::nullopt;
}

// The last field of an object: those before it are times.
std::optional<double> value_of(const Objects& objects, std::string_view reference,
                               std::string_view unit) {
    const auto found = objects.find(reference);
    if (found == objects.end() || found->second.empty()) return std::nullopt;
    return measured(found->second.back(), unit);
}

struct Plain {
    const char* reference;
    const char* unit;
    const char* name;
};
constexpr std::array<Plain, 14> plain_values{{
    {"1-0:1.8.1", "Wh", "energyImportTariff1"},
    {"1-0:1.8.2", "Wh", "energyImportTariff2"},
    {"1-0:2.8.1", "Wh", "energyExportTariff1"},
    {"1-0:2.8.2", "Wh", "energyExportTariff2"},
    {"1-0:32.7.0", "V", "voltageL1"},
    {"1-0:52.7.0", "V", "voltageL2"},
    {"1-0:72.7.0", "V", "voltageL3"},
    {"1-0:31.7.0", "A", "currentL1"},
    {"1-0:51.7.0", "A", "currentL2"},
    {"1-0:71.7.0", "A", "currentL3"},
    {"1-0:1.4.0", "W", "demandAverage"},
    {"1-0:1.6.0", "W", "demandPeakMonth"},
    {"0-0:17.0.0", "W", "limiterThreshold"},
    {"1-0:31.4.0", "A", "fuseThreshold"},
}};

struct Direction {
    const char* import;
    const char* exported;
    const char* name;
};
constexpr std::array<Direction, 4> powers{{
    {"1-0:1.7.0", "1-0:2.7.0", "activePowerTotal"},
    {"1-0:21.7.0", "1-0:22.7.0", "activePowerL1"},
    {"1-0:41.7.0", "1-0:42.7.0", "activePowerL2"},
    {"1-0:61.7.0", "1-0:62.7.0", "activePowerL3"},
}};

void add_energy(const Objects& objects, const char* total, const std::string& name,
                Values& values) {
    if (const auto all = value_of(objects, total, "Wh")) {
        values[name] = *all;
        return;
    }
    const auto first = values.find(name + "Tariff1");
    const auto second = values.find(name + "Tariff2");
    if (first == values.end()) return;
    values[name] = first->second + (second == values.end() ? 0 : second->second);
}

Values read_values(const Objects& objects) {
    Values values;
    for (const auto& [reference, unit, name] : plain_values) {
        if (const auto value = value_of(objects, reference, unit)) values[name] = *value;
    }
    add_energy(objects, "1-0:1.8.0", "energyImport", values);
    add_energy(objects, "1-0:2.8.0", "energyExport", values);
    for (const auto& [import, exported, name] : powers) {
        const auto in = value_of(objects, import, "W");
        const auto out = value_of(objects, exported, "W");
        // A meter that does not count feeding in has no such object.
        if (in) values[name] = *in - out.value_or(0);
    }
    // Currents come without a direction; an unknown one counts as drawing.
    for (const std::string phase : {"L1", "L2", "L3"}) {
        const auto current = values.find("current" + phase);
        const auto power = values.find("activePower" + phase);
        if (current == values.end()) continue;
        current->second = std::abs(current->second);
        const bool exports = power != values.end() && power->second < 0;
        if (exports && current->second > 0) current->second = -current->second;
    }
    return values;
}

// The list of 13 months: how many, two references, then month, time of the peak, peak.
std::vector<MonthPeak> read_peaks(const Objects& objects) {
    std::vector<MonthPeak> peaks;
    const auto found = objects.find("0-0:98.1.0");
    if (found == objects.end()) return peaks;
    const Fields& fields = found->second;
    for (std::size_t at = 3; at + 2 < fields.size(); at += 3) {
        const auto watts = measured(fields[at + 2], "W");
        if (watts) peaks.push_back({parse_p1_time(fields[at + 1]), *watts});
    }
    return peaks;
}

// What is behind '!': four digits at most, leading zeros may be missing; nothing if there is none.
struct Checksum {
    std::optional<std::uint16_t> number;
    bool readable = true;
};
Checksum read_checksum(std::string_view text) {
    const auto end = text.find_first_of(std::string_view{"\r\n \0", 4});
    text = text.substr(0, std::min(end, text.size()));
    if (text.empty()) return {};
    std::uint16_t number = 0;
    const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (text.size() > 4 || error != std::errc{} || last != text.data() + text.size()) {
        return {std::nullopt, false};
    }
    return {number, true};
}

}  // namespace

std::uint16_t p1_checksum(std::string_view bytes) {
    unsigned crc = 0;
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xA001 : crc >> 1;
    }
    return static_cast<std::uint16_t>(crc);
}

std::optional<Timestamp> parse_p1_time(std::string_view text) {
    if (text.size() != 13 || (text.back() != 'S' && text.back() != 'W')) return std::nullopt;
    std::array<int, 6> parts{};
    for (std::size_t at = 0; at < 12; ++at) {
        if (text[at] < '0' || text[at] > '9') return std::nullopt;
        parts[at / 2] = parts[at / 2] * 10 + (text[at] - '0');
    }
    using namespace std::chrono;
    const year_month_day date{year{2000 + parts[0]}, month{static_cast<unsigned>(parts[1])},
                              day{static_cast<unsigned>(parts[2])}};
    if (!date.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 59) return std::nullopt;
    const hours ahead{text.back() == 'S' ? 2 : 1};
    return Timestamp{sys_days{date} + hours{parts[3]} + minutes{parts[4]} + seconds{parts[5]} -
                     ahead};
}

ParsedP1 parse_p1(std::string_view text) {
    const auto refused = [](std::string problem) {
        return ParsedP1{std::nullopt, std::move(problem)};
    };
    if (text.size() > p1_bytes_max) return refused("the telegram is longer than 16 KiB");
    if (!text.starts_with('/')) return refused("the telegram does not begin with /");
    const auto end = text.rfind('!');
    if (end == std::string_view::npos) return refused("the telegram has no end");
    const Checksum checksum = read_checksum(text.substr(end + 1));
    if (!checksum.readable) return refused("the checksum cannot be read");
    P1Telegram telegram;
    telegram.checksummed = checksum.number.has_value();
    const std::uint16_t computed = p1_checksum(text.substr(0, end + 1));
    if (checksum.number && *checksum.number != computed) {
        return refused("the checksum is " + hexadecimal(*checksum.number) +
                       ", but its bytes give " + hexadecimal(computed));
    }
    const auto first = std::min(text.find_first_of("\r\n"), end);
    telegram.identification = text.substr(1, first - 1);
    const Objects objects = read_objects(text.substr(first, end - first));
    if (objects.empty()) return refused("the telegram has no objects");
    if (const auto time = objects.find("0-0:1.0.0");
        time != objects.end() && !time->second.empty()) {
        telegram.at = parse_p1_time(time->second.front());
    }
    telegram.values = read_values(objects);
    if (const auto peak = objects.find("1-0:1.6.0");
        peak != objects.end() && telegram.values.contains("demandPeakMonth")) {
        telegram.month_peak =
            MonthPeak{parse_p1_time(peak->second.front()), telegram.values.at("demandPeakMonth")};
    }
    telegram.month_peaks = read_peaks(objects);
    return {std::move(telegram), {}};
}

std::vector<std::string> P1Stream::push(std::string_view bytes) {
    std::vector<std::string> complete;
    for (char byte : bytes) {
        if (seven_bits_) byte = static_cast<char>(byte & 0x7F);
        if (byte == '/' && (pending_.empty() || pending_.back() == '\n')) {
            if (!pending_.empty()) ++dropped_;
            pending_ = "/";
            at_end_ = false;
            continue;
        }
        if (pending_.empty()) continue;  // the rest of a telegram that had begun before us
        pending_ += byte;
        at_end_ = at_end_ || (byte == '!' && pending_[pending_.size() - 2] == '\n');
        if (at_end_ && byte == '\n') {
            complete.push_back(std::move(pending_));
            pending_.clear();
            at_end_ = false;
        } else if (pending_.size() == p1_bytes_max) {
            ++dropped_;
            pending_.clear();
            at_end_ = false;
        }
    }
    return complete;
}

}  // namespace busbar::meters
