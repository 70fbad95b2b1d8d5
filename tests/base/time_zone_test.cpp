#include "base/time_zone.hpp"

#include <cstdlib>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace busbar {
namespace {

using namespace std::chrono_literals;

Timestamp utc(const char* text) { return parse_timestamp(text)->time; }
// The same text as what clocks on the wall show.
LocalTime local(const char* text) { return LocalTime{utc(text).time_since_epoch()}; }
const TimeZone paris = TimeZone::find("Europe/Paris").value();

TEST(TimeZone, IsFoundByItsName) {
    EXPECT_EQ(paris.name(), "Europe/Paris");
    EXPECT_EQ(TimeZone::find("UTC"), TimeZone::utc());
    EXPECT_EQ(TimeZone{}.name(), "UTC");
    EXPECT_NE(paris, TimeZone::utc());
    for (const auto* name : {"", "Europe/Atlantis", "europe/paris", "../etc/passwd", "CET1"}) {
        EXPECT_FALSE(TimeZone::find(name)) << name;
    }
}

TEST(TimeZone, OfThisMachineIsWhatTheVariableSays) {
    const char* before = std::getenv("TZ");
    const std::string kept = before ? before : "";
    setenv("TZ", ":Asia/Kolkata", 1);
    EXPECT_EQ(TimeZone::of_this_machine().name(), "Asia/Kolkata");
    setenv("TZ", "no such zone", 1);
    const auto other = TimeZone::of_this_machine();
    unsetenv("TZ");
    EXPECT_EQ(TimeZone::of_this_machine(), other);
    if (before) setenv("TZ", kept.c_str(), 1);
}

TEST(TimeZone, UtcIsItself) {
    const auto time = utc("2026-05-01T08:30:05.007Z");
    EXPECT_EQ(TimeZone::utc().local(time), local("2026-05-01T08:30:05.007Z"));
    EXPECT_EQ(TimeZone::utc().at(local("2026-05-01T08:30:05.007Z")), time);
    EXPECT_EQ(TimeZone::utc().month_end(time), utc("2026-06-01T00:00:00Z"));
    EXPECT_FALSE(TimeZone::utc().next_shift(time));
}

TEST(TimeZone, KnowsSummerAndWinter) {
    EXPECT_EQ(paris.local(utc("2026-07-01T10:00:00Z")), local("2026-07-01T12:00:00Z"));
    EXPECT_EQ(paris.local(utc("2026-12-01T10:00:00Z")), local("2026-12-01T11:00:00Z"));
    EXPECT_EQ(paris.at(local("2026-07-01T12:00:00Z")), utc("2026-07-01T10:00:00Z"));
    EXPECT_EQ(paris.next_shift(utc("2026-07-01T10:00:00Z")), utc("2026-10-25T01:00:00Z"));
    EXPECT_EQ(paris.next_shift(utc("2026-10-25T01:00:00Z")), utc("2027-03-28T01:00:00Z"));
}

TEST(TimeZone, ClocksArePutForward) {
    // 2027-03-28: 02:00 to 03:00 does not exist.
    EXPECT_EQ(paris.local(utc("2027-03-28T00:59:59Z")), local("2027-03-28T01:59:59Z"));
    EXPECT_EQ(paris.local(utc("2027-03-28T01:00:00Z")), local("2027-03-28T03:00:00Z"));
    for (const auto* never : {"2027-03-28T02:00:00Z", "2027-03-28T02:59:59Z"}) {
        EXPECT_EQ(paris.at(local(never)), utc("2027-03-28T01:00:00Z")) << never;
    }
    EXPECT_EQ(paris.at(local("2027-03-28T03:00:00Z")), utc("2027-03-28T01:00:00Z"));
    const auto noon = utc("2027-03-28T10:00:00Z");
    EXPECT_EQ(paris.day_begin(noon), utc("2027-03-27T23:00:00Z"));
    EXPECT_EQ(paris.day_end(noon) - paris.day_begin(noon), 23h);
}

TEST(TimeZone, ClocksArePutBack) {
    // 2026-10-25: 02:00 to 03:00 comes twice.
    EXPECT_EQ(paris.local(utc("2026-10-25T00:30:00Z")), local("2026-10-25T02:30:00Z"));
    EXPECT_EQ(paris.local(utc("2026-10-25T01:30:00Z")), local("2026-10-25T02:30:00Z"));
    EXPECT_EQ(paris.at(local("2026-10-25T02:30:00Z")), utc("2026-10-25T00:30:00Z"));
    EXPECT_EQ(paris.at(local("2026-10-25T03:00:00Z")), utc("2026-10-25T02:00:00Z"));
    const auto noon = utc("2026-10-25T10:00:00Z");
    EXPECT_EQ(paris.day_begin(noon), utc("2026-10-24T22:00:00Z"));
    EXPECT_EQ(paris.day_end(noon) - paris.day_begin(noon), 25h);
}

TEST(TimeZone, MonthsBeginAtLocalMidnight) {
    EXPECT_EQ(paris.month_begin(utc("2026-10-31T22:59:59Z")), utc("2026-09-30T22:00:00Z"));
    EXPECT_EQ(paris.month_end(utc("2026-10-31T22:59:59Z")), utc("2026-10-31T23:00:00Z"));
    EXPECT_EQ(paris.month_begin(utc("2026-10-31T23:00:00Z")), utc("2026-10-31T23:00:00Z"));
    EXPECT_EQ(paris.month_end(utc("2026-12-31T22:00:00Z")), utc("2026-12-31T23:00:00Z"));
}

TEST(TimeZone, EveryMomentLiesInItsDayAndMonth) {
    const bool holds = rc::check([] {
        const auto name = *rc::gen::element<std::string>(
            "UTC", "Europe/Paris", "Europe/London", "America/Sao_Paulo", "Asia/Kathmandu",
            "Australia/Lord_Howe", "Pacific/Auckland", "America/Santiago", "Africa/Casablanca");
        const auto zone = TimeZone::find(name).value();
        const auto seconds = *rc::gen::inRange<std::int64_t>(1'350'000'000, 2'140'000'000);
        const Timestamp time{std::chrono::seconds{seconds}};
        RC_ASSERT(zone.day_begin(time) <= time && time < zone.day_end(time));
        RC_ASSERT(zone.month_begin(time) <= zone.day_begin(time));
        RC_ASSERT(zone.day_end(time) <= zone.month_end(time));
        RC_ASSERT(zone.day_begin(zone.day_end(time)) == zone.day_end(time));
        // Of a moment that comes twice on the clock, the earlier one is found.
        const auto again = zone.at(zone.local(time));
        RC_ASSERT(again <= time && time - again <= 1h);
        RC_ASSERT(zone.local(again) == zone.local(time));
        if (const auto shift = zone.next_shift(time)) RC_ASSERT(*shift > time);
    });
    EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace busbar
