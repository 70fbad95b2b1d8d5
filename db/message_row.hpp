// The rows of the message log, and how they are asked for. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace busbar::db {

// One frame to or from a charger.
struct MessageRow {
    Timestamp at;
    std::string charge_point;
    std::string direction;                   // "in" or "out", as we see it
    std::string type;                        // "CALL", "CALLRESULT", "CALLERROR" or "invalid"
    std::string action;                      // of an answer: of its call; "" if that is not known
    std::string message_id;                  // "" if there is none
    std::string payload;                     // verbatim; an invalid frame as a whole
    std::optional<std::int32_t> latency_ms;  // of an answer: since its call
    std::optional<std::string> violation;    // what is wrong with it, taken or not
};

struct MessageFilter {
    std::optional<std::string> charge_point;
    std::optional<Timestamp> from;  // at >= from
    std::optional<Timestamp> to;    // at < to
    std::optional<std::string> direction;
    std::optional<std::string> action;
    std::optional<std::string> text;     // somewhere in the payload; ASCII letters in any case
    int limit = 100;                     // rows a page, 1 to 10,000
    std::optional<std::int64_t> cursor;  // `next` of the page before
};

struct FoundMessage {
    std::int64_t id = 0;
    MessageRow row;
    bool payload_is_json = false;
};

// Newest first. A search ends after a time or an amount of data: a page with `next` may hold fewer
// rows than asked for, even none.
struct MessagePage {
    std::vector<FoundMessage> items;
    std::optional<std::int64_t> next;
};

}  // namespace busbar::db
