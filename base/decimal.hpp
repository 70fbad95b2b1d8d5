// Decimal fractions that never touch floating point: prices, percentages, amounts. A value is a
// whole number of its last decimal. Not negative. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace busbar {

// "0.3245" with at most `decimals` of them, as a whole number of the last; nothing for anything
// else, a sign included. "12" with 5 decimals is 1200000.
std::optional<std::int64_t> parse_decimal(std::string_view text, int decimals);

// The shortest text that parse_decimal gives back: "0.3245".
std::string decimal_text(std::int64_t value, int decimals);

// "1234.50": always all decimals.
std::string fixed_text(std::int64_t value, int decimals);

}  // namespace busbar
