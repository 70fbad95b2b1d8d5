#include "meters/profile.hpp"

#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace busbar::meters {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view smallest = R"({
    "format": "busbar-meter-profile/1", "name": "small", "vendor": "V", "models": ["M"],
    "transports": ["tcp"], "confidence": "unverified", "source": "made up",
    "quantities": [{"name": "currentL1", "address": 7, "type": "u16", "unit": "A"}]
})";

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
    std::string result{text};
    result.replace(result.find(from), from.size(), to);
    return result;
}

std::vector<std::string> problems_of(std::string_view text) {
    std::vector<std::string> problems;
    const ParsedProfile parsed = parse_profile(text);
    EXPECT_EQ(parsed.profile.has_value(), parsed.problems.empty());
    for (const ProfileProblem& problem : parsed.problems) problems.push_back(to_string(problem));
    return problems;
}

TEST(Profile, BuiltInProfilesParseAndAreSorted) {
    const auto profiles = builtin_profiles();
    EXPECT_GE(profiles.size(), 33u);
    EXPECT_TRUE(std::ranges::is_sorted(profiles, {}, &Profile::name));
    for (const Profile& profile : profiles) {
        EXPECT_FALSE(profile.source.empty()) << profile.name;
        EXPECT_FALSE(profile.models.empty()) << profile.name;
    }
}

TEST(Profile, IsFoundByName) {
    const auto found = find_profile("siemens-pac2200");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->vendor, "Siemens");
    EXPECT_EQ(found->quantity("currentL2")->address, 15);
    EXPECT_THAT(found->quantity_names(), Contains("energyImport"));
    EXPECT_FALSE(find_profile("siemens"));
}

TEST(Profile, MissingKeysTakeTheirDefaults) {
    const auto parsed = parse_profile(smallest);
    ASSERT_TRUE(parsed.profile);
    EXPECT_EQ(parsed.profile->tcp_port, 502);
    EXPECT_EQ(parsed.profile->unit_id, 1);
    EXPECT_EQ(parsed.profile->function_code, 3);
    EXPECT_EQ(parsed.profile->word_order, WordOrder::high_first);
    EXPECT_EQ(parsed.profile->registers_per_read_max, 125);
    EXPECT_EQ(parsed.profile->quantities[0].scale, 1);
}

TEST(Profile, TextThatIsNoProfileIsNamed) {
    EXPECT_THAT(problems_of("{"), ElementsAre("the file: is not JSON"));
    EXPECT_THAT(problems_of("[]"), ElementsAre("the file: must be an object"));
    EXPECT_THAT(problems_of(""), ElementsAre("the file: is not JSON"));
    EXPECT_THAT(problems_of(std::string(profile_bytes_max + 1, ' ')),
                ElementsAre("the file: is larger than 1 MiB"));
    EXPECT_THAT(problems_of("{}"), Contains("/quantities: is missing"));
}

