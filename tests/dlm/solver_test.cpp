#include "dlm/solver.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace busbar::dlm {
namespace {

Node node(std::string id, Amps limit, int parent = -1) {
    Node result;
    result.id = std::move(id);
    result.limit = {limit, limit, limit};
    result.parent = parent;
    return result;
}

Evse evse(std::string id, int at = 0, Phases phases = three_phases) {
    Evse result;
    result.id = std::move(id);
    result.node = at;
    result.phases = phases;
    return result;
}

constexpr Phases l1{true, false, false};
constexpr Phases l2{false, true, false};
constexpr Phases l3{false, false, true};

// One node "main" with the given EVSEs, ranked as listed.
Problem single(Amps limit, std::vector<Evse> evses) {
    Problem problem;
    problem.nodes.push_back(node("main", limit));
    for (Evse& one : evses)
        one.rank = static_cast<std::int32_t>(problem.evses.size()),
        problem.evses.push_back(std::move(one));
    return problem;
}

std::vector<double> amps(const Plan& plan) {
    std::vector<double> result;
    for (const Allocation& allocation : plan.allocations) {
        result.push_back(allocation.amps.to_double());
    }
    return result;
}

std::vector<std::string> limited_by(const Plan& plan) {
    std::vector<std::string> result;
    for (const Allocation& allocation : plan.allocations) result.push_back(allocation.limited_by);
    return result;
}

using Currents = std::vector<double>;
using Names = std::vector<std::string>;

TEST(Solver, E01FiveCarsShareEqually) {
    const Plan plan = solve(single(63_A, {evse("a"), evse("b"), evse("c"), evse("d"), evse("e")}));
    EXPECT_EQ(amps(plan), (Currents{12.6, 12.6, 12.6, 12.6, 12.6}));
    EXPECT_EQ(limited_by(plan), (Names(5, "main/L1")));
    EXPECT_EQ(plan.nodes[0].allocated, (PhaseAmps{63_A, 63_A, 63_A}));
}

TEST(Solver, E02UnequalPhases) {
    Problem problem = single(63_A, {evse("a"), evse("b"), evse("c", 0, l1), evse("d", 0, l2)});
    problem.nodes[0].background = {10_A, 25_A, 40_A};
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{11.5, 11.5, 30.0, 15.0}));
    EXPECT_EQ(limited_by(plan), (Names{"main/L3", "main/L3", "main/L1", "main/L2"}));
    EXPECT_EQ(plan.nodes[0].capacity, (PhaseAmps{53_A, 38_A, 23_A}));
}

TEST(Solver, E06TheFourthWaits) {
    const Plan plan = solve(single(20_A, {evse("a"), evse("b"), evse("c"), evse("d")}));
    EXPECT_EQ(amps(plan), (Currents{6.6, 6.6, 6.6, 0}));
    EXPECT_EQ(plan.allocations[3].limited_by, "main/L1");
    EXPECT_EQ(plan.allocations[3].reason.code, "below_min_queued");
    EXPECT_EQ(plan.allocations[3].reason.params[0].value, ReasonValue{std::int64_t{1}});
}

TEST(Solver, E09AHigherClassTakesTheRestAfterAllMinima) {
    Problem problem = single(32_A, {evse("vip"), evse("a"), evse("b")});
    problem.evses[0].class_id = 9;
    EXPECT_EQ(amps(solve(problem)), (Currents{20, 6, 6}));
}

TEST(Solver, APreemptiveClassIsFilledBeforeOthersGetMinima) {
    Problem problem = single(40_A, {evse("a"), evse("b"), evse("manual")});
    problem.evses[2].class_id = 9;
    problem.classes.push_back({9, true});
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{8, 0, 32}));
    EXPECT_EQ(limited_by(plan), (Names{"main/L1", "main/L1", "max"}));
}

TEST(Solver, E12WhatOneCannotTakeGoesToTheOthers) {
    Problem problem = single(63_A, {evse("a"), evse("b"), evse("c")});
    problem.evses[0].maximum = 16_A;
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{16, 23.5, 23.5}));
    EXPECT_EQ(limited_by(plan), (Names{"max", "main/L1", "main/L1"}));
}

