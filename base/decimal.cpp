#include "base/decimal.hpp"

namespace busbar {
namespace {

std::int64_t power_of_ten(int exponent) {
    std::int64_t out = 1;
    for (int i = 0; i < exponent; ++i) out *= 10;
    return out;
}

}  // namespace

std::optional<std::int64_t> parse_decimal(std::string_view text, int decimals) {
    const auto point = text.find('.');
    const auto whole = text.substr(0, point);
    const auto fraction = point == text.npos ? std::string_view{"0"} : text.substr(point + 1);
    // Nine digits before the point leave room for nine behind it.
    if (whole.empty() || whole.size() > 9 || fraction.empty()) return std::nullopt;
    std::int64_t value = 0;
    for (const char c : whole) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    value *= power_of_ten(decimals);
    for (std::size_t i = 0; i < fraction.size(); ++i) {
        const char c = fraction[i];
        const auto place = static_cast<int>(i) + 1;
        if (c < '0' || c > '9' || (place > decimals && c != '0') || place > 18) return std::nullopt;
        if (place <= decimals) value += (c - '0') * power_of_ten(decimals - place);
    }
    return value;
}

std::string fixed_text(std::int64_t value, int decimals) {
    const auto unit = power_of_ten(decimals);
    auto text = std::to_string(value / unit);
    if (decimals == 0) return text;
    const auto fraction = std::to_string(value % unit);
    return text + "." + std::string(static_cast<std::size_t>(decimals) - fraction.size(), '0') +
           fraction;
}

std::string decimal_text(std::int64_t value, int decimals) {
    auto text = fixed_text(value, decimals);
    if (decimals == 0) return text;
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
}

}  // namespace busbar
