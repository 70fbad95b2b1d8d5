#include "ocpp/session.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace busbar::ocpp {
namespace {

constexpr std::size_t oddities_max = 64;
constexpr std::size_t detail_size_max = 200;

// Ids are strings; chargers exist that send numbers or null (OCPP-J 1.6, 4.1.4 asks for text).
std::optional<std::string> message_id(const Json& id) {
    if (id.is_string()) return id.get<std::string>();
    if (id.is_number_integer()) return id.dump();
    return std::nullopt;
}

std::string text_at(const Json& frame, std::size_t index) {
    if (index >= frame.size() || !frame[index].is_string()) return {};
    return frame[index].get<std::string>();
}

}  // namespace

void Session::note(std::string kind, std::string detail) {
    if (oddities_.size() == oddities_max) return;
    if (detail.size() > detail_size_max) detail.resize(detail_size_max);
    oddities_.push_back({std::move(kind), std::move(detail)});
}

std::optional<IncomingCall> Session::receive(Now now, std::string_view text) {
    // Keep-alives of small stacks: nothing to count.
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::nullopt;
    if (json_depth(text) > json_depth_max) {
        note("nested_too_deeply", std::string{text.substr(0, detail_size_max)});
        return std::nullopt;
    }
    Json frame = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!frame.is_array() || frame.size() < 2 || !frame[0].is_number_integer()) {
        note("not_ocpp_j", std::string{text.substr(0, detail_size_max)});
        return std::nullopt;  // ruling R2: nobody can be answered; the connection stays
    }
    auto id = message_id(frame[1]);
    if (!id) {
        note("no_message_id", std::string{text.substr(0, detail_size_max)});
        return std::nullopt;
    }
    if (!frame[1].is_string()) note("message_id_not_text", *id);
    switch (frame[0].get<std::int64_t>()) {
        case 2:
            return receive_call(std::move(*id), frame, text);
        case 3:
            receive_answer(now, *id, frame, false);
            return std::nullopt;
        case 4:
            receive_answer(now, *id, frame, true);
            return std::nullopt;
        default:
            note("unknown_message_type", frame[0].dump());
            return std::nullopt;
    }
}

std::optional<IncomingCall> Session::receive_call(std::string id, Json& frame,
                                                  std::string_view text) {
    if (frame.size() < 3 || frame.size() > 4 || !frame[2].is_string()) {
        note("malformed_call", std::string{text.substr(0, detail_size_max)});
        refuse(id, {ErrorCode::FormationViolation, "a CALL is [2, id, action, payload]"});
        return std::nullopt;
    }
    if (frame.size() == 3) note("payload_missing", frame[2].get<std::string>());
    Json payload = frame.size() == 4 ? std::move(frame[3]) : Json::object();
    if (payload.is_null()) payload = Json::object();
    return IncomingCall{std::move(id), frame[2].get<std::string>(),
                        std::make_shared<const Json>(std::move(payload)), text};
}

void Session::receive_answer(Now now, const std::string& id, const Json& frame, bool is_error) {
    if (!outstanding_ || outstanding_->id != id) {
        note("late_or_unknown_answer", id);
        return;
    }
    if (is_error) {
        if (frame.size() < 5 || !frame[4].is_object()) note("malformed_call_error", id);
        settle_outstanding(
            now, CallFailure{CallFailure::Kind::refused, text_at(frame, 2), text_at(frame, 3)});
        return;
    }
    static const Json nothing = Json::object();
    settle_outstanding(now, frame.size() > 2 ? &frame[2] : &nothing);
}

void Session::refuse(std::string_view id, const CallError& error) {
    constexpr std::size_t description_size_max = 255;  // OCPP-J 1.6, 4.2.3
    std::string& text = output_.emplace_back("[4,");
    append_json_string(text, id);
    text += ',';
    encode(text, error.code);
    text += ',';
    append_json_string(text, std::string_view{error.description}.substr(0, description_size_max));
    text += ",{}]";
}

void Session::call(Now now, std::string_view action, std::string_view payload, CallOptions options,
                   std::function<void(RawAnswer)> done) {
    std::string id = id_prefix_ + std::to_string(next_id_++);
    std::string frame = "[2,\"" + id + "\",\"";
    frame.append(action).append("\",").append(payload).append("]");
    if (options.priority == CallOptions::Priority::lowering && outstanding_) {
        outstanding_->deadline =
            std::min(outstanding_->deadline, now.mono + timeout_before_lowering);
    }
    enqueue({std::move(id), std::move(frame), std::move(options), std::move(done), {}});
    send_next(now);
    if (waiting_.size() <= calls_max) return;
    // The last in line goes: never a lowering while there is anything else.
    const auto dropped = std::move(waiting_.back().done);
    waiting_.pop_back();
    dropped(CallFailure{CallFailure::Kind::queue_full, {}, "too many calls are waiting"});
}

// A newer call with the same key takes the place of the waiting one; lowerings stand before others.
void Session::enqueue(Outgoing call) {
    std::function<void(RawAnswer)> superseded;
    if (!call.options.coalescing_key.empty()) {
        const auto same = std::find_if(waiting_.begin(), waiting_.end(), [&](const Outgoing& w) {
            return w.options.coalescing_key == call.options.coalescing_key;
        });
        if (same != waiting_.end()) {
            superseded = std::move(same->done);
            waiting_.erase(same);
        }
    }
    const auto place = std::find_if(waiting_.begin(), waiting_.end(), [&](const Outgoing& w) {
        return call.options.priority < w.options.priority;
    });
    waiting_.insert(place, std::move(call));
    if (superseded) {
        superseded(CallFailure{CallFailure::Kind::superseded, {}, "replaced by a newer call"});
    }
}

void Session::send_next(Now now) {
    if (outstanding_ || waiting_.empty()) return;
    outstanding_ = std::move(waiting_.front());
    waiting_.pop_front();
    outstanding_->deadline = now.mono + outstanding_->options.timeout;
    const bool lowering_waits =
        !waiting_.empty() && waiting_.front().options.priority == CallOptions::Priority::lowering;
    if (lowering_waits) {
        outstanding_->deadline =
            std::min(outstanding_->deadline, now.mono + timeout_before_lowering);
    }
    output_.push_back(std::move(outstanding_->frame));
}

// The continuation may start another call, so it runs only once the queue is consistent again.
void Session::settle_outstanding(Now now, const RawAnswer& answer) {
    const auto done = std::move(outstanding_->done);
    outstanding_.reset();
    send_next(now);
    done(answer);
}

std::optional<Instant> Session::deadline() const {
    if (!outstanding_) return std::nullopt;
    return outstanding_->deadline;
}

void Session::on_timer(Now now) {
    while (outstanding_ && outstanding_->deadline <= now.mono) {
        settle_outstanding(now, CallFailure{CallFailure::Kind::timeout, {}, "no answer in time"});
    }
}

void Session::on_disconnect() {
    std::deque<Outgoing> calls = std::exchange(waiting_, {});
    if (outstanding_) calls.push_front(std::move(*outstanding_));
    outstanding_.reset();
    output_.clear();
    for (auto& call : calls) {
        call.done(CallFailure{CallFailure::Kind::disconnected, {}, "the connection ended"});
    }
}

}  // namespace busbar::ocpp
