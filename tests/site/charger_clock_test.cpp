#include "site/charger_clock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr Now start{Instant{1h}, std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 8h};

Now after(std::chrono::seconds passed) { return {start.mono + passed, start.wall + passed}; }

// A clock ahead by `ahead` that sends one message each `every`.
ChargerClock clock_of(std::chrono::seconds ahead, int messages = 3,
                      std::chrono::seconds every = 30s) {
    ChargerClock clock;
    for (int i = 0; i < messages; ++i) {
        const auto now = after(i * every);
        clock.observe(now.wall + ahead, now, 300s);
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

TEST(ChargerClock, TakesThreeMessagesOverAMinute) {
    EXPECT_EQ(clock_of(2h, 2, 60s).offset(), std::nullopt);
    EXPECT_EQ(clock_of(2h, 3, 29s).offset(), std::nullopt);
    EXPECT_EQ(clock_of(2h, 3, 30s).offset(), 2h);
    EXPECT_EQ(clock_of(2h, 100, 1s).offset(), 2h) << "what comes thick and fast counts at times";
}

TEST(ChargerClock, AQueueSaysNothing) {
    ChargerClock clock;
    for (int i = 0; i < 600; ++i) {  // ten hours of samples in ten minutes
        EXPECT_FALSE(clock.observe(start.wall - 10h + i * 1min, after(i * 1s), 300s));
    }
    // The same moment again and again: when a state began.
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(clock.observe(start.wall, after(1h + i * 1min), 300s));
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
    bool changed = false;
    for (int i = 0; i < 3; ++i) {
        const auto now = after(1h + i * 30s);
        changed |= clock.observe(now.wall + 1h, now, 300s);
    }
    EXPECT_TRUE(changed);
    EXPECT_EQ(clock.offset(), 1h);
    EXPECT_EQ(clock.former(), 2h);
}

struct ChargerClockTest : testing::Test, OneCharger {
    // A charger whose clock is two hours ahead, and known to be.
    void learn_two_hours() {
        for (int i = 0; i < 3; ++i) {
            say_status("Available");
            pass(30s);
        }
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
    restore_clock(fresh, {"other", "CP1", {"5"}});
    EXPECT_EQ(fresh.find("CP1")->clock.offset(), 2h);
}

}  // namespace
}  // namespace busbar::site::test
