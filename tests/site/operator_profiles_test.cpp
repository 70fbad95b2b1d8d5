#include "site/operator_profiles.hpp"

#include <gtest/gtest.h>

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
    const auto& held = charger().connectors[1].limits.by_operators;
    operator_profile_set(site, charger(), absolute(Purpose::TxDefaultProfile, 20), true);
    EXPECT_EQ(held.at(77), 20_A);
    operator_profile_set(site, charger(), absolute(Purpose::TxDefaultProfile, 10), false);
    EXPECT_EQ(held.at(77), 20_A) << "it may not have come";
    operator_profile_set(site, charger(), absolute(Purpose::TxDefaultProfile, 10), true);
    EXPECT_EQ(held.at(77), 10_A) << "the same number replaces it";
    operator_profiles_cleared(site, charger(), {.stackLevel = 3});
    operator_profiles_cleared(site, charger(), {.id = 78});
    operator_profiles_cleared(site, charger(), {.connectorId = 1});
    EXPECT_EQ(held.size(), 1U);
    operator_profiles_cleared(site, charger(), {});
    EXPECT_TRUE(held.empty());
}

TEST_F(OperatorProfiles, CountAsMuchAsTheyAllow) {
    auto narrow = site.engine.settings();
    narrow.reserve_blind = {50_A, 50_A, 50_A};
    site.engine.set_settings(narrow, now);
    start();
    operator_profile_set(site, charger(), absolute(Purpose::TxDefaultProfile, 20), true);
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
    operator_profile_set(site, charger(), absolute(Purpose::TxDefaultProfile, 20), true);
    const auto rows = journal.all<db::StateSaved>();
    ASSERT_FALSE(rows.empty());
    HeldJournal fresh_journal;
    Site fresh{fresh_journal, settings()};
    fresh.charge_points["CP1"].settings = charger().settings;
    restore_operator_profiles(fresh, rows.back());
    EXPECT_EQ(fresh.find("CP1")->connectors.at(1).limits.by_operators,
              charger().connectors.at(1).limits.by_operators);
    EXPECT_FALSE(charger().connectors.at(1).limits.by_operators.empty());
}

}  // namespace
}  // namespace busbar::site::test
