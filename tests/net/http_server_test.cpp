#include "net/http_server.hpp"

#include <map>
#include <memory>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/net/wire.hpp"

namespace busbar::net::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
protected:
    void start(const HttpLimits& limits = {}) {
        server =
            std::make_unique<HttpServer>(loop, "127.0.0.1", std::uint16_t{0}, limits,
                                         [this](HttpRequest request, HttpServer::Respond respond) {
                                             requests.push_back(request);
                                             on_request(std::move(respond));
                                         });
    }

    std::unique_ptr<Peer> connect() {
        auto peer = std::make_unique<Peer>(loop, server->port());
        peer->read();
        return peer;
    }

    // What a connection answers to these bytes until it ends.
    std::string answer_to(std::string_view bytes) {
        auto peer = connect();
        peer->send(bytes);
        EXPECT_TRUE(peer->expect_end());
        return peer->input;
    }

    bool until(const std::function<bool()>& done) { return run_until(loop, done); }

    static std::string get(std::string_view target, std::string_view more_headers = "") {
        return "GET " + std::string{target} + " HTTP/1.1\r\nHost: localhost\r\n" +
               std::string{more_headers} + "\r\n";
    }

    boost::asio::io_context loop{1};
    std::unique_ptr<HttpServer> server;
    std::vector<HttpRequest> requests;
    HttpResponse response{200, "text/plain", "hello", {}};
    std::function<void(HttpServer::Respond)> on_request =
        [this](const HttpServer::Respond& respond) { respond(response); };
};

TEST_F(HttpServerTest, ARequestReachesTheHandlerWhole) {
    start();
    response.status = 201;
    response.headers = {{"Location", "/x\r\nInjected: 1"}};
    const auto answer = answer_to(
        "POST /api/v1/badges/A%2F1?limit=5 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-Test: a\r\n"
        "Content-Length: 4\r\nConnection: close\r\n\r\nbody");
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].method, "POST");
    EXPECT_EQ(requests[0].target, "/api/v1/badges/A%2F1?limit=5");
    EXPECT_THAT(requests[0].path, ElementsAre("api", "v1", "badges", "A/1"));
    EXPECT_THAT(requests[0].query, ElementsAre(Pair("limit", "5")));
    EXPECT_EQ(requests[0].header("x-test"), "a");
    EXPECT_EQ(requests[0].body, "body");
    EXPECT_EQ(requests[0].peer_address, "127.0.0.1");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 201 Created\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("\r\nInjected")));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
}

