// Changes of configuration keys that end the connection of their charger.
#include "site/change_outcomes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/configured_charger.hpp"

namespace busbar::site::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

struct ChangeOutcomes : ConfiguredCharger {};

TEST_F(ChangeOutcomes, AChangeThatEndsTheConnectionIsMadeTwice) {
    const auto change = set("MeterValuesSampledData", all_measurands);
    keys["MeterValuesSampledData"] = "Voltage";
    cuts = "MeterValuesSampledData";
    for (const int round : {1, 2}) {
        EXPECT_TRUE(charger().quirks.set_measurands) << round;
        EXPECT_FALSE(charger().deviations.contains("change_ends_connection"));
        link = connect("CP1");
        boot();
        EXPECT_THAT(seconds(90), Contains(change)) << round;
        EXPECT_FALSE(charger().link);
    }
    EXPECT_FALSE(charger().quirks.set_measurands);
    EXPECT_EQ(charger().deviations.at("change_ends_connection").last_example,
              "MeterValuesSampledData");
    for (int round = 0; round < 3; ++round) {
        link = connect("CP1");
        boot();
        EXPECT_THAT(seconds(90), ElementsAre("GetConfiguration{}"));
        EXPECT_TRUE(charger().link);
    }
    EXPECT_THAT(rows("learned_quirk"), ElementsAre(HasSubstr("ended the connection")));
}

TEST_F(ChangeOutcomes, AShorterListOfMeasurandsThatEndsTheConnectionIsTriedTwice) {
    const auto change = set("MeterValuesSampledData", minimal_measurand_list());
    keys["MeterValuesSampledData"] = "Voltage";
    statuses["MeterValuesSampledData=" + all_measurands] = "Rejected";
    cuts = "MeterValuesSampledData";
    cuts_value = minimal_measurand_list();
    for (int round = 0; round < 4; ++round) {
        link = connect("CP1");
        boot();
        EXPECT_EQ(has(seconds(90), change), round < 2) << round;
    }
    EXPECT_FALSE(charger().quirks.set_measurands);
}

TEST_F(ChangeOutcomes, AKeyThatEndsTheConnectionIsLeftAloneUntilAnotherValueIsWanted) {
    const auto change = set("HeartbeatInterval", "300");
    keys["HeartbeatInterval"] = "3600";
    cuts = "HeartbeatInterval";
    for (int round = 0; round < 4; ++round) {
        link = connect("CP1");
        boot();
        EXPECT_EQ(has(seconds(90), change), round < 2) << round;
    }
    EXPECT_EQ(state("HeartbeatInterval"), KeyState::refused);
    EXPECT_TRUE(charger().link);
    cuts.clear();
    set_wish(site, charger(), "HeartbeatInterval", "600", now, [](const WishAnswer&) {});
    seconds(10);
    EXPECT_EQ(keys["HeartbeatInterval"], "600");
}

// A connection may end by chance just then.
TEST_F(ChangeOutcomes, AChangeThatIsAnsweredInBetweenIsNotBlamed) {
    const auto change = set("MeterValuesSampledData", all_measurands);
    for (int round = 0; round < 6; ++round) {
        keys["MeterValuesSampledData"] = "Voltage";
        cuts = round % 2 == 0 ? "MeterValuesSampledData" : "";
        link = connect("CP1");
        boot();
        EXPECT_THAT(seconds(90), Contains(change)) << round;
    }
    EXPECT_TRUE(charger().quirks.set_measurands);
    EXPECT_FALSE(charger().deviations.contains("change_ends_connection"));
}

TEST_F(ChangeOutcomes, AChangeThatEndsTheConnectionWhenItIsReadBackIsMadeTwice) {
    const auto change = set("MeterValuesSampledData", all_measurands);
    cuts = "MeterValuesSampledData";
    cuts_when_read_back = true;
    for (int round = 0; round < 4; ++round) {
        keys["MeterValuesSampledData"] = "Voltage";
        link = connect("CP1");
        boot();
        EXPECT_EQ(has(seconds(90), change), round < 2) << round;
    }
    EXPECT_FALSE(charger().quirks.set_measurands);
}

}  // namespace
}  // namespace busbar::site::test
