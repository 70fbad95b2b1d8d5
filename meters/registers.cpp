#include "meters/registers.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

namespace busbar::meters {
namespace {

int bit_count(NumberType type) { return 16 * register_count(type); }

bool is_signed(NumberType type) {
    return type == NumberType::s16 || type == NumberType::s32 || type == NumberType::s64;
}
bool is_float(NumberType type) { return type == NumberType::f32 || type == NumberType::f64; }

// The pattern integers use for "no value".
std::uint64_t no_value_bits(NumberType type) {
    const int bits = bit_count(type);
    if (is_signed(type)) return std::uint64_t{1} << (bits - 1);
    return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

std::vector<std::uint16_t> split_words(std::uint64_t bits, NumberType type, WordOrder order) {
    std::vector<std::uint16_t> words;
    for (int shift = bit_count(type) - 16; shift >= 0; shift -= 16) {
        words.push_back(static_cast<std::uint16_t>(bits >> shift));
    }
    if (order == WordOrder::low_first) std::ranges::reverse(words);
    return words;
}

// raw x scale, divided where the scale is 1/n: 2301 x 0.1 is then 230.1 exactly.
double apply_scale(double raw, double scale) {
    const double inverse = std::round(1 / scale);
    if (std::abs(scale) < 1 && std::abs(inverse * scale - 1) < 1e-9) return raw / inverse;
    return raw * scale;
}

double remove_scale(double value, double scale) {
    const double inverse = std::round(1 / scale);
    if (std::abs(scale) < 1 && std::abs(inverse * scale - 1) < 1e-9) return value * inverse;
    return value / scale;
}

// Quantities load management lives on; the others may be older.
bool is_fast(const Quantity& quantity) {
    for (const char* kind : {"voltage", "current", "activePower"}) {
        for (const char* phase : {"L1", "L2", "L3"}) {
            if (quantity.name == std::string{kind} + phase) return true;
        }
    }
    return quantity.name == "activePowerTotal";
}

std::string phase_power_of(const Quantity& current) {
    return "activePower" + current.name.substr(current.name.size() - 2);
}

// Collects what must be read and cuts it into requests.
class Planner {
public:
    Planner(const Profile& profile, bool only_listed)
        : registers_max_(profile.registers_per_read_max),
          unlisted_max_(only_listed ? 0 : profile.unlisted_registers_max) {
        for (const Quantity& quantity : profile.quantities) {
            list(quantity.address, register_count(quantity.type));
            if (quantity.sign_register) list(quantity.sign_register->address, 1);
        }
    }

    // Blocks over the spans {address, count}; whole spans only.
    std::vector<Block> cut(const std::set<std::pair<int, int>>& spans) const {
        std::vector<Block> blocks;
        for (const auto& [address, count] : spans) {
            const int end = address + count;
            if (!blocks.empty()) {
                Block& block = blocks.back();
                const int block_end = block.address + block.count;
                if (end <= block_end) continue;
                if (end - block.address <= registers_max_ &&
                    unlisted(block_end, address) <= unlisted_max_) {
                    block.count = static_cast<std::uint16_t>(end - block.address);
                    continue;
                }
            }
            blocks.push_back(
                {static_cast<std::uint16_t>(address), static_cast<std::uint16_t>(count)});
        }
        return blocks;
    }

private:
    void list(int address, int count) {
        for (int at = address; at < address + count; ++at) listed_.insert(at);
    }
    int unlisted(int from, int to) const {
        int missing = 0;
        for (int at = from; at < to; ++at) missing += listed_.contains(at) ? 0 : 1;
        return missing;
    }

    int registers_max_;
    int unlisted_max_;
    std::set<int> listed_;
};

bool covered(const std::vector<Block>& blocks, int address, int count) {
    return std::ranges::any_of(blocks, [&](const Block& block) {
        return address >= block.address && address + count <= block.address + block.count;
    });
}

// The product of the ratios, 1 where the profile has none; nothing if one is not known.
std::optional<double> ratio_product(const Profile& profile, const Registers& registers) {
    double product = 1;
    for (const Ratio& ratio : profile.ratios) {
        const auto words = registers.read(ratio.address, register_count(ratio.type));
        if (!words) return std::nullopt;
        const auto raw = decode_number(*words, ratio.type, profile.word_order);
        if (!raw) return std::nullopt;
        product *= std::max(apply_scale(*raw, ratio.scale), ratio.min);
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

// The number in the quantity's registers with its direction, not yet scaled.
std::optional<double> signed_raw(const Profile& profile, const Quantity& quantity,
                                 const Registers& registers) {
    const auto words = registers.read(quantity.address, register_count(quantity.type));
    if (!words) return std::nullopt;
    const std::uint64_t bits = join_words(*words, profile.word_order);
    if (std::ranges::find(quantity.invalid, bits) != quantity.invalid.end()) return std::nullopt;
    const auto raw = decode_number(*words, quantity.type, profile.word_order);
    if (!raw || !quantity.sign_register) return raw;
    const auto sign = registers.read(quantity.sign_register->address, 1);
    if (!sign) return std::nullopt;
    return sign->front() == quantity.sign_register->negative_when ? -*raw : *raw;
}

// Whether the phase feeds into the grid. Unknown counts as drawing: the breaker is safe that way.
bool phase_exports(const Profile& profile, const Quantity& current, const Registers& registers) {
    const Quantity* power = profile.quantity(phase_power_of(current));
    if (power == nullptr) return false;
    const auto raw = signed_raw(profile, *power, registers);
    const bool inverted = power->scale_steps.empty() && power->scale < 0;
    return raw && (inverted ? -*raw : *raw) < 0;
}

}  // namespace

ReadPlan plan_reads(const Profile& profile, bool only_listed) {
    const Planner planner{profile, only_listed};
    ReadPlan plan;
    std::set<std::pair<int, int>> once;
    for (const Ratio& ratio : profile.ratios) {
        once.insert({ratio.address, register_count(ratio.type)});
    }
    for (const Identification& item : profile.identification) {
        once.insert({item.address, register_count(item.type)});
    }
    plan.once = planner.cut(once);

    std::set<std::pair<int, int>> fast;
    std::set<std::pair<int, int>> slow;
    for (const Quantity& quantity : profile.quantities) {
        auto& spans = is_fast(quantity) ? fast : slow;
        spans.insert({quantity.address, register_count(quantity.type)});
        if (quantity.sign_register) spans.insert({quantity.sign_register->address, 1});
    }
    // A meter without per-phase values: everything it has is what we live on.
    if (fast.empty()) std::swap(fast, slow);
    plan.fast = planner.cut(fast);
    std::erase_if(slow, [&](const std::pair<int, int>& span) {
        return covered(plan.fast, span.first, span.second);
    });
    plan.slow = planner.cut(slow);
    return plan;
}

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

std::uint64_t join_words(std::span<const std::uint16_t> words, WordOrder order) {
    std::uint64_t bits = 0;
    for (std::size_t index = 0; index < words.size(); ++index) {
        const std::size_t from = order == WordOrder::high_first ? index : words.size() - 1 - index;
        bits = bits << 16 | words[from];
    }
    return bits;
}

std::optional<double> decode_number(std::span<const std::uint16_t> words, NumberType type,
                                    WordOrder order) {
    const std::uint64_t bits = join_words(words, order);
    if (is_float(type)) {
        const double value = type == NumberType::f32
                                 ? double{std::bit_cast<float>(static_cast<std::uint32_t>(bits))}
                                 : std::bit_cast<double>(bits);
        if (!std::isfinite(value)) return std::nullopt;
        return value;
    }
    if (bits == no_value_bits(type)) return std::nullopt;
    switch (type) {
        case NumberType::s16:
            return static_cast<std::int16_t>(bits);
        case NumberType::s32:
            return static_cast<std::int32_t>(bits);
        case NumberType::s64:
            return static_cast<double>(static_cast<std::int64_t>(bits));
        default:
            return static_cast<double>(bits);
    }
}

std::vector<std::uint16_t> encode_number(double value, NumberType type, WordOrder order) {
    if (type == NumberType::f64) {
        return split_words(std::bit_cast<std::uint64_t>(value), type, order);
    }
    if (type == NumberType::f32) {
        const double bound = std::numeric_limits<float>::max();
        const double held = std::isnan(value) ? value : std::clamp(value, -bound, bound);
        return split_words(std::bit_cast<std::uint32_t>(static_cast<float>(held)), type, order);
    }
    if (std::isnan(value)) return split_words(no_value_bits(type), type, order);
    const int bits = bit_count(type);
    const double rounded = std::round(value);
    if (is_signed(type)) {
        const double beyond = std::ldexp(1.0, bits - 1);
        const std::int64_t highest = bits == 64 ? std::numeric_limits<std::int64_t>::max()
                                                : (std::int64_t{1} << (bits - 1)) - 1;
        const std::int64_t number = rounded >= beyond    ? highest
                                    : rounded <= -beyond ? -highest
                                                         : static_cast<std::int64_t>(rounded);
        return split_words(static_cast<std::uint64_t>(number), type, order);
    }
    const std::uint64_t highest = no_value_bits(type) - 1;
    const double beyond = std::ldexp(1.0, bits);
    const std::uint64_t number = rounded >= beyond - 1 ? highest
                                 : rounded <= 0        ? 0
                                                       : static_cast<std::uint64_t>(rounded);
    return split_words(std::min(number, highest), type, order);
}

Values decode(const Profile& profile, const Registers& registers) {
    const auto product = ratio_product(profile, registers);
    Values values;
    for (const Quantity& quantity : profile.quantities) {
        const auto raw = signed_raw(profile, quantity, registers);
        const auto scale = scale_of(quantity, product);
        if (!raw || !scale) continue;
        double value = apply_scale(*raw, *scale);
        if (quantity.sign_from_phase_power) {
            value = std::abs(value);
            if (phase_exports(profile, quantity, registers)) value = -value;
        }
        values[quantity.name] = value == 0 ? 0 : value;
    }
    for (const Sum& sum : profile.sums) {
        double total = 0;
        bool complete = true;
        for (const std::string& part : sum.of) {
            const auto found = values.find(part);
            complete = complete && found != values.end();
            if (complete) total += found->second;
        }
        if (complete) values[sum.name] = total;
    }
    return values;
}

Identity decode_identity(const Profile& profile, const Registers& registers) {
    Identity identity;
    for (const Identification& item : profile.identification) {
        const auto words = registers.read(item.address, register_count(item.type));
        if (!words) {
            identity.as_expected = identity.as_expected && item.expected.empty();
            continue;
        }
        const std::uint64_t bits = join_words(*words, profile.word_order);
        if (const auto value = decode_number(*words, item.type, profile.word_order)) {
            identity.values[item.name] = *value;
        }
        const bool as_expected =
            item.expected.empty() || std::ranges::find(item.expected, bits) != item.expected.end();
        identity.as_expected = identity.as_expected && as_expected;
    }
    return identity;
}

Registers encode(const Profile& profile, const Values& values) {
    Values known = values;
    for (const Sum& sum : profile.sums) {
        const auto total = values.find(sum.name);
        if (total == values.end()) continue;
        // The parts that were given stay; the first that was not takes what is left.
        double rest = total->second;
        std::string open;
        for (const std::string& part : sum.of) {
            const auto given = values.find(part);
            if (given != values.end()) {
                rest -= given->second;
            } else if (open.empty()) {
                open = part;
            } else {
                known[part] = 0;
            }
        }
        if (!open.empty()) known[open] = rest;
    }

    Registers registers;
    const auto put = [&](std::uint16_t address, NumberType type, double raw) {
        registers.store(address, encode_number(raw, type, profile.word_order));
    };
    for (const Ratio& ratio : profile.ratios) {
        const auto given = known.find(ratio.name);
        put(ratio.address, ratio.type,
            remove_scale(given == known.end() ? 1 : given->second, ratio.scale));
    }
    for (const Identification& item : profile.identification) {
        const std::uint64_t bits = item.expected.empty() ? 0 : item.expected.front();
        registers.store(item.address, split_words(bits, item.type, profile.word_order));
    }
    const auto product = ratio_product(profile, registers);
    for (const Quantity& quantity : profile.quantities) {
        const auto given = known.find(quantity.name);
        const auto scale = scale_of(quantity, product);
        if (given == known.end() || !scale) continue;
        double raw = remove_scale(given->second, *scale);
        if (quantity.sign_register) {
            const std::uint16_t negative = quantity.sign_register->negative_when;
            const std::uint16_t positive = negative == 0 ? 1 : 0;
            registers.store(quantity.sign_register->address,
                            std::vector{raw < 0 ? negative : positive});
        }
        if (quantity.sign_register || quantity.sign_from_phase_power) raw = std::abs(raw);
        put(quantity.address, quantity.type, raw);
    }
    return registers;
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
