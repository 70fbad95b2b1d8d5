#include "site/tariffs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.hpp"

namespace busbar::site {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Tariff standard() {
    Tariff tariff;
    tariff.name = "Standard";
    tariff.currency = "EUR";
    tariff.pricePerKwh = "0.3245";
    return tariff;
}

std::vector<std::string> pointers(const std::vector<Violation>& violations) {
    std::vector<std::string> out;
    for (const auto& violation : violations) out.push_back(violation.pointer);
    return out;
}

TEST(Tariffs, EveryWrongFieldIsNamed) {
    const Tariffs tariffs;
    EXPECT_THAT(tariffs.check(standard()), IsEmpty());
    Tariff bad;
    bad.currency = "eur";
    bad.validFrom = "2027-02-30";
    bad.pricePerKwh = "0,32";
    bad.periods = {{{"Mo-Fr 22:00-06:00", "0.123456"}, {"Mo-Xx", "1"}}};
    bad.taxPercent = "101";
    bad.appliesTo = TariffScope{};
    EXPECT_THAT(
        pointers(tariffs.check(bad)),
        ElementsAre("/name", "/currency", "/validFrom", "/pricePerKwh", "/periods/0/pricePerKwh",
                    "/periods/1/hours", "/taxPercent", "/appliesTo"));
    auto two = standard();
    two.appliesTo = TariffScope{.groups = {{"A"}}, .chargePoints = {{}}};
    EXPECT_THAT(pointers(tariffs.check(two)), ElementsAre("/appliesTo/chargePoints", "/appliesTo"));
}

TEST(Tariffs, ASiteHasOneCurrency) {
    Tariffs tariffs;
    tariffs.save(standard());
    auto other = standard();
    other.currency = "CHF";
    EXPECT_THAT(tariffs.check(other), IsEmpty());  // it replaces the only one
    other.name = "Other";
    EXPECT_THAT(pointers(tariffs.check(other)), ElementsAre("/currency"));
}

TEST(Tariffs, WhatIsStoredComesBack) {
    Tariffs tariffs;
    auto tariff = standard();
    tariff.periods = {{{"Mo-Su 22:00-06:00", "0.18"}}};
    tariff.appliesTo = TariffScope{.costCentres = {{"4711"}}};
    const auto row = tariffs.save(tariff);
    EXPECT_EQ(row.kind, "tariff");
    EXPECT_EQ(row.key, "Standard");
    Tariffs again;
    again.restore({row, {"tariff", "broken", {"{}"}}, {"quirk", "x", {"{}"}}});
    ASSERT_EQ(again.all().size(), 1U);
    EXPECT_EQ(to_json(again.all().at("Standard")), to_json(tariff));
    EXPECT_EQ(again.remove("Standard").key, "Standard");
    EXPECT_THAT(again.all(), IsEmpty());
}

TEST(Tariffs, PricesFollowTheHoursOfTheWeek) {
    auto tariff = standard();
    tariff.periods = {{{"Sa-Su 00:00-24:00", "0.1"}, {"Mo-Su 22:00-06:00", "0.2"}}};
    ASSERT_THAT(Tariffs{}.check(tariff), IsEmpty());
    const auto prices = week_prices(tariff);
    const auto at = [&](std::size_t day, std::size_t quarter) {
        return prices[day * 96 + quarter];
    };
    EXPECT_EQ(at(0, 0), 20'000);   // Monday 00:00: Sunday's night
    EXPECT_EQ(at(0, 23), 20'000);  // 05:45
    EXPECT_EQ(at(0, 24), 32'450);  // 06:00
    EXPECT_EQ(at(0, 87), 32'450);  // 21:45
    EXPECT_EQ(at(0, 88), 20'000);  // 22:00
    EXPECT_EQ(at(5, 0), 10'000);   // Saturday: the first period that fits
    EXPECT_EQ(at(6, 95), 10'000);
}

TEST(Tariffs, ValidityBeginsAtTheLocalMidnight) {
    auto tariff = standard();
    const auto paris = TimeZone::find("Europe/Paris").value();
    EXPECT_EQ(valid_from(tariff, paris), Timestamp::min());
    tariff.validFrom = "2027-07-01";
    EXPECT_EQ(to_string(valid_from(tariff, paris)), "2027-06-30T22:00:00Z");
}

}  // namespace
}  // namespace busbar::site
