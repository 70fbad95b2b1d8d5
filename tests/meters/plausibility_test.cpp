#include "meters/plausibility.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Values good{{"voltageL1", 230},         {"voltageL2", 231},       {"voltageL3", 229},
                  {"currentL1", 16},          {"currentL2", -8},        {"currentL3", 0.02},
                  {"activePowerL1", 3600},    {"activePowerL2", -1800}, {"activePowerL3", 10},
                  {"activePowerTotal", 1810}, {"frequency", 50}};

std::vector<std::string> remarks(const Values& changes, const Values& ratios = {},
                                 Phases connected = three_phases) {
    Values values = good;
    for (const auto& [name, value] : changes) values[name] = value;
    return implausibilities(values, ratios, connected);
}

std::vector<std::string> remarks_without(const std::string& name, Phases connected = three_phases) {
    Values values = good;
    values.erase(name);
    return implausibilities(values, {}, connected);
}

TEST(Plausibility, ARealConnectionPasses) {
    EXPECT_THAT(remarks({}), IsEmpty());
    EXPECT_THAT(remarks({}, {{"currentTransformerRatio", 60}}), IsEmpty());
    EXPECT_THAT(remarks({{"activePowerTotal", 1860}}), IsEmpty());
    EXPECT_THAT(remarks_without("frequency"), IsEmpty());
    EXPECT_THAT(remarks_without("activePowerL2"), IsEmpty());
}

TEST(Plausibility, EachThingThatCannotBeIsNamed) {
    EXPECT_THAT(remarks({{"voltageL2", 23.1}}),
                testing::Contains("the voltage of L2 is 23.1 V and should be 80 to 290 V"));
    EXPECT_THAT(remarks({{"voltageL1", 291}}), testing::SizeIs(1));
    EXPECT_THAT(remarks({{"frequency", 500}}),
                ElementsAre("the frequency is 500.0 Hz and should be 45 to 65 Hz"));
    EXPECT_THAT(remarks({{"activePowerTotal", 2000}}),
                ElementsAre("the phases draw 1810.0 W together, but the total is 2000.0 W"));
    EXPECT_THAT(remarks({{"activePowerL1", 3900}, {"activePowerTotal", 2110}}),
                ElementsAre("the power of L1 is 3900.0 W, more than voltage and current allow: "
                            "3680.0 VA"));
    EXPECT_THAT(remarks({}, {{"currentTransformerRatio", 0}}),
                ElementsAre("currentTransformerRatio is 0.0 to 1 and should be 1 to 9999"));
    EXPECT_THAT(remarks({}, {{"currentTransformerRatio", 10'000}}), testing::SizeIs(1));
    EXPECT_THAT(remarks_without("currentL3"), ElementsAre("there is no current of L3"));
    EXPECT_THAT(remarks_without("voltageL3"), ElementsAre("there is no voltage of L3"));
}

TEST(Plausibility, PhasesThatAreNotConnectedMayBeDead) {
    const Phases first{true, false, false};
    EXPECT_THAT(remarks_without("voltageL3", first), IsEmpty());
    EXPECT_THAT(remarks({{"voltageL2", 0}}, {}, first), IsEmpty());
}

TEST(Plausibility, SwappedWordsAreNoticed) {
    Profile profile = find_profile("ime-nemo-d4-le").value();
    const Registers registers = encode(profile, good);
    EXPECT_THAT(implausibilities(decode(profile, registers), decode_ratios(profile, registers)),
                IsEmpty());
    profile.word_order = WordOrder::low_first;
    EXPECT_THAT(implausibilities(decode(profile, registers), {}), testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace busbar::meters
