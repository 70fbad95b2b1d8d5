// Points in time, always passed in. `mono` drives deadlines and survives changes of the clock;
// `wall` goes into messages and rows. Only app/, net/, meters/bus and the db threads read a clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace busbar {

// UTC wall-clock time with the resolution of OCPP and the REST interface.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

// Monotonic time since an arbitrary start.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

// One moment, on both clocks.
struct Now {
    Instant mono;
    Timestamp wall;
};

// A parsed date-time and whether its text named a zone (chargers exist that send local time).
struct ParsedTimestamp {
    Timestamp time;
    bool has_offset = true;
};

// Reads RFC 3339 and its common deviations: a space for the T, no zone (read as UTC), an offset
// without minutes or colon, any number of fraction digits. Nothing if it is not a date-time.
std::optional<ParsedTimestamp> parse_timestamp(std::string_view text);

// RFC 3339 in UTC, milliseconds only where there are any: "2026-05-01T08:00:00Z". OCPP chargers
// exist that choke on more digits or on "+00:00".
void append_timestamp(std::string& out, Timestamp time);
std::string to_string(Timestamp time);

// The same with three decimals always, as the REST interface promises.
std::string to_string_milliseconds(Timestamp time);

}  // namespace busbar
