// Transactions on connectors that a charger does not have: what they cost, and for how long.
#include <gmock/gmock.h>
#include <rapidcheck.h>

#include "site/load_inputs.hpp"
#include "site/start_connector.hpp"
#include "site/transactions.hpp"
#include "tests/site/load_management_support.hpp"

namespace busbar::site::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

struct LoadInputsTest : LoadManagementTest {
    // Without a car, on a charger of two connectors.
    void boot() {
        meter(10);
        send("BootNotification", boot_text);
        report(1, "Available");
        report(2, "Available");
        live(3s, 10);
        safe_before = site.engine.safe("CP1/1");
    }
    void report(int connector, const std::string& status) {
        send("StatusNotification", R"({"connectorId":)" + std::to_string(connector) +
                                       R"(,"errorCode":"NoError","status":")" + status + "\"}");
    }
    std::string start(int connector, int meter_start = 0) {
        const auto sent = send("StartTransaction",
                               R"({"connectorId":)" + std::to_string(connector) +
                                   R"(,"idTag":"TAG","meterStart":)" + std::to_string(meter_start) +
                                   R"(,"timestamp":"2026-05-01T08:00:00Z"})");
        return sent.empty() ? "" : sent.front();
    }
    void stop(std::int32_t transaction_id) {
        send("StopTransaction", R"({"transactionId":)" + std::to_string(transaction_id) +
                                    R"(,"meterStop":100,"timestamp":"2026-05-01T08:10:00Z"})");
    }
    void force_all() {
        while (!charger().open.empty()) force_stop(site, charger(), charger().open.front(), now);
    }
    std::vector<std::string> evses() const {
        std::vector<std::string> ids;
        for (const auto& evse : site.engine.status(now)) ids.push_back(evse.id);
        return ids;
    }
    Amps booked() const {
        Amps sum;
        for (const auto& evse : site.engine.status(now)) sum += evse.worst_case;
        return sum;
    }
    void expect_free() {
        EXPECT_THAT(evses(), ElementsAre("CP1/1", "CP1/2"));
        EXPECT_EQ(booked(), 0_A);
        EXPECT_EQ(site.engine.safe("CP1/1"), safe_before);
        EXPECT_EQ(site.engine.safe_held("CP1/1"), safe_before) << "and its charger knows it";
    }
    Amps safe_before;
};

TEST_F(LoadInputsTest, AForcedEndOnConnector0IsBookedForOneLease) {
    boot();
    start(0);
    live(5s, 10);
    ASSERT_THAT(evses(), ElementsAre("CP1/0", "CP1/1", "CP1/2"));
    EXPECT_EQ(booked(), 32_A);
    EXPECT_EQ(site.engine.status(now).at(0).reason.code, "charger_not_controllable");
    force_all();
    live(5s, 10);
    EXPECT_EQ(booked(), 32_A) << "its car may still draw";
    EXPECT_EQ(site.engine.status(now).at(0).reason.code, "ended_reserve");
    live(605s, 10);
    expect_free();
}

TEST_F(LoadInputsTest, AStopOnConnector0FreesItAtOnce) {
    boot();
    start(0);
    live(5s, 10);
    stop(charger().open.at(0).start.transaction_id);
    live(3s, 10);
    expect_free();
}

TEST_F(LoadInputsTest, ASupersededStartOnConnector0LeavesNothing) {
    boot();
    start(0);
    live(5s, 10);
    start(0, 50);
    ASSERT_EQ(charger().open.size(), 1U);
    live(5s, 10);
    EXPECT_EQ(booked(), 32_A);
    stop(charger().open.at(0).start.transaction_id);
    live(3s, 10);
    expect_free();
}

TEST_F(LoadInputsTest, AnEmptyStartOnOneOfTwoConnectorsLeavesNothing) {
    boot();
    EXPECT_THAT(send("StartTransaction", "{}"), Contains(HasSubstr("transactionId")));
    live(5s, 10);
    EXPECT_EQ(booked(), 32_A);
    force_all();
    link = connect("CP1");
    report(0, "Available");
    report(1, "Available");
    live(611s, 10);
    expect_free();
}

// Whoever is not let in any more may have a car all the same.
TEST_F(LoadInputsTest, ARejectedChargersCarIsBookedUntilItsTransactionIsClosed) {
    boot();
    start(0);
    start(1);
    live(30s, 10);
    charger().settings.state = "rejected";
    disconnected(site, "CP1", link, now);
    live(700s, 10);
    ASSERT_THAT(evses(), ElementsAre("CP1/0", "CP1/1", "CP1/2"));
    const auto held = *site.engine.safe_held("CP1/1");
    ASSERT_GT(held, 0_A);
    EXPECT_EQ(booked(), 32_A + held);
    force_all();
    live(606s, 10);
    EXPECT_THAT(evses(), ElementsAre("CP1/1", "CP1/2")) << "these hold safe currents";
    EXPECT_EQ(booked(), 0_A);
}

TEST_F(LoadInputsTest, ALostChargersCarOnConnector0StaysBooked) {
    boot();
    start(0);
    live(5s, 10);
    disconnected(site, "CP1", link, now);
    live(3600s, 10);
    EXPECT_EQ(booked(), 32_A);
}

