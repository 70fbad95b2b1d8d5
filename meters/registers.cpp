#include "meters/registers.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

namespace busbar::meters {
namespace {

constexpr int exponent_max = 10;  // of a scale register; beyond it the register holds nonsense

// raw x scale, divided where the scale is 1/n: 2301 x 0.1 is then 230.1 exactly.
double apply_scale(double raw, double scale) {
    const double inverse = std::round(1 / scale);
    if (std::abs(scale) < 1 && std::abs(inverse * scale - 1) < 1e-9) return raw / inverse;
    return raw * scale;
}

// value x 10^exponent, divided where that is 1/n.
double shift_decimal(double value, int exponent) {
    const double power = std::pow(10.0, std::abs(exponent));
    return exponent < 0 ? value / power : value * power;
}

std::string phase_power_of(const Quantity& current) {
    return "activePower" + current.name.substr(current.name.size() - 2);
}

std::vector<std::uint16_t> with_byte_order(std::vector<std::uint16_t> words, ByteOrder order) {
    if (order == ByteOrder::high_first) return words;
    for (std::uint16_t& word : words) word = static_cast<std::uint16_t>(word << 8 | word >> 8);
    return words;
}

std::optional<double> read_number(const Profile& profile, const Registers& registers,
                                  std::uint16_t address, NumberType type) {
    const auto words = read_words(profile, registers, address, register_count(type));
    if (!words) return std::nullopt;
    return decode_number(*words, type, profile.word_order);
}

std::optional<double> ratio_value(const Profile& profile, const Ratio& ratio,
                                  const Registers& registers) {
    const auto raw = read_number(profile, registers, ratio.address, ratio.type);
    if (!raw) return std::nullopt;
    return std::max(apply_scale(*raw, ratio.scale), ratio.min);
}

// The product of the ratios, 1 where the profile has none; nothing if one is not known.
std::optional<double> ratio_product(const Profile& profile, const Registers& registers) {
    double product = 1;
    for (const Ratio& ratio : profile.ratios) {
        const auto value = ratio_value(profile, ratio, registers);
        if (!value) return std::nullopt;
        product *= *value;
    }
    return product;
}

// The product of the ratios the quantity is to be multiplied with.
std::optional<double> multiplier(const Profile& profile, const Quantity& quantity,
                                 const Registers& registers) {
    double product = 1;
    for (const std::string& name : quantity.times) {
        const auto ratio = std::ranges::find(profile.ratios, name, &Ratio::name);
        if (ratio == profile.ratios.end()) return std::nullopt;
        const auto value = ratio_value(profile, *ratio, registers);
        if (!value) return std::nullopt;
        product *= *value;
    }
    return product;
}

std::optional<double> scale_of(const Quantity& quantity, std::optional<double> product) {
    if (quantity.scale_steps.empty()) return quantity.scale;
    if (!product) return std::nullopt;
    for (const ScaleStep& step : quantity.scale_steps) {
        if (!step.below || *product < *step.below) return step.scale;
    }
    return std::nullopt;
}

// The power of ten in the scale register; 0 without one.
std::optional<int> exponent_of(const Profile& profile, const Quantity& quantity,
                               const Registers& registers) {
    if (!quantity.scale_register) return 0;
    const auto value = read_number(profile, registers, *quantity.scale_register, NumberType::s16);
    if (!value || std::abs(*value) > exponent_max) return std::nullopt;
    return static_cast<int>(*value);
}

bool is_met(const Profile& profile, const Condition& condition, const Registers& registers) {
    const auto words =
        read_words(profile, registers, condition.address, register_count(condition.type));
    if (!words) return false;
    if (condition.values.empty()) {
        return decode_number(*words, condition.type, profile.word_order).has_value();
    }
    const std::uint64_t bits = join_words(*words, profile.word_order);
    return std::ranges::find(condition.values, bits) != condition.values.end();
}

// The number in the quantity's registers with its direction, not yet scaled.
std::optional<double> signed_raw(const Profile& profile, const Quantity& quantity,
                                 const Registers& registers) {
    if (quantity.condition && !is_met(profile, *quantity.condition, registers)) {
        return std::nullopt;
    }
    const auto words =
        read_words(profile, registers, quantity.address, register_count(quantity.type));
    if (!words) return std::nullopt;
    const std::uint64_t bits = join_words(*words, profile.word_order);
    if (std::ranges::find(quantity.invalid, bits) != quantity.invalid.end()) return std::nullopt;
    const auto raw = decode_number(*words, quantity.type, profile.word_order);
    if (!raw || !quantity.sign_register) return raw;
    const auto sign = read_words(profile, registers, quantity.sign_register->address, 1);
    if (!sign) return std::nullopt;
    return sign->front() == quantity.sign_register->negative_when ? -*raw : *raw;
}

std::optional<double> meaning_of(const Quantity& quantity, double raw) {
    for (const auto& [number, meaning] : quantity.meanings) {
        if (static_cast<double>(number) == raw) return meaning;
    }
    return std::nullopt;
}

std::optional<double> value_of(const Profile& profile, const Quantity& quantity,
                               const Registers& registers, std::optional<double> product) {
    auto raw = signed_raw(profile, quantity, registers);
    if (raw && !quantity.meanings.empty()) raw = meaning_of(quantity, *raw);
    const auto scale = scale_of(quantity, product);
    const auto exponent = exponent_of(profile, quantity, registers);
    const auto factor = multiplier(profile, quantity, registers);
    if (!raw || !scale || !exponent || !factor) return std::nullopt;
    double value = shift_decimal(apply_scale(*raw, *scale), *exponent) * *factor;
    if (quantity.tenth_above && std::abs(value) > *quantity.tenth_above) value /= 10;
    return value == 0 ? 0 : value;
}

// Whether the phase feeds into the grid. Unknown counts as drawing: the breaker is safe that way.
bool phase_exports(const Profile& profile, const Quantity& current, const Registers& registers,
                   const Values& values) {
    const std::string name = phase_power_of(current);
    const Quantity* power = profile.quantity(name);
    if (power == nullptr) {
        const auto sum = values.find(name);
        return sum != values.end() && sum->second < 0;
    }
    // The direction is known even while the scale is not.
    const auto raw = signed_raw(profile, *power, registers);
    const bool inverted = power->scale_steps.empty() && power->scale < 0;
    return raw && (inverted ? -*raw : *raw) < 0;
}

// Sums whose parts are all known.
void add_sums(const Profile& profile, Values& values) {
    for (const Sum& sum : profile.sums) {
        double total = 0;
        bool complete = true;
        const auto add = [&](const std::vector<std::string>& parts, double sign) {
            for (const std::string& part : parts) {
                const auto found = values.find(part);
                complete = complete && found != values.end();
                if (complete) total += sign * found->second;
            }
        };
        add(sum.of, 1);
        add(sum.minus, -1);
        if (complete) values[sum.name] = total == 0 ? 0 : total;
    }
}

}  // namespace

void Registers::store(std::uint16_t address, std::span<const std::uint16_t> words) {
    for (const std::uint16_t word : words) words_[address++] = word;
}

void Registers::erase(Block block) {
    words_.erase(words_.lower_bound(block.address),
                 block.address + block.count > 65535
                     ? words_.end()
                     : words_.lower_bound(static_cast<std::uint16_t>(block.address + block.count)));
}

std::optional<std::vector<std::uint16_t>> Registers::read(std::uint16_t address, int count) const {
    std::vector<std::uint16_t> words;
    auto at = words_.find(address);
    for (int index = 0; index < count; ++index, ++at) {
        if (at == words_.end() || at->first != address + index) return std::nullopt;
        words.push_back(at->second);
    }
    return words;
}

std::optional<std::vector<std::uint16_t>> read_words(const Profile& profile,
                                                     const Registers& registers,
                                                     std::uint16_t address, int count) {
    auto words = registers.read(address, count);
    if (!words) return std::nullopt;
    return with_byte_order(std::move(*words), profile.byte_order);
}

Values decode_ratios(const Profile& profile, const Registers& registers) {
    Values values;
    for (const Ratio& ratio : profile.ratios) {
        if (const auto value = ratio_value(profile, ratio, registers)) values[ratio.name] = *value;
    }
    return values;
}

Values decode(const Profile& profile, const Registers& registers) {
    const auto product = ratio_product(profile, registers);
    Values values;
    for (const Quantity& quantity : profile.quantities) {
        if (const auto value = value_of(profile, quantity, registers, product)) {
            values[quantity.name] = *value;
        }
    }
    // Before the directions, which may follow from a sum, and after them, for sums of currents.
    add_sums(profile, values);
    for (const Quantity& quantity : profile.quantities) {
        const auto found = values.find(quantity.name);
        if (!quantity.sign_from_phase_power || found == values.end()) continue;
        const double amount = std::abs(found->second);
        const bool exports = amount > 0 && phase_exports(profile, quantity, registers, values);
        found->second = exports ? -amount : amount;
    }
    add_sums(profile, values);
    return values;
}

Reading make_reading(std::string meter, Values values, Now at) {
    Reading reading;
    reading.meter = std::move(meter);
    reading.at = at.mono;
    reading.wall = at.wall;
    const auto value = [&](const std::string& name) -> std::optional<double> {
        const auto found = values.find(name);
        if (found == values.end()) return std::nullopt;
        return found->second;
    };
    for (std::size_t phase = 0; phase < 3; ++phase) {
        const std::string suffix = "L" + std::to_string(phase + 1);
        reading.voltage_volts[phase] = value("voltage" + suffix);
        reading.current_amps[phase] = value("current" + suffix);
        reading.active_power_watts[phase] = value("activePower" + suffix);
    }
    reading.active_power_watts_total = value("activePowerTotal");
    reading.reactive_power_vars_total = value("reactivePowerTotal");
    reading.apparent_power_volt_amps_total = value("apparentPowerTotal");
    reading.power_factor_total = value("powerFactorTotal");
    reading.frequency_hz = value("frequency");
    reading.energy_import_wh = value("energyImport");
    reading.energy_export_wh = value("energyExport");
    reading.quantities = std::move(values);
    return reading;
}

}  // namespace busbar::meters
