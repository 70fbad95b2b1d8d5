// A WebSocket client for whole text messages: the simulator's chargers and later the uplink to a
// CPO. One object is one attempt: to reconnect, make another. Runs on the io_context's thread; may
// be destroyed from within its own events.
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

#include <boost/asio/io_context.hpp>

namespace busbar::net {

// A ws:// URL in parts.
struct WebSocketUrl {
    std::string host;  // without brackets
    std::uint16_t port = 80;
    std::string target;  // begins with a slash

    // Host and port as in a Host header.
    std::string authority() const;
};

// Reads ws://HOST[:PORT][/PATH][?QUERY]. On failure nothing, and a sentence in `problem`.
std::optional<WebSocketUrl> parse_ws_url(std::string_view text, std::string& problem);

struct WebSocketClientOptions {
    std::string url;
    std::string subprotocol;                                   // offered; empty: none
    std::optional<std::string> basic_credentials;              // "user:password", any bytes
    std::vector<std::pair<std::string, std::string>> headers;  // besides the usual ones
    bool connection_header = true;   // false: without "Connection: Upgrade", as some chargers
    bool binary_frames = false;      // messages in binary frames
    std::size_t fragment_bytes = 0;  // messages in fragments of this size; 0: whole
    std::chrono::milliseconds connect_timeout{10'000};  // until the upgrade is answered
    std::chrono::milliseconds ping_interval{30'000};    // 0: never
    std::chrono::milliseconds idle_timeout{65'000};     // without a byte from the server; 0: never
    std::chrono::milliseconds close_timeout{5'000};
    std::size_t message_bytes_max = std::size_t{1024} * 1024;
    std::size_t send_queue_messages_max = 256;
    std::size_t send_queue_bytes_max = std::size_t{1024} * 1024;
};

struct WebSocketClientEvents {
    // `subprotocol` is what the server chose; "" if it chose none.
    std::function<void(std::string_view subprotocol)> opened;
    // One message. The view ends with the call.
    std::function<void(std::string_view text)> received;
    // Exactly once, opened or not, unless the client is destroyed first.
    std::function<void(std::string_view reason)> closed;
};

class WebSocketClient {
public:
    // Begins to connect. No event comes from within the constructor: a bad URL is a `closed`, too.
    WebSocketClient(boost::asio::io_context& loop, WebSocketClientOptions options,
                    WebSocketClientEvents events);
    // Cuts the connection without an event.
    ~WebSocketClient();
    WebSocketClient(const WebSocketClient&) = delete;
    WebSocketClient& operator=(const WebSocketClient&) = delete;

    bool is_open() const;

    // Queues one text message; ignored unless open.
    void send(std::string text);

    // Sends what is queued, then a close frame; `closed` follows. Before `opened` it gives up.
    void close(std::uint16_t code = 1000, std::string_view reason = {});

    // Cuts the TCP connection without a close frame, as a power failure would; `closed` follows.
    void drop();

    // Falls silent without ending the TCP connection, as a peer that has lost its network; no
    // `closed` follows. Destroying the client ends it.
    void freeze();

    // The HTTP status that answered the upgrade: 101, 401, 404 ...; 0 if there was none.
    int http_status() const;

private:
    class Attempt;
    std::shared_ptr<Attempt> attempt_;
};

}  // namespace busbar::net
