#include <gmock/gmock.h>

#include "site/commands.hpp"
#include "tests/site/load_management_support.hpp"

namespace busbar::site::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST_F(LoadManagementTest, InstallsTheSafeProfileAfterTheBoot) {
    meter(10);
    send("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M"})");
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Available"})");
    EXPECT_THAT(link->take(), IsEmpty()) << "nothing behind the boot answer at once";
    pass(1s);
    EXPECT_THAT(link->take(), Contains(HasSubstr(R"("chargingProfileId":2001)")));
}

TEST_F(LoadManagementTest, RaisesARunningTransactionStepByStep) {
    boot_and_start();
    const auto sent = live(120s, 20);
    EXPECT_THAT(sent, Contains(HasSubstr(R"("chargingProfileId":3001,"transactionId":1001)")));
    EXPECT_DOUBLE_EQ(last_limit(sent), 32.0);
}

TEST_F(LoadManagementTest, LowersInTheSameStepAsTheSampleThatIsTooHigh) {
    boot_and_start();
    live(120s, 20);
    pass(1s);
    answer_all();
    meter(90);
    const auto sent = link->take();
    EXPECT_THAT(sent, Contains(HasSubstr("TxProfile")));
    EXPECT_LT(last_limit(sent), 32.0);
}

TEST_F(LoadManagementTest, ALoweringDoesNotWaitForTheJournalButARaiseDoes) {
    // So little is sure when the building is not seen that the safe current is the minimum.
    auto narrow = site.engine.settings();
    narrow.reserve_blind = {40_A, 40_A, 40_A};
    site.engine.set_settings(narrow, now);
    boot_and_start();
    journal.held = true;
    for (int i = 0; i < 40; ++i) {
        pass(1s);
        meter(20);
    }
    EXPECT_THAT(link->take(), Not(Contains(HasSubstr("TxProfile\""))));
    journal.commit();
    EXPECT_THAT(link->take(), Contains(HasSubstr("\"TxProfile\"")));
}

// A charger answers Rejected to a limit for a transaction it has not been told of yet.
TEST_F(LoadManagementTest, NoLimitOvertakesTheAnswerToItsStart) {
    meter(10);
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Preparing"})");
    journal.held = true;
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    for (int i = 0; i < 3; ++i) {
        pass(1s);
        meter(90);
    }
    EXPECT_THAT(link->take(), Not(Contains(HasSubstr("\"TxProfile\""))));
    journal.commit();
    const auto sent = link->take();
    ASSERT_THAT(sent, Contains(HasSubstr("transactionId")));
    EXPECT_THAT(sent.front(), HasSubstr(R"("idTagInfo")"));
}

TEST_F(LoadManagementTest, ACarThatNothingHoldsBackIsBookedAtAllItsChargerCanGive) {
    meter(10);
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Preparing"})");
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    const auto booked = [&] { return site.engine.status(now).at(0).worst_case; };
    meter(10);
    EXPECT_EQ(booked(), 32_A);
    live(40s, 80);
    EXPECT_LT(booked(), 32_A) << "an acknowledged limit replaces the guess";
}

TEST_F(LoadManagementTest, AChargerThatBootsIsToldItsLimitAgainBehindTheSetUp) {
    boot_and_start();
    live(120s, 20);
    EXPECT_THAT(send("BootNotification", boot_text), testing::SizeIs(1)) << "its answer alone";
    meter(20);
    EXPECT_THAT(link->take(), IsEmpty());
    const auto sent = live(3s, 20);
    EXPECT_THAT(sent, Contains(HasSubstr("\"TxDefaultProfile\"")));
    EXPECT_DOUBLE_EQ(last_limit(sent), 32.0);
}

TEST_F(LoadManagementTest, AChargerThatIsQuicklyBackIsToldItsLimitAgain) {
    boot_and_start();
    live(120s, 20);
    link = connect("CP1");
    EXPECT_DOUBLE_EQ(last_limit(live(2s, 20)), -1) << "it may be about to send its boot";
    EXPECT_DOUBLE_EQ(last_limit(live(3s, 20)), 32.0);
}

