#include "meters/registers.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace busbar::meters {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Words = std::vector<std::uint16_t>;

constexpr auto high = WordOrder::high_first;
constexpr auto low = WordOrder::low_first;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

const Profile& pac() {
    static const Profile profile = find_profile("siemens-pac2200").value();
    return profile;
}
const Profile& nemo() {
    static const Profile profile = find_profile("ime-nemo-d4-le").value();
    return profile;
}

std::optional<double> number(const Words& words, NumberType type, WordOrder order) {
    return decode_number(words, type, order);
}

std::optional<double> find(const Values& values, const std::string& name) {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
}

TEST(Numbers, EveryTypeInBothOrders) {
    EXPECT_EQ(number({0xFFFE}, NumberType::u16, high), 65534);
    EXPECT_EQ(number({0xFFFE}, NumberType::s16, high), -2);
    EXPECT_EQ(number({0x0001, 0x0002}, NumberType::u32, high), 65538);
    EXPECT_EQ(number({0x0002, 0x0001}, NumberType::u32, low), 65538);
    EXPECT_EQ(number({0xFFFF, 0xFF9C}, NumberType::s32, high), -100);
    EXPECT_EQ(number({0xFF9C, 0xFFFF}, NumberType::s32, low), -100);
    EXPECT_EQ(number({0, 1, 2, 3}, NumberType::u64, high), 0x100020003p0);
    EXPECT_EQ(number({3, 2, 1, 0}, NumberType::u64, low), 0x100020003p0);
    EXPECT_EQ(number({0xFFFF, 0xFFFF, 0xFFFF, 0xFFFD}, NumberType::s64, high), -3);
    EXPECT_EQ(number({0x4366, 0x8000}, NumberType::f32, high), 230.5);
    EXPECT_EQ(number({0x8000, 0x4366}, NumberType::f32, low), 230.5);
    EXPECT_EQ(number({0xC08F, 0x4000, 0, 0}, NumberType::f64, high), -1000.0);
    EXPECT_EQ(number({0, 0, 0x4000, 0xC08F}, NumberType::f64, low), -1000.0);
}

TEST(Numbers, PatternsForNoValueAreAbsentAndNeverZero) {
    EXPECT_FALSE(number({0xFFFF}, NumberType::u16, high));
    EXPECT_FALSE(number({0x8000}, NumberType::s16, high));
    EXPECT_FALSE(number({0xFFFF, 0xFFFF}, NumberType::u32, high));
    EXPECT_FALSE(number({0x0000, 0x8000}, NumberType::s32, low));
    EXPECT_FALSE(number({0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}, NumberType::u64, high));
    EXPECT_FALSE(number({0x8000, 0, 0, 0}, NumberType::s64, high));
    EXPECT_FALSE(number({0x7FC0, 0x0000}, NumberType::f32, high));
    EXPECT_FALSE(number({0xFF80, 0x0000}, NumberType::f32, high));  // minus infinity
    EXPECT_FALSE(number({0x7FF8, 0, 0, 1}, NumberType::f64, high));
}

TEST(Numbers, EncodingSaturatesShortOfNoValue) {
    EXPECT_THAT(encode_number(1e9, NumberType::u16, high), ElementsAre(0xFFFE));
    EXPECT_THAT(encode_number(-5, NumberType::u16, high), ElementsAre(0));
    EXPECT_THAT(encode_number(-1e9, NumberType::s16, high), ElementsAre(0x8001));
    EXPECT_THAT(encode_number(1e9, NumberType::s16, high), ElementsAre(0x7FFF));
    EXPECT_THAT(encode_number(1e30, NumberType::u64, high),
                ElementsAre(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE));
    EXPECT_THAT(encode_number(1e30, NumberType::s64, high),
                ElementsAre(0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF));
    EXPECT_FALSE(number(encode_number(nan, NumberType::u32, high), NumberType::u32, high));
    EXPECT_FALSE(number(encode_number(nan, NumberType::s32, low), NumberType::s32, low));
    EXPECT_FALSE(number(encode_number(nan, NumberType::f32, high), NumberType::f32, high));
    EXPECT_TRUE(number(encode_number(1e300, NumberType::f32, high), NumberType::f32, high));
}

