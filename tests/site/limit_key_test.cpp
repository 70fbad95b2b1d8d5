#include "site/limit_key.hpp"

#include <gmock/gmock.h>

#include "site/commands.hpp"
#include "site/safe_profiles.hpp"
#include "tests/site/load_management_support.hpp"

namespace busbar::site::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A charger that refuses every profile and has a key for its current. The safe current is 6 A.
struct LimitKey : Stubborn {
    LimitKey() {
        auto narrow = site.engine.settings();
        narrow.reserve_blind = {50_A, 50_A, 50_A};
        site.engine.set_settings(narrow, now);
        charger().settings.quirks = R"({"limitKey":"CurrentLimiterValue"})";
        refuses = [](const std::string& text) { return has(text, "SetChargingProfile"); };
    }
    static std::vector<std::string> writes(const std::vector<std::string>& sent) {
        std::vector<std::string> out;
        for (const auto& text : sent) {
            const std::string before = R"({"key":"CurrentLimiterValue","value":")";
            const auto at = text.find(before);
            if (at == std::string::npos) continue;
            const auto value = at + before.size();
            out.push_back(text.substr(value, text.find('"', value) - value));
        }
        return out;
    }
    // The car draws what it is offered beside the building.
    std::vector<std::string> charge(std::chrono::seconds time, int building) {
        std::vector<std::string> all;
        for (auto left = time; left > 0s; left -= 1s) {
            const auto offered = site.engine.status(now).at(0).offered.value_or(0_A);
            for (auto& text : live(1s, building + offered.milliamps / 1000)) {
                all.push_back(std::move(text));
            }
        }
        return all;
    }
    // Nothing holds it back at first; beside this building there is room for its minimum.
    std::vector<std::string> begin() {
        boot_and_start();
        return charge(5s, 56);
    }
    Amps booked() { return site.engine.status(now).at(0).worst_case; }
    void stop() {
        send("StopTransaction",
             R"({"transactionId":1001,"meterStop":5,"timestamp":"2026-05-01T08:10:00Z"})");
    }
};

TEST_F(LimitKey, TakesTheLimitOnceEveryProfileIsRefused) {
    boot_and_start();
    const auto begun = writes(charge(5s, 40));
    ASSERT_FALSE(begun.empty());
    EXPECT_FALSE(charger().connectors[1].limit_refused);
    EXPECT_GE(booked(), 6_A);
    EXPECT_EQ(begun.back(), std::to_string(booked().milliamps / 1000));
    const auto sent = live(30s, 90);
    EXPECT_THAT(sent, Not(Contains(HasSubstr("RemoteStop"))));
    EXPECT_THAT(writes(sent), ElementsAre("0"));
}

TEST_F(LimitKey, IsWrittenForRaisesAtLeisureAndForLoweringsAtOnce) {
    begin();
    std::vector<std::pair<Instant, std::string>> raises;
    for (int second = 0; second < 200; ++second) {
        for (const auto& value : writes(charge(1s, 40))) raises.emplace_back(now.mono, value);
    }
    ASSERT_GE(raises.size(), 1U);
    for (std::size_t i = 1; i < raises.size(); ++i) {
        EXPECT_GE(raises[i].first - raises[i - 1].first, 60s);
    }
    EXPECT_EQ(raises.back().second, "22");
    EXPECT_THAT(writes(charge(1s, 50)), testing::SizeIs(1)) << "ten amperes less, at once";
    EXPECT_THAT(writes(charge(58s, 20)), IsEmpty()) << "and no raise right behind it";
}

TEST_F(LimitKey, IsNotWrittenToRenewWhatItHolds) {
    begin();
    charge(300s, 40);
    EXPECT_THAT(writes(charge(1800s, 40)), IsEmpty());
    EXPECT_EQ(booked(), 22_A);
    EXPECT_EQ(site.engine.status(now).at(0).offered, 22_A) << "it counts as renewed";
}

TEST_F(LimitKey, StaysBookedUntilItIsWrittenAgain) {
    begin();
    charge(300s, 40);
    disconnected(site, "CP1", link, now, "gone");
    for (int minute = 0; minute < 30; ++minute) {
        pass(60s);
        meter(40);
    }
    EXPECT_EQ(booked(), 22_A) << "no lease ends it";
    EXPECT_EQ(site.engine.safe_held("CP1/1"), 22_A);
    const auto rows = journal.all<db::StateSaved>();
    const auto row = std::find_if(rows.rbegin(), rows.rend(),
                                  [](const auto& one) { return one.kind == safe_current_kind; });
    ASSERT_NE(row, rows.rend());
    EXPECT_EQ(row->body.text, R"({"milliamps":22000})") << "nor a restart";
}

