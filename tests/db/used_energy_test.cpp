// What monthly quotas are restored from.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/postgres_journal.hpp"
#include "db/queries.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

struct UsedEnergyOfTheLastWeeks : testing::Test {
    // The rows are about now: it is the database that knows which weeks are the last.
    Timestamp now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    std::vector<Record> unit;

    void stopped(TransactionKey id, std::optional<std::string> badge, Timestamp at,
                 std::optional<std::int64_t> energy_wh) {
        auto begun = start(id);
        begun.badge = std::move(badge);
        // What is the same start twice would be one.
        begun.started_at = begun.received_at = at - 1h + std::chrono::seconds{id};
        unit.emplace_back(begun);
        TransactionStopped stop;
        stop.id = id;
        stop.meter_stop_wh = 1700;
        stop.stopped_at = stop.received_at = at;
        stop.reason = "Local";
        stop.energy_wh = energy_wh;
        if (energy_wh) stop.energy_source = "power";
        unit.emplace_back(stop);
    }
    void corrected(TransactionKey id, std::optional<std::string> badge,
                   std::optional<Timestamp> stopped_at, std::optional<std::int64_t> energy_wh) {
        TransactionCorrected correction;
        correction.id = id;
        correction.badge = std::move(badge);
        correction.stopped_at = stopped_at;
        correction.energy_wh = energy_wh;
        correction.at = now;
        correction.by = "anna";
        unit.emplace_back(correction);
    }
    // "7 ANNA 500" for each row, and "7 corrected".
    std::vector<std::string> used() {
        const auto url = migrated_database("used_energy");
        Folder folder;
        Loop loop;
        PostgresJournal::Options options;
        options.url = url;
        options.spill_path = folder.file("spill");
        PostgresJournal journal{options, loop.executor()};
        journal.append(std::move(unit));
        journal.stop();
        std::vector<std::string> out;
        const auto site = load_site(url, folder.file("none"));
        for (const auto& row : site.used_energy) {
            out.push_back(std::to_string(row.transaction) + " " + row.badge + " " +
                          std::to_string(row.energy_wh));
        }
        for (const auto& row : site.corrections) {
            out.push_back(std::to_string(row.id) + " corrected");
        }
        return out;
    }
};

TEST_F(UsedEnergyOfTheLastWeeks, IsAsItWasToldBesideWhatIsCorrected) {
    stopped(1, "ANNA", now, 500);
    stopped(2, std::nullopt, now, std::nullopt);
    stopped(3, "ANNA", now - 33 * 24h, 500);
    stopped(4, "ANNA", now - 31 * 24h, 20);
    stopped(5, "ANNA", now, 0);
    stopped(6, "ANNA", now, 900);
    corrected(6, "BEN", std::nullopt, 90);
    stopped(7, "BEN", now - 60 * 24h, 30);
    corrected(7, std::nullopt, now, std::nullopt);
    unit.emplace_back(start(8));
    corrected(8, "BEN", std::nullopt, std::nullopt);
    stopped(9, "ANNA", now - 60 * 24h, 30);
    corrected(9, "BEN", std::nullopt, 20);
    EXPECT_THAT(used(), testing::UnorderedElementsAre("1 ANNA 500", "2 TAG1 700", "4 ANNA 20",
                                                      "5 ANNA 0", "6 ANNA 900", "7 BEN 30",
                                                      "6 corrected", "7 corrected", "8 corrected"));
}

}  // namespace
}  // namespace busbar::db::test
