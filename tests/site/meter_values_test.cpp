// The normaliser of meter values, one behaviour of real chargers after the other: names, numbers,
// phases, places.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/meter_values_support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// --- B4 41: defaults, and contexts kept apart

TEST(MeterValues, B41_FillInTheDefaults) {
    const auto row = normalised({.value = "1234"});
    EXPECT_EQ(row.measurand, "Energy.Active.Import.Register");
    EXPECT_EQ(row.unit, "Wh");
    EXPECT_EQ(row.context, "Sample.Periodic");
    EXPECT_EQ(row.location, "Outlet");
    EXPECT_EQ(row.phase, "");
    EXPECT_EQ(row.format, "Raw");
    EXPECT_EQ(row.number, 1234.0);
    EXPECT_EQ(normalised(sample(Current_Import, "1")).unit, "A");
    EXPECT_EQ(normalised(sample(SoC, "1")).unit, "Percent");
    EXPECT_EQ(normalised(sample(Power_Factor, "0.9")).unit, "");
}

TEST(MeterValues, B41_BeginAndEndOfATransactionAreNotThePresent) {
    auto begin = sample(Energy_Active_Import_Register, "0");
    begin.context = v16::ReadingContext::Transaction_Begin;
    auto end = sample(Energy_Active_Import_Register, "5000");
    end.context = v16::ReadingContext::Transaction_End;
    auto current = sample(Current_Import, "30", Phase::L1);
    current.context = v16::ReadingContext::Transaction_End;
    const auto snapshot =
        snapshot_of({begin, end, current, sample(Energy_Active_Import_Register, "4000")});
    EXPECT_EQ(snapshot.transaction_begin_wh, 0.0);
    EXPECT_EQ(snapshot.transaction_end_wh, 5000.0);
    EXPECT_EQ(snapshot.energy_register_wh, 4000.0);
    EXPECT_FALSE(snapshot.currents());
}

// --- Numbers

TEST(MeterValues, NumbersHoweverTheyAreWritten) {
    struct Case {
        std::string text;
        std::optional<double> number;
    };
    const std::vector<Case> cases{{"230.5", 230.5},
                                  {" 5,7 ", 5.7},
                                  {"+5", 5},
                                  {"-3", -3},
                                  {"1e3", 1000},
                                  {"12,345", 12.345},
                                  {"1.234,5", 1234.5},
                                  {"1,234.5", 1234.5},
                                  {"1.234.567", 1e6 + 234567},
                                  {"1,234,567", 1e6 + 234567},
                                  {"12'345", 12345},
                                  {"1 234,5", 1234.5},
                                  {"", {}},
                                  {"  ", {}},
                                  {"nan", {}},
                                  {"inf", {}},
                                  {"1e999", {}},
                                  {"12 apples", {}},
                                  {"--1", {}},
                                  {"+-1", {}},
                                  {"1,2,3", {}},
                                  {"1.2.3", {}},
                                  {"0x10", {}},
                                  {",", {}},
                                  {"null", {}}};
    for (const auto& [text, number] : cases) {
        const auto row = normalised({.value = text});
        EXPECT_EQ(row.number.has_value(), number.has_value()) << text;
        EXPECT_DOUBLE_EQ(row.number.value_or(0), number.value_or(0)) << text;
        EXPECT_EQ(row.value, text);
    }
    EXPECT_EQ(normalised({.value = "12,345"}, {.comma_groups_digits = true}).number, 12345.0);
}

TEST(MeterValues, EmptyIsMissingAndNever0) {
    auto report = Conversation{}.say(
        {sample(Current_Import, "", Phase::L1), sample(Energy_Active_Import_Register, " ")});
    EXPECT_FALSE(report.snapshots[0].currents());
    EXPECT_FALSE(report.snapshots[0].energy_register_wh);
    EXPECT_FALSE(report.rows[0].number);
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::empty_value, MeterOddity::empty_value));
}