TEST(Profile, EveryProblemIsNamedWithItsPlace) {
    EXPECT_THAT(
        problems_of(R"({
        "format": "other/9", "name": "Has Space", "vendor": 3, "models": [], "unitId": 256,
        "transports": ["tcp", "smoke"], "functionCode": 6, "wordOrder": "middle", "tcpPort": 502.5,
        "confidence": "sure", "source": "s", "colour": "red", "scaleRules": {"a": []},
        "quantities": [{"name": "voltageL1", "address": 65535, "type": "u32", "unit": "mV"},
                       {"name": "voltageL1", "address": -1, "type": "u8", "scale": 0},
                       {"name": "currentL1", "address": 1, "type": "u16", "sign": "fromPhasePower",
                        "scaleRule": "b", "signRegister": {"address": 5}, "invalid": [-1]}, 7],
        "sums": [{"name": "all", "of": ["nothing"]}]
    })"),
        testing::UnorderedElementsAre(
            "/format: must be busbar-meter-profile/1", "/name: may contain only a-z, 0-9 and -",
            "/vendor: must be a text that is not empty",
            "/models: must be a list that is not empty",
            "/transports: may list only tcp and rtu, not smoke",
            "/tcpPort: must be a whole number from 1 to 65535",
            "/unitId: must be a whole number from 0 to 255",
            "/functionCode: must be a whole number from 3 to 4",
            "/wordOrder: must be one of highFirst, lowFirst",
            "/confidence: must be one of twoSources, oneSource, unverified",
            "/colour: is not a known key",
            "/scaleRules/a: must be a list of steps that is not empty",
            "/scaleRules: depend on /ratios, and there are none",
            "/quantities/0/unit: must be one of V, A, W, var, VA, Wh, varh, Hz, %, s",
            "/quantities/0/address: must be a whole number from 0 to 65534",
            "/quantities/1/type: must be one of u16, s16, u32, s32, u48, u64, s64, f32, f64, m16, "
            "m32",
            "/quantities/1/address: must be a whole number from 0 to 65535",
            "/quantities/1/scale: must not be 0", "/quantities/1/name: is used twice: voltageL1",
            "/quantities/2/scaleRule: names no rule of /scaleRules",
            "/quantities/2/signRegister/negativeWhen: is missing",
            "/quantities/2/invalid/0: must be a whole number, not negative",
            "/quantities/2/sign: fromPhasePower needs the quantity activePowerL1",
            "/quantities/3: must be an object", "/sums/0/of: names no quantity: nothing"));
}

TEST(Profile, StepsOfAScaleMustAscendAndEndOpen) {
    const auto with = [](std::string_view steps) {
        return replaced(smallest, "\"quantities\"",
                        R"("ratios": [{"name": "r", "address": 1, "type": "u16"}],
                           "scaleRules": {"power": )" +
                            std::string{steps} + "}, \"quantities\"");
    };
    EXPECT_THAT(problems_of(with(R"([{"below": 10, "scale": 1}, {"scale": 2}])")), IsEmpty());
    EXPECT_THAT(problems_of(with(R"([{"below": 10, "scale": 1}, {"below": 20, "scale": 2}])")),
                ElementsAre("/scaleRules/power/1/below: the last step must have none"));
    EXPECT_THAT(problems_of(with(R"([{"scale": 1}, {"scale": 2}])")),
                ElementsAre("/scaleRules/power/0/below: only the last step may lack it"));
    EXPECT_THAT(
        problems_of(with(R"([{"below": 10, "scale": 1}, {"below": 9, "scale": 2}, {"scale": 3}])")),
        ElementsAre("/scaleRules/power/1/below: must be greater than that of the step before"));
}

// The smallest profile with more members, and with more members of its quantity.
std::string extended(std::string_view members, std::string_view of_quantity = "") {
    std::string text =
        replaced(smallest, "\"quantities\"", std::string{members} + " \"quantities\"");
    return replaced(text, "\"unit\": \"A\"", "\"unit\": \"A\"" + std::string{of_quantity});
}

TEST(Profile, DescribesTheDevice) {
    const auto parsed = parse_profile(extended(
        R"("candidateModels": ["M2"], "roles": ["grid", "battery"], "byteOrder": "lowFirst",
           "serial": {"baud": 19200, "parity": "even", "stopBits": 2},
           "timing": {"responseTimeoutMs": 5000, "connectDelayMs": 1500, "requestGapMs": 200,
                      "pollPeriodMs": 2000, "clientsMax": 1},
           "neverRead": [{"first": "0x10", "last": 31}],
           "conditions": {"online": {"address": 3, "type": "u16", "values": [1]}},
           "invalid": {"u16": ["0x7FFF", 9]},
           "ratios": [{"name": "ct", "address": 1, "type": "u16"}],
           "identification": [{"name": "model", "address": "0x20", "type": "text",
                               "registers": 8, "contains": ["abc"]}],)",
        R"(, "scaleRegister": 8, "times": ["ct"], "when": "online", "pace": "slow",
             "meanings": {"0": 1, "-1": -1}, "tenthAbove": 100, "invalid": [5])"));
    for (const ProfileProblem& problem : parsed.problems) ADD_FAILURE() << to_string(problem);
    ASSERT_TRUE(parsed.profile);
    const Profile& profile = *parsed.profile;
    EXPECT_THAT(profile.candidate_models, ElementsAre("M2"));
    EXPECT_EQ(profile.byte_order, ByteOrder::low_first);
    EXPECT_EQ(profile.serial->parity, 'E');
    EXPECT_EQ(profile.timing.connect_delay.count(), 1500);
    EXPECT_EQ(profile.timing.clients_max, 1);
    EXPECT_EQ(profile.never_read[0].first, 16);
    EXPECT_EQ(profile.identification[0].address, 32);
    EXPECT_EQ(profile.identification[0].registers(), 8);
    const Quantity& quantity = profile.quantities[0];
    EXPECT_EQ(quantity.scale_register, 8);
    EXPECT_EQ(quantity.condition->address, 3);
    EXPECT_EQ(quantity.pace, Pace::slow);
    EXPECT_THAT(quantity.invalid, ElementsAre(5, 0x7FFF, 9));
    EXPECT_THAT(quantity.meanings,
                testing::UnorderedElementsAre(std::pair<std::int64_t, double>{0, 1},
                                              std::pair<std::int64_t, double>{-1, -1}));
}

