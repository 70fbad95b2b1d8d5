#include "site/charging_profiles.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <set>

namespace busbar::site::test {
namespace {

namespace v16 = ocpp::v16;
using namespace std::chrono_literals;
using Purpose = v16::ChargingProfilePurpose;
using Unit = v16::ChargingRateUnit;
using testing::HasSubstr;

const Timestamp now = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 8h;

LeasedLimit limit(Amps amps) {
    return {.connector_id = 2,
            .transaction_id = 7,
            .limit = amps,
            .safe = 6_A,
            .lease = 600s,
            .running = 100s};
}

TEST(ChargingProfiles, FallToTheSafeCurrentWhenTheLeaseEnds) {
    EXPECT_EQ(
        to_json(leased_profile(limit(12'345_mA), {}, {}, now)),
        R"({"connectorId":2,"csChargingProfiles":{"chargingProfileId":3002,"transactionId":7,)"
        R"("stackLevel":0,"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Absolute",)"
        R"("chargingSchedule":{"startSchedule":"2026-05-01T07:59:00Z","chargingRateUnit":"A",)"
        R"("chargingSchedulePeriod":[{"startPeriod":0,"limit":12.3},)"
        R"({"startPeriod":660,"limit":6.0}]}}})");
}

TEST(ChargingProfiles, ARelativeLeaseCountsFromTheStartOfTheTransaction) {
    const auto request = leased_profile(
        limit(16_A), {Purpose::TxProfile, ProfileKind::Relative, Unit::A, 0}, {}, now);
    const auto& schedule = request.csChargingProfiles.chargingSchedule;
    EXPECT_FALSE(schedule.startSchedule);
    EXPECT_EQ(schedule.chargingSchedulePeriod.at(1).startPeriod, 700);
}

TEST(ChargingProfiles, OtherPurposesCarryLimitsWithoutATransaction) {
    const auto fallback = leased_profile(
        limit(16_A), {Purpose::TxDefaultProfile, ProfileKind::Absolute, Unit::A, 0}, {}, now);
    EXPECT_EQ(fallback.connectorId, 2);
    EXPECT_EQ(fallback.csChargingProfiles.chargingProfileId, 2002);
    EXPECT_FALSE(fallback.csChargingProfiles.transactionId);
    const auto whole = leased_profile(
        limit(16_A), {Purpose::ChargePointMaxProfile, ProfileKind::Absolute, Unit::A, 0}, {}, now);
    EXPECT_EQ(whole.connectorId, 0);
    EXPECT_EQ(whole.csChargingProfiles.chargingProfileId, 1000);
}

TEST(ChargingProfiles, ADefaultOfTheWholeCarriesALimitLikeASafeCurrent) {
    Quirks quirks;
    quirks.tx_default_on_connector_0 = true;
    const ProfileShape shape{Purpose::TxDefaultProfile, ProfileKind::Absolute, Unit::A, 0};
    const auto carried = leased_profile(limit(16_A), shape, quirks, now);
    const auto safe = safe_profile(2, 6_A, 3, shape, quirks, now);
    EXPECT_EQ(carried.connectorId, 0);
    EXPECT_EQ(safe.connectorId, 0);
    EXPECT_EQ(carried.csChargingProfiles.chargingProfileId, 2000);
    EXPECT_EQ(safe.csChargingProfiles.chargingProfileId, 2000) << "so that it replaces the limit";
    EXPECT_EQ(leased_profile(limit(16_A), {}, quirks, now).connectorId, 2) << "a TxProfile is not";
}

TEST(ChargingProfiles, ASafeCurrentHasBegunByTheClockOfAnyZone) {
    const ProfileShape shape{Purpose::TxDefaultProfile, ProfileKind::Absolute, Unit::A, 0};
    const auto begins = [&](const Quirks& quirks) {
        return safe_profile(1, 6_A, 3, shape, quirks, now)
            .csChargingProfiles.chargingSchedule.startSchedule.value();
    };
    EXPECT_LE(begins({}), now - 14h);
}

TEST(ChargingProfiles, AreRoundedDownToWhatTheChargerKnows) {
    Quirks quirks;
    quirks.current_step_amps = 0.5;
    EXPECT_EQ(wire_limit(12'900_mA, Unit::A, 3, quirks).value, 125);
    quirks.limit_as_integer = true;
    EXPECT_EQ(wire_limit(12'900_mA, Unit::A, 3, quirks).value, 120);
    quirks.allowed_amps = {6, 8, 10, 13, 16};
    EXPECT_EQ(wire_limit(12'900_mA, Unit::A, 3, quirks).value, 100);
    EXPECT_EQ(wire_limit(5_A, Unit::A, 3, quirks).value, 0);
    EXPECT_THAT(profile_text(leased_profile(limit(16_A), {}, quirks, now), quirks),
                HasSubstr(R"({"startPeriod":0,"limit":16},{"startPeriod":660,"limit":6})"));
}

TEST(ChargingProfiles, WattsAreThoseOfOnePhaseUnlessTheCarHasShownMore) {
    auto leased = limit(16_A);
    const ProfileShape watts{Purpose::TxProfile, ProfileKind::Absolute, Unit::W, 0};
    const auto first = [&] {
        return leased_profile(leased, watts, {}, now)
            .csChargingProfiles.chargingSchedule.chargingSchedulePeriod.at(0)
            .limit.value;
    };
    EXPECT_EQ(first(), 16 * 207 * 10);
    leased.phases = 3;
    EXPECT_EQ(first(), 3 * 16 * 207 * 10);
    const auto safe = safe_profile(
        1, 6_A, 3, {Purpose::TxDefaultProfile, ProfileKind::Relative, Unit::W, 0}, {}, now);
    EXPECT_EQ(safe.csChargingProfiles.chargingSchedule.chargingSchedulePeriod.at(0).limit.value,
              6 * 207 * 10);
}

RC_GTEST_PROP(ChargingProfilesLaw, NoPhaseMayCarryMoreThanWasGranted, ()) {
    Quirks quirks;
    quirks.current_step_amps = *rc::gen::element(0.1, 0.5, 1.0, 2.0);
    quirks.limit_as_integer = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>()) quirks.allowed_amps = {6, 8, 10, 13, 16, 32};
    const Amps granted{*rc::gen::inRange(-1'000, 200'000)};
    const auto unit = *rc::gen::element(Unit::A, Unit::W);
    const auto limit = wire_limit(granted, unit, 1, quirks);
    RC_ASSERT(limit.value >= 0);
    RC_ASSERT(most_on_one_phase(limit, unit) <= std::max(granted, 0_A));
}

RC_GTEST_PROP(ChargingProfilesLaw, WhatAPhaseMayCarryIsNeverReportedTooLow, ()) {
    const Tenths limit{*rc::gen::arbitrary<std::int32_t>()};
    const auto unit = *rc::gen::element(Unit::A, Unit::W);
    const double exact = limit.value * 100.0 / (unit == Unit::A ? 1 : lowest_volts);
    const double most = std::numeric_limits<std::int32_t>::max();
    RC_ASSERT(most_on_one_phase(limit, unit).milliamps >= std::min(exact, most));
}

TEST(ChargingProfiles, MoreThanANumberHoldsIsTheMostThatItHolds) {
    const Amps most{std::numeric_limits<std::int32_t>::max()};
    EXPECT_EQ(most_on_one_phase({21'474'837}, Unit::A), most);
    EXPECT_EQ(most_on_one_phase({50'000'000}, Unit::A), most);
}

TEST(ChargingProfiles, NumberPhasesIsLeftOutUnlessTheChargerWantsIt) {
    Quirks quirks;
    const auto phases = [&] {
        return leased_profile(limit(16_A), {}, quirks, now)
            .csChargingProfiles.chargingSchedule.chargingSchedulePeriod.at(0)
            .numberPhases;
    };
    EXPECT_EQ(phases(), std::nullopt);
    quirks.number_phases = NumberPhases::three;
    EXPECT_EQ(phases(), 3);
    quirks.number_phases = NumberPhases::send;
    EXPECT_EQ(phases(), 3);
}

TEST(ChargingProfiles, IdsStayWithinWhatTheChargerKnows) {
    Quirks quirks;
    EXPECT_TRUE(is_own_profile_id(1000, quirks));
    EXPECT_FALSE(is_own_profile_id(4000, quirks));
    EXPECT_FALSE(is_own_profile_id(1, quirks));
    quirks.charging_profile_id_max = 255;
    for (const auto purpose : all_purposes()) {
        const auto id = own_profile_id(purpose, 2, quirks);
        EXPECT_GE(id, 1);
        EXPECT_LE(id, 255);
        EXPECT_TRUE(is_own_profile_id(id, quirks));
    }
    EXPECT_NE(own_profile_id(Purpose::TxProfile, 2, quirks),
              own_profile_id(Purpose::TxDefaultProfile, 2, quirks));
}

RC_GTEST_PROP(ChargingProfilesLaw, OwnNumbersAreDistinctAndNotTheOperators, ()) {
    Quirks quirks;
    quirks.charging_profile_id_max =
        *rc::gen::oneOf(rc::gen::inRange(3, 20), rc::gen::inRange(3, 5000));
    const bool is_whole = *rc::gen::arbitrary<bool>();
    std::set<std::int32_t> used{own_profile_id(Purpose::ChargePointMaxProfile, 0, quirks)};
    std::size_t count = 1;
    const auto take = [&](Purpose purpose, std::int32_t connector) {
        used.insert(own_profile_id(purpose, connector, quirks));
        RC_ASSERT(used.size() == ++count);
    };
    if (is_whole) take(Purpose::TxDefaultProfile, 0);
    for (const std::int32_t connector : {1, 2, 3, 4, 5, 49, 50, 51, 998, 999, 1000}) {
        if (!has_own_profile_ids(connector, quirks)) continue;
        take(Purpose::TxProfile, connector);
        if (!is_whole) take(Purpose::TxDefaultProfile, connector);
    }
    for (const auto id : used) {
        RC_ASSERT(id >= 1 && id <= quirks.charging_profile_id_max);
        RC_ASSERT(is_own_profile_id(id, quirks));
    }
    RC_ASSERT(has_own_profile_ids(1, quirks));
}

TEST(ChargingProfiles, AConnectorForWhichNoNumberIsLeftHasNone) {
    Quirks quirks;
    quirks.charging_profile_id_max = 4;
    EXPECT_TRUE(has_own_profile_ids(1, quirks));
    EXPECT_FALSE(has_own_profile_ids(2, quirks));
    quirks.charging_profile_id_max = 5;
    EXPECT_TRUE(has_own_profile_ids(2, quirks));
}

// Where one period is all there is room for, and the profile beneath is sure to be there.
TEST(ChargingProfiles, ALeaseMayEndByItsDuration) {
    const Quirks quirks;
    ProfileAbilities abilities{quirks, 8, "", 1};
    EXPECT_FALSE(limit_shapes(abilities).front().has_duration);
    abilities.needs_duration = true;
    const auto shape = limit_shapes(abilities).front();
    EXPECT_TRUE(shape.has_duration);
    const auto schedule =
        leased_profile(limit(16_A), shape, quirks, now).csChargingProfiles.chargingSchedule;
    EXPECT_EQ(schedule.duration, 660) << "600 s from now, and it began 60 s ago";
    EXPECT_EQ(schedule.chargingSchedulePeriod.size(), 1U);
}

TEST(StackLevels, LimitsStandAtTheTopAndSafeCurrentsAtTheBottom) {
    Quirks quirks;
    ProfileAbilities abilities{quirks, 8, "", 1};
    EXPECT_EQ(stack_levels(abilities).tx, 8);
    EXPECT_EQ(stack_levels(abilities).tx_default, 0);
    abilities.stack_level_max.reset();
    EXPECT_EQ(stack_levels(abilities).tx, 0) << "not known";
    quirks.stack_level_max = 0;
    abilities.stack_level_max = 8;
    EXPECT_EQ(stack_levels(abilities).tx, 0) << "learned";
    quirks = {};
    quirks.stack_level = 1;
    EXPECT_EQ(stack_levels(abilities).tx_default, 1);
}

TEST(ProfileShapes, BeginWithWhatTheChargerSaysItWants) {
    const Quirks quirks;
    EXPECT_EQ(limit_shapes({quirks, 8, "Current,Power", 1}).front(),
              (ProfileShape{Purpose::TxProfile, ProfileKind::Absolute, Unit::A, 8}));
    EXPECT_EQ(limit_shapes({quirks, {}, "Power", 1}).front().unit, Unit::W);
    EXPECT_EQ(safe_shapes({quirks, {}, "W", 1}).front().unit, Unit::W);
    for (const auto& shape : limit_shapes({quirks, 8, "Current", 1})) {
        EXPECT_EQ(shape.unit, Unit::A);
    }
}

TEST(ProfileShapes, GoOnAtLevel0ThenInWattsThenForOtherPurposes) {
    const Quirks quirks;
    const auto shapes = limit_shapes({quirks, 8, "", 1});
    ASSERT_GE(shapes.size(), 4U);
    EXPECT_EQ(shapes[1].stack_level, 0);
    EXPECT_EQ(shapes[2].unit, Unit::W);
    EXPECT_EQ(shapes.back().purpose, Purpose::ChargePointMaxProfile);
    EXPECT_EQ(limit_shapes({quirks, 8, "", 2}).back().purpose, Purpose::TxDefaultProfile)
        << "a ChargePointMaxProfile is for all connectors together";
    EXPECT_EQ(next_shape(shapes, {shapes[0]}), shapes[1]);
    EXPECT_EQ(next_shape(shapes, shapes), std::nullopt);
}

bool has_purpose(const std::vector<ProfileShape>& shapes, Purpose purpose) {
    return std::any_of(shapes.begin(), shapes.end(),
                       [&](const ProfileShape& shape) { return shape.purpose == purpose; });
}

TEST(ProfileShapes, DoWithoutAClockThatIsUnsure) {
    const Quirks quirks;
    ProfileAbilities abilities{quirks, 8, "Current", 1};
    const auto usual = limit_shapes(abilities);
    abilities.clock_is_unsure = true;
    const auto unsure = limit_shapes(abilities);
    EXPECT_EQ(unsure[0], (ProfileShape{Purpose::TxProfile, ProfileKind::Relative, Unit::A, 8}));
    EXPECT_TRUE(std::equal(usual.begin(), usual.end(), unsure.begin() + 1, unsure.end()))
        << "where it does not take that, the rest as ever";
}

// A profile for connector 0 would give each connector what is meant for one.
TEST(ProfileShapes, OfADefaultOfTheWholeAreForOneConnectorOnly) {
    Quirks quirks;
    quirks.tx_default_on_connector_0 = true;
    EXPECT_TRUE(has_purpose(limit_shapes({quirks, 8, "", 1}), Purpose::TxDefaultProfile));
    EXPECT_FALSE(has_purpose(limit_shapes({quirks, 8, "", 2}), Purpose::TxDefaultProfile));
    quirks.tx_default_on_connector_0 = false;
    EXPECT_TRUE(has_purpose(limit_shapes({quirks, 8, "", 2}), Purpose::TxDefaultProfile));
}

TEST(ProfileShapes, OfADefaultStandAboveThoseOfOperators) {
    Quirks quirks;
    quirks.profile_purposes = {Purpose::TxDefaultProfile};
    ProfileAbilities abilities{quirks, 8, "Current", 2};
    const auto level = [&]() -> std::optional<std::int32_t> {
        const auto shapes = limit_shapes(abilities);
        if (shapes.empty()) return std::nullopt;
        return shapes.front().stack_level;
    };
    EXPECT_EQ(level(), 0);
    abilities.default_level_taken = 3;
    EXPECT_EQ(level(), 4);
    abilities.default_level_taken = 7;
    EXPECT_EQ(level(), 8);
    abilities.default_level_taken = 8;
    EXPECT_EQ(level(), std::nullopt) << "there is no room above";
    quirks.stack_level = 5;
    abilities.default_level_taken = 3;
    EXPECT_EQ(level(), 5) << "it stands above as it is";
}

TEST(ProfileShapes, AreNoneWhereNoPurposeWorks) {
    Quirks quirks;
    quirks.profile_purposes.clear();
    EXPECT_TRUE(limit_shapes({quirks, {}, "", 1}).empty());
    EXPECT_TRUE(safe_shapes({quirks, {}, "", 1}).empty());
}

}  // namespace
}  // namespace busbar::site::test
