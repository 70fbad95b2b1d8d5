// Units that are not what they say, and registers that fall, jump and begin anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/site/meter_values_support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// --- B4 42: units that are not what they say

TEST(MeterValues, B42_AUnitOfAnotherQuantityIsReadAsTheUsualOne) {
    MeterFindings findings;
    EXPECT_EQ(normalised(sample(Power_Active_Import, "7000", {}, Unit::Wh), {}, findings).number,
              7000.0);
    EXPECT_EQ(normalised(sample(Power_Active_Import, "7", {}, Unit::kWh), {}, findings).unit, "W");
    EXPECT_EQ(normalised(sample(Power_Active_Import, "7", {}, Unit::kWh), {}, findings).number,
              7000.0);
    EXPECT_EQ(normalised(sample(Voltage, "230", {}, Unit::Wh), {}, findings).number, 230.0);
    EXPECT_EQ(findings.size(), 4u);
    EXPECT_EQ(findings[0].oddity, MeterOddity::unit_of_other_quantity);
}

TEST(MeterValues, B42_OverridesOfTheModelCountMoreThanTheUnit) {
    const MeterValueQuirks kilo{.energy_unit = UnitIs::kilo, .power_unit = UnitIs::kilo};
    EXPECT_EQ(normalised(sample(Energy_Active_Import_Register, "1.5", {}, Unit::Wh), kilo).number,
              1500.0);
    EXPECT_EQ(normalised(sample(Power_Active_Import, "7", {}, Unit::W), kilo).number, 7000.0);
    const MeterValueQuirks base{.energy_unit = UnitIs::base};
    EXPECT_EQ(normalised(sample(Energy_Active_Import_Register, "15", {}, Unit::kWh), base).number,
              15.0);
}

TEST(MeterValues, B42_KWhThatAreCalledWhAreFoundByTheRegisterBefore) {
    Conversation charger;
    charger.situation.transaction_start = RegisterPoint{12'345'000, noon - 5min};
    const auto report = charger.say({sample(Energy_Active_Import_Register, "12345.5")});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 12'345'500.0);
    EXPECT_EQ(report.rows[0].number, 12'345'500.0);
    EXPECT_EQ(report.rows[0].value, "12345.5");
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::energy_unit_implausible));
    // It stays so.
    const auto next = charger.after(60s, {sample(Energy_Active_Import_Register, "12346.5")});
    EXPECT_EQ(next.snapshots[0].energy_register_wh, 12'346'500.0);
    EXPECT_THAT(next.findings, IsEmpty());
}

TEST(MeterValues, B42_WhThatAreCalledKWhAreFoundByTheRegisterBefore) {
    Conversation charger;
    charger.situation.transaction_start = RegisterPoint{5'000'000, noon - 5min};
    const auto report =
        charger.say({sample(Energy_Active_Import_Register, "5000500", {}, Unit::kWh)});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 5'000'500.0);
}

TEST(MeterValues, B42_KWhThatAreCalledWhAreFoundByThePower) {
    // From 0 on both units are possible: only the power tells, and not at once.
    Conversation charger;
    charger.situation.transaction_start = RegisterPoint{0, noon};
    std::vector<std::optional<double>> seen;
    for (int minute = 0; minute < 10; ++minute) {
        const auto kwh = std::to_string(0.12 * minute);
        const auto report = charger.after(
            60s, {sample(Energy_Active_Import_Register, kwh), sample(Power_Active_Import, "7200")});
        seen.push_back(report.snapshots[0].energy_register_wh);
    }
    EXPECT_NEAR(*seen[1], 0.12, 1e-6) << "one value proves nothing";
    EXPECT_NEAR(*seen.back(), 1080, 1e-3);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(MeterValues, B42_ARegisterThatAgreesWithThePowerIsLeftAlone) {
    Conversation charger;
    for (int minute = 0; minute < 20; ++minute) {
        const auto report = charger.after(
            60s, {sample(Energy_Active_Import_Register, std::to_string(1000 + 120 * minute)),
                  sample(Power_Active_Import, "7200")});
        EXPECT_THAT(report.findings, IsEmpty());
        EXPECT_EQ(report.snapshots[0].energy_register_wh, 1000.0 + 120 * minute);
    }
}

TEST(MeterValues, B42_AfterALongPauseAnyNumberIsPossibleSoTheLabelCounts) {
    Conversation charger;
    charger.say({sample(Energy_Active_Import_Register, "9000")});
    const auto report = charger.after(240h, {sample(Energy_Active_Import_Register, "50")});
    EXPECT_EQ(report.rows[0].number, 50.0);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::register_backwards));
}

TEST(MeterValues, B42_KWCalledWIsFoundByTheCurrent) {
    auto report = Conversation{}.say(
        {sample(Power_Active_Import, "5.7", {}, Unit::W), sample(Current_Import, "25", Phase::L1)});
    EXPECT_NEAR(*report.snapshots[0].power_watts, 5700, 1e-6);
    EXPECT_EQ(report.rows[0].number, 5.7) << "what was sent is kept";
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::power_unit_implausible));
    report = Conversation{}.say({sample(Power_Active_Import, "720", {}, Unit::kW)});
    EXPECT_FALSE(report.snapshots[0].power_watts) << "no charger of 32 A delivers that";
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::power_implausible));
}

