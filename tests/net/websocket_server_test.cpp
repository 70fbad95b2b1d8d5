#include <random>
#include <stdexcept>

#include <boost/asio/steady_timer.hpp>

#include "tests/net/websocket_server_fixture.hpp"

namespace busbar::net::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(WebSocketServerTest, MessagesOfEveryShapeArriveWhole) {
    start();
    auto peer = open();
    const std::string large(300'000, 'x');
    peer->send(client_frame(text_frame, "one"));
    peer->send(client_frame(binary_frame, "two \xff"));
    peer->send(client_frame(text_frame, "th", false));
    peer->send(client_frame(ping_frame, "amid"));
    peer->send(client_frame(0, "", false) + client_frame(0, "ree", true));
    peer->send(client_frame(text_frame, ""));
    const auto bytes = client_frame(text_frame, large) + client_frame(text_frame, "end");
    peer->send_later(bytes);
    ASSERT_TRUE(until([&] { return texts.size() == 6; }));
    EXPECT_THAT(texts, ElementsAre("one", "two \xff", "three", "", large, "end"));
    const auto pong = peer->next_frame();
    EXPECT_EQ(pong.opcode, pong_frame);
    EXPECT_EQ(pong.payload, "amid");
}

TEST_F(WebSocketServerTest, SentMessagesKeepTheirOrderInOneFrameEach) {
    start();
    auto peer = open();
    const std::string large(100'000, 'y');
    connections.at(0)->send("first");
    connections.at(0)->send(large);
    connections.at(0)->send("last");
    for (const std::string& expected : {std::string{"first"}, large, std::string{"last"}}) {
        const auto frame = peer->next_frame();
        EXPECT_EQ(frame.opcode, text_frame);
        EXPECT_TRUE(frame.last);
        EXPECT_FALSE(frame.masked);
        EXPECT_EQ(frame.payload, expected);
    }
}

TEST_F(WebSocketServerTest, TooLargeMessagesCloseWith1009) {
    WebSocketLimits limits;
    limits.message_bytes_max = 1000;
    start(limits);
    auto peer = open();
    peer->send(client_frame(text_frame, std::string(1000, 'x')));
    peer->send(client_frame(text_frame, std::string(600, 'x'), false));
    peer->send(client_frame(0, std::string(401, 'x')));
    EXPECT_EQ(peer->next_frame().close_code(), 1009U);
    peer->close();
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(causes, ElementsAre(HasSubstr("larger than 1000 bytes")));
    EXPECT_EQ(texts.size(), 1U);
}

TEST_F(WebSocketServerTest, BrokenFramesCloseWithTheirCode) {
    start();
    auto unmasked = open();
    unmasked->send(server_frame(text_frame, "x"));
    EXPECT_EQ(unmasked->next_frame().close_code(), 1002U);
    auto not_utf8 = open();
    not_utf8->send(client_frame(text_frame, "\xff"));
    EXPECT_EQ(not_utf8->next_frame().close_code(), 1007U);
    unmasked->close();
    not_utf8->close();
    EXPECT_TRUE(until([&] { return causes.size() == 2; }));
    EXPECT_TRUE(texts.empty());
}

TEST_F(WebSocketServerTest, APeerMayClose) {
    start();
    auto peer = open();
    peer->send(client_frame(close_frame, std::string("\x03\xe9", 2) + "off"));
    EXPECT_EQ(peer->next_frame().close_code(), 1001U);
    peer->close();
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(causes, ElementsAre("closed by the peer with 1001: off"));
    EXPECT_EQ(server->connection_count(), 0U);
    connections[0]->send("into the void");
    connections[0]->close(1000, "");
    run_ready(loop);
    EXPECT_EQ(causes.size(), 1U);
}

TEST_F(WebSocketServerTest, APeerThatClosesButHoldsTheSocketIsCut) {
    WebSocketLimits limits;
    limits.close_timeout = 40ms;
    start(limits);
    auto peer = open();
    peer->send(client_frame(close_frame, ""));
    EXPECT_EQ(peer->next_frame().opcode, close_frame);
    connections.at(0)->send("into the void");
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(causes, ElementsAre(HasSubstr("closed by the peer")));
}

TEST_F(WebSocketServerTest, AVanishedPeerIsNoticed) {
    start();
    auto peer = open();
    peer->close();
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(causes, ElementsAre(HasSubstr("without a close frame")));
}

TEST_F(WebSocketServerTest, ClosingFlushesWhatWasSent) {
    start();
    auto peer = open();
    connections.at(0)->send("a");
    connections.at(0)->send("b");
    connections.at(0)->close(1008, "no more");
    connections.at(0)->send("too late");
    EXPECT_EQ(peer->next_frame().payload, "a");
    EXPECT_EQ(peer->next_frame().payload, "b");
    const auto close = peer->next_frame();
    EXPECT_EQ(close.close_code(), 1008U);
    EXPECT_EQ(close.payload.substr(2), "no more");
    EXPECT_TRUE(causes.empty());
    peer->send(client_frame(text_frame, "not received any more"));
    peer->send(client_frame(close_frame, close.payload));
    EXPECT_TRUE(peer->expect_end());
    peer->close();
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(causes, ElementsAre(HasSubstr("1008: no more")));
    EXPECT_TRUE(texts.empty());
}

TEST_F(WebSocketServerTest, ACloseThatIsNotAnsweredEndsAnyway) {
    WebSocketLimits limits;
    limits.close_timeout = 40ms;
    start(limits);
    auto peer = open();
    connections.at(0)->close(1000, std::string(200, 'r'));
    EXPECT_EQ(peer->next_frame().payload.size(), 125U);
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_TRUE(peer->expect_end());
}

TEST_F(WebSocketServerTest, SilenceIsPingedAndThenCut) {
    WebSocketLimits limits;
    limits.ping_interval = 30ms;
    limits.idle_timeout = 300ms;
    start(limits);
    auto peer = open();
    for (int at = 0; at < 20; ++at) {  // twice the idle timeout, with pongs as the only sign
        const auto ping = peer->next_frame();
        ASSERT_EQ(ping.opcode, ping_frame);
        peer->send(client_frame(pong_frame, ping.payload));
    }
    EXPECT_TRUE(causes.empty());
    ASSERT_TRUE(until([&] { return !causes.empty(); }));  // no pong any more
    EXPECT_THAT(causes, ElementsAre(HasSubstr("nothing was heard")));
    EXPECT_TRUE(peer->expect_end());
}

TEST_F(WebSocketServerTest, OneConnectionIsPingedAsItsOwnerWants) {
    WebSocketLimits limits;
    limits.ping_interval = 60s;
    limits.idle_timeout = 100ms;
    limits.handshake_timeout = 100ms;  // how often deadlines are looked at
    on_opened = [](Connection& connection) { connection.ping_every(30ms); };
    start(limits);
    auto peer = open();
    for (int at = 0; at < 5; ++at) {
        const auto ping = peer->next_frame();
        ASSERT_EQ(ping.opcode, ping_frame);
        peer->send(client_frame(pong_frame, ping.payload));
    }
    connections.back()->ping_every(0ms);
    bool later = false;
    boost::asio::steady_timer timer{loop, 400ms};
    timer.async_wait([&](const auto&) { later = true; });
    ASSERT_TRUE(until([&] { return later; }));
    EXPECT_TRUE(causes.empty()) << "silence without pings proves nothing";
    connections.back()->ping_every(std::nullopt);
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(causes, ElementsAre(HasSubstr("nothing was heard")));
}

TEST_F(WebSocketServerTest, APeerThatDoesNotReadIsCutOff) {
    WebSocketLimits limits;
    limits.send_queue_messages_max = 8;
    limits.send_queue_bytes_max = std::size_t{64} * 1024 * 1024;
    start(limits);
    Peer peer{loop, server->port()};  // which never calls read()
    peer.shrink_receive_buffer();
    peer.upgrade();
    ASSERT_TRUE(until([&] { return !connections.empty(); }));
    const std::string block(std::size_t{1024} * 1024, 'z');
    for (int at = 0; at < 200 && causes.empty(); ++at) {
        connections[0]->send(block);
        run_ready(loop);
    }
    ASSERT_EQ(causes.size(), 1U);
    EXPECT_THAT(causes[0], HasSubstr("does not read"));
}

TEST_F(WebSocketServerTest, TheQueueIsBoundedInBytesToo) {
    WebSocketLimits limits;
    limits.send_queue_bytes_max = 1000;
    start(limits);
    auto peer = open();
    connections.at(0)->send(std::string(1000, 'x'));
    connections.at(0)->send("x");
    EXPECT_TRUE(causes.empty());  // never from within send
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(causes, ElementsAre(HasSubstr("does not read")));
}

TEST_F(WebSocketServerTest, HandlersMaySendAndClose) {
    start();
    on_opened = [](Connection& connection) { connection.send("welcome"); };
    on_received = [](Connection& connection, std::string_view text) {
        connection.send(std::string{text} + "!");
        connection.close(1000, "done");
        connection.close(1000, "twice");
    };
    auto peer = open();
    peer->send(client_frame(text_frame, "x") + client_frame(text_frame, "y"));
    EXPECT_EQ(peer->next_frame().payload, "welcome");
    EXPECT_EQ(peer->next_frame().payload, "x!");
    EXPECT_EQ(peer->next_frame().close_code(), 1000U);
    peer->send(client_frame(close_frame, ""));
    EXPECT_TRUE(peer->expect_end());
    peer->close();
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    EXPECT_THAT(texts, ElementsAre("x"));
    EXPECT_EQ(causes.size(), 1U);
}

TEST_F(WebSocketServerTest, HandlersMayStopTheServer) {
    start();
    on_received = [this](Connection&, std::string_view) { server->stop(); };
    auto first = open();
    auto second = open();
    auto upgrading = connect();
    upgrading->send("GET / HTTP");
    ASSERT_TRUE(until([&] { return connections.size() == 2; }));
    first->send(client_frame(text_frame, "stop"));
    EXPECT_EQ(first->next_frame().close_code(), 1001U);
    EXPECT_EQ(second->next_frame().close_code(), 1001U);
    first->close();
    second->close();
    EXPECT_TRUE(upgrading->expect_end());
    ASSERT_TRUE(until([&] { return causes.size() == 2; }));
    EXPECT_THROW(Peer(loop, server->port()), boost::system::system_error);
}

TEST_F(WebSocketServerTest, HandlersMayDestroyTheServer) {
    start();
    on_received = [this](Connection& connection, std::string_view) {
        server.reset();
        connection.send("nobody is there");
    };
    auto first = open();
    auto second = open();
    first->send(client_frame(text_frame, "x"));
    EXPECT_TRUE(first->expect_end());
    EXPECT_TRUE(second->expect_end());
    EXPECT_TRUE(causes.empty());
}

TEST_F(WebSocketServerTest, AThrowingHandlerLosesOnlyItsConnection) {
    start();
    on_received = [](Connection&, std::string_view text) {
        if (text == "bad") throw std::runtime_error("defect");
    };
    auto bad = open();
    auto good = open();
    bad->send(client_frame(text_frame, "bad"));
    EXPECT_EQ(bad->next_frame().close_code(), 1011U);
    good->send(client_frame(text_frame, "good"));
    EXPECT_TRUE(until([&] { return texts.size() == 2; }));
}

// Whatever arrives, before the upgrade or after it, costs at most its own connection.
TEST_F(WebSocketServerTest, ArbitraryBytesDoNoHarm) {
    WebSocketLimits limits;
    limits.connections_max = 1000;
    start(limits);
    std::mt19937 random{7};
    const auto any = [&](unsigned bound) { return static_cast<unsigned>(random()) % bound; };
    std::vector<std::unique_ptr<Peer>> peers;
    for (int round = 0; round < 100; ++round) {
        peers.push_back(connect());
        auto& peer = *peers.back();
        if (any(4) != 0) peer.upgrade();
        for (unsigned part = any(8); part > 0; --part) {
            auto bytes = client_frame(any(16), std::string(any(300), 'x'), any(3) != 0);
            for (unsigned flips = any(3); flips > 0; --flips) {
                bytes[any(static_cast<unsigned>(bytes.size()))] = static_cast<char>(any(256));
            }
            peer.send(bytes);
        }
        run_ready(loop);
        if (any(2) != 0) peer.close();
    }
    const auto before = texts.size();
    auto good = open();
    good->send(client_frame(text_frame, "fine"));
    ASSERT_TRUE(until([&] { return texts.size() > before; }));
    EXPECT_EQ(texts.back(), "fine");
    for (const auto& peer : peers) peer->close();
    good->close();
    EXPECT_TRUE(until([&] { return server->connection_count() == 0; }));
    EXPECT_EQ(causes.size(), connections.size());
}

}  // namespace
}  // namespace busbar::net::test
