#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/corrections.hpp"
#include "site/transactions.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Timestamp day = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1};

template <class T>
Patch<T> to(T value) {
    return {true, std::optional<T>{std::move(value)}};
}
template <class T>
Patch<T> back() {
    return {true, std::nullopt};
}

struct Correcting : testing::Test {
    Correcting() {
        start.id = 7;
        start.meter_start_wh = 1000;
        start.started_at = day + 8h;
        stop.emplace().meter_stop_wh = 5000;
        stop->stopped_at = day + 9h;
    }
    db::TransactionCorrected ask(const CorrectionWish& wish) {
        std::vector<Violation> violations;
        auto out = corrected({start, stop}, before, wish, day + 24h, violations);
        pointers.clear();
        for (const auto& violation : violations) pointers.push_back(violation.pointer);
        return out;
    }
    db::TransactionStarted start;
    std::optional<db::TransactionStopped> stop;
    std::optional<db::TransactionCorrected> before;
    std::vector<std::string> pointers;
};

TEST_F(Correcting, RegistersBringTheirEnergy) {
    auto out = ask({.meterStopWh = to(6000)});
    EXPECT_THAT(pointers, IsEmpty());
    EXPECT_EQ(out.meter_stop_wh, 6000);
    EXPECT_EQ(out.energy_wh, 5000);
    before = out;
    out = ask({.meterStartWh = to(2000)});
    EXPECT_EQ(out.energy_wh, 4000);
    before = out;
    out = ask({.meterStartWh = back<std::int32_t>(), .meterStopWh = back<std::int32_t>()});
    EXPECT_EQ(out.energy_wh, std::nullopt);
    EXPECT_FALSE(replaces_anything(out));
}

TEST_F(Correcting, EnergyAloneIsFreeButNeverAgainstTheRegisters) {
    EXPECT_EQ(ask({.energyWh = to<std::int64_t>(1234)}).energy_wh, 1234);
    EXPECT_THAT(pointers, IsEmpty());
    ask({.energyWh = to<std::int64_t>(-1)});
    EXPECT_THAT(pointers, ElementsAre("/energyWh"));
    ask({.meterStopWh = to(6000), .energyWh = to<std::int64_t>(4999)});
    EXPECT_THAT(pointers, ElementsAre("/energyWh"));
    ask({.meterStopWh = to(6000), .energyWh = to<std::int64_t>(5000)});
    EXPECT_THAT(pointers, IsEmpty());
    ask({.meterStopWh = to(999)});
    EXPECT_THAT(pointers, ElementsAre("/meterStopWh"));
    ask({.meterStartWh = to(5001)});
    EXPECT_THAT(pointers, ElementsAre("/meterStartWh"));
    // Energy that is taken back leaves what the corrected registers say.
    before = ask({.meterStopWh = to(6000)});
    EXPECT_EQ(ask({.energyWh = back<std::int64_t>()}).energy_wh, 5000);
}

TEST_F(Correcting, TimesStayInOrderAndInThePast) {
    ask({.startedAt = to(day + 10h)});
    EXPECT_THAT(pointers, ElementsAre("/startedAt"));
    ask({.stoppedAt = to(day + 7h)});
    EXPECT_THAT(pointers, ElementsAre("/stoppedAt"));
    ask({.stoppedAt = to(day + 25h)});
    EXPECT_THAT(pointers, ElementsAre("/stoppedAt"));
    EXPECT_EQ(ask({.startedAt = to(day + 10h), .stoppedAt = to(day + 11h)}).stopped_at, day + 11h);
    EXPECT_THAT(pointers, IsEmpty());
}

