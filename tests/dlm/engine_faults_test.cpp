// What the engine does when meters, chargers, connections and the program itself fail.
#include <gtest/gtest.h>

#include "tests/dlm/engine_bench.hpp"

namespace busbar::dlm {
namespace {

using namespace std::chrono_literals;

class EngineFaults : public EngineBench {
protected:
    // Four cars at 12 A each beside 14 A.
    void four_cars() {
        for (const char* id : {"a", "b", "c", "d"}) add_car(id);
        run(150s, 14_A);
        ASSERT_EQ(limits(), (Limits{{"a", 12}, {"b", 12}, {"c", 12}, {"d", 12}}));
    }

    // Steps without a new meter sample.
    Output silent_step(std::chrono::milliseconds after) {
        wait(after);
        metered.reset();
        return step();
    }
};

// Worked example D5: no meter, so that the numbers are those of the sheet.
TEST_F(EngineFaults, D5ALostChargerIsReservedUntilItsLeaseHasEnded) {
    Settings settings = site(50_A, 0_A);
    settings.metered = false;
    use(settings);
    for (const char* id : {"a", "b", "c"}) add_car(id);
    cars["a"].hardware_max = 16_A;
    run(60s, 0_A);
    // One of the others renews; "a" must do so at a known moment.
    while (sent["a"].kind != CommandKind::renewal) run(1s, 0_A);
    const Instant acknowledged = now.mono;
    run(10s, 0_A);
    cars["a"].reachable = false;
    while (now.mono < acknowledged + 604s) {
        run(1s, 0_A);
        EXPECT_EQ(limits()["b"], 17);
        EXPECT_EQ(limits()["c"], 17);
        EXPECT_EQ(status("a").worst_case, 16_A);
    }
    EXPECT_EQ(status("a").reason.code, "charger_offline_reserve");
    run(1s, 0_A);
    EXPECT_EQ(status("a").worst_case, 6_A);
    run(20s, 0_A);
    EXPECT_EQ(limits()["b"], 22);
    EXPECT_EQ(limits()["c"], 22);
}

TEST_F(EngineFaults, ALateMeterStopsRaisesOnly) {
    add_car("a");
    run(10s, 10_A);
    const double before = limits()["a"];
    Output output = silent_step(4s);
    EXPECT_EQ(output.nodes[0].meter, MeterState::late);
    EXPECT_TRUE(output.commands.empty());
    output = silent_step(5s);
    EXPECT_TRUE(output.commands.empty());
    run(6s, 10_A);
    EXPECT_GT(limits()["a"], before);
}

TEST_F(EngineFaults, AStaleMeterMeansTheReserve) {
    use(site(63_A, 1_A, 30_A));
    four_cars();
    EXPECT_TRUE(silent_step(9s).commands.empty());
    const Output output = silent_step(2s);
    EXPECT_EQ(output.nodes[0].meter, MeterState::stale);
    EXPECT_EQ(output.nodes[0].background[0], 30_A);
    EXPECT_EQ(limits(output), (Limits{{"a", 8}, {"b", 8}, {"c", 8}, {"d", 8}}));
    EXPECT_EQ(output.commands[0].reason.code, "meter_stale_fallback");
}

TEST_F(EngineFaults, AStaleMeterNeverMeansLessThanWasSeen) {
    use(site(63_A, 1_A, 5_A));
    four_cars();
    const Output output = silent_step(11s);
    EXPECT_EQ(output.nodes[0].background[0], 14_A);
    EXPECT_TRUE(output.commands.empty());
}

TEST_F(EngineFaults, ADeadMeterLeavesTheBlindLimit) {
    Settings settings = site(63_A, 1_A, 10_A);
    settings.blind_limit = on_all(26_A);
    use(settings);
    four_cars();
    const Output output = silent_step(61s);
    EXPECT_EQ(output.nodes[0].meter, MeterState::dead);
    EXPECT_EQ(output.nodes[0].available[0], 26_A);
    EXPECT_EQ(limits(output), (Limits{{"a", 6.5}, {"b", 6.5}, {"c", 6.5}, {"d", 6.5}}));
    acknowledge(output);
    // Whoever leaves makes room, within the blind limit.
    for (const char* id : {"a", "b"}) {
        cars[id].charging = false;
        engine.transaction_ended(id, now);
    }
    for (int i = 0; i < 60; ++i) acknowledge(silent_step(1s));
    EXPECT_EQ(limits()["c"], 13);
}

TEST_F(EngineFaults, TheBlindLimitNeverExceedsWhatIsLeftBesideTheReserve) {
    Settings settings = site(63_A, 1_A, 30_A);
    settings.blind_limit = on_all(60_A);
    use(settings);
    four_cars();
    EXPECT_EQ(silent_step(61s).nodes[0].available[0], 32_A);
}

TEST_F(EngineFaults, WithoutAnySampleNothingIsRaised) {
    add_car("a");
    metered.reset();
    EXPECT_EQ(limits(step()), (Limits{{"a", 6}}));
    acknowledge(step());
    engine.acknowledged("a", sent["a"].sequence, now);
    wait(30s);
    EXPECT_TRUE(step().commands.empty());
}

TEST_F(EngineFaults, AnUnansweredCommandIsReservedAndRepeatedWithoutRaising) {
    four_cars();
    wait(1s);
    meter_of_obedient_cars(30_A);
    const Output shed = step();
    for (const Command& command : shed.commands) {
        if (command.evse != "d") engine.acknowledged(command.evse, command.sequence, now);
    }
    // d may still draw 12 A: the others get what is left.
    wait(5s);
    metered = on_all(30_A + 24_A + 12_A);
    Output output = step();
    EXPECT_EQ(status("d").worst_case, 12_A);
    EXPECT_EQ(limits(output), (Limits{{"a", 6.6}, {"b", 6.6}, {"c", 6.6}}));
    acknowledge(output);
    wait(5s);
    engine.unanswered("d", sent["d"].sequence, now);
    metered = on_all(30_A + 19.8_A + 12_A);
    output = step();
    ASSERT_EQ(output.commands.size(), 1U);
    EXPECT_EQ(output.commands[0].evse, "d");
    EXPECT_LE(output.commands[0].limit, 8_A);
    acknowledge(output);
    EXPECT_LE(status("d").worst_case, 8_A);
    run(120s, 30_A);
    EXPECT_EQ(limits(), (Limits{{"a", 8}, {"b", 8}, {"c", 8}, {"d", 8}}));
}

TEST_F(EngineFaults, ARefusedLoweringIsMadeUpForByTheOthers) {
    four_cars();
    wait(1s);
    meter_of_obedient_cars(30_A);
    const Output shed = step();
    for (const Command& command : shed.commands) {
        if (command.evse == "d") {
            engine.refused("d", command.sequence, now);
        } else {
            engine.acknowledged(command.evse, command.sequence, now);
        }
    }
    wait(1s);
    metered = on_all(30_A + 24_A + 12_A);
    Output output = step();
    EXPECT_EQ(limits(output), (Limits{{"a", 6.6}, {"b", 6.6}, {"c", 6.6}}));
    EXPECT_EQ(status("d").worst_case, 12_A);
    acknowledge(output);
    wait(5s);
    EXPECT_TRUE(step().commands.empty()) << "no hammering";
    wait(5s);
    metered = on_all(30_A + 19.8_A + 12_A);
    EXPECT_EQ(limits(step()), (Limits{{"d", 8}}));
}

TEST_F(EngineFaults, AChargerThatTakesNoLimitsIsReservedAtItsMaximum) {
    run(1s, 20_A);
    add_car("a");
    add_car("b").controllable = false;
    cars["b"].hardware_max = 16_A;
    run(120s, 20_A);
    EXPECT_EQ(limits().count("b"), 0U);
    EXPECT_EQ(status("b").reason.code, "charger_not_controllable");
    EXPECT_EQ(status("b").allocated, 16_A);
    EXPECT_EQ(limits()["a"], 26);
    EXPECT_EQ(engine.safe("b"), 0_A);
}

TEST_F(EngineFaults, AReturningChargerGetsItsLimitAgainAtOnce) {
    four_cars();
    cars["b"].reachable = false;
    run(20s, 14_A);
    cars["b"].reachable = true;
    wait(1s);
    meter_of_obedient_cars(14_A);
    const Output output = step();
    EXPECT_EQ(limits(output), (Limits{{"b", 12}}));
    EXPECT_EQ(output.commands[0].kind, CommandKind::renewal);
}

TEST_F(EngineFaults, AfterALostLeaseACarStartsAgainAtItsMinimum) {
    four_cars();
    cars["b"].reachable = false;
    run(610s, 14_A);
    EXPECT_EQ(status("b").worst_case, 6_A);
    EXPECT_FALSE(status("b").commanded);
    cars["b"].reachable = true;
    wait(1s);
    sent["b"].limit = 6_A;
    meter_of_obedient_cars(14_A);
    EXPECT_EQ(limits(step()).at("b"), 6);
}

TEST_F(EngineFaults, ARestartGoesOnWhereItWas) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    engine.set_next_sequence(500);
    for (const char* id : {"a", "b", "c", "d"}) engine.restore(id, 12_A, now);
    EXPECT_EQ(status("a").worst_case, 12_A);
    EXPECT_FALSE(status("a").offered);
    metered = on_all(62_A);
    const Output output = step();
    EXPECT_EQ(limits(output), (Limits{{"a", 12}, {"b", 12}, {"c", 12}, {"d", 12}}));
    EXPECT_EQ(output.commands[0].sequence, 500U);
    EXPECT_EQ(output.commands[0].kind, CommandKind::renewal);
    acknowledge(output);
    EXPECT_EQ(status("a").offered, 12_A);
}

TEST_F(EngineFaults, ARestoredLimitIsBookedForOneLeaseWhateverHappens) {
    meter_values = true;
    run(1s, 20_A);
    engine.restore("gone/1", 16_A, now);
    add_car("a");
    run(120s, 20_A);
    EXPECT_EQ(limits()["a"], 26);
    EXPECT_EQ(status("gone/1").worst_case, 16_A);
    run(510s, 20_A);
    EXPECT_FALSE(engine.knows("gone/1")) << "the site has no such EVSE";
    EXPECT_EQ(limits()["a"], 32);
}

TEST_F(EngineFaults, AWithdrawnCommandNeverCounted) {
    add_car("a");
    run(6s, 10_A);
    wait(5s);
    meter_of_obedient_cars(10_A);
    const double before = limits()["a"];
    const Output output = step();
    ASSERT_EQ(output.commands.size(), 1U);
    engine.withdrawn("a", output.commands[0].sequence, now);
    EXPECT_EQ(status("a").worst_case.to_double(), before);
    EXPECT_EQ(status("a").commanded->to_double(), before);
}

TEST_F(EngineFaults, AnswersToUnknownCommandsAreIgnored) {
    engine.acknowledged("nobody", 7, now);
    engine.refused("nobody", 7, now);
    engine.unanswered("nobody", 7, now);
    engine.transaction_ended("nobody", now);
    engine.remove("nobody");
    add_car("a");
    acknowledge(step());
    engine.acknowledged("a", 999, now);
    engine.unanswered("a", 999, now);
    EXPECT_EQ(status("a").offered, 6_A);
}

TEST_F(EngineFaults, NextStepIsNeverInThePast) {
    four_cars();
    for (int i = 0; i < 100; ++i) {
        const Output output = silent_step(std::chrono::milliseconds{700 * i});
        if (i < 10) {
            ASSERT_TRUE(output.next_step);
        }
        if (output.next_step) {
            EXPECT_GT(*output.next_step, now.mono);
        }
    }
}

// A site whose chargers report every second what their cars draw, which is their limit at once.
class EngineSurges : public EngineBench {
protected:
    // Raises come rarely here, and so in large steps.
    void two_eager_cars() {
        use(site(63_A, 1.26_A, 45_A));
        for (const char* id : {"a", "b"}) {
            EvseInput& car = add_car(id);
            car.raise_pause = 20s;
            car.raise_min = 1_A;
        }
        metered = on_all(20_A);
        acknowledge(step());
        for (const char* id : {"a", "b"}) engine.lost(id, now);
        acknowledge(step());
        ASSERT_EQ(limits(), (Limits{{"a", 20.8}, {"b", 20.8}}));
    }

