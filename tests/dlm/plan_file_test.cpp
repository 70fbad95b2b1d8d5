#include "dlm/plan_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dlm/explain.hpp"
#include "dlm/solver.hpp"

namespace busbar::dlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using testing::UnorderedElementsAre;

PlanProblems problems(std::string_view text) {
    const auto result = parse_problem(text);
    if (const auto* found = std::get_if<PlanProblems>(&result)) return *found;
    return {};
}

Problem problem(std::string_view text) {
    auto result = parse_problem(text);
    if (const auto* found = std::get_if<PlanProblems>(&result)) {
        ADD_FAILURE() << testing::PrintToString(*found);
        return {};
    }
    return std::get<Problem>(std::move(result));
}

constexpr std::string_view example = R"({
  "nodes": [{"id": "main", "parent": null, "limitAmps": [63, 63, 63],
             "backgroundAmps": [10, 25, 40]}],
  "evses": [{"id": "a", "node": "main", "phases": [1, 2, 3], "maxAmps": 32},
            {"id": "b", "node": "main", "phases": [1], "maxAmps": 32, "class": 9}],
  "classes": [{"id": 9, "preemptive": true}],
  "groups": [{"id": "pv", "members": ["a"], "powerLimitW": 5200}],
  "voltage": 230})";

TEST(PlanFile, ReadsTheExampleAndFillsInDefaults) {
    const Problem read = problem(example);
    ASSERT_EQ(read.nodes.size(), 1U);
    EXPECT_EQ(read.nodes[0].parent, -1);
    EXPECT_EQ(read.nodes[0].derate_millionths, 1'000'000);
    EXPECT_EQ(read.nodes[0].background[2], 40_A);
    EXPECT_FALSE(read.nodes[0].power_limit_milliwatts);
    ASSERT_EQ(read.evses.size(), 2U);
    EXPECT_EQ(read.evses[0].minimum, 6_A);
    EXPECT_EQ(read.evses[0].step, Amps{100});
    EXPECT_EQ(read.evses[1].rank, 1);
    EXPECT_EQ(read.evses[1].class_id, 9);
    EXPECT_EQ(read.evses[1].phases, (Phases{true, false, false}));
    EXPECT_EQ(read.groups[0].power_limit_milliwatts, 5'200'000);
}

TEST(PlanFile, WritesThePlanOfTheExample) {
    const std::string text = to_json(solve(problem(example)));
    EXPECT_THAT(text, StartsWith(R"({"allocations":[{"evse":"a","amps":7.5,"limitedBy":"group:pv",)"
                                 R"("reason":{"code":"group_power","params":{"group":"pv",)"));
    EXPECT_THAT(text, HasSubstr(R"({"evse":"b","amps":32,"limitedBy":"max","reason":{"code":)"
                                R"("max_charger","params":{"amps":32},"text":)"));
    EXPECT_THAT(text, HasSubstr(R"("nodes":[{"id":"main","capacityAmps":[53,38,23],)"
                                R"("allocatedAmps":[39.5,7.5,7.5]}]})"));
}

