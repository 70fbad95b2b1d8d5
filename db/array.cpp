#include "db/array.hpp"

#include <charconv>
#include <cmath>

namespace busbar::db {
namespace {

// Length of the UTF-8 sequence at the front of the text, 0 if it is not one (RFC 3629, table 3-7
// of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto within = [&](std::size_t i, unsigned low, unsigned high) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return within(1, 0x80, 0xBF) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;
        return within(1, low, high) && within(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return within(1, low, high) && within(2, 0x80, 0xBF) && within(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

bool plain(std::string_view text) {
    for (const char c : text) {
        if (c <= 0) return false;  // NUL, or not ASCII
    }
    return true;
}

}  // namespace

std::string clean_text(std::string_view text) {
    if (plain(text)) return std::string{text};
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto length = sequence_length(text);
        if (length == 0) {
            out += "\xEF\xBF\xBD";
        } else if (text.front() != '\0') {
            out += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

std::string time_text(Timestamp time) {
    using namespace std::chrono;
    constexpr Timestamp first = sys_days{year{1} / 1 / 1};
    constexpr Timestamp last = sys_days{year{9999} / 12 / 31};
    return to_string(time < first ? first : time > last ? last : time);
}

void ArrayLiteral::separate() {
    if (out_.size() > 1) out_ += ',';
}

void ArrayLiteral::add_quoted(std::string_view clean) {
    separate();
    out_ += '"';
    for (const char c : clean) {
        if (c == '"' || c == '\\') out_ += '\\';
        out_ += c;
    }
    out_ += '"';
}

void ArrayLiteral::add(std::string_view text) {
    if (plain(text)) {
        add_quoted(text);
    } else {
        add_quoted(clean_text(text));
    }
}

void ArrayLiteral::add(std::int64_t value) {
    separate();
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void ArrayLiteral::add(bool value) {
    separate();
    out_ += value ? 't' : 'f';
}

void ArrayLiteral::add(double value) {
    if (!std::isfinite(value)) return add_null();
    separate();
    char digits[32];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void ArrayLiteral::add(Timestamp time) {
    separate();
    out_ += '"';
    out_ += time_text(time);
    out_ += '"';
}

void ArrayLiteral::add(const std::vector<std::string>& texts) {
    ArrayLiteral inner;
    for (const auto& text : texts) inner.add(text);
    add_quoted(std::move(inner).finish());
}

void ArrayLiteral::add_null() {
    separate();
    out_ += "NULL";
}

std::string ArrayLiteral::finish() && {
    out_ += '}';
    return std::move(out_);
}

}  // namespace busbar::db
