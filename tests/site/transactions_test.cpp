#include "site/transactions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string start =
    R"({"connectorId":1,"idTag":"tag","meterStart":1000,"timestamp":"2026-05-01T08:00:00Z"})";
std::string stop(int transaction_id, int meter = 2000) {
    return R"({"transactionId":)" + std::to_string(transaction_id) + R"(,"meterStop":)" +
           std::to_string(meter) + R"(,"timestamp":"2026-05-01T09:00:00Z"})";
}

using Transactions = OneCharger;
struct TransactionsTest : testing::Test, Transactions {};

TEST_F(TransactionsTest, AreAnsweredOnlyWhenDurable) {
    journal.held = true;
    EXPECT_THAT(send("StartTransaction", start), IsEmpty());
    journal.commit();
    EXPECT_THAT(link->take(),
                ElementsAre(R"([3,"x",{"idTagInfo":{"status":"Accepted"},"transactionId":1001}])"));
    EXPECT_THAT(send("StopTransaction", stop(1001)), IsEmpty());
    journal.commit();
    EXPECT_THAT(link->take(), ElementsAre(R"([3,"x",{}])"));
    ASSERT_EQ(journal.all<db::TransactionStopped>().size(), 1u);
    EXPECT_EQ(journal.all<db::TransactionStopped>()[0].reason, "Local");
}

TEST_F(TransactionsTest, ARepeatedStartHasTheSameIdAndWaitsForTheFirstOnesRow) {
    journal.held = true;
    send("StartTransaction", start, "1");
    link = connect("CP1");
    EXPECT_THAT(send("StartTransaction", start, "2"), IsEmpty());
    journal.commit();
    EXPECT_THAT(link->take(), ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_THAT(send("StartTransaction", start, "3"),
                ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1u);
}

TEST_F(TransactionsTest, ARepeatAfterTheStopStillHasTheSameId) {
    send("StartTransaction", start);
    send("StopTransaction", stop(1001));
    EXPECT_THAT(send("StartTransaction", start), ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_THAT(send("StopTransaction", stop(1001)), ElementsAre(R"([3,"x",{}])"));
    EXPECT_EQ(journal.all<db::TransactionStarted>().size(), 1u);
    EXPECT_EQ(journal.all<db::TransactionStopped>().size(), 1u);
}

// Ruling R7: a charger without a clock starts again at the same time with the same register.
TEST_F(TransactionsTest, AStartBefore2020IsNewOnceItsMatchHasStopped) {
    const std::string clockless =
        R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"1970-01-01T00:00:10Z"})";
    send("StartTransaction", clockless);
    EXPECT_THAT(send("StartTransaction", clockless),
                ElementsAre(HasSubstr(R"("transactionId":1001)")));
    send("StopTransaction", stop(1001));
    EXPECT_THAT(send("StartTransaction", clockless),
                ElementsAre(HasSubstr(R"("transactionId":1002)")));
    EXPECT_TRUE(journal.all<db::TransactionStarted>().at(1).implausible_start);
}

// What a clock says that was never set belongs to the day that it comes.
TEST_F(TransactionsTest, NoTransactionIsOfTheYear1970) {
    charger().settings.max_milliamps = 32'000;
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":1000,"timestamp":"1970-01-01T00:00:10Z"})");
    const auto begun = journal.all<db::TransactionStarted>().at(0);
    EXPECT_EQ(begun.started_at, now.wall);
    EXPECT_TRUE(begun.implausible_start);
    EXPECT_EQ(charger().deviations.at("timestamp_before_2020").last_example,
              "1970-01-01T00:00:10Z");
    EXPECT_EQ(charger().deviations.at("implausible_start").count, 1u);
    // How long it has taken is not known: both may have waited together.
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":150000,"timestamp":"1970-01-01T09:00:00Z",)"
         R"("transactionData":[{"timestamp":"1970-01-01T00:00:10Z","sampledValue":[)"
         R"({"value":"1000","context":"Transaction.Begin"}]}]})");
    const auto ended = journal.all<db::TransactionStopped>().at(0);
    EXPECT_EQ(ended.stopped_at, now.wall);
    EXPECT_EQ(ended.energy_wh, 149'000);
    EXPECT_EQ(charger().deviations.at("timestamp_before_2020").count, 2u);
}

