#include "base/time.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace busbar {
namespace {

using namespace std::chrono;

Timestamp at(int y, unsigned m, unsigned d, int h, int mi, int s, int ms = 0) {
    return sys_days{year{y} / month{m} / day{d}} + hours{h} + minutes{mi} + seconds{s} +
           milliseconds{ms};
}

TEST(Time, ReadsWhatChargersSend) {
    const auto expected = at(2026, 5, 1, 8, 30, 5);
    for (const auto* text : {"2026-05-01T08:30:05Z", "2026-05-01t08:30:05z", "2026-05-01 08:30:05Z",
                             "2026-05-01T10:30:05+02:00", "2026-05-01T10:30:05+0200",
                             "2026-05-01T10:30:05+02", "2026-05-01T03:00:05-05:30"}) {
        const auto parsed = parse_timestamp(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->time, expected) << text;
        EXPECT_TRUE(parsed->has_offset) << text;
    }
    EXPECT_EQ(parse_timestamp("2026-05-01T08:30:05.1239999Z")->time, expected + 123ms);
    EXPECT_FALSE(parse_timestamp("2026-05-01T08:30:05")->has_offset);
    EXPECT_TRUE(parse_timestamp("9999-12-31T23:59:59Z")) << "how many systems write: for ever";
}

TEST(Time, RefusesWhatIsNoDateTime) {
    for (const auto* text :
         {"", "2026-05-01", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-05-01T24:00:00Z",
          "2026-05-01T08:30:05.Z", "2026-05-01T08:30:05Zx", "2026-05-01T08:30:05+2",
          "+026-05-01T08:30:05Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"}) {
        EXPECT_FALSE(parse_timestamp(text)) << text;
    }
}

TEST(Time, WritesNoFractionWhereThereIsNone) {
    EXPECT_EQ(to_string(at(2026, 5, 1, 8, 30, 5)), "2026-05-01T08:30:05Z");
    EXPECT_EQ(to_string(at(2026, 5, 1, 8, 30, 5, 7)), "2026-05-01T08:30:05.007Z");
    EXPECT_EQ(to_string_milliseconds(at(2026, 5, 1, 8, 30, 5)), "2026-05-01T08:30:05.000Z");
}

TEST(Time, WhatIsWrittenIsReadBack) {
    EXPECT_TRUE(rc::check([] {
        const auto ms = *rc::gen::inRange<std::int64_t>(-62'000'000'000'000, 253'000'000'000'000);
        const Timestamp time{milliseconds{ms}};
        RC_ASSERT(parse_timestamp(to_string(time))->time == time);
        RC_ASSERT(parse_timestamp(to_string_milliseconds(time))->time == time);
    }));
}

}  // namespace
}  // namespace busbar
