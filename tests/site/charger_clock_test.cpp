#include "site/charger_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

#include "site/pseudonym.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Now start{Instant{1h}, std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 8h};

Now after(std::chrono::seconds passed) { return {start.mono + passed, start.wall + passed}; }

using Source = ChargerClock::Source;
constexpr ChargerClock::Expectation expected{.tolerance = 300s};

// A clock ahead by `ahead` that sends a state each `every`, for as long as it takes.
ChargerClock clock_of(std::chrono::seconds ahead, int messages = 35,
                      std::chrono::seconds every = 30s) {
    ChargerClock clock;
    for (int i = 0; i < messages; ++i) {
        const auto now = after(i * every);
        clock.observe(now.wall + ahead, now, expected, Source::live);
    }
    return clock;
}

TEST(ChargerClock, ZonesAreWholeQuartersAndSmallErrorsNone) {
    EXPECT_EQ(clock_of(0s).offset(), 0s);
    EXPECT_EQ(clock_of(299s).offset(), 0s);
    EXPECT_EQ(clock_of(-299s).offset(), 0s);
    EXPECT_EQ(clock_of(2h + 40s).offset(), 2h);
    EXPECT_EQ(clock_of(2h + 40s).measured(), 2h + 40s);
    EXPECT_EQ(clock_of(-5h - 30min + 3s).offset(), -5h - 30min);
    EXPECT_EQ(clock_of(-45min).offset(), -45min);
}

TEST(ChargerClock, AClockThatIsJustWrongIsOffByWhatItIs) {
    EXPECT_EQ(clock_of(400s).offset(), 400s) << "no zone is so near to ours";
    EXPECT_EQ(clock_of(-24h * 20'000).offset(), -24h * 20'000) << "1971";
}

// Nothing arrives before it was made.
TEST(ChargerClock, OneThatIsAheadTakesThreeMessagesOverAMinute) {
    EXPECT_EQ(clock_of(2h, 2, 60s).offset(), std::nullopt);
    EXPECT_EQ(clock_of(2h, 3, 29s).offset(), std::nullopt);
    EXPECT_EQ(clock_of(2h, 3, 30s).offset(), 2h);
    EXPECT_EQ(clock_of(2h, 100, 1s).offset(), 2h) << "what comes thick and fast counts at times";
}

// What seems to be behind may be a queue.
TEST(ChargerClock, OneThatIsBehindTakesAQuarterOfAnHourAndAStateAmongIt) {
    EXPECT_EQ(clock_of(-2h, 30, 30s).offset(), std::nullopt);
    EXPECT_EQ(clock_of(-2h, 31, 30s).offset(), -2h);
    ChargerClock clock;
    const auto hear = [&](int minute, Source source) {
        const auto now = after(minute * 1min);
        clock.observe(now.wall - 2h, now, expected, source);
    };
    for (int minute = 0; minute < 600; ++minute) hear(minute, Source::may_be_queued);
    EXPECT_EQ(clock.offset(), std::nullopt) << "meter values alone prove nothing";
    hear(600, Source::live);
    EXPECT_EQ(clock.offset(), std::nullopt);
    hear(601, Source::live);
    EXPECT_EQ(clock.offset(), -2h);
}

TEST(ChargerClock, AQueueSaysNothing) {
    ChargerClock clock;
    for (int i = 0; i < 600; ++i) {  // ten hours of samples in ten minutes
        EXPECT_FALSE(clock.observe(start.wall - 10h + i * 1min, after(i * 1s), expected,
                                   Source::may_be_queued));
    }
    // The same moment again and again: when a state began.
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(clock.observe(start.wall, after(1h + i * 1min), expected, Source::live));
    }
    EXPECT_EQ(clock.offset(), std::nullopt);
}

TEST(ChargerClock, ABootSetsTheClockButNotTheZone) {
    auto clock = clock_of(2h);
    clock.booted();
    EXPECT_EQ(clock.offset(), 2h);
    clock = clock_of(1234s);
    clock.booted();
    EXPECT_EQ(clock.offset(), std::nullopt);
    EXPECT_EQ(clock.former(), 1234s);
}

