// Frames from a peer, one a line, to a session with a call of its own under way: each CALL is
// handed over, refused or known for a repeat once, what is written is OCPP-J, a call of ours ends
// once.
#include <nlohmann/json.hpp>

#include "ocpp/session.hpp"
#include "ocpp/v16/core.hpp"
#include "tests/fuzz/laws.hpp"

namespace {

using namespace busbar;
using fuzz::law;

void check_frame(const std::string& text, const std::string& id) {
    const auto frame = Json::parse(text, nullptr, false);
    law(frame.is_array() && frame.size() >= 3 && frame[1].is_string());
    if (frame[0] == 4) {
        law(frame.size() == 5 && frame[2].is_string() && frame[3].is_string() &&
            frame[4].is_object());
    } else {
        law(frame[0] == 3 && frame.size() == 3);
    }
    // What a peer sends as an id it finds again, unless it was no text.
    if (!id.empty()) law(frame[1].get<std::string>() == id);
}

// True if the line is shown and handed over as it was sent: nothing about it was mended.
bool is_whole(std::string_view line) {
    return Json::accept(line) && line.front() != '\xEF' && line.find('\0') == line.npos;
}

void receive(ocpp::Session& session, Now now, std::string_view line) {
    const auto calls = session.receive(now, line);
    law(calls.size() <= ocpp::Session::arrays_max);
    const auto refused = session.take_output();
    law(refused.size() + calls.size() <= ocpp::Session::arrays_max);
    for (const auto& text : refused) check_frame(text, "");
    for (const auto& call : calls) {
        law(call.payload != nullptr && Json::accept(call.text));
        law(call.text == line || calls.size() > 1 || !is_whole(line));
        session.reply(call.id, ocpp::v16::Heartbeat::Response{now.wall});
        const auto output = session.take_output();
        law(output.size() == 1);
        check_frame(output[0], call.id);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Now now{Instant{std::chrono::hours{1}}, Timestamp{std::chrono::hours{500'000}}};
    ocpp::Session session;
    std::string_view line;
    session.observe([&](const ocpp::Frame& frame) {
        // What comes in is shown as it was sent, unless it had to be mended to be understood.
        if (frame.direction != ocpp::Frame::Direction::in || !is_whole(line)) return;
        law(line.find(frame.payload) != std::string_view::npos);
        law(frame.type != ocpp::Frame::Type::invalid || frame.payload == line);
    });
    int ended = 0;
    session.call<ocpp::v16::GetConfiguration>(now, {}, {}, [&](const auto&) { ++ended; });
    law(session.take_output().size() == 1);
    auto text = fuzz::as_text(data, size);
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        line = text.substr(0, end);
        receive(session, now, line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    law(session.take_oddities().size() <= 64);
    law(session.deadline().has_value() == (ended == 0));
    session.on_disconnect();
    law(ended == 1 && !session.has_output());
    return 0;
}
