// /api/v1/events: server-sent events.
#include "api/events.hpp"

#include <algorithm>
#include <charconv>

#include <boost/describe/class.hpp>

#include "api/handlers.hpp"
#include "base/codec.hpp"

namespace busbar::api {
namespace {

struct EventView {
    std::int64_t id = 0;
    std::string type;
    Timestamp at;
    RawJson data;
};
BOOST_DESCRIBE_STRUCT(EventView, (), (id, type, at, data))

struct Missed {
    std::int64_t after = 0;
    std::int64_t through = 0;
};
BOOST_DESCRIBE_STRUCT(Missed, (), (after, through))

std::optional<std::int64_t> event_id(std::string_view text) {
    std::int64_t id = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, id);
    if (parsed.ec != std::errc{} || parsed.ptr != end || id < 0) return std::nullopt;
    return id;
}

}  // namespace

std::string to_text(const Event& event) {
    const auto id = std::to_string(event.id);
    std::string text = "id: " + id + "\nevent: " + event.type + "\ndata: ";
    encode(text, EventView{event.id, event.type, event.at, {event.data}}, TimeStyle::milliseconds);
    return text + "\n\n";
}

Events::Events(Timestamp start)
    : last_id_{start.time_since_epoch().count()}, forgotten_id_{last_id_} {}

void Events::publish(std::string_view type, Access access, Timestamp at, std::string data) {
    // A restart begins behind all ids of before, unless there were more than one a millisecond.
    last_id_ = std::max<std::int64_t>(last_id_ + 1, at.time_since_epoch().count());
    // No line of an event may end inside its data.
    std::erase_if(data, [](char c) { return c == '\n' || c == '\r'; });
    kept_.push_back({last_id_, std::string{type}, at, std::move(data), access});
    if (kept_.size() > kept_max) {
        forgotten_id_ = kept_.front().id;
        kept_.pop_front();
    }
    drop_ended();
    const auto text = to_text(kept_.back());
    for (const auto& listener : listeners_) {
        if (permits(listener.role, access)) listener.stream->send(text);
    }
}

bool Events::has_room() {
    drop_ended();
    return listeners_.size() < streams_max;
}

bool Events::may_listen(std::int64_t token, Role role) const {
    return !role_of_ || role_of_(token) == role;
}

void Events::judge_by(std::function<std::optional<Role>(std::int64_t token)> role_of) {
    role_of_ = std::move(role_of);
}

void Events::tokens_changed() {
    for (const auto& listener : listeners_) {
        if (!may_listen(listener.token, listener.role)) listener.stream->end();
    }
    drop_ended();
}

void Events::add(std::shared_ptr<net::EventStream> stream, std::int64_t token, Role role,
                 std::optional<std::int64_t> last_id, Timestamp now) {
    // Revoked between the request and its answer.
    if (!may_listen(token, role)) return stream->end();
    // Something to read at once: a client then knows that it is heard from here on.
    stream->send(": listening\n\n");
    if (last_id && *last_id < forgotten_id_) {
        const Missed missed{*last_id, forgotten_id_};
        stream->send(to_text({forgotten_id_, "missed", now, to_json(missed), Access::read}));
    }
    for (const auto& event : kept_) {
        if (last_id && event.id > *last_id && permits(role, event.access)) {
            stream->send(to_text(event));
        }
    }
    listeners_.push_back({std::move(stream), token, role});
}

void Events::drop_ended() {
    std::erase_if(listeners_,
                  [](const Listener& listener) { return listener.stream->has_ended(); });
}

void stream_events(const Call& call) {
    auto& events = call.on.events;
    std::optional<std::int64_t> last_id;
    if (const auto field = call.request.header("Last-Event-ID"); !field.empty()) {
        last_id = event_id(field);
        if (!last_id) {
            return call.respond(
                invalid({{Defect::bad_value, "/Last-Event-ID", "must be the id of an event"}}));
        }
    }
    if (!events.has_room()) {
        return call.respond(unavailable("Too many programs are listening to events already."));
    }
    net::HttpResponse response;
    response.content_type = "text/event-stream";
    response.headers = {{"Cache-Control", "no-store"}};
    response.stream = [&events, token = call.token, role = call.role, last_id,
                       now = call.on.now](std::shared_ptr<net::EventStream> stream) {
        events.add(std::move(stream), token, role, last_id, now().wall);
    };
    call.respond(std::move(response));
}

}  // namespace busbar::api
