// Transactions whose messages come late, in another order, or not at all, through the handlers.
#include "site/transaction_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/privacy.hpp"
#include "site/transaction_restore.hpp"
#include "site/transactions.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

struct TransactionRulesTest : testing::Test, OneCharger {
    TransactionRulesTest() {
        charger().settings.max_milliamps = 32'000;
        status("Available");
        pass(1s);
    }
    static std::string start_at(const std::string& time, int meter = 1000, int connector = 1) {
        return R"({"connectorId":)" + std::to_string(connector) +
               R"(,"idTag":"TAG","meterStart":)" + std::to_string(meter) +
               R"(,"timestamp":"2026-05-01T)" + time + R"(Z"})";
    }
    static std::string stop_at(const std::string& time, int id, int meter,
                               const std::string& more = "") {
        return R"({"transactionId":)" + std::to_string(id) + R"(,"idTag":"TAG","meterStop":)" +
               std::to_string(meter) + R"(,"timestamp":"2026-05-01T)" + time + R"(Z")" + more + "}";
    }
    static std::string begin_data(const std::string& time, const std::string& value) {
        return R"(,"transactionData":[{"timestamp":"2026-05-01T)" + time +
               R"(Z","sampledValue":[{"value":")" + value +
               R"(","context":"Transaction.Begin"}]}])";
    }
    void status(const std::string& status) {
        send("StatusNotification",
             R"({"connectorId":1,"errorCode":"NoError","status":")" + status + R"("})");
    }
    void value(const std::string& time, const std::string& samples) {
        send("MeterValues", R"({"connectorId":1,"transactionId":1001,"meterValue":[{"timestamp":)"
                            R"("2026-05-01T)" +
                                time + R"(Z","sampledValue":[)" + samples + "]}]}");
    }
    db::TransactionStopped last_stop() const {
        const auto stops = journal.all<db::TransactionStopped>();
        return stops.empty() ? db::TransactionStopped{} : stops.back();
    }
};

TEST_F(TransactionRulesTest, AStopThatTellsHowItBeganIsASessionOfItsOwn) {
    EXPECT_THAT(
        send("StopTransaction", stop_at("07:30:00", -1, 6000, begin_data("06:00:00", "1000"))),
        testing::Contains(R"([3,"x",{"idTagInfo":{"status":"Accepted"}}])"));
    ASSERT_EQ(journal.all<db::TransactionStarted>().size(), 1u);
    const auto row = journal.all<db::TransactionStarted>()[0];
    EXPECT_TRUE(row.reconstructed.value_or(false));
    EXPECT_EQ(row.charge_point, "CP1");
    EXPECT_EQ(row.connector_id, 1);
    EXPECT_EQ(row.id_tag, "TAG");
    EXPECT_EQ(row.badge, "TAG");
    EXPECT_EQ(row.authorization, "Accepted");
    EXPECT_EQ(row.meter_start_wh, 1000);
    EXPECT_EQ(last_stop().energy_wh, 5000);
    EXPECT_TRUE(journal.all<db::OrphanStop>().empty());
    EXPECT_TRUE(charger().open.empty());
    // Once more, and then its start after all.
    send("StopTransaction", stop_at("07:30:00", -1, 6000, begin_data("06:00:00", "1000")));
    EXPECT_THAT(send("StartTransaction", start_at("06:00:00")),
                ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1u);
    EXPECT_EQ(journal.all<db::TransactionStopped>().size(), 1u);
}

