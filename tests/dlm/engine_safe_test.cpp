// Safe currents on their way to chargers, and what chargers that came back still hold.
#include <gtest/gtest.h>

#include "dlm/safe_current.hpp"
#include "tests/dlm/engine_bench.hpp"

namespace busbar::dlm {
namespace {

using namespace std::chrono_literals;

TEST(SafeCurrent, CountsTheHighestUntilANewerOneIsAccepted) {
    SafeCurrent books;
    EXPECT_FALSE(books.known());
    EXPECT_EQ(books.most(), 0_A);
    books.on_sent(1, 6_A);
    EXPECT_FALSE(books.known());
    EXPECT_EQ(books.most(), 6_A);
    books.on_accepted(1);
    EXPECT_TRUE(books.known());
    books.on_sent(2, 0_A);
    EXPECT_EQ(books.most(), 6_A);
    books.on_refused(2);
    EXPECT_EQ(books.most(), 6_A);
    books.on_sent(3, 8_A);
    books.on_sent(4, 0_A);
    EXPECT_EQ(books.most(), 8_A);
    books.on_accepted(3);
    EXPECT_EQ(books.most(), 8_A);
    books.on_accepted(4);
    EXPECT_EQ(books.most(), 0_A);
    books.on_accepted(3);
    EXPECT_EQ(books.most(), 0_A) << "an answer that comes twice";
}

TEST(SafeCurrent, ForgetsNothingOfAChargerThatNeverAnswers) {
    SafeCurrent books;
    books.on_sent(1, 9_A);
    for (std::uint64_t number = 2; number < 100; ++number) books.on_sent(number, 0_A);
    EXPECT_EQ(books.most(), 9_A);
    books.on_accepted(99);
    EXPECT_EQ(books.most(), 0_A);
}

class SafeCurrents : public EngineBench {
protected:
    // Room for three of 6 A; b, c and d have them.
    SafeCurrents() {
        use(site(63_A, 1_A, 40_A));
        for (const char* id : {"b", "c", "d"}) add_car(id).charging = false;
        step();
        for (const char* id : {"b", "c", "d"}) accept_safe(id);
    }
    void accept_safe(const std::string& id) {
        engine.safe_accepted(id, engine.safe_sent(id, engine.safe(id)));
    }
};

TEST_F(SafeCurrents, ARaiseWaitsUntilTheLoweringItNeedsIsAccepted) {
    add_car("a").charging = false;
    step();
    EXPECT_EQ(engine.safe("d"), 0_A);
    EXPECT_EQ(engine.safe("a"), 0_A) << "d may still draw its 6 A";
    const auto lowering = engine.safe_sent("d", 0_A);
    step();
    EXPECT_EQ(engine.safe("a"), 0_A);
    EXPECT_EQ(engine.safe_held("d"), 6_A);
    engine.safe_accepted("d", lowering);
    EXPECT_EQ(engine.safe_held("d"), 0_A);
    step();
    EXPECT_EQ(engine.safe("a"), 6_A);
}

TEST_F(SafeCurrents, ARefusedLoweringFreesNothing) {
    add_car("a").charging = false;
    step();
    engine.safe_refused("d", engine.safe_sent("d", 0_A));
    step();
    EXPECT_EQ(engine.safe("a"), 0_A);
}

TEST_F(SafeCurrents, ARaiseThatWasSentStaysBookedWhenThePlanTakesItBack) {
    engine.remove("d");
    cars.erase("d");
    add_car("a").charging = false;
    step();
    ASSERT_EQ(engine.safe("a"), 6_A);
    engine.safe_sent("a", 6_A);
    cars["a"].class_id = -1;
    add_car("d").charging = false;
    step();
    EXPECT_EQ(engine.safe("a"), 0_A);
    EXPECT_EQ(engine.safe("d"), 0_A) << "a may have got its 6 A";
    accept_safe("a");
    step();
    EXPECT_EQ(engine.safe("d"), 6_A);
}

// Its charger is away with 6 A and cannot be told of the plan that gives it none.
TEST_F(SafeCurrents, AnOfflineChargerIsBookedAtWhatItHolds) {
    cars["d"].charging = true;
    run(2s, 20_A);
    cars["d"].reachable = false;
    add_car("a").charging = false;
    run(620s, 20_A);
    EXPECT_EQ(status("d").worst_case, 6_A);
    EXPECT_EQ(engine.safe("a"), 0_A);
}

TEST_F(SafeCurrents, ARestartBooksWhatChargersHold) {
    use(site(63_A, 1_A, 40_A));
    engine.restore_safe("d", 6_A);
    cars["d"].charging = true;
    cars["d"].reachable = false;
    add_car("a").charging = false;
    step();
    EXPECT_EQ(engine.safe("d"), 0_A);
    EXPECT_EQ(status("d").worst_case, 6_A);
    EXPECT_EQ(engine.safe("a") + engine.safe("b") + engine.safe("c"), 12_A);
}

// The second period of a lease is a safe current too.
TEST_F(SafeCurrents, ALeaseThatEndsInAnOldSafeCurrentCounts) {
    cars["d"].charging = true;
    run(2s, 20_A);
    cars["d"].reachable = false;
    step();
    add_car("a").charging = false;
    step();
    accept_safe("d");
    step();
    EXPECT_EQ(engine.safe("a"), 0_A);
    engine.transaction_ended("d", now);
    cars["d"].charging = false;
    step();
    EXPECT_EQ(engine.safe("a"), 6_A);
}

class Reconnections : public EngineBench {
protected:
    // A charger comes back so quickly that no step saw it away.
    void reconnect(const std::string& id) {
        engine.reconnected(id, now);
        cars[id].being_set_up = true;
    }
    Output next(Amps background) {
        wait(1s);
        meter_of_obedient_cars(background);
        return step();
    }
};

TEST_F(Reconnections, TheLimitIsSentAgainOnceTheChargerIsSetUp) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(150s, 14_A);
    reconnect("b");
    EXPECT_TRUE(next(14_A).commands.empty());
    EXPECT_EQ(status("b").worst_case, 12_A);
    cars["b"].being_set_up = false;
    const Output output = next(14_A);
    EXPECT_EQ(limits(output), (Limits{{"b", 12}}));
    EXPECT_EQ(output.commands[0].kind, CommandKind::renewal);
}

TEST_F(Reconnections, ALoweringDoesNotWaitForTheSetUp) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(150s, 14_A);
    reconnect("b");
    EXPECT_EQ(limits(next(30_A)).at("b"), 8);
}

