#include "base/quarter_hours.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include <rapidcheck.h>

namespace busbar {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 12h;

EndedCharge charge(std::chrono::seconds begin, std::chrono::seconds end, std::int64_t energy_wh) {
    return {.started_at = noon + begin,
            .stopped_at = noon + end,
            .meter_start_wh = 1000,
            .meter_stop_wh = 1000.0 + static_cast<double>(energy_wh),
            .energy_wh = energy_wh};
}

TEST(QuarterHours, WithoutReadingsEnergyFlowsEvenly) {
    const auto energy = spread_over_quarters(charge(5min, 35min, 3000));
    EXPECT_EQ(energy.first, noon);
    EXPECT_THAT(energy.wh, ElementsAre(1000, 1500, 500));
}

TEST(QuarterHours, ReadingsSayWhenItFlowed) {
    auto one = charge(0min, 60min, 4000);
    one.readings = {{noon + 10min, 4000}, {noon + 20min, 5000}};
    // 3000 until 10 minutes, then 1000 in the ten minutes over the quarter, then nothing.
    EXPECT_THAT(spread_over_quarters(one).wh, ElementsAre(3500, 500, 0, 0));
}

TEST(QuarterHours, AnEndOnTheQuarterHasNothingInTheNext) {
    EXPECT_THAT(spread_over_quarters(charge(0min, 15min, 7)).wh, ElementsAre(7));
    EXPECT_THAT(spread_over_quarters(charge(3min, 3min, 7)).wh, ElementsAre(7));
    EXPECT_THAT(spread_over_quarters(charge(20min, 3min, 7)).wh, ElementsAre(7));
}

TEST(QuarterHours, FractionsGoToTheLargestRemainders) {
    EXPECT_THAT(spread_over_quarters(charge(0min, 45min, 100)).wh, ElementsAre(34, 33, 33));
    EXPECT_THAT(spread_over_quarters(charge(0min, 45min, 2)).wh, ElementsAre(1, 1, 0));
    EXPECT_THAT(spread_over_quarters(charge(0min, 45min, 0)).wh, ElementsAre(0, 0, 0));
}

TEST(QuarterHours, ReadingsThatCannotBeSayNothing) {
    auto one = charge(0min, 30min, 1000);
    one.readings = {{noon - 1h, 1900},
                    {noon + 10min, 1400},
                    {noon + 11min, 900},
                    {noon + 12min, 50'000'000},
                    {noon + 20min, std::numeric_limits<double>::quiet_NaN()},
                    {noon + 2h, 2000}};
    const auto energy = spread_over_quarters(one);
    // 400 in ten minutes, 600 in the twenty after.
    EXPECT_THAT(energy.wh, ElementsAre(550, 450));
}

TEST(QuarterHours, ARegisterOfItsOwnPerSessionSaysItToo) {
    auto one = charge(0min, 30min, 1000);
    one.meter_start_wh = 500'000;
    one.meter_stop_wh = 501'000;
    one.readings = {{noon + 1min, 0}, {noon + 15min, 900}, {noon + 29min, 1000}};
    EXPECT_THAT(spread_over_quarters(one).wh, ElementsAre(900, 100));
}

TEST(QuarterHours, LessEnergyThanTheRegisterShowedFollowsItsCurve) {
    auto one = charge(0min, 30min, 4000);
    one.readings = {{noon + 15min, 4000}};
    one.energy_wh = 100;
    EXPECT_THAT(spread_over_quarters(one).wh, ElementsAre(75, 25));
}

TEST(QuarterHours, AbsurdTimesStayWithinAYear) {
    auto one = charge(0min, 30min, 1000);
    one.started_at = Timestamp{};
    const auto energy = spread_over_quarters(one);
    EXPECT_LE(energy.wh.size(), quarters_max);
    EXPECT_EQ(std::accumulate(energy.wh.begin(), energy.wh.end(), std::int64_t{0}), 1000);
}

TEST(QuarterHours, TheySumUpExactly) {
    const bool ok = rc::check("the quarters add up to the energy and none is negative", [] {
        EndedCharge one;
        one.started_at = noon + std::chrono::seconds{*rc::gen::inRange(-5000, 100'000)};
        one.stopped_at = noon + std::chrono::seconds{*rc::gen::inRange(-5000, 100'000)};
        one.energy_wh = *rc::gen::element<std::int64_t>(0, 1, 7, 999, 12'345, 2'147'483'647,
                                                        4'000'000'000'000'000);
        one.meter_start_wh = *rc::gen::inRange(-1000, 1'000'000);
        one.meter_stop_wh = *rc::gen::inRange(-1000, 1'000'000);
        auto at = one.started_at;
        for (int count = *rc::gen::inRange(0, 30); count > 0; --count) {
            at += std::chrono::seconds{*rc::gen::inRange(-10, 3000)};
            one.readings.push_back({at, static_cast<double>(*rc::gen::inRange(-1000, 1'000'000))});
        }
        const auto energy = spread_over_quarters(one);
        RC_ASSERT(!energy.wh.empty());
        std::int64_t sum = 0;
        for (const auto wh : energy.wh) {
            RC_ASSERT(wh >= 0);
            sum += wh;
        }
        RC_ASSERT(sum == one.energy_wh);
        RC_ASSERT(energy.first <= one.stopped_at);
        RC_ASSERT(quarter_of(energy.first) == energy.first);
    });
    EXPECT_TRUE(ok);
}

}  // namespace
}  // namespace busbar
