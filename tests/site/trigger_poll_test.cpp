#include "site/trigger_poll.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct TriggerPollTest : testing::Test, OneCharger {
    TriggerPollTest() {
        charger().setup_due.reset();
        // Limits would come in between.
        charger().quirks.unsupported_actions = {"SetChargingProfile"};
        send("StatusNotification",
             R"({"connectorId":1,"errorCode":"NoError","status":"Charging"})");
        send("StartTransaction", R"({"connectorId":1,"idTag":"TAG","meterStart":1000,)"
                                 R"("timestamp":"2026-05-01T08:00:00Z"})");
    }
    // What was asked for by TriggerMessage, while this time passed in steps of a second.
    std::vector<std::string> asked_within(std::chrono::seconds time) {
        std::vector<std::string> out;
        for (auto passed = 0s; passed < time; passed += 1s) {
            charger().setup_due.reset();
            pass(1s);
            for (auto& text : link->take()) {
                if (text.find("TriggerMessage") == std::string::npos) continue;
                const auto id = text.substr(4, text.find('"', 4) - 4);
                out.push_back(std::move(text));
                receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":")" + status + "\"}]",
                        now);
            }
        }
        return out;
    }
    void values() {
        send("MeterValues",
             R"({"connectorId":1,"transactionId":1001,"meterValue":[{"timestamp":")" +
                 to_string(now.wall) + R"(","sampledValue":[{"value":"1000"}]}]})");
    }
    std::uint64_t counted(const std::string& kind) {
        const auto it = charger().deviations.find("MeterValues:" + kind);
        return it == charger().deviations.end() ? 0 : it->second.count;
    }

    std::string status = "Accepted";
};

TEST_F(TriggerPollTest, AsksForOverdueValuesOfARunningTransaction) {
    EXPECT_THAT(asked_within(119s), IsEmpty());
    EXPECT_THAT(asked_within(10s),
                ElementsAre(AllOf(HasSubstr(R"("requestedMessage":"MeterValues")"),
                                  HasSubstr(R"("connectorId":1)"))));
    EXPECT_EQ(counted("overdue"), 1U);
    EXPECT_THAT(asked_within(45s), IsEmpty()) << "not more often than once in 60 s";
    EXPECT_EQ(asked_within(60s).size(), 1U);
    values();
    EXPECT_THAT(asked_within(119s), IsEmpty());
}

TEST_F(TriggerPollTest, WaitsLongerForOneThatSendsSeldom) {
    charger().quirks.meter_sample_interval_min_seconds = 300;
    EXPECT_EQ(patience_for_values(site, charger()), 900s);
    EXPECT_THAT(asked_within(600s), IsEmpty());
}

TEST_F(TriggerPollTest, AsksOneThatWaitsForItAllTheTimeAndCountsNothing) {
    charger().quirks.live_values = LiveValues::on_trigger;
    charger().quirks.trigger_poll_interval_seconds = 30;
    int asked = 0;
    for (int i = 0; i < 10; ++i) {
        for (const auto& text : asked_within(30s)) {
            EXPECT_THAT(text, HasSubstr("MeterValues"));
            ++asked;
            values();
        }
    }
    EXPECT_GE(asked, 8);
    EXPECT_LE(asked, 10);
    EXPECT_EQ(counted("overdue"), 0U);
}

TEST_F(TriggerPollTest, AsksNothingWithoutATransactionOrWhereToldNotTo) {
    charger().quirks.trigger_poll_interval_seconds = 0;
    EXPECT_THAT(asked_within(300s), IsEmpty());
    charger().quirks.trigger_poll_interval_seconds = 60;
    charger().quirks.trigger_messages = {"Heartbeat"};
    EXPECT_THAT(asked_within(300s), IsEmpty());
    charger().quirks.trigger_messages = {"MeterValues"};
    charger().open.clear();
    EXPECT_THAT(asked_within(300s), IsEmpty());
}

TEST_F(TriggerPollTest, AsksForTheStatusToo) {
    pass(1s);
    link = connect("CP1");  // without a boot: it says nothing of its connectors
    link->take();
    EXPECT_THAT(asked_within(130s),
                ElementsAre(HasSubstr("MeterValues"), HasSubstr("StatusNotification")));
    send("StatusNotification", R"({"connectorId":1,"errorCode":"NoError","status":"Charging"})");
    EXPECT_THAT(asked_within(60s), ElementsAre(HasSubstr("MeterValues")));
}

TEST_F(TriggerPollTest, LearnsThatOneCannotNameTheConnector) {
    send("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M"})");
    charger().quirks.unsupported_actions = {"SetChargingProfile"};
    status = "Rejected";
    EXPECT_THAT(asked_within(130s), ElementsAre(HasSubstr("connectorId")));
    status = "Accepted";
    const auto again = asked_within(60s);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].find("connectorId"), std::string::npos);
    EXPECT_FALSE(charger().quirks.trigger_connector_id);
}

TEST_F(TriggerPollTest, StopsAskingOneThatRefusesUntilItConnectsAgain) {
    status = "Rejected";
    EXPECT_EQ(asked_within(600s).size(), 2U) << "with and without the connector";
    link = connect("CP1");
    link->take();
    charger().poll.status_asked = 2;
    EXPECT_EQ(asked_within(600s).size(), 2U);
}

// A charger whose connectors are not known is asked for them once it has been set up.
TEST_F(TriggerPollTest, AsksForConnectorsOnlyWhereItMay) {
    const auto asked_of_new = [&](const auto& change) {
        charger().open.clear();
        charger().connectors.clear();
        link = connect("CP1");
        charger().quirks = {};
        change(charger().quirks);
        link->take();
        pass(20s);
        std::vector<std::string> asked;
        for (const auto& text : link->take()) {
            if (text.find("TriggerMessage") != std::string::npos) asked.push_back(text);
        }
        return asked;
    };
    EXPECT_THAT(asked_of_new([](Quirks&) {}),
                ElementsAre(HasSubstr(R"({"requestedMessage":"StatusNotification"})")));
    EXPECT_THAT(asked_of_new([](Quirks& quirks) { quirks.trigger_messages = {"MeterValues"}; }),
                IsEmpty());
    EXPECT_THAT(
        asked_of_new([](Quirks& quirks) { quirks.unsupported_actions = {"TriggerMessage"}; }),
        IsEmpty());
}

TEST_F(TriggerPollTest, MissingCurrentIsADeviationUnlessTheModelIsKnownForIt) {
    values();
    EXPECT_EQ(counted("no_current"), 1U);
    charger().quirks.live_values = LiveValues::energy_only;
    values();
    EXPECT_EQ(counted("no_current"), 1U);
}

}  // namespace
}  // namespace busbar::site::test
