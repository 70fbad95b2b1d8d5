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

// A charger that takes no TxProfile, or seems to.
struct Doubts : Habits {
    Doubts() {
        refuses = [this](const std::string& text) {
            return is_stubborn && has(text, "\"TxProfile\"");
        };
    }
    void stop() {
        send("StopTransaction",
             R"({"transactionId":)" + std::to_string(charger().open.at(0).start.transaction_id) +
                 R"(,"meterStop":5,"timestamp":")" + to_string(now.wall) + "\"}");
    }
    void start() {
        send("StartTransaction", R"({"connectorId":1,"idTag":"TAG","meterStart":)" +
                                     std::to_string(++register_wh) + R"(,"timestamp":")" +
                                     to_string(now.wall) + "\"}");
    }
    bool has_learned() {
        const auto& works = charger().quirks.profile_purposes;
        return std::find(works.begin(), works.end(), Purpose::TxProfile) == works.end();
    }
    using Purpose = v16::ChargingProfilePurpose;
    bool is_stubborn = true;
    int register_wh = 100;
};

TEST_F(Doubts, TeachAModelOnceTwoTransactionsHaveShownThem) {
    begin_charge();
    EXPECT_THAT(live(60s, 50), Contains(HasSubstr("\"TxProfile\""))) << "asked again";
    EXPECT_FALSE(has_learned()) << "whatever came in between";
    stop();
    live(5s, 50);
    start();
    live(5s, 50);
    EXPECT_FALSE(has_learned()) << "the second has only just begun";
    live(15s, 50);
    EXPECT_TRUE(has_learned());
    EXPECT_THAT(live(60s, 50), Not(Contains(HasSubstr("\"TxProfile\""))));
}

TEST_F(Doubts, EndWithTheFirstAcceptance) {
    begin_charge();
    live(60s, 50);
    stop();
    live(5s, 50);
    is_stubborn = false;
    start();
    live(30s, 50);
    stop();
    live(5s, 50);
    is_stubborn = true;
    start();
    live(60s, 50);
    EXPECT_FALSE(has_learned());
}

TEST_F(Doubts, AreForgottenWhereTheChargerOnlyWasNotReady) {
    begin_charge();
    const auto carrier = [&] { return charger().connectors[1].limits.taken.value().purpose; };
    EXPECT_EQ(carrier(), Purpose::TxDefaultProfile);
    is_stubborn = false;
    live(20s, 50);
    EXPECT_EQ(carrier(), Purpose::TxProfile);
    EXPECT_FALSE(charger().connectors[1].limits.doubted_in);
}

// The answer crosses the end of the transaction.
TEST_F(Doubts, AreNotRaisedByTransactionsThatAreOver) {
    is_stubborn = false;
    begin_charge();
    live(30s, 50);
    pass(1s);
    meter(90);
    const auto sent = link->take();
    ASSERT_THAT(sent, Contains(HasSubstr("\"TxProfile\"")));
    stop();
    is_stubborn = true;
    const auto& text = sent.front();
    const auto id = text.substr(4, text.find('"', 4) - 4);
    receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":"Rejected"}])", now);
    const auto& connector = charger().connectors[1];
    EXPECT_THAT(connector.limits.refused, IsEmpty());
    EXPECT_FALSE(connector.limit_refused);
}

// A TxDefaultProfile with a limit outlives its transaction, also if nobody knows that it came.
struct Lingering : Doubts {
    // Its newest limit as a TxDefaultProfile is on its way.
    void charge_to(int building) {
        charger().settings.quirks = R"({"profilePurposes":["TxDefaultProfile"]})";
        is_stubborn = false;
        begin_charge();
        live(30s, building);
        for (int second = 0; second < 60 && link->sent.empty(); ++second) {
            pass(1s);
            meter(building);
        }
        for (int second = 0; second < 60 && link->sent.empty(); ++second) {
            pass(1s);
            meter(20);
        }
        unanswered = link->take();
        ASSERT_THAT(unanswered,
                    Contains(AllOf(HasSubstr("\"TxDefaultProfile\""), HasSubstr("\"Absolute\""))));
        raised_to = std::stod(unanswered.back().substr(unanswered.back().find("\"limit\":") + 8));
        ASSERT_GT(raised_to, 6.0);
    }
    std::vector<std::string> unanswered;
    double raised_to = 0;
};

