// One OCPP-J conversation with a peer, without any I/O: text and time go in, text comes out.
//
// The same class serves a charger connection (we are the central system) and a connection to a
// central system (we are the charge point). It keeps the OCPP-J rule of one outstanding CALL per
// direction (4.1.1), matches answers to calls and times calls out. It owns no socket, timer or
// thread; one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/codec.hpp"
#include "ocpp/error.hpp"

namespace busbar::ocpp {

// Why a CALL of ours has no usable answer.
struct CallFailure {
    enum class Kind {
        timeout,         // no answer in time
        disconnected,    // the connection ended first
        refused,         // CALLERROR: see error_code and description, as the peer wrote them
        invalid_answer,  // an answer that its schema does not know
        superseded,      // a newer call with the same coalescing key took its place
        queue_full       // never sent: too many calls were before it, or for too long
    };
    Kind kind{};
    std::string error_code;
    std::string description;
    bool never_sent = false;  // whatever kept it from being answered, the peer knows nothing of it
};

// A CALL received from the peer. The owner answers it with Session::reply or Session::refuse.
struct IncomingCall {
    std::string id;
    std::string action;
    std::shared_ptr<const Json> payload;
    // The whole frame, mended if it was not right; valid until the next receive, and no longer than
    // receive's argument.
    std::string_view text;
};

// Something the peer did that the protocol does not know; counted per charge point.
struct Oddity {
    std::string kind;  // stable, for counting: "not_ocpp_j", "late_answer", ...
    std::string detail;
};

// A frame in either direction, as an observer sees it. The views end with the call.
struct Frame {
    enum class Direction { in, out };
    enum class Type { call, call_result, call_error, invalid };
    Direction direction{};
    Type type{};
    std::string_view action;   // of an answer: of the call it answers; "" if that is not known
    std::string_view id;       // "" if there is none
    std::string_view payload;  // verbatim; of a CALLERROR: all behind its id; invalid: all of it
    std::optional<Instant> call_at;  // of an answer: when its call was received or sent
    std::string_view violation;      // what is wrong with it or with the call it refuses; or ""
};
using FrameObserver = std::function<void(const Frame&)>;

// How a CALL queues and how long its answer may take (ruling R15).
struct CallOptions {
    enum class Priority { lowering, normal };
    Priority priority = Priority::normal;
    std::chrono::milliseconds timeout{30'000};
    // A call that could not be sent for so long is not sent any more. Lowerings wait as long as it
    // takes.
    std::optional<std::chrono::milliseconds> queue_timeout{};
    // A waiting call with the same key is dropped: only the newest limit of a connector matters.
    std::string coalescing_key;
};

class Session {
public:
    static constexpr std::size_t calls_max = 64;
    static constexpr std::size_t arrays_max = 100;  // in one text
    // Calls of the peer whose answers are kept, and for how long (ruling R7).
    static constexpr std::size_t answers_max = 20;
    static constexpr std::chrono::minutes answers_kept{10};
    // From the moment a lowering waits, the call it waits behind has this long.
    static constexpr std::chrono::milliseconds timeout_before_lowering{10'000};

    using RawAnswer = std::variant<CallFailure, const Json*>;
    template <class M>
    using Answer = std::variant<CallFailure, typename M::Response>;

    // `id_prefix` makes message ids unique over all connections of a charge point (4.1.4).
    explicit Session(std::string id_prefix = {}) : id_prefix_(std::move(id_prefix)) {}

    // Shows every frame to `observer` as it comes and goes, until on_disconnect. It must not call
    // the session.
    void observe(FrameObserver observer) { observer_ = std::move(observer); }

    // What the owner tolerates in the call of this id, or refuses it for: "" for nothing. The
    // observer sees the call with it now; one that nobody judges before it is answered or the next
    // text comes, without.
    void judged(std::string_view id, std::string_view deviations);

    // Text received from the peer. Returns the calls to answer, in their order: none or one, but
    // chargers exist that put several messages into one text. Text that cannot be parsed is mended
    // where that is safe; what is wrong with it is counted as an oddity, and answered only where a
    // message id could be read. A call that repeats one of this connection is answered as that one
    // was and not returned again (ruling R7).
    std::vector<IncomingCall> receive(Now now, std::string_view text);

    // Sends a CALL. `done` runs once, with the payload of the answer or why there is none. `late`
    // runs at most once, with an answer that comes after the time-out.
    void call(Now now, std::string_view action, std::string_view payload, CallOptions options,
              std::function<void(RawAnswer)> done, std::function<void(const Json&)> late = {});

    template <class M>
    void call(Now now, const typename M::Request& request, CallOptions options,
              std::function<void(Answer<M>)> done,
              std::function<void(const typename M::Response&)> late = {}) {
        std::function<void(const Json&)> take_late;
        if (late) {
            take_late = [late = std::move(late)](const Json& payload) {
                DecodeReport report;
                const auto response =
                    decode<typename M::Response>(payload, {.lenient = true}, report);
                if (response) late(*response);
            };
        }
        call(
            now, M::action, to_json(request), std::move(options),
            [done = std::move(done)](const RawAnswer& answer) {
                if (const auto* failure = std::get_if<CallFailure>(&answer)) return done(*failure);
                DecodeReport report;
                auto response = decode<typename M::Response>(*std::get<const Json*>(answer),
                                                             {.lenient = true}, report);
                if (response) return done(std::move(*response));
                done(CallFailure{
                    CallFailure::Kind::invalid_answer, {}, call_error(report).description});
            },
            std::move(take_late));
    }

    // No CALL leaves before this moment, lowerings aside: the peer would drop it.
    void hold_calls(Instant until) { hold_until_ = until; }

    // Whether an answer to no call that ever was is taken for the one that waits for its answer.
    void accept_answers_with_wrong_id(bool accept) { accepts_wrong_ids_ = accept; }

    template <class Response>
    void reply(std::string_view id, const Response& response) {
        std::string& text = output_.emplace_back();
        text.reserve(128);
        text += "[3,";
        append_json_string(text, id);
        text += ',';
        encode(text, response);
        text += ']';
        keep_answer(id);
        show_answer(id, Frame::Type::call_result, {});
    }
    void refuse(std::string_view id, const CallError& error);

    // Text to send to the peer, in order. The owner drains this after every step.
    std::vector<std::string> take_output() { return std::exchange(output_, {}); }
    bool has_output() const { return !output_.empty(); }

    // What the peer did wrong since the last call.
    std::vector<Oddity> take_oddities() { return std::exchange(oddities_, {}); }

    // When on_timer must be called next, if at all.
    std::optional<Instant> deadline() const;
    void on_timer(Now now);

    // The connection is gone: every call fails.
    void on_disconnect();

private:
    struct Outgoing {
        std::string id;
        std::string action;
        std::string frame;
        CallOptions options;
        std::function<void(RawAnswer)> done;
        std::function<void(const Json&)> late;
        Instant deadline;
        Instant sent_at;
        std::optional<Instant> send_by;
    };
    // A call of the peer that is not answered yet; kept only for the observer.
    struct Unanswered {
        std::string id;
        std::string action;
        Instant received_at;
        struct Unseen {
            std::string payload;
            std::string violation;
        };
        std::optional<Unseen> unseen;  // present until the observer has seen the call
    };

    // A call of ours that was given up.
    struct TimedOut {
        std::string id;
        std::string action;
        std::function<void(const Json&)> late;
        Instant at;
    };
    // A call of the peer, for the case that it comes again.
    struct Handled {
        std::string id;
        std::size_t size = 0;  // of its text
        std::size_t hash = 0;
        Instant received_at;
        std::optional<std::string> answer;  // absent: not answered yet
        bool is_id_reused = false;          // for another call: the id says nothing
    };
    using Calls = std::vector<IncomingCall>;

    void receive_mended(Now now, std::string_view text, Calls& calls);
    void receive_frame(Now now, Json& frame, std::string_view text, std::string_view violation,
                       Calls& calls);
    void receive_unfinished(Now now, std::string_view text, Calls& calls);
    void receive_call(Now now, std::string id, Json& frame, std::string_view text,
                      std::string_view violation, Calls& calls);
    bool answer_again(Now now, const IncomingCall& call);
    void keep_answer(std::string_view id);
    void receive_late_answer(Now now, TimedOut call, const Json& frame, bool is_error);
    bool was_given(std::string_view id) const;
    void receive_answer(Now now, const std::string& id, const Json& frame, bool is_error,
                        std::string_view text, std::string_view violation);
    void enqueue(Outgoing call);
    void send_next(Now now);
    void send_first(Now now);
    // The last words of calls that have waited too long and are not waiting any more.
    std::vector<std::function<void()>> take_overdue(Now now);
    void settle_outstanding(Now now, const RawAnswer& answer);
    void note(std::string kind, std::string detail);
    // Notes an oddity that makes the text no frame at all.
    void reject(std::string_view text, std::string_view id, std::string kind, std::string detail);
    void keep_unseen(Now now, const IncomingCall& call, std::string_view violation);
    void show_call(Unanswered& call);
    void show_unseen();
    void show_unseen(std::string_view id);
    void show_call_sent();
    void show_answer(std::string_view id, Frame::Type type, std::string_view violation);

    std::string id_prefix_;
    std::uint32_t next_id_ = 1;
    std::optional<Outgoing> outstanding_;
    std::deque<Outgoing> waiting_;
    std::vector<std::string> output_;
    std::vector<Oddity> oddities_;
    FrameObserver observer_;
    std::vector<Unanswered> unanswered_;  // the oldest first
    std::deque<Handled> handled_;         // the newest at the back
    std::deque<TimedOut> timed_out_;      // the newest at the back
    std::string mended_;                  // what calls that were received last view
    Instant hold_until_{};
    bool accepts_wrong_ids_ = false;
};

}  // namespace busbar::ocpp
