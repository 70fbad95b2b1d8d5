// The profile store of a simulated charge point against the rules of OCPP 1.6, 3.13.
#include "sim/charging_schedule.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace busbar::sim {
namespace {

namespace v16 = ocpp::v16;
using namespace std::chrono_literals;
using Purpose = v16::ChargingProfilePurpose;
using Kind = v16::ChargingProfileKind;
using Status = v16::SetChargingProfileStatus;

constexpr Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 4} + 12h;

struct Period {
    int start;
    int tenths;
};

v16::ChargingProfile profile(int id, Purpose purpose, int level, std::vector<Period> periods) {
    v16::ChargingProfile result;
    result.chargingProfileId = id;
    result.stackLevel = level;
    result.chargingProfilePurpose = purpose;
    result.chargingProfileKind = Kind::Absolute;
    result.chargingSchedule.startSchedule = noon;
    for (const auto& [start, tenths] : periods) {
        auto& period = result.chargingSchedule.chargingSchedulePeriod.emplace_back();
        period.startPeriod = start;
        period.limit = {tenths};
    }
    return result;
}

ConnectorUse running(std::int32_t transaction_id = 7) {
    ConnectorUse use;
    use.transaction_running = true;
    use.transaction_id = transaction_id;
    use.transaction_started = noon;
    return use;
}

TEST(ProfileStore, WithoutProfilesNothingIsLimited) {
    const ProfileStore store;
    EXPECT_FALSE(store.composite(1, noon, running()).limit);
    EXPECT_FALSE(store.composite(1, noon, running()).until);
}

TEST(ProfileStore, PeriodsFollowEachOtherAndSayHowLongTheyHold) {
    ProfileStore store;
    ASSERT_EQ(store.set(1, profile(1, Purpose::TxProfile, 0, {{0, 160}, {600, 60}}), running()),
              Status::Accepted);
    const auto first = store.composite(1, noon + 10s, running());
    EXPECT_EQ(first.limit, 16_A);
    EXPECT_EQ(first.until, noon + 600s);
    EXPECT_EQ(store.composite(1, noon + 600s, running()).limit, 6_A);
    EXPECT_FALSE(store.composite(1, noon + 600s, running()).until);
}

TEST(ProfileStore, AnExpiredTxProfileFallsBackToTheDefault) {
    ProfileStore store;
    auto leased = profile(1, Purpose::TxProfile, 0, {{0, 160}});
    leased.chargingSchedule.duration = 600;
    ASSERT_EQ(store.set(1, leased, running()), Status::Accepted);
    ASSERT_EQ(store.set(0, profile(2, Purpose::TxDefaultProfile, 0, {{0, 80}}), {}),
              Status::Accepted);
    EXPECT_EQ(store.composite(1, noon + 599s, running()).limit, 16_A);
    EXPECT_EQ(store.composite(1, noon + 599s, running()).until, noon + 600s);
    EXPECT_EQ(store.composite(1, noon + 600s, running()).limit, 8_A);
}

TEST(ProfileStore, AnExpiredTxProfileWithoutDefaultLimitsNothing) {
    ProfileStore store;
    auto leased = profile(1, Purpose::TxProfile, 0, {{0, 160}});
    leased.chargingSchedule.duration = 600;
    store.set(1, leased, running());
    EXPECT_FALSE(store.composite(1, noon + 600s, running()).limit);
}

TEST(ProfileStore, TheDefaultOfAConnectorStandsInForThatOfAll) {
    ProfileStore store;
    store.set(0, profile(1, Purpose::TxDefaultProfile, 3, {{0, 320}}), {});
    store.set(2, profile(2, Purpose::TxDefaultProfile, 0, {{0, 60}}), {});
    EXPECT_EQ(store.composite(1, noon, running()).limit, 32_A);
    EXPECT_EQ(store.composite(2, noon, running()).limit, 6_A);
}

TEST(ProfileStore, TheHighestLevelThatIsValidWinsAlone) {
    ProfileStore store;
    store.set(1, profile(1, Purpose::TxDefaultProfile, 0, {{0, 60}}), {});
    auto upper = profile(2, Purpose::TxDefaultProfile, 5, {{0, 200}});
    upper.validFrom = noon + 60s;
    upper.validTo = noon + 120s;
    store.set(1, upper, {});
    EXPECT_EQ(store.composite(1, noon + 59s, running()).limit, 6_A);
    EXPECT_EQ(store.composite(1, noon + 59s, running()).until, noon + 60s);
    EXPECT_EQ(store.composite(1, noon + 60s, running()).limit, 20_A);
    EXPECT_EQ(store.composite(1, noon + 120s, running()).limit, 6_A);
}

