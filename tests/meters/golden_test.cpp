// Each profile on the registers of a device: words worked out by hand from the vendor's table (not
// by our encoder), and the whole reading they stand for.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

// A golden file: `at ADDRESS: WORDS`, `value NAME = NUMBER`, `text NAME = TEXT`.
struct Golden {
    Registers registers;
    Values values;
    std::map<std::string, std::string, std::less<>> texts;
};

const std::filesystem::path folder =
    std::filesystem::path{BUSBAR_SOURCE_DIR} / "tests" / "meters" / "golden";

Golden read_golden(const std::filesystem::path& path) {
    Golden golden;
    std::ifstream file{path};
    for (std::string line; std::getline(file, line);) {
        std::istringstream in{line};
        std::string kind;
        in >> kind;
        if (kind == "at") {
            int address = 0;
            char colon = 0;
            in >> address >> colon >> std::hex;
            std::vector<std::uint16_t> words;
            for (unsigned word = 0; in >> word;) words.push_back(static_cast<std::uint16_t>(word));
            golden.registers.store(static_cast<std::uint16_t>(address), words);
        } else if (kind == "value" || kind == "text") {
            std::string name;
            std::string rest;
            in >> name;
            std::getline(in, rest);
            rest.erase(0, rest.find('=') + 2);
            if (kind == "text") {
                golden.texts[name] = rest;
            } else {
                golden.values[name] = std::stod(rest);
            }
        }
    }
    return golden;
}

class EveryProfile : public testing::TestWithParam<Profile> {};

TEST_P(EveryProfile, ReadsItsGoldenRegisters) {
    const Profile& profile = GetParam();
    const Golden golden = read_golden(folder / (profile.name + ".golden"));
    ASSERT_FALSE(golden.values.empty()) << "there is no golden file";
    const Values values = decode(profile, golden.registers);
    for (const auto& [name, expected] : golden.values) {
        const auto found = values.find(name);
        ASSERT_NE(found, values.end()) << name;
        EXPECT_NEAR(found->second, expected, 1e-7 * std::max(1.0, std::abs(expected))) << name;
    }
    for (const std::string& name : profile.quantity_names()) {
        EXPECT_TRUE(golden.values.contains(name)) << name << " is not in the golden file";
    }
    const Identity identity = decode_identity(profile, golden.registers);
    EXPECT_THAT(identity.mismatches, testing::IsEmpty());
    EXPECT_EQ(identity.texts, golden.texts);
}

TEST_P(EveryProfile, IsSaidToBeAnotherWhereItsIdentificationDiffers) {
    const Profile& profile = GetParam();
    Registers registers = read_golden(folder / (profile.name + ".golden")).registers;
    bool expects = false;
    for (const Identification& item : profile.identification) {
        if (item.expected.empty() && item.expected_texts.empty()) continue;
        expects = true;
        registers.store(item.address,
                        std::vector<std::uint16_t>(static_cast<std::size_t>(item.registers()), 9));
    }
    EXPECT_EQ(decode_identity(profile, registers).as_expected, !expects);
}

TEST_P(EveryProfile, HasNoValueWhereItsRegistersHoldNone) {
    const Profile& profile = GetParam();
    const Registers golden = read_golden(folder / (profile.name + ".golden")).registers;
    for (const Quantity& quantity : profile.quantities) {
        Registers registers = golden;
        registers.store(quantity.address,
                        encode_number(std::nan(""), quantity.type, profile.word_order));
        EXPECT_FALSE(decode(profile, registers).contains(quantity.name)) << quantity.name;
        for (const std::uint64_t bits : quantity.invalid) {
            registers.store(quantity.address, split_words(bits, quantity.type, profile.word_order));
            EXPECT_FALSE(decode(profile, registers).contains(quantity.name)) << quantity.name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Golden, EveryProfile, testing::ValuesIn(builtin_profiles()),
                         [](const auto& param) {
                             std::string name = param.param.name;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

}  // namespace
}  // namespace busbar::meters
