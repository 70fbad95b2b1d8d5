#include "site/operator_profiles.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "site/load_management.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using Purpose = v16::ChargingProfilePurpose;
using Kind = v16::ChargingProfileKind;
using Request = v16::SetChargingProfile::Request;

// One connector with a safe current of 32 A on a charger with eight stack levels.
struct OperatorProfiles : testing::Test, OneCharger {
    OperatorProfiles() {
        charger().configuration.read_at = now.wall;
        auto& reported = charger().configuration.reported;
        reported["ChargeProfileMaxStackLevel"] = {"ChargeProfileMaxStackLevel", "8", true, {}};
        send("StatusNotification",
             R"({"connectorId":1,"errorCode":"NoError","status":"Available"})");
        on_meter_sample(site, {.current = {10_A, 10_A, 10_A}, .at = now.mono}, now);
        charger().connectors[1].safe_profile_sent = 32_A;
    }
    static Request absolute(Purpose purpose, double amps) {
        Request request;
        request.connectorId = purpose == Purpose::ChargePointMaxProfile ? 0 : 1;
        auto& profile = request.csChargingProfiles;
        profile.chargingProfileId = 77;
        profile.stackLevel = 3;
        profile.chargingProfilePurpose = purpose;
        profile.chargingProfileKind = Kind::Absolute;
        profile.chargingSchedule.startSchedule = Timestamp{};
        profile.chargingSchedule.chargingSchedulePeriod = {
            {.startPeriod = 0, .limit = {static_cast<int>(amps * 10)}, .numberPhases = {}}};
        return request;
    }
    // The pointer of the violation; "409" if the time is wrong; "" if all is well.
    std::string refusal(const Request& request) {
        return where(profile_objection(site, charger(), request));
    }
    static std::string where(const std::optional<CommandFailure>& failure) {
        if (!failure) return "";
        if (failure->kind == CommandFailure::Kind::not_allowed_now) return "409";
        return failure->violations.at(0).pointer;
    }
    // It is sent and accepted.
    void set(const Request& request) {
        operator_profile_sent(site, charger(), request);
        operator_profile_taken(site, charger(), request);
    }
    // It is sent and not answered.
    void wait_in_vain(const Request& request) {
        operator_profile_sent(site, charger(), request);
        operator_profile_unanswered(charger(), request);
    }
    void start() {
        send(
            "StartTransaction",
            R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    }
};

TEST_F(OperatorProfiles, MayAllowUpToTheSafeCurrent) {
    EXPECT_EQ(refusal(absolute(Purpose::TxDefaultProfile, 32)), "");
    EXPECT_EQ(refusal(absolute(Purpose::TxDefaultProfile, 32.1)),
              "/csChargingProfiles/chargingSchedule");
    EXPECT_EQ(refusal(absolute(Purpose::ChargePointMaxProfile, 500)), "") << "it can only lower";
    auto watts = absolute(Purpose::TxDefaultProfile, 6000);
    watts.csChargingProfiles.chargingSchedule.chargingRateUnit = v16::ChargingRateUnit::W;
    EXPECT_EQ(refusal(watts), "") << "26 A if one phase takes it all";
    watts.csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit = {80'000};
    EXPECT_EQ(refusal(watts), "/csChargingProfiles/chargingSchedule");
}

TEST_F(OperatorProfiles, WaitUntilTheSafeCurrentIsKnown) {
    charger().connectors[1].safe_profile_sent.reset();
    EXPECT_EQ(refusal(absolute(Purpose::TxDefaultProfile, 6)), "409");
    auto unknown = absolute(Purpose::TxDefaultProfile, 6);
    unknown.connectorId = 9;
    EXPECT_EQ(refusal(unknown), "409");
}

TEST_F(OperatorProfiles, BelongToAConnectorByTheirPurpose) {
    auto whole = absolute(Purpose::ChargePointMaxProfile, 6);
    whole.connectorId = 1;
    EXPECT_EQ(refusal(whole), "/connectorId");
    auto transaction = absolute(Purpose::TxProfile, 6);
    EXPECT_EQ(refusal(transaction), "409") << "nothing is running";
    transaction.connectorId = 0;
    EXPECT_EQ(refusal(transaction), "/connectorId");
    start();
    transaction.connectorId = 1;
    EXPECT_EQ(refusal(transaction), "");
    transaction.csChargingProfiles.transactionId = 4711;
    EXPECT_EQ(refusal(transaction), "/csChargingProfiles/transactionId");
    auto fallback = absolute(Purpose::TxDefaultProfile, 6);
    fallback.csChargingProfiles.transactionId = 1001;
    EXPECT_EQ(refusal(fallback), "/csChargingProfiles/transactionId");
}

TEST_F(OperatorProfiles, HaveNumbersAndLevelsOfTheirOwn) {
    auto request = absolute(Purpose::TxDefaultProfile, 6);
    request.csChargingProfiles.chargingProfileId = 2001;
    EXPECT_EQ(refusal(request), "/csChargingProfiles/chargingProfileId");
    request.csChargingProfiles.chargingProfileId = 4000;
    EXPECT_EQ(refusal(request), "");
    request.csChargingProfiles.stackLevel = 0;
    EXPECT_EQ(refusal(request), "/csChargingProfiles/stackLevel");
    start();
    auto transaction = absolute(Purpose::TxProfile, 6);
    transaction.csChargingProfiles.stackLevel = 8;
    EXPECT_EQ(refusal(transaction), "/csChargingProfiles/stackLevel");
    transaction.csChargingProfiles.stackLevel = 7;
    EXPECT_EQ(refusal(transaction), "");
    charger().connectors[1].limits.taken = ProfileShape{};
    EXPECT_EQ(refusal(transaction), "/csChargingProfiles/stackLevel")
        << "load management's limit stands at 0 as yet";
    charger().configuration.read_at.reset();
    EXPECT_EQ(refusal(transaction), "409") << "and may stand higher soon";
}

TEST_F(OperatorProfiles, MustNotStandAboveLimitsInAnotherPurpose) {
    start();
    auto& taken = charger().connectors[1].limits.taken;
    taken = ProfileShape{.purpose = Purpose::TxDefaultProfile};
    EXPECT_EQ(refusal(absolute(Purpose::TxProfile, 6)),
              "/csChargingProfiles/chargingProfilePurpose");
    EXPECT_EQ(refusal(absolute(Purpose::TxDefaultProfile, 6)),
              "/csChargingProfiles/chargingProfilePurpose");
    taken->purpose = Purpose::ChargePointMaxProfile;
    EXPECT_EQ(refusal(absolute(Purpose::ChargePointMaxProfile, 6)),
              "/csChargingProfiles/chargingProfilePurpose");
}

// Before any limit has gone out, and where more than one purpose is left.
TEST_F(OperatorProfiles, MustNotStandWhereLimitsAreSureToGo) {
    const std::string place = "/csChargingProfiles/chargingProfilePurpose";
    auto& purposes = charger().quirks.profile_purposes;
    purposes = {Purpose::ChargePointMaxProfile, Purpose::TxDefaultProfile};
    EXPECT_EQ(refusal(absolute(Purpose::TxDefaultProfile, 6)), place);
    EXPECT_EQ(refusal(absolute(Purpose::ChargePointMaxProfile, 6)), "");
    start();
    EXPECT_EQ(refusal(absolute(Purpose::TxProfile, 6)), place);
    purposes = all_purposes();
    charger().connectors[1].limits.taken = ProfileShape{.stack_level = 8};
    EXPECT_EQ(refusal(absolute(Purpose::TxDefaultProfile, 6)), "");
    charger().connectors[1].limits.sent = ProfileShape{.purpose = Purpose::TxDefaultProfile};
    EXPECT_EQ(refusal(absolute(Purpose::TxDefaultProfile, 6)), place) << "one is on its way";
}

// One that was taken before its model was known to need TxDefaultProfiles for limits.
TEST_F(OperatorProfiles, ThatCameFirstDoNotHideLimits) {
    set(absolute(Purpose::TxDefaultProfile, 20));
    charger().quirks.profile_purposes = {Purpose::TxDefaultProfile};
    const auto shapes = limit_shapes(profile_abilities(charger()));
    ASSERT_FALSE(shapes.empty());
    EXPECT_EQ(shapes.front().stack_level, 4);
    charger().quirks.tx_default_on_connector_0 = true;
    EXPECT_TRUE(limit_shapes(profile_abilities(charger())).empty())
        << "one of the connector stands in for that of the whole, on whatever level";
}

TEST_F(OperatorProfiles, HaveTheFormOfTheSpecification) {
    const auto wrong = [&](auto change) {
        auto request = absolute(Purpose::TxDefaultProfile, 6);
        auto& profile = request.csChargingProfiles;
        change(profile, profile.chargingSchedule);
        return refusal(request).substr(std::string{"/csChargingProfiles"}.size());
    };
    const std::string first = "/chargingSchedule/chargingSchedulePeriod/0";
    EXPECT_EQ(wrong([](auto&, auto& s) { s.chargingSchedulePeriod[0].startPeriod = 1; }),
              first + "/startPeriod");
    EXPECT_EQ(wrong([](auto&, auto& s) { s.chargingSchedulePeriod[0].limit = {-10}; }),
              first + "/limit");
    EXPECT_EQ(wrong([](auto&, auto& s) { s.chargingSchedulePeriod[0].limit = {50'000'000}; }),
              first + "/limit")
        << "not taken for a small one";
    EXPECT_EQ(wrong([](auto&, auto& s) {
                  s.chargingSchedulePeriod.push_back(s.chargingSchedulePeriod[0]);
              }),
              "/chargingSchedule/chargingSchedulePeriod/1/startPeriod");
    EXPECT_EQ(wrong([](auto& p, auto&) { p.chargingProfileKind = Kind::Recurring; }),
              "/recurrencyKind");
    EXPECT_EQ(wrong([](auto& p, auto&) { p.recurrencyKind = v16::RecurrencyKind::Daily; }),
              "/recurrencyKind");
    EXPECT_EQ(wrong([](auto& p, auto&) { p.chargingProfileKind = Kind::Relative; }),
              "/chargingSchedule/startSchedule");
    EXPECT_EQ(wrong([](auto&, auto& s) { s.startSchedule.reset(); }),
              "/chargingSchedule/startSchedule");
    EXPECT_EQ(wrong([](auto& p, auto&) {
                  p.validFrom = Timestamp{2s};
                  p.validTo = Timestamp{1s};
              }),
              "/validTo");
}

TEST_F(OperatorProfiles, OfARemoteStartAreForATransactionWithoutANumber) {
    v16::RemoteStartTransaction::Request request;
    request.idTag.value = "TAG";
    request.connectorId = 1;
    request.chargingProfile = absolute(Purpose::TxProfile, 6).csChargingProfiles;
    const auto refused = [&] {
        return where(remote_start_profile_objection(site, charger(), request));
    };
    EXPECT_EQ(refused(), "");
    request.chargingProfile->transactionId = 5;
    EXPECT_EQ(refused(), "/chargingProfile/transactionId");
    request.chargingProfile = absolute(Purpose::TxDefaultProfile, 6).csChargingProfiles;
    EXPECT_EQ(refused(), "/chargingProfile/chargingProfilePurpose");
    request.chargingProfile = absolute(Purpose::TxProfile, 33).csChargingProfiles;
    EXPECT_EQ(refused(), "/chargingProfile/chargingSchedule");
    request.chargingProfile.reset();
    EXPECT_EQ(refused(), "");
}

TEST_F(OperatorProfiles, AreBookedUntilTheyAreCleared) {
    const auto held = [&] { return held_by_operators(charger(), 1); };
    set(absolute(Purpose::TxDefaultProfile, 20));
    EXPECT_EQ(held(), 20_A);
    wait_in_vain(absolute(Purpose::TxDefaultProfile, 10));
    EXPECT_EQ(held(), 20_A) << "it may not have come";
    set(absolute(Purpose::TxDefaultProfile, 10));
    EXPECT_EQ(held(), 10_A) << "the same number replaces it";
    operator_profiles_cleared(site, charger(), {.id = 78});
    operator_profiles_cleared(site, charger(), {.connectorId = 2});
    operator_profiles_cleared(site, charger(), {.connectorId = 0});
    operator_profiles_cleared(site, charger(), {.stackLevel = 4});
    operator_profiles_cleared(site, charger(),
                              {.chargingProfilePurpose = Purpose::ChargePointMaxProfile});
    EXPECT_EQ(held(), 10_A);
    operator_profiles_cleared(site, charger(), {});
    EXPECT_EQ(held(), 0_A);
}

TEST_F(OperatorProfiles, AreGoneByAnyCriteriaThatAreSureToMeetThem) {
    const std::vector<v16::ClearChargingProfile::Request> fitting{
        {},
        {.id = 77},
        {.connectorId = 1},
        {.chargingProfilePurpose = Purpose::TxDefaultProfile},
        {.stackLevel = 3},
        {.connectorId = 1, .chargingProfilePurpose = Purpose::TxDefaultProfile, .stackLevel = 3}};
    for (const auto& request : fitting) {
        SCOPED_TRACE(to_json(request));
        set(absolute(Purpose::TxDefaultProfile, 20));
        operator_profiles_cleared(site, charger(), request);
        EXPECT_TRUE(charger().operator_profiles.empty());
    }
    charger().quirks.clear_profiles = ClearProfiles::overwrite;
    set(absolute(Purpose::TxDefaultProfile, 20));
    operator_profiles_cleared(site, charger(), {});
    EXPECT_EQ(held_by_operators(charger(), 1), 20_A) << "this model clears nothing";
}

TEST_F(OperatorProfiles, AreBookedFromBeforeTheyAreSentUntilTheyAreRefused) {
    const auto ask = [&](const std::string& answer) {
        command(site, "CP1", "SetChargingProfile", to_json(absolute(Purpose::TxDefaultProfile, 20)),
                now, [](const CommandResult&) {});
        const auto texts = link->take();
        ASSERT_FALSE(texts.empty());
        EXPECT_EQ(held_by_operators(charger(), 1), 20_A) << "it is on its way";
        const auto& text = texts.back();
        const auto id = text.substr(4, text.find('"', 4) - 4);
        if (!answer.empty())
            receive(site, "CP1", link,
                    "[" + answer.substr(0, 1) + ",\"" + id + "\"" + answer.substr(1), now);
    };
    ask(R"(3,{"status":"Rejected"}])");
    EXPECT_EQ(held_by_operators(charger(), 1), 0_A);
    ask(R"(4,"InternalError","",{}])");
    EXPECT_EQ(held_by_operators(charger(), 1), 0_A);
    ask(R"(3,{"status":"Accepted"}])");
    EXPECT_EQ(held_by_operators(charger(), 1), 20_A);
    EXPECT_TRUE(charger().operator_profiles.at(0).is_certain);
    ask(R"(3,{"status":"Rejected"}])");
    EXPECT_EQ(held_by_operators(charger(), 1), 20_A) << "what it held before it holds still";
    operator_profiles_cleared(site, charger(), {});
    ask("");
    pass(31s);
    EXPECT_EQ(held_by_operators(charger(), 1), 20_A) << "no answer: it may have come";
}

// The charger sees one command after the other, in the order they were given.
TEST_F(OperatorProfiles, AreNotClearedByWhatTheChargerSeesBeforeThem) {
    set(absolute(Purpose::TxDefaultProfile, 10));
    const auto ask = [&](const std::string& action, const std::string& payload) {
        command(site, "CP1", action, payload, now, [](const CommandResult&) {});
    };
    const auto answer = [&](const std::string& status) {
        const auto texts = link->take();
        ASSERT_EQ(texts.size(), 1U);
        const auto id = texts[0].substr(4, texts[0].find('"', 4) - 4);
        receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":")" + status + "\"}]", now);
    };
    ask("ClearChargingProfile", R"({"chargingProfilePurpose":"TxDefaultProfile"})");
    ask("SetChargingProfile", to_json(absolute(Purpose::TxDefaultProfile, 20)));
    ask("SetChargingProfile", to_json(absolute(Purpose::TxDefaultProfile, 30)));
    const auto held = [&] { return held_by_operators(charger(), 1); };
    answer("Accepted");
    EXPECT_EQ(held(), 30_A) << "both stand behind the clearing";
    EXPECT_EQ(charger().operator_profiles.size(), 2U) << "the one before is gone";
    answer("Accepted");
    EXPECT_EQ(held(), 30_A) << "the first does not replace the second";
    answer("Rejected");
    EXPECT_EQ(held(), 20_A);
    ask("ClearChargingProfile", "{}");
    answer("Accepted");
    EXPECT_EQ(held(), 0_A);
}

