#include "site/opening_hours.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Timestamp utc(const std::string& text) { return parse_timestamp(text)->time; }
const TimeZone paris = TimeZone::find("Europe/Paris").value();

OpeningHours hours(std::string_view text) {
    auto parsed = parse_opening_hours(text);
    if (const auto* error = std::get_if<OpeningHoursError>(&parsed)) {
        ADD_FAILURE() << text << ": " << error->detail;
        return {};
    }
    return std::get<OpeningHours>(std::move(parsed));
}
std::string form(std::string_view text) { return hours(text).format(); }
std::string error(std::string_view text) {
    const auto parsed = parse_opening_hours(text);
    const auto* error = std::get_if<OpeningHoursError>(&parsed);
    return error ? error->detail : "nothing is wrong";
}
// 2026-05-04 is a Monday.
bool is_open(std::string_view text, const std::string& time) {
    return hours(text).is_open(utc("2026-05-" + time + ":00Z"), TimeZone::utc());
}

TEST(OpeningHours, AreReadAsPeopleWriteThem) {
    EXPECT_EQ(form("Mo-Fr 07:00-19:00; Sa 08:00-12:00"), "Mo-Fr 07:00-19:00; Sa 08:00-12:00");
    EXPECT_EQ(form(" mo - FR 7:00 - 19:00 ;sa 08:00-12:00 "), "Mo-Fr 07:00-19:00; Sa 08:00-12:00");
    EXPECT_EQ(form("24/7"), "24/7");
    EXPECT_EQ(form("Mo-Su 00:00-24:00"), "24/7");
    EXPECT_EQ(form("22:00-06:00"), "22:00-06:00");
    EXPECT_EQ(form("off"), "off");
    EXPECT_EQ(form("24/7; We off"), "Mo,Tu 00:00-24:00; Th-Su 00:00-24:00");
    EXPECT_EQ(form("Mo,We,Fr 08:00-12:00,13:00-17:00"),
              "Mo 08:00-12:00,13:00-17:00; We 08:00-12:00,13:00-17:00; Fr 08:00-12:00,13:00-17:00");
    EXPECT_EQ(form("Sa-Mo"), "Mo 00:00-24:00; Sa,Su 00:00-24:00");
    EXPECT_EQ(form("Tu 13:00-17:00,08:00-13:00"), "Tu 08:00-17:00");
}

TEST(OpeningHours, ALaterRuleReplacesTheDaysItNames) {
    EXPECT_EQ(form("Mo-Su 06:00-22:00; Su off"), "Mo-Sa 06:00-22:00");
    EXPECT_EQ(form("Mo-Fr 07:00-19:00; Fr 07:00-12:00"), "Mo-Th 07:00-19:00; Fr 07:00-12:00");
}

TEST(OpeningHours, WhatIsWrongIsSaidWhere) {
    EXPECT_THAT(error(""), HasSubstr("at character 1: expected days and hours, such as Mo-Fr"));
    EXPECT_THAT(error("Mo-Fr 07:00"), HasSubstr("at character 12: expected - and the end"));
    EXPECT_THAT(error("Mo-Fx 07:00-19:00"),
                HasSubstr("at character 4: expected a day (Mo, Tu, We, Th, Fr, Sa, Su), found Fx"));
    EXPECT_THAT(error("Mon-Fri 07:00-19:00"), HasSubstr("found Mon"));
    EXPECT_THAT(error("PH off"), HasSubstr("holidays are not known"));
    EXPECT_THAT(error("Mo 25:00-26:00"), HasSubstr("at character 4: later than 24:00"));
    EXPECT_THAT(error("Mo 22:00-26:00"), HasSubstr("are written 22:00-06:00"));
    EXPECT_THAT(error("Mo 07:60-19:00"), HasSubstr("a time of day from 00:00 to 24:00"));
    EXPECT_THAT(error("Mo 07.00-19.00"), HasSubstr("a time of day from 00:00 to 24:00"));
    EXPECT_THAT(error("Mo 24:00-03:00"), HasSubstr("a day begins at 00:00"));
    EXPECT_THAT(error("Mo 08:00-08:00"), HasSubstr("write 00:00-24:00 for a whole day"));
    EXPECT_THAT(error("Mo 10:00-13:00,12:00-11:00"), HasSubstr("a day or more without a break"));
    EXPECT_THAT(error("Mo 07:00-19:00 Tu"), HasSubstr("at character 16: expected ; and another"));
    EXPECT_THAT(error("Mo 07:00-19:00;"), HasSubstr("found the end"));
    EXPECT_THAT(error("Mo\t07:00"), HasSubstr("found a control character"));
    EXPECT_THAT(error("Mo \xE2\x80\x93 Fr"), HasSubstr("found \xE2\x80\x93"));
    EXPECT_THAT(error(std::string(501, ' ')), HasSubstr("longer than 500"));
}

