#include "ocpp/identity.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "base/text.hpp"

namespace busbar::ocpp {
namespace {

std::optional<int> hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = ascii_lower(c);
    if (lower >= 'a' && lower <= 'f') return lower - 'a' + 10;
    return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const auto high = hex_digit(text[i + 1]);
        const auto low = hex_digit(text[i + 2]);
        if (!high || !low) return std::nullopt;
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
    }
    return out;
}

bool is_utf8(std::string_view text) {
    std::string encoded;
    append_json_string(encoded, text);
    return encoded.find("\xEF\xBF\xBD") == std::string::npos;
}

bool is_identity(std::string_view text) {
    if (text.empty() || text.size() > identity_size_max) return false;
    const auto forbidden = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/';
    };
    if (std::any_of(text.begin(), text.end(), forbidden)) return false;
    return text != "." && text != ".." && is_utf8(text);
}

}  // namespace

std::optional<std::string> identity_from_target(std::string_view target) {
    if (const auto end = target.find_first_of("?#"); end != std::string_view::npos) {
        target = target.substr(0, end);
    }
    while (!target.empty() && target.back() == '/') target.remove_suffix(1);
    if (const auto scheme = target.rfind("://"); scheme != std::string_view::npos) {
        // What follows is a host: an identity must come behind its first slash.
        target.remove_prefix(scheme + 3);
        const auto path = target.find('/');
        if (path == std::string_view::npos) return std::nullopt;
        target.remove_prefix(path);
    }
    const auto slash = target.rfind('/');
    const auto segment = slash == std::string_view::npos ? target : target.substr(slash + 1);
    const bool is_prefix_alone =
        segment == "ocpp" && target.find_first_not_of('/') + segment.size() == target.size();
    if (segment.empty() || is_prefix_alone) return std::nullopt;

    auto identity = percent_decoded(segment);
    if (!identity || !is_identity(*identity)) return std::nullopt;
    return identity;
}

std::optional<std::string> identity_from_credentials(std::string_view credentials) {
    const auto user = credentials.substr(0, credentials.find(':'));
    if (!is_identity(user)) return std::nullopt;
    return std::string{user};
}

std::optional<std::string> password_for(std::string_view identity, std::string_view credentials) {
    if (credentials.size() <= identity.size() || credentials[identity.size()] != ':') {
        return std::nullopt;
    }
    if (!equal_ignoring_case(credentials.substr(0, identity.size()), identity)) {
        return std::nullopt;
    }
    return std::string{credentials.substr(identity.size() + 1)};
}

std::optional<std::string> hex_of_raw_key(std::string_view password) {
    if (password.size() < 16 || password.size() > 20) return std::nullopt;
    constexpr char digits[] = "0123456789ABCDEF";
    std::string hex;
    for (const char c : password) {
        const auto byte = static_cast<unsigned char>(c);
        hex += digits[byte >> 4];
        hex += digits[byte & 15];
    }
    return hex;
}

}  // namespace busbar::ocpp
