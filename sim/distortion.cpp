// Frames: message ids, order, number and shape. The payloads are in sim/distortion_rules.cpp.
#include "sim/distortion.hpp"

#include "base/text.hpp"
#include "sim/frame_text.hpp"

namespace busbar::sim {
namespace {

constexpr std::size_t ids_max = 8;
constexpr std::size_t asked_max = 64;
constexpr std::size_t repeated_max = 200;
constexpr std::string_view extra_prefix = "extra-";

std::string pretty(std::string_view text) {
    std::string out;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        out += c;
        if (in_string && c == '\\' && i + 1 < text.size()) {
            out += text[++i];
        } else if (c == '"') {
            in_string = !in_string;
        } else if (!in_string && (c == ',' || c == '{' || c == '[')) {
            out += "\r\n  ";
        }
    }
    return out;
}

std::string frame(std::string_view type, std::string_view id,
                  std::initializer_list<std::string_view> rest) {
    std::string text = "[";
    text.append(type).append(",").append(id);
    for (const auto part : rest) text.append(",").append(part);
    return text + "]";
}

// Some of what goes for a CALLERROR.
std::string malformed_call_error(std::string_view id, int number) {
    switch (number % 4) {
        case 0:
            return frame("4", id, {});
        case 1:
            return frame("4", id, {"\"NotSupported\"", "\"\"", "\"\""});
        case 2:
            return frame("4", id, {"\"FormatViolation\"", "\"cannot do that\""});
        default:
            return frame("4", id, {"\"OccurrenceConstraintViolation\""});
    }
}

}  // namespace

struct Distortion::Message {
    std::string type;  // "2", "3", "4"; empty: not a message
    std::string id;    // as written
    std::string action;
    std::string payload;
    std::string text;
};

Distortion::Distortion(const Misbehaviour& misbehaviour, int connectors)
    : misbehaviour_(misbehaviour), active_(misbehaviour != Misbehaviour{}) {
    memory_.connectors = connectors;
}

Distortion::Message Distortion::parse(std::string_view text) {
    Message message;
    message.text = text;
    const auto elements = array_elements(text);
    if (elements.size() < 3) return message;
    message.type = elements[0];
    message.id = elements[1];
    if (message.type == "2") {
        message.action = unquoted(elements[2]);
        message.payload = elements.size() > 3 ? elements[3] : std::string_view{"{}"};
    } else {
        message.payload = elements[2];
    }
    return message;
}

void Distortion::connected() {
    if (misbehaviour_.message_id_restarts) ids_given_ = 0;
    ids_.clear();
    asked_.clear();
}

std::string Distortion::wire_id(const Message& message) {
    const auto& m = misbehaviour_;
    std::string id = message.id;
    const std::string number = std::to_string(++ids_given_);
    if (m.message_id_number) id = number;
    if (m.message_id_restarts) id = quoted(number);
    if (m.message_id_constant) id = quoted("1");
    if (m.message_id_empty) id = quoted("");
    if (m.message_id_long) id = quoted(std::string(64 - number.size(), 'x') + number);
    if (m.heartbeat_id_null && message.action == "Heartbeat") id = "null";
    const bool kept = message.action == "StartTransaction" || message.action == "StopTransaction" ||
                      message.action == "MeterValues";
    if (m.retry_same_message_id && kept) {
        if (repeated_.size() > repeated_max) repeated_.clear();
        id = repeated_.try_emplace(message.action + message.payload, id).first->second;
    }
    ids_.emplace_back(id, message.id);
    if (ids_.size() > ids_max) ids_.pop_front();
    return id;
}

std::string Distortion::extra_call(std::string_view action, std::string_view payload) {
    const std::string id = quoted(std::string{extra_prefix} + std::to_string(++extras_));
    return frame("2", id, {quoted(action), payload});
}

void Distortion::add_extras(const Message& message, std::vector<std::string>& out) {
    for (const auto& [action, payload] :
         calls_that_follow(misbehaviour_, message.action, message.payload, memory_)) {
        out.push_back(framed(extra_call(action, payload)));
    }
    if (misbehaviour_.concurrent_calls) out.push_back(framed(extra_call("Heartbeat", "{}")));
    if (misbehaviour_.unknown_message_type) {
        out.push_back(framed(frame("1", quoted("x"), {quoted("Heartbeat"), "{}"})));
    }
    if (misbehaviour_.pong_as_text) out.emplace_back("pong");
    if (misbehaviour_.keep_alive_texts) {
        out.emplace_back();
        out.emplace_back(" \r\n");
    }
}

