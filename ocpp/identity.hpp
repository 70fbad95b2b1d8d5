// Who is calling: the charge point identity from the path of the WebSocket upgrade (OCPP-J 1.6,
// 3.1.1) and the credentials beside it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace busbar::ocpp {

inline constexpr std::size_t identity_size_max = 48;

// The identity in a request target: its last path segment, percent-decoded once. Chargers write
// the URL in many ways (absolute, doubled slashes, a slash or a query behind it), so all of these
// are taken: "/ocpp/CP1", "/CP1", "//ocpp///CP1/", "/ws://host:9000/ocpp/CP1?x=y". Nothing if there
// is no identity, if it is longer than identity_size_max or holds control characters, '/' or
// anything that is not UTF-8.
std::optional<std::string> identity_from_target(std::string_view target);

// The user in decoded Basic credentials, under the same rules: for chargers whose URL names nobody.
std::optional<std::string> identity_from_credentials(std::string_view credentials);

// The password in decoded Basic credentials ("user:password") if the user is this identity, in any
// case of its letters; a password may hold any byte, and an identity may hold ':'.
std::optional<std::string> password_for(std::string_view identity, std::string_view credentials);

// The forms a charger may send for a password that was set as `hex` over OCPP (ruling R10): if the
// presented password is raw bytes, its upper-case hex text; nothing if it is not 16 to 20 bytes.
std::optional<std::string> hex_of_raw_key(std::string_view password);

}  // namespace busbar::ocpp
