#include "ocpp/session.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "ocpp/repair.hpp"

namespace busbar::ocpp {
namespace {

constexpr std::size_t oddities_max = 64;
constexpr std::size_t detail_size_max = 200;
constexpr std::size_t unanswered_max = 64;

// What these ask for is true of the moment: a repeat is answered anew, which changes nothing.
constexpr std::array<std::string_view, 3> asking_for_the_moment{"Heartbeat", "BootNotification",
                                                                "Authorize"};

// A charger repeats these until they are answered, and sends nothing else meanwhile.
constexpr std::array<std::string_view, 3> carrying_money{"StartTransaction", "StopTransaction",
                                                         "MeterValues"};

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

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// What a frame's text holds behind its first members, which are numbers and strings.
std::string_view behind_members(std::string_view text, int members) {
    text = text.substr(0, text.find_last_of(']'));
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (in_string && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && text[i] == ',' && --members == 0) {
            return trimmed(text.substr(i + 1));
        }
    }
    return {};
}

}  // namespace

void Session::note(std::string kind, std::string detail) {
    if (oddities_.size() == oddities_max) return;
    if (detail.size() > detail_size_max) detail.resize(detail_size_max);
    oddities_.push_back({std::move(kind), std::move(detail)});
}

void Session::reject(std::string_view text, std::string_view id, std::string kind,
                     std::string detail) {
    if (observer_) {
        observer_({.direction = Frame::Direction::in,
                   .type = Frame::Type::invalid,
                   .action = {},
                   .id = id,
                   .payload = text,
                   .call_at = {},
                   .violation = kind});
    }
    note(std::move(kind), std::move(detail));
}

// The observer sees a call once it is known what is wrong with it.
void Session::keep_unseen(Now now, const IncomingCall& call, std::string_view violation) {
    if (!observer_) return;
    if (unanswered_.size() == unanswered_max) {
        show_call(unanswered_.front());
        unanswered_.erase(unanswered_.begin());
    }
    unanswered_.push_back(
        {call.id, call.action, now.mono,
         Unanswered::Unseen{std::string{behind_members(call.text, 3)}, std::string{violation}}});
}

void Session::show_call(Unanswered& call) {
    if (!observer_ || !call.unseen) return;
    const auto unseen = std::exchange(call.unseen, std::nullopt);
    observer_({.direction = Frame::Direction::in,
               .type = Frame::Type::call,
               .action = call.action,
               .id = call.id,
               .payload = unseen->payload,
               .call_at = {},
               .violation = unseen->violation});
}

void Session::show_unseen() {
    for (auto& call : unanswered_) show_call(call);
}

void Session::show_unseen(std::string_view id) {
    for (auto& call : unanswered_) {
        if (call.id == id) show_call(call);
    }
}

void Session::judged(std::string_view id, std::string_view deviations) {
    const auto call = std::find_if(unanswered_.begin(), unanswered_.end(),
                                   [&](const Unanswered& u) { return u.id == id && u.unseen; });
    if (call == unanswered_.end()) return;
    auto& violation = call->unseen->violation;
    if (!violation.empty() && !deviations.empty()) violation += ", ";
    violation += deviations;
    show_call(*call);
}

void Session::show_call_sent() {
    if (!observer_) return;
    observer_({.direction = Frame::Direction::out,
               .type = Frame::Type::call,
               .action = outstanding_->action,
               .id = outstanding_->id,
               .payload = behind_members(output_.back(), 3),
               .call_at = {},
               .violation = {}});
}

// Shows the answer that was written last.
void Session::show_answer(std::string_view id, Frame::Type type, std::string_view violation) {
    if (!observer_) return;
    show_unseen(id);
    const auto call = std::find_if(unanswered_.begin(), unanswered_.end(),
                                   [&](const Unanswered& u) { return u.id == id; });
    const bool known = call != unanswered_.end();
    observer_({.direction = Frame::Direction::out,
               .type = type,
               .action = known ? std::string_view{call->action} : std::string_view{},
               .id = id,
               .payload = behind_members(output_.back(), 2),
               .call_at = known ? std::optional{call->received_at} : std::nullopt,
               .violation = violation});
    if (known) unanswered_.erase(call);
}

std::vector<IncomingCall> Session::receive(Now now, std::string_view text) {
    Calls calls;
    show_unseen();
    // Keep-alives of small stacks: nothing to count.
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return calls;
    if (json_depth(text) > json_depth_max) {
        reject(text, {}, "nested_too_deeply", std::string{text.substr(0, detail_size_max)});
        return calls;
    }
    // The parser takes these two, but ends with the NUL byte whatever follows it.
    const bool is_clean = !text.starts_with("\xEF\xBB\xBF") && text.find('\0') == text.npos;
    if (is_clean) {
        Json frame = Json::parse(text, nullptr, /*allow_exceptions=*/false);
        if (!frame.is_discarded()) {
            receive_frame(now, frame, text, {}, calls);
            return calls;
        }
    }
    receive_mended(now, text, calls);
    return calls;
}

