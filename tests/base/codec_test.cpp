#include "base/codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

namespace busbar {
namespace test {

BOOST_DEFINE_ENUM_CLASS(Colour, Dark_Red, Blue)
constexpr char wire_separator(Colour) { return '.'; }

struct Leaf {
    std::int32_t count = 0;
    std::optional<Colour> colour;
};
BOOST_DESCRIBE_STRUCT(Leaf, (), (count, colour))
constexpr bool droppable(const Leaf*) { return true; }

struct Tree {
    CiString<5> name;
    Timestamp at;
    std::vector<Leaf> leaves;
    std::optional<Tenths> limit;
    std::optional<bool> flag;
    std::optional<double> ratio;
    std::optional<std::int64_t> big;
    Patch<std::string> note;
};
BOOST_DESCRIBE_STRUCT(Tree, (), (name, at, leaves, limit, flag, ratio, big, note))

}  // namespace test

namespace {

using test::Tree;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view good =
    R"({"name":"oak","at":"2026-05-01T08:00:00Z","leaves":[{"count":1,"colour":"Dark.Red"}]})";

std::optional<Tree> strict(std::string_view text, DecodeReport& report) {
    return decode_text<Tree>(text, {}, report);
}
std::optional<Tree> lenient(std::string_view text, DecodeReport& report) {
    return decode_text<Tree>(text, {.lenient = true, .received_at = Timestamp{}}, report);
}

std::vector<std::string> pointers(const std::vector<Violation>& violations) {
    std::vector<std::string> out;
    for (const auto& violation : violations) out.push_back(violation.pointer);
    return out;
}

TEST(Codec, WritesWhatItReads) {
    DecodeReport report;
    const auto tree = strict(good, report);
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->leaves[0].colour, test::Colour::Dark_Red);
    EXPECT_EQ(to_json(*tree), good);
}

TEST(Codec, NamesEveryDefect) {
    DecodeReport report;
    EXPECT_FALSE(strict(R"({"name":"willow","leaves":[{"count":"1"},{"count":1.5,"colour":"Grey"}],
                            "limit":[],"flag":1,"extra":null})",
                        report));
    EXPECT_THAT(pointers(report.errors),
                ElementsAre("/name", "/at", "/leaves/0/count", "/leaves/1/count",
                            "/leaves/1/colour", "/limit", "/flag", "/extra"));
    EXPECT_EQ(report.errors[1].defect, Defect::missing_field);
    EXPECT_EQ(report.errors[4].detail, "'Grey' is not one of: Dark.Red, Blue");
    EXPECT_EQ(report.errors[7].defect, Defect::unknown_field);
}

TEST(Codec, LenientlyTakesWhatCanBeUnderstood) {
    DecodeReport report;
    const auto tree = lenient(R"({"name":"willow","at":"yesterday","leaves":{"count":" 12 "},
                                  "limit":"16.1","flag":"TRUE","extra":1})",
                              report);
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->name.value, "willow");
    EXPECT_EQ(tree->at, Timestamp{});
    EXPECT_EQ(tree->leaves[0].count, 12);
    EXPECT_EQ(tree->limit->value, 161);
    EXPECT_EQ(tree->flag, true);
    EXPECT_THAT(
        pointers(report.deviations),
        ElementsAre("/name", "/at", "/leaves", "/leaves/0/count", "/limit", "/flag", "/extra"));
    EXPECT_THAT(report.errors, IsEmpty());
}

TEST(Codec, LenientlyDropsAnElementItCannotName) {
    DecodeReport report;
    const auto tree = lenient(R"({"name":"oak","at":"2026-05-01T08:00:00Z",
                                  "leaves":[{"count":1,"colour":"Grey"},
                                            {"count":2,"colour":"blue"}]})",
                              report);
    ASSERT_TRUE(tree);
    ASSERT_EQ(tree->leaves.size(), 1u);
    EXPECT_EQ(tree->leaves[0].count, 2);
    EXPECT_EQ(tree->leaves[0].colour, test::Colour::Blue);
    EXPECT_THAT(pointers(report.deviations), ElementsAre("/leaves/0/colour", "/leaves/1/colour"));
}