TEST_F(OperatorProfiles, WithoutAnAnswerAreGoneByAClearingAfterThem) {
    command(site, "CP1", "SetChargingProfile", to_json(absolute(Purpose::TxDefaultProfile, 20)),
            now, [](const CommandResult&) {});
    operator_profiles_cleared(site, charger(), {});
    EXPECT_EQ(held_by_operators(charger(), 1), 20_A) << "it is on its way";
    pass(31s);
    EXPECT_EQ(held_by_operators(charger(), 1), 20_A);
    operator_profiles_cleared(site, charger(), {});
    EXPECT_EQ(held_by_operators(charger(), 1), 0_A);
}

TEST_F(OperatorProfiles, OfTheWholeCountForConnectorsThatAppearLater) {
    auto whole = absolute(Purpose::TxDefaultProfile, 20);
    whole.connectorId = 0;
    set(whole);
    EXPECT_EQ(held_by_operators(charger(), 1), 20_A);
    EXPECT_EQ(held_by_operators(charger(), 2), 20_A);
    auto other = absolute(Purpose::TxDefaultProfile, 25);
    set(other);
    EXPECT_EQ(held_by_operators(charger(), 2), 20_A) << "that one is connector 1's";
    operator_profiles_cleared(site, charger(), {.connectorId = 0});
    EXPECT_EQ(held_by_operators(charger(), 2), 0_A);
    EXPECT_EQ(held_by_operators(charger(), 1), 25_A);
}

