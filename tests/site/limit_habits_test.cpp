// What a charger's habits with limits change: lost profiles, pauses, words without deeds.
#include "site/limit_habits.hpp"

#include <gmock/gmock.h>

#include "tests/site/load_management_support.hpp"

namespace busbar::site::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr auto status_charging = R"({"connectorId":1,"errorCode":"NoError","status":"Charging"})";

// So little is sure when the building is not seen that the safe current is the minimum.
struct Habits : Stubborn {
    Habits() {
        auto narrow = site.engine.settings();
        narrow.reserve_blind = {50_A, 50_A, 50_A};
        site.engine.set_settings(narrow, now);
    }
    Amps booked() { return site.engine.status(now).at(0).worst_case; }
    void is_measured(Amps amps) {
        auto& connector = charger().connectors[1];
        connector.measured = PhaseAmps{amps, amps, amps};
        connector.measured_at = now.mono;
    }
    static std::size_t count(const std::vector<std::string>& sent, const std::string& part) {
        return static_cast<std::size_t>(std::count_if(
            sent.begin(), sent.end(), [&](const std::string& text) { return has(text, part); }));
    }
    static std::size_t first(const std::vector<std::string>& sent, const std::string& part) {
        const auto at = std::find_if(sent.begin(), sent.end(),
                                     [&](const std::string& text) { return has(text, part); });
        return static_cast<std::size_t>(at - sent.begin());
    }
};

TEST_F(Habits, AProfileThatDoesNotSurviveABootIsSentFirstAndCountsAsGone) {
    charger().settings.quirks = R"({"keepsProfilesOverReboot":false})";
    begin_charge();
    live(100s, 50);
    ASSERT_LT(booked(), 20_A);
    send("BootNotification", boot_text);
    pass(50ms);
    EXPECT_EQ(booked(), 32_A);
    EXPECT_FALSE(site.engine.safe_held("CP1/1"));
    EXPECT_THAT(journal.all<db::StateRemoved>(), testing::SizeIs(1)) << "also after a restart";
    pass(1s);
    auto sent = answer_all();
    pass(50ms);
    for (auto& text : answer_all()) sent.push_back(std::move(text));
    EXPECT_LT(first(sent, "\"TxDefaultProfile\""), first(sent, "\"TxProfile\""));
    EXPECT_LT(first(sent, "\"TxProfile\""), sent.size());
    live(1s, 50);
    EXPECT_LT(booked(), 20_A);
    EXPECT_EQ(site.engine.safe_held("CP1/1"), 6_A);
}

TEST_F(Habits, AReconnectionMayHaveBeenABoot) {
    charger().settings.quirks = R"({"keepsProfilesOverReboot":false})";
    begin_charge();
    live(100s, 50);
    link = connect("CP1");
    pass(50ms);
    EXPECT_EQ(booked(), 32_A);
    const auto sent = live(4s, 50);
    EXPECT_THAT(sent, Contains(HasSubstr("\"TxDefaultProfile\"")));
    EXPECT_LT(first(sent, "\"TxDefaultProfile\""), first(sent, "\"TxProfile\""));
    EXPECT_LT(booked(), 20_A);
}

TEST_F(Habits, AProfileThatSurvivesABootStaysBookedAsItWas) {
    begin_charge();
    live(100s, 50);
    send("BootNotification", boot_text);
    pass(50ms);
    EXPECT_LT(booked(), 20_A);
    EXPECT_EQ(site.engine.safe_held("CP1/1"), 6_A);
}

TEST_F(Habits, ALimitThatIsNotMeasuredLowersNothingWhereWordsAreNotTrusted) {
    charger().settings.quirks = R"({"trustAcceptedLimit":false})";
    begin_charge();
    live(120s, 50);
    EXPECT_EQ(booked(), 32_A);
    for (int i = 0; i < 6; ++i) {
        is_measured(6_A);
        live(10s, 50);
    }
    EXPECT_LT(booked(), 20_A);
}

TEST_F(Habits, AfterAPauseTheLimitIsSentAgainWhenChargingResumes) {
    charger().settings.quirks = R"({"reassertAfterZero":true})";
    begin_charge();
    EXPECT_DOUBLE_EQ(last_limit(live(20s, 90)), 0);
    std::vector<std::string> sent;
    while (last_limit(sent) < 6 && now.mono < Instant{3h}) sent = live(1s, 20);
    ASSERT_DOUBLE_EQ(last_limit(sent), 6);
    EXPECT_DOUBLE_EQ(last_limit(live(2s, 20)), -1);
    send("StatusNotification", status_charging);
    EXPECT_DOUBLE_EQ(last_limit(live(1s, 20)), 6);
    EXPECT_DOUBLE_EQ(last_limit(live(2s, 20)), -1) << "once";
}