    double cars_draw() const {
        double sum = 0;
        for (const auto& [id, limit] : limits()) sum += limit;
        return sum;
    }

    // A sample of the meter, if there is one, and then those of the chargers.
    void second(std::optional<Amps> building) {
        wait(930ms);
        metered.reset();
        if (building) metered = on_all(*building + Amps::from_double(cars_draw()));
        acknowledge(step());
        metered.reset();
        wait(20ms);
        acknowledge(step());
        wait(50ms);
        for (auto& [id, car] : cars) {
            car.measured = on_all(sent[id].limit);
            car.measured_at = now.mono;
        }
        acknowledge(step());
    }
};

// The limits fell while the meter was silent, and its return found cars that had long followed.
TEST_F(EngineSurges, WhatFellWhileTheMeterWasAwayHidesNoOverloadAfterwards) {
    two_eager_cars();
    for (int t = 0; t < 15; ++t) second(std::nullopt);
    ASSERT_EQ(limits(), (Limits{{"a", 8.3}, {"b", 8.3}}));
    int waited = 0;
    for (; cars_draw() < 26 && waited < 20; ++waited) second(20_A);
    ASSERT_LT(waited, 12) << "the limits rise within the time that cars have for following";
    for (const Amps building : {43_A, 46_A, 49_A}) {
        SCOPED_TRACE(building.to_double());
        second(building);
        EXPECT_LE(building.to_double() + cars_draw(), 61.74);
        second(building);
        EXPECT_LE(building.to_double() + cars_draw(), 61.74);
    }
    EXPECT_EQ(limits(), (Limits{{"a", 6.3}, {"b", 6.3}}));
}

// Its safe current is large, and counts again from the reconnection until the limit was renewed. It
// was never drawn meanwhile, and so nothing of it falls.
TEST_F(EngineSurges, ASafeCurrentThatIsNotDrawnHidesNoOverload) {
    two_eager_cars();
    for (int t = 0; t < 15; ++t) second(20_A);
    for (int t = 0; t < 20; ++t) second(40_A);
    const double drawn = cars_draw();
    ASSERT_NEAR(40 + drawn, 61.74, 1.5);
    engine.restore_safe("a", 32_A);
    engine.reconnected("a", now);
    // It measures nothing for now: what it draws is known by its limit only.
    metered = on_all(40_A + Amps::from_double(drawn));
    cars["a"].being_set_up = true;
    cars["a"].measured.reset();
    step();
    EXPECT_EQ(status("a").worst_case, 32_A);
    cars["a"].being_set_up = false;
    wait(50ms);
    metered.reset();
    acknowledge(step());
    acknowledge(step());
    EXPECT_LT(status("a").worst_case, 12_A);
    wait(1s);
    metered = on_all(46_A + Amps::from_double(cars_draw()));
    acknowledge(step());
    EXPECT_LE(46 + cars_draw(), 61.74);
}

// The same where the limit itself has gone, and the charger may give all it can.
TEST_F(EngineSurges, WhatACarMightDrawButDoesNotHidesNoOverload) {
    two_eager_cars();
    for (int t = 0; t < 15; ++t) second(20_A);
    for (int t = 0; t < 20; ++t) second(40_A);
    const double drawn = cars_draw();
    ASSERT_NEAR(40 + drawn, 61.74, 1.5);
    for (const bool is_lost : {true, false}) {
        SCOPED_TRACE(is_lost);
        cars["a"].measured.reset();
        if (is_lost) {
            engine.lost("a", now);
        } else {
            engine.restore("a", 32_A, now);
        }
        metered = on_all(40_A + Amps::from_double(drawn));
        EXPECT_EQ(status("a").worst_case, 32_A);
        acknowledge(step());
        EXPECT_LT(status("a").worst_case, 12_A);
        wait(20ms);
        metered.reset();
        acknowledge(step());
    }
    wait(1s);
    metered = on_all(46_A + Amps::from_double(cars_draw()));
    acknowledge(step());
    EXPECT_LE(46 + cars_draw(), 61.74);
}

}  // namespace
}  // namespace busbar::dlm
