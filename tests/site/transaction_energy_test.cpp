#include "site/transaction_energy.hpp"

#include <gtest/gtest.h>

#include <rapidcheck.h>

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp eight = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 8h;
constexpr double watts = 11'000;

struct Charge {
    explicit Charge(double start_wh) : tally(begin_tally(start_wh, eight)) {
        span.start_wh = start_wh;
        span.started_at = span.start_received_at = eight;
    }
    Charge& reads(std::chrono::minutes after, double wh) {
        EnergyReading reading;
        reading.at = eight + after;
        reading.register_wh = wh;
        add_reading(tally, reading, watts);
        return *this;
    }
    Charge& draws(std::chrono::minutes after, double power) {
        EnergyReading reading;
        reading.at = eight + after;
        reading.power_watts = power;
        add_reading(tally, reading, watts);
        return *this;
    }
    Energy stops(std::chrono::minutes after, std::optional<double> wh) {
        span.stop_wh = wh;
        span.stopped_at = span.stop_received_at = eight + after;
        return energy_of(tally, span, watts);
    }
    EnergyTally tally;
    EnergySpan span;
};

void expect(const Energy& energy, std::int64_t wh, const std::string& source) {
    EXPECT_EQ(energy.wh, wh);
    EXPECT_EQ(energy.source, source);
}

TEST(TransactionEnergy, IsWhatTheRegisterRose) {
    expect(Charge{1000}.stops(60min, 9000), 8000, "register");
    expect(Charge{1000}.reads(30min, 5000).stops(60min, 9000), 8000, "register");
    expect(Charge{1000}.stops(60min, 1000), 0, "register");
}

TEST(TransactionEnergy, IsTheSumWhereTheRegisterWasReset) {
    expect(Charge{50'000}.reads(30min, 54'000).reads(40min, 500).stops(60min, 3000), 7000,
           "register_sum");
    // A reset that ends above the start hides nothing.
    expect(Charge{1000}.reads(60min, 9000).reads(70min, 0).stops(120min, 6000), 14'000,
           "register_sum");
}

