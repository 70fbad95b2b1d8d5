// Which names stand for secrets: configuration keys, above all. One list for what is stored and for
// what is shown. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace busbar {

// What is shown in place of a secret.
inline constexpr std::string_view hidden_secret = "***";

// Letters and digits only, in lower case: ApiKey, api_key and API-KEY are one name.
inline std::string bare_name(std::string_view name) {
    std::string bare;
    for (const char c : name) {
        const char lower = ascii_lower(c);
        if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')) bare += lower;
    }
    return bare;
}

// True if a configuration key of this name holds a secret. Vendors have passwords of their own: of
// the WLAN, the modem, the file server.
inline bool names_a_secret(std::string_view name) {
    constexpr std::array<std::string_view, 9> words{
        "authorizationkey", "password", "passwd", "passphrase", "secret", "pwd", "psk",
        "apikey",           "token"};
    const auto bare = bare_name(name);
    // Only at the end: WebSocketPingInterval holds it as well.
    return bare.ends_with("pin") ||
           std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return bare.find(word) != std::string::npos; });
}

}  // namespace busbar