TEST_F(TransactionsTest, ValuesOf1970CountAsTheyCome) {
    charger().settings.max_milliamps = 32'000;
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":1000,"timestamp":"1970-01-01T00:00:10Z"})");
    pass(10min);
    send("MeterValues", R"({"connectorId":1,"transactionId":1001,"meterValue":[{"timestamp":)"
                        R"("1970-01-01T00:10:10Z","sampledValue":[{"value":"1750"}]}]})");
    pass(10min);
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":1000,"timestamp":"1970-01-01T00:20:10Z"})");
    EXPECT_EQ(journal.all<db::TransactionStopped>().at(0).energy_wh, 750);
    EXPECT_EQ(charger().deviations.at("energy_not_by_register").count, 1u);
}

TEST_F(TransactionsTest, ARefusedBadgeGetsAnIdToo) {
    const std::string unknown =
        R"({"connectorId":1,"idTag":"NOBODY","meterStart":1,"timestamp":"2026-05-01T08:00:00Z"})";
    EXPECT_THAT(send("StartTransaction", unknown),
                ElementsAre(R"([3,"x",{"idTagInfo":{"status":"Invalid"},"transactionId":1001}])"));
    EXPECT_EQ(journal.all<db::TransactionStarted>().at(0).authorization, "Invalid");
}

TEST_F(TransactionsTest, OneBadgeOneTransactionButNeverAgainstItsOwnConnector) {
    send("StartTransaction", start);
    const std::string elsewhere =
        R"({"connectorId":2,"idTag":"TAG","meterStart":1,"timestamp":"2026-05-01T08:10:00Z"})";
    EXPECT_THAT(send("StartTransaction", elsewhere), ElementsAre(HasSubstr("ConcurrentTx")));
    EXPECT_THAT(send("Authorize", R"({"idTag":"TAG"})"), ElementsAre(HasSubstr("Accepted")));
    site.badges["TAG"].max_active_transactions = 2;
    const std::string again =
        R"({"connectorId":1,"idTag":"TAG","meterStart":1500,"timestamp":"2026-05-01T08:20:00Z"})";
    EXPECT_THAT(send("StartTransaction", again), ElementsAre(HasSubstr("Accepted")));
}

TEST_F(TransactionsTest, ANewStartClosesTheOneWhoseStopWasLost) {
    send("StartTransaction", start);
    send("MeterValues",
         R"({"connectorId":1,"transactionId":1001,"meterValue":[{"timestamp":)"
         R"("2026-05-01T08:05:00Z","sampledValue":[{"value":"1.75","unit":"kWh"}]}]})");
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":1800,"timestamp":"2026-05-01T08:20:00Z"})");
    const auto stops = journal.all<db::TransactionStopped>();
    ASSERT_EQ(stops.size(), 1u);
    EXPECT_TRUE(stops[0].estimated);
    EXPECT_EQ(stops[0].meter_stop_wh, 1750);
    EXPECT_EQ(charger().open.size(), 1u);
    // The real stop, late, replaces the estimate.
    send("StopTransaction", stop(1001, 1790));
    EXPECT_EQ(journal.all<db::TransactionStopped>().at(1).meter_stop_wh, 1790);
    EXPECT_FALSE(journal.all<db::TransactionStopped>().at(1).estimated);
}

TEST_F(TransactionsTest, AStopThatFitsNothingIsKeptAsAnOrphan) {
    journal.held = true;
    EXPECT_THAT(send("StopTransaction", stop(-1)), IsEmpty());
    journal.commit();
    EXPECT_THAT(link->take(), ElementsAre(R"([3,"x",{}])"));
    EXPECT_EQ(journal.all<db::OrphanStop>().at(0).transaction_id, -1);
}

TEST_F(TransactionsTest, TheSamplesOfAStopAreOneUnitWithIt) {
    send("StartTransaction", start);
    const auto before = journal.appended;
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":2000,"timestamp":"2026-05-01T09:00:00Z",)"
         R"("transactionData":[{"timestamp":"2026-05-01T08:30:00Z",)"
         R"("sampledValue":[{"value":"9"}]}]})");
    EXPECT_EQ(journal.appended, before + 1);
    EXPECT_EQ(journal.all<db::MeterSample>().at(0).transaction, 1);
    EXPECT_EQ(journal.all<db::TransactionStopped>().size(), 1u);
}

