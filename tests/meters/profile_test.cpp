#include "meters/profile.hpp"

#include <unistd.h>
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
    ASSERT_EQ(profiles.size(), 2u);
    EXPECT_EQ(profiles[0].name, "ime-nemo-d4-le");
    EXPECT_EQ(profiles[1].name, "siemens-pac2200");
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
            "/quantities/0/unit: must be one of V, A, W, var, VA, Wh, varh, Hz, %",
            "/quantities/0/address: must be a whole number from 0 to 65534",
            "/quantities/1/type: must be one of u16, s16, u32, s32, u64, s64, f32, f64",
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
    ASSERT_EQ(loaded.profiles.size(), 3u);
    EXPECT_EQ(loaded.profiles[1].name, "siemens-pac2200");
    EXPECT_EQ(loaded.profiles[1].vendor, "V");
    EXPECT_EQ(loaded.profiles[2].name, "small");
}

TEST_F(ProfileFolder, BadFilesAreNamedAndChangeNothing) {
    write("bad.json", replaced(smallest, "u16", "u17"));
    write("worse.json", "{");
    std::filesystem::create_directory(folder / "directory.json");
    const LoadedProfiles loaded = load_profiles(folder);
    EXPECT_EQ(loaded.profiles.size(), 2u);
    ASSERT_EQ(loaded.problems.size(), 3u);
    EXPECT_THAT(loaded.problems[0], HasSubstr("bad.json: /quantities/0/type: must be one of"));
    EXPECT_THAT(loaded.problems[1], HasSubstr("directory.json: cannot be read"));
    EXPECT_THAT(loaded.problems[2], HasSubstr("worse.json: the file: is not JSON"));
}

TEST_F(ProfileFolder, AFolderThatIsNotThereIsNamed) {
    const LoadedProfiles loaded = load_profiles(folder / "absent");
    EXPECT_EQ(loaded.profiles.size(), 2u);
    EXPECT_THAT(loaded.problems, ElementsAre(HasSubstr("No such file or directory")));
}

}  // namespace
}  // namespace busbar::meters
