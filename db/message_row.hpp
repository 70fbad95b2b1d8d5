// The rows of the message log, and how they are asked for. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"

namespace busbar::db {

// One frame to or from a charger. Text is std::string, or std::string_view on its way to the log.
template <class Text>
struct BasicMessageRow {
    Timestamp at;
    Text charge_point;
    Text direction;                          // "in" or "out", as we see it
    Text type;                               // "CALL", "CALLRESULT", "CALLERROR" or "invalid"
    Text action;                             // of an answer: of its call; "" if that is not known
    Text message_id;                         // "" if there is none
    Text payload;                            // verbatim; an invalid frame as a whole
    std::optional<std::int32_t> latency_ms;  // of an answer: since its call
    std::optional<Text> violation;           // what is wrong with it, taken or not
};
using MessageRow = BasicMessageRow<std::string>;
using MessageView = BasicMessageRow<std::string_view>;

inline MessageView view_of(const MessageRow& row) {
    return {row.at,         row.charge_point, row.direction,  row.type,     row.action,
            row.message_id, row.payload,      row.latency_ms, row.violation};
}

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