TEST_F(TransactionRulesTest, AStopBeforeItsStartEndsIt) {
    send("StopTransaction", stop_at("07:30:00", -1, 6000));
    EXPECT_EQ(journal.all<db::OrphanStop>().size(), 1u);
    EXPECT_THAT(send("StartTransaction", start_at("06:00:00")),
                ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_TRUE(charger().open.empty());
    EXPECT_EQ(last_stop().meter_stop_wh, 6000);
    EXPECT_FALSE(last_stop().estimated);
    // The next session has nothing to do with it.
    send("StartTransaction", start_at("08:00:00", 6000));
    EXPECT_EQ(charger().open.size(), 1u);
}

// Its stop's number may be given to another later.
TEST_F(TransactionRulesTest, AReconstructedSessionHasANumberOfItsOwn) {
    const auto stop = stop_at("07:30:00", 1002, 6000, begin_data("06:00:00", "1000"));
    send("StopTransaction", stop);
    ASSERT_EQ(journal.all<db::TransactionStarted>().size(), 1u);
    EXPECT_EQ(journal.all<db::TransactionStarted>()[0].transaction_id, 1001);
    EXPECT_THAT(send("StartTransaction", start_at("08:00:00", 6000)),
                ElementsAre(HasSubstr(R"("transactionId":1002)")));
    send("StopTransaction", stop);
    EXPECT_EQ(charger().open.size(), 1u) << "a repeat ends nothing";
    EXPECT_EQ(journal.all<db::TransactionStopped>().size(), 1u);
}

TEST_F(TransactionRulesTest, AnOrphanEndsNothingThatGetsItsNumberLater) {
    const auto stop = stop_at("07:30:00", 1001, 9000);
    send("StopTransaction", stop);
    send("StartTransaction", start_at("08:00:00", 6000));
    ASSERT_EQ(charger().open.size(), 1u);
    EXPECT_EQ(charger().open[0].start.transaction_id, 1001);
    send("StopTransaction", stop);
    EXPECT_EQ(charger().open.size(), 1u);
}

// Who has left memory may have had the number: it must not be counted a second time.
TEST_F(TransactionRulesTest, AForgottenTransactionIsNotMadeUpAnew) {
    for (std::size_t i = 0; i < db::recent_transactions_min; ++i) {
        auto& ended = charger().stopped.emplace_back();
        ended.start.id = static_cast<db::TransactionKey>(i) + 100;
        ended.start.transaction_id = transaction_id_for(ended.start.id);
        ended.stop.emplace().received_at = now.wall;
    }
    send("StopTransaction", stop_at("07:30:00", 1005, 6000, begin_data("06:00:00", "1000")));
    EXPECT_TRUE(journal.all<db::TransactionStarted>().empty());
    EXPECT_EQ(journal.all<db::OrphanStop>().size(), 1u);
}

TEST_F(TransactionRulesTest, AStopWithTheNumberOfAnEndedOneIsNotLost) {
    send("StartTransaction", start_at("06:00:00"));
    send("StopTransaction", stop_at("06:30:00", 1001, 2000));
    send("StopTransaction", stop_at("06:40:00", 1001, 2000));
    EXPECT_TRUE(journal.all<db::OrphanStop>().empty()) << "repeated with the time of that";
    send("StopTransaction", stop_at("07:30:00", 1001, 5000));
    ASSERT_EQ(journal.all<db::OrphanStop>().size(), 1u);
    EXPECT_EQ(journal.all<db::OrphanStop>()[0].meter_stop_wh, 5000);
    EXPECT_EQ(last_stop().meter_stop_wh, 2000);
    EXPECT_TRUE(charger().orphan_stops.empty()) << "its start has been answered";
}

TEST_F(TransactionRulesTest, WhatADoubtfulEndSaidIsKeptBesideIt) {
    send("StartTransaction", start_at("06:00:00"));
    send("StopTransaction", stop_at("06:30:00", 77'000, 2000));
    EXPECT_TRUE(last_stop().estimated);
    ASSERT_EQ(journal.all<db::OrphanStop>().size(), 1u);
    send("StopTransaction", stop_at("06:40:00", 1001, 2500));
    EXPECT_FALSE(last_stop().estimated);
    EXPECT_EQ(last_stop().meter_stop_wh, 2500);
}

TEST_F(TransactionRulesTest, AQueueThatIsSentAgainChangesNothing) {
    const auto send_queue = [&] {
        for (const int hour : {1, 3}) {
            const auto number = 1001 + hour / 2;
            const auto at = "0" + std::to_string(hour) + ":00:00";
            EXPECT_THAT(send("StartTransaction", start_at(at, hour * 1000)),
                        Contains(HasSubstr(R"(},"transactionId":)" + std::to_string(number))));
            value("0" + std::to_string(hour) + ":30:00",
                  R"({"value":")" + std::to_string(hour * 1000 + 200) + R"("})");
            send("StopTransaction",
                 stop_at("0" + std::to_string(hour + 1) + ":00:00", number, hour * 1000 + 700));
        }
    };
    send_queue();
    pass(5s);
    send_queue();
    pass(2min);
    send_queue();
    // While another session runs, too.
    send("StartTransaction", start_at("07:50:00", 9000));
    pass(2h);
    send_queue();
    EXPECT_EQ(charger().open.size(), 1u);
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 3u);
    ASSERT_EQ(journal.all<db::TransactionStopped>().size(), 2u);
    EXPECT_EQ(last_stop().energy_wh, 700);
    EXPECT_TRUE(journal.all<db::OrphanStop>().empty());
}

TEST_F(TransactionRulesTest, AnEndWithoutANumberOfOursMayBeReplaced) {
    for (const int none : {0, -1, 888'888}) {
        SCOPED_TRACE(none);
        const auto id = 1001 + static_cast<int>(charger().stopped.size());
        send("StartTransaction", start_at("06:00:00", 1000 + id));
        send("StopTransaction", stop_at("06:30:00", none, 1900 + id));
        EXPECT_TRUE(last_stop().estimated);
        send("StopTransaction", stop_at("06:31:00", id, 1950 + id));
        EXPECT_FALSE(last_stop().estimated);
        EXPECT_EQ(last_stop().energy_wh, 950);
    }
    // A charger that is known for such numbers leaves no doubt.
    charger().quirks.echoes_transaction_ids = false;
    send("StartTransaction", start_at("07:00:00", 9000));
    send("StopTransaction", stop_at("07:30:00", -1, 9500));
    EXPECT_FALSE(last_stop().estimated);
}

// What a guessed stop said is none of its readings, after a restart either.
TEST_F(TransactionRulesTest, AGuessedStopSaysNothingAgainstTheRealOne) {
    send("StartTransaction", start_at("06:00:00"));
    send("StopTransaction", stop_at("06:30:00", 77'000, 5000));
    auto& ended = charger().stopped.front();
    ended = restored(ended.start, *ended.stop, power_watts_max(charger()));
    send("StopTransaction", stop_at("06:40:00", 1001, 2500));
    EXPECT_EQ(last_stop().energy_wh, 1500);
}

struct ErasedBadge : TransactionRulesTest {
    void erase() { erase_badge(site, "TAG", "anon-00000001"); }
};

TEST_F(ErasedBadge, DoesNotComeBackWithALateStop) {
    send("StartTransaction", start_at("06:00:00"));
    force_stop(site, charger(), charger().open.front(), now);
    erase();
    const auto samples = begin_data("06:00:00", "1000");
    send("StopTransaction", stop_at("06:30:00", 1001, 2000, samples));
    EXPECT_FALSE(last_stop().estimated);
    EXPECT_EQ(last_stop().energy_wh, 1000);
    EXPECT_EQ(last_stop().id_tag, "anon-00000001");
}

TEST_F(ErasedBadge, DoesNotComeBackWithARepeatedStart) {
    send("StartTransaction", start_at("06:00:00"));
    send("StopTransaction", stop_at("06:30:00", 1001, 2000));
    erase();
    pass(2min);
    EXPECT_THAT(send("StartTransaction", start_at("06:00:00")),
                ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1u);
    EXPECT_TRUE(charger().open.empty());
}

TEST_F(ErasedBadge, IsOneSessionWithItsStopAndItsStartWhicheverComesLate) {
    send("StopTransaction", stop_at("07:30:00", -1, 6000, begin_data("06:00:00", "1000")));
    send("StopTransaction", stop_at("05:30:00", -1, 900));
    erase();
    send("StopTransaction", stop_at("07:31:00", -1, 6001, begin_data("06:00:00", "1000")));
    EXPECT_THAT(send("StartTransaction", start_at("06:00:00")),
                ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1u);
    send("StartTransaction", start_at("05:00:00", 800));
    EXPECT_EQ(last_stop().energy_wh, 100);
    EXPECT_TRUE(last_stop().estimated) << "without a badge it may be another's";
}

TEST_F(TransactionRulesTest, AnOlderStartTakesNobodysPlace) {
    send("StartTransaction", start_at("08:00:00", 5000));
    send("StartTransaction", start_at("06:00:00", 1000));
    ASSERT_EQ(charger().open.size(), 1u);
    EXPECT_EQ(charger().open[0].start.transaction_id, 1001);
    EXPECT_TRUE(last_stop().estimated);
    send("StopTransaction", stop_at("07:30:00", 1002, 4000));
    EXPECT_EQ(last_stop().energy_wh, 3000);
    EXPECT_FALSE(last_stop().estimated);
    EXPECT_EQ(charger().open.size(), 1u);
}

TEST_F(TransactionRulesTest, AFreeConnectorEndsItAfterAWhile) {
    send("StartTransaction", start_at("08:00:00"));
    pass(400s);
    EXPECT_EQ(charger().open.size(), 1u) << "it was free before the start, that says nothing";
    value("08:06:00", R"({"value":"1700"})");
    status("Finishing");
    status("Available");
    pass(290s);
    EXPECT_EQ(charger().open.size(), 1u);
    status("Available");
    pass(11s);
    EXPECT_TRUE(charger().open.empty());
    EXPECT_TRUE(last_stop().estimated);
    EXPECT_EQ(last_stop().reason, closed_by_available);
    EXPECT_EQ(last_stop().energy_wh, 700);
    EXPECT_EQ(charger().deviations.at("no_stop").count, 1u);
    // The real one, late.
    send("StopTransaction", stop_at("08:07:00", 1001, 1750));
    EXPECT_EQ(last_stop().energy_wh, 750);
    EXPECT_FALSE(last_stop().estimated);
}

TEST_F(TransactionRulesTest, AConnectorThatIsFreeAndDrawsIsNotFree) {
    send("StartTransaction", start_at("08:00:00"));
    pass(1s);
    status("Available");
    for (int i = 0; i < 10; ++i) {
        pass(100s);
        value(to_string(now.wall).substr(11, 8),
              R"({"value":"7000","measurand":"Power.Active.Import","unit":"W"})");
    }
    EXPECT_EQ(charger().open.size(), 1u);
    charger().quirks.close_after_available_seconds = 0;
    pass(2h);
    EXPECT_EQ(charger().open.size(), 1u) << "never, by its quirks";
}

TEST_F(TransactionRulesTest, ABootEndsItUnlessItGoesOn) {
    const std::string boot = R"({"chargePointVendor":"V","chargePointModel":"M"})";
    send("StartTransaction", start_at("08:00:00"));
    pass(60s);
    send("BootNotification", boot);
    pass(5min);
    value("08:06:00", R"({"value":"1700"})");
    pass(30min);
    EXPECT_EQ(charger().open.size(), 1u) << "it goes on";
    send("BootNotification", boot);
    pass(14min);
    EXPECT_EQ(charger().open.size(), 1u);
    pass(2min);
    EXPECT_TRUE(charger().open.empty());
    EXPECT_EQ(last_stop().reason, closed_by_boot);
    EXPECT_TRUE(last_stop().estimated);
    EXPECT_EQ(last_stop().meter_stop_wh, 1700);
}

TEST_F(TransactionRulesTest, AChargerThatIsAwayIsGivenTime) {
    send("StartTransaction", start_at("08:00:00"));
    send("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M"})");
    disconnected(site, "CP1", link, now, "cut");
    pass(10h);
    EXPECT_EQ(charger().open.size(), 1u);
}

TEST_F(TransactionRulesTest, ASupersededOneSaysSo) {
    send("StartTransaction", start_at("08:00:00"));
    send("StartTransaction", start_at("08:10:00", 1500));
    EXPECT_EQ(last_stop().reason, closed_by_start);
}

TEST_F(TransactionRulesTest, AResetRegisterIsSummedUpAndKnownAfterARestart) {
    send("StartTransaction", start_at("08:00:00", 50'000));
    pass(10min);
    value("08:10:00", R"({"value":"52000"})");
    EXPECT_TRUE(journal.all<db::StateSaved>().empty() ||
                journal.all<db::StateSaved>().back().kind != transaction_energy_kind);
    // The register begins anew; the third value in step is believed.
    for (const int minute : {11, 12, 13}) {
        pass(1min);
        value("08:" + std::to_string(minute) + ":00",
              R"({"value":")" + std::to_string((minute - 10) * 100) + R"("})");
    }
    const auto states = journal.all<db::StateSaved>();
    ASSERT_FALSE(states.empty());
    ASSERT_EQ(states.back().kind, transaction_energy_kind);
    // What a restart loads.
    charger().open[0].energy = {};
    restore_transaction_energy(site, states.back());
    send("StopTransaction", stop_at("08:30:00", 1001, 1300));
    EXPECT_EQ(last_stop().energy_source, "register_sum");
    EXPECT_EQ(last_stop().energy_wh, 2000 + 300 + 1000);
    EXPECT_EQ(journal.all<db::StateRemoved>().back().kind, transaction_energy_kind);
    EXPECT_EQ(charger().deviations.at("energy_not_by_register").count, 1u);
}

TEST_F(TransactionRulesTest, ItIsItsBadgesGroupsAndCostCentresAsTheyAreAtTheStart) {
    site.badges["TAG"].group = "FLEET";
    site.badge_groups["FLEET"] = {.name = "FLEET", .cost_centre = "4711"};
    send("StartTransaction", start_at("08:00:00"));
    const auto row = journal.all<db::TransactionStarted>().at(0);
    EXPECT_EQ(row.badge, "TAG");
    EXPECT_EQ(row.badge_group, "FLEET");
    EXPECT_EQ(row.cost_centre, "4711");
    site.badges["TAG"].cost_centre = "12";
    send("StartTransaction", start_at("08:10:00"));
    EXPECT_EQ(journal.all<db::TransactionStarted>().at(1).cost_centre, "12");
}

TEST_F(TransactionRulesTest, SignedValuesAreKeptByteForByte) {
    send("StartTransaction", start_at("08:00:00"));
    std::string blob = R"(OCMF|{\"FV\":\"1.0\",\"RV\":  1.50}|{\"SD\":\"3045\"})";
    blob += R"(\u00e9\ud83d\udd0c \t\/ )" + std::string(5'000, 'Q') + "==";
    value("08:05:00", R"({"value":")" + blob + R"(","format":"SignedData"})");
    std::string wanted = "OCMF|{\"FV\":\"1.0\",\"RV\":  1.50}|{\"SD\":\"3045\"}";
    wanted += "\u00e9\U0001F50C \t/ " + std::string(5'000, 'Q') + "==";
    const auto samples = journal.all<db::MeterSample>();
    ASSERT_EQ(samples.size(), 1u);
    EXPECT_EQ(samples[0].format, "SignedData");
    EXPECT_EQ(samples[0].value, wanted);
    EXPECT_FALSE(samples[0].number);
}

}  // namespace
}  // namespace busbar::site::test
