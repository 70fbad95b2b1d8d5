// Chargers whose word is not enough, and those that have been paused often enough.
#include "dlm/proof.hpp"

#include "tests/dlm/engine_bench.hpp"

namespace busbar::dlm {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{std::chrono::hours{1}};

struct ProofTest : testing::Test {
    void see(Amps drawn, std::chrono::seconds at, Amps limit, std::chrono::seconds changed = 0s) {
        proof.update({drawn, start + at, limit, start + changed});
    }
    Proof proof;
};

TEST_F(ProofTest, TakesTwoSettledSamplesTenSecondsApart) {
    proof.on_limit(10_A);
    see(10_A, 7s, 10_A);
    see(10_A, 12s, 10_A);
    EXPECT_FALSE(proof.most()) << "the first one was too early";
    see(10_A, 21s, 10_A);
    EXPECT_FALSE(proof.most()) << "nine seconds";
    see(10_A, 22s, 10_A);
    EXPECT_EQ(proof.most(), 10_A);
}

TEST_F(ProofTest, TheSameSampleAgainIsNoOther) {
    proof.on_limit(10_A);
    for (int i = 0; i < 10; ++i) see(10_A, 12s, 10_A);
    EXPECT_FALSE(proof.most());
}

TEST_F(ProofTest, ALoweringMustBeShownAnewAndARaiseCountsAtOnce) {
    proof.on_limit(10_A);
    see(10_A, 10s, 10_A);
    see(10_A, 20s, 10_A);
    proof.on_limit(16_A);
    EXPECT_EQ(proof.most(), 16_A);
    proof.on_limit(8_A);
    see(8_A, 35s, 8_A, 21s);
    EXPECT_EQ(proof.most(), 16_A);
    see(8_A, 45s, 8_A, 21s);
    EXPECT_EQ(proof.most(), 8_A);
}

TEST_F(ProofTest, WhoDrawsMoreThanItsLimitMayDrawAll) {
    proof.on_limit(10_A);
    see(10_A, 10s, 10_A);
    see(10_A, 20s, 10_A);
    ASSERT_TRUE(proof.most());
    see(11_A, 30s, 10_A);
    EXPECT_EQ(proof.most(), 10_A) << "its meter is not exact";
    see(11.1_A, 40s, 10_A);
    EXPECT_FALSE(proof.most());
}

// Two cars at 40 A; "a" accepts whatever it is told.
struct DoubtedEvse : EngineBench {
    DoubtedEvse() {
        use(site(40_A, 0_A));
        add_car("a").trusted = false;
        add_car("b");
    }
};

TEST_F(DoubtedEvse, StaysBookedAtItsMaximumWithoutMeasurement) {
    run(120s, 0_A);
    EXPECT_EQ(status("a").worst_case, 32_A);
    EXPECT_EQ(limits()["b"], 8) << "what is left beside 32 A";
}

TEST_F(DoubtedEvse, IsBookedAtItsLimitOnceThatIsMeasured) {
    meter_values = true;
    run(20s, 0_A);
    EXPECT_EQ(status("a").worst_case, 32_A);
    run(180s, 0_A);
    EXPECT_LE(status("a").worst_case, 20_A);
    EXPECT_EQ(limits()["b"], 20);
}

TEST_F(DoubtedEvse, ThatDoesNotFollowALoweringIsBookedAsBefore) {
    meter_values = true;
    run(200s, 0_A);
    ASSERT_EQ(status("a").worst_case, 20_A);
    // It goes on with 20 A, whatever it accepts.
    const auto stubborn = [&](std::chrono::seconds time) {
        for (auto left = time; left > 0s; left -= 1s) {
            wait(1s);
            cars["a"].measured = on_all(20_A);
            cars["a"].measured_at = now.mono;
            metered = on_all(10_A + 20_A + Amps::from_double(limits()["b"]));
            acknowledge(step());
        }
    };
    stubborn(10s);
    EXPECT_LT(limits()["a"], 20);
    EXPECT_EQ(status("a").worst_case, 20_A) << "its word alone counts nothing";
    stubborn(20s);
    EXPECT_EQ(status("a").worst_case, 32_A) << "it may do anything";
}

TEST_F(DoubtedEvse, IsBookedAtItsMaximumForEveryCarAnew) {
    meter_values = true;
    run(200s, 0_A);
    ASSERT_LE(status("a").worst_case, 20_A);
    cars["a"].charging_since = now.mono;
    cars["a"].measured.reset();
    meter_values = false;
    run(1s, 0_A);
    EXPECT_EQ(status("a").worst_case, 32_A);
}

// Three cars where two fit.
struct OftenPaused : EngineBench {
    OftenPaused() {
        use(site(20_A, 0_A));
        for (const char* id : {"a", "b", "c"}) add_car(id);
        run(60s, 0_A);
    }
};

TEST_F(OftenPaused, AreHeldAtTheirMinimumWhileOthersCanPause) {
    run(120s, 0_A);
    ASSERT_GE(limits()["c"], 6);
    cars["c"].pause_last = true;
    run(30s, 6_A);
    EXPECT_GE(limits()["c"], 6);
    EXPECT_EQ(limits()["b"], 0) << "it came before c";
    EXPECT_GE(limits()["a"], 6);
}

TEST_F(OftenPaused, ArePausedAllTheSameWhereNothingElseHelps) {
    run(120s, 0_A);
    for (const char* id : {"a", "b", "c"}) cars[id].pause_last = true;
    run(30s, 6_A);
    EXPECT_EQ(limits()["c"], 0);
}

TEST_F(OftenPaused, GainNothingWhileTheyArePaused) {
    run(120s, 0_A);
    run(30s, 6_A);
    ASSERT_EQ(limits()["c"], 0);
    cars["c"].pause_last = true;
    run(30s, 6_A);
    EXPECT_EQ(limits()["c"], 0);
    EXPECT_GE(limits()["b"], 6);
}

}  // namespace
}  // namespace busbar::dlm