// --- B4 43: registers

TEST(MeterValues, B43_ARegisterThatFallsIsNotBelievedAtOnce) {
    Conversation charger;
    charger.say({sample(Energy_Active_Import_Register, "500000")});
    auto report = charger.after(60s, {sample(Energy_Active_Import_Register, "100")});
    EXPECT_FALSE(report.snapshots[0].energy_register_wh);
    EXPECT_EQ(report.rows[0].number, 100.0);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::register_backwards));
    // A single odd one changes nothing.
    report = charger.after(60s, {sample(Energy_Active_Import_Register, "500200")});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 500'200.0);
    EXPECT_THAT(report.findings, IsEmpty());
}

TEST(MeterValues, B43_AnExchangedMeterIsBelievedAtItsThirdReading) {
    Conversation charger;
    charger.say({sample(Energy_Active_Import_Register, "500000")});
    charger.after(60s, {sample(Energy_Active_Import_Register, "100")});
    charger.after(60s, {sample(Energy_Active_Import_Register, "200")});
    const auto report = charger.after(60s, {sample(Energy_Active_Import_Register, "300")});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 300.0);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::register_reset));
}

TEST(MeterValues, B43_AJumpBeyondThePowerIsNotBelieved) {
    Conversation charger;
    charger.say({sample(Energy_Active_Import_Register, "1000")});
    const auto report = charger.after(60s, {sample(Energy_Active_Import_Register, "900000")});
    EXPECT_FALSE(report.snapshots[0].energy_register_wh);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::register_jump));
}

TEST(MeterValues, B43_ASessionRegisterMayBeginAnew) {
    Conversation charger;
    charger.situation.quirks.session_register = true;
    charger.situation.transaction_start = RegisterPoint{0, noon};
    charger.after(60s, {sample(Energy_Active_Import_Register, "300")});
    charger.after(60s, {sample(Energy_Active_Import_Register, "600")});
    charger.situation.transaction_start = RegisterPoint{0, noon + 10min};
    const auto report = charger.after(600s, {sample(Energy_Active_Import_Register, "50")});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 50.0);
    EXPECT_THAT(report.findings, IsEmpty());
}

TEST(MeterValues, B43_ATransactionThatBeginsLowerShowsThatTheRegisterWasReset) {
    Conversation charger;
    charger.say({sample(Energy_Active_Import_Register, "9000")});
    charger.situation.transaction_start = RegisterPoint{0, noon + 1min};
    const auto report = charger.after(120s, {sample(Energy_Active_Import_Register, "50")});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 50.0);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::register_reset));
}

// Chargers repeat what was not answered.
TEST(MeterValues, B43_ARepeatOfADoubtedReadingIsNoOtherOne) {
    RegisterMemory memory;
    memory.last = RegisterPoint{1'000'000, noon};
    const RegisterBounds bounds{.power_watts_max = 11'000};
    const auto says = [&](std::chrono::minutes after, double wh) {
        return judge(memory, {.point = {wh, noon + after}, .unit_is_known = true}, bounds).wh;
    };
    for (const int minute : {1, 2}) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_FALSE(says(std::chrono::minutes{minute}, minute * 10.0));
        }
    }
    EXPECT_EQ(says(3min, 30), 30.0) << "the third in a row";
}

TEST(MeterValues, B43_AStartOf0SaysNothingOfALifetimeRegister) {
    Conversation charger;
    charger.situation.transaction_start = RegisterPoint{0, noon - 1min};
    const auto report = charger.say({sample(Energy_Active_Import_Register, "8000000")});
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 8'000'000.0);
    EXPECT_THAT(report.findings, IsEmpty());
}

TEST(MeterValues, B43_EnergyIsNeverNegativeAndNotLessThanItsIncreases) {
    EXPECT_EQ(transaction_energy_wh(1000, 3000, 0), 2000);
    EXPECT_EQ(transaction_energy_wh(5000, 100, 0), 0);
    EXPECT_EQ(transaction_energy_wh(5000, 100, 1500), 1500);
    Conversation charger;
    for (const auto* wh : {"1000", "1400", "1900"}) {
        charger.after(60s, {sample(Energy_Active_Import_Register, wh)});
    }
    EXPECT_EQ(charger.situation.memory.energy.energy_wh, 900);
}

TEST(MeterValues, B43_EnergyOfIntervalsIsNoRegister) {
    const auto snapshot =
        snapshot_of({sample(Energy_Active_Import_Interval, "0.25", {}, Unit::kWh)});
    EXPECT_FALSE(snapshot.energy_register_wh);
    EXPECT_EQ(snapshot.energy_interval_wh, 250.0);
}

TEST(MeterValues, B43_ExportIsNoImport) {
    EXPECT_FALSE(snapshot_of({sample(Energy_Active_Export_Register, "77")}).energy_register_wh);
    const auto snapshot =
        snapshot_of({sample(Current_Export, "10", Phase::L1), sample(Power_Active_Export, "2300")});
    EXPECT_EQ(amps(snapshot), (PerPhase<double>{-10, 0, 0}));
    EXPECT_EQ(snapshot.power_watts, -2300.0);
}

}  // namespace
}  // namespace busbar::site::test
