// A WebSocket server on the test's own io_context that lets everybody in and remembers what it was
// told. Single-threaded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/websocket_server.hpp"
#include "tests/net/wire.hpp"

namespace busbar::net::test {

class WebSocketServerTest : public ::testing::Test {
protected:
    WebSocketServer& start(const WebSocketLimits& limits = {}) {
        WebSocketEvents events;
        events.authorize = [this](const Handshake& handshake, std::function<void(Verdict)> decide) {
            asked.push_back(handshake);
            on_authorize(std::move(decide));
        };
        events.opened = [this](const auto& connection, const Verdict& given) {
            connections.push_back(connection);
            verdicts.push_back(given);
            if (on_opened) on_opened(*connection);
        };
        events.received = [this](const auto& connection, std::string_view text) {
            texts.emplace_back(text);
            if (on_received) on_received(*connection, text);
        };
        events.closed = [this](const auto& connection) {
            causes.emplace_back(connection->end_cause());
        };
        events.failed = [this](const Handshake&, HandshakeFailure, std::string_view what) {
            failures.emplace_back(what);
        };
        server = std::make_unique<WebSocketServer>(loop, "127.0.0.1", std::uint16_t{0}, limits,
                                                   std::move(events));
        return *server;
    }

    std::unique_ptr<Peer> connect() {
        auto peer = std::make_unique<Peer>(loop, server->port());
        peer->read();
        return peer;
    }

    std::unique_ptr<Peer> open() {
        auto peer = connect();
        peer->upgrade();
        EXPECT_THAT(peer->head(), ::testing::StartsWith("HTTP/1.1 101 "));
        return peer;
    }

    bool until(const std::function<bool()>& done) { return run_until(loop, done); }

    boost::asio::io_context loop{1};
    std::unique_ptr<WebSocketServer> server;
    Verdict verdict;
    std::function<void(std::function<void(Verdict)>)> on_authorize =
        [this](const std::function<void(Verdict)>& decide) { decide(verdict); };
    std::function<void(Connection&)> on_opened;
    std::function<void(Connection&, std::string_view)> on_received;
    std::vector<Handshake> asked;
    std::vector<std::shared_ptr<Connection>> connections;
    std::vector<Verdict> verdicts;
    std::vector<std::string> texts;
    std::vector<std::string> causes;
    std::vector<std::string> failures;
};

}  // namespace busbar::net::test
