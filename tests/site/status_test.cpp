// StatusNotification: live state, and the habits of chargers about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

struct StatusTest : testing::Test, OneCharger {
    void say(std::int32_t connector, const std::string& status, std::string error = "NoError") {
        say_at(to_string(now.wall), connector, status, std::move(error));
    }
    void say_at(const std::string& at, std::int32_t connector, const std::string& status,
                std::string error = "NoError") {
        send("StatusNotification", R"({"connectorId":)" + std::to_string(connector) +
                                       R"(,"errorCode":")" + error + R"(","status":")" + status +
                                       R"(","timestamp":")" + at + "\"}");
    }
    void come_back() {
        disconnected(site, "CP1", link, now);
        pass(10s);
        link = connect("CP1");
    }
    std::uint64_t old_ones() {
        const auto found = charger().deviations.find("old_status");
        return found == charger().deviations.end() ? 0 : found->second.count;
    }
    void start(std::int32_t connector) {
        send("StartTransaction", R"({"connectorId":)" + std::to_string(connector) +
                                     R"(,"idTag":"TAG","meterStart":0,"timestamp":")" +
                                     to_string(now.wall) + "\"}");
    }
    std::string status(std::int32_t connector) {
        return charger().connectors.at(connector).status->status;
    }
};

TEST_F(StatusTest, APlugOfTwoConnectorsShowsOnce) {
    charger().quirks.phantom_connectors = true;
    say(3, "Available");
    say(4, "Available");
    pass(1min);
    say(3, "Preparing");
    pass(1s);
    say(4, "Preparing");
    EXPECT_EQ(status(3), "Preparing");
    EXPECT_EQ(status(4), "Available");
    // It was the other one.
    start(4);
    say(4, "Charging");
    EXPECT_EQ(status(3), "Available");
    EXPECT_EQ(status(4), "Charging");
    // Later another car comes.
    pass(10min);
    say(3, "Preparing");
    EXPECT_EQ(status(3), "Preparing");
    EXPECT_EQ(status(4), "Charging");
}

TEST_F(StatusTest, TwoPlugsAreTwo) {
    charger().quirks.phantom_connectors = true;
    say(3, "Available");
    say(4, "Available");
    say(3, "Preparing");
    pass(10s);
    say(4, "Preparing");
    EXPECT_EQ(status(4), "Preparing");
    charger().quirks.phantom_connectors = false;
    say(1, "Preparing");
    say(2, "Preparing");
    EXPECT_EQ(status(2), "Preparing");
}

TEST_F(StatusTest, AClockThatWasNeverSetDoesNotHoldTheState) {
    say(1, "Available");
    std::uint64_t count = 0;
    for (const auto* at :
         {"2000-01-01T00:00:09Z", "1970-01-01T00:01:00Z", "0001-01-01T00:00:00Z"}) {
        for (const auto* state : {"Preparing", "Charging", "Faulted"}) {
            pass(1s);
            say_at(at, 1, state, "GroundFailure");
            EXPECT_EQ(status(1), state) << at;
            EXPECT_EQ(charger().connectors.at(1).status->at, now.wall);
            EXPECT_EQ(old_ones(), ++count);
        }
    }
    // Once the clock is right, all is well.
    say(1, "Available");
    EXPECT_EQ(status(1), "Available");
    EXPECT_EQ(old_ones(), count);
}

TEST_F(StatusTest, AQueueThatIsReplayedDoesNotTurnTheStateBack) {
    const auto long_ago = to_string(now.wall - 48h);
    say(1, "Charging");
    pass(1min);
    say_at(long_ago, 1, "Available");
    EXPECT_EQ(status(1), "Charging");
    pass(1h);
    come_back();
    say_at(long_ago, 1, "Available");
    EXPECT_EQ(status(1), "Charging");
    EXPECT_EQ(old_ones(), 2U);
}

TEST_F(StatusTest, AClockThatWasSetBackHoldsTheStateForMinutesOnly) {
    const auto wrong = [&] { return to_string(now.wall - 24h * 400); };
    say(1, "Available");
    pass(1min);
    say_at(wrong(), 1, "Preparing");
    EXPECT_EQ(status(1), "Available");
    pass(5min);
    say_at(wrong(), 1, "Preparing");
    EXPECT_EQ(status(1), "Preparing");
    pass(1min);
    say_at(wrong(), 1, "Charging");
    EXPECT_EQ(status(1), "Charging") << "by the same clock it is the newer one";
    say(1, "Available");
    come_back();
    pass(6min);
    say_at(wrong(), 1, "Preparing");
    EXPECT_EQ(status(1), "Preparing") << "no queue takes that long";
}

