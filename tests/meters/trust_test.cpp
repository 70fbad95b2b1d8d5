#include "meters/trust.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace busbar::meters {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Instant at(int ms) { return Instant{milliseconds{ms}}; }

Reading reading(int ms, double amps = 10) {
    Reading result;
    result.at = at(ms);
    result.current_amps = {amps, amps, amps};
    return result;
}

TEST(Freshness, ChangesBehindThreeTenAndSixtySeconds) {
    EXPECT_EQ(freshness(milliseconds{0}), Freshness::fresh);
    EXPECT_EQ(freshness(milliseconds{3'000}), Freshness::fresh);
    EXPECT_EQ(freshness(milliseconds{3'001}), Freshness::late);
    EXPECT_EQ(freshness(milliseconds{10'000}), Freshness::late);
    EXPECT_EQ(freshness(milliseconds{10'001}), Freshness::stale);
    EXPECT_EQ(freshness(milliseconds{60'000}), Freshness::stale);
    EXPECT_EQ(freshness(milliseconds{60'001}), Freshness::dead);
}

TEST(Implausible, NamesWhatIsWrong) {
    Expectation expectation;
    expectation.limit = {32_A, 32_A, 32_A};
    EXPECT_FALSE(implausible(reading(0, 96), expectation));
    EXPECT_FALSE(implausible(reading(0, -96), expectation));
    EXPECT_EQ(implausible(reading(0, 96.1), expectation),
              "current of L1 is 96.1 A, more than three times the limit of 32.0 A");
    EXPECT_TRUE(implausible(reading(0, -96.1), expectation));
    EXPECT_EQ(implausible(reading(0, std::nan("")), expectation), "current of L1 is not a number");
    Reading missing = reading(0);
    missing.current_amps[2].reset();
    EXPECT_EQ(implausible(missing, expectation), "current of L3 is missing");
    expectation.phases = {true, true, false};
    EXPECT_FALSE(implausible(missing, expectation));
}

TEST(MeterTrust, IsDeadUntilTheFirstReading) {
    MeterTrust trust;
    EXPECT_EQ(trust.at(at(0)), (Trust{Freshness::dead, "no reading yet"}));
    EXPECT_FALSE(trust.next_change(at(0)));
    trust.observe_failure("cannot connect");
    EXPECT_EQ(trust.at(at(0)).reason, "no reading yet: cannot connect");
    trust.observe(reading(100));
    EXPECT_EQ(trust.at(at(100)), (Trust{Freshness::fresh, ""}));
}

TEST(MeterTrust, NextChangeIsWhenTheClassChanges) {
    MeterTrust trust;
    trust.observe(reading(1'000));
    Instant now = at(1'000);
    for (const Freshness expected : {Freshness::late, Freshness::stale, Freshness::dead}) {
        const auto change = trust.next_change(now);
        ASSERT_TRUE(change);
        EXPECT_LT(trust.at(*change - milliseconds{1}).freshness, expected);
        EXPECT_EQ(trust.at(*change).freshness, expected);
        now = *change;
    }
    EXPECT_FALSE(trust.next_change(now));
}

TEST(MeterTrust, AnImplausibleReadingMakesItStaleAtOnceUntilAPlausibleOne) {
    Expectation expectation;
    expectation.limit = {32_A, 32_A, 32_A};
    MeterTrust trust{expectation};
    trust.observe(reading(0));
    trust.observe(reading(1'000, 500));
    EXPECT_EQ(trust.at(at(1'000)).freshness, Freshness::stale);
    EXPECT_THAT(trust.at(at(1'000)).reason, HasSubstr("more than three times"));
    EXPECT_EQ(trust.last()->current_amps[0], 10);
    // What stays implausible ages from the last plausible reading.
    EXPECT_EQ(trust.next_change(at(1'000)), at(60'001));
    EXPECT_EQ(trust.at(at(60'001)).freshness, Freshness::dead);
    trust.observe(reading(61'000));
    EXPECT_EQ(trust.at(at(61'000)).freshness, Freshness::fresh);
}

TEST(MeterTrust, SaysWhyThereIsNoNewerReading) {
    MeterTrust trust;
    trust.observe(reading(0));
    trust.observe_failure("no complete answer within 1000 ms");
    EXPECT_EQ(trust.at(at(1'000)).reason, "");
    EXPECT_EQ(trust.at(at(4'000)).reason,
              "last reading is 4 s old: no complete answer within 1000 ms");
}

}  // namespace
}  // namespace busbar::meters