TEST(ProfileStore, TheCompositeIsTheLowerOfBothPurposes) {
    ProfileStore store;
    store.set(0, profile(1, Purpose::ChargePointMaxProfile, 0, {{0, 100}}), {});
    store.set(1, profile(2, Purpose::TxProfile, 0, {{0, 160}, {60, 60}}), running());
    EXPECT_EQ(store.composite(1, noon, running()).limit, 10_A);
    EXPECT_EQ(store.composite(1, noon + 60s, running()).limit, 6_A);
    EXPECT_EQ(store.composite(0, noon, {}).limit, 10_A);
}

TEST(ProfileStore, TxProfilesNeedTheirTransaction) {
    ProfileStore store;
    auto tx = profile(1, Purpose::TxProfile, 0, {{0, 160}});
    std::string why;
    EXPECT_EQ(store.set(1, tx, {}, &why), Status::Rejected);
    EXPECT_EQ(why, "no transaction is running");
    EXPECT_EQ(store.set(0, tx, running()), Status::Rejected);
    tx.transactionId = 8;
    EXPECT_EQ(store.set(1, tx, running(7)), Status::Rejected);
    tx.transactionId = 7;
    EXPECT_EQ(store.set(1, tx, running(7)), Status::Accepted);
    store.transaction_ended(1);
    EXPECT_EQ(store.size(), 0U);
}

TEST(ProfileStore, TheSameIdOrPlaceReplaces) {
    ProfileStore store;
    store.set(1, profile(1, Purpose::TxDefaultProfile, 0, {{0, 60}}), {});
    store.set(1, profile(2, Purpose::TxDefaultProfile, 0, {{0, 80}}), {});
    EXPECT_EQ(store.size(), 1U);
    store.set(1, profile(2, Purpose::TxDefaultProfile, 1, {{0, 100}}), {});
    EXPECT_EQ(store.size(), 1U);
    EXPECT_EQ(store.composite(1, noon, running()).limit, 10_A);
}

TEST(ProfileStore, RefusesWhatIsWrongInItself) {
    ProfileStore store{{.stack_level_max = 2, .periods_max = 2, .profiles_max = 2}};
    const auto refused = [&](auto change) {
        auto wrong = profile(1, Purpose::TxDefaultProfile, 0, {{0, 60}});
        change(wrong);
        return store.set(1, wrong, {}) == Status::Rejected;
    };
    EXPECT_TRUE(refused([](auto& p) { p.stackLevel = 3; }));
    EXPECT_TRUE(refused([](auto& p) { p.chargingSchedule.chargingSchedulePeriod.clear(); }));
    EXPECT_TRUE(
        refused([](auto& p) { p.chargingSchedule.chargingSchedulePeriod[0].startPeriod = 1; }));
    EXPECT_TRUE(refused([](auto& p) { p.chargingSchedule.startSchedule.reset(); }));
    EXPECT_TRUE(refused([](auto& p) { p.chargingProfileKind = Kind::Relative; }));
    EXPECT_TRUE(refused([](auto& p) { p.recurrencyKind = v16::RecurrencyKind::Daily; }));
    EXPECT_TRUE(
        refused([](auto& p) { p.chargingProfilePurpose = Purpose::ChargePointMaxProfile; }));
    EXPECT_TRUE(refused([](auto& p) { p.validFrom = p.validTo = noon; }));
    EXPECT_TRUE(refused([](auto& p) { p.chargingSchedule.duration = 0; }));
    EXPECT_FALSE(refused([](auto&) {}));
    store.set(1, profile(2, Purpose::TxDefaultProfile, 1, {{0, 60}}), {});
    EXPECT_EQ(store.set(1, profile(3, Purpose::TxDefaultProfile, 2, {{0, 60}}), {}),
              Status::Rejected);
}

TEST(ProfileStore, ClearsByIdOrByAllCriteriaTogether) {
    ProfileStore store;
    store.set(1, profile(1, Purpose::TxDefaultProfile, 0, {{0, 60}}), {});
    store.set(1, profile(2, Purpose::TxDefaultProfile, 1, {{0, 60}}), {});
    store.set(2, profile(3, Purpose::TxDefaultProfile, 1, {{0, 60}}), {});
    v16::ClearChargingProfile::Request request;
    request.connectorId = 1;
    request.stackLevel = 1;
    EXPECT_TRUE(store.clear(request));
    EXPECT_EQ(store.size(), 2U);
    EXPECT_FALSE(store.clear(request));
    request = {};
    request.id = 3;
    EXPECT_TRUE(store.clear(request));
    EXPECT_TRUE(store.clear({}));
    EXPECT_EQ(store.size(), 0U);
}

