// Text on its way to a client that keeps an answer open (server-sent events): what has not been
// written yet, bounded. A client that reads too slowly loses the stream, never the server its
// memory. One thread: the loop's. No I/O: the HTTP server takes what waits here.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace busbar::net {

class EventStream {
public:
    static constexpr std::size_t waiting_bytes_max = std::size_t{64} * 1024;

    // Sends whole events or comments. Does nothing once the stream has ended; ends it if more than
    // waiting_bytes_max would wait.
    void send(std::string_view text);

    // Ends it: what waits is not written any more.
    void end();
    bool has_ended() const { return ended_; }

    // The connection's side: `wake` is called whenever there is something to take, or the end.
    void attach(std::function<void()> wake) { wake_ = std::move(wake); }
    std::string take();

private:
    std::string waiting_;
    std::function<void()> wake_;
    bool ended_ = false;
};

}  // namespace busbar::net
