// Cars and buildings of the simulation.
#include "sim/car.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sim/building.hpp"
#include "sim/world.hpp"

namespace busbar::sim {
namespace {

CarTraits calm_car() {
    CarTraits car;
    car.phases = 3;
    car.current_max = 16_A;
    car.energy_wh = 20'000;
    car.reaction = 2s;
    return car;
}

TEST(Car, FollowsAnOfferAfterItsReaction) {
    Car car{calm_car()};
    EXPECT_EQ(car.step(10_A, 0ms).current[0], 0_A);
    EXPECT_EQ(car.next_change(), 2s);
    EXPECT_EQ(car.step(10_A, 1999ms).current[0], 0_A);
    const auto draw = car.step(10_A, 1ms);
    EXPECT_EQ(draw.current, (PhaseAmps{10_A, 10_A, 10_A}));
    EXPECT_FALSE(car.next_change());
}

TEST(Car, FollowsTwoOffersInARowOneAfterTheOther) {
    Car car{calm_car()};
    car.step(16_A, 1s);
    car.step(8_A, 1s);
    EXPECT_EQ(car.step(8_A, 0ms).current[0], 16_A);
    EXPECT_EQ(car.step(8_A, 1s).current[0], 8_A);
}

TEST(Car, NeverDrawsMoreThanItCanNorBelowItsMinimum) {
    Car car{calm_car()};
    car.step(32_A, 5s);
    EXPECT_EQ(car.step(32_A, 1s).current[0], 16_A);
    car.step(5_A, 5s);
    EXPECT_EQ(car.step(5_A, 1s).current[0], 0_A);
}

TEST(Car, ASinglePhaseCarDrawsOnTheFirstPhase) {
    auto traits = calm_car();
    traits.phases = 1;
    Car car{traits};
    car.step(10_A, 2s);
    const auto draw = car.step(10_A, 3600s);
    EXPECT_EQ(draw.current, (PhaseAmps{10_A, 0_A, 0_A}));
    EXPECT_NEAR(draw.energy_wh, 2'300, 0.01);
}

TEST(Car, TapersAndFillsUpToWhatItWanted) {
    Car car{calm_car()};
    double energy_wh = 0;
    double lowest = 16;
    for (int second = 0; second < 3 * 3600 && !car.full(); ++second) {
        const auto draw = car.step(16_A, 1s);
        energy_wh += draw.energy_wh;
        if (!car.full() && second > 2) lowest = std::min(lowest, draw.current[0].to_double());
    }
    EXPECT_TRUE(car.full());
    EXPECT_NEAR(energy_wh, 20'000, 0.5);
    EXPECT_LT(lowest, 4.0);
    EXPECT_EQ(car.step(16_A, 1s).current[0], 0_A);
}

TEST(Car, LeavesAWhileAfterItIsFullAndAtTheLatestWhenItsTimeIsUp) {
    auto traits = calm_car();
    traits.energy_wh = 10;
    traits.taper_wh = 0.1;
    traits.linger = 60s;
    Car quick{traits};
    quick.step(16_A, 10s);
    ASSERT_TRUE(quick.full());
    EXPECT_FALSE(quick.leaving());
    quick.step(16_A, 60s);
    EXPECT_TRUE(quick.leaving());

    traits = calm_car();
    traits.stay = 100s;
    Car hasty{traits};
    hasty.step(0_A, 99s);
    EXPECT_FALSE(hasty.leaving());
    hasty.step(0_A, 1s);
    EXPECT_TRUE(hasty.leaving());
}

TEST(Car, SpeedFillsTheBatteryAndNotTheRegister) {
    auto traits = calm_car();
    traits.speed = 10;
    Car car{traits};
    double energy_wh = 0;
    for (int i = 0; i < 3600; ++i) energy_wh += car.step(16_A, 1s).energy_wh;
    EXPECT_TRUE(car.full());
    EXPECT_NEAR(energy_wh, 2'000, 0.5);
}

RC_GTEST_PROP(Car, NeverDrawsMoreThanTheHighestOfferOfItsReactionTime, ()) {
    auto traits = calm_car();
    traits.reaction = std::chrono::milliseconds{*rc::gen::inRange(0, 5'000)};
    traits.current_max = 32_A;
    Car car{traits};
    std::vector<std::pair<int, Amps>> offers{{0, 0_A}};
    int clock = 0;
    for (int i = 0; i < 30; ++i) {
        const Amps offer{*rc::gen::inRange(0, 40) * 1000};
        const int elapsed = *rc::gen::inRange(0, 4'000);
        offers.emplace_back(clock, offer);
        const auto draw = car.step(offer, std::chrono::milliseconds{elapsed});
        clock += elapsed;
        Amps highest;
        for (std::size_t k = 0; k < offers.size(); ++k) {
            const bool last = k + 1 == offers.size();
            const int replaced = last ? clock + 1 : offers[k + 1].first;
            if (replaced + traits.reaction.count() >= clock) {
                highest = std::max(highest, offers[k].second);
            }
        }
        RC_ASSERT(draw.current[0] <= highest);
    }
}

TEST(Building, MapsChargerPhasesToTheGrid) {
    const PhaseAmps charger{1_A, 2_A, 3_A};
    EXPECT_EQ(to_grid(charger, "RST"), (PhaseAmps{1_A, 2_A, 3_A}));
    EXPECT_EQ(to_grid(charger, "STR"), (PhaseAmps{3_A, 1_A, 2_A}));
    EXPECT_EQ(to_grid(charger, "TRS"), (PhaseAmps{2_A, 3_A, 1_A}));
    EXPECT_EQ(to_grid(charger, "L2"), (PhaseAmps{0_A, 1_A, 0_A}));
}

TEST(Building, TheMeterShowsLoadAndChargersTogether) {
    World world{1};
    BuildingOptions options;
    options.base = {10_A, 20_A, 30_A};
    options.swing = options.step = options.noise = 0_A;
    Building building{options};
    auto values = building.meter(world.now(), {5_A, 0_A, 0_A});
    EXPECT_DOUBLE_EQ(values["currentL1"], 15);
    EXPECT_DOUBLE_EQ(values["currentL2"], 20);
    EXPECT_NEAR(values["voltageL3"], 229.4, 0.5);
    EXPECT_NEAR(values["activePowerTotal"], 65 * 229.5, 100);
    world.run_for(1h);
    values = building.meter(world.now(), {});
    EXPECT_NEAR(values["energyImport"], 65 * 229.5, 100);
    EXPECT_EQ(values["energyExport"], 0);
}

TEST(Building, TheSameSeedIsTheSameBuilding) {
    World world{1};
    Building one{{.seed = 7}};
    Building two{{.seed = 7}};
    Building other{{.seed = 8}};
    bool differs = false;
    PhaseAmps lowest{100_A, 100_A, 100_A};
    PhaseAmps highest{};
    for (int i = 0; i < 3'600; ++i) {
        const auto load = one.load(world.now());
        ASSERT_EQ(load, two.load(world.now()));
        differs |= load != other.load(world.now());
        lowest[0] = std::min(lowest[0], load[0]);
        highest[0] = std::max(highest[0], load[0]);
        world.run_for(1s);
    }
    EXPECT_TRUE(differs);
    EXPECT_GT(highest[0] - lowest[0], 10_A);
}

}  // namespace
}  // namespace busbar::sim
