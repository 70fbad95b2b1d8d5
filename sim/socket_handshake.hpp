// How a simulated charge point asks for its WebSocket: URL, headers and credentials, good or as
// odd as it is told to be. Pure.
#pragma once

#include <optional>
#include <string>

#include "net/websocket_client.hpp"
#include "sim/misbehaviour.hpp"

namespace busbar::sim {

// `url` is ws://host:port/path, to which "/" and the identity are appended.
net::WebSocketClientOptions handshake_of(std::string url, const std::string& identity,
                                         const std::optional<std::string>& password,
                                         const Misbehaviour& misbehaviour);

}  // namespace busbar::sim
