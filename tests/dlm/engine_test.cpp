#include "dlm/engine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/dlm/engine_bench.hpp"

namespace busbar::dlm {
namespace {

using namespace std::chrono_literals;

class EngineTest : public EngineBench {};

TEST_F(EngineTest, MarginIsOneAmpereOrTwoPercent) {
    EXPECT_EQ(default_margin({16_A, 63_A, 250_A}), (PhaseAmps{1_A, 1.26_A, 5_A}));
}

TEST_F(EngineTest, ACarStartsAtItsMinimumAndClimbsInSteps) {
    add_car("a");
    metered = on_all(10_A);
    Output output = step();
    ASSERT_EQ(output.commands.size(), 1U);
    EXPECT_EQ(output.commands[0].limit, 6_A);
    EXPECT_EQ(output.commands[0].safe, 32_A) << "alone at its connection";
    EXPECT_EQ(output.commands[0].lease, 600s);
    EXPECT_EQ(output.commands[0].reason.code, "ramp_up_hold");
    acknowledge(output);
    std::vector<double> climb;
    for (int second = 0; second < 60; ++second) {
        wait(1s);
        meter_of_obedient_cars(10_A);
        output = step();
        if (!output.commands.empty()) {
            climb.push_back(output.commands[0].limit.to_double());
            EXPECT_EQ(output.commands[0].kind, CommandKind::raise);
            EXPECT_EQ((second + 1) % 5, 0);
        }
        acknowledge(output);
    }
    EXPECT_EQ(climb, (std::vector<double>{9, 12, 15, 18, 21, 24, 27, 30, 32}));
}

// Worked example D1.
TEST_F(EngineTest, D1AnOverloadLowersEverybodyInTheNextStep) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(120s, 14_A);
    ASSERT_EQ(limits(), (Limits{{"a", 12}, {"b", 12}, {"c", 12}, {"d", 12}}));
    wait(1s);
    meter_of_obedient_cars(30_A);
    ASSERT_EQ((*metered)[0], 78_A);
    const Output output = step();
    EXPECT_EQ(limits(output), (Limits{{"a", 8}, {"b", 8}, {"c", 8}, {"d", 8}}));
    for (const Command& command : output.commands) {
        EXPECT_EQ(command.kind, CommandKind::lowering);
        EXPECT_EQ(command.reason.code, "node_current");
    }
    EXPECT_EQ(output.nodes.at(0).background[0], 30_A);
    EXPECT_EQ(output.nodes.at(0).available[0], 32_A);
}

TEST_F(EngineTest, TheShareOfAnOverloadIsTheSameWithOldMeasurements) {
    for (const char* id : {"a", "b", "c", "d"}) {
        EvseInput& car = add_car(id);
        car.measured = on_all(11.8_A);
        car.measured_at = now.mono + 100s;
    }
    run(120s, 14_A);
    wait(1s);
    metered = on_all(77.2_A);
    const Output output = step();
    double sum = 0;
    for (const auto& [id, limit] : limits(output)) sum += limit;
    EXPECT_EQ(output.commands.size(), 4U);
    EXPECT_LE(sum, 62 - 30);
    EXPECT_GE(sum, 62 - 30 - 1);
}

// Limits of 16 A that cars use only in part: what must go is what they draw, not what they could.
TEST_F(EngineTest, AnOverloadIsClearedEvenIfLimitsAreNotUsedUp) {
    for (const char* id : {"a", "b", "c"}) add_car(id).hardware_max = 16_A;
    run(60s, 8_A);
    ASSERT_EQ(limits()["a"], 16);
    for (auto& [id, car] : cars) {
        car.measured = on_all(15_A);
        car.measured_at = now.mono;
    }
    wait(1s);
    metered = on_all(45_A + 25_A);
    const Output output = step();
    double sum = 0;
    for (const auto& [id, limit] : limits(output)) sum += limit;
    EXPECT_EQ(output.commands.size(), 3U);
    EXPECT_LE(sum + 25, 62);
}

// I19.
TEST_F(EngineTest, UnchangedInputSendsNothing) {
    for (const char* id : {"a", "b", "c", "d", "e"}) add_car(id);
    run(200s, 7.3_A);
    EXPECT_TRUE(step().commands.empty());
    EXPECT_TRUE(step().commands.empty());
    double sum = 0;
    for (const auto& [id, limit] : limits()) sum += limit;
    EXPECT_GE(sum + 7.3, 0.97 * 62);
    EXPECT_LE(sum + 7.3, 62);
}

TEST_F(EngineTest, NoiseOfTheBuildingCausesFewMessages) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(200s, 14_A);
    messages = 0;
    for (int i = 0; i < 600; ++i) run(1s, Amps{14'000 + (i * 37) % 401 - 200});
    // Two renewals each, and a few small steps.
    EXPECT_LE(messages, 4 * 2 + 12);
    double sum = 0;
    for (const auto& [id, limit] : limits()) sum += limit;
    EXPECT_GE(sum + 14, 0.97 * 62);
}

TEST_F(EngineTest, ANewcomerGetsItsShareAndNothingIsRaisedIntoClaimedCurrent) {
    add_car("a");
    add_car("b");
    run(120s, 22_A);
    ASSERT_EQ(limits(), (Limits{{"a", 20}, {"b", 20}}));
    add_car("c");
    wait(1s);
    meter_of_obedient_cars(22_A);
    const Output output = step();
    EXPECT_EQ(limits(output), (Limits{{"a", 13.3}, {"b", 13.3}, {"c", 6}}));
    EXPECT_EQ(output.commands[0].kind, CommandKind::lowering);
    EXPECT_EQ(output.commands[2].evse, "c");
    // Unanswered lowerings free nothing.
    engine.acknowledged("c", sent["c"].sequence, now);
    wait(4s);
    meter_of_obedient_cars(22_A);
    EXPECT_TRUE(step().commands.empty());
    acknowledge(output);
    run(60s, 22_A);
    EXPECT_EQ(limits(), (Limits{{"a", 13.3}, {"b", 13.3}, {"c", 13.3}}));
}

TEST_F(EngineTest, WhatDoesNotFitIsPausedInReverseOrder) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(120s, 14_A);
    wait(1s);
    meter_of_obedient_cars(46_A);
    const Output output = step();
    EXPECT_EQ(limits(output), (Limits{{"a", 8}, {"b", 8}, {"c", 0}, {"d", 0}}));
    acknowledge(output);
    EXPECT_EQ(status("c").reason.code, "below_min_queued");
    EXPECT_EQ(status("d").reason.params.at(0).value, ReasonValue{std::int64_t{2}});
}

TEST_F(EngineTest, RaisesWaitAfterAShedAndResumesWaitLonger) {
    meter_values = true;
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(120s, 14_A);
    run(1s, 46_A);
    ASSERT_EQ(limits()["d"], 0);
    const Instant shed = now.mono;
    std::map<std::string, Instant> raised;
    for (int i = 0; i < 180; ++i) {
        wait(1s);
        meter_of_obedient_cars(14_A);
        const Output output = step();
        for (const Command& command : output.commands) {
            if (command.kind == CommandKind::raise) raised.emplace(command.evse, now.mono);
        }
        acknowledge(output);
    }
    EXPECT_GE(raised.at("a"), shed + 30s);
    // The estimate falls 20 s after the load, then the minimum must stay free for a minute.
    EXPECT_GE(raised.at("d"), shed + 80s);
    EXPECT_LE(raised.at("d"), shed + 90s);
    EXPECT_EQ(limits(), (Limits{{"a", 12}, {"b", 12}, {"c", 12}, {"d", 12}}));
}

TEST_F(EngineTest, ARaiseWaitsForItsAnswer) {
    add_car("a");
    Output output = step();
    acknowledge(output);
    wait(5s);
    output = step();
    ASSERT_EQ(limits(output), (Limits{{"a", 9}}));
    wait(4s);
    EXPECT_TRUE(step().commands.empty());
    EXPECT_EQ(status("a").offered, 6_A);
    EXPECT_EQ(status("a").worst_case, 9_A);
    acknowledge(output);
    EXPECT_EQ(status("a").offered, 9_A);
    wait(1s);
    EXPECT_EQ(limits(step()), (Limits{{"a", 12}}));
}

TEST_F(EngineTest, ALoweringOvertakesARaiseOnItsWay) {
    add_car("a");
    run(30s, 20_A);
    const double before = limits()["a"];
    while (step().commands.empty()) wait(1s);
    ASSERT_GT(limits()["a"], before);
    wait(1s);
    metered = on_all(66_A);
    const Output output = step();
    ASSERT_EQ(output.commands.size(), 1U);
    EXPECT_EQ(output.commands[0].kind, CommandKind::lowering);
    EXPECT_EQ(status("a").worst_case.to_double(), before + 3);
}

TEST_F(EngineTest, UnusedCurrentGoesToOthersAndComesBack) {
    add_car("a");
    add_car("b");
    run(120s, 22_A);
    const auto draw = [&](double a, std::chrono::seconds time) {
        for (auto t = 0s; t < time; t += 1s) {
            wait(1s);
            metered = on_all(Amps::from_double(22 + std::min(a, limits()["a"]) + limits()["b"]));
            if (now.mono.time_since_epoch() % 5s == 0s) {
                cars["a"].measured = on_all(Amps::from_double(std::min(a, limits()["a"])));
                cars["b"].measured = on_all(Amps::from_double(limits()["b"]));
                cars["a"].measured_at = cars["b"].measured_at = now.mono;
            }
            acknowledge(step());
        }
    };
    draw(32, 30s);
    ASSERT_EQ(limits(), (Limits{{"a", 20}, {"b", 20}}));
    draw(9, 30s);
    EXPECT_EQ(limits()["a"], 11);
    EXPECT_EQ(status("a").reason.code, "ev_takes_less");
    draw(9, 30s);
    EXPECT_EQ(limits()["b"], 29);
    draw(32, 180s);
    EXPECT_EQ(limits(), (Limits{{"a", 20}, {"b", 20}}));
}

TEST_F(EngineTest, SinglePhaseCarsUseTheirOwnPhase) {
    add_car("a").in_use = Phases{true, false, false};
    add_car("b").in_use = Phases{false, true, false};
    run(120s, 30_A);
    EXPECT_EQ(limits(), (Limits{{"a", 32}, {"b", 32}}));
}

TEST_F(EngineTest, RenewalsAreSpreadOverHalfALease) {
    use(site(2000_A, 1_A));
    for (int i = 0; i < 100; ++i) {
        add_car("CP" + std::to_string(i) + "/1").hardware_max = 6_A;
    }
    acknowledge(step());
    std::map<std::int64_t, int> per_10_s;
    std::map<std::string, int> per_car;
    for (int second = 0; second < 1200; ++second) {
        wait(1s);
        const Output output = step();
        for (const Command& command : output.commands) {
            EXPECT_EQ(command.kind, CommandKind::renewal);
            EXPECT_EQ(command.limit, 6_A);
            ++per_car[command.evse];
        }
        per_10_s[second / 10] += static_cast<int>(output.commands.size());
        acknowledge(output);
    }
    EXPECT_EQ(per_car.size(), 100U);
    for (const auto& [id, renewals] : per_car) {
        EXPECT_GE(renewals, 3);
        EXPECT_LE(renewals, 4);
    }
    for (const auto& [slot, renewals] : per_10_s) EXPECT_LE(renewals, 12);
    EXPECT_EQ(status("CP7/1").worst_case, 6_A);
}

TEST_F(EngineTest, SafeCurrentsFitTogetherBesideTheReserve) {
    use(site(63_A, 1_A, 40_A));
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    cars["d"].class_id = 5;
    step();
    EXPECT_EQ(engine.safe("d"), 6_A);
    EXPECT_EQ(engine.safe("a"), 6_A);
    EXPECT_EQ(engine.safe("b"), 6_A);
    EXPECT_EQ(engine.safe("c"), 0_A);
    cars.erase("a");
    engine.remove("a");
    step();
    EXPECT_EQ(engine.safe("c"), 6_A);
    EXPECT_EQ(engine.safe("a"), 0_A);
}

TEST_F(EngineTest, ACarWithoutSafeCurrentStartsOnlyIntoFreeCurrent) {
    use(site(63_A, 1_A, 60_A));
    add_car("a");
    metered = on_all(20_A);
    const Output output = step();
    ASSERT_EQ(engine.safe("a"), 0_A);
    ASSERT_EQ(limits(output), (Limits{{"a", 6}}));
    EXPECT_EQ(output.commands[0].kind, CommandKind::raise);
    EXPECT_EQ(output.commands[0].safe, 0_A);
}

TEST_F(EngineTest, AClassBeforeOthers) {
    add_car("a");
    add_car("vip").class_id = 9;
    run(180s, 20_A);
    EXPECT_EQ(limits(), (Limits{{"a", 10}, {"vip", 32}}));
}

TEST_F(EngineTest, ASmallerLimitOfTheConnectionShedsAtOnce) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(120s, 14_A);
    engine.set_settings(site(45_A, 1_A, 10_A), now);
    wait(1s);
    meter_of_obedient_cars(14_A);
    EXPECT_EQ(limits(step()), (Limits{{"a", 7.5}, {"b", 7.5}, {"c", 7.5}, {"d", 7.5}}));
}

TEST_F(EngineTest, WhenACarLeavesTheOthersAreNotLoweredBecauseTheMeterIsLate) {
    for (const char* id : {"a", "b", "c"}) add_car(id);
    run(120s, 14_A);
    ASSERT_EQ(limits()["a"], 16);
    cars["c"].charging = false;
    engine.transaction_ended("c", now);
    sent.erase("c");
    metered = on_all(62_A);
    wait(1s);
    const Output output = step();
    for (const Command& command : output.commands) EXPECT_EQ(command.kind, CommandKind::raise);
    acknowledge(output);
    run(60s, 14_A);
    EXPECT_EQ(limits(), (Limits{{"a", 24}, {"b", 24}}));
}

}  // namespace
}  // namespace busbar::dlm