TEST(Plan, ReadsWhatLoadManagementNeedsInOneRequest) {
    EXPECT_THAT(plan_reads(pac()).fast, ElementsAre(Block{1, 66}));
    EXPECT_THAT(plan_reads(pac()).slow, ElementsAre(Block{67, 4}, Block{801, 16}));
    EXPECT_THAT(plan_reads(pac()).once, IsEmpty());
    EXPECT_THAT(plan_reads(nemo()).fast, ElementsAre(Block{0x1000, 53}));
    EXPECT_THAT(plan_reads(nemo()).slow, ElementsAre(Block{0x1035, 41}));
    EXPECT_THAT(plan_reads(nemo()).once, ElementsAre(Block{0x300, 1}, Block{0x1200, 2}));
}

TEST(Plan, OnlyListedSpansNoGap) {
    EXPECT_THAT(plan_reads(pac(), true).fast, ElementsAre(Block{1, 30}, Block{65, 2}));
}

TEST(Plan, KeepsTheLimitOfTheMeter) {
    Profile profile = pac();
    profile.registers_per_read_max = 20;
    const ReadPlan plan = plan_reads(profile);
    for (const auto* blocks : {&plan.fast, &plan.slow}) {
        for (const Block& block : *blocks) EXPECT_LE(block.count, 20);
    }
    EXPECT_THAT(plan.fast, ElementsAre(Block{1, 18}, Block{25, 6}, Block{65, 2}));
}

TEST(Registers, AreReadOnlyWhereAllAreKnown) {
    Registers registers;
    registers.store(10, Words{1, 2, 3});
    EXPECT_EQ(registers.read(11, 2), (Words{2, 3}));
    EXPECT_FALSE(registers.read(11, 3));
    EXPECT_FALSE(registers.read(9, 2));
    registers.erase({11, 1});
    EXPECT_FALSE(registers.read(10, 2));
    EXPECT_EQ(registers.read(12, 1), (Words{3}));
    registers.store(65534, Words{8, 9});
    registers.erase({65535, 1});
    EXPECT_EQ(registers.read(65534, 1), (Words{8}));
    EXPECT_FALSE(registers.read(65535, 1));
}

TEST(Decode, CurrentsTakeTheDirectionOfTheirPhase) {
    Registers registers;
    registers.store(13, Words{0x4120, 0, 0x4120, 0, 0x4120, 0});  // 10 A on every phase
    registers.store(25, Words{0xC4E1, 0, 0x44E1, 0});             // -1800 W, 1800 W, not known
    const Values values = decode(pac(), registers);
    EXPECT_EQ(find(values, "currentL1"), -10);
    EXPECT_EQ(find(values, "currentL2"), 10);
    // Unknown direction counts as drawing from the grid.
    EXPECT_EQ(find(values, "currentL3"), 10);
    EXPECT_EQ(find(values, "activePowerL1"), -1800);
    EXPECT_FALSE(find(values, "activePowerL3"));
    EXPECT_FALSE(find(values, "voltageL1"));
}

TEST(Decode, SumsNeedAllTheirParts) {
    Registers registers;
    registers.store(801, encode_number(1500, NumberType::f64, high));
    EXPECT_FALSE(find(decode(pac(), registers), "energyImport"));
    registers.store(805, encode_number(250.5, NumberType::f64, high));
    EXPECT_EQ(find(decode(pac(), registers), "energyImport"), 1750.5);
}

Registers nemo_registers(std::uint16_t current_ratio, std::uint16_t voltage_ratio) {
    Registers registers;
    registers.store(0x1000, Words{0x0003, 0x82BA});  // 230.074 V
    registers.store(0x1006, Words{0x0000, 40500});   // 40.500 A
    registers.store(0x101C, Words{0x0000, 1234});    // energy counts
    registers.store(0x102C, Words{0x0000, 50000});   // power counts of L1
    registers.store(0x1032, Words{1});               // L1 feeds in
    registers.store(0x1200, Words{current_ratio, voltage_ratio});
    return registers;
}