TEST(Solver, E20AReservationIsTakenOffFirst) {
    Problem problem = single(50_A, {evse("lost"), evse("b"), evse("c")});
    problem.evses[0].reserved = 16_A;
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{16, 17, 17}));
    EXPECT_EQ(plan.allocations[0].limited_by, "reserved");
    EXPECT_EQ(plan.nodes[0].allocated[0], 50_A);
}

TEST(Solver, TheExampleOfTheFileFormat) {
    Problem problem = single(63_A, {evse("a"), evse("b", 0, l1)});
    problem.nodes[0].background = {10_A, 25_A, 40_A};
    problem.evses[1].class_id = 9;
    problem.classes.push_back({9, true});
    problem.groups.push_back({"pv", {0}, 5'200'000});
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{7.5, 32}));
    EXPECT_EQ(limited_by(plan), (Names{"group:pv", "max"}));
    EXPECT_EQ(plan.nodes[0].allocated, (PhaseAmps{39.5_A, 7.5_A, 7.5_A}));
}

TEST(Solver, RotatedSinglePhaseCarsDoNotMeet) {
    const Plan plan = solve(single(32_A, {evse("a", 0, l1), evse("b", 0, l2), evse("c", 0, l3)}));
    EXPECT_EQ(amps(plan), (Currents{32, 32, 32}));
    EXPECT_EQ(limited_by(plan), (Names(3, "max")));
}

TEST(Solver, ATreeFillsTheSubBoardFirst) {
    // board: 32 / 3 = 10.67 each; the rest of main, 63 - 32 = 31, is shared by d and e.
    Problem problem =
        single(63_A, {evse("a", 1), evse("b", 1), evse("c", 1), evse("d"), evse("e")});
    problem.nodes.push_back(node("board", 32_A, 0));
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{10.6, 10.6, 10.6, 15.5, 15.5}));
    EXPECT_EQ(limited_by(plan), (Names{"board/L1", "board/L1", "board/L1", "main/L1", "main/L1"}));
}

TEST(Solver, AChildMayStandBeforeItsParent) {
    Problem problem = single(20_A, {evse("a"), evse("b", 1)});
    problem.nodes.push_back(node("main", 30_A));
    problem.nodes[0].id = "board";
    problem.nodes[0].parent = 1;
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{15, 15}));
    EXPECT_EQ(plan.nodes[0].allocated[2], 15_A);
    EXPECT_EQ(plan.nodes[1].allocated[2], 30_A);
}

TEST(Solver, APowerLimitCountsAllPhases) {
    // 11,040 W / 230 V = 48 A over all phases: a uses 3, b 1: 4 x = 48.
    Problem problem = single(63_A, {evse("a"), evse("b", 0, l2)});
    problem.nodes[0].power_limit_milliwatts = 11'040'000;
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{12, 12}));
    EXPECT_EQ(limited_by(plan), (Names(2, "main/W")));
    EXPECT_EQ(plan.allocations[0].reason.code, "node_power");
}

TEST(Solver, APowerLimitIncludesTheBackground) {
    Problem problem = single(63_A, {evse("a")});
    problem.nodes[0].power_limit_milliwatts = 11'040'000;
    problem.nodes[0].background = {2_A, 2_A, 2_A};
    EXPECT_EQ(amps(solve(problem)), (Currents{14}));
}

TEST(Solver, TheAsymmetryLimitBindsOnlyCarsThatDoNotUseAllPhases) {
    Problem problem = single(63_A, {evse("a", 0, l1), evse("b", 0, l1), evse("c")});
    problem.nodes[0].asymmetry_limit = 20_A;
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{10, 10, 32}));
    EXPECT_EQ(limited_by(plan), (Names{"main/A1", "main/A1", "max"}));
}

TEST(Solver, AGroupSharesItsOwnLimit) {
    // 6,900 W / 230 V = 30 A over all phases: 3 a + 1 b = 30.
    Problem problem = single(63_A, {evse("a"), evse("b", 0, l3), evse("c")});
    problem.groups.push_back({"fleet", {0, 1}, 6'900'000});
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{7.5, 7.5, 32}));
    EXPECT_EQ(limited_by(plan), (Names{"group:fleet", "group:fleet", "max"}));
}