TEST_F(LoadManagementTest, WhileNothingCanBeStoredOnlyLoweringsAreSentAndNothingIsAppended) {
    boot_and_start();
    live(20s, 20);
    journal.is_full = true;
    const auto before = journal.appended;
    EXPECT_DOUBLE_EQ(last_limit(live(400s, 20)), -1) << "neither raised nor renewed";
    const auto sent = live(1s, 90);
    EXPECT_THAT(sent, Contains(HasSubstr("\"TxProfile\"")));
    EXPECT_EQ(journal.appended, before);
    EXPECT_THAT(journal.waiting, IsEmpty());
    journal.is_full = false;
    EXPECT_GT(last_limit(live(120s, 20)), last_limit(sent));
}

TEST_F(LoadManagementTest, AStartThatIsNotStoredKeepsOneLoweringWaiting) {
    meter(10);
    send("BootNotification", boot_text);
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Available"})");
    pass(1s);
    answer_all();
    journal.held = true;
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    journal.is_full = true;
    for (int i = 0; i < 20; ++i) {
        link = connect("CP1");
        for (int second = 0; second < 20; ++second) {
            pass(1s);
            meter(90);
        }
    }
    EXPECT_LE(journal.waiting.size(), 2u) << "the answer to the start, and the newest lowering";
    EXPECT_THAT(link->take(), Not(Contains(HasSubstr("\"TxProfile\""))));
    journal.is_full = false;
    journal.commit();
    EXPECT_THAT(link->take(), Contains(HasSubstr("\"TxProfile\"")));
}

TEST_F(Stubborn, ARefusedStackLevelIsFollowedByLevel0AtOnceAndLearned) {
    reports("ChargeProfileMaxStackLevel", "8");
    refuses = [](const std::string& text) { return !has(text, R"("stackLevel":0)"); };
    const auto sent = begin_charge();
    EXPECT_THAT(sent, Contains(HasSubstr(R"("stackLevel":8)")));
    EXPECT_THAT(sent, Contains(AllOf(HasSubstr("\"TxProfile\""), HasSubstr(R"("stackLevel":0)"))));
    EXPECT_FALSE(charger().connectors[1].limit_refused);
    EXPECT_THAT(live(10s, 20), Contains(HasSubstr(R"("stackLevel":8)")))
        << "it may just not have heard of its transaction";
    EXPECT_EQ(charger().quirks.stack_level_max, 0);
    EXPECT_THAT(live(120s, 20), Not(Contains(HasSubstr(R"("stackLevel":8)"))));
}

TEST_F(Stubborn, RefusedAmperesAreFollowedByWattsOfOnePhase) {
    refuses = [](const std::string& text) { return has(text, R"("chargingRateUnit":"A")"); };
    const auto sent = begin_charge();
    EXPECT_THAT(sent, Contains(AllOf(HasSubstr("\"TxProfile\""), HasSubstr("\"limit\":1242.0"))));
    EXPECT_TRUE(charger().connectors[1].safe_profile_accepted);
    live(10s, 20);
    EXPECT_EQ(charger().quirks.rate_unit, v16::ChargingRateUnit::W);
}

TEST_F(Stubborn, WattsGrowOnceTheCarShowsThreePhases) {
    reports("ChargingScheduleAllowedChargingRateUnit", "Power");
    // 6.7 A at 207 V: 6 A to a charger that divides by 230 V.
    charger().settings.quirks = R"({"rateUnit":"W"})";
    EXPECT_THAT(begin_charge(), Contains(HasSubstr("\"limit\":1386.9")));
    auto& connector = charger().connectors[1];
    connector.measured = PhaseAmps{6_A, 6_A, 6_A};
    connector.measured_at = now.mono;
    EXPECT_THAT(live(2s, 20), Contains(HasSubstr("\"limit\":4160.7")));
    connector.measured = PhaseAmps{6_A, 0_A, 0_A};
    const auto sent = live(2s, 20);
    EXPECT_THAT(sent, Contains(HasSubstr("\"TxProfile\"")));
    EXPECT_THAT(sent, Not(Contains(HasSubstr("\"limit\":4160.7"))));
}