TEST_F(OperatorProfiles, ThatManyAreCountedAsOne) {
    for (int id = 5000; id < 5200; ++id) {
        auto request = absolute(Purpose::TxDefaultProfile, id == 5150 ? 30 : 6);
        request.csChargingProfiles.chargingProfileId = id;
        set(request);
    }
    EXPECT_LE(charger().operator_profiles.size(), 100U);
    EXPECT_EQ(held_by_operators(charger(), 1), 30_A);
    operator_profiles_cleared(site, charger(), {.id = 5150});
    EXPECT_EQ(held_by_operators(charger(), 1), 30_A);
    operator_profiles_cleared(site, charger(), {});
    EXPECT_EQ(held_by_operators(charger(), 1), 0_A);
}

// A ChargePointMaxProfile above load management's own would count in its stead.
TEST_F(OperatorProfiles, OfTheWholeTakeALastResortAway) {
    const auto last_purpose = [&] {
        return limit_shapes(profile_abilities(charger())).back().purpose;
    };
    EXPECT_EQ(last_purpose(), Purpose::ChargePointMaxProfile);
    EXPECT_EQ(refusal(absolute(Purpose::ChargePointMaxProfile, 20)), "");
    wait_in_vain(absolute(Purpose::ChargePointMaxProfile, 20));
    EXPECT_EQ(last_purpose(), Purpose::TxDefaultProfile);
    EXPECT_EQ(held_by_operators(charger(), 1), 0_A) << "it can only lower";
    operator_profiles_cleared(site, charger(), {.id = 77});
    EXPECT_EQ(last_purpose(), Purpose::ChargePointMaxProfile);
    charger().quirks.profile_purposes = {Purpose::ChargePointMaxProfile};
    EXPECT_EQ(refusal(absolute(Purpose::ChargePointMaxProfile, 20)),
              "/csChargingProfiles/chargingProfilePurpose")
        << "all that is left for load management";
}