TEST_F(Correcting, OfARunningOneOnlyBadgeAndNote) {
    stop.reset();
    const auto out = ask({.badge = to<std::string>("B"), .note = to<std::string>("guest")});
    EXPECT_THAT(pointers, IsEmpty());
    EXPECT_EQ(out.badge, "B");
    ask({.startedAt = to(day + 8h),
         .stoppedAt = to(day + 9h),
         .meterStartWh = to(1),
         .meterStopWh = to(2),
         .energyWh = to<std::int64_t>(1)});
    EXPECT_THAT(pointers, ElementsAre("/startedAt", "/stoppedAt", "/meterStartWh", "/meterStopWh",
                                      "/energyWh"));
}

TEST_F(Correcting, ANoteReplacesNothing) {
    const auto out = ask({.note = to<std::string>("seen")});
    EXPECT_EQ(out.note, "seen");
    EXPECT_FALSE(replaces_anything(out));
    before = out;
    EXPECT_EQ(ask({.note = to<std::string>("")}).note, std::nullopt);
}

struct KeepingCorrections : testing::Test, OneCharger {};

TEST_F(KeepingCorrections, TheNewestIsAtHandAndALateStopChangesNothingOfIt) {
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":1,"timestamp":"2026-05-01T08:00:00Z"})");
    db::TransactionCorrected row;
    row.id = 1;
    row.energy_wh = 5;
    row.by = "Ann";
    const auto& open = charger().open[0];
    correct(site, {open.start, open.stop}, std::nullopt, row);
    ASSERT_TRUE(find_correction(site, 1));
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":2000,"timestamp":"2026-05-01T09:00:00Z"})");
    EXPECT_EQ(journal.all<db::TransactionStopped>().size(), 1u) << "a fact all the same";
    EXPECT_EQ(find_correction(site, 1)->energy_wh, 5);
    EXPECT_EQ(find_correction(site, 2), nullptr);
    for (int i = 0; i < 2000; ++i) {
        row.id = 10 + i;
        row.at += 1ms;
        remember(site, row);
    }
    EXPECT_EQ(site.corrections.size(), corrections_max);
    EXPECT_TRUE(find_correction(site, 2009));
}

// Whatever month its charger has said, and whatever of it a restart has loaded.
TEST_F(KeepingCorrections, QuotasCountThemAtOnce) {
    site.energy_used.restore({}, site.settings.time_zone, now.wall);
    db::TransactionStarted start;
    start.id = 7;
    start.id_tag = "TAG";
    std::optional<db::TransactionStopped> stop;
    stop.emplace().id = 7;
    stop->stopped_at = day - 24h;
    stop->energy_wh = 500;
    site.now = now;
    const auto used = [&](const std::string& badge) {
        return site.energy_used.used_wh(badge, now.wall);
    };
    db::TransactionCorrected row;
    row.id = 7;
    row.stopped_at = day + 1h;
    correct(site, {start, stop}, std::nullopt, row);
    EXPECT_EQ(used("TAG"), 500);
    auto next = row;
    next.energy_wh = 300;
    next.badge = "BEN";
    correct(site, {start, stop}, row, next);
    EXPECT_EQ(used("TAG"), 0);
    EXPECT_EQ(used("BEN"), 300);
    correct(site, {start, stop}, next, {.id = 7});
    EXPECT_EQ(used("BEN"), 0);
    EXPECT_EQ(used("TAG"), 0) << "of the month before again";
}

// A real stop that comes in the next month.
TEST_F(KeepingCorrections, ALateStopCountsForTheMonthInWhichItStopped) {
    site.energy_used.restore({}, site.settings.time_zone, now.wall);
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":1,"timestamp":"2026-05-31T20:00:00Z"})");
    now.wall = std::chrono::sys_days{std::chrono::year{2026} / 5 / 31} + 21h;
    force_stop(site, charger(), charger().open.front(), now);
    now.wall += 24h;
    send("StartTransaction",
         R"({"connectorId":2,"idTag":"TAG","meterStart":1,"timestamp":"2026-06-01T20:00:00Z"})");
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":2001,"timestamp":"2026-06-01T01:00:00Z"})");
    EXPECT_EQ(site.energy_used.used_wh("TAG", now.wall), 2000);
}

}  // namespace
}  // namespace busbar::site::test