TEST_F(Stubborn, WithoutTxProfilesTheDefaultCarriesTheLimitAndComesBackAfterwards) {
    refuses = [](const std::string& text) { return has(text, "\"TxProfile\""); };
    const auto sent = begin_charge();
    EXPECT_THAT(sent, Contains(AllOf(HasSubstr("\"TxDefaultProfile\""), HasSubstr("\"limit\":6.0"),
                                     HasSubstr(R"("startPeriod":660)"))));
    live(60s, 20);
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":5,"timestamp":"2026-05-01T08:10:00Z"})");
    pass(50ms);
    EXPECT_EQ(site.engine.status(now).at(0).worst_case, 32_A) << "it may hold the limit still";
    EXPECT_THAT(live(2s, 20),
                Contains(AllOf(HasSubstr("\"TxDefaultProfile\""), HasSubstr("\"Relative\""))));
    EXPECT_FALSE(charger().connectors[1].limits.lingering);
}

TEST_F(Stubborn, WhatIsRefusedInEveryShapeEndsWithARemoteStopWhenTheBreakerIsInDanger) {
    refuses = [](const std::string& text) { return has(text, "SetChargingProfile"); };
    const auto sent = begin_charge();
    EXPECT_TRUE(charger().connectors[1].limit_refused);
    EXPECT_EQ(journal.all<db::LimitAnswered>().back().status, "Rejected");
    EXPECT_LE(sent.size(), 10U);
    EXPECT_THAT(live(30s, 40), Not(Contains(HasSubstr("RemoteStop"))));
    const auto overloaded = live(30s, 90);
    EXPECT_THAT(overloaded,
                Contains(HasSubstr(R"("RemoteStopTransaction",{"transactionId":1001})")));
    EXPECT_EQ(site.counters.overload_stops, 1U);
    EXPECT_EQ(charger().deviations.at("stopped_by_load_management").count, 1U);
}

TEST_F(Stubborn, AnObedientChargerIsNeverStopped) {
    begin_charge();
    EXPECT_THAT(live(60s, 90), Not(Contains(HasSubstr("RemoteStop"))));
}

TEST_F(Stubborn, ACarThatMustNotPauseIsHeldAtItsMinimum) {
    charger().settings.quirks = R"({"minimumAmpsPolicy":"hold_minimum"})";
    begin_charge();
    EXPECT_DOUBLE_EQ(last_limit(live(60s, 20)), 32.0);
    EXPECT_DOUBLE_EQ(last_limit(live(5s, 90)), 6.0);
}

TEST_F(Stubborn, ACarThatMustNotPauseIsStoppedWhereThatIsThePolicy) {
    charger().settings.quirks = R"({"minimumAmpsPolicy":"remote_stop"})";
    begin_charge();
    const auto sent = live(5s, 90);
    EXPECT_THAT(sent, Contains(HasSubstr("RemoteStopTransaction")));
    EXPECT_THAT(sent, Not(Contains(HasSubstr("\"limit\":0.0"))));
}

// It goes on drawing: a pause is what is left.
TEST_F(Stubborn, ACarThatIsNotStoppedByThatIsPausedAfterAll) {
    charger().settings.quirks = R"({"minimumAmpsPolicy":"remote_stop"})";
    refuses = [](const std::string& text) { return has(text, "RemoteStopTransaction"); };
    begin_charge();
    EXPECT_THAT(live(8s, 90), Not(Contains(HasSubstr("\"limit\":0.0"))))
        << "it has some time to obey";
    const auto sent = live(20s, 90);
    EXPECT_THAT(sent, Contains(AllOf(HasSubstr("\"TxProfile\""), HasSubstr("\"limit\":0.0"))));
    EXPECT_EQ(site.engine.status(now).at(0).offered, 0_A);
}

// Its predecessor's phases say nothing of the next car.
TEST_F(Stubborn, ACarThatSupersedesAnotherHasShownNoPhases) {
    charger().settings.quirks = R"({"rateUnit":"W"})";
    begin_charge();
    auto& connector = charger().connectors[1];
    connector.measured = PhaseAmps{6_A, 6_A, 6_A};
    connector.measured_at = now.mono;
    EXPECT_THAT(live(2s, 20), Contains(HasSubstr("\"limit\":4160.7")));
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":9,"timestamp":"2026-05-01T08:00:30Z"})");
    ASSERT_EQ(charger().open.size(), 1U);
    ASSERT_EQ(charger().open[0].start.meter_start_wh, 9);
    EXPECT_EQ(connector.limits.phases, 0);
    double most = 0;
    for (const auto& text : live(60s, 20)) {
        const auto at = text.find("\"limit\":");
        if (has(text, "\"TxProfile\"") && at != std::string::npos)
            most = std::max(most, std::stod(text.substr(at + 8)));
    }
    EXPECT_GT(most, 0);
    EXPECT_LE(most, 32 * 207) << "one phase may take them all";
}

