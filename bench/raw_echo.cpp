// The yardstick: Boost.Beast's WebSocket echo as its documentation has it (callbacks, one thread,
// suggested timeouts), without anything of ours.
#include <cstdio>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>

#include "bench/options.hpp"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
public:
    explicit Session(tcp::socket socket) : stream_(std::move(socket)) {
        beast::get_lowest_layer(stream_).socket().set_option(tcp::no_delay(true));
    }

    void run() {
        stream_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
        stream_.set_option(
            websocket::stream_base::decorator([](websocket::response_type& response) {
                response.set(beast::http::field::sec_websocket_protocol, "ocpp1.6");
            }));
        stream_.text(true);
        stream_.async_accept([self = shared_from_this()](beast::error_code error) {
            if (!error) self->read();
        });
    }

private:
    void read() {
        stream_.async_read(buffer_,
                           [self = shared_from_this()](beast::error_code error, std::size_t) {
                               if (!error) self->write();
                           });
    }

    void write() {
        stream_.async_write(buffer_.data(),
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                                if (error) return;
                                self->buffer_.consume(self->buffer_.size());
                                self->read();
                            });
    }

    websocket::stream<beast::tcp_stream> stream_;
    beast::flat_buffer buffer_;
};

void accept(tcp::acceptor& acceptor) {
    acceptor.async_accept([&acceptor](beast::error_code error, tcp::socket socket) {
        if (!error) std::make_shared<Session>(std::move(socket))->run();
        accept(acceptor);
    });
}

}  // namespace

int main(int count, char** arguments) {
    auto options = busbar::bench::parse_options(
        count, arguments, {{"port", "0"}, {"pin", ""}},
        "raw_echo [--port N] [--pin CORE]: a bare Boost.Beast WebSocket echo server\n");
    busbar::bench::pin(options["pin"]);
    asio::io_context loop{1};
    const auto port = static_cast<unsigned short>(std::stoul(options["port"]));
    tcp::acceptor acceptor{loop, {asio::ip::address_v4::loopback(), port}};
    std::printf("listening ws://127.0.0.1:%u\n", unsigned{acceptor.local_endpoint().port()});
    std::fflush(stdout);
    accept(acceptor);
    loop.run();
}
