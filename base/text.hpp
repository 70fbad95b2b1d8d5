// Text helpers without a better home: ASCII case, bounded case-insensitive strings, one-decimal
// numbers. All pure.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace busbar {

constexpr char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// The text with ASCII letters in lower case.
inline std::string to_lower(std::string_view text) {
    std::string lower{text};
    std::transform(lower.begin(), lower.end(), lower.begin(), ascii_lower);
    return lower;
}

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

// No control characters.
inline bool is_printable(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// Order for maps whose keys differ in more than case.
struct LessIgnoringCase {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const {
        return std::lexicographical_compare(
            a.begin(), a.end(), b.begin(), b.end(),
            [](char x, char y) { return ascii_lower(x) < ascii_lower(y); });
    }
};

// Text of at most N characters, compared without regard to ASCII case (OCPP 1.6, 7.5 CiString).
// The bound is the decoder's to check: strictly it refuses longer text, leniently it keeps it.
template <std::size_t N>
struct CiString {
    static constexpr std::size_t size_max = N;
    std::string value;

    CiString() = default;
    CiString(std::string text) : value(std::move(text)) {}
    CiString(std::string_view text) : value(text) {}
    CiString(const char* text) : value(text) {}

    operator std::string_view() const { return value; }
    bool empty() const { return value.empty(); }

    friend bool operator==(const CiString& a, const CiString& b) {
        return equal_ignoring_case(a.value, b.value);
    }
};

// A JSON number with one decimal (OCPP schema: multipleOf 0.1), kept as tenths so that it compares
// and serialises exactly: 16.1 never becomes 16.100000000000001.
struct Tenths {
    std::int32_t value = 0;
    friend constexpr auto operator<=>(const Tenths&, const Tenths&) = default;
};

}  // namespace busbar
