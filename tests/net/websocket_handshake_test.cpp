#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/net/websocket_server_fixture.hpp"

namespace busbar::net::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(WebSocketServerTest, AnUpgradeIsDescribedAndAccepted) {
    start();
    verdict.subprotocol = "ocpp1.6";
    verdict.context = 7;
    auto peer = connect();
    peer->upgrade("/ocpp/CP%201?x=1",
                  "Sec-WebSocket-Protocol: ocpp2.0.1 ,ocpp1.6\r\nOrigin: file://\r\n"
                  "Sec-WebSocket-Protocol: ocpp1.5\r\nAuthorization: Basic Q1AxOnNlY3JldA==\r\n");
    const auto head = peer->head();
    EXPECT_THAT(head, StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Protocol: ocpp1.6\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Extensions")));
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].target, "/ocpp/CP%201?x=1");
    EXPECT_EQ(asked[0].peer_address, "127.0.0.1");
    EXPECT_GT(asked[0].peer_port, 0);
    EXPECT_THAT(asked[0].subprotocols, ElementsAre("ocpp2.0.1", "ocpp1.6", "ocpp1.5"));
    EXPECT_EQ(asked[0].basic_credentials, "CP1:secret");
    EXPECT_EQ(asked[0].header("origin"), "file://");
    EXPECT_EQ(asked[0].header("Authorization"), "");
    ASSERT_EQ(verdicts.size(), 1U);
    EXPECT_EQ(verdicts[0].context, 7U);
    EXPECT_EQ(connections[0]->handshake().target, "/ocpp/CP%201?x=1");
    EXPECT_EQ(server->connection_count(), 1U);
}

TEST_F(WebSocketServerTest, WithoutASubprotocolTheHeaderIsLeftOut) {
    start();
    auto peer = connect();
    peer->upgrade();
    EXPECT_THAT(peer->head(), Not(HasSubstr("Sec-WebSocket-Protocol")));
    EXPECT_FALSE(asked.at(0).basic_credentials);
    EXPECT_TRUE(asked.at(0).subprotocols.empty());
}

TEST_F(WebSocketServerTest, RefusalsAreProperResponses) {
    start();
    for (const int status : {400, 401, 403, 404, 429, 503}) {
        verdict.status = status;
        verdict.reason = "Because of " + std::to_string(status) + ".";
        auto peer = connect();
        peer->upgrade();
        ASSERT_TRUE(peer->expect_end());
        EXPECT_THAT(peer->input, StartsWith("HTTP/1.1 " + std::to_string(status) + " "));
        EXPECT_THAT(peer->input, HasSubstr("Connection: close\r\n"));
        EXPECT_THAT(peer->input, HasSubstr("\r\n\r\n" + verdict.reason + "\n"));
        const bool challenged =
            peer->input.find("WWW-Authenticate: Basic realm=\"busbar\"") != std::string::npos;
        EXPECT_EQ(challenged, status == 401);
        // The reason of a 429 tells how long to wait: a header must not say something else.
        const bool told_when = peer->input.find("Retry-After: ") != std::string::npos;
        EXPECT_EQ(told_when, status == 503);
    }
    EXPECT_TRUE(connections.empty());
    EXPECT_TRUE(failures.empty());
}

TEST_F(WebSocketServerTest, TheDecisionMayComeLaterAndOnlyTheFirstCounts) {
    start();
    std::function<void(Verdict)> decide;
    on_authorize = [&](std::function<void(Verdict)> given) { decide = std::move(given); };
    auto peer = connect();
    peer->upgrade();
    ASSERT_TRUE(until([&] { return decide != nullptr; }));
    run_ready(loop);
    EXPECT_EQ(peer->input, "");
    decide({});
    Verdict refusal;
    refusal.status = 404;
    decide(refusal);
    EXPECT_THAT(peer->head(), StartsWith("HTTP/1.1 101 "));
    decide(refusal);
    peer->send(client_frame(text_frame, "still here"));
    ASSERT_TRUE(until([&] { return !texts.empty(); }));
    server.reset();
    decide({});  // nobody is left to decide about
}