TEST(OpeningHours, BeginTheirMinuteAndEndBeforeTheLast) {
    constexpr auto text = "Mo-Fr 07:00-19:00";
    EXPECT_FALSE(is_open(text, "04T06:59"));
    EXPECT_TRUE(is_open(text, "04T07:00"));
    EXPECT_TRUE(is_open(text, "08T18:59"));
    EXPECT_FALSE(is_open(text, "08T19:00"));
    EXPECT_FALSE(is_open(text, "09T12:00"));
}

TEST(OpeningHours, GoPastMidnight) {
    constexpr auto text = "Fr,Su 22:00-06:00; Sa off";
    EXPECT_TRUE(is_open(text, "08T22:00"));
    EXPECT_TRUE(is_open(text, "09T05:59")) << "Friday's night";
    EXPECT_FALSE(is_open(text, "09T06:00"));
    EXPECT_FALSE(is_open(text, "09T22:00"));
    EXPECT_TRUE(is_open(text, "11T05:59")) << "Sunday's night, on Monday";
    EXPECT_FALSE(is_open(text, "11T06:00"));
}

TEST(OpeningHours, KnowWhenTheyChange) {
    const auto at = utc("2026-05-04T08:30:15Z");
    EXPECT_EQ(hours("Mo-Fr 07:00-19:00").until(at, TimeZone::utc()), utc("2026-05-04T19:00:00Z"));
    EXPECT_EQ(hours("Mo 07:00-08:00").until(at, TimeZone::utc()), utc("2026-05-11T07:00:00Z"));
    EXPECT_EQ(hours("24/7").until(at, paris), std::nullopt);
    EXPECT_EQ(hours("off").until(at, paris), std::nullopt);
    EXPECT_EQ(hours("Mo; Tu 00:00-07:00").until(at, TimeZone::utc()), utc("2026-05-05T07:00:00Z"));
    EXPECT_FALSE(hours_at("nonsense", at, paris).is_open);
}

TEST(OpeningHours, FollowTheClocks) {
    // Put forward on 2027-03-28 at 02:00, put back on 2026-10-25 at 03:00.
    const auto night = hours("01:00-02:30");
    EXPECT_EQ(night.until(utc("2027-03-28T00:10:00Z"), paris), utc("2027-03-28T01:00:00Z"));
    EXPECT_FALSE(night.is_open(utc("2027-03-28T01:00:00Z"), paris));
    EXPECT_EQ(night.until(utc("2026-10-25T00:10:00Z"), paris), utc("2026-10-25T00:30:00Z"));
    EXPECT_TRUE(night.is_open(utc("2026-10-25T01:10:00Z"), paris)) << "02:10 comes twice";
    const auto missing = hours("02:00-03:00");
    EXPECT_EQ(missing.until(utc("2027-03-27T03:00:00Z"), paris), utc("2027-03-29T00:00:00Z"));
}

// --- Laws ----------------------------------------------------------------------------------------
// Hours as another mind would keep them: each rule apart, day after day and minute after minute.
struct NaiveRule {
    std::array<bool, 7> days{};
    std::vector<std::pair<int, int>> windows;  // minutes of the day; empty: off
};

std::string two(int number) { return (number < 10 ? "0" : "") + std::to_string(number); }
std::string clock(int minute) { return two(minute / 60) + ":" + two(minute % 60); }

NaiveRule any_rule(std::string& text) {
    constexpr std::array names{"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"};
    NaiveRule rule;
    for (int part = *rc::gen::inRange(1, 3); part > 0; --part) {
        const auto from = *rc::gen::inRange<std::size_t>(0, 7);
        const auto to = *rc::gen::inRange<std::size_t>(0, 7);
        text += std::string{names[from]} + "-" + names[to] + (part > 1 ? "," : " ");
        for (auto day = from;; day = (day + 1) % 7) {
            rule.days[day] = true;
            if (day == to) break;
        }
    }
    const auto count = *rc::gen::inRange(0, 4);
    if (count == 0) text += "off";
    for (int i = 0; i < count; ++i) {
        const auto begin = *rc::gen::inRange(0, 1440);
        const auto end = *rc::gen::suchThat(rc::gen::inRange(1, 1441),
                                            [&](int minute) { return minute != begin; });
        text += (i > 0 ? "," : "") + clock(begin) + "-" + clock(end);
        rule.windows.emplace_back(begin, end);
    }
    return rule;
}