TEST_F(Stubborn, RaisesKeepTheirDistance) {
    begin_charge();
    std::vector<double> limits;
    for (int second = 0; second < 60; ++second) {
        if (const auto limit = last_limit(live(1s, 20)); limit >= 0) limits.push_back(limit);
    }
    EXPECT_EQ(limits, (std::vector<double>{18, 30, 32}));
}

TEST_F(Stubborn, WhatAnOperatorClearsIsBookedAndSentAgainWithinASecond) {
    begin_charge();
    live(60s, 20);
    send("MeterValues", R"({"connectorId":1,"meterValue":[]})");
    command(site, "CP1", "ClearChargingProfile", "{}", now, [](const CommandResult&) {});
    const auto sent = link->take();
    ASSERT_THAT(sent, testing::SizeIs(1));
    const auto id = sent[0].substr(4, sent[0].find('"', 4) - 4);
    receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":"Unknown"}])", now);
    EXPECT_EQ(site.engine.status(now).at(0).worst_case, 32_A);
    EXPECT_FALSE(site.engine.safe_held("CP1/1"));
    pass(100ms);
    const auto again = answer_all();
    EXPECT_THAT(again, Contains(HasSubstr("\"TxProfile\"")));
    EXPECT_THAT(again, Contains(HasSubstr("\"TxDefaultProfile\"")));
    EXPECT_TRUE(site.engine.safe_held("CP1/1"));
}

TEST_F(Stubborn, ClearingAnothersProfileChangesNothing) {
    begin_charge();
    live(60s, 20);
    command(site, "CP1", "ClearChargingProfile", R"({"id":77})", now, [](const CommandResult&) {});
    answer_all();
    EXPECT_THAT(live(1s, 20), IsEmpty());
}

TEST_F(LoadManagementTest, ARepeatedStartWaitsForTheJournalOnce) {
    meter(10);
    journal.held = true;
    for (int i = 0; i < 20; ++i) {
        link = connect("CP1");
        send(
            "StartTransaction",
            R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    }
    EXPECT_LE(journal.waiting.size(), 2U);
    EXPECT_EQ(charger().waiting_replies.size(), 1U);
    journal.commit();
    EXPECT_THAT(link->take(), Contains(HasSubstr("\"transactionId\"")));
    EXPECT_TRUE(charger().awaited_tickets.empty());
}

// A thousand chargers come back within a second.
TEST_F(LoadManagementTest, ConnectionsAreLookedAtTogether) {
    meter(10);
    for (int i = 0; i < 1000; ++i) add_charger("N" + std::to_string(i));
    const auto before = site.counters.load_management_steps;
    std::vector<std::shared_ptr<KeepingLink>> links;
    for (int i = 0; i < 1000; ++i) {
        links.push_back(connect("N" + std::to_string(i)));
        if (site.wake_at() && *site.wake_at() <= now.mono) on_timer(site, now);
        now.mono += 1ms;
        now.wall += 1ms;
    }
    EXPECT_LE(site.counters.load_management_steps - before, 51U);
    EXPECT_GE(site.counters.load_management_steps - before, 1U) << "they are not put off for ever";
}

TEST_F(LoadManagementTest, AMeterSampleWaitsForNothing) {
    boot_and_start();
    live(120s, 20);
    pass(1s);
    meter(20);
    answer_all();
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Charging"})");
    const auto before = site.counters.load_management_steps;
    now.mono += 1ms;
    meter(90);
    EXPECT_EQ(site.counters.load_management_steps, before + 1);
    EXPECT_THAT(link->take(), Contains(HasSubstr("TxProfile")));
}

TEST_F(LoadManagementTest, WhatHappensAfterALongSilenceIsLookedAtAfterTwentyMilliseconds) {
    boot_and_start();
    live(5s, 20);
    pass(500ms);
    const auto before = site.counters.load_management_steps;
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Charging"})");
    EXPECT_EQ(site.counters.load_management_steps, before);
    pass(20ms);
    EXPECT_EQ(site.counters.load_management_steps, before + 1);
}

}  // namespace
}  // namespace busbar::site::test