TEST_F(OperatorProfiles, OfTheWholeMustNotOvertakeALimitOnItsWay) {
    start();
    charger().connectors[1].limits.sent = ProfileShape{.purpose = Purpose::ChargePointMaxProfile};
    EXPECT_EQ(refusal(absolute(Purpose::ChargePointMaxProfile, 6)),
              "/csChargingProfiles/chargingProfilePurpose");
}

TEST_F(OperatorProfiles, CountAsMuchAsTheyAllow) {
    auto narrow = site.engine.settings();
    narrow.reserve_blind = {50_A, 50_A, 50_A};
    site.engine.set_settings(narrow, now);
    start();
    operator_profile_sent(site, charger(), absolute(Purpose::TxDefaultProfile, 20));
    site.engine.transaction_ended("CP1/1", now);
    on_meter_sample(site, {.current = {10_A, 10_A, 10_A}, .at = now.mono + 1s}, now);
    EXPECT_GE(site.engine.status(now).at(0).worst_case, 20_A);
}

TEST_F(OperatorProfiles, ClearOursOnlyByCriteriaThatFit) {
    const Quirks quirks;
    const OwnProfile safe{1, Purpose::TxDefaultProfile, 0};
    EXPECT_TRUE(may_clear({}, safe, quirks));
    EXPECT_TRUE(may_clear({.connectorId = 1}, safe, quirks));
    EXPECT_FALSE(may_clear({.connectorId = 2}, safe, quirks));
    EXPECT_FALSE(may_clear({.chargingProfilePurpose = Purpose::TxProfile}, safe, quirks));
    EXPECT_FALSE(may_clear({.stackLevel = 4}, safe, quirks));
    EXPECT_FALSE(may_clear({.id = 77}, safe, quirks));
    EXPECT_EQ(where(clearing_objection(charger(), {.id = 3001})), "/id");
    EXPECT_EQ(where(clearing_objection(charger(), {.id = 77})), "");
}