bool naive_is_open(const std::vector<NaiveRule>& rules, int day, int minute) {
    const auto last_of = [&](int d) -> const NaiveRule* {
        const NaiveRule* found = nullptr;
        for (const auto& rule : rules) {
            if (rule.days[static_cast<std::size_t>(d)]) found = &rule;
        }
        return found;
    };
    if (const auto* rule = last_of(day)) {
        for (const auto& [begin, end] : rule->windows) {
            if (minute >= begin && (minute < end || end < begin)) return true;
        }
    }
    if (const auto* rule = last_of((day + 6) % 7)) {
        for (const auto& [begin, end] : rule->windows) {
            if (end < begin && minute < end) return true;
        }
    }
    return false;
}

// Some hours, their text, and the same as the naive model keeps them.
struct AnyHours {
    std::string text;
    std::vector<NaiveRule> rules;
    OpeningHours hours;
};
AnyHours any_hours() {
    AnyHours any;
    for (int left = *rc::gen::inRange(1, 4); left > 0; --left) {
        any.rules.push_back(any_rule(any.text));
        if (left > 1) any.text += "; ";
    }
    auto parsed = parse_opening_hours(any.text);
    if (const auto* error = std::get_if<OpeningHoursError>(&parsed)) {
        RC_ASSERT(error->detail.find("without a break") != std::string::npos);
        RC_DISCARD("hours that are too long");
    }
    any.hours = std::get<OpeningHours>(std::move(parsed));
    return any;
}

TEST(OpeningHoursLaws, WhatIsWrittenIsReadBack) {
    EXPECT_TRUE(rc::check([] {
        const auto any = any_hours();
        const auto again = parse_opening_hours(any.hours.format());
        RC_ASSERT(std::holds_alternative<OpeningHours>(again));
        RC_ASSERT(std::get<OpeningHours>(again) == any.hours);
    }));
}

TEST(OpeningHoursLaws, EveryMinuteIsAsTheRulesSay) {
    EXPECT_TRUE(rc::check([] {
        const auto any = any_hours();
        const auto monday = utc("2026-05-04T00:00:00Z");
        for (int day = 0; day < 7; ++day) {
            for (int minute = 0; minute < 1440; minute += 1) {
                const auto at = monday + std::chrono::minutes{day * 1440 + minute};
                RC_ASSERT(any.hours.is_open(at, TimeZone::utc()) ==
                          naive_is_open(any.rules, day, minute));
            }
        }
    }));
}

TEST(OpeningHoursLaws, NothingChangesBeforeTheyDo) {
    EXPECT_TRUE(rc::check([] {
        const auto any = any_hours();
        // Over both nights in which the clocks are changed.
        const auto begin =
            utc(*rc::gen::element<std::string>("2026-10-20T00:00:00Z", "2027-03-24T00:00:00Z"));
        auto at = begin + std::chrono::minutes{*rc::gen::inRange(0, 9 * 1440)};
        const auto until = any.hours.until(at, paris);
        const bool was_open = any.hours.is_open(at, paris);
        const auto end = until ? *until : at + 14 * 24h;
        RC_ASSERT(end > at);
        for (; at < end; at += 1min) RC_ASSERT(any.hours.is_open(at, paris) == was_open);
        if (until) RC_ASSERT(any.hours.is_open(*until, paris) != was_open);
    }));
}

TEST(HoursBook, AnswersAsIfItHadReadTheTextAnew) {
    const HoursBook book;
    for (int again = 0; again < 2; ++again) {
        for (const std::string text : {"Mo-Fr 07:00-19:00; Sa 08:00-12:00", "22:00-06:00", "24/7",
                                       "off", "", "Mo-Xx", "Mo 25:00-26:00"}) {
            for (int hour = 0; hour < 8 * 24; ++hour) {
                const auto at = utc("2026-10-22T00:30:00Z") + hour * 1h;
                const auto expected = hours_at(text, at, paris);
                const auto found = book.at(text, at, paris);
                ASSERT_EQ(found.is_open, expected.is_open) << text;
                ASSERT_EQ(found.until, expected.until) << text;
            }
        }
    }
    EXPECT_EQ(book.readings(), 7U);
}

TEST(HoursBook, DoesNotGrowForEver) {
    const HoursBook book;
    const auto at = utc("2026-05-04T12:00:00Z");
    const auto text_of = [](std::size_t n) {
        return "00:00-" + std::to_string(1 + n % 24) + ":00; Su off" + std::string(n / 24, ' ');
    };
    for (std::size_t n = 0; n < 24 * 400; ++n) book.at(text_of(n), at, TimeZone::utc());
    EXPECT_TRUE(book.at("Mo 11:00-13:00", at, TimeZone::utc()).is_open);
    const auto readings = book.readings();
    EXPECT_FALSE(book.at(std::string(opening_hours_size_max + 1, ' '), at, paris).is_open);
    EXPECT_EQ(book.readings(), readings) << "too long to be hours";
}

}  // namespace
}  // namespace busbar::site