void Session::receive_mended(Now now, std::string_view text, Calls& calls) {
    auto mended = mend(text, arrays_max);
    mended_ = std::move(mended.text);
    auto& unfinished = mended.unfinished;
    if (mended.arrays.empty() && !unfinished) {
        // Ruling R2: nobody can be answered; the connection stays.
        return reject(text, {}, "not_ocpp_j", std::string{text.substr(0, detail_size_max)});
    }
    for (const auto kind : mended.kinds) {
        note(std::string{kind}, std::string{text.substr(0, detail_size_max)});
    }
    const auto violation = mended.kinds.empty() ? std::string_view{} : mended.kinds.front();
    if (unfinished) {
        const auto brackets =
            missing_brackets(std::string_view{mended_}.substr(unfinished->offset));
        mended_ += brackets.value_or("");
    }
    const std::string_view all = mended_;
    for (const auto& part : mended.arrays) {
        const auto array = all.substr(part.offset, part.size);
        Json frame = Json::parse(array, nullptr, /*allow_exceptions=*/false);
        const bool is_deep = json_depth(array) > json_depth_max;
        if (frame.is_discarded() || is_deep) {
            reject(array, {}, is_deep ? "nested_too_deeply" : "not_ocpp_j",
                   std::string{array.substr(0, detail_size_max)});
        } else {
            receive_frame(now, frame, array, violation, calls);
        }
    }
    if (unfinished) receive_unfinished(now, all.substr(unfinished->offset), calls);
}

// The end of an array is missing. An answer, or a call that carries money, is taken if nothing but
// brackets was; what else is asked of us must be all there.
void Session::receive_unfinished(Now now, std::string_view text, Calls& calls) {
    const auto is_answer = [](const Json& frame) {
        return frame.is_array() && frame.size() >= 2 && frame[0] == 3;
    };
    const auto carries_money = [](const Json& frame) {
        return frame.is_array() && frame.size() == 4 && frame[0] == 2 && frame[2].is_string() &&
               frame[3].is_object() &&
               std::any_of(carrying_money.begin(), carrying_money.end(), [&](auto action) {
                   return equal_ignoring_case(action, frame[2].get<std::string>());
               });
    };
    Json frame = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    const bool is_whole = (is_answer(frame) && frame.size() == 3) || carries_money(frame);
    if (is_whole && json_depth(text) <= json_depth_max) {
        note("missing_brackets", std::string{text.substr(0, detail_size_max)});
        return receive_frame(now, frame, text, "missing_brackets", calls);
    }
    reject(text, {}, "not_ocpp_j", std::string{text.substr(0, detail_size_max)});
    const auto rest = behind_members(text, 2);
    if (rest.empty()) return;
    auto head = text.substr(0, static_cast<std::size_t>(rest.data() - text.data()));
    head = head.substr(0, head.find_last_of(','));
    frame = Json::parse(std::string{head} + "]", nullptr, /*allow_exceptions=*/false);
    const auto id = is_answer(frame) ? message_id(frame[1]) : std::nullopt;
    if (!id || !outstanding_ || outstanding_->id != *id) return;
    settle_outstanding(
        now,
        CallFailure{CallFailure::Kind::invalid_answer, {}, "the end of the answer is missing"});
}

void Session::receive_frame(Now now, Json& frame, std::string_view text, std::string_view violation,
                            Calls& calls) {
    if (!frame.is_array() || frame.size() < 2 || !frame[0].is_number_integer()) {
        return reject(text, {}, "not_ocpp_j", std::string{text.substr(0, detail_size_max)});
    }
    auto id = message_id(frame[1]);
    if (!id) {
        return reject(text, {}, "no_message_id", std::string{text.substr(0, detail_size_max)});
    }
    if (!frame[1].is_string()) note("message_id_not_text", *id);
    switch (frame[0].get<std::int64_t>()) {
        case 2:
            return receive_call(now, std::move(*id), frame, text, violation, calls);
        case 3:
            return receive_answer(now, *id, frame, false, text, violation);
        case 4:
            return receive_answer(now, *id, frame, true, text, violation);
        default:
            return reject(text, *id, "unknown_message_type", frame[0].dump());
    }
}

void Session::receive_call(Now now, std::string id, Json& frame, std::string_view text,
                           std::string_view violation, Calls& calls) {
    if (frame.size() < 3 || frame.size() > 4 || !frame[2].is_string()) {
        reject(text, id, "malformed_call", std::string{text.substr(0, detail_size_max)});
        return refuse(id, {ErrorCode::FormationViolation, "a CALL is [2, id, action, payload]"});
    }
    const bool has_payload = frame.size() == 4;
    if (!has_payload) note("payload_missing", frame[2].get<std::string>());
    Json payload = has_payload ? std::move(frame[3]) : Json::object();
    if (payload.is_null()) payload = Json::object();
    IncomingCall call{std::move(id), frame[2].get<std::string>(),
                      std::make_shared<const Json>(std::move(payload)), text};
    keep_unseen(now, call,
                !has_payload            ? "payload_missing"
                : !frame[1].is_string() ? "message_id_not_text"
                                        : violation);
    if (answer_again(now, call)) return show_unseen(call.id);
    calls.push_back(std::move(call));
}