TEST_F(LoadInputsTest, AConnectorThatIsMadeUpGoesWithItsTransaction) {
    boot();
    refuses = [](const std::string& text) {
        return text.find("\"connectorId\":7") != std::string::npos;
    };
    start(7);
    live(30s, 10);
    ASSERT_THAT(evses(), ElementsAre("CP1/1", "CP1/2", "CP1/7"));
    EXPECT_EQ(booked(), 32_A);
    force_all();
    live(606s, 10);
    expect_free();
    EXPECT_FALSE(charger().connectors.contains(7));
    start(7, 200);
    live(30s, 10);
    stop(charger().open.at(0).start.transaction_id);
    live(3s, 10);
    expect_free();
}

// It may be real after all.
TEST_F(LoadInputsTest, AConnectorThatReportsIsKept) {
    boot();
    start(3);
    live(30s, 10);
    report(3, "Charging");
    live(5s, 10);
    force_all();
    live(610s, 10);
    EXPECT_THAT(evses(), ElementsAre("CP1/1", "CP1/2", "CP1/3"));
    EXPECT_TRUE(site.engine.safe_held("CP1/3"));
}

TEST_F(LoadInputsTest, AChargerThatNeverReportsKeepsItsConnectors) {
    meter(10);
    start(1);
    live(5s, 10);
    stop(charger().open.at(0).start.transaction_id);
    live(610s, 10);
    EXPECT_THAT(evses(), ElementsAre("CP1/1"));
}

TEST_F(LoadInputsTest, Connector0OfAChargerWithOneIsThatOne) {
    meter(10);
    send("BootNotification", boot_text);
    report(0, "Available");
    report(1, "Preparing");
    live(3s, 10);
    const auto first = start(0);
    EXPECT_EQ(start(0), first) << "it repeats itself";
    ASSERT_EQ(charger().open.size(), 1U);
    EXPECT_EQ(charger().open[0].start.connector_id, 1);
    EXPECT_EQ(charger().deviations.at("start_on_connector_0").count, 2U);
    EXPECT_THAT(live(30s, 10), Contains(HasSubstr("\"TxProfile\"")));
    EXPECT_THAT(evses(), ElementsAre("CP1/1"));
}

TEST_F(LoadInputsTest, Connector0IsTheOnlyOneWithACarThatWaits) {
    boot();
    report(2, "Preparing");
    const auto first = start(0);
    ASSERT_EQ(charger().open.size(), 1U);
    EXPECT_EQ(charger().open[0].start.connector_id, 2);
    report(2, "Charging");
    report(1, "Preparing");
    EXPECT_EQ(start(0), first) << "it repeats itself";
    ASSERT_EQ(charger().open.size(), 1U);
    start(0, 70);
    ASSERT_EQ(charger().open.size(), 2U);
    EXPECT_EQ(charger().open[1].start.connector_id, 1);
}

TEST_F(LoadInputsTest, Connector0OfTwoThatBothFitStaysWhatItIs) {
    boot();
    report(1, "Preparing");
    report(2, "Preparing");
    start(0);
    EXPECT_EQ(charger().open.at(0).start.connector_id, 0);
}

// A charger under the control of chance.
struct Odd : LoadInputsTest {
    void TestBody() override {}
    void act(int what, int which) {
        const int connectors[] = {0, 0, 1, 2, 7, 1000, 5000, -1};
        switch (what) {
            case 0:
            case 1:
            case 2:
                start(connectors[which], 10 * ++count);
                break;
            case 3:
                send("StartTransaction", "{}");
                break;
            case 4:
                if (!charger().open.empty()) stop(charger().open.back().start.transaction_id);
                break;
            case 5:
                force_all();
                break;
            case 6:
                report(1 + which % 2, which < 4 ? "Preparing" : "Charging");
                break;
            case 7:
                if (which < 4) disconnected(site, "CP1", link, now);
                link = connect("CP1");
                break;
            case 8:
                send("BootNotification", boot_text);
                break;
            default:
                charger().settings.state = which < 4 ? "rejected" : "accepted";
        }
        live(std::chrono::seconds{1 + which}, 10);
    }
    int count = 0;
};

TEST(LoadInputsLaw, WhenNoTransactionRunsAllCurrentIsFreeAfterOneLease) {
    rc::check([] {
        Odd site;
        site.boot();
        const auto acts = *rc::gen::container<std::vector<std::pair<int, int>>>(
            rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::inRange(0, 8)));
        for (const auto& [what, which] : acts) site.act(what, which);
        site.charger().settings.state = "accepted";
        site.force_all();
        site.link = site.connect("CP1");
        site.live(20s, 10);
        for (int i = 0; i < 3; ++i) site.pass(300s);
        site.live(20s, 10);
        RC_ASSERT(site.booked() == Amps{});
        RC_ASSERT(site.evses() == (std::vector<std::string>{"CP1/1", "CP1/2"}));
        RC_ASSERT(site.site.engine.safe("CP1/1") == site.safe_before);
    });
}

}  // namespace
}  // namespace busbar::site::test
