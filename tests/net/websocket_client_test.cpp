#include "net/websocket_client.hpp"

#include <memory>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/ip/tcp.hpp>

#include "net/websocket_server.hpp"
#include "tests/net/wire.hpp"

namespace busbar::net::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WebSocketClientTest : public ::testing::Test {
protected:
    void serve(const WebSocketLimits& limits = {}) {
        WebSocketEvents events;
        events.authorize = [this](const Handshake& handshake,
                                  const std::function<void(Verdict)>& decide) {
            asked.push_back(handshake);
            decide(verdict);
        };
        events.opened = [this](const auto& connection, const auto&) { at_server = connection; };
        events.received = [](const auto& connection, std::string_view text) {
            connection->send("echo " + std::string{text});
        };
        events.closed = [this](const auto& connection) {
            server_causes.emplace_back(connection->end_cause());
        };
        server = std::make_unique<WebSocketServer>(loop, "127.0.0.1", std::uint16_t{0}, limits,
                                                   std::move(events));
    }

    WebSocketClientOptions to(std::uint16_t port, const std::string& path = "/ocpp/CP1") {
        WebSocketClientOptions options;
        options.url = "ws://127.0.0.1:" + std::to_string(port) + path;
        options.subprotocol = "ocpp1.6";
        return options;
    }

    void connect(WebSocketClientOptions options) {
        WebSocketClientEvents events;
        events.opened = [this](std::string_view subprotocol) {
            opened.emplace_back(subprotocol);
            if (on_opened) on_opened();
        };
        events.received = [this](std::string_view text) {
            texts.emplace_back(text);
            if (on_received) on_received();
        };
        events.closed = [this](std::string_view reason) {
            reasons.emplace_back(reason);
            if (on_closed) on_closed();
        };
        client = std::make_unique<WebSocketClient>(loop, std::move(options), std::move(events));
    }

    bool until(const std::function<bool()>& done) { return run_until(loop, done); }
    bool until_open() {
        return until([&] { return !opened.empty(); });
    }
    bool until_closed() {
        return until([&] { return !reasons.empty(); });
    }

    boost::asio::io_context loop{1};
    std::unique_ptr<WebSocketServer> server;
    std::unique_ptr<WebSocketClient> client;
    Verdict verdict;
    std::vector<Handshake> asked;
    std::shared_ptr<Connection> at_server;
    std::vector<std::string> server_causes;
    std::vector<std::string> opened;
    std::vector<std::string> texts;
    std::vector<std::string> reasons;
    std::function<void()> on_opened;
    std::function<void()> on_received;
    std::function<void()> on_closed;
};