// True if the call is one that was received before. It is the same if every byte is, and if its id
// was given to no other call meanwhile: some chargers have one id for everything.
bool Session::answer_again(Now now, const IncomingCall& call) {
    const bool is_of_the_moment =
        std::any_of(asking_for_the_moment.begin(), asking_for_the_moment.end(),
                    [&](auto action) { return equal_ignoring_case(action, call.action); });
    const auto known = std::find_if(handled_.begin(), handled_.end(),
                                    [&](const Handled& h) { return h.id == call.id; });
    if (is_of_the_moment) {
        if (known != handled_.end()) known->is_id_reused = true;
        return false;
    }
    Handled fresh{call.id, call.text.size(), std::hash<std::string_view>{}(call.text), now.mono, {},
                  false};
    if (known != handled_.end()) {
        const bool is_same = known->size == fresh.size && known->hash == fresh.hash;
        const bool is_kept = now.mono < known->received_at + answers_kept;
        if (is_same && is_kept && !known->is_id_reused) {
            note("repeated_call", call.action + " " + call.id);
            // One that is still being worked on is answered once, by that.
            if (!known->answer) return true;
            output_.push_back(*known->answer);
            show_answer(call.id, Frame::Type::call_result, {});
            return true;
        }
        fresh.is_id_reused = known->is_id_reused || !is_same;
        handled_.erase(known);
    } else if (handled_.size() == answers_max) {
        handled_.pop_front();
    }
    handled_.push_back(std::move(fresh));
    return false;
}

// Keeps the answer that was written last.
void Session::keep_answer(std::string_view id) {
    const auto call = std::find_if(handled_.rbegin(), handled_.rend(),
                                   [&](const Handled& h) { return h.id == id; });
    if (call != handled_.rend() && !call->is_id_reused) call->answer = output_.back();
}

// True for ids of ours on this connection, answered or not.
bool Session::was_given(std::string_view id) const {
    if (!id.starts_with(id_prefix_)) return false;
    id.remove_prefix(id_prefix_.size());
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    return error == std::errc{} && end == id.data() + id.size() && number < next_id_;
}

void Session::receive_late_answer(Now now, TimedOut call, const Json& frame, bool is_error) {
    const auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(now.mono - call.at);
    note("late_answer",
         call.action + " was answered " + std::to_string(delay.count()) + " ms after the time-out");
    if (!is_error && call.late && frame.size() > 2) call.late(frame[2]);
}

void Session::receive_answer(Now now, const std::string& id, const Json& frame, bool is_error,
                             std::string_view text, std::string_view violation) {
    const auto late = std::find_if(timed_out_.begin(), timed_out_.end(),
                                   [&](const TimedOut& call) { return call.id == id; });
    const bool is_late = late != timed_out_.end();
    const bool right = outstanding_ && outstanding_->id == id;
    const bool guessed = accepts_wrong_ids_ && outstanding_ && !right && !was_given(id);
    const bool expected = right || guessed;
    const bool malformed = is_error && (frame.size() < 5 || !frame[4].is_object());
    if (observer_) {
        observer_({.direction = Frame::Direction::in,
                   .type = is_error ? Frame::Type::call_error : Frame::Type::call_result,
                   .action = expected  ? std::string_view{outstanding_->action}
                             : is_late ? std::string_view{late->action}
                                       : std::string_view{},
                   .id = id,
                   .payload = behind_members(text, 2),
                   .call_at = expected ? std::optional{outstanding_->sent_at} : std::nullopt,
                   .violation = is_late     ? "late_answer"
                                : guessed   ? "answer_with_wrong_id"
                                : !expected ? "late_or_unknown_answer"
                                : malformed ? "malformed_call_error"
                                            : violation});
    }
    if (is_late) {
        auto call = std::move(*late);
        timed_out_.erase(late);
        return receive_late_answer(now, std::move(call), frame, is_error);
    }
    if (!expected) return note("late_or_unknown_answer", id);
    if (guessed) note("answer_with_wrong_id", id);
    if (is_error) {
        if (malformed) note("malformed_call_error", id);
        return settle_outstanding(
            now, CallFailure{CallFailure::Kind::refused, text_at(frame, 2), text_at(frame, 3)});
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
    // What was refused may be taken another time.
    std::erase_if(handled_, [&](const Handled& h) { return h.id == id && !h.is_id_reused; });
    show_answer(id, Frame::Type::call_error, error.description);
}

}  // namespace busbar::ocpp