TEST(ChargerClock, SummerTimeEnds) {
    auto clock = clock_of(2h);
    const auto hear = [&](int i) {
        const auto now = after(1h + i * 30s);
        return clock.observe(now.wall + 1h, now, expected, Source::live);
    };
    for (int i = 0; i < 30; ++i) EXPECT_FALSE(hear(i)) << "a queue would look like that";
    EXPECT_TRUE(hear(30));
    EXPECT_EQ(clock.offset(), 1h);
    EXPECT_EQ(clock.former(), 2h);
}

// A charger that was away and sends what it has queued since, more slowly or less, while it goes on
// sampling; states are not queued.
struct Replay {
    std::chrono::seconds offset;  // of its clock
    std::chrono::seconds away;    // how long it was
    std::chrono::seconds sampling;
    std::chrono::seconds pause;       // between two messages of the queue
    std::chrono::seconds state_each;  // live, beside the queue; 0: never
};

// What its clock is taken for while the queue lasts, and for another hour.
void replay(ChargerClock& clock, const Replay& r, const std::function<void()>& check) {
    std::deque<Timestamp> queue;
    for (auto at = -r.away; at < 0s; at += r.sampling)
        queue.push_back(after(24h + at).wall + r.offset);
    for (auto passed = 0s; passed < r.away + 1h; passed += 1s) {
        const auto now = after(24h + passed);
        const auto theirs = now.wall + r.offset;
        if (passed % r.sampling == 0s) queue.push_back(theirs);
        if (r.state_each > 0s && passed % r.state_each == 0s) {
            clock.observe(theirs, now, expected, Source::live);
        }
        if (passed % r.pause == 0s && !queue.empty()) {
            clock.observe(queue.front(), now, expected, Source::may_be_queued);
            queue.pop_front();
        }
        check();
    }
}

// What a clock that is ahead by this counts as at most.
std::chrono::seconds offset_taken(std::chrono::seconds ahead) {
    return clock_of(ahead).offset().value_or(0s);
}

std::chrono::seconds any_offset() {
    return *rc::gen::element<std::chrono::seconds>(0s, 1h, 2h, -1h, -5h - 30min, 1234s, -7777s);
}

RC_GTEST_PROP(ChargerClockLaw, ASlowQueueNeverTeachesAClock, ()) {
    Replay r;
    r.offset = any_offset();
    r.away = std::chrono::minutes{*rc::gen::inRange(6, 600)};
    r.sampling = std::chrono::seconds{*rc::gen::inRange(10, 300)};
    // As fast as it grows, at the slowest: it never ends then.
    r.pause = std::chrono::seconds{*rc::gen::inRange(1, static_cast<int>(r.sampling.count()) + 1)};
    r.state_each = *rc::gen::element<std::chrono::seconds>(0s, 7min, 45min);
    auto clock = clock_of(r.offset);
    const auto before = clock.offset();
    replay(clock, r, [&] { RC_ASSERT(clock.offset() == before); });
    // One that nothing is known of: never lower than it is, and never behind for nothing.
    if (r.offset < 0s) return;
    ChargerClock fresh;
    const auto most = offset_taken(r.offset);
    replay(fresh, r, [&] {
        RC_ASSERT(!fresh.offset() || (*fresh.offset() >= 0s && *fresh.offset() <= most));
    });
}

RC_GTEST_PROP(ChargerClockLaw, AConstantOffsetIsLearned, ()) {
    const auto offset = any_offset();
    const std::chrono::seconds sampling{*rc::gen::inRange(5, 300)};
    const std::chrono::seconds late_max{*rc::gen::inRange(0, 10)};
    ChargerClock clock;
    for (auto passed = 0s; passed < 40min; passed += sampling) {
        const auto now = after(passed);
        const std::chrono::seconds late{*rc::gen::inRange<std::int64_t>(0, late_max.count() + 1)};
        const bool is_state = passed == 0s || passed >= 35min;
        const auto source = is_state ? Source::live : Source::may_be_queued;
        clock.observe(now.wall + offset - late, now, expected, source);
    }
    RC_ASSERT(clock.offset());
    RC_ASSERT(std::chrono::abs(*clock.offset() - offset) <= 10s);
}

