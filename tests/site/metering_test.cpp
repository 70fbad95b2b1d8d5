#include "site/metering.hpp"

#include <gtest/gtest.h>

namespace busbar::site {
namespace {

namespace v16 = ocpp::v16;

db::MeterSample sample(std::string measurand, std::string phase, double number) {
    db::MeterSample row;
    row.measurand = std::move(measurand);
    row.phase = std::move(phase);
    row.location = "Outlet";
    row.number = number;
    return row;
}

TEST(Metering, FillsInTheDefaults) {
    const auto row = normalised({.value = "1234"});
    EXPECT_EQ(row.measurand, "Energy.Active.Import.Register");
    EXPECT_EQ(row.unit, "Wh");
    EXPECT_EQ(row.context, "Sample.Periodic");
    EXPECT_EQ(row.location, "Outlet");
    EXPECT_EQ(row.number, 1234.0);
}

TEST(Metering, NormalisesUnitsAndKeepsTheText) {
    const auto row = normalised({.value = " 5,7 ",
                                 .measurand = v16::Measurand::Power_Active_Import,
                                 .unit = v16::Unit::kW});
    EXPECT_EQ(row.unit, "W");
    EXPECT_EQ(row.number, 5700.0);
    EXPECT_EQ(row.value, " 5,7 ");
}

TEST(Metering, MakesNoNumberOfWhatIsNone) {
    for (const auto* text : {"", "nan", "inf", "1e999", "12 apples", "--1"}) {
        EXPECT_FALSE(normalised({.value = text}).number) << text;
    }
    EXPECT_FALSE(normalised({.value = "12", .format = v16::ValueFormat::SignedData}).number);
}

TEST(Metering, FindsTheCurrentHoweverItIsReported) {
    const auto by_phase =
        summarise({sample("Current.Import", "L1", 10), sample("Current.Import", "L2", 11),
                   sample("Current.Import", "L3", 12)});
    EXPECT_EQ(by_phase.current, (PhaseAmps{10_A, 11_A, 12_A}));
    EXPECT_EQ(summarise({sample("Current.Import", "", 9)}).current, (PhaseAmps{9_A, 9_A, 9_A}));
    EXPECT_EQ(summarise({sample("Power.Active.Import", "L1", 2300)}).current,
              (PhaseAmps{10_A, 0_A, 0_A}));
    EXPECT_FALSE(summarise({sample("Temperature", "", 20)}).current);
}

TEST(Metering, MapsChargerPhasesToTheGrid) {
    const PhaseAmps charger{1_A, 2_A, 3_A};
    EXPECT_EQ(to_grid(charger, "RST"), charger);
    EXPECT_EQ(to_grid(charger, "STR"), (PhaseAmps{3_A, 1_A, 2_A}));
    EXPECT_EQ(to_grid(charger, "L2"), (PhaseAmps{0_A, 1_A, 0_A}));
    EXPECT_EQ(to_grid(charger, "nonsense"), charger);
    EXPECT_EQ(wired_phases("L3"), (Phases{false, false, true}));
    EXPECT_EQ(wired_phases("TRS"), three_phases);
}

}  // namespace
}  // namespace busbar::site
