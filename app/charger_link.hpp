// A charger's link on a real WebSocket. Site loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/websocket_server.hpp"
#include "site/link.hpp"

namespace busbar::app {

class ChargerLink final : public site::Link {
public:
    ChargerLink(std::uint64_t connection_generation, std::string message_id_prefix,
                std::string charge_point, std::shared_ptr<net::Connection> connection)
        : Link(connection_generation, std::move(message_id_prefix)),
          identity(std::move(charge_point)),
          connection_(std::move(connection)) {}

    void flush() override {
        for (auto& text : session.take_output()) connection_->send(std::move(text));
    }
    void close(std::uint16_t code, std::string_view reason) override {
        connection_->close(code, reason);
    }

    void ping_every(std::optional<std::chrono::seconds> interval) override {
        connection_->ping_every(interval);
    }
    void probe(std::chrono::milliseconds within, std::function<void(bool alive)> done) override {
        connection_->probe(within, std::move(done));
    }

    const std::string identity;

private:
    std::shared_ptr<net::Connection> connection_;
};

}  // namespace busbar::app