// Ruling R13: whatever else it says, a stop that can be understood is stored.
TEST_F(TransactionsTest, AnUnknownReasonIsNoReasonToRefuseAStop) {
    send("StartTransaction", start);
    EXPECT_THAT(
        send("StopTransaction", R"({"transactionId":1001,"meterStop":2000,"reason":"PowerOff",)"
                                R"("timestamp":"2026-05-01T09:00:00Z"})"),
        ElementsAre(R"([3,"x",{}])"));
    EXPECT_EQ(journal.all<db::TransactionStopped>().at(0).reason, "Local");
    EXPECT_EQ(charger().deviations.at("StopTransaction:bad_value").count, 1u);
}

TEST_F(TransactionsTest, ForcingAnEndGivesNoCurrentAway) {
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Preparing"})");
    send("StartTransaction", start);
    on_timer(site, now);
    const auto booked = [&] { return site.engine.status(now).at(0).worst_case; };
    const auto before = booked();
    EXPECT_GT(before, 0_A);
    force_stop(site, charger(), charger().open.front(), now);
    pass(1s);
    EXPECT_EQ(booked(), before) << "its charger may still be delivering";
}

struct BookingsTest : TransactionsTest {
    static std::string start_on(int connector, int meter) {
        return R"({"connectorId":)" + std::to_string(connector) +
               R"(,"idTag":"TAG","meterStart":)" + std::to_string(meter) +
               R"(,"timestamp":"2026-05-01T08:00:00Z"})";
    }
    void begin_on(int connector, int meter) {
        send("StartTransaction", start_on(connector, meter));
        pass(1s);
    }
    Amps booked(const std::string& evse) const {
        for (const auto& one : site.engine.status(now)) {
            if (one.id == evse) return one.worst_case;
        }
        return {};
    }
};

TEST_F(BookingsTest, EndWithTheRealStopOfOneWeHadClosed) {
    begin_on(1, 1000);
    force_stop(site, charger(), charger().open.front(), now);
    pass(1s);
    ASSERT_GT(booked("CP1/1"), 0_A);
    send("StopTransaction", stop(1001));
    pass(1s);
    EXPECT_EQ(booked("CP1/1"), 0_A);
}

TEST_F(BookingsTest, AreTheNextTransactionsOnceOneRuns) {
    begin_on(1, 1000);
    force_stop(site, charger(), charger().open.front(), now);
    begin_on(1, 2000);
    const auto before = booked("CP1/1");
    ASSERT_GT(before, 0_A);
    send("StopTransaction", stop(1001));
    EXPECT_EQ(booked("CP1/1"), before);
    // The next one's end is only guessed, too.
    force_stop(site, charger(), charger().open.front(), now);
    send("StopTransaction", stop(1001, 2100));
    pass(1s);
    EXPECT_EQ(booked("CP1/1"), before);
    send("StopTransaction", stop(1002));
    pass(1s);
    EXPECT_EQ(booked("CP1/1"), 0_A);
}

TEST_F(BookingsTest, AreKeptForATransactionThatIsPushedOut) {
    begin_on(1, 1000);
    const auto before = booked("CP1/1");
    ASSERT_GT(before, 0_A);
    for (int connector = 2; connector <= 101; ++connector) {
        send("StartTransaction", start_on(connector, 0));
    }
    EXPECT_EQ(charger().open.size(), open_transactions_max);
    ASSERT_EQ(charger().stopped.size(), 1u);
    EXPECT_EQ(charger().stopped.front().start.connector_id, 1);
    EXPECT_EQ(booked("CP1/1"), before) << "it may be drawing still";
}