TEST_F(Lingering, ALimitWithoutAnAnswerStaysBookedBehindItsTransaction) {
    charge_to(50);
    for (int second = 0; second < 12; ++second) {
        pass(1s);
        meter(20);
    }
    stop();
    pass(50ms);
    EXPECT_GE(booked(), Amps::from_double(raised_to)) << "the next car may have it";
    live(15s, 20);
    EXPECT_FALSE(charger().connectors[1].limits.lingering);
    EXPECT_LE(booked(), 6_A) << "the safe profile has taken its place";
}

TEST_F(Lingering, ALimitOnItsWayStaysBookedBehindItsTransaction) {
    charge_to(50);
    stop();
    pass(50ms);
    EXPECT_GE(booked(), Amps::from_double(raised_to));
}

TEST_F(Lingering, ALimitStaysBookedForTheCarThatFollowsAtOnce) {
    charge_to(50);
    stop();
    start();
    pass(50ms);
    EXPECT_GE(booked(), Amps::from_double(raised_to));
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

// What it sends is by its own clock.
struct Clocks : Habits {
    std::vector<std::string> live_by(std::chrono::seconds ahead, std::chrono::seconds time) {
        std::vector<std::string> all;
        for (auto passed = 0s; passed < time; passed += 10s) {
            send("MeterValues", R"({"connectorId":1,"meterValue":[{"timestamp":")" +
                                    to_string(now.wall + ahead) +
                                    R"(","sampledValue":[{"value":"1"}]}]})");
            for (auto& text : live(10s, 50)) all.push_back(std::move(text));
        }
        return all;
    }
    static std::string begin_of(const std::string& text) {
        const std::string before = R"("startSchedule":")";
        const auto at = text.find(before);
        return at == std::string::npos ? "" : text.substr(at + before.size(), 20);
    }
    static std::vector<std::string> limits_in(const std::vector<std::string>& sent) {
        std::vector<std::string> out;
        for (const auto& text : sent) {
            if (has(text, "\"TxProfile\"")) out.push_back(text);
        }
        return out;
    }
};

TEST_F(Clocks, ALimitHasBegunByAClockThatIsBehindAndIsNotLonger) {
    begin_charge();
    const auto sent = limits_in(live_by(-240s, 600s));
    ASSERT_FALSE(sent.empty());
    const auto began_at = [&] { return to_string(now.wall - 240s - 60s); };
    const auto before = to_string(now.wall - 240s - 60s - 590s);
    EXPECT_THAT(sent.back(), HasSubstr(R"("startPeriod":660)"));
    EXPECT_LE(begin_of(sent.back()), began_at());
    EXPECT_GE(begin_of(sent.back()), before);
}

TEST_F(Clocks, ALimitIsSentAgainWhenTheClockTurnsOutToBeBehind) {
    begin_charge();
    live(120s, 50);
    const auto sent = limits_in(live_by(-240s, 90s));
    ASSERT_FALSE(sent.empty()) << "it has not begun by that clock";
    EXPECT_LE(begin_of(sent.back()), to_string(now.wall - 240s - 60s));
    EXPECT_LE(limits_in(live_by(-240s, 60s)).size(), 1U) << "not with every message";
}

TEST_F(Clocks, ALimitOfAClockThatIsFarBehindWaitsForNoProof) {
    begin_charge();
    live(120s, 50);
    const auto sent = limits_in(live_by(-1000s, 90s));
    ASSERT_FALSE(sent.empty());
    EXPECT_LE(begin_of(sent.back()), to_string(now.wall - 1000s - 60s));
}

TEST_F(Clocks, ALimitNeedsNoClockWhereItIsAheadOrInAnotherZone) {
    begin_charge();
    const auto sent = limits_in(live_by(3600s, 90s));
    ASSERT_FALSE(sent.empty());
    EXPECT_THAT(sent.back(), HasSubstr("\"Relative\""));
    EXPECT_EQ(begin_of(sent.back()), "");
}

TEST_F(Clocks, ALimitBeginsInThePastWhereNothingElseIsTaken) {
    refuses = [](const std::string& text) {
        return has(text, "\"TxProfile\"") && has(text, "\"Relative\"");
    };
    begin_charge();
    const auto sent = limits_in(live_by(3600s, 90s));
    ASSERT_FALSE(sent.empty());
    EXPECT_THAT(sent.back(), HasSubstr("\"Absolute\""));
    EXPECT_LT(begin_of(sent.back()), to_string(now.wall)) << "also if the clock is set meanwhile";
    EXPECT_EQ(charger().quirks.profile_kind, ProfileKind::Absolute);
}

}  // namespace
}  // namespace busbar::site::test