TEST(Codec, LenientlyLeavesOutWhatItMayLeaveOut) {
    DecodeReport report;
    const auto tree = lenient(R"({"name":"oak","at":"2026-05-01T08:00:00Z","leaves":[{"count":1}],
                                  "limit":"much","flag":7,"big":{}})",
                              report);
    ASSERT_TRUE(tree);
    EXPECT_FALSE(tree->limit || tree->flag || tree->big);
    EXPECT_THAT(pointers(report.deviations), ElementsAre("/limit", "/flag", "/big"));
}

TEST(Codec, TellsNullFromAbsentInAPatch) {
    DecodeReport report;
    const auto with = [&](std::string note) {
        return strict(
            R"({"name":"oak","at":"2026-05-01T08:00:00Z","leaves":[{"count":1}])" + note + "}",
            report);
    };
    EXPECT_FALSE(with("")->note.present);
    EXPECT_TRUE(with(R"(,"note":null)")->note.present);
    EXPECT_FALSE(with(R"(,"note":null)")->note.value);
    EXPECT_EQ(with(R"(,"note":"x")")->note.value, "x");
}

TEST(Codec, RefusesEmptyRequiredArraysAndDeepNesting) {
    DecodeReport report;
    EXPECT_FALSE(strict(R"({"name":"oak","at":"2026-05-01T08:00:00Z","leaves":[]})", report));
    EXPECT_EQ(report.errors.at(0).defect, Defect::empty_array);
    DecodeReport deep;
    EXPECT_FALSE(strict(std::string(10'000, '['), deep));
    EXPECT_EQ(deep.errors.at(0).detail, "nested too deeply");
}

TEST(Codec, IntegersStayInRange) {
    DecodeReport report;
    for (const auto* count :
         {"2147483648", "-2147483649", "18446744073709551615", "1e300", "1e-1"}) {
        EXPECT_FALSE(decode_text<test::Leaf>(std::string{R"({"count":)"} + count + "}", {}, report))
            << count;
    }
    EXPECT_EQ(decode_text<test::Leaf>(R"({"count":12.0})", {}, report)->count, 12);
}

TEST(Codec, CountsCharactersNotBytes) {
    DecodeReport report;
    EXPECT_TRUE(decode_text<CiString<5>>("\"\u00e9\u00e8\u20ac\u00fc\u00f6\"", {}, report));
    EXPECT_FALSE(decode_text<CiString<5>>("\"\u00e9\u00e8\u20ac\u00fc\u00f6o\"", {}, report));
}

TEST(Codec, TakesOneDecimalAndRoundsMoreLeniently) {
    DecodeReport report;
    for (const auto& [text, tenths] :
         {std::pair{"16.1", 161}, {"-0.3", -3}, {"22000.7", 220007}, {"6", 60}, {"1e2", 1000}}) {
        EXPECT_EQ(decode_text<Tenths>(text, {}, report), Tenths{tenths}) << text;
    }
    EXPECT_FALSE(decode_text<Tenths>("16.15", {}, report));
    DecodeReport lenient_report;
    EXPECT_EQ(decode_text<Tenths>("16.149", {.lenient = true}, lenient_report), Tenths{161});
    EXPECT_EQ(lenient_report.deviations.size(), 1U);
}

TEST(Codec, PrintsTenthsExactly) {
    for (const auto& [tenths, text] :
         {std::pair{161, "16.1"}, {-5, "-0.5"}, {60, "6.0"}, {0, "0.0"}}) {
        EXPECT_EQ(to_json(Tenths{tenths}), text);
    }
}

TEST(Codec, AnyTextBecomesAValidJsonString) {
    EXPECT_TRUE(rc::check([] {
        const auto text = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
        DecodeReport report;
        std::string json;
        append_json_string(json, text);
        const auto once = decode_text<std::string>(json, {}, report);
        RC_ASSERT(once.has_value());
        std::string again;
        append_json_string(again, *once);
        RC_ASSERT(again == json);
    }));
}

}  // namespace
}  // namespace busbar