TEST(Profile, EachMistakeIsNamedWithItsKey) {
    struct Case {
        const char* members;
        const char* of_quantity;
        const char* problem;
    };
    for (const Case& each : {
             Case{R"("roles": ["roof"],)", "",
                  "/roles: may list only grid, production and battery, not roof"},
             Case{R"("byteOrder": "big",)", "", "/byteOrder: must be one of highFirst, lowFirst"},
             Case{R"("serial": {"baud": 5},)", "",
                  "/serial/baud: must be a whole number from 300 to 921600"},
             Case{R"("serial": {"parity": "E"},)", "",
                  "/serial/parity: must be one of none, even, odd"},
             Case{R"("serial": 7,)", "", "/serial: must be an object"},
             Case{R"("timing": {"delay": 5},)", "", "/timing/delay: is not a known key"},
             Case{R"("timing": {"requestGapMs": 3000},)", "",
                  "/timing/requestGapMs: must be a whole number from 0 to 2000"},
             Case{R"("neverRead": [{"first": 5, "last": 4}],)", "",
                  "/neverRead/0/last: must be a whole number from 5 to 65535"},
             Case{R"("neverRead": [{"first": 5, "last": 7}],)", "",
                  "/quantities/0/address: lies in a range of /neverRead"},
             Case{R"("sunspec": {"models": [0], "registers": 50},)", "",
                  "/sunspec/models/0: must be the number of a SunSpec model"},
             Case{R"("sunspec": {"models": [201], "registers": 7},)", "",
                  "/quantities/0/address: lies behind the registers of the SunSpec model"},
             Case{R"("invalid": {"u17": [1]},)", "", "/invalid/u17: is not a known key"},
             Case{R"("conditions": {"c": {"type": "u16"}},)", "",
                  "/conditions/c/address: is missing"},
             Case{R"("identification": [{"name": "n", "address": 1, "type": "text"}],)", "",
                  "/identification/0/registers: is missing"},
             Case{R"("registersPerReadMax": 4, "identification": [{"name": "n", "address": 1,
                     "type": "text", "registers": 5}],)",
                  "", "/identification/0/registers: must not be more than registersPerReadMax"},
             Case{"", R"(, "when": "online")",
                  "/quantities/0/when: names no condition of /conditions"},
             Case{"", R"(, "times": ["ct"])", "/quantities/0/times: names no ratio: ct"},
             Case{"", R"(, "scaleRegister": "x")",
                  "/quantities/0/scaleRegister: must be a whole number from 0 to 65535"},
             Case{"", R"(, "meanings": {"one": 1})",
                  "/quantities/0/meanings/one: must have a whole number for its name"},
             Case{"", R"(, "meanings": {"1": "right"})",
                  "/quantities/0/meanings/1: must be a number"},
             Case{"", R"(, "tenthAbove": 0)", "/quantities/0/tenthAbove: must be greater than 0"},
             Case{"", R"(, "pace": "often")", "/quantities/0/pace: must be one of fast, slow"},
             Case{"", R"(, "invalid": ["7FFF"])",
                  "/quantities/0/invalid/0: must be a whole number, not negative"},
         }) {
        EXPECT_THAT(problems_of(extended(each.members, each.of_quantity)),
                    ElementsAre(each.problem));
    }
}

