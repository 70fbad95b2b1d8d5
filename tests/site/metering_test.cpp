#include "site/metering.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::Contains;
using testing::IsEmpty;

struct MeteringTest : testing::Test, OneCharger {
    // A charge on connector 1 that began at 08:00 with 1000 Wh; it is 08:10.
    void begin_charge() {
        send("StatusNotification",
             R"({"connectorId":1,"errorCode":"NoError","status":"Charging"})");
        send("StartTransaction", R"({"connectorId":1,"idTag":"TAG","meterStart":1000,)"
                                 R"("timestamp":"2026-05-01T08:00:00Z"})");
        now.mono += 10min;
        now.wall += 10min;
    }
    void end_charge() {
        send("StopTransaction", R"({"transactionId":1001,"meterStop":2000,)"
                                R"("timestamp":"2026-05-01T08:10:00Z"})");
    }
    // Sends samples; `what` are the other members.
    std::vector<std::string> values(const std::string& what, const std::string& at,
                                    const std::string& samples) {
        return send("MeterValues", "{" + what + R"(,"meterValue":[{"timestamp":"2026-05-01T)" + at +
                                       R"(Z","sampledValue":[)" + samples + "]}]}");
    }
    const Connector& connector() { return charger().connectors.at(1); }
    db::MeterSample last_row() { return journal.all<db::MeterSample>().back(); }
    std::uint64_t counted(const std::string& kind) {
        const auto it = charger().deviations.find("MeterValues:" + kind);
        return it == charger().deviations.end() ? 0 : it->second.count;
    }

    const std::string current = R"({"value":"16","measurand":"Current.Import","phase":"L1"})";
};

TEST_F(MeteringTest, CurrentIsLiveState) {
    begin_charge();
    EXPECT_THAT(values(R"("connectorId":1,"transactionId":1001)", "08:10:00", current),
                Contains(R"([3,"x",{}])"));
    EXPECT_EQ(connector().measured, (PhaseAmps{16_A, 0_A, 0_A}));
    EXPECT_EQ(last_row().transaction, 1);
    EXPECT_EQ(last_row().connector_id, 1);
}

// Ruling R13: what cannot be named is kept and acknowledged all the same.
TEST_F(MeteringTest, B44_UnknownNamesAreStored) {
    begin_charge();
    EXPECT_THAT(
        values(R"("connectorId":1)", "08:10:00",
               R"({"value":"7","measurand":"Current.Import.L2"},{"value":"1","phase":"L4"},)"
               R"({"value":"2","measurand":"Vendor.Thing","unit":"furlong"})"),
        Contains(R"([3,"x",{}])"));
    ASSERT_EQ(journal.all<db::MeterSample>().size(), 3u);
    EXPECT_EQ(last_row().measurand, "Vendor.Thing");
    EXPECT_EQ(connector().measured, (PhaseAmps{0_A, 7_A, 0_A}));
    EXPECT_EQ(counted("phase_in_measurand"), 1u);
    EXPECT_EQ(counted("unknown_measurand"), 1u);
}

TEST_F(MeteringTest, B47_OddArraysAreAcknowledged) {
    const std::vector<std::string> payloads{
        R"({"connectorId":1,"meterValue":[{"timestamp":"2026-05-01T08:00:00Z",)"
        R"("sampledValue":[]}]})",
        R"({"connectorId":1,"meterValue":[]})",
        R"({"connectorId":1,"meterValue":[{"timestamp":"2026-05-01T08:00:00Z"}]})"};
    for (const auto& payload : payloads) {
        EXPECT_THAT(send("MeterValues", payload), Contains(R"([3,"x",{}])")) << payload;
    }
    EXPECT_THAT(journal.all<db::MeterSample>(), IsEmpty());
    EXPECT_EQ(counted("no_samples"), 1u);
}

TEST_F(MeteringTest, B47_AnObjectForTheArrayAndTheNamesOfOcpp15AreUnderstood) {
    send("MeterValues", R"({"connectorId":1,"meterValue":{"timestamp":"2026-05-01T08:00:00Z",)"
                        R"("sampledValue":{"value":"1"}}})");
    EXPECT_EQ(last_row().number, 1.0);
    send("MeterValues", R"({"connectorId":1,"values":[{"timestamp":"2026-05-01T08:00:00Z",)"
                        R"("values":[{"value":"2"}]}]})");
    EXPECT_EQ(last_row().number, 2.0);
}

TEST_F(MeteringTest, B51_ValuesAfterTheStopBelongToTheStoppedTransactionAndAreNotLive) {
    begin_charge();
    end_charge();
    values(R"("connectorId":1,"transactionId":1001)", "08:10:05", current);
    EXPECT_EQ(last_row().transaction, 1);
    EXPECT_FALSE(connector().measured);
    EXPECT_THAT(charger().open, IsEmpty()) << "never reopened";
}

TEST_F(MeteringTest, B51_LateValuesOfAStoppedTransactionAreFoundByTheirTime) {
    begin_charge();
    end_charge();
    now.wall += 1h;
    send("StartTransaction", R"({"connectorId":1,"idTag":"TAG","meterStart":2000,)"
                             R"("timestamp":"2026-05-01T09:00:00Z"})");
    values(R"("connectorId":1)", "08:05:00", current);
    EXPECT_EQ(last_row().transaction, 1);
    EXPECT_FALSE(connector().measured);
    values(R"("connectorId":1)", "09:10:00", current);
    EXPECT_EQ(last_row().transaction, 2);
    EXPECT_TRUE(connector().measured);
}

