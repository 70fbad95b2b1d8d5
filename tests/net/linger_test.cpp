#include "net/linger.hpp"

#include <gtest/gtest.h>

#include "tests/net/wire.hpp"

namespace busbar::net::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Two ends of one connection: ours lingers.
struct LingerTest : testing::Test {
    LingerTest() {
        tcp::acceptor acceptor{loop, {asio::ip::address_v4::loopback(), 0}};
        peer.connect(acceptor.local_endpoint());
        acceptor.accept(ours);
    }
    void begin(const LingerLimits& limits) {
        linger(ours, limits, [this] { ++ended; });
    }
    bool ends() {
        return run_until(loop, [this] { return ended > 0; });
    }
    // Writes without waiting for room.
    void say(std::size_t bytes) { asio::write(peer, asio::buffer(std::string(bytes, 'x'))); }

    asio::io_context loop{1};
    LoopSocket ours{loop.get_executor()};
    tcp::socket peer{loop};
    int ended = 0;
};

TEST_F(LingerTest, ThePeerSeesTheEndOfOurWordsAtOnceAndMayFinishItsOwn) {
    begin({10s, 1'000'000});
    char byte = 0;
    boost::system::error_code error;
    peer.read_some(asio::buffer(&byte, 1), error);
    EXPECT_EQ(error, asio::error::eof);
    for (int i = 0; i < 10; ++i) {
        say(10'000);
        run_ready(loop);
    }
    EXPECT_EQ(ended, 0);
    peer.close();
    EXPECT_TRUE(ends());
    run_ready(loop);
    EXPECT_EQ(ended, 1);
}

TEST_F(LingerTest, EndsWithTime) {
    begin({20ms, 1'000'000});
    EXPECT_TRUE(ends());
    ours.close();
    run_ready(loop);
    EXPECT_EQ(ended, 1);
}

TEST_F(LingerTest, EndsWithTooMuch) {
    begin({10s, 20'000});
    say(20'000);
    run_ready(loop);
    EXPECT_EQ(ended, 0);
    say(1);
    EXPECT_TRUE(ends());
}

TEST_F(LingerTest, EndsWithTheSocket) {
    begin({10s, 1'000'000});
    run_ready(loop);
    ours.close();
    EXPECT_TRUE(ends());
    run_ready(loop);
    EXPECT_EQ(ended, 1);
}

TEST_F(LingerTest, KeepsWhatItNeedsNoLongerThanThat) {
    auto held = std::make_shared<int>();
    linger(ours, {20ms, 1'000'000}, [held] {});
    std::weak_ptr<int> seen = held;
    held.reset();
    EXPECT_FALSE(seen.expired());
    EXPECT_TRUE(run_until(loop, [&] { return seen.expired(); }));
}

}  // namespace
}  // namespace busbar::net::test
