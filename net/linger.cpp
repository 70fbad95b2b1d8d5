#include "net/linger.hpp"

#include <array>
#include <memory>
#include <utility>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>

namespace busbar::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class Lingerer : public std::enable_shared_from_this<Lingerer> {
public:
    Lingerer(LoopSocket& socket, std::uint64_t bytes_max, std::function<void()> done)
        : socket_(socket),
          bytes_left_(bytes_max),
          done_(std::move(done)),
          timer_(socket.get_executor()) {}

    void begin(std::chrono::milliseconds time) {
        error_code ignored;
        socket_.shutdown(asio::socket_base::shutdown_send, ignored);
        timer_.expires_after(time);
        timer_.async_wait([self = shared_from_this()](error_code) { self->end(); });
        read();
    }

private:
    using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                             asio::wait_traits<std::chrono::steady_clock>,
                                             LoopSocket::executor_type>;

    void read() {
        socket_.async_read_some(asio::buffer(dropped_),
                                [self = shared_from_this()](error_code error, std::size_t size) {
                                    if (error || size > self->bytes_left_) return self->end();
                                    self->bytes_left_ -= size;
                                    if (self->done_) self->read();
                                });
    }

    void end() {
        timer_.cancel();
        if (const auto done = std::exchange(done_, nullptr)) done();
    }

    LoopSocket& socket_;
    std::uint64_t bytes_left_;
    std::function<void()> done_;
    Timer timer_;
    std::array<char, 4096> dropped_{};
};

}  // namespace

void linger(LoopSocket& socket, const LingerLimits& limits, std::function<void()> done) {
    std::make_shared<Lingerer>(socket, limits.bytes_max, std::move(done))->begin(limits.time);
}

}  // namespace busbar::net