TEST_F(Habits, AMeasuredCurrentShowsTheResumptionToo) {
    charger().settings.quirks = R"({"reassertAfterZero":true})";
    begin_charge();
    live(20s, 90);
    std::vector<std::string> sent;
    while (last_limit(sent) < 6 && now.mono < Instant{3h}) sent = live(1s, 20);
    live(2s, 20);
    is_measured(0_A);
    EXPECT_DOUBLE_EQ(last_limit(live(1s, 20)), -1) << "nothing is drawn yet";
    is_measured(6_A);
    EXPECT_DOUBLE_EQ(last_limit(live(1s, 20)), 6);
}

TEST_F(Habits, OthersAreNotToldAgain) {
    begin_charge();
    live(20s, 90);
    std::vector<std::string> sent;
    while (last_limit(sent) < 6 && now.mono < Instant{3h}) sent = live(1s, 20);
    live(2s, 20);
    send("StatusNotification", status_charging);
    EXPECT_DOUBLE_EQ(last_limit(live(1s, 20)), -1);
}

TEST_F(Habits, OnePauseTooManyIsCounted) {
    charger().settings.quirks = R"({"pausesPerHourMax":1})";
    begin_charge();
    const auto pause_and_resume = [&] {
        EXPECT_DOUBLE_EQ(last_limit(live(20s, 90)), 0);
        live(120s, 20);
    };
    pause_and_resume();
    EXPECT_FALSE(charger().deviations.contains("paused_too_often"));
    const auto& connector = charger().connectors[1];
    EXPECT_TRUE(is_paused_often(charger().quirks, connector, now));
    pause_and_resume();
    EXPECT_EQ(charger().deviations.at("paused_too_often").count, 1U) << "the breaker comes first";
    auto later = now;
    later.mono += 1h;
    EXPECT_FALSE(is_paused_often(charger().quirks, connector, later));
}

TEST_F(Habits, ALeaseEndsByItsDurationWhereTheModelIsKnownToFallBack) {
    reports("ChargingScheduleMaxPeriods", "1");
    charger().settings.quirks = R"({"durationThenDefault":true})";
    EXPECT_THAT(begin_charge(),
                Contains(AllOf(HasSubstr("\"TxProfile\""), HasSubstr("\"duration\":660"))));
}

TEST_F(Habits, ALeaseNeverEndsByItsDurationAboveNothing) {
    reports("ChargingScheduleMaxPeriods", "1");
    charger().settings.quirks = R"({"durationThenDefault":true})";
    refuses = [](const std::string& text) { return has(text, "\"TxDefaultProfile\""); };
    const auto sent = begin_charge();
    EXPECT_THAT(sent, Contains(HasSubstr("\"TxProfile\"")));
    EXPECT_THAT(sent, Not(Contains(HasSubstr("\"duration\""))));
}

TEST_F(Habits, AConnectorWithoutNumbersForItsProfilesGetsNone) {
    charger().settings.quirks = R"({"chargingProfileIdMax":4})";
    send("StatusNotification", R"({"connectorId":2,"errorCode":"NoError","status":"Available"})");
    const auto sent = begin_charge();
    EXPECT_THAT(sent, Contains(HasSubstr("\"chargingProfileId\":2")));
    EXPECT_EQ(count(sent, "\"connectorId\":2,\"csChargingProfiles\""), 0U);
    EXPECT_TRUE(charger().connectors[2].safe_profile_refused);
}

// A limit that had to be a ChargePointMaxProfile would cap all others once they are taken.
struct StaleWhole : Habits {
    std::vector<std::string> change_of_mind() {
        refuses = [](const std::string& text) {
            return has(text, "SetChargingProfile") && !has(text, "\"ChargePointMaxProfile\"");
        };
        begin_charge();
        EXPECT_EQ(charger().connectors[1].limits.taken.value_or(ProfileShape{}).purpose,
                  v16::ChargingProfilePurpose::ChargePointMaxProfile);
        refuses = {};
        charger().settings.quirks = settings_after;
        site.quirks = {};
        send("BootNotification", boot_text);
        return live(60s, 50);
    }
    std::string settings_after;
};

TEST_F(StaleWhole, IsClearedByItsNumber) {
    const auto sent = change_of_mind();
    EXPECT_THAT(
        sent, Contains(AllOf(HasSubstr("\"ClearChargingProfile\""), HasSubstr(R"({"id":1000})"))));
}

TEST_F(StaleWhole, IsOverwrittenWhereClearingDoesNotWork) {
    settings_after = R"({"clearProfiles":"overwrite"})";
    const auto sent = change_of_mind();
    EXPECT_THAT(sent, Not(Contains(HasSubstr("\"ClearChargingProfile\""))));
    EXPECT_THAT(
        sent, Contains(AllOf(HasSubstr("\"ChargePointMaxProfile\""), HasSubstr("\"limit\":32.0"))));
}

}  // namespace
}  // namespace busbar::site::test
