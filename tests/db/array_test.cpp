#include "db/array.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "db/connection.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

std::string literal(const std::vector<std::string>& texts) {
    ArrayLiteral array;
    for (const auto& text : texts) array.add(text);
    return std::move(array).finish();
}

TEST(CleanText, KeepsGoodAndReplacesBadUtf8) {
    EXPECT_EQ(clean_text("plain"), "plain");
    EXPECT_EQ(clean_text("Gr\xC3\xBC\xC3\x9F"
                         "e \xF0\x9F\x94\x8C"),
              "Gr\xC3\xBC\xC3\x9F"
              "e \xF0\x9F\x94\x8C");
    EXPECT_EQ(clean_text(std::string{"a\0b", 3}), "ab");
    EXPECT_EQ(clean_text("\xFF"), "\xEF\xBF\xBD");
    EXPECT_EQ(clean_text("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "overlong";
    EXPECT_EQ(clean_text("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") << "surrogate";
    EXPECT_EQ(clean_text("x\xE2\x82"), "x\xEF\xBF\xBD\xEF\xBF\xBD") << "cut short";
}

TEST(ArrayLiteral, QuotesText) {
    EXPECT_EQ(literal({}), "{}");
    EXPECT_EQ(literal({"", "NULL", "a\"b", "a\\b", "{,}"}), R"({"","NULL","a\"b","a\\b","{,}"})");
}

TEST(ArrayLiteral, KeepsTimesWithinWhatPostgresqlReads) {
    EXPECT_EQ(time_text(Timestamp::min()), "0001-01-01T00:00:00Z");
    EXPECT_EQ(time_text(Timestamp::max()), "9999-12-31T00:00:00Z");
    EXPECT_EQ(time_text(noon + 5ms), "2026-05-01T12:00:00.005Z");
}

TEST(ArrayLiteral, NotFiniteNumbersAreNull) {
    ArrayLiteral array;
    array.add(1.5);
    array.add(std::numeric_limits<double>::quiet_NaN());
    array.add(-std::numeric_limits<double>::infinity());
    array.add(std::optional<std::string>{});
    array.add(true);
    array.add(std::int64_t{-7});
    EXPECT_EQ(std::move(array).finish(), "{1.5,NULL,NULL,NULL,t,-7}");
}

// Whatever bytes a charger sends come back from a real server as their clean form, one by one, and
// inside an array inside an array too.
TEST(ArrayLiteral, SurvivesARealServer) {
    Connection connection{cluster().url(), 5s, "array-test"};
    const auto round_trip = [&](const std::vector<std::string>& texts) {
        Transaction transaction{connection};
        Params params;
        ArrayLiteral outer;
        for (const auto& text : texts) outer.add(text);
        params.add(std::move(outer));
        ArrayLiteral nested;
        nested.add(texts);
        params.add(std::move(nested));
        const auto rows = transaction.exec(
            "SELECT a, b FROM unnest($1::text[], (($2::text[])[1])::text[]) AS r (a, b)", params);
        RC_ASSERT(rows.size() == texts.size());
        for (pqxx::result::size_type i = 0; i < rows.size(); ++i) {
            const auto expected = clean_text(texts[static_cast<std::size_t>(i)]);
            RC_ASSERT(rows[i][0].as<std::string>() == expected);
            RC_ASSERT(rows[i][1].as<std::string>() == expected);
        }
    };
    const bool nasty = rc::check("nasty text", [&] {
        round_trip({"'; DROP TABLE badge; --", "\\", "\"", "\\\"", "{}", "NULL", "null", " ", "",
                    "\t\n\r", "$1", "\x01\x7f", "a\xFF\xC3", "E'\\x00'", std::string(3, '\0')});
    });
    EXPECT_TRUE(nasty);
    const bool any =
        rc::check("any bytes", [&](const std::vector<std::string>& texts) { round_trip(texts); });
    EXPECT_TRUE(any);
}

}  // namespace
}  // namespace busbar::db::test