TEST_F(WebSocketClientTest, TalksToAServer) {
    serve();
    verdict.subprotocol = "ocpp1.6";
    auto options = to(server->port(), "/ocpp/CP%201?x=1");
    options.basic_credentials = std::string("CP 1:\xff\0", 7);
    connect(options);
    EXPECT_FALSE(client->is_open());
    on_opened = [this] { client->send("from opened"); };
    ASSERT_TRUE(until_open());
    EXPECT_TRUE(client->is_open());
    EXPECT_EQ(client->http_status(), 101);
    EXPECT_THAT(opened, ElementsAre("ocpp1.6"));
    EXPECT_EQ(asked.at(0).target, "/ocpp/CP%201?x=1");
    EXPECT_THAT(asked.at(0).subprotocols, ElementsAre("ocpp1.6"));
    EXPECT_EQ(asked.at(0).basic_credentials, options.basic_credentials);
    EXPECT_EQ(asked.at(0).header("Host"), "127.0.0.1:" + std::to_string(server->port()));
    const std::string large(200'000, 'x');
    client->send(large);
    ASSERT_TRUE(until([&] { return texts.size() == 2; }));
    EXPECT_THAT(texts, ElementsAre("echo from opened", "echo " + large));
    client->close(1001, "going home");
    client->send("too late");
    ASSERT_TRUE(until([&] { return !reasons.empty() && !server_causes.empty(); }));
    EXPECT_THAT(reasons, ElementsAre("closed by this side with 1001: going home"));
    EXPECT_THAT(server_causes, ElementsAre("closed by the peer with 1001: going home"));
    EXPECT_EQ(texts.size(), 2U);
}

TEST_F(WebSocketClientTest, ReportsARefusal) {
    serve();
    verdict.status = 401;
    connect(to(server->port()));
    ASSERT_TRUE(until_closed());
    EXPECT_THAT(reasons, ElementsAre(HasSubstr("401 Unauthorized")));
    EXPECT_EQ(client->http_status(), 401);
    EXPECT_TRUE(opened.empty());
}

TEST_F(WebSocketClientTest, ReportsABadUrlLater) {
    connect({.url = "wss://example.org/"});
    EXPECT_TRUE(reasons.empty());
    ASSERT_TRUE(until_closed());
    EXPECT_THAT(reasons, ElementsAre(HasSubstr("needs TLS")));
}

TEST_F(WebSocketClientTest, ReportsAClosedPort) {
    serve();
    const auto port = server->port();
    server.reset();
    connect(to(port));
    ASSERT_TRUE(until_closed());
    EXPECT_THAT(reasons, ElementsAre(HasSubstr("cannot connect to 127.0.0.1:")));
    run_ready(loop);
    EXPECT_EQ(reasons.size(), 1U);
}

TEST_F(WebSocketClientTest, NoticesAVanishedServer) {
    serve();
    connect(to(server->port()));
    ASSERT_TRUE(until_open());
    server.reset();
    ASSERT_TRUE(until_closed());
    EXPECT_THAT(reasons, ElementsAre(HasSubstr("without a close frame")));
    EXPECT_FALSE(client->is_open());
}

TEST_F(WebSocketClientTest, NoticesTheServersClose) {
    serve();
    connect(to(server->port()));
    ASSERT_TRUE(until([&] { return at_server && !opened.empty(); }));
    server->stop();
    ASSERT_TRUE(until_closed());
    EXPECT_THAT(reasons, ElementsAre("closed by the peer with 1001: the server is stopping"));
}

TEST_F(WebSocketClientTest, ClosesAndDropsWhileConnecting) {
    serve();
    connect(to(server->port()));
    client->close();
    EXPECT_TRUE(reasons.empty());
    ASSERT_TRUE(until_closed());
    connect(to(server->port()));
    client->drop();
    ASSERT_TRUE(until([&] { return reasons.size() == 2; }));
    EXPECT_TRUE(opened.empty());
}

TEST_F(WebSocketClientTest, DropLooksLikeAPowerFailure) {
    serve();
    connect(to(server->port()));
    ASSERT_TRUE(until_open());
    client->drop();
    ASSERT_TRUE(until([&] { return !server_causes.empty() && !reasons.empty(); }));
    EXPECT_THAT(reasons, ElementsAre("cut by this side"));
    EXPECT_THAT(server_causes, ElementsAre(HasSubstr("without a close frame")));
}

TEST_F(WebSocketClientTest, MayBeDestroyedInItsEvents) {
    serve();
    on_received = [this] { client.reset(); };
    on_opened = [this] { client->send("x"); };
    connect(to(server->port()));
    ASSERT_TRUE(until([&] { return !server_causes.empty(); }));
    EXPECT_TRUE(reasons.empty());
    verdict.status = 404;
    on_closed = [this] { client.reset(); };
    connect(to(server->port()));
    ASSERT_TRUE(until_closed());
    EXPECT_EQ(client, nullptr);
}

TEST_F(WebSocketClientTest, MayReconnectInItsEvents) {
    serve();
    on_closed = [this] {
        if (reasons.size() == 1) connect(to(server->port()));
    };
    connect(to(server->port()));
    ASSERT_TRUE(until([&] { return at_server && !opened.empty(); }));
    at_server->close(1012, "again");
    ASSERT_TRUE(until([&] { return opened.size() == 2; }));
    EXPECT_TRUE(client->is_open());
}

// A server that accepts TCP connections and then does what the test says, which may be nothing.
class SilentServerTest : public WebSocketClientTest {
protected:
    void listen() {
        acceptor.async_accept([this](auto, boost::asio::ip::tcp::socket socket) {
            peer.emplace(loop, std::move(socket));
            peer->read();
        });
    }

    boost::asio::ip::tcp::acceptor acceptor{loop, {boost::asio::ip::address_v4::loopback(), 0}};
    std::optional<Peer> peer;
};

TEST_F(SilentServerTest, TheUpgradeHasATimeout) {
    listen();
    auto options = to(acceptor.local_endpoint().port());
    options.connect_timeout = 40ms;
    connect(options);
    ASSERT_TRUE(until_closed());
    EXPECT_THAT(reasons, ElementsAre(HasSubstr("did not answer the upgrade within 40 ms")));
}

TEST_F(SilentServerTest, AWrongAcceptValueIsRefused) {
    listen();
    connect(to(acceptor.local_endpoint().port()));
    ASSERT_TRUE(until([&] { return peer.has_value(); }));
    const auto request = peer->head();
    EXPECT_THAT(request, HasSubstr("GET /ocpp/CP1 HTTP/1.1\r\n"));
    // The right value depends on the client's random key.
    peer->send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
    ASSERT_TRUE(until_closed());
    EXPECT_TRUE(opened.empty());
}

TEST_F(WebSocketClientTest, AFrozenServerIsNoticed) {
    serve();
    auto options = to(server->port());
    // No ping, and the server's first one comes after 30 s: nothing is heard.
    options.ping_interval = 0ms;
    options.idle_timeout = 60ms;
    connect(options);
    ASSERT_TRUE(until_closed());
    EXPECT_THAT(reasons, ElementsAre(HasSubstr("nothing was heard")));
}

TEST_F(WebSocketClientTest, PingsKeepAQuietConnection) {
    serve();
    auto options = to(server->port());
    options.ping_interval = 20ms;
    options.idle_timeout = 200ms;
    connect(options);
    ASSERT_TRUE(until_open());
    const auto end = std::chrono::steady_clock::now() + 500ms;
    ASSERT_TRUE(until([&] { return std::chrono::steady_clock::now() >= end; }));
    EXPECT_TRUE(reasons.empty());
    EXPECT_TRUE(client->is_open());
}

}  // namespace
}  // namespace busbar::net::test
