// What a profile may say of a quantity, one case a rule; words by hand.
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meters/registers.hpp"

namespace busbar::meters {
namespace {

using Words = std::vector<std::uint16_t>;

Quantity quantity(std::string name, std::uint16_t address, NumberType type, double scale = 1) {
    Quantity result;
    result.name = std::move(name);
    result.address = address;
    result.type = type;
    result.scale = scale;
    return result;
}

// The value of the first quantity of the profile, its registers beginning at 0.
std::optional<double> value(const Profile& profile, const Words& words) {
    Registers registers;
    registers.store(0, words);
    const Values values = decode(profile, registers);
    const auto found = values.find(profile.quantities.front().name);
    if (found == values.end()) return std::nullopt;
    return found->second;
}

Profile only(Quantity one) {
    Profile profile;
    profile.quantities.push_back(std::move(one));
    return profile;
}

struct NumberCase {
    NumberType type;
    WordOrder words;
    ByteOrder bytes;
    Words registers;
    std::optional<double> expected;
};

TEST(DecodeTable, EveryTypeInEveryOrder) {
    constexpr auto high = WordOrder::high_first;
    constexpr auto low = WordOrder::low_first;
    constexpr auto swapped = ByteOrder::low_first;
    constexpr auto plain = ByteOrder::high_first;
    const NumberCase cases[] = {
        {NumberType::u16, high, plain, {0x1234}, 4660},
        {NumberType::u16, high, swapped, {0x3412}, 4660},
        {NumberType::u16, high, plain, {0xFFFF}, std::nullopt},
        {NumberType::s16, high, plain, {0xFFFE}, -2},
        {NumberType::s16, high, swapped, {0xFEFF}, -2},
        {NumberType::s16, high, plain, {0x8000}, std::nullopt},
        {NumberType::s16, high, swapped, {0x0080}, std::nullopt},
        {NumberType::u32, high, plain, {0x0001, 0x86A0}, 100'000},
        {NumberType::u32, low, plain, {0x86A0, 0x0001}, 100'000},
        {NumberType::u32, high, swapped, {0x0100, 0xA086}, 100'000},
        {NumberType::u32, low, swapped, {0xA086, 0x0100}, 100'000},
        {NumberType::s32, low, plain, {0x7960, 0xFFFE}, -100'000},
        {NumberType::u48, high, plain, {0x0001, 0x0000, 0x0002}, 4294967298.0},
        {NumberType::u48, low, plain, {0x0002, 0x0000, 0x0001}, 4294967298.0},
        {NumberType::u48, high, plain, {0xFFFF, 0xFFFF, 0xFFFF}, std::nullopt},
        {NumberType::u64, high, plain, {0, 1, 0, 0}, 4294967296.0},
        {NumberType::s64, low, plain, {0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, -1},
        {NumberType::f32, high, plain, {0x4366, 0x199A}, 230.100006103515625},
        {NumberType::f32, low, plain, {0x199A, 0x4366}, 230.100006103515625},
        {NumberType::f32, high, swapped, {0x6643, 0x9A19}, 230.100006103515625},
        {NumberType::f32, high, plain, {0x7FC0, 0x0000}, std::nullopt},
        {NumberType::f64, low, plain, {0, 0, 0xC000, 0x406C}, 230},
        {NumberType::m16, high, plain, {0x0005}, 5},
        {NumberType::m16, high, plain, {0x8005}, -5},
        {NumberType::m16, high, plain, {0x8000}, 0},
        {NumberType::m16, high, plain, {0xFFFF}, std::nullopt},
        {NumberType::m32, high, plain, {0x8001, 0x86A0}, -100'000},
        {NumberType::m32, low, plain, {0x86A0, 0x8001}, -100'000},
        {NumberType::m32, high, plain, {0x7FFF, 0xFFFF}, 2147483647},
    };
    for (const NumberCase& each : cases) {
        Profile profile = only(quantity("x", 0, each.type));
        profile.word_order = each.words;
        profile.byte_order = each.bytes;
        EXPECT_EQ(value(profile, each.registers), each.expected)
            << to_string(each.type) << testing::PrintToString(each.registers);
    }
}

TEST(DecodeRule, APowerOfTenIsRead) {
    Quantity voltage = quantity("voltageL1", 0, NumberType::s16);
    voltage.scale_register = 1;
    const Profile profile = only(voltage);
    EXPECT_EQ(value(profile, {2301, 0xFFFF}), 230.1);  // -1
    EXPECT_EQ(value(profile, {23, 1}), 230);
    EXPECT_EQ(value(profile, {230, 0}), 230);
    EXPECT_FALSE(value(profile, {230, 0x8000}));  // not implemented
    EXPECT_FALSE(value(profile, {230, 11}));      // nonsense
    EXPECT_FALSE(value(profile, {230}));          // not read
}

TEST(DecodeRule, RatiosMultiply) {
    Quantity current = quantity("currentL1", 0, NumberType::u16, 0.001);
    current.times = {"ct"};
    Profile profile = only(current);
    profile.ratios = {{.name = "ct", .address = 1, .type = NumberType::u16, .scale = 1, .min = 1}};
    EXPECT_EQ(value(profile, {4200, 60}), 252);
    EXPECT_EQ(value(profile, {4200, 0}), 4.2);  // never below its least
    EXPECT_FALSE(value(profile, {4200}));
}

TEST(DecodeRule, AConditionMustBeMet) {
    Quantity power = quantity("activePowerTotal", 0, NumberType::s16, 10);
    power.condition = Condition{.address = 1, .type = NumberType::u16, .values = {1, 3}};
    EXPECT_EQ(value(only(power), {0xFFFF, 1}), -10);
    EXPECT_EQ(value(only(power), {5, 3}), 50);
    EXPECT_FALSE(value(only(power), {5, 2}));
    EXPECT_FALSE(value(only(power), {5}));
    power.condition->values.clear();  // any number will do
    EXPECT_EQ(value(only(power), {0xFFFF, 2}), -10);
    EXPECT_FALSE(value(only(power), {0xFFFF, 0xFFFF}));
}

TEST(DecodeRule, RawNumbersMayStandForOthers) {
    Quantity sequence = quantity("phaseSequence", 0, NumberType::s16);
    sequence.meanings = {{0, 1}, {-1, -1}};
    EXPECT_EQ(value(only(sequence), {0}), 1);
    EXPECT_EQ(value(only(sequence), {0xFFFF}), -1);
    EXPECT_FALSE(value(only(sequence), {7}));
}

TEST(DecodeRule, TooGreatAValueIsOfAnotherScale) {
    Quantity frequency = quantity("frequency", 0, NumberType::u16, 0.1);
    frequency.tenth_above = 100;
    EXPECT_EQ(value(only(frequency), {500}), 50);
    EXPECT_EQ(value(only(frequency), {5000}), 50);
    EXPECT_EQ(value(only(frequency), {1000}), 100);
}

TEST(DecodeRule, SumsSubtractAndGiveCurrentsTheirDirection) {
    Quantity current = quantity("currentL1", 0, NumberType::u16, 0.1);
    current.sign_from_phase_power = true;
    Profile profile = only(current);
    profile.quantities.push_back(quantity("import", 1, NumberType::u16));
    profile.quantities.push_back(quantity("export", 2, NumberType::u16));
    profile.sums = {{.name = "activePowerL1", .of = {"import"}, .minus = {"export"}}};
    EXPECT_EQ(value(profile, {100, 2300, 0}), 10);
    EXPECT_EQ(value(profile, {100, 0, 2300}), -10);
    // Without a direction it draws: the breaker is safe that way.
    EXPECT_EQ(value(profile, {100, 0, 0xFFFF}), 10);
    Registers registers;
    registers.store(0, Words{100, 0, 2300});
    EXPECT_EQ(decode(profile, registers).at("activePowerL1"), -2300);
    for (const double power : {1200.0, -1200.0}) {
        const Values back = decode(profile, encode(profile, {{"activePowerL1", power}}));
        EXPECT_EQ(back.at("activePowerL1"), power);
    }
}

TEST(DecodeRule, TextsAreReadUpToTheirEnd) {
    EXPECT_EQ(decode_text_registers(Words{0x4232, 0x3420}), "B24");
    EXPECT_EQ(decode_text_registers(Words{0x4162, 0x0063, 0x6464}), "Ab");
    EXPECT_EQ(decode_text_registers(Words{0x41FF, 0x0a00}), "A??");
    EXPECT_EQ(decode_text_registers(Words{0, 0}), "");
    EXPECT_EQ(decode_text_registers({}), "");
}

TEST(DecodeRule, ADeviceThatIsAnotherIsNamedBesideTheExpectedOne) {
    const Profile abb = find_profile("abb-b23-b24").value();
    Registers registers;
    registers.store(35168, Words{0x4332, 0x3120});  // "C21 "
    const Identity identity = decode_identity(abb, registers);
    EXPECT_FALSE(identity.as_expected);
    EXPECT_THAT(identity.mismatches,
                testing::ElementsAre("typeName reads \"C21\", but \"B21\" or \"B23\" or \"B24\" in "
                                     "a ABB B23 or B24"));
    const Profile bticino = find_profile("bticino-f4n200").value();
    registers.store(768, Words{8});
    EXPECT_THAT(decode_identity(bticino, registers).mismatches,
                testing::ElementsAre("deviceIdentifier reads 8, but 6 in a BTicino F4N200"));
}

TEST(DecodeRule, GridValuesBehindAnInverterNeedItsMeter) {
    const Profile huawei = find_profile("huawei-sun2000").value();
    Registers registers = encode(huawei, {{"currentL1", 12}, {"inverterActivePower", 4200}});
    EXPECT_EQ(decode(huawei, registers).at("currentL1"), 12);
    registers.store(37100, Words{0});
    const Values values = decode(huawei, registers);
    EXPECT_FALSE(values.contains("currentL1"));
    EXPECT_EQ(values.at("inverterActivePower"), 4200);
}

TEST(DecodeRule, MinusTenWattsAreNotNoValueWhileThePhaseIsThere) {
    const Profile countis = find_profile("socomec-countis-e2x").value();
    Registers registers = encode(countis, {{"voltageL1", 230}, {"activePowerL1", -10}});
    EXPECT_EQ(decode(countis, registers).at("activePowerL1"), -10);
    registers.store(50520, Words{0xFFFF, 0xFFFF});
    EXPECT_FALSE(decode(countis, registers).contains("activePowerL1"));
}

}  // namespace
}  // namespace busbar::meters
