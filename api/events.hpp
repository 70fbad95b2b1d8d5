// What happens, for whoever listens: a ring of the newest events, and the streams they are sent to
// (server-sent events, HTML living standard 9.2). Site loop only; no I/O but by the streams.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.hpp"
#include "base/time.hpp"
#include "net/event_stream.hpp"

namespace busbar::api {

// `data` is JSON: what GET says of the resource, or a struct of its own.
struct Event {
    std::int64_t id = 0;  // grows, also over restarts
    std::string type;     // "badge-tap"
    Timestamp at;
    std::string data;
    Access access{};  // who may see it
};

// As it is sent: its id, its type and one line of data, {id, type, at, data}.
std::string to_text(const Event& event);

class Events {
public:
    static constexpr std::size_t kept_max = 128;
    static constexpr std::size_t streams_max = 50;

    // Events from before `start` cannot be had again.
    explicit Events(Timestamp start);

    // Sends an event to all streams whose role may see it, and keeps it for those that come back.
    void publish(std::string_view type, Access access, Timestamp at, std::string data);

    // Whether another stream can be taken.
    bool has_room();

    // The role that a token gives now, if any: streams end whose token gives another than when they
    // were opened. Until this is called, none do.
    void judge_by(std::function<std::optional<Role>(std::int64_t token)> role_of);
    void tokens_changed();

    // Sends this stream what was missed behind `last_id`, and from now on all events its role may
    // see. What was missed and is no longer kept is told by an event "missed".
    void add(std::shared_ptr<net::EventStream> stream, std::int64_t token, Role role,
             std::optional<std::int64_t> last_id, Timestamp now);

private:
    struct Listener {
        std::shared_ptr<net::EventStream> stream;
        std::int64_t token;
        Role role;
    };
    bool may_listen(std::int64_t token, Role role) const;
    void drop_ended();

    std::deque<Event> kept_;  // by id
    std::vector<Listener> listeners_;
    std::function<std::optional<Role>(std::int64_t)> role_of_;
    std::int64_t last_id_;       // of all events so far
    std::int64_t forgotten_id_;  // up to this one they are not kept
};

}  // namespace busbar::api