TEST_F(WebSocketServerTest, NoDecisionInTimeIsA503) {
    WebSocketLimits limits;
    limits.handshake_timeout = 40ms;
    start(limits);
    std::function<void(Verdict)> decide;
    on_authorize = [&](std::function<void(Verdict)> given) { decide = std::move(given); };
    auto peer = connect();
    peer->upgrade();
    ASSERT_TRUE(peer->expect_end());
    EXPECT_THAT(peer->input, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(failures, ElementsAre(HasSubstr("no decision")));
    decide({});
}

TEST_F(WebSocketServerTest, ToleratesTheOdditiesOfChargers) {
    start();
    auto peer = connect();
    peer->send(
        "GET ws://10.0.0.1:9000/CP_1/SERIAL HTTP/1.1\r\nUpgrade: WebSocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    EXPECT_THAT(peer->head(), StartsWith("HTTP/1.1 101 "));
    EXPECT_EQ(asked.at(0).target, "ws://10.0.0.1:9000/CP_1/SERIAL");
    auto slashes = connect();
    slashes->upgrade("///CP1", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    EXPECT_THAT(slashes->head(), Not(HasSubstr("permessage-deflate")));
    EXPECT_EQ(asked.at(1).target, "///CP1");
}

TEST_F(WebSocketServerTest, WhatIsNoUpgradeIsToldWhy) {
    start();
    const auto answer_to = [&](std::string_view request) {
        auto peer = connect();
        peer->send(request);
        EXPECT_TRUE(peer->expect_end());
        return peer->input;
    };
    const auto get = answer_to("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(get, StartsWith("HTTP/1.1 426 "));
    EXPECT_THAT(get, HasSubstr("ws:// URL"));
    EXPECT_THAT(answer_to("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
                StartsWith("HTTP/1.1 426 "));
    EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
                AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("Sec-WebSocket-Key")));
    EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " +
                          std::string(100, 'x') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
                          "Sec-WebSocket-Version: 8\r\n\r\n"),
                AllOf(StartsWith("HTTP/1.1 426 "), HasSubstr("Sec-WebSocket-Version: 13\r\n")));
    EXPECT_THAT(answer_to("NONSENSE\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
    EXPECT_THAT(answer_to("GET / HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"),
                StartsWith("HTTP/1.1 431 "));
    EXPECT_EQ(answer_to("\x16\x03\x01\x02"), "");
    EXPECT_EQ(failures.size(), 8U);
    EXPECT_THAT(failures[5], HasSubstr("NONSENSE"));
    EXPECT_THAT(failures[7], HasSubstr("TLS"));
    EXPECT_TRUE(asked.empty());
}

TEST_F(WebSocketServerTest, SilentPeersLoseTheirPlace) {
    WebSocketLimits limits;
    limits.handshake_timeout = 40ms;
    start(limits);
    auto peer = connect();
    peer->send("GET / HT");
    ASSERT_TRUE(peer->expect_end());
    EXPECT_THAT(failures, ElementsAre(HasSubstr("no complete request")));
    auto quick = open();
    quick->send(client_frame(text_frame, "x"));
    EXPECT_TRUE(until([&] { return !texts.empty(); }));
}

TEST_F(WebSocketServerTest, APortScanIsNotWorthAFailure) {
    start();
    { Peer scan{loop, server->port()}; }
    auto peer = open();
    run_ready(loop);
    EXPECT_TRUE(failures.empty());
}

TEST_F(WebSocketServerTest, ConnectionsAreLimited) {
    WebSocketLimits limits;
    limits.connections_max = 1;
    limits.connections_per_address_max = 1;
    start(limits);
    auto first = open();
    auto second = connect();
    second->upgrade();
    ASSERT_TRUE(second->expect_end());
    EXPECT_THAT(second->input, StartsWith("HTTP/1.1 503 "));
    second->close();
    first->close();
    ASSERT_TRUE(until([&] { return !causes.empty(); }));
    auto idle = connect();
    run_ready(loop);
    auto third = connect();
    EXPECT_TRUE(third->expect_end());
    EXPECT_THAT(failures.back(), HasSubstr("from this address"));
    idle->close();
    run_ready(loop);
    auto fourth = open();
}

TEST_F(WebSocketServerTest, AcceptingGoesOnAfterDescriptorsRanOut) {
    start();
    Peer waiting{loop, server->port()};
    waiting.read();
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    // The next free descriptor is the first one that may not be used.
    const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(next, 0);
    ::close(next);
    rlimit tight = before;
    tight.rlim_cur = static_cast<rlim_t>(next);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    run_ready(loop);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    waiting.upgrade();
    EXPECT_THAT(waiting.head(), StartsWith("HTTP/1.1 101 "));
}

TEST(ListenErrors, NameTheRemedy) {
    boost::asio::io_context loop;
    const auto listen = [&](std::string_view address, std::uint16_t port) {
        const WebSocketServer server{loop, address, port, {}, {}};
        return server.port();
    };
    const auto error_of = [&](std::string_view address, std::uint16_t port) -> std::string {
        try {
            listen(address, port);
        } catch (const ListenError& error) {
            return error.what();
        }
        return "listens";
    };
    const WebSocketServer holder{loop, "127.0.0.1", 0, {}, {}};
    EXPECT_THAT(error_of("127.0.0.1", holder.port()),
                AllOf(HasSubstr("Cannot listen on 127.0.0.1:"), HasSubstr("already in use"),
                      HasSubstr("ss -ltnp")));
    EXPECT_THAT(error_of("192.0.2.1", 0), HasSubstr("no network interface"));
    EXPECT_THAT(error_of("example.org", 0), HasSubstr("not an IP address"));
    EXPECT_EQ(error_of("localhost", 0), "listens");
    EXPECT_EQ(error_of("::", 0), "listens");
}

}  // namespace
}  // namespace busbar::net::test
