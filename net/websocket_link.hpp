// One WebSocket of either role: handshake, whole messages in and out, liveness, close. Internal to
// net/: the server and the client put their own rules on top. Runs on the io_context's thread; no
// observer call happens inside a call of the observer's.
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

#include "base/time.hpp"
#include "net/listener.hpp"

namespace busbar::net {

struct LinkLimits {
    std::size_t message_bytes_max;  // inbound; a larger one ends the link with 1009
    std::size_t
        send_queue_messages_max;  // unsent messages; one more cuts a peer that does not read
    std::size_t send_queue_bytes_max;
    std::chrono::milliseconds ping_interval;  // 0: never ping
    std::chrono::milliseconds idle_timeout;   // nothing heard, not even a pong; 0: wait for ever
    std::chrono::milliseconds close_timeout;  // for flushing and the closing handshake
};

// What a link tells its owner. The link owns its observer until on_end.
class LinkObserver {
public:
    // A whole message, text or binary. The view ends with the call.
    virtual void on_text(std::string_view text) = 0;
    // The link is gone; called once after start() unless abandoned.
    virtual void on_end(std::string_view cause) = 0;

protected:
    ~LinkObserver() = default;
};

// How messages of ours are put into frames: one text frame each, unless told otherwise.
struct SendFraming {
    bool binary = false;
    std::size_t fragment_bytes = 0;  // 0: never in fragments
};

// What a client asks for in its upgrade request.
struct UpgradeRequest {
    std::string host;  // with the port
    std::string target;
    std::string subprotocol;                                   // empty: the header is left out
    std::string authorization;                                 // empty: the header is left out
    std::vector<std::pair<std::string, std::string>> headers;  // besides the usual ones
    bool connection_header = true;
};

// How an upgrade ended: `error` is empty if it succeeded.
struct UpgradeResult {
    std::string error;
    int status = 0;  // of the HTTP response, if there was one (client)
    std::string subprotocol;
};

class Link {
public:
    static std::shared_ptr<Link> create(LoopSocket socket, const LinkLimits& limits);
    virtual ~Link() = default;

    // Answers an upgrade request that has been read already, by its Sec-WebSocket-Key.
    virtual void accept(const std::string& key, const std::string& subprotocol,
                        std::function<void(const UpgradeResult&)> done) = 0;
    // Sends an upgrade request.
    virtual void connect(UpgradeRequest request,
                         std::function<void(const UpgradeResult&)> done) = 0;
    // After a successful upgrade: begins to read.
    virtual void start(std::shared_ptr<LinkObserver> observer) = 0;

    // In order, one frame a message; ignored once closing.
    virtual void send(std::string text) = 0;
    // For messages from now on.
    virtual void frame_as(SendFraming framing) = 0;
    // Neither reads nor writes any more but keeps the TCP connection, as a peer whose network is
    // gone; no on_end follows.
    virtual void freeze() = 0;
    // Sends what is queued, then the close frame. The end comes later, by on_end.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    // Pings; tells whether anything was heard within this time, or that the link has ended.
    virtual void probe(std::chrono::milliseconds within, std::function<void(bool alive)> done) = 0;
    // Pings this often from now on, instead of as the limits say; see Connection::ping_every.
    virtual void ping_every(std::optional<std::chrono::milliseconds> interval) = 0;
    // Cuts the TCP connection; on_end follows later with this cause.
    virtual void drop(std::string_view cause) = 0;
    // Cuts it and forgets the observer without a further call.
    virtual void abandon() = 0;
    // Checks deadlines and pings. `stalled`: this process itself was suspended, so silence before
    // now proves nothing about the peer.
    virtual void tick(Instant now, bool stalled) = 0;
};

// How often to call tick() so that the shortest of these limits is kept to about a quarter.
std::chrono::milliseconds tick_period(const LinkLimits& limits,
                                      std::chrono::milliseconds handshake);

// Tells a loop that was suspended (by a debugger, a frozen virtual machine) from one that ran.
class StallDetector {
public:
    explicit StallDetector(std::chrono::milliseconds period) : period_(period) {}
    bool stalled(Instant now);

private:
    std::chrono::milliseconds period_;
    std::optional<Instant> last_;
};

// The monotonic clock.
Instant monotonic_now();

}  // namespace busbar::net