TEST_F(MeteringTest, B51_QueuedValuesDoNotTurnBackTheRegister) {
    begin_charge();
    values(R"("connectorId":1)", "08:10:00", R"({"value":"1500"})");
    values(R"("connectorId":1)", "08:03:00", R"({"value":"1200"})");
    EXPECT_EQ(charger().open.at(0).register_wh, 1500);
    EXPECT_EQ(journal.all<db::MeterSample>().size(), 2u);
}

TEST_F(MeteringTest, B52_TransactionsAreFoundWhateverTheIdIs) {
    begin_charge();
    for (const auto* id : {"0", "-1", "null", "987654", R"("1001")"}) {
        values(R"("connectorId":1,"transactionId":)" + std::string{id}, "08:10:00",
               R"({"value":"1500"})");
        EXPECT_EQ(last_row().transaction, 1) << id;
    }
    EXPECT_EQ(counted("unknown_transaction"), 3u);
}

TEST_F(MeteringTest, B52_Connector0OfASingleConnectorChargerIsThatConnector) {
    begin_charge();
    values(R"("connectorId":0)", "08:10:00", current);
    EXPECT_EQ(last_row().connector_id, 0) << "stored as sent";
    EXPECT_EQ(last_row().transaction, 1);
    EXPECT_TRUE(connector().measured);
}

TEST_F(MeteringTest, B52_Connector0OfSeveralIsTheMainMeter) {
    begin_charge();
    send("StatusNotification", R"({"connectorId":2,"errorCode":"NoError","status":"Available"})");
    values(R"("connectorId":0)", "08:10:00", current);
    EXPECT_FALSE(last_row().transaction);
    EXPECT_FALSE(connector().measured);
}

TEST_F(MeteringTest, B53_WhatIsRepeatedAfterTheEndIsNoDraw) {
    begin_charge();
    values(R"("connectorId":1)", "08:09:59", current);
    EXPECT_TRUE(connector().measured);
    end_charge();
    EXPECT_FALSE(connector().measured);
    values(R"("connectorId":1)", "08:10:00", current);
    EXPECT_FALSE(connector().measured);
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Available"})");
    now.wall += 2min;
    values(R"("connectorId":1)", "08:12:00", current);
    EXPECT_FALSE(connector().measured);
}

TEST_F(MeteringTest, B43_TheRegisterFollowsPlausibleReadingsAndIntervals) {
    begin_charge();
    values(R"("connectorId":1)", "08:05:00",
           R"({"value":"250","measurand":"Energy.Active.Import.Interval"})");
    EXPECT_EQ(charger().open.at(0).register_wh, 1250);
    values(R"("connectorId":1)", "08:06:00", R"({"value":"1.3","unit":"kWh"})");
    EXPECT_EQ(charger().open.at(0).register_wh, 1300);
    values(R"("connectorId":1)", "08:07:00", R"({"value":"900000"})");
    EXPECT_EQ(charger().open.at(0).register_wh, 1300);
    EXPECT_EQ(counted("register_jump"), 1u);
}

TEST_F(MeteringTest, B45_PhasesAreThoseOfTheInstallation) {
    charger().settings.phase_map = "STR";
    begin_charge();
    values(R"("connectorId":1)", "08:10:00", current);
    EXPECT_EQ(connector().measured, (PhaseAmps{0_A, 16_A, 0_A}));
}

TEST_F(MeteringTest, SamplesOfAStopAreNoOddity) {
    begin_charge();
    now.wall += 1h;
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":2000,"timestamp":"2026-05-01T08:30:00Z",)"
         R"("transactionData":[{"timestamp":"2026-05-01T08:20:00Z","sampledValue":[)"
         R"({"value":"1500"},)" +
             current + "]}]}");
    EXPECT_EQ(journal.all<db::MeterSample>().size(), 2u);
    EXPECT_EQ(last_row().transaction, 1);
    EXPECT_EQ(counted("late"), 0u);
    EXPECT_FALSE(connector().measured);
}

TEST(Metering, QuirksAreThoseOfTheTable) {
    Quirks quirks;
    EXPECT_FALSE(meter_value_quirks(quirks).session_register);
    quirks.energy_register = EnergyRegister::session;
    quirks.energy_unit = EnergyUnit::kWh;
    quirks.power_unit = PowerUnit::W;
    quirks.clock_tolerance_seconds = 60;
    const auto read = meter_value_quirks(quirks);
    EXPECT_TRUE(read.session_register);
    EXPECT_EQ(read.energy_unit, MeterValueQuirks::UnitIs::kilo);
    EXPECT_EQ(read.power_unit, MeterValueQuirks::UnitIs::base);
    EXPECT_EQ(read.clock_tolerance, 60s);
}

TEST(Metering, MapsChargerPhasesToTheGrid) {
    const PhaseAmps charger{1_A, 2_A, 3_A};
    EXPECT_EQ(to_grid(charger, "RST"), charger);
    EXPECT_EQ(to_grid(charger, "STR"), (PhaseAmps{3_A, 1_A, 2_A}));
    EXPECT_EQ(to_grid(charger, "L2"), (PhaseAmps{0_A, 1_A, 0_A}));
    EXPECT_EQ(to_grid(charger, "nonsense"), charger);
    EXPECT_EQ(wired_phases("L3"), (Phases{false, false, true}));
    EXPECT_EQ(wired_phases("TRS"), three_phases);
}

}  // namespace
}  // namespace busbar::site::test
