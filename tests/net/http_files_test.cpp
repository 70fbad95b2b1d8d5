#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/thread_pool.hpp>

#include "net/http_server.hpp"
#include "tests/net/wire.hpp"

namespace busbar::net::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A server that puts bodies for /file into a file, and sends it back.
class HttpFilesTest : public ::testing::Test {
protected:
    HttpFilesTest() {
        char name[] = "/tmp/busbar-http-XXXXXX";
        folder = ::mkdtemp(name);
        HttpLimits limits;
        limits.body_bytes_max = 100;
        server = std::make_unique<HttpServer>(
            loop, "127.0.0.1", std::uint16_t{0}, limits,
            [this](HttpRequest request, const HttpServer::Respond& respond) {
                HttpResponse response{200, "text/plain", "taken", {}};
                if (request.method == "GET") response.file = HttpFile{folder / "a", "tag"};
                requests.push_back(std::move(request));
                respond(std::move(response));
            });
        server->serve_files(
            worker.get_executor(), [this](const HttpRequest& head) -> std::optional<BodyPlan> {
                EXPECT_TRUE(head.body.empty());
                if (head.path != std::vector<std::string>{"file"}) return std::nullopt;
                if (!head.header("X-Refuse").empty()) {
                    return BodyPlan{{}, 0, HttpResponse{403, "text/plain", "no", {}}};
                }
                return BodyPlan{folder / "a", 300'000, {}};
            });
    }
    ~HttpFilesTest() override {
        server.reset();
        worker.join();
        std::filesystem::remove_all(folder);
    }

    std::string answer_to(const std::string& bytes) {
        Peer peer{loop, server->port()};
        peer.read();
        peer.send_later(bytes);
        EXPECT_TRUE(peer.expect_end());
        return peer.input;
    }
    static std::string request(const std::string& method, const std::string& target,
                               const std::string& headers, const std::string& body = "") {
        return method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
               headers + "\r\n" + body;
    }
    static std::string post(const std::string& target, const std::string& body,
                            const std::string& headers = "") {
        return request("POST", target,
                       "Content-Length: " + std::to_string(body.size()) + "\r\n" + headers, body);
    }
    std::string content() const {
        std::ifstream file{folder / "a", std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    bool is_empty() const { return std::filesystem::is_empty(folder); }

    std::filesystem::path folder;
    boost::asio::io_context loop{1};
    boost::asio::thread_pool worker{1};
    std::vector<HttpRequest> requests;
    std::unique_ptr<HttpServer> server;
};

TEST_F(HttpFilesTest, LargeBodiesGoToAFileAndComeBack) {
    std::string body(250'000, ' ');
    for (std::size_t at = 0; at < body.size(); ++at) body[at] = static_cast<char>(at * 31 >> 3);
    EXPECT_THAT(answer_to(post("/file", body)),
                AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("taken")));
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].stored->bytes, body.size());
    EXPECT_EQ(requests[0].body, "");
    EXPECT_EQ(content(), body);
    EXPECT_THAT(answer_to(request("GET", "/file", "")),
                AllOf(HasSubstr("Content-Length: 250000\r\n"), HasSubstr("ETag: \"tag\"\r\n"),
                      EndsWith("\r\n\r\n" + body)));
    EXPECT_THAT(answer_to(request("GET", "/file", "Range: bytes=249990-\r\n")),
                AllOf(StartsWith("HTTP/1.1 206 "), EndsWith("\r\n\r\n" + body.substr(249'990))));
}

TEST_F(HttpFilesTest, OtherBodiesStayInMemoryWithTheirLimit) {
    EXPECT_THAT(answer_to(post("/other", "small")), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(requests.at(0).body, "small");
    EXPECT_FALSE(requests.at(0).stored);
    EXPECT_THAT(answer_to(post("/other", std::string(101, 'x'))), StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer_to(request("POST", "/other", "Transfer-Encoding: chunked\r\n",
                                  "65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n")),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_TRUE(is_empty());
}

TEST_F(HttpFilesTest, RefusalsComeBeforeTheBody) {
    EXPECT_THAT(answer_to(request("POST", "/file",
                                  "X-Refuse: 1\r\nContent-Length: 9\r\nExpect: 100-continue\r\n")),
                StartsWith("HTTP/1.1 403 "));
    EXPECT_THAT(answer_to(post("/file", std::string(300'001, 'x'))), StartsWith("HTTP/1.1 413 "));
    EXPECT_THAT(answer_to(request("POST", "/file", "Transfer-Encoding: chunked\r\n",
                                  "493e1\r\n" + std::string(300'001, 'x') + "\r\n0\r\n\r\n")),
                StartsWith("HTTP/1.1 413 "));
    EXPECT_TRUE(requests.empty());
    server.reset();
    worker.join();
    EXPECT_TRUE(is_empty());
}

TEST_F(HttpFilesTest, ExpectationsChunksAndKeptConnections) {
    Peer peer{loop, server->port()};
    peer.read();
    peer.send(
        "POST /file HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        "Expect: 100-continue\r\n\r\n");
    ASSERT_TRUE(peer.expect("HTTP/1.1 100 Continue\r\n\r\n"));
    peer.send("3\r\nabc\r\n0\r\n\r\n");
    ASSERT_TRUE(peer.expect("taken"));
    peer.send("GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(peer.expect("\r\n\r\nabc"));
    peer.send("HEAD /file HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(run_until(loop, [&] { return requests.size() == 3; }));
    EXPECT_FALSE(peer.ended);
}

TEST_F(HttpFilesTest, ACutBodyLeavesNothing) {
    {
        Peer peer{loop, server->port()};
        peer.read();
        peer.send(post("/file", std::string(200'000, 'x')).substr(0, 100'000));
        ASSERT_TRUE(run_until(loop, [&] { return !is_empty(); }));
        peer.close();
        ASSERT_TRUE(run_until(loop, [&] { return is_empty(); }));
    }
    EXPECT_TRUE(requests.empty());
}

}  // namespace
}  // namespace busbar::net::test
