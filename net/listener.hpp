// A listening TCP socket and its accept loop, shared by the WebSocket and HTTP servers. Running out
// of file descriptors pauses the loop instead of ending it. Runs on the io_context's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace busbar::net {

// A TCP socket that knows its executor's type: a message then costs no allocation for the handle
// that a type-erased executor would need.
using LoopSocket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

// A port that cannot be listened on; what() is one sentence with the remedy.
struct ListenError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Listener {
public:
    using Accepted = std::function<void(LoopSocket)>;

    // Binds and listens at once; port 0 takes a free one. `address` is an IPv4 or IPv6 address or
    // "localhost"; "::" serves IPv4 too. Throws ListenError.
    Listener(boost::asio::io_context& loop, std::string_view address, std::uint16_t port,
             Accepted accepted);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    std::uint16_t port() const;

    // No connection is accepted any more; `accepted` is not called again.
    void close();

private:
    class Loop;
    std::shared_ptr<Loop> loop_;
};

// Hands what is accepted to `owner->admit(socket)`, as long as there is one.
template <class Owner>
Listener::Accepted admitted_by(const std::shared_ptr<Owner>& owner) {
    return [weak = std::weak_ptr{owner}](LoopSocket socket) {
        if (const auto present = weak.lock()) present->admit(std::move(socket));
    };
}

// Whether a listener on this address can be reached from this machine only.
bool is_loopback(std::string_view address);

// Sends without delay and lets the kernel find out about vanished peers within two minutes even
// where nothing is sent. Errors are ignored: the peer may be gone already.
void tune(LoopSocket& socket);

// The peer's address ("192.0.2.7", also where it came mapped into IPv6) and port; "" and 0 if it is
// gone already.
struct PeerName {
    std::string address;
    std::uint16_t port = 0;
};
PeerName peer_name(const LoopSocket& socket);

}  // namespace busbar::net