TEST(ProfileStore, RelativeCountsFromTheStartOfTheTransaction) {
    ProfileStore store;
    auto relative = profile(1, Purpose::TxProfile, 0, {{0, 160}, {60, 80}});
    relative.chargingProfileKind = Kind::Relative;
    relative.chargingSchedule.startSchedule.reset();
    auto use = running();
    use.transaction_started = noon + 1h;
    ASSERT_EQ(store.set(1, relative, use), Status::Accepted);
    EXPECT_EQ(store.composite(1, noon + 1h + 59s, use).limit, 16_A);
    EXPECT_EQ(store.composite(1, noon + 1h + 60s, use).limit, 8_A);
}

TEST(ProfileStore, ADailyScheduleBeginsAgainEachDay) {
    ProfileStore store;
    auto daily = profile(1, Purpose::TxDefaultProfile, 0, {{0, 60}, {3600, 160}});
    daily.chargingProfileKind = Kind::Recurring;
    daily.recurrencyKind = v16::RecurrencyKind::Daily;
    daily.chargingSchedule.duration = 7200;
    ASSERT_EQ(store.set(1, daily, {}), Status::Accepted);
    for (const auto day : {0h, 24h, 240h}) {
        EXPECT_EQ(store.composite(1, noon + day, running()).limit, 6_A);
        EXPECT_EQ(store.composite(1, noon + day + 1h, running()).limit, 16_A);
        EXPECT_FALSE(store.composite(1, noon + day + 2h, running()).limit);
        EXPECT_EQ(store.composite(1, noon + day + 2h, running()).until, noon + day + 24h);
    }
    EXPECT_FALSE(store.composite(1, noon - 1s, running()).limit);
}

TEST(ProfileStore, WattsAreThePowerOfAllPhases) {
    ProfileStore store;
    auto power = profile(1, Purpose::TxDefaultProfile, 0, {{0, 69'000}});
    power.chargingSchedule.chargingRateUnit = v16::ChargingRateUnit::W;
    ASSERT_EQ(store.set(1, power, {}), Status::Accepted);
    auto use = running();
    EXPECT_EQ(store.composite(1, noon, use).limit, 10_A);
    use.phases = 1;
    EXPECT_EQ(store.composite(1, noon, use).limit, 30_A);
}

TEST(ProfileStore, TheCompositeScheduleShowsEachChangeOnce) {
    ProfileStore store;
    store.set(1, profile(1, Purpose::TxProfile, 0, {{0, 160}, {60, 160}, {120, 60}}), running());
    const auto schedule =
        store.composite_schedule(1, noon + 30s, 300s, v16::ChargingRateUnit::A, running(), 32_A);
    ASSERT_EQ(schedule.chargingSchedulePeriod.size(), 2U);
    EXPECT_EQ(schedule.chargingSchedulePeriod[0].limit, Tenths{160});
    EXPECT_EQ(schedule.chargingSchedulePeriod[1].startPeriod, 90);
    EXPECT_EQ(schedule.chargingSchedulePeriod[1].limit, Tenths{60});
    EXPECT_EQ(schedule.duration, 300);
}

// Whatever is installed: a limit holds, unchanged, until the moment that was promised.
RC_GTEST_PROP(ProfileStore, ALimitHoldsUntilItIsSaidToEnd, ()) {
    ProfileStore store;
    const int count = *rc::gen::inRange(1, 6);
    for (int id = 1; id <= count; ++id) {
        const auto purpose = *rc::gen::element(Purpose::ChargePointMaxProfile,
                                               Purpose::TxDefaultProfile, Purpose::TxProfile);
        auto random = profile(id, purpose, *rc::gen::inRange(0, 3),
                              {{0, *rc::gen::inRange(0, 320)},
                               {*rc::gen::inRange(1, 50), *rc::gen::inRange(0, 320)}});
        random.chargingSchedule.startSchedule =
            noon + std::chrono::seconds{*rc::gen::inRange(-50, 50)};
        if (*rc::gen::arbitrary<bool>())
            random.chargingSchedule.duration = *rc::gen::inRange(1, 90);
        if (*rc::gen::arbitrary<bool>()) {
            random.validTo = noon + std::chrono::seconds{*rc::gen::inRange(1, 60)};
        }
        store.set(purpose == Purpose::ChargePointMaxProfile ? 0 : 1, random, running());
    }
    const Timestamp at = noon + std::chrono::milliseconds{*rc::gen::inRange(0, 60'000)};
    const Allowed allowed = store.composite(1, at, running());
    if (allowed.until) RC_ASSERT(*allowed.until > at);
    const Timestamp end = allowed.until.value_or(at + 200s);
    for (Timestamp later = at; later < end; later += 500ms) {
        RC_ASSERT(store.composite(1, later, running()).limit == allowed.limit);
    }
}

}  // namespace
}  // namespace busbar::sim