// A restart must not forget what a charger may still hold.
TEST_F(OperatorProfiles, AreBookedOverARestart) {
    set(absolute(Purpose::TxDefaultProfile, 20));
    wait_in_vain(absolute(Purpose::ChargePointMaxProfile, 20));
    const auto rows = journal.all<db::StateSaved>();
    ASSERT_FALSE(rows.empty());
    HeldJournal fresh_journal;
    Site fresh{fresh_journal, settings()};
    fresh.charge_points["CP1"].settings = charger().settings;
    restore_operator_profiles(fresh, rows.back());
    EXPECT_EQ(fresh.find("CP1")->operator_profiles, charger().operator_profiles);
    EXPECT_EQ(charger().operator_profiles.size(), 2U);
}

TEST_F(OperatorProfiles, OfReleasesBeforeAreTakenOver) {
    restore_operator_profiles(
        site, {"operator_profiles",
               "CP1",
               {R"([{"connectorId":2,"chargingProfileId":77,"milliamps":20000}])"}});
    EXPECT_EQ(held_by_operators(charger(), 2), 20_A);
    operator_profiles_cleared(site, charger(), {.stackLevel = 3});
    EXPECT_EQ(held_by_operators(charger(), 2), 20_A) << "its level is not known";
    operator_profiles_cleared(site, charger(), {.id = 77});
    EXPECT_EQ(held_by_operators(charger(), 2), 0_A);
}