TEST(Profile, ProblemsHaveTheirLine) {
    const auto parsed = parse_profile(
        "{\n\"format\": \"busbar-meter-profile/1\",\n\"name\": \"A\",\n"
        "\"models\": [\"{[,\\\"\"], \"vendor\": \"V\", \"transports\": [\"tcp\"],\n"
        "\"confidence\": \"unverified\", \"source\": \"s\",\n"
        "\"quantities\": [\n{\"name\": \"a\",\n\"address\": 1,\n\"type\": \"u16\"},\n"
        "{\"name\": \"b\",\n\"address\": 70000,\n\"type\": \"u16\"}]\n}\n");
    ASSERT_EQ(parsed.problems.size(), 2u);
    EXPECT_EQ(parsed.problems[0].pointer, "/name");
    EXPECT_EQ(parsed.problems[0].line, 3);
    EXPECT_EQ(parsed.problems[1].pointer, "/quantities/1/address");
    EXPECT_EQ(parsed.problems[1].line, 11);
    // What is missing has the line of what lacks it.
    const auto lacking = parse_profile("\n\n{\"quantities\":\n [{\n}]}");
    const auto found =
        std::ranges::find(lacking.problems, "/quantities/0/name", &ProfileProblem::pointer);
    ASSERT_NE(found, lacking.problems.end());
    EXPECT_EQ(found->line, 4);
    EXPECT_EQ(parse_profile("{\n\n\"a\": 1,\n}").problems[0].line, 4);
}

class ProfileFolder : public testing::Test {
protected:
    ProfileFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "profiles-XXXXXX").string();
        folder = mkdtemp(name.data());
    }
    ~ProfileFolder() override { std::filesystem::remove_all(folder); }
    void write(const std::string& file, std::string_view text) const {
        std::ofstream{folder / file} << text;
    }
    std::filesystem::path folder;
};

TEST_F(ProfileFolder, AddsToAndReplacesTheBuiltInProfiles) {
    write("mine.json", smallest);
    write("pac.json", replaced(smallest, "\"small\"", "\"siemens-pac2200\""));
    write("notes.txt", "not a profile");
    const LoadedProfiles loaded = load_profiles(folder);
    EXPECT_THAT(loaded.problems, IsEmpty());
    ASSERT_EQ(loaded.profiles.size(), builtin_profiles().size() + 1);
    const auto named = [&](std::string_view name) {
        return std::ranges::find(loaded.profiles, name, &Profile::name);
    };
    EXPECT_EQ(named("siemens-pac2200")->vendor, "V");
    EXPECT_NE(named("small"), loaded.profiles.end());
    EXPECT_TRUE(std::ranges::is_sorted(loaded.profiles, {}, &Profile::name));
}

TEST_F(ProfileFolder, BadFilesAreNamedAndChangeNothing) {
    write("bad.json", replaced(smallest, "u16", "u17"));
    write("worse.json", "{");
    std::filesystem::create_directory(folder / "directory.json");
    const LoadedProfiles loaded = load_profiles(folder);
    EXPECT_EQ(loaded.profiles.size(), builtin_profiles().size());
    ASSERT_EQ(loaded.problems.size(), 3u);
    EXPECT_THAT(loaded.problems[0], HasSubstr("bad.json:4: /quantities/0/type: must be one of"));
    EXPECT_THAT(loaded.problems[1], HasSubstr("directory.json: cannot be read"));
    EXPECT_THAT(loaded.problems[2], HasSubstr("worse.json:1: the file: is not JSON"));
}

TEST_F(ProfileFolder, AFolderThatIsNotThereIsNamed) {
    const LoadedProfiles loaded = load_profiles(folder / "absent");
    EXPECT_EQ(loaded.profiles.size(), builtin_profiles().size());
    EXPECT_THAT(loaded.problems, ElementsAre(HasSubstr("No such file or directory")));
}

}  // namespace
}  // namespace busbar::meters
