// Between the chargers' conversations and the message log. Site loop.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "db/message_log.hpp"
#include "ocpp/session.hpp"

namespace busbar::app {

// How much of the log one charger may have: a burst for its boot and for what it kept while it was
// offline, and far more than any real one sends after that. One that floods would otherwise push
// the history of all others out of the log. Pure.
class LogAllowance {
public:
    static constexpr double burst_frames = 5'000;
    static constexpr double frames_per_second = 50;

    // Whether the frame of this moment may be kept.
    bool take(Instant now);

private:
    double left_ = burst_frames;
    std::optional<Instant> last_;
};

// The row of a frame that came or went now. A text that has to be made is put into `made`, which
// the row then points to.
db::MessageView message_row(std::string_view charge_point, const ocpp::Frame& frame, Now now,
                            std::string& made);

// Puts the frames of a charge point into the log, which must outlive the observer.
ocpp::FrameObserver message_tap(db::MessageLog& log, std::string charge_point,
                                std::function<Now()> now);

}  // namespace busbar::app
