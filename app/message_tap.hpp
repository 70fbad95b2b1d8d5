// Between the chargers' conversations and the message log. Site loop.
#pragma once

#include <functional>
#include <string>

#include "base/time.hpp"
#include "db/message_log.hpp"
#include "ocpp/session.hpp"

namespace busbar::app {

// The row of a frame that came or went now.
db::MessageRow message_row(const std::string& charge_point, const ocpp::Frame& frame, Now now);

// Puts every frame of a charge point into the log, which must outlive the observer.
ocpp::FrameObserver message_tap(db::MessageLog& log, std::string charge_point,
                                std::function<Now()> now);

}  // namespace busbar::app
