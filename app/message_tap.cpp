#include "app/message_tap.hpp"

#include <algorithm>
#include <limits>

namespace busbar::app {
namespace {

const char* type_name(ocpp::Frame::Type type) {
    switch (type) {
        case ocpp::Frame::Type::call:
            return "CALL";
        case ocpp::Frame::Type::call_result:
            return "CALLRESULT";
        case ocpp::Frame::Type::call_error:
            return "CALLERROR";
        case ocpp::Frame::Type::invalid:
            break;
    }
    return "invalid";
}

}  // namespace

db::MessageRow message_row(const std::string& charge_point, const ocpp::Frame& frame, Now now) {
    db::MessageRow row;
    row.at = now.wall;
    row.charge_point = charge_point;
    row.direction = frame.direction == ocpp::Frame::Direction::in ? "in" : "out";
    row.type = type_name(frame.type);
    row.action = frame.action;
    row.message_id = frame.id;
    if (frame.type == ocpp::Frame::Type::call_error) {
        // Code, description and details: three values make a list.
        row.payload.reserve(frame.payload.size() + 2);
        row.payload.append("[").append(frame.payload).append("]");
    } else {
        row.payload = frame.payload;
    }
    if (frame.call_at) {
        constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
        const auto latency = (now.mono - *frame.call_at).count();
        row.latency_ms = static_cast<std::int32_t>(std::clamp<std::int64_t>(latency, 0, most));
    }
    if (!frame.violation.empty()) row.violation = std::string{frame.violation};
    return row;
}

ocpp::FrameObserver message_tap(db::MessageLog& log, std::string charge_point,
                                std::function<Now()> now) {
    return [&log, charge_point = std::move(charge_point), now = std::move(now)](
               const ocpp::Frame& frame) { log.add(message_row(charge_point, frame, now())); };
}

}  // namespace busbar::app