TEST(Decode, ScaleOfTheNemoFollowsFromItsTransformers) {
    Values values = decode(nemo(), nemo_registers(60, 100));
    EXPECT_EQ(find(values, "voltageL1"), 230.074);
    EXPECT_EQ(find(values, "currentL1"), -40.5);
    EXPECT_EQ(find(values, "activePowerL1"), -500);
    EXPECT_EQ(find(values, "energyImport"), 123'400);
    struct Case {
        std::uint16_t current_ratio, voltage_ratio;
        double power, energy_step;
    };
    for (const Case& each :
         {Case{1, 100, -500, 10}, Case{9, 100, -500, 10}, Case{10, 100, -500, 100},
          Case{100, 100, -500, 1'000}, Case{1000, 100, -500, 10'000}, Case{4999, 100, -500, 10'000},
          Case{5000, 100, -50'000, 10'000}, Case{100, 20'000, -50'000, 100'000},
          Case{5000, 20'000, -50'000, 1'000'000}}) {
        values = decode(nemo(), nemo_registers(each.current_ratio, each.voltage_ratio));
        EXPECT_EQ(find(values, "activePowerL1"), each.power) << each.current_ratio;
        EXPECT_EQ(find(values, "energyImport"), 1234 * each.energy_step) << each.current_ratio;
    }
}

TEST(Decode, AVoltageRatioIsNeverBelowOne) {
    for (const std::uint16_t raw : Words{0, 1, 10, 100}) {
        EXPECT_EQ(find(decode(nemo(), nemo_registers(60, raw)), "energyImport"), 123'400) << raw;
    }
}

TEST(Decode, WithoutRatiosPowersAreAbsentAndCurrentsKeepTheirDirection) {
    Registers registers = nemo_registers(60, 100);
    registers.erase({0x1200, 1});
    const Values values = decode(nemo(), registers);
    EXPECT_FALSE(find(values, "activePowerL1"));
    EXPECT_FALSE(find(values, "energyImport"));
    EXPECT_EQ(find(values, "currentL1"), -40.5);
}

TEST(Decode, SentinelsOfTheProfileAreAbsent) {
    Profile profile = nemo();
    for (Quantity& quantity : profile.quantities) quantity.invalid = {0x7FFF};
    Registers registers = nemo_registers(60, 100);
    registers.store(0x1006, Words{0, 0x7FFF});
    EXPECT_FALSE(find(decode(profile, registers), "currentL1"));
    registers.store(0x1006, Words{0, 0x7FFE});
    EXPECT_TRUE(find(decode(profile, registers), "currentL1"));
    registers.store(0x1006, Words{0xFFFF, 0xFFFF});
    EXPECT_FALSE(find(decode(profile, registers), "currentL1"));
}

TEST(Decode, IdentityTellsWhetherItIsTheExpectedDevice) {
    Profile profile = nemo();
    Registers registers;
    EXPECT_TRUE(decode_identity(profile, registers).as_expected);
    profile.identification[0].expected = {6, 7};
    EXPECT_FALSE(decode_identity(profile, registers).as_expected);
    registers.store(0x300, Words{7});
    EXPECT_TRUE(decode_identity(profile, registers).as_expected);
    EXPECT_EQ(decode_identity(profile, registers).values.at("deviceIdentifier"), 7);
    registers.store(0x300, Words{8});
    EXPECT_FALSE(decode_identity(profile, registers).as_expected);
}

TEST(Encode, NotANumberBecomesAbsent) {
    for (const Profile& profile : {pac(), nemo()}) {
        const Values values =
            decode(profile, encode(profile, {{"currentL1", nan}, {"currentL2", 5}}));
        EXPECT_FALSE(find(values, "currentL1")) << profile.name;
        EXPECT_EQ(find(values, "currentL2"), 5) << profile.name;
    }
}

TEST(Encode, ATotalIsTheSumOfItsParts) {
    Values values = decode(pac(), encode(pac(), {{"energyImport", 5000}}));
    EXPECT_EQ(find(values, "energyImport"), 5000);
    values = decode(pac(), encode(pac(), {{"energyImport", 5000}, {"energyImportTariff1", 1000}}));
    EXPECT_EQ(find(values, "energyImport"), 5000);
    EXPECT_EQ(find(values, "energyImportTariff2"), 4000);
}

TEST(Reading, TakesKnownQuantitiesIntoItsMembers) {
    const Now now{Instant{std::chrono::milliseconds{5}}, Timestamp{std::chrono::milliseconds{7}}};
    const Reading reading = make_reading(
        "main",
        {{"voltageL3", 231}, {"currentL2", -4}, {"activePowerTotal", 9}, {"energyExport", 12}},
        now);
    EXPECT_EQ(reading.meter, "main");
    EXPECT_EQ(reading.at, now.mono);
    EXPECT_EQ(reading.wall, now.wall);
    EXPECT_EQ(reading.voltage_volts[2], 231);
    EXPECT_FALSE(reading.voltage_volts[0]);
    EXPECT_EQ(reading.current_amps[1], -4);
    EXPECT_EQ(reading.active_power_watts_total, 9);
    EXPECT_EQ(reading.energy_export_wh, 12);
    EXPECT_FALSE(reading.energy_import_wh);
    EXPECT_EQ(reading.quantities.size(), 4u);
}

// One count of the quantity, given the product of the ratios.
double step_of(const Quantity& quantity, double product) {
    for (const ScaleStep& step : quantity.scale_steps) {
        if (!step.below || product < *step.below) return step.scale;
    }
    return quantity.scale;
}

bool may_be_negative(const Quantity& quantity) {
    return quantity.sign_register || quantity.type == NumberType::s16 ||
           quantity.type == NumberType::s32 || quantity.type == NumberType::s64 ||
           quantity.type == NumberType::f32 || quantity.type == NumberType::f64;
}

RC_GTEST_PROP(RoundTrip, DecodingWhatWasEncodedGivesItBack, (bool low_first)) {
    const auto profiles = builtin_profiles();
    Profile profile = *rc::gen::elementOf(profiles);
    profile.word_order = low_first ? low : high;
    profile.byte_order = *rc::gen::element(ByteOrder::high_first, ByteOrder::low_first);
    const double ratio = *rc::gen::inRange(1, 9999);
    Values values{{"currentTransformerRatio", ratio}};
    for (Quantity& quantity : profile.quantities) {
        // Counts that mean something else are other tests' business.
        quantity.meanings.clear();
        quantity.tenth_above.reset();
        const int lowest = may_be_negative(quantity) ? -30'000 : 1;
        int count = *rc::gen::inRange(lowest, 30'000);
        if (count == 0 || count == -1) count = 1;
        values[quantity.name] = count * step_of(quantity, ratio);
    }
    const Values decoded = decode(profile, encode(profile, values));
    for (const Quantity& quantity : profile.quantities) {
        const auto found = find(decoded, quantity.name);
        RC_ASSERT(found.has_value());
        const bool unsigned_there = quantity.sign_from_phase_power;
        const double expected =
            unsigned_there ? std::abs(values[quantity.name]) : values[quantity.name];
        const double tolerance = 1e-6 * std::max(1.0, std::abs(expected));
        RC_ASSERT(std::abs((unsigned_there ? std::abs(*found) : *found) - expected) <= tolerance);
    }
    for (const char* phase : {"L1", "L2", "L3"}) {
        const Quantity* current = profile.quantity(std::string{"current"} + phase);
        const auto power = find(decoded, std::string{"activePower"} + phase);
        if (current == nullptr || !current->sign_from_phase_power || !power) continue;
        RC_ASSERT((*find(decoded, current->name) < 0) == (*power < 0));
    }
}

RC_GTEST_PROP(RoundTrip, ValuesBetweenTheStepsAreRounded, (std::uint32_t milliwatts)) {
    const double watts = milliwatts / 1000.0;
    const auto found =
        find(decode(nemo(), encode(nemo(), {{"activePowerL1", watts}})), "activePowerL1");
    RC_ASSERT(found.has_value());
    RC_ASSERT(std::abs(*found - watts) <= 0.005 + 1e-9);
}

RC_GTEST_PROP(Numbers, AnyWordsDecodeToSomethingFiniteOrNothing, (bool low_first)) {
    const auto type =
        *rc::gen::element(NumberType::u16, NumberType::s16, NumberType::u32, NumberType::s32,
                          NumberType::u48, NumberType::u64, NumberType::s64, NumberType::f32,
                          NumberType::f64, NumberType::m16, NumberType::m32);
    const auto words = *rc::gen::container<Words>(static_cast<std::size_t>(register_count(type)),
                                                  rc::gen::arbitrary<std::uint16_t>());
    const auto order = low_first ? low : high;
    const auto value = decode_number(words, type, order);
    if (!value) return;
    RC_ASSERT(std::isfinite(*value));
    RC_ASSERT(decode_number(encode_number(*value, type, order), type, order) == value);
}

}  // namespace
}  // namespace busbar::meters