TEST(Solver, WeightsDivideAndMinimaHold) {
    Problem problem = single(48_A, {evse("a"), evse("b"), evse("c")});
    problem.evses[0].weight_thousandths = 4000;
    problem.evses[1].weight_thousandths = 2000;
    // c would get 48 / 7 = 6.86: more than its minimum, so it takes part.
    EXPECT_EQ(amps(solve(problem)), (Currents{27.4, 13.7, 6.8}));
    problem.nodes[0].limit.fill(36_A);
    // Now it would get 5.14: it stays at 6, and 30 are divided 2 : 1.
    EXPECT_EQ(amps(solve(problem)), (Currents{20, 10, 6}));
}

TEST(Solver, DerateAndMarginComeOffTheLimit) {
    Problem problem = single(100_A, {evse("a"), evse("b"), evse("c"), evse("d")});
    problem.nodes[0].derate_millionths = 700'000;
    problem.nodes[0].margin.fill(2_A);
    const Plan plan = solve(problem);
    EXPECT_EQ(plan.nodes[0].capacity[0], 68_A);
    EXPECT_EQ(amps(plan), (Currents{17, 17, 17, 17}));
}

TEST(Solver, AnOverloadedPhaseStopsOnlyItsOwnCars) {
    Problem problem = single(63_A, {evse("a", 0, l1), evse("b", 0, l2), evse("c")});
    problem.nodes[0].background = {70_A, 0_A, 0_A};
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{0, 32, 0}));
    EXPECT_EQ(plan.nodes[0].capacity[0], -7_A);
    EXPECT_EQ(limited_by(plan), (Names{"main/L1", "max", "main/L1"}));
}

TEST(Solver, AMaximumBelowTheMinimumIsAPause) {
    Problem problem = single(63_A, {evse("a")});
    problem.evses[0].maximum = 5_A;
    const Plan plan = solve(problem);
    EXPECT_EQ(amps(plan), (Currents{0}));
    EXPECT_EQ(limited_by(plan), (Names{"max"}));
    EXPECT_EQ(plan.allocations[0].reason.code, "max_below_minimum");
}

TEST(Solver, WhatCoarseStepsLoseGoesToThoseWhoLostMost) {
    Problem problem = single(20_A, {evse("a"), evse("b"), evse("c")});
    for (Evse& one : problem.evses) one.step = 1_A;
    EXPECT_EQ(amps(solve(problem)), (Currents{7, 7, 6}));
    problem.evses[0].step = Amps{100};
    EXPECT_EQ(amps(solve(problem)), (Currents{6.6, 7, 6}));
}

TEST(Solver, AMinimumBetweenStepsIsRoundedUp) {
    Problem problem = single(63_A, {evse("a")});
    problem.evses[0].minimum = Amps{6250};
    problem.evses[0].maximum = Amps{6380};
    EXPECT_EQ(amps(solve(problem)), (Currents{6.3}));
    problem.evses[0].maximum = Amps{6290};
    EXPECT_EQ(amps(solve(problem)), (Currents{0}));
}

TEST(Solver, RankDecidesAndThenTheId) {
    Problem problem = single(13_A, {evse("c"), evse("b"), evse("a")});
    EXPECT_EQ(amps(solve(problem)), (Currents{6.5, 6.5, 0}));
    for (Evse& one : problem.evses) one.rank = 0;
    EXPECT_EQ(amps(solve(problem)), (Currents{0, 6.5, 6.5}));
}

TEST(Solver, TakesAnyNumbers) {
    Problem problem = single(Amps{-5}, {evse("a"), evse("b")});
    problem.voltage_millivolts = 0;
    problem.nodes[0].power_limit_milliwatts = -1;
    problem.nodes[0].background.fill(Amps{std::numeric_limits<std::int32_t>::min()});
    problem.evses[0].weight_thousandths = -7;
    problem.evses[0].step = Amps{0};
    problem.evses[1].minimum = Amps{-3};
    problem.evses[1].maximum = Amps{std::numeric_limits<std::int32_t>::max()};
    for (const Allocation& allocation : solve(problem).allocations) {
        EXPECT_GE(allocation.amps, Amps{});
    }
    EXPECT_TRUE(solve(Problem{}).allocations.empty());
}

}  // namespace
}  // namespace busbar::dlm
