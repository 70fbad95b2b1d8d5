#include "net/encoding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "net/http_server.hpp"
#include "net/websocket_client.hpp"

namespace busbar::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST(Base64, KnownValues) {
    EXPECT_EQ(base64_encode(""), "");
    EXPECT_EQ(base64_encode("f"), "Zg==");
    EXPECT_EQ(base64_encode("fo"), "Zm8=");
    EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64_decode("Zm8"), "fo");
    EXPECT_EQ(base64_decode("-_8="), base64_decode("+/8="));
}

TEST(Base64, RefusesOtherText) {
    EXPECT_FALSE(base64_decode("Zm9v YmFy"));
    EXPECT_FALSE(base64_decode("Zm9vY"));
    EXPECT_FALSE(base64_decode("Zm=v"));
}

TEST(Base64, ReadsWhatItWrites) {
    EXPECT_TRUE(rc::check(
        [](const std::string& bytes) { RC_ASSERT(base64_decode(base64_encode(bytes)) == bytes); }));
}

TEST(PercentDecode, OnceAndOnlyWellFormed) {
    EXPECT_EQ(percent_decode("CP%201%2f%2520"), "CP 1/%20");
    EXPECT_EQ(percent_decode("a+b", true), "a b");
    EXPECT_EQ(percent_decode("a+b"), "a+b");
    EXPECT_FALSE(percent_decode("100%"));
    EXPECT_FALSE(percent_decode("%4"));
    EXPECT_FALSE(percent_decode("%zz"));
}

TEST(Lists, AreSplitAndTrimmed) {
    std::vector<std::string> members;
    append_list(members, " ocpp1.6 ,,\tocpp2.0.1");
    append_list(members, "");
    append_list(members, "x");
    EXPECT_THAT(members, ElementsAre("ocpp1.6", "ocpp2.0.1", "x"));
}

TEST(Credentials, AreBytesOfTheBasicSchemeOnly) {
    EXPECT_EQ(basic_credentials("Basic Q1AxOnNlY3JldA=="), "CP1:secret");
    EXPECT_EQ(basic_credentials("basic   Q1AxOg"), "CP1:");
    EXPECT_EQ(basic_credentials("Basic YTr/AA=="), std::string("a:\xff\0", 4));
    EXPECT_FALSE(basic_credentials("Bearer Q1AxOg=="));
    EXPECT_FALSE(basic_credentials("Basic"));
    EXPECT_FALSE(basic_credentials("Basic ???"));
}

TEST(Printable, ShowsEveryByteAndCuts) {
    EXPECT_EQ(printable("GET\r\n\x7f\\", 100), "GET\\x0d\\x0a\\x7f\\x5c");
    EXPECT_EQ(printable("abcdef", 3), "abc...");
}

TEST(WebSocketUrls, Parts) {
    std::string problem;
    const auto url = parse_ws_url("ws://charge.example:9000/ocpp/CP%201?x=1#f", problem);
    ASSERT_TRUE(url) << problem;
    EXPECT_EQ(url->host, "charge.example");
    EXPECT_EQ(url->port, 9000);
    EXPECT_EQ(url->target, "/ocpp/CP%201?x=1");
    EXPECT_EQ(url->authority(), "charge.example:9000");
    const auto v6 = parse_ws_url("WS://[::1]:81", problem);
    ASSERT_TRUE(v6) << problem;
    EXPECT_EQ(v6->host, "::1");
    EXPECT_EQ(v6->target, "/");
    EXPECT_EQ(v6->authority(), "[::1]:81");
    const auto bare = parse_ws_url("ws://h?q", problem);
    ASSERT_TRUE(bare) << problem;
    EXPECT_EQ(bare->target, "/?q");
    EXPECT_EQ(bare->authority(), "h");
}

TEST(WebSocketUrls, RefusalsNameTheRemedy) {
    const auto problem_of = [](std::string_view text) {
        std::string problem;
        EXPECT_FALSE(parse_ws_url(text, problem)) << text;
        return problem;
    };
    EXPECT_THAT(problem_of("wss://h/x"), HasSubstr("needs TLS"));
    EXPECT_THAT(problem_of("http://h/x"), HasSubstr("ws://host:port/path"));
    for (const auto* text : {"ws://", "ws://:80/", "ws://h:0/", "ws://h:65536/", "ws://h:1x/",
                             "ws://[::1/", "ws://[::1]x/", "ws://h:/"}) {
        EXPECT_THAT(problem_of(text), HasSubstr("no valid host and port")) << text;
    }
    EXPECT_THAT(problem_of("ws://h/a b"), HasSubstr("%XX"));
    const auto secret = problem_of("ws://user:hunter2@h/");
    EXPECT_THAT(secret, HasSubstr("user name"));
    EXPECT_EQ(secret.find("hunter2"), std::string::npos);
}

TEST(Targets, PathAndQuery) {
    HttpRequest request;
    request.target = "/api//v1/badges/A%2F1/?limit=5&name=a+b%26c&flag&=x#f";
    ASSERT_TRUE(parse_target(request));
    EXPECT_THAT(request.path, ElementsAre("api", "v1", "badges", "A/1"));
    EXPECT_THAT(request.query, ElementsAre(Pair("limit", "5"), Pair("name", "a b&c"),
                                           Pair("flag", ""), Pair("", "x")));
    EXPECT_EQ(request.parameter("limit"), "5");
    EXPECT_FALSE(request.parameter("none"));
    request.target = "http://127.0.0.1:8080/healthz?a=1";
    ASSERT_TRUE(parse_target(request));
    EXPECT_THAT(request.path, ElementsAre("healthz"));
    EXPECT_THAT(request.query, ElementsAre(Pair("a", "1")));
    request.target = "*";
    ASSERT_TRUE(parse_target(request));
    EXPECT_TRUE(request.path.empty());
}

TEST(Targets, MalformedOnesAreRefused) {
    for (const auto* target : {"", "x", "/%", "/a?%zz=1", "ftp://h/"}) {
        HttpRequest request;
        request.target = target;
        EXPECT_FALSE(parse_target(request)) << target;
    }
}

TEST(Targets, AnyTextIsJudgedWithoutHarm) {
    EXPECT_TRUE(rc::check([](const std::string& text) {
        HttpRequest request;
        request.target = "/" + text;
        parse_target(request);
        for (const auto& segment : request.path) RC_ASSERT(!segment.empty());
        std::string problem;
        const bool readable = parse_ws_url("ws://" + text, problem).has_value();
        RC_ASSERT(readable == problem.empty());
    }));
}

TEST(LocalHosts, OnlyLoopbackNames) {
    for (const auto* host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]",
                             "[::1]:8080", " localhost "}) {
        EXPECT_TRUE(is_local_host(host)) << host;
    }
    for (const auto* host :
         {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:x",
          "localhost:80:80", "[::1", "::1", "10.0.0.1", "localhost@evil.example"}) {
        EXPECT_FALSE(is_local_host(host)) << host;
    }
}

}  // namespace
}  // namespace busbar::net