TEST(MeterValues, UnitsBecomeOneUnitAQuantity) {
    struct Case {
        v16::Measurand measurand;
        Unit sent;
        double number;
        std::string unit;
    };
    const std::vector<Case> cases{{Energy_Active_Import_Register, Unit::kWh, 50'000, "Wh"},
                                  {Energy_Reactive_Import_Register, Unit::kvarh, 50'000, "varh"},
                                  {Power_Active_Import, Unit::kW, 50'000, "W"},
                                  {Power_Reactive_Import, Unit::kvar, 50'000, "var"},
                                  {Power_Offered, Unit::kVA, 50'000, "VA"},
                                  {Temperature, Unit::Celcius, 50, "Celsius"},
                                  {Temperature, Unit::Fahrenheit, 10, "Celsius"},
                                  {Temperature, Unit::K, -223.15, "Celsius"},
                                  {SoC, Unit::Percent, 50, "Percent"},
                                  {Frequency, Unit::Hertz, 50, "Hertz"}};
    for (const auto& [measurand, sent, number, unit] : cases) {
        const auto row = normalised(sample(measurand, "50", {}, sent));
        ASSERT_TRUE(row.number) << enumerator_name(sent);
        EXPECT_NEAR(*row.number, number, 1e-9) << enumerator_name(sent);
        EXPECT_EQ(row.unit, unit);
        EXPECT_EQ(row.value, "50");
    }
}

// --- B4 44: phases

struct PhaseCase {
    std::string name;
    std::vector<SampledValue> samples;
    PerPhase<double> amps;
    std::string sources;  // r reported, d derived, - absent
};
const std::vector<PhaseCase> phase_cases{
    {"by phase",
     {sample(Current_Import, "10", Phase::L1), sample(Current_Import, "11", Phase::L2),
      sample(Current_Import, "12", Phase::L3), sample(Current_Import, "1", Phase::N)},
     {10, 11, 12},
     "rrr"},
    {"by phase to neutral",
     {sample(Current_Import, "10", Phase::L1_N), sample(Current_Import, "11", Phase::L2_N),
      sample(Current_Import, "12", Phase::L3_N)},
     {10, 11, 12},
     "rrr"},
    {"one phase only", {sample(Current_Import, "16", Phase::L1)}, {16, 0, 0}, "r--"},
    {"phases and their sum",
     {sample(Current_Import, "10", Phase::L1), sample(Current_Import, "10", Phase::L2),
      sample(Current_Import, "10", Phase::L3), sample(Current_Import, "30")},
     {10, 10, 10},
     "rrr"},
    {"one figure may be each phase's", {sample(Current_Import, "9")}, {9, 9, 9}, "ddd"},
    {"one figure above what a phase can carry is the sum",
     {sample(Current_Import, "48")},
     {16, 16, 16},
     "ddd"},
    {"all called L1",
     {sample(Current_Import, "10", Phase::L1), sample(Current_Import, "11", Phase::L1),
      sample(Current_Import, "12", Phase::L1)},
     {10, 11, 12},
     "ddd"},
    {"one phase, but the power is that of three",
     {sample(Current_Import, "16", Phase::L1), sample(Power_Active_Import, "11040")},
     {16, 16, 16},
     "rdd"},
    {"power by phase",
     {sample(Power_Active_Import, "2300", Phase::L1),
      sample(Power_Active_Import, "1150", Phase::L2)},
     {10, 5, 0},
     "dd-"},
    {"power by phase and its voltage",
     {sample(Power_Active_Import, "2300", Phase::L1), sample(Voltage, "115", Phase::L1_N)},
     {20, 0, 0},
     "d--"},
    {"the sum of the power alone does not tell the phases",
     {sample(Power_Active_Import, "4600")},
     {0, 0, 0},
     "---"},
    {"more power than two phases can carry",
     {sample(Power_Active_Import, "20700")},
     {30, 30, 30},
     "ddd"},
    {"current 0 with power is no current",
     {sample(Current_Import, "0", Phase::L1), sample(Current_Import, "0", Phase::L2),
      sample(Current_Import, "0", Phase::L3), sample(Power_Active_Import, "2300", Phase::L1)},
     {10, 0, 0},
     "d--"},
    {"current 0 without power is 0",
     {sample(Current_Import, "0", Phase::L1), sample(Power_Active_Import, "0")},
     {0, 0, 0},
     "r--"},
    {"between two phases", {sample(Current_Import, "10", Phase::L1_L2)}, {10, 10, 0}, "dd-"},
    {"out of any range", {sample(Current_Import, "99999", Phase::L1)}, {0, 0, 0}, "---"},
};

TEST(MeterValues, B44_OnePhaseVectorHoweverItIsReported) {
    for (const auto& known : phase_cases) {
        const auto snapshot = snapshot_of(known.samples);
        EXPECT_EQ(amps(snapshot), known.amps) << known.name;
        EXPECT_EQ(sources(snapshot), known.sources) << known.name;
    }
}

TEST(MeterValues, B44_APhaseInTheMeasurandIsAPhase) {
    SampledValue evbox{.value = "13"};
    evbox.measurand = other<v16::Measurand>("Current.Import.L2");
    const auto report = Conversation{}.say({evbox});
    EXPECT_EQ(report.rows[0].measurand, "Current.Import");
    EXPECT_EQ(report.rows[0].phase, "L2");
    EXPECT_EQ(sources(report.snapshots[0]), "-r-");
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::phase_in_measurand));
}

TEST(MeterValues, B44_PlaceholdersOf0AreNoActivePhases) {
    Conversation charger;
    const std::vector<SampledValue> one{sample(Current_Import, "16", Phase::L1),
                                        sample(Current_Import, "0", Phase::L2),
                                        sample(Current_Import, "0.4", Phase::L3)};
    charger.say(one);
    EXPECT_EQ(charger.situation.memory.active, Phases{});
    charger.after(30s, one);
    EXPECT_EQ(charger.situation.memory.active, (Phases{true, false, false}));
    // Now a sum of power is known to be that phase's.
    const auto report = charger.after(30s, {sample(Power_Active_Import, "3680")});
    EXPECT_EQ(amps(report.snapshots[0]), (PerPhase<double>{16, 0, 0}));
    // Another car may use other phases.
    charger.situation.transaction_start = RegisterPoint{0, noon + 5min};
    EXPECT_EQ(sources(charger.after(300s, {sample(Power_Active_Import, "3680")}).snapshots[0]),
              "---");
}

TEST(MeterValues, B44_AChargerOnOnePhaseHasItAllThere) {
    Conversation charger;
    charger.situation.phases = 1;
    EXPECT_EQ(amps(charger.say({sample(Power_Active_Import, "3680")}).snapshots[0]),
              (PerPhase<double>{16, 0, 0}));
    EXPECT_EQ(amps(charger.after(60s, {sample(Current_Import, "14")}).snapshots[0]),
              (PerPhase<double>{14, 0, 0}));
}

TEST(MeterValues, B44_VoltagesBetweenPhasesAreNotThoseToNeutral) {
    const auto snapshot =
        snapshot_of({sample(Voltage, "400", Phase::L1_L2), sample(Voltage, "231", Phase::L2_N)});
    EXPECT_NEAR(*snapshot.voltage[0], 230.9, 0.1);
    EXPECT_EQ(snapshot.voltage[1], 231.0);
    EXPECT_FALSE(snapshot.voltage[2]);
    EXPECT_EQ(snapshot_of({sample(Voltage, "229")}).voltage[2], 229.0);
}

TEST(MeterValues, B44_UnknownNamesAreKeptAndMeanNothing) {
    SampledValue odd = sample(Current_Import, "5");
    odd.phase = other<Phase>("L4");
    SampledValue vendor{.value = "7"};
    vendor.measurand = other<v16::Measurand>("Vendor.Secret" + std::string(4000, 'x'));
    SampledValue unit = sample(Current_Import, "9", Phase::L1);
    unit.unit = other<Unit>("furlong");
    const auto report = Conversation{}.say({odd, vendor, unit});
    EXPECT_EQ(report.rows[0].phase, "L4");
    EXPECT_EQ(report.rows[1].measurand.substr(0, 13), "Vendor.Secret");
    EXPECT_LE(report.rows[1].measurand.size(), 64u) << "it is part of a key";
    EXPECT_EQ(report.rows[2].unit, "furlong");
    EXPECT_FALSE(report.rows[2].number);
    EXPECT_FALSE(report.snapshots[0].currents());
    EXPECT_FALSE(report.snapshots[0].energy_register_wh) << "not the default measurand";
    EXPECT_THAT(oddities(report),
                ElementsAre(MeterOddity::unknown_phase, MeterOddity::unknown_measurand,
                            MeterOddity::unknown_unit));
}

TEST(MeterValues, B44_MisspeltNamesAreUnderstood) {
    SampledValue odd{.value = "80"};
    odd.measurand = other<v16::Measurand>("energy_active_import_register");
    odd.unit = other<Unit>(" kwh ");
    odd.phase = other<Phase>("");
    const auto row = normalised(odd);
    EXPECT_EQ(row.measurand, "Energy.Active.Import.Register");
    EXPECT_EQ(row.number, 80'000.0);
    EXPECT_EQ(row.phase, "");
    odd.measurand = SoC;
    odd.unit = other<Unit>("%");
    EXPECT_EQ(normalised(odd).unit, "Percent");
}

TEST(MeterValues, B44_ThreeThatAreAllCalledL1AreStoredAsWhatTheyAre) {
    const auto report = Conversation{}.say(
        {sample(Current_Import, "10", Phase::L1), sample(Current_Import, "11", Phase::L1),
         sample(Current_Import, "12", Phase::L1), sample(Voltage, "230", Phase::L1_N)});
    std::string stored;
    for (const auto& row : report.rows) stored += row.phase + "=" + row.value + " ";
    EXPECT_EQ(stored, "L1=10 L2=11 L3=12 L1-N=230 ");
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::duplicate_phase));
}

TEST(MeterValues, B44_WhatIsNotStoredBecauseItsNameIsTakenIsSaid) {
    const auto report = Conversation{}.say(
        {sample(Current_Import, "10", Phase::L1), sample(Current_Import, "11", Phase::L1)});
    EXPECT_THAT(oddities(report),
                UnorderedElementsAre(MeterOddity::duplicate_phase, MeterOddity::duplicate_row));
    const auto same = Conversation{}.say(
        {sample(Current_Import, "10", Phase::L1), sample(Current_Import, "10", Phase::L1)});
    EXPECT_THAT(oddities(same), IsEmpty());
}

// --- B4 46: locations

TEST(MeterValues, B46_OfSeveralLocationsTheOutletCounts) {
    auto inlet = sample(Current_Import, "31", Phase::L1);
    inlet.location = v16::Location::Inlet;
    auto body = sample(Current_Import, "20", Phase::L1);
    body.location = v16::Location::Body;
    const auto outlet = sample(Current_Import, "10", Phase::L1);
    EXPECT_EQ(amps(snapshot_of({inlet, body, outlet}))[0], 10);
    EXPECT_EQ(amps(snapshot_of({outlet, body, inlet}))[0], 10);
    EXPECT_EQ(amps(snapshot_of({inlet, body}))[0], 20);
    EXPECT_EQ(amps(snapshot_of({inlet}))[0], 31);
    EXPECT_THAT(oddities(Conversation{}.say({inlet, outlet})),
                ElementsAre(MeterOddity::duplicate_location));
}

// --- B4 47, 48: odd arrays, signed data

TEST(MeterValues, B47_NoSamplesAreNoRows) {
    const auto report = Conversation{}.say(std::vector<MeterValue>{{noon, {}}, {noon, {}}});
    EXPECT_THAT(report.rows, IsEmpty());
    EXPECT_THAT(report.snapshots, IsEmpty());
    EXPECT_THAT(oddities(report), ElementsAre(MeterOddity::no_samples, MeterOddity::no_samples));
    EXPECT_THAT(Conversation{}.say(std::vector<MeterValue>{}).rows, IsEmpty());
}

TEST(MeterValues, B47_ValuesOfOneTimeInSeveralPartsAreOne) {
    const auto report = Conversation{}.say(
        std::vector<MeterValue>{{noon, {sample(Current_Import, "10", Phase::L1)}},
                                {noon, {sample(Current_Import, "11", Phase::L2)}}});
    ASSERT_EQ(report.snapshots.size(), 1u);
    EXPECT_EQ(amps(report.snapshots[0]), (PerPhase<double>{10, 11, 0}));
}

TEST(MeterValues, B48_SignedDataIsKeptVerbatimAndIsNoNumber) {
    SampledValue blob{.value = "12" + std::string(5000, '0'),
                      .format = v16::ValueFormat::SignedData};
    blob.context = v16::ReadingContext::Transaction_End;
    const auto report = Conversation{}.say({blob, sample(Energy_Active_Import_Register, "5")});
    EXPECT_EQ(report.rows[0].value, blob.value);
    EXPECT_EQ(report.rows[0].format, "SignedData");
    EXPECT_FALSE(report.rows[0].number);
    EXPECT_EQ(report.snapshots[0].energy_register_wh, 5.0);
    EXPECT_THAT(report.findings, IsEmpty());
}

// --- B4 50: little is enough

TEST(MeterValues, B50_AnEnergyRegisterAloneSaysNothingOfTheCurrent) {
    const auto snapshot = snapshot_of({{.value = "5000"}});
    EXPECT_EQ(snapshot.energy_register_wh, 5000.0);
    EXPECT_FALSE(snapshot.currents());
    EXPECT_FALSE(snapshot.power_watts);
}

TEST(MeterValues, OtherMeasurandsAreInTheSnapshot) {
    const auto snapshot = snapshot_of({sample(SoC, "55"), sample(Current_Offered, "16"),
                                       sample(Temperature, "104", {}, Unit::Fahrenheit)});
    EXPECT_EQ(snapshot.soc_percent, 55.0);
    EXPECT_EQ(snapshot.current_offered_amps, 16.0);
    EXPECT_NEAR(*snapshot.temperature_celsius, 40, 1e-9);
    EXPECT_FALSE(snapshot_of({sample(SoC, "250")}).soc_percent);
}

}  // namespace
}  // namespace busbar::site::test
