#include "dlm/observer.hpp"

#include <gtest/gtest.h>

#include "dlm/demand.hpp"

namespace busbar::dlm {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{std::chrono::hours{1}};

PhaseAmps all(Amps amps) { return {amps, amps, amps}; }

Contribution car(Amps high, Amps previous_high) {
    Contribution result;
    result.high = high;
    result.previous_high = previous_high;
    return result;
}

Contribution settled_car(Amps high, Amps drawn) {
    Contribution result = car(high, high);
    result.measured = all(drawn);
    result.settled = result.draw_known = true;
    return result;
}

class ObserverTest : public testing::Test {
protected:
    // One meter sample and the estimate of L1 after it.
    Amps see(Amps metered, std::vector<Contribution> evses, std::chrono::milliseconds at,
             bool overloaded = false) {
        observer.update(all(metered), start + at, evses, {overloaded, overloaded, overloaded},
                        all(5_A), start + at);
        return (*observer.background())[0];
    }
    Observer observer;
};

TEST_F(ObserverTest, WithoutCarsTheMeterIsTheBackground) {
    EXPECT_FALSE(observer.background());
    EXPECT_EQ(see(14_A, {}, 0s), 14_A);
    EXPECT_EQ(see(-3_A, {}, 21s), -3_A) << "export";
}

TEST_F(ObserverTest, SettledMeasurementsAreSubtracted) {
    EXPECT_EQ(see(40_A, {settled_car(16_A, 15_A), settled_car(16_A, 10_A)}, 0s), 15_A);
}

TEST_F(ObserverTest, TheFirstGuessStaysInsideTheInterval) {
    EXPECT_EQ(see(40_A, {car(16_A, 16_A)}, 0s), 24_A) << "at least what no car can draw";
    Observer other;
    other.update(all(3_A), start, std::vector{car(16_A, 16_A)}, {}, all(5_A), start);
    EXPECT_EQ((*other.background())[0], 3_A) << "at most what the meter shows";
}

TEST_F(ObserverTest, WhatCarsCannotExplainIsBackgroundAtOnce) {
    see(62_A, {settled_car(12_A, 12_A), settled_car(36_A, 36_A)}, 0s);
    EXPECT_EQ(see(78_A, {car(12_A, 12_A), car(36_A, 36_A)}, 1s), 30_A);
}

TEST_F(ObserverTest, ShortDipsDoNotCount) {
    EXPECT_EQ(see(30_A, {}, 0s), 30_A);
    EXPECT_EQ(see(10_A, {}, 5s), 30_A);
    EXPECT_EQ(see(20_A, {}, 15s), 30_A);
    EXPECT_EQ(see(10_A, {}, 20s), 30_A);
    EXPECT_EQ(see(10_A, {}, 21s), 20_A);
    EXPECT_EQ(see(10_A, {}, 36s), 10_A);
}

TEST_F(ObserverTest, CarsThatStillFollowALoweringAreNotBackground) {
    see(78_A, {car(48_A, 48_A)}, 0s);
    // Lowered to 32 and acknowledged, but the car has not moved yet.
    EXPECT_EQ(see(78_A, {car(32_A, 48_A)}, 1s), 30_A);
    EXPECT_EQ(observer.pending_fall()[0], 16_A);
    EXPECT_EQ(see(70_A, {car(32_A, 32_A)}, 4s), 30_A);
    EXPECT_EQ(observer.pending_fall()[0], 8_A);
    EXPECT_EQ(see(62_A, {car(32_A, 32_A)}, 5s), 30_A);
    EXPECT_EQ(observer.pending_fall()[0], 0_A);
    // What comes now is new load.
    EXPECT_EQ(see(75_A, {car(32_A, 32_A)}, 6s), 43_A);
}

TEST_F(ObserverTest, ACarThatDoesNotFollowIsBackgroundAfterAWhile) {
    see(78_A, {car(48_A, 48_A)}, 0s);
    EXPECT_EQ(see(78_A, {car(32_A, 48_A)}, 1s), 30_A);
    EXPECT_EQ(see(78_A, {car(32_A, 32_A)}, 12s), 30_A);
    EXPECT_EQ(see(78_A, {car(32_A, 32_A)}, 13s), 46_A);
}

TEST_F(ObserverTest, WhatFellWithoutASampleIsOverInItsOwnTime) {
    see(78_A, {car(48_A, 48_A)}, 0s);
    observer.note(std::vector{car(32_A, 48_A)}, start + 10s);
    EXPECT_EQ(observer.pending_fall()[0], 16_A);
    EXPECT_EQ(see(72_A, {car(32_A, 32_A)}, 15s), 30_A);
    EXPECT_EQ(observer.pending_fall()[0], 10_A) << "six of them have shown";
    EXPECT_EQ(see(72_A, {car(32_A, 32_A)}, 22s), 40_A);
}

// A charger may follow before its answer is here: the sample that comes between shows it.
TEST_F(ObserverTest, WhatFellInTheSampleBeforeTheAnswerIsNotAwaitedAgain) {
    see(78_A, {car(48_A, 48_A)}, 0s);
    EXPECT_EQ(see(66_A, {car(32_A, 48_A)}, 1s), 30_A);
    EXPECT_EQ(observer.pending_fall()[0], 4_A) << "12 of 16 A have fallen";
    see(78_A, {car(32_A, 32_A)}, 2s);
    see(70_A, {car(32_A, 32_A)}, 3s);
    observer.note(std::vector{car(20_A, 32_A)}, start + 3s + 20ms);
    EXPECT_EQ(observer.pending_fall()[0], 8_A)
        << "four of eight were awaited; the rest belongs to the answer 20 ms behind the sample";
}

TEST_F(ObserverTest, AFallOfTheBuildingIsNoFallOfACar) {
    see(78_A, {car(48_A, 48_A)}, 0s);
    see(70_A, {car(48_A, 48_A)}, 1s);
    EXPECT_EQ(see(70_A, {car(32_A, 48_A)}, 2s), 30_A);
    EXPECT_EQ(observer.pending_fall()[0], 16_A) << "the newest sample has not fallen";
}

TEST_F(ObserverTest, AGuessThatNobodyHasSeenDoesNotFall) {
    see(41_A, {car(11_A, 11_A)}, 0s);
    see(41_A, {car(32_A, 11_A)}, 1s);
    Contribution guess = car(21_A, 32_A);
    guess.shown = all(11_A);
    see(41_A, {guess}, 2s);
    EXPECT_EQ(observer.pending_fall()[0], 0_A);
    guess.shown = all(25_A);
    see(55_A, {guess}, 3s);
    EXPECT_EQ(observer.pending_fall()[0], 4_A) << "its meter has shown 25 A";
}

TEST_F(ObserverTest, AFullCarThatLeavesTakesNothingWithIt) {
    see(30_A, {settled_car(16_A, 0_A)}, 0s);
    Contribution leaving = settled_car(0_A, 0_A);
    leaving.previous_high = 16_A;
    see(30_A, {leaving}, 1s);
    EXPECT_EQ(observer.pending_fall()[0], 0_A);
}

TEST_F(ObserverTest, AnOverloadIsExplainedByWhatCarsReallyDraw) {
    // Limits of 16 A of which 10 are drawn, and a measurement that is too old to be settled.
    Contribution lazy = settled_car(16_A, 10_A);
    EXPECT_EQ(see(54_A, {lazy, lazy, lazy, lazy}, 0s), 14_A);
    lazy.settled = false;
    EXPECT_EQ(see(70_A, {lazy, lazy, lazy, lazy}, 1s, true), 30_A);
}

TEST_F(ObserverTest, ChargersThatNeverMeasureGetTheBenefitOfTheDoubtSlowly) {
    Contribution silent = car(16_A, 16_A);
    silent.silent = true;
    EXPECT_EQ(see(46_A, {silent}, 0s), 30_A);
    EXPECT_EQ(see(30_A, {silent}, 1s), 30_A);
    Amps estimate;
    for (int t = 2; t <= 121; ++t) estimate = see(30_A, {silent}, std::chrono::seconds{t});
    EXPECT_EQ(estimate, 24.95_A) << "3 A a minute, seen through a window of 20 s";
    for (int t = 122; t <= 400; ++t) estimate = see(30_A, {silent}, std::chrono::seconds{t});
    EXPECT_EQ(estimate, 14_A);
}

TEST_F(ObserverTest, PhasesAreSeparate) {
    Contribution single = settled_car(16_A, 0_A);
    single.phases = {false, true, false};
    single.measured = PhaseAmps{0_A, 16_A, 0_A};
    observer.update({20_A, 30_A, 5_A}, start, std::vector{single}, {}, all(5_A), start);
    EXPECT_EQ(*observer.background(), (PhaseAmps{20_A, 14_A, 5_A}));
}

class DemandTest : public testing::Test {
protected:
    void see(Amps drawn, std::chrono::seconds at, Amps limit = 16_A, bool room = false) {
        demand.update({.drawn = drawn,
                       .drawn_at = start + at,
                       .limit = limit,
                       .limit_changed_at = start - 10s,
                       .charging_since = start - 120s,
                       .minimum = 6_A,
                       .maximum = 32_A,
                       .room_for_probe = room},
                      start + at);
    }
    Demand demand;
};

TEST_F(DemandTest, ACarThatTakesItsLimitHasNoCap) {
    for (int t = 0; t < 600; t += 10) see(14.5_A, std::chrono::seconds{t});
    EXPECT_FALSE(demand.cap());
}

TEST_F(DemandTest, UnusedCurrentIsFoundAfterTwentySeconds) {
    see(10_A, 0s);
    see(10_A, 10s);
    EXPECT_FALSE(demand.cap());
    see(10_A, 20s);
    EXPECT_EQ(demand.cap(), 12_A);
    see(10.2_A, 30s, 12_A);
    EXPECT_EQ(demand.cap(), 12_A) << "no flutter";
}

TEST_F(DemandTest, OneSampleIsNotEnough) {
    see(16_A, 0s);
    see(10_A, 30s);
    EXPECT_FALSE(demand.cap());
}

TEST_F(DemandTest, TheCapNeverFallsBelowTheMinimum) {
    see(0_A, 0s);
    see(0_A, 20s);
    EXPECT_EQ(demand.cap(), 6_A);
}

TEST_F(DemandTest, TheCapRecoversInStepsWhenTheCarWantsMore) {
    see(4_A, 0s);
    see(4_A, 20s);
    ASSERT_EQ(demand.cap(), 6_A);
    see(5.5_A, 25s, 6_A);
    EXPECT_EQ(demand.cap(), 6_A) << "too soon";
    see(5.5_A, 30s, 6_A);
    EXPECT_EQ(demand.cap(), 8_A);
    see(7.4_A, 40s, 8_A);
    EXPECT_EQ(demand.cap(), 10_A);
    for (int t = 50, limit = 10; demand.cap() && t < 300; t += 10, limit += 2) {
        see(Amps{limit * 1000}, std::chrono::seconds{t}, Amps{limit * 1000});
    }
    EXPECT_FALSE(demand.cap()) << "at the maximum it is gone";
}

TEST_F(DemandTest, ProbesEveryFiveMinutesIfThereIsRoom) {
    see(10_A, 0s);
    see(10_A, 20s);
    see(10_A, 319s, 12_A, true);
    EXPECT_EQ(demand.cap(), 12_A);
    see(10_A, 320s, 12_A, true);
    EXPECT_EQ(demand.cap(), 14_A);
}

TEST_F(DemandTest, ACarMayThinkBeforeItDraws) {
    for (int t = 0; t < 60; t += 10) {
        demand.update({.drawn = 0_A,
                       .drawn_at = start + std::chrono::seconds{t},
                       .limit = 16_A,
                       .limit_changed_at = start - 10s,
                       .charging_since = start,
                       .minimum = 6_A,
                       .maximum = 32_A,
                       .room_for_probe = false},
                      start + std::chrono::seconds{t});
    }
    EXPECT_FALSE(demand.cap());
}

}  // namespace
}  // namespace busbar::dlm
