#include "net/websocket_link.hpp"

#include <sys/socket.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/net/wire.hpp"

namespace busbar::net::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Observed final : LinkObserver {
    void on_text(std::string_view) override {}
    void on_end(std::string_view cause) override { end = cause; }
    std::optional<std::string> end;
};

TEST(WebSocketLink, TellsThatAWriteFailedAndNotHowItsReadWasEnded) {
    asio::io_context loop{1};
    tcp::acceptor acceptor{loop, {asio::ip::address_v4::loopback(), 0}};
    tcp::socket peer{loop};
    peer.connect(acceptor.local_endpoint());
    LoopSocket ours{loop.get_executor()};
    acceptor.accept(ours);
    const int file = ours.native_handle();
    const auto link = Link::create(std::move(ours), {65'536, 10, 65'536, 0ms, 0ms, 1000ms});
    bool open = false;
    link->accept("dGhlIHNhbXBsZSBub25jZQ==", "",
                 [&](const UpgradeResult& result) { open = result.error.empty(); });
    ASSERT_TRUE(run_until(loop, [&] { return open; }));
    const auto observed = std::make_shared<Observed>();
    link->start(observed);
    ::shutdown(file, SHUT_WR);
    link->send("nobody hears this");
    ASSERT_TRUE(run_until(loop, [&] { return observed->end.has_value(); }));
    EXPECT_EQ(*observed->end, "nothing can be sent: the connection was cut without a close frame");
}

}  // namespace
}  // namespace busbar::net::test
