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

bool LogAllowance::take(Instant now) {
    if (last_) {
        const std::chrono::duration<double> since = now - *last_;
        left_ = std::min(burst_frames, left_ + frames_per_second * std::max(since.count(), 0.0));
    }
    last_ = now;
    if (left_ < 1) return false;
    --left_;
    return true;
}

db::MessageView message_row(std::string_view charge_point, const ocpp::Frame& frame, Now now,
                            std::string& made) {
    db::MessageView row;
    row.at = now.wall;
    row.charge_point = charge_point;
    row.direction = frame.direction == ocpp::Frame::Direction::in ? "in" : "out";
    row.type = type_name(frame.type);
    row.action = frame.action;
    row.message_id = frame.id;
    row.payload = frame.payload;
    if (frame.type == ocpp::Frame::Type::call_error) {
        // Code, description and details: three values make a list.
        made.append("[").append(frame.payload).append("]");
        row.payload = made;
    }
    if (frame.call_at) {
        constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
        const auto latency = (now.mono - *frame.call_at).count();
        row.latency_ms = static_cast<std::int32_t>(std::clamp<std::int64_t>(latency, 0, most));
    }
    if (!frame.violation.empty()) row.violation = frame.violation;
    return row;
}

ocpp::FrameObserver message_tap(db::MessageLog& log, std::string charge_point,
                                std::function<Now()> now) {
    return [&log, charge_point = std::move(charge_point), now = std::move(now),
            allowance = LogAllowance{}](const ocpp::Frame& frame) mutable {
        const auto moment = now();
        if (!allowance.take(moment.mono)) return log.leave_out();
        std::string made;
        log.add(message_row(charge_point, frame, moment, made));
    };
}

}  // namespace busbar::app
