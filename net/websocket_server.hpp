// A WebSocket listener for peers that connect to us: upgrades judged by the caller, whole text
// messages in and out. It knows nothing of what the texts mean. Everything runs on the
// io_context's thread, and every member may be called from within an event.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/listener.hpp"

namespace busbar::net {

// What a peer asked for before it was let in.
struct Handshake {
    std::string target;  // raw: may be in absolute form, may hold %XX and a query
    std::string peer_address;
    std::uint16_t peer_port = 0;
    std::vector<std::string> subprotocols;                     // as offered, in order
    std::optional<std::string> basic_credentials;              // decoded bytes of "user:password"
    std::vector<std::pair<std::string, std::string>> headers;  // without Authorization

    // The first header of this name, in any case; "" if there is none.
    std::string_view header(std::string_view name) const;
};

// The caller's answer to a Handshake.
struct Verdict {
    int status = 101;           // 101 lets the peer in; 400, 401, 403, 404, 429, 503 ... refuse it
    std::string reason;         // of a refusal: one plain sentence, sent as the body
    std::string subprotocol;    // echoed to the peer; empty: the header is left out
    std::uint64_t context = 0;  // the caller's own, handed back by `opened`
};

// An open WebSocket. Kept alive by whoever holds it; sending into a closed one does nothing.
class Connection {
public:
    virtual ~Connection() = default;
    virtual std::string_view peer_address() const = 0;
    virtual const Handshake& handshake() const = 0;

    // Queues one text message. A peer that lets the queue outgrow its limits is cut off.
    virtual void send(std::string text) = 0;

    // Sends what is queued, then a close frame (RFC 6455, 7.4 codes). Nothing is received any more;
    // `closed` follows later, never from within this call.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;

    // Pings; tells whether anything was heard within this time. No once the connection has ended.
    virtual void probe(std::chrono::milliseconds within, std::function<void(bool alive)> done) = 0;

    // Pings this often from now on; nothing: as the limits say; 0: never. A peer that is pinged
    // seldom may be silent for longer than the idle timeout: it is then cut off after two pings
    // without an answer, and one that is never pinged only when TCP gives it up.
    virtual void ping_every(std::optional<std::chrono::milliseconds>) {}

    // Why it ended, in words; "" while it is open.
    virtual std::string_view end_cause() const { return {}; }
};

// Why a peer never got as far as a verdict, or was lost behind it.
enum class HandshakeFailure {
    tls_on_plain_port,
    malformed_request,
    not_websocket,
    timeout,
    lost,
    too_many_connections,
    undecided  // the verdict did not come in time
};

struct WebSocketEvents {
    // A well-formed upgrade; call `decide` once, now or later, on the loop's thread. It is ignored
    // if the peer has gone meanwhile. No decision within handshake_timeout is a 503.
    std::function<void(const Handshake&, std::function<void(Verdict)> decide)> authorize;
    std::function<void(const std::shared_ptr<Connection>&, const Verdict&)> opened;
    // One message, text or binary. The view ends with the call.
    std::function<void(const std::shared_ptr<Connection>&, std::string_view text)> received;
    // Exactly once after each `opened`, unless the server is destroyed first.
    std::function<void(const std::shared_ptr<Connection>&)> closed;
    // A peer that never got as far as `authorize` or was lost during the handshake: malformed
    // request, timeout, too many connections. Refusals by a Verdict are not repeated here.
    std::function<void(const Handshake&, HandshakeFailure, std::string_view what)> failed;
};

struct WebSocketLimits {
    std::size_t message_bytes_max = std::size_t{1024} * 1024;  // a larger message closes with 1009
    std::size_t send_queue_messages_max = 256;
    std::size_t send_queue_bytes_max = std::size_t{1024} * 1024;
    std::size_t header_bytes_max = std::size_t{8} * 1024;
    std::chrono::milliseconds handshake_timeout{10'000};  // from accept to the answer
    std::chrono::milliseconds ping_interval{30'000};      // 0: never
    std::chrono::milliseconds idle_timeout{65'000};  // without a byte from the peer; 0: for ever
    std::chrono::milliseconds close_timeout{5'000};
    std::size_t connections_max = 264;  // open ones; further peers get a 503
    std::size_t handshakes_max = 256;   // unfinished ones; further peers are cut off
    // Unfinished ones of one address. A whole site may return at once from behind one NAT.
    std::size_t connections_per_address_max = 128;
};

class WebSocketServer {
public:
    // Listens at once; see Listener. Throws ListenError.
    WebSocketServer(boost::asio::io_context& loop, std::string_view address, std::uint16_t port,
                    const WebSocketLimits& limits, WebSocketEvents events);
    // Cuts everything off without further events.
    ~WebSocketServer();
    WebSocketServer(const WebSocketServer&) = delete;
    WebSocketServer& operator=(const WebSocketServer&) = delete;

    std::uint16_t port() const;
    std::size_t connection_count() const;

    // Accepts nobody any more and closes every connection; `closed` follows for each.
    void stop(std::uint16_t code = 1001);

private:
    class Core;
    class Peer;
    std::shared_ptr<Core> core_;
};

}  // namespace busbar::net