TEST_F(Reconnections, APausedChargerMayBeBackAtItsSafeCurrent) {
    for (const char* id : {"a", "b"}) add_car(id);
    run(30s, 20_A);
    run(30s, 54_A);
    ASSERT_EQ(limits()["b"], 0);
    ASSERT_EQ(status("b").worst_case, 0_A);
    reconnect("b");
    next(54_A);
    EXPECT_EQ(status("b").worst_case, 6_A);
    cars["b"].being_set_up = false;
    acknowledge(next(54_A));
    EXPECT_EQ(status("b").worst_case, 0_A);
}

TEST_F(Reconnections, ACommandUnderWayMayHaveArrived) {
    add_car("a");
    add_car("b").charging = false;
    run(10s, 20_A);
    wait(5s);
    meter_of_obedient_cars(20_A);
    const Output output = step();
    ASSERT_EQ(output.commands.size(), 1U);
    const Amps raised = output.commands[0].limit;
    reconnect("a");
    next(20_A);
    EXPECT_EQ(status("a").worst_case, raised);
    cars["a"].being_set_up = false;
    const Output again = next(20_A);
    ASSERT_EQ(again.commands.size(), 1U);
    EXPECT_LE(again.commands[0].limit, raised);
}

class WithoutAJournal : public EngineBench {};

TEST_F(WithoutAJournal, OnlyLoweringsAreMade) {
    for (const char* id : {"a", "b", "c", "d"}) add_car(id);
    run(20s, 14_A);
    lowerings_only = true;
    for (int second = 0; second < 480; ++second) {
        wait(1s);
        meter_of_obedient_cars(14_A);
        ASSERT_TRUE(step().commands.empty()) << "after " << second << " s";
    }
    lowerings_only = false;
    const int before = messages;
    run(20s, 14_A);
    EXPECT_GE(messages, before + 4) << "renewals were due, and raises";
    lowerings_only = true;
    wait(1s);
    meter_of_obedient_cars(34_A);
    const Output shed = step();
    EXPECT_FALSE(shed.commands.empty());
    for (const Command& command : shed.commands) {
        EXPECT_EQ(command.kind, CommandKind::lowering);
    }
}

// Otherwise all of them would be subtracted from the first sample of a meter that is added later.
TEST_F(WithoutAJournal, WhatIsRemovedWithoutAMeterIsForgotten) {
    Settings settings = site(63_A, 1_A, 10_A);
    settings.metered = false;
    use(settings);
    for (const char* id : {"a", "b"}) add_car(id);
    run(120s, 10_A);
    engine.remove("a");
    cars.erase("a");
    sent.erase("a");
    run(60s, 10_A);
    settings.metered = true;
    engine.set_settings(settings, now);
    wait(1s);
    metered = on_all(70_A);
    const Output output = step();
    ASSERT_EQ(output.commands.size(), 1U);
    EXPECT_EQ(output.commands[0].kind, CommandKind::lowering);
}

}  // namespace
}  // namespace busbar::dlm
