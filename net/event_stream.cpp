#include "net/event_stream.hpp"

#include <utility>

namespace busbar::net {

void EventStream::send(std::string_view text) {
    if (ended_) return;
    if (waiting_.size() + text.size() > waiting_bytes_max) return end();
    waiting_ += text;
    if (wake_) wake_();
}

void EventStream::end() {
    if (ended_) return;
    ended_ = true;
    waiting_.clear();
    // The connection may let go of itself in there.
    if (const auto wake = std::exchange(wake_, nullptr)) wake();
}

std::string EventStream::take() { return std::exchange(waiting_, {}); }

}  // namespace busbar::net