struct ChargerClockTest : testing::Test, OneCharger {
    // A charger whose clock is two hours ahead, and known to be.
    void learn_two_hours() {
        for (int i = 0; i < 3; ++i) {
            say_status("Available");
            pass(30s);
        }
    }
    // What a server that starts now makes of the rows; the charger is connected to it.
    void restart() {
        charger().clock = {};
        for (const auto& row : journal.all<db::StateSaved>()) restore_clock(site, row);
    }
    std::string theirs() { return to_string(now.wall + 2h); }
    void say_status(const std::string& status) {
        send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":")" + status +
                                       R"(","timestamp":")" + theirs() + "\"}");
    }
    std::vector<std::string> start_at(const std::string& time, const std::string& id = "s") {
        return send("StartTransaction",
                    R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":")" + time + "\"}",
                    id);
    }
};

TEST_F(ChargerClockTest, IsLearnedShownAndPutsTimesRight) {
    say_status("Available");
    EXPECT_EQ(charger().connectors.at(1).status->at, now.wall + 2h) << "not known yet";
    pass(30s);
    learn_two_hours();
    EXPECT_EQ(charger().clock.offset(), 2h);
    EXPECT_EQ(charger().deviations.at("clock_offset").count, 1U);
    say_status("Preparing");
    EXPECT_EQ(charger().connectors.at(1).status->at, now.wall);
    start_at(theirs());
    EXPECT_EQ(charger().open.at(0).start.started_at, now.wall);
    send("MeterValues", R"({"connectorId":1,"meterValue":[{"timestamp":")" + theirs() +
                            R"(","sampledValue":[{"value":"1"}]}]})");
    EXPECT_EQ(journal.all<db::MeterSample>().back().measured_at, now.wall);
    pass(60s);
    send("StopTransaction", R"({"transactionId":)" +
                                std::to_string(charger().open.at(0).start.transaction_id) +
                                R"(,"meterStop":5,"timestamp":")" + theirs() +
                                R"(","transactionData":[{"timestamp":")" + theirs() +
                                R"(","sampledValue":[{"value":"5"}]}]})");
    EXPECT_EQ(charger().stopped.back().stop->stopped_at, now.wall);
    EXPECT_EQ(journal.all<db::MeterSample>().back().measured_at, now.wall);
}

TEST_F(ChargerClockTest, AStrictChargerIsTakenAtItsWord) {
    learn_two_hours();
    charger().settings.validation = "strict";
    say_status("Preparing");
    EXPECT_EQ(charger().connectors.at(1).status->at, now.wall + 2h);
}

TEST_F(ChargerClockTest, ATimeThatCannotBeReadIsThatOfItsArrival) {
    learn_two_hours();
    send("StatusNotification",
         R"({"connectorId":1,"errorCode":"NoError","status":"Preparing","timestamp":"noon"})");
    EXPECT_EQ(charger().connectors.at(1).status->at, now.wall);
    EXPECT_EQ(charger().clock.offset(), 2h);
}

// A start that is repeated must not become two because the clock was learned in between.
TEST_F(ChargerClockTest, ARepeatedStartStaysOneTransaction) {
    const auto time = theirs();
    start_at(time, "s1");
    learn_two_hours();
    start_at(time, "s2");
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1U);
    ASSERT_EQ(charger().open.size(), 1U);
}

TEST_F(ChargerClockTest, ARepeatedStartStaysOneTransactionOverARestart) {
    const auto time = theirs();
    start_at(time, "s1");  // before anything was known
    learn_two_hours();
    restart();
    EXPECT_EQ(charger().clock.offset(), 2h);
    EXPECT_TRUE(charger().clock.found_at());
    start_at(time, "s2");
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1U);
    // It ends by the times it began by.
    send("StopTransaction", R"({"transactionId":)" +
                                std::to_string(charger().open.at(0).start.transaction_id) +
                                R"(,"meterStop":9,"timestamp":")" + theirs() + "\"}");
    const auto& ended = charger().stopped.back();
    EXPECT_EQ(ended.stop->stopped_at - ended.start.started_at, 90s);
}

TEST_F(ChargerClockTest, WhatItWasTakenForBeforeSurvivesABootAndARestart) {
    charger().clock = clock_of(1234s);
    const auto time = to_string(now.wall + 1234s);
    start_at(time, "s1");
    EXPECT_EQ(charger().open.at(0).start.started_at, now.wall);
    send("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M"})");
    EXPECT_EQ(charger().clock.offset(), std::nullopt);
    restart();
    EXPECT_EQ(charger().clock.former(), 1234s);
    start_at(time, "s2");
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1U);
}