void Distortion::distort_call(Message message, std::vector<std::string>& out) {
    ++memory_.calls;
    message.payload =
        distort_payload(misbehaviour_, message.action, false, std::move(message.payload), memory_);
    const std::string id = wire_id(message);
    const bool heartbeat = message.action == "Heartbeat";
    std::string action = quoted(message.action);
    if (misbehaviour_.action_case) action = to_lower(action);
    if (heartbeat && misbehaviour_.payload_null) message.payload = "null";
    std::string text = heartbeat && misbehaviour_.payload_missing
                           ? frame("2", id, {action})
                           : frame("2", id, {action, message.payload});
    if (misbehaviour_.several_in_one_frame) text += extra_call("Heartbeat", "{}");
    out.push_back(framed(std::move(text)));
    add_extras(message, out);
}

void Distortion::distort_answer(Message message, std::vector<std::string>& out) {
    ++answers_;
    const auto asked = asked_.find(message.id);
    const std::string action = asked == asked_.end() ? "" : asked->second;
    if (asked != asked_.end()) asked_.erase(asked);
    if (message.type == "3") {
        message.payload =
            distort_payload(misbehaviour_, action, true, std::move(message.payload), memory_);
        message.text = frame("3", message.id, {message.payload});
    }
    const bool configuration = action == "GetConfiguration";
    std::string text = message.text;
    if (misbehaviour_.answers_wrong_id && answers_ % 3 == 0) {
        text = frame(message.type, quoted("not-" + std::to_string(answers_)), {message.payload});
    }
    if (configuration && misbehaviour_.truncated_answers && text.size() > 2) {
        text.resize(text.size() - 2);
    }
    if (misbehaviour_.malformed_call_errors && (configuration || action == "TriggerMessage")) {
        text = malformed_call_error(message.id, answers_);
    }
    out.push_back(framed(text));
    if (misbehaviour_.answers_twice) out.push_back(out.back());
}

std::string Distortion::framed(std::string text) const {
    if (misbehaviour_.pretty_json) text = pretty(text);
    if (misbehaviour_.byte_order_mark) text.insert(0, "\xEF\xBB\xBF");
    if (misbehaviour_.trailing_blanks) text += " \t\r\n";
    if (misbehaviour_.trailing_nul) text.append(2, '\0');
    return text;
}

std::vector<std::string> Distortion::outgoing(std::vector<std::string> messages) {
    if (!active_) return messages;
    std::vector<std::string> out;
    for (auto& text : messages) {
        Message message = parse(text);
        if (message.type == "2") {
            distort_call(std::move(message), out);
        } else if (!message.type.empty()) {
            distort_answer(std::move(message), out);
        } else {
            out.push_back(std::move(text));
        }
    }
    return out;
}

std::string Distortion::incoming(std::string_view text) {
    if (!active_) return std::string{text};
    Message message = parse(text);
    if (message.type == "2") {
        if (asked_.size() >= asked_max) asked_.clear();
        asked_[message.id] = message.action;
        if (!misbehaviour_.connectors_from_eleven) return std::string{text};
        // Connectors 1 to 10 do not exist.
        return edit_members(text, "connectorId", [](std::string_view value) {
            const int number = std::atoi(std::string{value}.c_str());
            if (number == 0) return std::string{value};
            return std::to_string(number > 10 ? number - 10 : 99);
        });
    }
    if (message.type.empty()) return std::string{text};
    if (unquoted(message.id).starts_with(extra_prefix)) return {};
    // A central system may write an id as text that was none.
    for (auto id = ids_.rbegin(); id != ids_.rend(); ++id) {
        if (unquoted(id->first) != unquoted(message.id)) continue;
        const auto at = message.text.find(message.id);
        return message.text.replace(at, message.id.size(), id->second);
    }
    return std::string{text};
}

}  // namespace busbar::sim