TEST(PlanFile, ReadsEveryOptionalMember) {
    const Problem read = problem(R"({
      "nodes": [{"id": "board", "parent": "main", "limitAmps": [32, 32, 32], "derate": 0.8,
                 "marginAmps": [1, 1, 1.5], "powerLimitW": 11000, "asymmetryLimitAmps": 20},
                {"id": "main", "limitAmps": [63, 63, 63]}],
      "evses": [{"id": "a", "node": "board", "phases": [3], "maxAmps": 16, "minAmps": 8,
                 "weight": 2.5, "rank": -4, "stepAmps": 1, "reservedAmps": 10.5}],
      "voltage": 231.5})");
    EXPECT_EQ(read.nodes[0].parent, 1);
    EXPECT_EQ(read.nodes[0].derate_millionths, 800'000);
    EXPECT_EQ(read.nodes[0].margin[2], 1.5_A);
    EXPECT_EQ(read.nodes[0].power_limit_milliwatts, 11'000'000);
    EXPECT_EQ(read.nodes[0].asymmetry_limit, 20_A);
    EXPECT_EQ(read.evses[0].minimum, 8_A);
    EXPECT_EQ(read.evses[0].weight_thousandths, 2500);
    EXPECT_EQ(read.evses[0].rank, -4);
    EXPECT_EQ(read.evses[0].step, 1_A);
    EXPECT_EQ(read.evses[0].reserved, 10.5_A);
    EXPECT_EQ(read.voltage_millivolts, 231'500);
}

TEST(PlanFile, ListsEveryProblemWithItsPointer) {
    EXPECT_THAT(
        problems(R"({
          "nodes": [{"id": "main", "limitAmps": [63, 63], "colour": "red"},
                    {"id": "main", "parent": "attic", "limitAmps": [1, -1, 1], "derate": 2}],
          "evses": [{"node": "cellar", "phases": [1, 1], "maxAmps": "much"},
                    {"id": "b", "node": "main", "phases": [], "maxAmps": 32, "class": 1.5,
                     "weight": 0, "stepAmps": 0}],
          "classes": [{"id": 3}, {"id": 3, "preemptive": 1}],
          "groups": [{"id": "g", "members": ["b", "b", "c", 7]}],
          "voltage": 0, "a/b": 1})"),
        UnorderedElementsAre(
            "/nodes/0/limitAmps: must be an array of three numbers: L1, L2, L3",
            "/nodes/0/colour: unknown key", "/nodes/1/id: \"main\" is used twice",
            "/nodes/1/parent: there is no node \"attic\"",
            "/nodes/1/limitAmps/1: must be from 0 to 10000", "/nodes/1/derate: must be from 0 to 1",
            "/evses/0/id: is missing", "/evses/0/node: there is no node \"cellar\"",
            "/evses/0/phases: must list one to three of 1, 2, 3, each once",
            "/evses/0/maxAmps: must be a number",
            "/evses/1/phases: must list one to three of 1, 2, 3, each once",
            "/evses/1/class: must be a whole number", "/evses/1/weight: must be from 0.001 to 1000",
            "/evses/1/stepAmps: must be from 0.001 to 100", "/classes/1/id: 3 is used twice",
            "/classes/1/preemptive: must be true or false",
            "/groups/0/members/1: \"b\" is listed twice",
            "/groups/0/members/2: there is no EVSE \"c\"", "/groups/0/members/3: must be a string",
            "/groups/0/powerLimitW: is missing", "/voltage: must be from 1 to 1000",
            "/a~1b: unknown key"));
}

TEST(PlanFile, RefusesWhatIsNoObject) {
    EXPECT_THAT(problems("[]"), ElementsAre(": must be an object"));
    EXPECT_THAT(problems("{}"), ElementsAre("/nodes: is missing", "/evses: is missing"));
    EXPECT_THAT(problems(R"({"nodes": {}, "evses": [5]})"),
                ElementsAre("/nodes: must be an array", "/evses/0: must be an object"));
    EXPECT_THAT(problems("{"), ElementsAre(StartsWith(": is not valid JSON")));
    EXPECT_THAT(problems(""), ElementsAre(StartsWith(": is not valid JSON")));
}

TEST(PlanFile, RefusesNumbersThatAreNotFinite) {
    EXPECT_THAT(problems(R"({"nodes": [{"id": "m", "limitAmps": [NaN, 1, 1]}], "evses": []})"),
                ElementsAre(StartsWith(": is not valid JSON")));
    EXPECT_THAT(problems(R"({"nodes": [{"id": "m", "limitAmps": [1e999, 1, 1]}], "evses": []})"),
                ElementsAre(StartsWith(": is not valid JSON")));
    EXPECT_THAT(problems(R"({"nodes": [{"id": "m", "limitAmps": [1e300, 1, 1]}], "evses": []})"),
                ElementsAre("/nodes/0/limitAmps/0: must be from 0 to 10000"));
}

TEST(PlanFile, RefusesCycles) {
    EXPECT_THAT(problems(R"({"nodes": [{"id": "a", "parent": "b", "limitAmps": [1, 1, 1]},
                                       {"id": "b", "parent": "a", "limitAmps": [1, 1, 1]},
                                       {"id": "c", "parent": "c", "limitAmps": [1, 1, 1]},
                                       {"id": "d", "parent": "a", "limitAmps": [1, 1, 1]}],
                             "evses": []})"),
                ElementsAre("/nodes/0/parent: the node is above itself",
                            "/nodes/1/parent: the node is above itself",
                            "/nodes/2/parent: the node is above itself",
                            StartsWith("/nodes/3/parent: more than 64")));
}

TEST(Explain, FillsInTheFigures) {
    EXPECT_EQ(to_text(Amps{-1050}), "-1.05 A");
    EXPECT_EQ(to_text(Amps{12'600}), "12.6 A");
    EXPECT_EQ(to_text(Amps{7}), "0.007 A");
    EXPECT_EQ(explain({"node_current",
                       {{"node", "Q3"},
                        {"phase", "L2"},
                        {"limit", 63_A},
                        {"other_load", 45_A},
                        {"available", 18_A},
                        {"share_of", std::int64_t{2}}}}),
              "Q3/L2: 63 A less 45 A other load leaves 18 A, shared by 2");
    EXPECT_EQ(explain({"new_code", {{"amps", 3_A}}}), "new_code amps=3 A");
}

}  // namespace
}  // namespace busbar::dlm
