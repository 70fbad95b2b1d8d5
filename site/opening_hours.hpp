// Weekly hours as people write them, the common part of OpenStreetMap's opening_hours:
// "Mo-Fr 07:00-19:00; Sa 08:00-12:00", "22:00-06:00", "24/7", "Mo-Su 06:00-22:00; We off". Rights
// of badges, chargers and tariffs are all told this way, in the time zone of the site. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "base/time_zone.hpp"

namespace busbar::site {

// Whether hours are open, and until when that stays so; nothing if it always does.
struct HoursState {
    bool is_open = false;
    std::optional<Timestamp> until;
};

// Hours of a week. A later rule replaces earlier ones on the days it names; what begins on a day
// and goes past midnight belongs to that day, whatever the next one says.
class OpeningHours {
public:
    // Never open.
    OpeningHours() = default;

    bool is_open(Timestamp at, const TimeZone& zone) const;

    // Until when is_open() stays what it is at `at`; nothing if it never changes. In the hour that
    // comes twice in autumn it is open both times.
    std::optional<Timestamp> until(Timestamp at, const TimeZone& zone) const;

    // Both at once.
    HoursState state(Timestamp at, const TimeZone& zone) const;

    // The text in its shortest common form: parsed again it gives the same hours.
    std::string format() const;

    friend bool operator==(const OpeningHours&, const OpeningHours&) = default;

private:
    friend class OpeningHoursParser;

    static constexpr int day_minutes = 24 * 60;
    static constexpr int week_minutes = 7 * day_minutes;

    // Minutes since the midnight before Monday; it may end in the day behind.
    struct Window {
        int begin = 0;
        int end = 0;
        friend bool operator==(const Window&, const Window&) = default;
    };

    bool is_open_in_minute(int minute) const;
    std::optional<int> minutes_until_change(int minute) const;

    std::vector<Window> windows_;  // in the order of their begins; they neither overlap nor touch
                                   // inside a day
};

inline constexpr std::size_t opening_hours_size_max = 500;

// What is wrong with a text, where in it, and what would be accepted.
struct OpeningHoursError {
    std::size_t position = 0;  // of the first byte that is wrong
    std::string detail;        // "at character 4: ..."
};

std::variant<OpeningHours, OpeningHoursError> parse_opening_hours(std::string_view text);

// The state of the hours that a text tells. One that cannot be read is never open.
HoursState hours_at(std::string_view text, Timestamp at, const TimeZone& zone);

// The same with a memory: a site has few texts and asks for them all the time, so that each is read
// once only. What it remembers never shows in what it answers.
class HoursBook {
public:
    static constexpr std::size_t texts_max = 10'000;

    HoursState at(std::string_view text, Timestamp at, const TimeZone& zone) const;

    // How many texts have been read since the beginning.
    std::size_t readings() const { return readings_; }

private:
    mutable std::map<std::string, OpeningHours, std::less<>> known_;  // by their texts
    mutable std::size_t readings_ = 0;
};

}  // namespace busbar::site
