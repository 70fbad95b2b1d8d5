// EVSEs that are left out of the inputs, and those that transactions have made up.
#include <gtest/gtest.h>

#include <vector>

#include "dlm/explain.hpp"
#include "tests/dlm/engine_bench.hpp"

namespace busbar::dlm {
namespace {

using namespace std::chrono_literals;

class Leaving : public EngineBench {
protected:
    // A transaction on a connector that no limit can name, beside one EVSE of the site.
    Leaving() {
        use(site(63_A, 1_A, 20_A));
        add_car("real").charging = false;
        step();
        safe_before = engine.safe("real");
    }
    void start_made_up() {
        auto& car = add_car("made up");
        car.controllable = false;
        car.made_up = true;
        step();
    }
    Amps safe_before;
};

TEST_F(Leaving, WhatATransactionHasMadeUpGoesWithItsEnd) {
    start_made_up();
    EXPECT_EQ(status("made up").worst_case, 32_A);
    EXPECT_LT(engine.safe("real"), safe_before) << "its car may draw all that it can";
    engine.transaction_ended("made up", now);
    cars.erase("made up");
    step();
    EXPECT_FALSE(engine.knows("made up"));
    EXPECT_EQ(engine.safe("real"), safe_before);
}

TEST_F(Leaving, WithoutTheChargersWordItStaysBookedForOneLease) {
    start_made_up();
    cars.erase("made up");
    run(604s, 10_A);
    ASSERT_TRUE(engine.knows("made up"));
    EXPECT_EQ(status("made up").worst_case, 32_A);
    const auto reason = status("made up").reason;
    EXPECT_EQ(reason.code, "ended_reserve");
    EXPECT_EQ(explain(reason),
              "No transaction is known there any more: 32 A are kept free for another 2 s, in case "
              "its car still draws");
    run(2s, 10_A);
    EXPECT_FALSE(engine.knows("made up"));
    EXPECT_EQ(engine.safe("real"), safe_before);
}

TEST_F(Leaving, ItIsBookedForAsLongAsItsTransactionRuns) {
    start_made_up();
    cars["made up"].reachable = false;
    run(3600s, 10_A);
    EXPECT_EQ(status("made up").worst_case, 32_A);
}

TEST_F(Leaving, ALimitStaysBookedForItsLeaseAndNotLonger) {
    auto& car = add_car("a");
    car.made_up = true;
    run(10s, 10_A);
    const Amps held = status("a").worst_case;
    ASSERT_GT(held, 0_A);
    cars.erase("a");
    run(1s, 10_A);
    EXPECT_EQ(status("a").worst_case, held);
    run(605s, 10_A);
    EXPECT_FALSE(engine.knows("a"));
}

TEST_F(Leaving, OneOfTheSiteIsNotForgottenByItself) {
    cars.erase("real");
    run(3600s, 10_A);
    EXPECT_TRUE(engine.knows("real"));
    engine.restore("other", 16_A, now);
    engine.restore_safe("other", 6_A);
    run(3600s, 10_A);
    EXPECT_TRUE(engine.knows("other")) << "its charger holds a safe current";
    EXPECT_EQ(status("other").worst_case, 0_A);
}

TEST_F(Leaving, TheCarOfOneOfTheSiteCountsUntilItsLeaseIsOver) {
    cars["real"].charging = true;
    cars["real"].controllable = false;
    run(10s, 10_A);
    cars.erase("real");
    run(600s, 10_A);
    EXPECT_EQ(status("real").worst_case, 32_A);
    run(10s, 10_A);
    EXPECT_EQ(status("real").worst_case, 0_A);
}

// The time of the last raise before a restart is not known.
TEST_F(Leaving, ARestartKeepsTheDistanceBetweenRaises) {
    use(site(63_A, 1_A, 20_A));
    engine.restore("a", 6_A, now, 6_A);
    add_car("a").raise_pause = 20s;
    cars["a"].being_set_up = true;
    std::vector<std::pair<int, double>> told;
    for (int second = 0; second < 70; ++second) {
        if (second == 30) cars["a"].being_set_up = false;
        wait(1s);
        meter_of_obedient_cars(10_A);
        const Output output = step();
        acknowledge(output);
        for (const auto& command : output.commands) {
            told.emplace_back(second, command.limit.to_double());
        }
        if (output.commands.empty()) continue;
        // Its answer is news at once.
        wait(21ms);
        for (const auto& command : step().commands) {
            ADD_FAILURE() << command.limit.to_double() << " A in second " << second;
        }
    }
    EXPECT_EQ(told, (std::vector<std::pair<int, double>>{{30, 6}, {50, 18}}));
}

}  // namespace
}  // namespace busbar::dlm