TEST_F(HttpServerTest, BodiesMayBeChunkedOrAnnounced) {
    start();
    answer_to(
        "PUT /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        "Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    EXPECT_EQ(requests.at(0).body, "abcde");
    auto peer = connect();
    peer->send(
        "PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        "Expect: 100-continue\r\n\r\n");
    ASSERT_TRUE(peer->expect("HTTP/1.1 100 Continue\r\n\r\n"));
    peer->send("ok");
    ASSERT_TRUE(peer->expect("HTTP/1.1 200 "));
    EXPECT_EQ(requests.at(1).body, "ok");
}

TEST_F(HttpServerTest, ConnectionsAreKeptAndPipelinesKeepTheirOrder) {
    start();
    std::vector<HttpServer::Respond> pending;
    on_request = [&](HttpServer::Respond respond) { pending.push_back(std::move(respond)); };
    auto peer = connect();
    peer->send(get("/1") + get("/2") + get("/3"));
    for (std::size_t at = 0; at < 3; ++at) {
        ASSERT_TRUE(until([&] { return pending.size() == at + 1; }));
        run_ready(loop);
        EXPECT_EQ(requests.size(), at + 1);  // one at a time
        HttpResponse answer;
        answer.body = "answer " + requests[at].target;
        pending[at](answer);
        pending[at](answer);  // ignored
        ASSERT_TRUE(peer->expect("answer " + requests[at].target));
    }
    EXPECT_FALSE(peer->ended);
    peer->send(get("/4", "Connection: close\r\n"));
    ASSERT_TRUE(until([&] { return pending.size() == 4; }));
    pending[3]({});
    EXPECT_TRUE(peer->expect_end());
}

TEST_F(HttpServerTest, HeadAnd204HaveNoBody) {
    start();
    EXPECT_THAT(answer_to("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
                AllOf(HasSubstr("Content-Length: 5\r\n"), EndsWith("\r\n\r\n")));
    response.status = 204;
    EXPECT_THAT(
        answer_to(get("/", "Connection: close\r\n")),
        AllOf(StartsWith("HTTP/1.1 204 "), Not(HasSubstr("Content-")), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, Http10EndsAfterItsAnswer) {
    start();
    EXPECT_THAT(answer_to("GET / HTTP/1.0\r\n\r\n"), EndsWith("hello"));
}

TEST_F(HttpServerTest, UnknownMethodsAreTheHandlersBusiness) {
    start();
    answer_to("BREW / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(requests.at(0).method, "BREW");
}

TEST_F(HttpServerTest, MalformedRequestsGetAProblem) {
    start();
    const std::map<std::string, std::string> refusals{
        {"NONSENSE\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", "400"},
        {get("/%zz"), "400"},
        {get("nothing"), "400"},
        {"GET / HTTP/2.0\r\n\r\n", "400"},
        {get("/", "Bad Header\r\n"), "400"},
        {get("/", "X: " + std::string(9000, 'x') + "\r\n"), "431"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n", "413"},
        {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"},
    };
    for (const auto& [request, status] : refusals) {
        const auto answer = answer_to(request);
        EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status + " ")) << request;
        EXPECT_THAT(answer, HasSubstr("Content-Type: application/problem+json\r\n")) << request;
        EXPECT_THAT(answer, HasSubstr("\"status\":" + status)) << request;
        EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << request;
    }
    EXPECT_TRUE(requests.empty());
}

TEST_F(HttpServerTest, ATooLargeBodyIsRefusedEvenWhileItIsSent) {
    start();
    auto peer = connect();
    const auto bytes =
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n" +
        std::string(0x200000, 'x') + "\r\n0\r\n\r\n";
    peer->send_later(bytes);
    EXPECT_TRUE(peer->expect("HTTP/1.1 413 "));
    EXPECT_TRUE(peer->expect_end());
}

TEST_F(HttpServerTest, SlowAndIdlePeersAreCutOff) {
    HttpLimits limits;
    limits.read_timeout = 60ms;
    limits.idle_timeout = 60ms;
    start(limits);
    EXPECT_EQ(answer_to(""), "");
    EXPECT_EQ(answer_to("GET / HT"), "");
    EXPECT_EQ(answer_to("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nab"), "");
    EXPECT_THAT(answer_to(get("/")), EndsWith("hello"));  // kept open, then ended for idleness
    EXPECT_EQ(requests.size(), 1U);
}

TEST_F(HttpServerTest, TheHandlerMayTakeItsTime) {
    HttpLimits limits;
    limits.read_timeout = 30ms;
    limits.idle_timeout = 30ms;
    start(limits);
    HttpServer::Respond pending;
    on_request = [&](HttpServer::Respond respond) { pending = std::move(respond); };
    auto peer = connect();
    peer->send(get("/"));
    ASSERT_TRUE(until([&] { return pending != nullptr; }));
    const auto later = std::chrono::steady_clock::now() + 120ms;
    ASSERT_TRUE(until([&] { return std::chrono::steady_clock::now() > later; }));
    pending(response);
    EXPECT_TRUE(peer->expect("hello"));
}

TEST_F(HttpServerTest, AHandlerThatFailsAnswers500) {
    start();
    on_request = [](const HttpServer::Respond&) {};
    EXPECT_THAT(answer_to(get("/", "Connection: close\r\n")), StartsWith("HTTP/1.1 500 "));
    on_request = [](const HttpServer::Respond&) { throw std::runtime_error("defect"); };
    EXPECT_THAT(answer_to(get("/", "Connection: close\r\n")), StartsWith("HTTP/1.1 500 "));
}

TEST_F(HttpServerTest, ConnectionsAreLimited) {
    HttpLimits limits;
    limits.connections_max = 2;
    start(limits);
    auto first = connect();
    auto second = connect();
    auto third = connect();
    EXPECT_TRUE(third->expect_end());
    first->close();
    run_ready(loop);
    EXPECT_THAT(answer_to(get("/", "Connection: close\r\n")), EndsWith("hello"));
    second->send(get("/"));
    EXPECT_TRUE(second->expect("hello"));
}

TEST_F(HttpServerTest, StopFinishesWhatRuns) {
    start();
    HttpServer::Respond pending;
    on_request = [&](HttpServer::Respond respond) { pending = std::move(respond); };
    auto idle = connect();
    auto busy = connect();
    busy->send(get("/"));
    ASSERT_TRUE(until([&] { return pending != nullptr; }));
    server->stop();
    EXPECT_TRUE(idle->expect_end());
    EXPECT_FALSE(busy->ended);
    pending(response);
    EXPECT_TRUE(busy->expect_end());
    EXPECT_THAT(busy->input, EndsWith("hello"));
}

TEST_F(HttpServerTest, TheHandlerMayDestroyTheServer) {
    start();
    on_request = [this](const HttpServer::Respond& respond) {
        server.reset();
        respond(response);
    };
    EXPECT_EQ(answer_to(get("/")), "");
}

TEST(HttpListen, OnlyOnLoopback) {
    boost::asio::io_context loop;
    const auto error_of = [&](std::string_view address, std::uint16_t port) -> std::string {
        try {
            const HttpServer server{loop, address, port, {}, {}};
        } catch (const ListenError& error) {
            return error.what();
        }
        return "listens";
    };
    EXPECT_THAT(error_of("0.0.0.0", 8080),
                AllOf(HasSubstr("0.0.0.0:8080"), HasSubstr("its own machine only")));
    EXPECT_THAT(error_of("::", 0), HasSubstr("its own machine only"));
    EXPECT_THAT(error_of("192.168.1.1", 0), HasSubstr("its own machine only"));
    EXPECT_EQ(error_of("localhost", 0), "listens");
    EXPECT_EQ(error_of("127.0.0.2", 0), "listens");
    const HttpServer holder{loop, "127.0.0.1", 0, {}, {}};
    EXPECT_THAT(error_of("127.0.0.1", holder.port()), HasSubstr("already in use"));
}

}  // namespace
}  // namespace busbar::net::test
