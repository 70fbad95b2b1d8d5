// The end of a connection whose peer may still be sending: we have answered and send nothing more,
// but closing at once could reset the connection before the peer has read the answer. So what it
// sends is read and dropped, for a while and up to an amount. Runs on the io_context's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "net/listener.hpp"

namespace busbar::net {

struct LingerLimits {
    std::chrono::milliseconds time;
    std::uint64_t bytes_max;
};

// `done` runs once: when the peer has ended, the limits are reached or the socket was closed. It
// keeps the socket alive until then.
void linger(LoopSocket& socket, const LingerLimits& limits, std::function<void()> done);

}  // namespace busbar::net
