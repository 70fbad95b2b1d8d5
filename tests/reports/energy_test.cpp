#include "reports/energy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck.h>

#include "base/quarter_hours.hpp"
#include "tests/reports/support.hpp"

namespace busbar::reports::test {
namespace {

using testing::ElementsAre;

std::vector<std::string> keys(const EnergyReport& report) {
    std::vector<std::string> out;
    for (const auto& row : report.rows) out.push_back(row.key.value_or("-"));
    return out;
}

TEST(EnergyReport, ASessionCountsOnTheLocalDayOnWhichItEnded) {
    db::EnergyData data;
    // Ends at 00:30 on 2 March in Paris, which is 23:30 UTC on the 1st.
    data.sessions = {session(paris_at(year{2027} / 3 / 1, 22h), 150min, 1000),
                     session(paris_at(year{2027} / 3 / 1, 8h), 60min, 200)};
    const auto report = energy_report(question(By::day), data);
    EXPECT_THAT(keys(report), ElementsAre("2027-03-01", "2027-03-02"));
    EXPECT_EQ(report.rows[0].sums.energy_wh, 200);
    EXPECT_EQ(report.rows[1].sums.energy_wh, 1000);
    EXPECT_EQ(report.rows[1].sums.duration_seconds, 9000);
    EXPECT_EQ(report.total.sessions, 2);
    EXPECT_EQ(report.total.energy_wh, 1200);
}

TEST(EnergyReport, DaysOf23And25HoursAreWhole) {
    const auto length = [](std::chrono::year_month_day day) {
        const auto filter = filter_of({day, day}, paris);
        return filter.to - filter.from;
    };
    EXPECT_EQ(length(year{2027} / 3 / 28), 23h);
    EXPECT_EQ(length(year{2026} / 10 / 25), 25h);
    EXPECT_EQ(length(year{2027} / 3 / 27), 24h);
    const auto month = filter_of({year{2026} / 10 / 1, year{2026} / 10 / 31}, paris);
    EXPECT_EQ(month.to - month.from, 31 * 24h + 1h);
    EXPECT_EQ(to_string(month.from), "2026-09-30T22:00:00Z");
    EXPECT_EQ(to_string(month.to), "2026-10-31T23:00:00Z");

    db::EnergyData data;
    const auto begin = filter_of({year{2026} / 10 / 25, year{2026} / 10 / 25}, paris);
    for (auto at = begin.from; at < begin.to; at += 15min) {
        data.sessions.push_back(session(at - 10min, 10min, 1));
    }
    auto asked = question(By::day);
    auto report = energy_report(asked, data);
    EXPECT_THAT(keys(report), ElementsAre("2026-10-25"));
    EXPECT_EQ(report.total.energy_wh, 100);
}

TEST(EnergyReport, GroupsByWhoAndWhere) {
    auto one = session(paris_at(year{2027} / 3 / 3, 8h), 60min, 100);
    one.badge = "04A1";
    one.badge_group = "Staff";
    one.cost_centre = "4711";
    auto two = one;
    two.badge = "04a1";
    two.charge_point = "CP2";
    two.badge_group = "STAFF";
    two.cost_centre.reset();
    two.is_estimated = true;
    auto three = session(paris_at(year{2027} / 3 / 4, 8h), 60min, 7);
    three.is_corrected = true;
    db::EnergyData data;
    data.sessions = {one, two, three};
    data.badges = {{"04A1", "Anna"}};
    data.groups = {{"staff", "All staff"}};
    data.charge_points = {{"CP2", "Gate"}};

    auto report = energy_report(question(By::badge), data);
    EXPECT_THAT(keys(report), ElementsAre("04A1", "TAG1"));
    EXPECT_EQ(report.rows[0].label, "Anna");
    EXPECT_EQ(report.rows[0].sums.sessions, 2);
    EXPECT_EQ(report.rows[0].sums.estimated, 1);
    EXPECT_EQ(report.rows[1].sums.corrected, 1);

    report = energy_report(question(By::group), data);
    EXPECT_THAT(keys(report), ElementsAre("Staff", "-"));
    EXPECT_EQ(report.rows[0].label, "All staff");
    EXPECT_EQ(report.rows[0].sums.energy_wh, 200);
    EXPECT_EQ(report.rows[1].sums.energy_wh, 7);

    report = energy_report(question(By::cost_centre), data);
    EXPECT_THAT(keys(report), ElementsAre("4711", "-"));
    EXPECT_EQ(report.rows[1].sums.energy_wh, 107);

    report = energy_report(question(By::charge_point), data);
    EXPECT_THAT(keys(report), ElementsAre("CP1", "CP2"));
    EXPECT_EQ(report.rows[1].label, "Gate");
    EXPECT_THAT(keys(energy_report(question(By::month), data)), ElementsAre("2027-03"));
}

TEST(EnergyReport, CostsFollowTheHoursOfTheSite) {
    auto tariff = flat_tariff("day and night", 30'000);
    // Mondays from 22:00 cheap. 2027-03-29 is the Monday after the clocks went forward.
    for (std::size_t q = 88; q < 96; ++q) tariff.prices[q] = 10'000;
    auto asked = question(By::day);
    asked.prices = {.currency = "EUR", .tariffs = {tariff}};
    auto one = session(paris_at(year{2027} / 3 / 29, 21h + 45min), 30min, 3000);
    one.first_quarter = quarter_of(one.started_at);
    one.quarters_wh = {1000, 2000};
    db::EnergyData data;
    data.sessions = {one};
    auto report = energy_report(asked, data);
    EXPECT_EQ(report.total.cost.cents, 30 + 20);
    EXPECT_EQ(report.currency, "EUR");
    // What is not worked out for this energy is spread evenly.
    data.sessions[0].quarters_wh = {1, 2};
    report = energy_report(asked, data);
    EXPECT_EQ(report.total.cost.cents, 45 + 15);
}

TEST(EnergyReport, SessionsWithoutTariffAreNotInTheCost) {
    auto asked = question(By::badge);
    auto tariff = flat_tariff("one", 50'000);
    tariff.scope = Scope::charge_points;
    tariff.names = {"CP2"};
    asked.prices = {.currency = "EUR", .tariffs = {tariff}};
    db::EnergyData data;
    data.sessions = {session(paris_at(year{2027} / 3 / 3, 8h), 60min, 1000)};
    auto report = energy_report(asked, data);
    EXPECT_FALSE(report.total.has_cost());
    EXPECT_EQ(report.total.without_tariff, 1);
    data.sessions.push_back(data.sessions.front());
    data.sessions.back().charge_point = "CP2";
    report = energy_report(asked, data);
    EXPECT_TRUE(report.total.has_cost());
    EXPECT_EQ(report.total.cost.cents, 50);
    EXPECT_EQ(report.total.without_tariff, 1);
}

TEST(EnergyReport, TheNarrowestAndNewestTariffCounts) {
    const auto start = paris_at(year{2027} / 3 / 3, 8h);
    auto old = flat_tariff("old", 1);
    auto present = flat_tariff("present", 2);
    present.valid_from = start;
    auto future = flat_tariff("future", 3);
    future.valid_from = start + 1ms;
    auto group = flat_tariff("group", 4);
    group.scope = Scope::groups;
    group.names = {"STAFF"};
    auto charger = flat_tariff("charger", 5);
    charger.scope = Scope::charge_points;
    charger.names = {"CP1"};
    auto one = session(start, 60min, 1000);
    one.badge_group = "staff";
    PriceList prices{.currency = "EUR", .tariffs = {old, present, future}};
    EXPECT_EQ(tariff_of(prices, one)->name, "present");
    prices.tariffs.push_back(group);
    EXPECT_EQ(tariff_of(prices, one)->name, "group");
    prices.tariffs.push_back(charger);
    EXPECT_EQ(tariff_of(prices, one)->name, "charger");
    one.charge_point = "CP9";
    one.badge_group.reset();
    EXPECT_EQ(tariff_of(prices, one)->name, "present");
}

TEST(EnergyReport, RowsAddUpToTheSessions) {
    const bool ok = rc::check("every report's rows add up to the same sessions", [] {
        db::EnergyData data;
        for (int count = *rc::gen::inRange(0, 60); count > 0; --count) {
            const auto start = paris_at(year{2027} / 3 / 25, 0h) +
                               std::chrono::minutes{*rc::gen::inRange(0, 7 * 24 * 60)};
            auto one = session(start, std::chrono::minutes{*rc::gen::inRange(-10, 3000)},
                               *rc::gen::inRange(0, 100'000));
            one.badge = *rc::gen::element<std::string>("A", "a", "B", "");
            if (*rc::gen::arbitrary<bool>()) one.badge_group = "G";
            if (*rc::gen::arbitrary<bool>()) one.cost_centre = "C";
            data.sessions.push_back(std::move(one));
        }
        std::int64_t energy_wh = 0;
        for (const auto& one : data.sessions) energy_wh += one.energy_wh;
        std::optional<std::int64_t> cents;
        for (const auto by :
             {By::badge, By::group, By::cost_centre, By::charge_point, By::day, By::month}) {
            auto asked = question(by);
            asked.prices = {.currency = "EUR", .tariffs = {flat_tariff("t", 33'333)}};
            const auto report = energy_report(asked, data);
            Sums sum;
            for (const auto& row : report.rows) {
                sum.energy_wh += row.sums.energy_wh;
                sum.sessions += row.sums.sessions;
                sum.cost.cents += row.sums.cost.cents;
            }
            RC_ASSERT(sum.energy_wh == energy_wh);
            RC_ASSERT(report.total.energy_wh == energy_wh);
            RC_ASSERT(sum.sessions == static_cast<std::int64_t>(data.sessions.size()));
            RC_ASSERT(sum.cost.cents == report.total.cost.cents);
            RC_ASSERT(!cents || *cents == sum.cost.cents);
            cents = sum.cost.cents;
        }
    });
    EXPECT_TRUE(ok);
}

TEST(EnergyReport, DaysAreReadAndWritten) {
    EXPECT_EQ(day_text(parse_day("2027-03-28").value()), "2027-03-28");
    for (const auto* bad : {"", "2027-3-28", "2027-02-29", "2027-13-01", "27-03-28", "2027-03-28Z",
                            "2027/03/28", "-027-03-28", "+027-03-28"}) {
        EXPECT_FALSE(parse_day(bad)) << bad;
    }
    EXPECT_EQ(by_from_name("costCentre"), By::cost_centre);
    EXPECT_FALSE(by_from_name("cost_centre"));
}

}  // namespace
}  // namespace busbar::reports::test
