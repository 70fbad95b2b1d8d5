// Late, early and clockless meter values; and the laws of all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "tests/site/meter_values_support.hpp"

namespace busbar::site::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

// --- B4 51, B5 55 to 57: time

std::vector<MeterValue> at(Timestamp time, std::string value = "10") {
    return {{time, {sample(Current_Import, std::move(value), Phase::L1)}}};
}

TEST(MeterValues, B51_WhatWasQueuedIsHistory) {
    Conversation charger;
    EXPECT_TRUE(charger.say(at(noon)).snapshots[0].live);
    charger.situation.received_at = noon + 1s;
    const auto report = charger.say(at(noon - 2h));
    EXPECT_FALSE(report.snapshots[0].live);
    EXPECT_EQ(report.rows.size(), 1u);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::late));
}

TEST(MeterValues, B51_AQueueThatIsEmptiedIsNeverLive) {
    Conversation charger;
    for (int minute = 0; minute < 100; ++minute) {
        charger.situation.received_at += 1s;
        EXPECT_FALSE(charger.say(at(noon - 5h + minute * 1min)).snapshots[0].live);
    }
}

TEST(MeterValues, B51_OlderThanTheNewestIsNotLive) {
    Conversation charger;
    charger.say(at(noon));
    charger.situation.received_at = noon + 5s;
    const auto report = charger.say(at(noon - 30s));
    EXPECT_FALSE(report.snapshots[0].live);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::out_of_order));
}

TEST(MeterValues, B51_LateRegistersDoNotTurnBackWhatIsKnown) {
    Conversation charger;
    charger.say({sample(Energy_Active_Import_Register, "5000")});
    charger.situation.received_at = noon + 1s;
    const auto report = charger.say(
        std::vector<MeterValue>{{noon - 1h, {sample(Energy_Active_Import_Register, "3000")}}});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 3000.0);
    EXPECT_EQ(charger.situation.memory.energy.last->wh, 5000);
    EXPECT_THAT(oddities(report), Not(Contains(MeterOddity::register_backwards)));
}

TEST(MeterValues, B54_AKnownOffsetOfTheClockIsTakenIntoAccount) {
    Conversation charger;
    charger.situation.clock_offset = -2h;
    const auto report = charger.say(at(noon - 2h));
    EXPECT_TRUE(report.snapshots[0].live);
    EXPECT_THAT(report.findings, IsEmpty());
}

TEST(MeterValues, B54_AWrongClockThatRunsDoesNotFreezeThePresent) {
    Conversation charger;
    EXPECT_FALSE(charger.say(at(noon - 2h)).snapshots[0].live);
    charger.situation.received_at += 60s;
    const auto report = charger.say(at(noon - 2h + 60s));
    EXPECT_TRUE(report.snapshots[0].live);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::clock_off));
}

TEST(MeterValues, B55_WithoutAClockTheArrivalCounts) {
    const auto report = Conversation{}.say(at(Timestamp{10s}));
    EXPECT_TRUE(report.snapshots[0].live);
    EXPECT_EQ(report.rows[0].measured_at, Timestamp{10s});
    EXPECT_EQ(report.rows[0].received_at, noon);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::time_implausible));
}

TEST(MeterValues, B56_TheFutureDoesNotFreezeThePresent) {
    Conversation charger;
    EXPECT_THAT(charger.say(at(noon + 4min)).findings, IsEmpty()) << "tolerated";
    Conversation odd;
    EXPECT_THAT(oddities(odd.say(at(noon + 3h))), ElementsAre(MeterOddity::future));
    odd.situation.received_at += 60s;
    EXPECT_TRUE(odd.say(at(noon + 60s)).snapshots[0].live);
}

TEST(MeterValues, B57_ANewestTimeThatIsNeverReachedAgainIsForgotten) {
    Conversation charger;
    charger.say(at(noon + 4min));
    charger.situation.received_at += 60s;
    EXPECT_FALSE(charger.say(at(noon + 60s)).snapshots[0].live);
    charger.situation.received_at = noon + 5min;
    EXPECT_TRUE(charger.say(at(noon + 5min - 5s)).snapshots[0].live);
}

// --- Laws

