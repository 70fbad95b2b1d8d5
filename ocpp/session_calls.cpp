// The calls of a session: their queue, their time-outs and their ends.
#include <algorithm>

#include "ocpp/session.hpp"

namespace busbar::ocpp {
namespace {

constexpr std::size_t timed_out_max = 16;

}  // namespace

void Session::call(Now now, std::string_view action, std::string_view payload, CallOptions options,
                   std::function<void(RawAnswer)> done, std::function<void(const Json&)> late) {
    std::string id = id_prefix_ + std::to_string(next_id_++);
    std::string frame = "[2,\"" + id + "\",\"";
    frame.append(action).append("\",").append(payload).append("]");
    const bool is_lowering = options.priority == CallOptions::Priority::lowering;
    if (is_lowering && outstanding_) {
        outstanding_->deadline =
            std::min(outstanding_->deadline, now.mono + timeout_before_lowering);
    }
    std::optional<Instant> send_by;
    if (options.queue_timeout && !is_lowering) send_by = now.mono + *options.queue_timeout;
    enqueue({std::move(id),
             std::string{action},
             std::move(frame),
             std::move(options),
             std::move(done),
             std::move(late),
             {},
             {},
             send_by});
    send_next(now);
    if (waiting_.size() <= calls_max) return;
    // The last in line goes: never a lowering while there is anything else.
    const auto dropped = std::move(waiting_.back().done);
    waiting_.pop_back();
    dropped(CallFailure{
        CallFailure::Kind::queue_full,
        {},
        "the charge point is still busy with " + std::to_string(calls_max) + " other calls",
        true});
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
        superseded(
            CallFailure{CallFailure::Kind::superseded, {}, "replaced by a newer call", true});
    }
}

// What each of them waited for are the calls before it that wait on, or had to be waited for until
// now.
std::vector<std::function<void()>> Session::take_overdue(Now now) {
    std::vector<std::function<void()>> out;
    std::size_t before = outstanding_ ? 1 : 0;
    for (auto call = waiting_.begin(); call != waiting_.end();) {
        if (!call->send_by || now.mono < *call->send_by) {
            ++before;
            ++call;
            continue;
        }
        auto reason = before == 0
                          ? std::string{"the charge point may not be called yet"}
                          : "the charge point is still busy with " + std::to_string(before) +
                                (before == 1 ? " earlier call" : " earlier calls");
        out.push_back([done = std::move(call->done), reason = std::move(reason)] {
            done(CallFailure{CallFailure::Kind::queue_full, {}, reason, true});
        });
        call = waiting_.erase(call);
    }
    return out;
}

// The continuations may start other calls, so they run only once the queue is consistent again.
void Session::send_next(Now now) {
    const auto overdue = take_overdue(now);
    send_first(now);
    for (const auto& tell : overdue) tell();
}

void Session::send_first(Now now) {
    if (outstanding_ || waiting_.empty()) return;
    const bool is_lowering = waiting_.front().options.priority == CallOptions::Priority::lowering;
    if (now.mono < hold_until_ && !is_lowering) return;
    outstanding_ = std::move(waiting_.front());
    waiting_.pop_front();
    outstanding_->deadline = now.mono + outstanding_->options.timeout;
    const bool lowering_waits =
        !waiting_.empty() && waiting_.front().options.priority == CallOptions::Priority::lowering;
    if (lowering_waits) {
        outstanding_->deadline =
            std::min(outstanding_->deadline, now.mono + timeout_before_lowering);
    }
    outstanding_->sent_at = now.mono;
    output_.push_back(std::move(outstanding_->frame));
    show_call_sent();
}

void Session::settle_outstanding(Now now, const RawAnswer& answer) {
    const auto done = std::move(outstanding_->done);
    const auto overdue = take_overdue(now);
    outstanding_.reset();
    send_first(now);
    for (const auto& tell : overdue) tell();
    done(answer);
}

std::optional<Instant> Session::deadline() const {
    std::optional<Instant> at;
    if (outstanding_) {
        at = outstanding_->deadline;
    } else if (!waiting_.empty()) {
        at = hold_until_;
    }
    for (const auto& call : waiting_) {
        if (call.send_by) at = std::min(*at, *call.send_by);
    }
    return at;
}

void Session::on_timer(Now now) {
    while (outstanding_ && outstanding_->deadline <= now.mono) {
        if (timed_out_.size() == timed_out_max) timed_out_.pop_front();
        timed_out_.push_back(
            {outstanding_->id, outstanding_->action, std::move(outstanding_->late), now.mono});
        settle_outstanding(now, CallFailure{CallFailure::Kind::timeout, {}, "no answer in time"});
    }
    send_next(now);
}

void Session::on_disconnect() {
    show_unseen();
    observer_ = nullptr;
    const std::deque<Outgoing> calls = std::exchange(waiting_, {});
    const auto asked = std::exchange(outstanding_, std::nullopt);
    output_.clear();
    handled_.clear();
    timed_out_.clear();
    using enum CallFailure::Kind;
    if (asked) asked->done(CallFailure{disconnected, {}, "the connection ended"});
    for (const auto& call : calls) {
        call.done(CallFailure{disconnected, {}, "the connection ended", true});
    }
}

}  // namespace busbar::ocpp
