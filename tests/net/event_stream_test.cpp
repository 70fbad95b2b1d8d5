#include "net/event_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_server.hpp"
#include "net/stream_writer.hpp"
#include "tests/net/wire.hpp"

namespace busbar::net::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(EventStream, HoldsWhatWaitsAndNoMore) {
    EventStream stream;
    int woken = 0;
    stream.attach([&] { ++woken; });
    stream.send("a");
    stream.send("b");
    EXPECT_EQ(woken, 2);
    EXPECT_EQ(stream.take(), "ab");
    EXPECT_EQ(stream.take(), "");
    stream.send(std::string(EventStream::waiting_bytes_max, 'x'));
    EXPECT_FALSE(stream.has_ended());
    stream.send("y");
    EXPECT_TRUE(stream.has_ended());
    EXPECT_EQ(stream.take(), "");
    EXPECT_EQ(woken, 4) << "the end is told once";
    stream.end();
    stream.send("z");
    EXPECT_EQ(woken, 4);
}

// A stream whose client is a bare socket.
class Streaming : public ::testing::Test {
protected:
    void listen(const StreamLimits& limits) {
        listener_ = std::make_unique<Listener>(
            loop_, "127.0.0.1", std::uint16_t{0}, [this, limits](LoopSocket socket) {
                write_stream(std::move(socket), "head\n", stream_, limits);
            });
        peer_ = std::make_unique<Peer>(loop_, listener_->port());
    }
    bool until(const std::function<bool()>& done) { return run_until(loop_, done); }
    bool receives(const std::string& text) {
        return until([&] { return peer_->input.find(text) != std::string::npos; });
    }

    boost::asio::io_context loop_{1};
    std::shared_ptr<EventStream> stream_ = std::make_shared<EventStream>();
    std::unique_ptr<Listener> listener_;
    std::unique_ptr<Peer> peer_;
};

TEST_F(Streaming, WritesWhatIsSentAndCommentsInBetween) {
    listen({.heartbeat = 20ms, .write_timeout = 10s});
    peer_->read();
    ASSERT_TRUE(receives("head\n"));
    stream_->send("first\n");
    ASSERT_TRUE(receives("first\n"));
    ASSERT_TRUE(receives("first\n:\n\n:\n\n")) << "two heartbeats";
    stream_->send("second\n");
    ASSERT_TRUE(receives("second\n"));
    stream_->end();
    EXPECT_TRUE(peer_->expect_end());
}

TEST_F(Streaming, EndsWhenTheClientGoes) {
    listen({});
    peer_->read();
    ASSERT_TRUE(receives("head\n"));
    peer_.reset();
    EXPECT_TRUE(until([&] { return stream_->has_ended(); }));
}

TEST_F(Streaming, AClientThatDoesNotReadIsCutOff) {
    listen({.heartbeat = 10s, .write_timeout = 50ms});
    // The kernel takes a lot before it takes no more.
    const std::string piece(16'384, 'x');
    EXPECT_TRUE(until([&] {
        stream_->send(piece);
        return stream_->has_ended();
    }));
}

TEST(HttpStream, IsAnAnswerWithoutEnd) {
    boost::asio::io_context loop{1};
    std::shared_ptr<EventStream> stream;
    HttpServer server{loop, "127.0.0.1", std::uint16_t{0}, HttpLimits{},
                      [&](const HttpRequest&, const HttpServer::Respond& respond) {
                          HttpResponse response;
                          response.content_type = "text/event-stream";
                          response.headers = {{"Cache-Control", "no-store"}};
                          response.stream = [&](std::shared_ptr<EventStream> begun) {
                              stream = std::move(begun);
                          };
                          respond(std::move(response));
                      }};
    Peer peer{loop, server.port()};
    peer.read();
    peer.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_TRUE(run_until(loop, [&] { return stream != nullptr; }));
    stream->send("data: 1\n\n");
    ASSERT_TRUE(
        run_until(loop, [&] { return peer.input.find("data: 1\n\n") != std::string::npos; }));
    EXPECT_THAT(peer.input, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(peer.input, HasSubstr("\r\nContent-Type: text/event-stream\r\n"));
    EXPECT_THAT(peer.input, HasSubstr("\r\nCache-Control: no-store\r\n"));
    server.stop();
    EXPECT_TRUE(stream->has_ended());
    EXPECT_TRUE(peer.expect_end());
}

}  // namespace
}  // namespace busbar::net::test
