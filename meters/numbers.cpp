#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

int bit_count(NumberType type) { return 16 * register_count(type); }

bool is_signed(NumberType type) {
    return type == NumberType::s16 || type == NumberType::s32 || type == NumberType::s64;
}
bool is_float(NumberType type) { return type == NumberType::f32 || type == NumberType::f64; }
bool is_magnitude(NumberType type) { return type == NumberType::m16 || type == NumberType::m32; }

// The pattern integers use for "no value".
std::uint64_t no_value_bits(NumberType type) {
    const int bits = bit_count(type);
    if (is_signed(type)) return std::uint64_t{1} << (bits - 1);
    return bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

// A magnitude behind a sign bit. The pattern of all ones, the most negative of them, is no value.
std::uint64_t magnitude_bits(double rounded, int bits) {
    const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
    const bool negative = rounded < 0;
    const std::uint64_t highest = sign - (negative ? 2 : 1);
    const double held = std::min(std::abs(rounded), static_cast<double>(highest));
    const auto magnitude = static_cast<std::uint64_t>(held);
    return negative && magnitude > 0 ? magnitude | sign : magnitude;
}

}  // namespace

std::vector<std::uint16_t> split_words(std::uint64_t bits, NumberType type, WordOrder order) {
    std::vector<std::uint16_t> words;
    for (int shift = bit_count(type) - 16; shift >= 0; shift -= 16) {
        words.push_back(static_cast<std::uint16_t>(bits >> shift));
    }
    if (order == WordOrder::low_first) std::ranges::reverse(words);
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
        case NumberType::m16:
        case NumberType::m32: {
            const std::uint64_t sign = std::uint64_t{1} << (bit_count(type) - 1);
            const auto magnitude = static_cast<double>(bits & (sign - 1));
            return (bits & sign) != 0 && magnitude > 0 ? -magnitude : magnitude;
        }
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
    if (is_magnitude(type)) return split_words(magnitude_bits(rounded, bits), type, order);
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

}  // namespace busbar::meters