TEST_F(ChargerClockTest, ARepeatOfAStartByTheSitesZoneIsKnown) {
    const auto zone = TimeZone::find("Europe/Berlin");
    ASSERT_TRUE(zone);
    site.settings.time_zone = *zone;
    charger().quirks.timestamps = TimeQuirk::local_marked_utc;
    const auto time = theirs();  // summer time
    start_at(time, "s1");
    EXPECT_EQ(charger().open.at(0).start.started_at, now.wall);
    charger().clock = clock_of(0s);  // it sends UTC after all
    start_at(time, "s2");
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1U);
    charger().clock = {};
    charger().quirks.timestamps = TimeQuirk::utc;  // so its quirks say by now
    start_at(time, "s3");
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1U);
}

TEST_F(ChargerClockTest, ARepeatOfAStartWhoseBadgeWasErasedIsKnown) {
    const auto time = theirs();
    start_at(time, "s1");
    learn_two_hours();
    charger().open.at(0).start.id_tag = pseudonym_of(7);
    start_at(time, "s2");
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1U);
}

// They may carry the time at which what they sum up began.
TEST_F(ChargerClockTest, SamplesByTheClockTeachNothing) {
    for (int i = 0; i < 40; ++i) {
        send("MeterValues", R"({"connectorId":1,"meterValue":[{"timestamp":")" + theirs() +
                                R"(","sampledValue":[{"value":"1","context":"Sample.Clock"}]}]})");
        pass(30s);
    }
    EXPECT_EQ(charger().clock.offset(), std::nullopt);
}

// Neither must a transaction end before it has begun.
TEST_F(ChargerClockTest, ATransactionFromBeforeGoesOnByTheChargersTimes) {
    const auto began = now.wall;
    start_at(theirs());
    learn_two_hours();
    ASSERT_EQ(charger().clock.offset(), 2h);
    ASSERT_EQ(charger().open.size(), 1U);
    send("MeterValues", R"({"connectorId":1,"meterValue":[{"timestamp":")" + theirs() +
                            R"(","sampledValue":[{"value":"7"}]}]})");
    EXPECT_EQ(charger().open[0].register_wh, 7);
    send("StopTransaction", R"({"transactionId":)" +
                                std::to_string(charger().open.at(0).start.transaction_id) +
                                R"(,"meterStop":9,"timestamp":")" + theirs() + "\"}");
    const auto& ended = charger().stopped.back();
    EXPECT_EQ(ended.stop->stopped_at - ended.start.started_at, now.wall - began);
}

TEST_F(ChargerClockTest, LocalTimeIsPutRightByTheSitesZoneUntilTheClockIsKnown) {
    const auto zone = TimeZone::find("Europe/Berlin");
    ASSERT_TRUE(zone);
    site.settings.time_zone = *zone;
    charger().quirks.timestamps = TimeQuirk::local_without_zone;
    const auto local = theirs();  // summer time
    send("StatusNotification",
         R"({"connectorId":1,"errorCode":"NoError","status":"Preparing","timestamp":")" +
             local.substr(0, local.size() - 1) + "\"}");
    EXPECT_EQ(charger().connectors.at(1).status->at, now.wall);
    charger().clock = clock_of(0s);
    EXPECT_EQ(time_correction(site, charger(), now.wall), 0s) << "it sends UTC after all";
}

TEST_F(ChargerClockTest, SurvivesARestart) {
    learn_two_hours();
    const auto rows = journal.all<db::StateSaved>();
    ASSERT_FALSE(rows.empty());
    EXPECT_EQ(rows.back().kind, clock_kind);
    Site fresh{journal, settings()};
    fresh.charge_points["CP1"].settings.id = "CP1";
    restore_clock(fresh, rows.back());
    EXPECT_EQ(fresh.find("CP1")->clock.offset(), 2h);
    EXPECT_EQ(fresh.find("CP1")->clock.found_at(), charger().clock.found_at());
    restore_clock(fresh, {"other", "CP1", {"5"}});
    EXPECT_EQ(fresh.find("CP1")->clock.offset(), 2h);
    restore_clock(fresh, {std::string{clock_kind}, "CP1", {"-3600"}});
    EXPECT_EQ(fresh.find("CP1")->clock.offset(), -1h) << "as it was stored at first";
}

}  // namespace
}  // namespace busbar::site::test
