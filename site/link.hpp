// A charger's connection as the site sees it: an OCPP session and a way to get its text out. The
// real one (app/compose) sits on a WebSocket, the simulated one on a simulated network. Site loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ocpp/session.hpp"

namespace busbar::site {

class Link {
public:
    // `generation` tells this connection from earlier ones of the same charge point.
    Link(std::uint64_t connection_generation, std::string message_id_prefix)
        : session(std::move(message_id_prefix)), generation(connection_generation) {}
    virtual ~Link() = default;

    // Writes what the session has to say. Called after every step that may have produced text.
    virtual void flush() = 0;
    // Ends the connection (RFC 6455, 7.4.1 codes). Site::disconnected follows.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    // Tells, now or later, whether the peer still answers within this time. A link that cannot
    // find out says no.
    virtual void probe(std::chrono::milliseconds, std::function<void(bool alive)> done) {
        done(false);
    }

    // Pings this often from now on; nothing: as the listener does with everybody; 0 s: never.
    virtual void ping_every(std::optional<std::chrono::seconds>) {}

    ocpp::Session session;
    const std::uint64_t generation;
};

}  // namespace busbar::site