rc::Gen<std::string> any_value() {
    return rc::gen::oneOf(
        rc::gen::string<std::string>(),
        rc::gen::map(rc::gen::inRange(-1000, 100'000), [](int n) { return std::to_string(n); }),
        rc::gen::element<std::string>("", " ", "nan", "1,5", "1e300", "-0", "9e99"));
}
template <class E>
std::optional<Open<E>> any_name(int count) {
    const int choice = *rc::gen::inRange(-2, count);
    if (choice == -2) return std::nullopt;
    if (choice == -1) return other<E>(*rc::gen::string<std::string>());
    return Open<E>{static_cast<E>(choice)};
}
std::vector<MeterValue> any_values() {
    std::vector<MeterValue> out(*rc::gen::inRange<std::size_t>(0, 5));
    for (auto& value : out) {
        value.timestamp = noon + std::chrono::minutes{*rc::gen::inRange(-100'000, 1000)};
        value.sampledValue.resize(*rc::gen::inRange<std::size_t>(0, 8));
        for (auto& sampled : value.sampledValue) {
            sampled.value = *any_value();
            sampled.context = any_name<v16::ReadingContext>(8);
            sampled.format = any_name<v16::ValueFormat>(2);
            sampled.measurand = any_name<v16::Measurand>(22);
            sampled.phase = any_name<Phase>(10);
            sampled.location = any_name<v16::Location>(5);
            sampled.unit = any_name<Unit>(18);
        }
    }
    return out;
}

RC_GTEST_PROP(MeterValueLaws, NothingSentIsLostOrChanged, ()) {
    Conversation charger;
    for (int message = 0; message < 3; ++message) {
        const auto values = any_values();
        const auto report = charger.say(values);
        std::size_t index = 0;
        for (const auto& value : values) {
            for (const auto& sampled : value.sampledValue) {
                RC_ASSERT(index < report.rows.size());
                const auto& row = report.rows[index++];
                RC_ASSERT(row.value == sampled.value);
                RC_ASSERT(row.measured_at == value.timestamp);
                const bool blank = sampled.value.find_first_not_of(" \t\r\n") == std::string::npos;
                RC_ASSERT(!blank || !row.number);
                RC_ASSERT(!row.number || std::isfinite(*row.number));
            }
        }
        RC_ASSERT(index == report.rows.size());
    }
}

RC_GTEST_PROP(MeterValueLaws, TheOrderOfPhasesDoesNotMatter, ()) {
    std::vector<SampledValue> samples;
    for (const auto measurand : {Current_Import, Voltage, Power_Active_Import}) {
        for (const auto phase : {Phase::L1, Phase::L2, Phase::L3, Phase::N}) {
            if (!*rc::gen::arbitrary<bool>()) continue;
            samples.push_back(sample(measurand, std::to_string(*rc::gen::inRange(0, 400)), phase));
        }
        if (*rc::gen::arbitrary<bool>()) {
            samples.push_back(sample(measurand, std::to_string(*rc::gen::inRange(0, 400))));
        }
    }
    RC_PRE(!samples.empty());
    auto shuffled = samples;
    for (std::size_t i = shuffled.size(); i > 1; --i) {
        std::swap(shuffled[i - 1], shuffled[*rc::gen::inRange<std::size_t>(0, i)]);
    }
    const auto one = snapshot_of(samples);
    const auto two = snapshot_of(shuffled);
    RC_ASSERT(one.current == two.current);
    RC_ASSERT(one.voltage == two.voltage);
    RC_ASSERT(one.power_watts == two.power_watts);
}

RC_GTEST_PROP(MeterValueLaws, EnergyNeverDecreasesInOrder, ()) {
    Conversation charger;
    const bool kilo = *rc::gen::arbitrary<bool>();
    double wh = *rc::gen::inRange(0, 100'000'000);
    double shown = 0;
    for (int i = 0; i < 30; ++i) {
        const int seconds = *rc::gen::inRange(10, 900);
        const int watts = *rc::gen::inRange(0, 22'000);
        wh += watts * seconds / 3600.0;
        const auto text = std::to_string(kilo ? wh / 1000 : wh);
        const auto report = charger.after(
            std::chrono::seconds{seconds},
            {sample(Energy_Active_Import_Register, text, {}, kilo ? Unit::kWh : Unit::Wh),
             sample(Power_Active_Import, std::to_string(watts))});
        RC_ASSERT(report.snapshots[0].energy_register_wh);
        RC_ASSERT(*report.snapshots[0].energy_register_wh >= shown);
        shown = *report.snapshots[0].energy_register_wh;
        RC_ASSERT(std::abs(shown - wh) < 1.0);
    }
}

RC_GTEST_PROP(MeterValueLaws, AWrongValueNowAndThenNeverSticks, ()) {
    Conversation charger;
    double wh = 1'000'000;
    for (int i = 0; i < 20; ++i) {
        wh += *rc::gen::inRange(0, 200);
        charger.after(60s, {sample(Energy_Active_Import_Register, std::to_string(wh))});
        if (*rc::gen::inRange(0, 3) > 0) continue;
        charger.after(
            1s, {sample(Energy_Active_Import_Register, std::to_string(*rc::gen::inRange(0, 900)))});
    }
    const auto report =
        charger.after(60s, {sample(Energy_Active_Import_Register, std::to_string(wh))});
    RC_ASSERT(report.snapshots[0].energy_register_wh == wh);
}

}  // namespace
}  // namespace busbar::site::test