TEST_F(StatusTest, WhatABootedChargerSaysIsNews) {
    say(1, "Available");
    come_back();
    send("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M"})", "b");
    for (const auto* state : {"Preparing", "Charging"}) {
        pass(1s);
        say_at(to_string(now.wall - 24h * 400), 1, state);
        EXPECT_EQ(status(1), state);
    }
}

TEST_F(StatusTest, HiddenConnectorsAreNone) {
    say(1, "Available");
    say(2, "Available");
    charger().settings.quirks = R"({"hiddenConnectors":[2]})";
    resolve_quirks(site, charger());
    say(2, "Preparing");
    EXPECT_FALSE(charger().connectors.contains(2));
    EXPECT_EQ(connector_of(charger(), 2), nullptr);
    EXPECT_NE(connector_of(charger(), 1), nullptr);
    send("MeterValues", R"({"connectorId":2,"meterValue":[{"timestamp":")" + to_string(now.wall) +
                            R"(","sampledValue":[{"value":"1"}]}]})");
    EXPECT_FALSE(charger().connectors.contains(2));
    EXPECT_EQ(journal.all<db::MeterSample>().size(), 1U) << "kept all the same";
}

// Whatever the settings say: where a transaction runs, current flows.
TEST_F(StatusTest, AConnectorWithATransactionIsNotHidden) {
    charger().quirks.hidden_connectors = {2};
    start(2);
    EXPECT_NE(connector_of(charger(), 2), nullptr);
    say(2, "Charging");
    EXPECT_EQ(status(2), "Charging");
}

TEST_F(StatusTest, AFaultOfTheWholeChargerIsInformationUnlessAQuirkSaysSo) {
    say(1, "Available");
    say(0, "Faulted", "OtherError");
    EXPECT_EQ(status(1), "Available");
    charger().quirks.connector_0_faults_informational = false;
    say(0, "Faulted", "OtherError");
    EXPECT_EQ(status(1), "Faulted");
    EXPECT_EQ(charger().connectors.at(1).status->error_code, "OtherError");
    say(1, "Available");
    EXPECT_EQ(status(1), "Available");
}

TEST_F(StatusTest, AFaultOfTheWholeChargerEndsWithIt) {
    charger().quirks.connector_0_faults_informational = false;
    say(1, "Available");
    say(2, "Charging");
    say(3, "Faulted", "GroundFailure");
    const auto known = charger().connectors.at(2).status->at;
    pass(10s);
    say(0, "Faulted", "OtherError");
    say(0, "Faulted", "PowerMeterFailure");
    EXPECT_EQ(status(2), "Faulted");
    pass(10s);
    say(1, "Preparing");
    say(0, "Available");
    EXPECT_EQ(status(1), "Preparing") << "its own word is the newest";
    EXPECT_EQ(status(2), "Charging");
    EXPECT_EQ(charger().connectors.at(2).status->at, known);
    EXPECT_EQ(status(3), "Faulted") << "that fault is its own";
    EXPECT_EQ(charger().connectors.at(3).status->error_code, "GroundFailure");
    say(0, "Available");
    EXPECT_EQ(status(3), "Faulted");
}

TEST_F(StatusTest, AConnectorThatIsNewBeneathAFaultIsNewAllTheSame) {
    charger().quirks.connector_0_faults_informational = false;
    start(2);
    charger().setup_due.reset();
    say(0, "Faulted", "OtherError");
    EXPECT_EQ(status(2), "Faulted");
    say(2, "Charging");
    EXPECT_TRUE(charger().setup_due) << "it needs its safe profile";
}

TEST_F(StatusTest, AClusterHasMoreBoxesThanAChargerHasConnectors) {
    for (int i = 1; i <= 20; ++i) say(i, "Available");
    EXPECT_EQ(charger().connectors.size(), 16U);
    charger().quirks.cluster = true;
    for (int i = 1; i <= 110; ++i) say(i, "Available");
    EXPECT_EQ(charger().connectors.size(), 100U);
}

TEST_F(StatusTest, WhatAClusterMeasuresAsAWholeIsNotItsFirstBoxes) {
    const auto values = [&] {
        const std::string sample = R"({"value":"16","measurand":"Current.Import","phase":"L1"})";
        send("MeterValues", R"({"connectorId":0,"meterValue":[{"timestamp":")" +
                                to_string(now.wall) + R"(","sampledValue":[)" + sample + "]}]}");
    };
    say(1, "Charging");
    charger().quirks.cluster = true;
    values();
    EXPECT_FALSE(charger().connectors.at(1).measured);
    charger().quirks.cluster = false;
    values();
    EXPECT_TRUE(charger().connectors.at(1).measured);
}

}  // namespace
}  // namespace busbar::site::test
