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
        queue_full       // calls_max calls were waiting already
    };
    Kind kind{};
    std::string error_code;
    std::string description;
};

// A CALL received from the peer. The owner answers it with Session::reply or Session::refuse.
struct IncomingCall {
    std::string id;
    std::string action;
    std::shared_ptr<const Json> payload;
    std::string_view text;  // the whole frame; valid until receive's argument is gone
};

// Something the peer did that the protocol does not know; counted per charge point.
struct Oddity {
    std::string kind;  // stable, for counting: "not_json", "late_answer", ...
    std::string detail;
};

// How a CALL queues and how long its answer may take (ruling R15).
struct CallOptions {
    enum class Priority { lowering, normal };
    Priority priority = Priority::normal;
    std::chrono::milliseconds timeout{30'000};
    // A waiting call with the same key is dropped: only the newest limit of a connector matters.
    std::string coalescing_key;
};

class Session {
public:
    static constexpr std::size_t calls_max = 64;
    // From the moment a lowering waits, the call it waits behind has this long.
    static constexpr std::chrono::milliseconds timeout_before_lowering{10'000};

    using RawAnswer = std::variant<CallFailure, const Json*>;
    template <class M>
    using Answer = std::variant<CallFailure, typename M::Response>;

    // `id_prefix` makes message ids unique over all connections of a charge point (4.1.4).
    explicit Session(std::string id_prefix = {}) : id_prefix_(std::move(id_prefix)) {}

    // Text received from the peer. Returns the call to answer, if the text is one. Text that is
    // not OCPP-J is counted as an oddity and answered only where a message id could be read.
    std::optional<IncomingCall> receive(Now now, std::string_view text);

    // Sends a CALL. `done` runs once, with the payload of the answer or why there is none.
    void call(Now now, std::string_view action, std::string_view payload, CallOptions options,
              std::function<void(RawAnswer)> done);

    template <class M>
    void call(Now now, const typename M::Request& request, CallOptions options,
              std::function<void(Answer<M>)> done) {
        call(now, M::action, to_json(request), std::move(options),
             [done = std::move(done)](const RawAnswer& answer) {
                 if (const auto* failure = std::get_if<CallFailure>(&answer)) return done(*failure);
                 DecodeReport report;
                 auto response = decode<typename M::Response>(*std::get<const Json*>(answer),
                                                              {.lenient = true}, report);
                 if (response) return done(std::move(*response));
                 done(CallFailure{
                     CallFailure::Kind::invalid_answer, {}, call_error(report).description});
             });
    }

    template <class Response>
    void reply(std::string_view id, const Response& response) {
        std::string& text = output_.emplace_back();
        text.reserve(128);
        text += "[3,";
        append_json_string(text, id);
        text += ',';
        encode(text, response);
        text += ']';
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
        std::string frame;
        CallOptions options;
        std::function<void(RawAnswer)> done;
        Instant deadline;
    };

    std::optional<IncomingCall> receive_call(std::string id, Json& frame, std::string_view text);
    void receive_answer(Now now, const std::string& id, const Json& frame, bool is_error);
    void enqueue(Outgoing call);
    void send_next(Now now);
    void settle_outstanding(Now now, const RawAnswer& answer);
    void note(std::string kind, std::string detail);

    std::string id_prefix_;
    std::uint32_t next_id_ = 1;
    std::optional<Outgoing> outstanding_;
    std::deque<Outgoing> waiting_;
    std::vector<std::string> output_;
    std::vector<Oddity> oddities_;
};

}  // namespace busbar::ocpp