TEST_F(LimitKey, IsRaisedOnlyWhenThatIsDurable) {
    begin();
    charge(25s, 56);
    journal.held = true;
    std::vector<std::string> sent;
    for (int second = 0; second < 90; ++second) {
        pass(1s);
        meter(46);
        for (auto& text : answer_all()) sent.push_back(std::move(text));
    }
    EXPECT_THAT(writes(sent), IsEmpty());
    // The command's row, then that of what the key may hold.
    journal.commit();
    journal.commit();
    EXPECT_THAT(writes(answer_all()), testing::SizeIs(1));
}

TEST_F(LimitKey, FallsToTheSafeCurrentWhenTheTransactionEnds) {
    begin();
    charge(300s, 40);
    stop();
    pass(50ms);
    EXPECT_EQ(booked(), 22_A) << "the next car may have it";
    EXPECT_THAT(writes(live(3s, 40)), ElementsAre("6"));
    EXPECT_EQ(site.engine.safe_held("CP1/1"), 6_A);
    EXPECT_FALSE(charger().connectors[1].limits.lingering);
}

TEST_F(LimitKey, ThatSomebodyElseWritesIsBookedAtTheMaximumAndWrittenAgain) {
    begin();
    charge(300s, 40);
    reports("CurrentLimiterValue", "32");
    pass(1s);
    meter(62);
    EXPECT_EQ(booked(), 32_A);
    EXPECT_EQ(charger().deviations.at("limit_key_overwritten").count, 1U);
    EXPECT_THAT(writes(charge(2s, 40)), Contains("22"));
    charge(1s, 40);
    EXPECT_EQ(booked(), 22_A);
}

TEST_F(LimitKey, IsNotForOperatorsWhileItLimits) {
    const auto failure = [&] {
        std::optional<CommandFailure> out;
        command(site, "CP1", "ChangeConfiguration", R"({"key":"currentlimitervalue","value":"32"})",
                now, [&](const CommandResult& result) {
                    if (const auto* wrong = std::get_if<CommandFailure>(&result)) out = *wrong;
                });
        answer_all();
        return out;
    };
    EXPECT_FALSE(failure()) << "it limits nothing as yet";
    begin();
    const auto refusal = failure();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->kind, CommandFailure::Kind::not_allowed_now);
}

// It may have been wished for before it was known to be the key.
TEST_F(LimitKey, IsNotAnOperatorsWish) {
    auto& configuration = charger().configuration;
    configuration.wishes["currentlimitervalue"] = "32";
    configuration.wishes["ResetRetries"] = "3";
    const auto is_wished = [&](const std::string& key) {
        const auto wishes = key_wishes(charger().quirks, {}, configuration);
        return std::any_of(wishes.begin(), wishes.end(),
                           [&](const KeyWish& wish) { return wish.key == key; });
    };
    EXPECT_TRUE(is_wished("currentlimitervalue")) << "any key is, of a model that has none";
    begin();
    EXPECT_FALSE(is_wished("currentlimitervalue"));
    EXPECT_TRUE(is_wished("ResetRetries"));
}

TEST_F(LimitKey, ThatIsRefusedLeavesTheLastResort) {
    refuses = [](const std::string& text) {
        return has(text, "SetChargingProfile") || has(text, "ChangeConfiguration");
    };
    begin();
    EXPECT_TRUE(charger().connectors[1].limit_refused);
    EXPECT_EQ(booked(), 32_A);
    EXPECT_THAT(live(30s, 90), Contains(HasSubstr("RemoteStopTransaction")));
}

TEST_F(LimitKey, OfSeveralConnectorsIsNotUsed) {
    send("StatusNotification", R"({"connectorId":2,"errorCode":"NoError","status":"Available"})");
    EXPECT_THAT(writes(begin()), IsEmpty());
    EXPECT_TRUE(charger().connectors[1].limit_refused);
}

TEST_F(LimitKey, IsNotTouchedWhereProfilesWork) {
    refuses = {};
    begin();
    EXPECT_THAT(writes(live(120s, 40)), IsEmpty());
}

TEST_F(LimitKey, HasTheUnitOfItsVendor) {
    Quirks quirks;
    EXPECT_EQ(limit_key_value(15'990_mA, quirks), "15");
    quirks.limit_key_units_per_amp = 10;
    EXPECT_EQ(limit_key_value(15'990_mA, quirks), "159");
    quirks.limit_key_units_per_amp = 1000;
    EXPECT_EQ(limit_key_value(16_A, quirks), "16000");
    quirks.current_step_amps = 1;
    EXPECT_EQ(limit_key_value(15'990_mA, quirks), "15000");
    EXPECT_EQ(limit_key_value(0_A, quirks), "0");
}

}  // namespace
}  // namespace busbar::site::test