TEST(TransactionEnergy, GoesOnWhereTheRegisterRollsOver) {
    expect(Charge{999'000}.reads(30min, 999'900).stops(60min, 2000), 3000, "register_sum");
    expect(Charge{2'147'480'000}.reads(30min, -2'147'483'648.0).stops(60min, -2'147'481'000.0),
           2647 + 3649, "register_sum");
}

TEST(TransactionEnergy, OfAnotherRegisterAtTheStopIsNotCountedTwice) {
    // Lifetime register while it runs, that of the session at the stop.
    expect(Charge{70'000}.reads(30min, 74'000).reads(59min, 78'000).stops(60min, 8000), 8000,
           "register_sum");
}

TEST(TransactionEnergy, OfAStartAtZeroIsWhatWasSeen) {
    expect(Charge{0}.reads(1min, 12'345'000).reads(30min, 12'349'000).stops(60min, 12'353'000),
           8000, "register_sum");
    expect(Charge{0}.stops(60min, 12'345'678), 0, "unknown");
}

// A stop that repeats the start's register, or an earlier one of its own.
TEST(TransactionEnergy, IsNotLostToAStaleStop) {
    for (const double stop : {811'900.0, 812'000.0, 812'100.0, 812'400.0}) {
        SCOPED_TRACE(stop);
        expect(Charge{812'000}.reads(20min, 812'200).reads(40min, 812'567).stops(60min, stop), 567,
               "register_sum");
    }
    // Neither start nor stop is of the register that is measured.
    expect(Charge{0}.reads(20min, 812'000).reads(40min, 812'567).stops(60min, 0), 567,
           "register_sum");
    // Rounded while it runs, exact at its ends.
    expect(Charge{812'100}.reads(30min, 813'000).stops(60min, 812'600), 500, "register");
    expect(Charge{812'100}.reads(30min, 812'340).stops(60min, 812'300), 200, "register");
    // What was measured after the stop is the next one's.
    expect(Charge{1000}.reads(30min, 5000).reads(70min, 9000).stops(60min, 5500), 4500, "register");
}

TEST(TransactionEnergy, IsBoundedByWhatCanBeDelivered) {
    const auto energy = Charge{1000}.stops(60min, 5'000'000);
    EXPECT_EQ(energy.source, "register");
    EXPECT_LE(energy.wh, 11'000 * 3 / 2 + 1500);
    // A clock that was set back is no reason to lose it.
    expect(Charge{1000}.stops(-180min, 40'000), 39'000, "register");
}

TEST(TransactionEnergy, IsNotLostToAClockThatIsSet) {
    // The clock goes back for an hour: the register seems to jump.
    expect(Charge{1000}.reads(120min, 21'000).reads(125min, 31'000).stops(135min, 32'000), 31'000,
           "register");
    // Both came late, and the clock was set between them: nobody knows how long it took.
    Charge late{1000};
    late.span.started_at = eight;
    late.span.start_received_at = eight + 600min;
    late.span.stop_wh = 61'000;
    late.span.stopped_at = eight + 60min;
    late.span.stop_received_at = eight + 601min;
    expect(energy_of(late.tally, late.span, watts), 60'000, "register");
}

TEST(TransactionEnergy, PassesOverValuesThatAreNone) {
    for (const double absurd : {0.0, -5.0, 12.0, 1e12}) {
        SCOPED_TRACE(absurd);
        expect(Charge{1000}.reads(30min, 5000).reads(40min, absurd).stops(60min, 9000), 8000,
               "register");
        expect(Charge{1000}
                   .reads(30min, 5000)
                   .reads(40min, absurd)
                   .reads(41min, absurd)
                   .reads(45min, 7000)
                   .stops(60min, 9000),
               8000, "register");
    }
    // One that began anew and has come to where it was is no such.
    expect(Charge{1000}
               .reads(10min, 2000)
               .reads(11min, 0)
               .reads(20min, 1500)
               .reads(24min, 2100)
               .stops(30min, 3000),
           4000, "register_sum");
}

TEST(TransactionEnergy, IsThatOfBeginAndEndWithoutAnother) {
    Charge charge{0};
    EnergyReading reading;
    reading.at = eight;
    reading.begin_wh = 500'000;
    add_reading(charge.tally, reading, watts);
    reading = {};
    reading.at = eight + 60min;
    reading.end_wh = 507'000;
    add_reading(charge.tally, reading, watts);
    expect(charge.stops(60min, 0), 7000, "transaction_values");
}

TEST(TransactionEnergy, IsIntegratedWhereThereIsNoRegister) {
    expect(Charge{0}.draws(0min, 10'000).draws(30min, 10'000).draws(60min, 0).stops(60min, 0), 7500,
           "power");
    // Nobody knows what was drawn in a long gap.
    expect(Charge{0}.draws(0min, 10'000).draws(120min, 10'000).stops(120min, 0), 0, "register");
    Charge charge{0};
    for (const int minute : {15, 30, 30, 45}) {
        EnergyReading reading;
        reading.at = eight + std::chrono::minutes{minute};
        reading.interval_wh = 2000;
        add_reading(charge.tally, reading, watts);
    }
    expect(charge.stops(60min, 0), 6000, "intervals");
}

TEST(TransactionEnergy, IsUnknownWithoutAnything) {
    expect(Charge{5000}.stops(60min, std::nullopt), 0, "unknown");
    expect(Charge{5000}.stops(60min, -7), 0, "unknown");
}

TEST(TransactionEnergy, IsNeverNegativeAndNeverMoreThanCanBeDelivered) {
    EXPECT_TRUE(rc::check([] {
        const auto any_wh = rc::gen::inRange<std::int64_t>(-5'000'000'000, 5'000'000'000);
        Charge charge{static_cast<double>(*any_wh)};
        const auto steps = *rc::gen::inRange(0, 8);
        auto at = 0min;
        for (int i = 0; i < steps; ++i) {
            at += std::chrono::minutes{*rc::gen::inRange(-30, 60)};
            if (*rc::gen::arbitrary<bool>()) {
                charge.reads(at, static_cast<double>(*any_wh));
            } else {
                charge.draws(at, *rc::gen::inRange(-100'000, 100'000));
            }
        }
        const auto length = std::chrono::minutes{*rc::gen::inRange(0, 600)};
        const auto energy = charge.stops(length, static_cast<double>(*any_wh));
        RC_ASSERT(energy.wh >= 0);
        RC_ASSERT(energy.wh <= deliverable_wh(watts, eight, eight + std::max(length, 60min)) + 1);
    }));
}

}  // namespace
}  // namespace busbar::site
