#include "net/listener.hpp"

#include <netinet/tcp.h>

#include <chrono>

#include <spdlog/spdlog.h>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>

namespace busbar::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Long enough for descriptors to be given back, short enough for a charger not to give up.
constexpr std::chrono::milliseconds accept_pause{200};

asio::ip::address parse_address(std::string_view text) {
    if (text == "localhost") return asio::ip::address_v4::loopback();
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
        text = text.substr(1, text.size() - 2);
    }
    error_code error;
    auto address = asio::ip::make_address(std::string{text}, error);
    if (error) {
        throw ListenError("Cannot listen on \"" + std::string{text} +
                          "\": it is not an IP address; use for example 127.0.0.1 or 0.0.0.0.");
    }
    return address;
}

std::string shown(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    const auto port = std::to_string(endpoint.port());
    return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

[[noreturn]] void refuse(const tcp::endpoint& endpoint, const error_code& error) {
    auto sentence = "Cannot listen on " + shown(endpoint) + ": ";
    const auto port = std::to_string(endpoint.port());
    if (error == asio::error::address_in_use) {
        sentence +=
            "the port is already in use; stop the program that holds it (\"ss -ltnp 'sport = :" +
            port + "'\" names it) or configure another port.";
    } else if (error == asio::error::access_denied) {
        sentence +=
            "not permitted; ports below 1024 need the capability CAP_NET_BIND_SERVICE, so "
            "configure a higher port or grant it.";
    } else if (error == boost::system::errc::address_not_available) {
        sentence +=
            "no network interface of this machine has that address; configure one it has, "
            "or 0.0.0.0 for all.";
    } else {
        sentence += error.message() + "; configure another address or port.";
    }
    throw ListenError(sentence);
}

template <class Option>
void set(LoopSocket& socket, const Option& option) {
    error_code ignored;
    socket.set_option(option, ignored);
}

template <int Name>
using TcpNumber = asio::detail::socket_option::integer<IPPROTO_TCP, Name>;

}  // namespace

class Listener::Loop : public std::enable_shared_from_this<Listener::Loop> {
public:
    Loop(asio::io_context& loop, const tcp::endpoint& endpoint, Accepted accepted)
        : acceptor_(loop), pause_(loop), accepted_(std::move(accepted)) {
        error_code error;
        acceptor_.open(endpoint.protocol(), error);
        if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
        if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
            acceptor_.set_option(asio::ip::v6_only(false), error);
        }
        if (!error) acceptor_.bind(endpoint, error);
        if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (error) refuse(endpoint, error);
    }

    std::uint16_t port() const {
        error_code ignored;
        return acceptor_.local_endpoint(ignored).port();
    }

    void accept() {
        acceptor_.async_accept([self = shared_from_this()](error_code error, LoopSocket socket) {
            self->on_accept(error, std::move(socket));
        });
    }

    void close() {
        closed_ = true;
        error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
    }

private:
    void on_accept(const error_code& error, LoopSocket socket) {
        if (closed_) return;
        if (!error) {
            accepted_(std::move(socket));
            if (!closed_) accept();
        } else if (error == asio::error::connection_aborted) {
            accept();
        } else {
            spdlog::warn("accept_paused error=\"{}\" port={}", error.message(), port());
            pause_.expires_after(accept_pause);
            pause_.async_wait([self = shared_from_this()](error_code) {
                if (!self->closed_) self->accept();
            });
        }
    }

    asio::basic_socket_acceptor<tcp, asio::io_context::executor_type> acceptor_;
    asio::steady_timer pause_;
    Accepted accepted_;
    bool closed_ = false;
};

Listener::Listener(asio::io_context& loop, std::string_view address, std::uint16_t port,
                   Accepted accepted)
    : loop_(std::make_shared<Loop>(loop, tcp::endpoint{parse_address(address), port},
                                   std::move(accepted))) {
    loop_->accept();
}

Listener::~Listener() { close(); }

std::uint16_t Listener::port() const { return loop_->port(); }

void Listener::close() { loop_->close(); }

bool is_loopback(std::string_view address) { return parse_address(address).is_loopback(); }

void tune(LoopSocket& socket) {
    set(socket, tcp::no_delay(true));
    set(socket, asio::socket_base::keep_alive(true));
    set(socket, TcpNumber<TCP_KEEPIDLE>(60));
    set(socket, TcpNumber<TCP_KEEPINTVL>(15));
    set(socket, TcpNumber<TCP_KEEPCNT>(4));
    set(socket, TcpNumber<TCP_USER_TIMEOUT>(90'000));
}

PeerName peer_name(const LoopSocket& socket) {
    error_code error;
    const auto endpoint = socket.remote_endpoint(error);
    if (error) return {};
    auto address = endpoint.address();
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    return {address.to_string(), endpoint.port()};
}

}  // namespace busbar::net
