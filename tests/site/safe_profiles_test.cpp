#include "site/safe_profiles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/charge_points.hpp"
#include "site/load_management.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Room for two connectors of 6 A when the building is not seen.
struct SafeProfiles : testing::Test, OneCharger {
    SafeProfiles() {
        auto narrow = site.engine.settings();
        narrow.reserve_blind = {50_A, 50_A, 50_A};
        site.engine.set_settings(narrow, now);
        sample();
    }
    void sample() { on_meter_sample(site, {.current = {10_A, 10_A, 10_A}, .at = now.mono}, now); }
    void seconds(int count) {
        for (int i = 0; i < count; ++i) {
            pass(1s);
            sample();
        }
    }
    void appears(int connector) {
        send("StatusNotification", R"({"connectorId":)" + std::to_string(connector) +
                                       R"(,"errorCode":"NoError","status":"Available"})");
        seconds(2);
    }
    void answer(const std::vector<std::string>& calls, const std::string& status = "Accepted") {
        for (const auto& text : calls) {
            if (!text.starts_with("[2,")) continue;
            const auto id = text.substr(4, text.find('"', 4) - 4);
            receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":")" + status + "\"}]", now);
        }
    }
    std::vector<std::string> accept_all() {
        std::vector<std::string> all;
        for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
            answer(texts);
            all.insert(all.end(), texts.begin(), texts.end());
        }
        return all;
    }
    static auto profile(int connector, const std::string& amps) {
        return AllOf(HasSubstr("\"chargingProfileId\":" + std::to_string(2000 + connector)),
                     HasSubstr("\"limit\":" + amps));
    }
    std::vector<std::string> rows() const {
        std::vector<std::string> out;
        for (const auto& row : journal.all<db::StateSaved>()) {
            if (row.kind == safe_current_kind) out.push_back(row.key + " " + row.body.text);
        }
        return out;
    }
    // Connectors 2 and 3 hold 6 A each; then 1 appears, which the plan prefers to 3.
    void two_then_a_third() {
        for (const int connector : {2, 3}) {
            appears(connector);
            accept_all();
        }
        ASSERT_EQ(site.engine.safe_held("CP1/2"), 6_A);
        ASSERT_EQ(site.engine.safe_held("CP1/3"), 6_A);
        appears(1);
    }
};

TEST_F(SafeProfiles, AreLoweredBeforeOthersAreRaised) {
    two_then_a_third();
    std::vector<std::string> sent;
    for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
        sent.insert(sent.end(), texts.begin(), texts.end());
        // Connector 3 takes its time.
        for (const auto& text : texts) {
            if (text.find("\"chargingProfileId\":2003") == std::string::npos) answer({text});
        }
    }
    EXPECT_THAT(sent, Contains(profile(3, "0.0")));
    EXPECT_THAT(sent, Not(Contains(profile(1, "6.0"))));
    EXPECT_EQ(site.engine.safe_held("CP1/3"), 6_A);
    seconds(2);
    EXPECT_THAT(link->take(), Not(Contains(profile(1, "6.0"))));
    for (const auto& text : sent) {
        if (text.find("\"chargingProfileId\":2003") != std::string::npos) answer({text});
    }
    seconds(2);
    EXPECT_THAT(accept_all(), Contains(profile(1, "6.0")));
    EXPECT_EQ(site.engine.safe_held("CP1/1"), 6_A);
}

TEST_F(SafeProfiles, ARaiseWaitsForItsRowAndALoweringIsRecordedOnceAccepted) {
    two_then_a_third();
    EXPECT_EQ(rows(), (std::vector<std::string>{R"(CP1/2 {"milliamps":6000})",
                                                R"(CP1/3 {"milliamps":6000})"}));
    accept_all();
    EXPECT_THAT(rows(), Contains(R"(CP1/3 {"milliamps":0})"));
    journal.held = true;
    seconds(2);
    EXPECT_THAT(link->take(), Not(Contains(profile(1, "6.0"))));
    EXPECT_THAT(rows(), Contains(R"(CP1/1 {"milliamps":6000})"));
    journal.commit();
    EXPECT_THAT(link->take(), Contains(profile(1, "6.0")));
}

TEST_F(SafeProfiles, AreNotRaisedWhileNothingCanBeStored) {
    two_then_a_third();
    accept_all();
    journal.is_full = true;
    const auto before = journal.appended;
    seconds(70);
    EXPECT_THAT(accept_all(), Not(Contains(profile(1, "6.0"))));
    EXPECT_EQ(journal.appended, before);
    journal.is_full = false;
    seconds(61);
    EXPECT_THAT(accept_all(), Contains(profile(1, "6.0")));
}

TEST_F(SafeProfiles, ARefusedOneLeavesWhatWasThere) {
    two_then_a_third();
    for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
        answer(texts, "Rejected");
    }
    seconds(2);
    EXPECT_EQ(site.engine.safe_held("CP1/3"), 6_A);
    EXPECT_FALSE(site.engine.safe_held("CP1/1"));
    EXPECT_THAT(link->take(), Not(Contains(profile(1, "6.0"))));
}

// Nobody sees what a car draws whose charger is cut off, and may boot meanwhile.
TEST_F(SafeProfiles, ThatAreRefusedHoldNothingWhereNoMeterTells) {
    auto unmetered = site.engine.settings();
    unmetered.metered = false;
    site.engine.set_settings(unmetered, now);
    appears(1);
    for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
        answer(texts, "Rejected");
    }
    auto& connector = charger().connectors.at(1);
    ASSERT_TRUE(connector.safe_profile_refused);
    EXPECT_TRUE(holds_safe_profile(site, charger(), connector)) << "as long as it is there";
    disconnected(site, "CP1", link, now, "gone");
    EXPECT_FALSE(holds_safe_profile(site, charger(), connector));
    seconds(2);
    EXPECT_EQ(site.engine.status(now).at(0).worst_case, 32_A);
    connector.safe_profile_accepted = true;
    EXPECT_TRUE(holds_safe_profile(site, charger(), connector)) << "an older one stands still";
    unmetered.metered = true;
    site.engine.set_settings(unmetered, now);
    connector.safe_profile_accepted = false;
    EXPECT_TRUE(holds_safe_profile(site, charger(), connector)) << "the meter shows its car";
}

TEST_F(SafeProfiles, ComeBackAfterARestart) {
    restore_safe_current(site,
                         {std::string{safe_current_kind}, "CP1/3", {R"({"milliamps":6000})"}});
    EXPECT_TRUE(charger().connectors.at(3).safe_profile_accepted);
    EXPECT_EQ(site.engine.safe_held("CP1/3"), 6_A);
    const auto ignored = [&](const std::string& key, const std::string& body) {
        restore_safe_current(site, {std::string{safe_current_kind}, key, {body}});
    };
    ignored("CP9/1", R"({"milliamps":6000})");
    ignored("CP1", R"({"milliamps":6000})");
    ignored("CP1/x", R"({"milliamps":6000})");
    ignored("CP1/4", "[]");
    EXPECT_FALSE(site.engine.safe_held("CP9/1"));
    EXPECT_FALSE(site.engine.safe_held("CP1/4"));
    EXPECT_EQ(site.charge_points.size(), 1u);
}

TEST_F(SafeProfiles, AreForgottenWithTheirCharger) {
    appears(1);
    accept_all();
    remove_charge_point(site, "CP1");
    const auto removed = journal.all<db::StateRemoved>();
    ASSERT_EQ(removed.size(), 1u);
    EXPECT_EQ(removed[0].key, "CP1/1");
}

}  // namespace
}  // namespace busbar::site::test
