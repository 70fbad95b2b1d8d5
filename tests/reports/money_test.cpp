#include "reports/money.hpp"

#include <gtest/gtest.h>

#include "base/decimal.hpp"
#include "reports/words.hpp"

namespace busbar::reports {
namespace {

TEST(Money, DecimalsAreReadExactly) {
    EXPECT_EQ(parse_decimal("0.3245", 5), 32'450);
    EXPECT_EQ(parse_decimal("12", 5), 1'200'000);
    EXPECT_EQ(parse_decimal("0.00001", 5), 1);
    EXPECT_EQ(parse_decimal("0.1000000", 5), 10'000);
    EXPECT_EQ(parse_decimal("19", 2), 1900);
    for (const auto* bad :
         {"", ".", ".5", "5.", "-1", "+1", "1e3", "0,5", "0.000001", "1 ", "1234567890", "0x1"}) {
        EXPECT_FALSE(parse_decimal(bad, 5)) << bad;
    }
    for (const auto* text : {"0.3245", "12", "0.00001", "0"}) {
        EXPECT_EQ(decimal_text(parse_decimal(text, 5).value(), 5), text);
    }
    EXPECT_EQ(fixed_text(123'450, 2), "1234.50");
    EXPECT_EQ(fixed_text(5, 2), "0.05");
}

TEST(Money, ASessionIsRoundedOnceHalfUp) {
    // 1 Wh at 0.005 a kWh is 0.000005.
    EXPECT_EQ(cost_of(499'999, 0).cents, 0);
    EXPECT_EQ(cost_of(500'000, 0).cents, 1);
    EXPECT_EQ(cost_of(1'499'999, 0).cents, 1);
    // 10 kWh at 0.3245: 3.245, with 20 % 3.894.
    const auto cost = cost_of(10'000LL * 32'450, 2000);
    EXPECT_EQ(cost.cents, 389);
    EXPECT_EQ(cost.tax_cents, 389 - 325);
    // The largest session there can be is still counted.
    EXPECT_GT(cost_of(2'000'000'000LL * price_max, 10'000).cents, 0);
}

TEST(Words, NumbersAndDatesAsTheLanguageWritesThem) {
    EXPECT_EQ(number_text(words_of(Language::english), 123'456'789, 2), "1,234,567.89");
    EXPECT_EQ(number_text(words_of(Language::german), 123'456, 3), "123,456");
    EXPECT_EQ(number_text(words_of(Language::french), 1'234'567, 2), "12\u00A0345,67");
    EXPECT_EQ(number_text(words_of(Language::dutch), 1'000, 0), "1.000");
    EXPECT_EQ(hours_text(26 * 3600 + 5 * 60 + 59), "26:05");
    using std::chrono::year;
    EXPECT_EQ(date_text(Language::german, year{2027} / 3 / 28), "28.03.2027");
    EXPECT_EQ(date_text(Language::english, year{2027} / 3 / 28), "2027-03-28");
    EXPECT_EQ(filled("Page {} of {}", "1", "2"), "Page 1 of 2");
    for (const auto* name : {"en", "fr", "nl", "de"}) EXPECT_TRUE(language_from_name(name));
    EXPECT_FALSE(language_from_name("EN"));
}

}  // namespace
}  // namespace busbar::reports
