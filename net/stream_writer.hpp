// Writes an EventStream to its client until either of them has had enough: the answer to a request
// that stays open. Runs on the socket's loop.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/event_stream.hpp"
#include "net/http_server.hpp"
#include "net/listener.hpp"

namespace busbar::net {

struct StreamLimits {
    // A comment is written after so much silence: whoever is between keeps the connection, and a
    // client that is gone is noticed.
    std::chrono::milliseconds heartbeat{15'000};
    std::chrono::milliseconds write_timeout{30'000};
};

// The head of an answer without an end.
std::string stream_head(const HttpResponse& response);

// Takes the connection over and writes `head`, then what the stream has. The stream has ended once
// the connection is closed, and the other way round.
void write_stream(LoopSocket socket, std::string head, std::shared_ptr<EventStream> stream,
                  const StreamLimits& limits = {});

}  // namespace busbar::net
