#include "sim/socket_handshake.hpp"

#include "base/text.hpp"

namespace busbar::sim {
namespace {

constexpr std::size_t small_fragment_bytes = 20;

// "ws://host:port" of a URL without a slash at its end.
std::string origin_of(const std::string& url) {
    constexpr std::size_t scheme = std::string_view{"ws://"}.size();
    return url.substr(0, url.find('/', scheme));
}

std::string hexadecimal(std::string_view bytes) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string text;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

std::string url_of(const std::string& url, const std::string& identity, const Misbehaviour& told) {
    const std::string name = told.identity_other_case ? to_lower(identity) : identity;
    std::string result = url + "/" + name;
    if (told.identity_twice) result = url + "/" + name + "/" + name;
    if (told.extra_url_segment) result = url + "/station/" + name;
    if (told.slashes_in_url) result = url + "///" + name;
    if (told.absolute_url) result = origin_of(url) + "/" + url + "/" + name;
    if (told.no_identity) result = origin_of(url) + "/";
    if (told.trailing_slash) result += "/";
    if (told.url_query) result += "?token=1&version=1.6";
    return result;
}

}  // namespace

net::WebSocketClientOptions handshake_of(std::string url, const std::string& identity,
                                         const std::optional<std::string>& password,
                                         const Misbehaviour& told) {
    while (url.ends_with('/')) url.pop_back();
    net::WebSocketClientOptions settings;
    settings.url = url_of(url, identity, told);
    settings.subprotocol = "ocpp1.6";
    if (told.subprotocol_case) settings.subprotocol = "OCPP1.6";
    if (told.several_subprotocols) settings.subprotocol = "ocpp2.0.1, ocpp1.6, ocpp1.5";
    if (told.no_subprotocol) settings.subprotocol.clear();
    const std::string user = told.user_other_case ? to_lower(identity) : identity;
    if (told.empty_password || (told.no_identity && !password)) {
        settings.basic_credentials = user + ":";
    } else if (password) {
        settings.basic_credentials =
            user + ":" + (told.hex_password ? hexadecimal(*password) : *password);
    }
    if (told.strange_origin) settings.headers.emplace_back("Origin", "file://");
    if (told.asks_for_compression) {
        settings.headers.emplace_back("Sec-WebSocket-Extensions",
                                      "permessage-deflate; client_max_window_bits");
    }
    settings.connection_header = !told.no_connection_header;
    settings.binary_frames = told.binary_frames;
    settings.fragment_bytes = told.fragmented_frames ? small_fragment_bytes : 0;
    return settings;
}

}  // namespace busbar::sim
