#include "net/encoding.hpp"

#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace busbar::net {
namespace {

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view hex_digits = "0123456789abcdef";

int base64_value(char c) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
    const auto at = base64_alphabet.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

int hex_value(char c) {
    const auto at = hex_digits.find(ascii_lower(c));
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            const auto byte =
                at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0U;
            group = group << 8U | byte;
        }
        const auto present = bytes.size() - at;
        text += base64_alphabet[group >> 18U & 63U];
        text += base64_alphabet[group >> 12U & 63U];
        text += present > 1 ? base64_alphabet[group >> 6U & 63U] : '=';
        text += present > 2 ? base64_alphabet[group & 63U] : '=';
    }
    return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    std::string bytes;
    std::uint32_t bits = 0;
    unsigned bit_count = 0;
    for (const char c : text) {
        const int value = base64_value(c);
        if (value < 0) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        bit_count += 6;
        if (bit_count < 8) continue;
        bit_count -= 8;
        bytes += static_cast<char>(bits >> bit_count & 255U);
    }
    return bytes;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+' && plus_is_space) {
            decoded += ' ';
        } else if (text[at] != '%') {
            decoded += text[at];
        } else {
            const int high = at + 1 < text.size() ? hex_value(text[at + 1]) : -1;
            const int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
            if (high < 0 || low < 0) return std::nullopt;
            decoded += static_cast<char>(high * 16 + low);
            at += 2;
        }
    }
    return decoded;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

void append_list(std::vector<std::string>& out, std::string_view list) {
    while (!list.empty()) {
        const auto comma = list.find(',');
        const auto member = trimmed(list.substr(0, comma));
        if (!member.empty()) out.emplace_back(member);
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
}

std::optional<std::string> basic_credentials(std::string_view authorization) {
    const auto text = trimmed(authorization);
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    if (!equal_ignoring_case(text.substr(0, space), "Basic")) return std::nullopt;
    return base64_decode(trimmed(text.substr(space)));
}

std::string printable(std::string_view bytes, std::size_t length_max) {
    std::string text;
    for (const char c : bytes.substr(0, length_max)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f && c != '\\') {
            text += c;
        } else {
            text += "\\x";
            text += hex_digits[byte >> 4U];
            text += hex_digits[byte & 15U];
        }
    }
    if (bytes.size() > length_max) text += "...";
    return text;
}

std::string problem_json(int status, std::string_view title, std::string_view detail) {
    std::string text = R"({"type":"about:blank","title":")";
    text += title;
    text += R"(","status":)";
    text += std::to_string(status);
    text += R"(,"detail":")";
    text += detail;
    text += R"("})";
    return text;
}

}  // namespace busbar::net
