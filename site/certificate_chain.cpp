#include "site/certificate_chain.hpp"

#include <array>
#include <cstdint>

namespace busbar::site {
namespace {

constexpr std::string_view begin_line = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view end_line = "-----END CERTIFICATE-----";
constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view without_leading_space(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    return text;
}

// The bytes of padded base64 with space between its characters; nothing if it is none.
std::optional<std::string> bytes_of(std::string_view text) {
    std::string bytes;
    std::uint32_t group = 0;
    int characters = 0;
    int padding = 0;
    for (const char c : text) {
        if (is_space(c)) continue;
        const auto digit = digits.find(c);
        if (c == '=' ? ++padding > 2 : padding > 0 || digit == std::string_view::npos) return {};
        group = group << 6U | (c == '=' ? 0U : static_cast<std::uint32_t>(digit));
        if (++characters % 4 != 0) continue;
        for (const unsigned shift : {16U, 8U, 0U}) {
            bytes += static_cast<char>(group >> shift & 0xFFU);
        }
        group = 0;
    }
    if (characters % 4 != 0) return {};
    bytes.resize(bytes.size() - static_cast<std::size_t>(padding));
    return bytes;
}

// True for one DER sequence that ends where the bytes end (X.690, 8.1.3).
bool is_one_sequence(std::string_view bytes) {
    constexpr unsigned char sequence = 0x30;
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    if (bytes.size() < 2 || byte(0) != sequence) return false;
    if (byte(1) < 0x80U) return bytes.size() == 2U + byte(1);
    const std::size_t length_bytes = byte(1) & 0x7FU;
    if (length_bytes == 0 || length_bytes > 3 || bytes.size() < 2 + length_bytes) return false;
    std::size_t length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8U | byte(2 + i);
    return bytes.size() == 2 + length_bytes + length;
}

}  // namespace

std::optional<std::string> chain_defect(std::string_view pem, std::size_t certificates_max) {
    std::size_t count = 0;
    for (auto rest = without_leading_space(pem); !rest.empty();
         rest = without_leading_space(rest)) {
        const auto which = "certificate " + std::to_string(++count);
        if (!rest.starts_with(begin_line)) {
            return which + " must begin with " + std::string{begin_line};
        }
        rest.remove_prefix(begin_line.size());
        const auto end = rest.find(end_line);
        if (end == std::string_view::npos) {
            return which + " must end with " + std::string{end_line};
        }
        const auto bytes = bytes_of(rest.substr(0, end));
        if (!bytes) return which + " is not base64";
        if (!is_one_sequence(*bytes)) return which + " is cut off or no certificate";
        rest.remove_prefix(end + end_line.size());
    }
    if (count == 0) return "must hold a certificate as PEM";
    if (count <= certificates_max) return std::nullopt;
    return "must not hold more than " + std::to_string(certificates_max) +
           (certificates_max == 1 ? " certificate" : " certificates");
}

}  // namespace busbar::site
