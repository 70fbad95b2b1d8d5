#include "site/load_management.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/charging_profiles.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct LoadManagementTest : testing::Test, OneCharger {
    void boot_and_start() {
        meter(10);
        send("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M"})");
        send("StatusNotification",
             R"({"connectorId":1,"errorCode":"NoError","status":"Available"})");
        pass(1s);
        accept_all();
        send(
            "StartTransaction",
            R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    }
    void meter(int amps) {
        const auto current = Amps::from_double(amps);
        on_meter_sample(site, {.current = {current, current, current}, .at = now.mono}, now);
    }
    // Answers every call of ours with Accepted; returns what was sent.
    std::vector<std::string> accept_all() {
        std::vector<std::string> all;
        for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
            for (const auto& text : texts) {
                all.push_back(text);
                if (!text.starts_with("[2,")) continue;
                const auto id = text.substr(4, text.find('"', 4) - 4);
                receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":"Accepted"}])", now);
            }
        }
        return all;
    }
    // Lets time pass with a fresh meter and an obedient charger.
    std::vector<std::string> live(std::chrono::seconds time, int amps) {
        std::vector<std::string> all;
        for (auto passed = 0s; passed < time; passed += 1s) {
            pass(1s);
            meter(amps);
            for (auto& text : accept_all()) all.push_back(std::move(text));
        }
        return all;
    }
    static double last_limit(const std::vector<std::string>& sent) {
        double limit = -1;
        for (const auto& text : sent) {
            const auto at = text.find("\"TxProfile\"");
            if (at == std::string::npos) continue;
            limit = std::stod(text.substr(text.find("\"limit\":") + 8));
        }
        return limit;
    }
};

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
    accept_all();
    meter(90);
    const auto sent = link->take();
    EXPECT_THAT(sent, Contains(HasSubstr("TxProfile")));
    EXPECT_LT(last_limit(sent), 32.0);
}

TEST_F(LoadManagementTest, ALoweringDoesNotWaitForTheJournalButARaiseDoes) {
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

TEST_F(LoadManagementTest, ARefusalIsRecordedAndRemembered) {
    boot_and_start();
    std::vector<std::string> sent;
    for (int i = 0; i < 30 && sent.empty(); ++i) {
        pass(1s);
        meter(20);
        for (auto& text : link->take()) {
            if (text.find("\"TxProfile\"") != std::string::npos) sent.push_back(std::move(text));
        }
    }
    ASSERT_FALSE(sent.empty());
    const auto id = sent[0].substr(4, sent[0].find('"', 4) - 4);
    receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":"Rejected"}])", now);
    EXPECT_TRUE(charger().connectors[1].limit_refused);
    EXPECT_EQ(journal.all<db::LimitAnswered>().back().status, "Rejected");
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

TEST(ChargingProfiles, FallToTheSafeCurrentWhenTheLeaseEnds) {
    const Timestamp now = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 8h;
    const auto text = to_json(leased_profile({.connector_id = 2,
                                              .transaction_id = 7,
                                              .limit = Amps::from_milliamps(12'345),
                                              .safe = 6_A,
                                              .lease = 600s},
                                             now));
    EXPECT_EQ(
        text,
        R"({"connectorId":2,"csChargingProfiles":{"chargingProfileId":3002,"transactionId":7,)"
        R"("stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute",)"
        R"("chargingSchedule":{"startSchedule":"2026-05-01T07:59:30Z","chargingRateUnit":"A",)"
        R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":12.3},)"
        R"({"startPeriod":630,"limit":6.0}]}}})");
}

}  // namespace
}  // namespace busbar::site::test
