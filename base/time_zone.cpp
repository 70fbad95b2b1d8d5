#include "base/time_zone.hpp"

#include <cstdlib>
#include <stdexcept>

#include <date/tz.h>

namespace busbar {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

date::local_time<milliseconds> theirs(LocalTime local) {
    return date::local_time<milliseconds>{local.time_since_epoch()};
}

Timestamp moment(date::sys_seconds time) { return Timestamp{time.time_since_epoch()}; }

std::chrono::local_days month_of(LocalTime local, std::chrono::months later) {
    const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(local)};
    return std::chrono::local_days{(date.year() / date.month() + later) / 1};
}

}  // namespace

std::optional<TimeZone> TimeZone::find(std::string_view name) {
    if (name == "UTC") return utc();
    try {
        return TimeZone{date::locate_zone(name)};
    } catch (const std::runtime_error&) {
        // There is no such zone, or the system has no data of any.
        return std::nullopt;
    }
}

TimeZone TimeZone::of_this_machine() {
    if (const char* variable = std::getenv("TZ")) {
        std::string_view name{variable};
        if (name.starts_with(':')) name.remove_prefix(1);
        if (const auto zone = find(name)) return *zone;
    }
    try {
        const TimeZone zone{date::current_zone()};
        return zone.name() == "Etc/UTC" ? utc() : zone;
    } catch (const std::runtime_error&) {
        return utc();
    }
}

std::string TimeZone::name() const { return zone_ ? zone_->name() : "UTC"; }

LocalTime TimeZone::local(Timestamp time) const {
    if (!zone_) return LocalTime{time.time_since_epoch()};
    return LocalTime{time.time_since_epoch() + zone_->get_info(time).offset};
}

Timestamp TimeZone::at(LocalTime local) const {
    if (!zone_) return Timestamp{local.time_since_epoch()};
    const auto info = zone_->get_info(theirs(local));
    if (info.result == date::local_info::nonexistent) return moment(info.first.end);
    return Timestamp{local.time_since_epoch() - info.first.offset};
}

Timestamp TimeZone::day_begin(Timestamp time) const {
    return at(std::chrono::floor<std::chrono::days>(local(time)));
}

Timestamp TimeZone::day_end(Timestamp time) const {
    return at(std::chrono::floor<std::chrono::days>(local(time)) + std::chrono::days{1});
}

Timestamp TimeZone::month_begin(Timestamp time) const {
    return at(month_of(local(time), std::chrono::months{0}));
}

Timestamp TimeZone::month_end(Timestamp time) const {
    return at(month_of(local(time), std::chrono::months{1}));
}

std::optional<Timestamp> TimeZone::next_shift(Timestamp time) const {
    if (!zone_) return std::nullopt;
    // Years that no calendar of ours reaches stand for never.
    constexpr auto never = std::chrono::sys_days{std::chrono::year{9999} / 1 / 1};
    const auto end = zone_->get_info(time).end;
    if (end.time_since_epoch() >= never.time_since_epoch()) return std::nullopt;
    return moment(end);
}

}  // namespace busbar