TEST_F(TransactionsTest, OldOnesAreForgottenUnlessTheyAreRecent) {
    const auto add = [&](std::size_t count, Timestamp at) {
        for (std::size_t i = 0; i < count; ++i) {
            auto& stopped = charger().stopped.emplace_back();
            stopped.stop.emplace().received_at = at;
        }
    };
    add(60, now.wall - 49h);
    drop_old(charger().stopped, now.wall);
    EXPECT_EQ(charger().stopped.size(), db::recent_transactions_min);
    add(60, now.wall - 47h);
    drop_old(charger().stopped, now.wall);
    EXPECT_EQ(charger().stopped.size(), 60u);
    add(2000, now.wall);
    drop_old(charger().stopped, now.wall);
    EXPECT_EQ(charger().stopped.size(), db::recent_transactions_max);
}

TEST_F(TransactionsTest, ARepeatedStartIsNotKeptWaitingWhileNothingCanBeStored) {
    journal.held = true;
    send("StartTransaction", start);
    journal.is_full = true;
    const auto waiting = journal.waiting.size();
    for (int i = 0; i < 10; ++i) {
        link = connect("CP1");
        send("StartTransaction", start);
        EXPECT_EQ(link->closed_with, 1013);
    }
    EXPECT_EQ(journal.waiting.size(), waiting);
}

TEST_F(TransactionsTest, SignedAndRawValuesAreTwoRows) {
    send("StartTransaction", start);
    send("MeterValues",
         R"({"connectorId":1,"meterValue":[{"timestamp":"2026-05-01T08:05:00Z","sampledValue":[)"
         R"({"value":"5"},{"value":"OCMF|{}","format":"SignedData"}]}]})");
    ASSERT_EQ(journal.all<db::MeterSample>().size(), 2u);
    EXPECT_EQ(journal.all<db::MeterSample>().at(1).format, "SignedData");
}

TEST_F(TransactionsTest, OneChargerCannotStopAnothersTransaction) {
    send("StartTransaction", start);
    add_charger("CP2");
    const auto other = connect("CP2");
    receive(site, "CP2", other, R"([2,"y","StopTransaction",)" + stop(1001) + "]", now);
    EXPECT_THAT(other->take(), ElementsAre(R"([3,"y",{}])"));
    EXPECT_EQ(charger().open.size(), 1u);
    EXPECT_EQ(journal.all<db::OrphanStop>().at(0).charge_point, "CP2");
}

TEST_F(TransactionsTest, NothingIsTakenWhileNothingCanBeStored) {
    journal.is_full = true;
    EXPECT_THAT(send("StartTransaction", start), IsEmpty());
    EXPECT_EQ(link->closed_with, 1013);
    EXPECT_THAT(
        journal.rows,
        testing::Each(testing::Not(testing::VariantWith<db::TransactionStarted>(testing::_))));
    EXPECT_THAT(send("Heartbeat", "{}"), ElementsAre(HasSubstr("currentTime")));
}

TEST_F(TransactionsTest, AnImpossibleConnectorIsNoReasonToLoseEnergy) {
    const std::string odd =
        R"({"connectorId":-1,"idTag":"TAG","meterStart":1,"timestamp":"2026-05-01T08:00:00Z"})";
    EXPECT_THAT(send("StartTransaction", odd), ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_THAT(send("StartTransaction", odd), ElementsAre(HasSubstr(R"("transactionId":1001)")));
    EXPECT_EQ(journal.all<db::TransactionStarted>().at(0).connector_id, 0);
}

TEST_F(TransactionsTest, SamplesBelongToTheRunningTransactionOfTheirConnector) {
    send("StartTransaction", start);
    send("MeterValues", R"({"connectorId":1,"transactionId":0,"meterValue":[{"timestamp":)"
                        R"("2026-05-01T08:05:00Z","sampledValue":[{"value":"5"}]}]})");
    EXPECT_EQ(journal.all<db::MeterSample>().at(0).transaction, 1);
    EXPECT_EQ(journal.all<db::MeterSample>().at(0).measurand, "Energy.Active.Import.Register");
}

TEST(TransactionIds, ArePositiveAndAboveTheSmallOnes) {
    EXPECT_EQ(transaction_id_for(1), 1001);
    EXPECT_EQ(transaction_id_for(2'147'480'000), 2'147'481'000);
    EXPECT_EQ(transaction_id_for(2'147'480'001), 1001);
}

}  // namespace
}  // namespace busbar::site::test
