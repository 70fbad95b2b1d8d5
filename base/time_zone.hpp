// The civil time of a place: when it is which local time there, when its days and months begin.
// Over the system's time zone data, so that 23- and 25-hour days are what they are. Values; safe to
// use on any thread. The data is read once, when a zone is first looked for.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"

namespace date {
class time_zone;
}

namespace busbar {

// What clocks on the wall show, wherever the wall is.
using LocalTime = std::chrono::local_time<std::chrono::milliseconds>;

class TimeZone {
public:
    // UTC.
    TimeZone() = default;
    static TimeZone utc() { return {}; }

    // By its IANA name ("Europe/Paris"), letters' case as there; nothing if there is none.
    static std::optional<TimeZone> find(std::string_view name);

    // This machine's: the variable TZ if it names a zone, else its /etc/localtime, else UTC.
    static TimeZone of_this_machine();

    // The IANA name.
    std::string name() const;

    LocalTime local(Timestamp time) const;

    // The moment at which clocks show `local`: the earlier one if they do so twice, and the moment
    // at which they are put forward if they never do.
    Timestamp at(LocalTime local) const;

    // Of the local day, or month, that `time` lies in: its first moment, and the one after its
    // last.
    Timestamp day_begin(Timestamp time) const;
    Timestamp day_end(Timestamp time) const;
    Timestamp month_begin(Timestamp time) const;
    Timestamp month_end(Timestamp time) const;

    // When clocks are put forward or back after `time`; nothing if that is not planned.
    std::optional<Timestamp> next_shift(Timestamp time) const;

    friend bool operator==(const TimeZone&, const TimeZone&) = default;

private:
    explicit TimeZone(const date::time_zone* zone) : zone_(zone) {}

    const date::time_zone* zone_ = nullptr;  // null: UTC
};

}  // namespace busbar
