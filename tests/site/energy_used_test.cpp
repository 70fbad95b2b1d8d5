#include "site/energy_used.hpp"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

const TimeZone paris = TimeZone::find("Europe/Paris").value();
Timestamp utc(const char* text) { return parse_timestamp(text)->time; }

struct MonthlyEnergy : testing::Test {
    void start(db::TransactionKey id, const std::string& badge) {
        db::TransactionStarted row;
        row.id = id;
        row.id_tag = badge + "_reader";
        row.badge = badge;
        row.meter_start_wh = 1000;
        used.observe(row, paris, now);
    }
    void stop(db::TransactionKey id, Timestamp at, std::optional<std::int64_t> energy_wh) {
        db::TransactionStopped row;
        row.id = id;
        row.stopped_at = at;
        row.meter_stop_wh = 1700;
        row.energy_wh = energy_wh;
        used.observe(row, paris, now);
    }
    std::int64_t of(const std::string& badge) const { return used.used_wh(badge, now); }

    EnergyUsed used;
    Timestamp now = utc("2026-10-31T20:00:00Z");
};

TEST_F(MonthlyEnergy, CountsWhatHasStopped) {
    start(1, "ANNA");
    EXPECT_EQ(of("ANNA"), 0);
    stop(1, now, 500);
    EXPECT_EQ(of("anna"), 500);
    start(2, "ANNA");
    stop(2, now, std::nullopt);
    EXPECT_EQ(of("ANNA"), 1200) << "the register's rise where nothing else is known";
    stop(2, now, 200);
    stop(2, now, 200);
    start(2, "ANNA");
    EXPECT_EQ(of("ANNA"), 700) << "the newest stop counts, once";
    EXPECT_EQ(of("BEN"), 0);
    stop(77, now, 100);
}

TEST_F(MonthlyEnergy, BeginsAnewAtLocalMidnight) {
    start(1, "ANNA");
    stop(1, now, 500);
    start(2, "ANNA");
    now = utc("2026-10-31T22:59:59Z");
    EXPECT_EQ(of("ANNA"), 500);
    now = utc("2026-10-31T23:00:00Z");
    EXPECT_EQ(of("ANNA"), 0);
    stop(2, now, 300);
    EXPECT_EQ(of("ANNA"), 300) << "the month in which it stops";
    stop(1, utc("2026-10-31T20:00:00Z"), 900);
    EXPECT_EQ(of("ANNA"), 300) << "a late stop belongs to the month that is over";
}

TEST_F(MonthlyEnergy, FollowsCorrections) {
    start(1, "ANNA");
    stop(1, now, 500);
    db::TransactionCorrected correction;
    correction.id = 1;
    correction.energy_wh = 100;
    used.observe(correction, paris, now);
    EXPECT_EQ(of("ANNA"), 100);
    stop(1, now, 600);
    EXPECT_EQ(of("ANNA"), 100) << "what a charger says later does not replace it";
    correction.badge = "BEN";
    correction.energy_wh.reset();
    used.observe(correction, paris, now);
    EXPECT_EQ(of("ANNA"), 0);
    EXPECT_EQ(of("BEN"), 600);
    correction.stopped_at = utc("2026-09-30T12:00:00Z");
    used.observe(correction, paris, now);
    EXPECT_EQ(of("BEN"), 0);
    used.observe(db::BadgeErased{"ANNA", "someone"}, paris, now);
}

TEST_F(MonthlyEnergy, IsRestored) {
    used.restore({{1, "ANNA", now, 500},
                  {2, "ANNA", utc("2026-09-30T21:59:59Z"), 70},
                  {3, "ANNA", utc("2026-09-30T22:00:00Z"), 20},
                  {4, "BEN", now, 9}},
                 paris, now);
    EXPECT_EQ(of("ANNA"), 520);
    EXPECT_EQ(of("BEN"), 9);
    db::TransactionStarted open;
    open.id = 5;
    open.id_tag = "BEN";
    used.restore(open);
    stop(5, now, 30);
    stop(1, now, 400);
    EXPECT_EQ(of("ANNA"), 420);
    EXPECT_EQ(of("BEN"), 39);
}

TEST_F(MonthlyEnergy, IsRestoredWithItsCorrections) {
    db::TransactionCorrected correction;
    correction.id = 1;
    correction.badge = "BEN";
    correction.energy_wh = 7;
    used.restore({{1, "ANNA", now, 500, correction}}, paris, now);
    EXPECT_EQ(of("BEN"), 7);
    stop(1, now, 600);
    EXPECT_EQ(of("BEN"), 7) << "the correction still counts";
    used.observe(db::TransactionCorrected{.id = 1}, paris, now);
    EXPECT_EQ(of("BEN"), 0);
    EXPECT_EQ(of("ANNA"), 600) << "taken back";
    db::TransactionStarted open;
    open.id = 5;
    open.id_tag = "ANNA";
    correction.id = 5;
    correction.energy_wh.reset();
    used.restore(open, correction);
    stop(5, now, 30);
    EXPECT_EQ(of("BEN"), 30);
}

// Whatever is started, stopped, stopped again, corrected: the sum is that of the newest facts.
TEST(MonthlyEnergyLaw, TheSumIsThatOfTheNewestFacts) {
    EXPECT_TRUE(rc::check([] {
        struct Fact {
            std::string badge;
            std::int64_t energy_wh = 0;
            bool counts = false;
        };
        EnergyUsed used;
        std::map<db::TransactionKey, Fact> facts;
        const auto now = utc("2026-10-15T12:00:00Z");
        const auto count = *rc::gen::inRange(1, 100);
        for (int i = 0; i < count; ++i) {
            const db::TransactionKey id = *rc::gen::inRange(1, 10);
            const std::string badge = *rc::gen::element("ANNA", "BEN");
            if (!facts.contains(id)) {
                db::TransactionStarted row;
                row.id = id;
                row.badge = badge;
                used.observe(row, paris, now);
                facts[id].badge = badge;
                continue;
            }
            db::TransactionStopped row;
            row.id = id;
            row.stopped_at = *rc::gen::element(now, now - std::chrono::days{30});
            row.energy_wh = *rc::gen::inRange(0, 50'000);
            used.observe(row, paris, now);
            facts[id].energy_wh = *row.energy_wh;
            facts[id].counts = row.stopped_at == now;
        }
        for (const auto* badge : {"ANNA", "BEN"}) {
            std::int64_t sum = 0;
            for (const auto& [id, fact] : facts) {
                if (fact.badge == badge && fact.counts) sum += fact.energy_wh;
            }
            RC_ASSERT(used.used_wh(badge, now) == sum);
        }
    }));
}

}  // namespace
}  // namespace busbar::site