// What the schedule allows some seconds after it began (7.13).
Amps allowed_at(const v16::ChargingSchedule& schedule, std::int32_t seconds) {
    Tenths limit;
    for (const auto& period : schedule.chargingSchedulePeriod) {
        if (period.startPeriod <= seconds) limit = period.limit;
    }
    const double amps = limit.value / 10.0;
    const bool is_watts = schedule.chargingRateUnit == v16::ChargingRateUnit::W;
    return Amps::from_double(is_watts ? amps / static_cast<double>(lowest_volts) : amps);
}

RC_GTEST_PROP(OperatorProfilesLaw, NoInstantOfAScheduleAllowsMoreThanIsBooked, ()) {
    v16::ChargingSchedule schedule;
    schedule.chargingRateUnit =
        *rc::gen::element(v16::ChargingRateUnit::A, v16::ChargingRateUnit::W);
    const auto count = *rc::gen::inRange(1, 12);
    std::int32_t at = 0;
    for (int i = 0; i < count; ++i) {
        schedule.chargingSchedulePeriod.push_back(
            {.startPeriod = at, .limit = {*rc::gen::inRange(0, 10'000'000)}, .numberPhases = {}});
        at += *rc::gen::inRange(1, 40'000);
    }
    const Amps highest = highest_limit(schedule);
    const auto instant = *rc::gen::inRange(0, at + 1000);
    RC_ASSERT(allowed_at(schedule, instant) <= highest);
    for (const auto& period : schedule.chargingSchedulePeriod) {
        RC_ASSERT(allowed_at(schedule, period.startPeriod) <= highest);
    }
}

}  // namespace
}  // namespace busbar::site::test
