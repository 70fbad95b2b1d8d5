#include "app/restore.hpp"

#include <gtest/gtest.h>

#include "site/load_management.hpp"
#include "site/transactions.hpp"
#include "tests/site/support.hpp"

namespace busbar::app {
namespace {

using namespace std::chrono_literals;

db::SiteSnapshot snapshot_with(const std::string& answer) {
    db::SiteSnapshot snapshot;
    auto& charge_point = snapshot.charge_points.emplace_back();
    charge_point.id = "CP1";
    charge_point.state = "accepted";
    charge_point.phase_map = "RST";
    auto& open = snapshot.open_transactions.emplace_back();
    open.start.id = 4;
    open.start.transaction_id = 1004;
    open.start.charge_point = "CP1";
    open.start.connector_id = 1;
    auto& limit = snapshot.limits.emplace_back();
    limit.commanded.charge_point = "CP1";
    limit.commanded.connector_id = 1;
    limit.commanded.sequence = 9;
    limit.commanded.limit_milliamps = 10'000;
    if (!answer.empty()) limit.answered = db::LimitAnswered{9, answer, Timestamp{}};
    snapshot.next_transaction_key = 5;
    snapshot.next_limit_sequence = 10;
    return snapshot;
}

// A site whose chargers may not all draw what they like: their safe currents are the minimum.
site::Settings narrow_settings() {
    auto settings = site::test::settings();
    settings.load_management.reserve_blind = {50_A, 50_A, 50_A};
    return settings;
}

Amps booked_after(const std::string& answer) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    const Now now{Instant{1h}, Timestamp{}};
    restore(site, snapshot_with(answer), now);
    site.engine.step({}, now);
    return site.engine.status(now).at(0).worst_case;
}

TEST(Restore, BooksTheLastLimitThatWasAccepted) { EXPECT_EQ(booked_after("Accepted"), 10_A); }

TEST(Restore, BooksAllAChargerCanGiveThatAcceptedNothing) {
    EXPECT_EQ(booked_after("NotSupported"), 32_A);
    EXPECT_EQ(booked_after(""), 32_A);
}

// A charger that refuses limits and took a safe current draws that.
TEST(Restore, BooksTheSafeCurrentThatAChargerHolds) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    const Now now{Instant{1h}, Timestamp{}};
    auto snapshot = snapshot_with("Rejected");
    snapshot.limits.clear();
    snapshot.states.push_back({"safe_current", "CP1/1", {R"({"milliamps":8000})"}});
    restore(site, std::move(snapshot), now);
    site::manage_load(site, now);
    EXPECT_EQ(site.engine.status(now).at(0).worst_case, 8_A);
}

TEST(Restore, BooksWhatALeaseEndsIn) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    Now now{Instant{1h}, Timestamp{}};
    auto snapshot = snapshot_with("Accepted");
    snapshot.limits[0].commanded.safe_milliamps = 9'000;
    restore(site, std::move(snapshot), now);
    now.mono += 1h;
    site::manage_load(site, now);
    EXPECT_EQ(site.engine.status(now).at(0).worst_case, 9_A);
}

TEST(Restore, KeepsEveryTransactionThatTheDatabaseGives) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    auto snapshot = snapshot_with("Accepted");
    for (int i = 0; i < 300; ++i) {
        auto& recent = snapshot.recent_transactions.emplace_back();
        recent.start.charge_point = "CP1";
        recent.start.id = i + 10;
    }
    restore(site, std::move(snapshot), {Instant{1h}, Timestamp{}});
    EXPECT_EQ(site.find("CP1")->stopped.size(), 300u);
}

// What was measured before the restart counts, whatever the stop says of the register.
TEST(Restore, KnowsHowMuchARunningTransactionHasUsed) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    auto snapshot = snapshot_with("Accepted");
    snapshot.open_transactions[0].start.meter_start_wh = 500'000;
    snapshot.open_transactions[0].start.started_at = Timestamp{1h};
    // The newest is none that a charger can have got to.
    snapshot.open_transactions[0].registers = {{1.9e9, Timestamp{4h}}, {510'000, Timestamp{3h}}};
    auto& ended = snapshot.recent_transactions.emplace_back();
    ended.start = snapshot.open_transactions[0].start;
    ended.start.id = 3;
    ended.stop = {.id = 3, .meter_stop_wh = 504'000, .stopped_at = Timestamp{2h}};
    ended.stop.estimated = true;
    ended.stop.reason = site::closed_by_available;
    // A stop that may be another's says nothing of this one's register.
    auto& guessed = snapshot.recent_transactions.emplace_back(ended);
    guessed.start.id = guessed.stop.id = 4;
    guessed.stop.reason = "Local";
    restore(site, std::move(snapshot), {Instant{1h}, Timestamp{5h}});
    const auto& charger = *site.find("CP1");
    EXPECT_EQ(charger.open[0].register_wh, 510'000);
    EXPECT_EQ(charger.open[0].register_at, Timestamp{3h});
    EXPECT_EQ(charger.open[0].energy.rises_wh, 10'000);
    EXPECT_EQ(charger.stopped[0].energy.rises_wh, 4'000);
    EXPECT_EQ(charger.stopped[1].energy.rises_wh, 0);
}

// A value in kWh, or 0, that was not believed when it came.
TEST(Restore, TakesNoRegisterThatHasFallen) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    auto snapshot = snapshot_with("Accepted");
    snapshot.open_transactions[0].start.meter_start_wh = 500'000;
    snapshot.open_transactions[0].start.started_at = Timestamp{1h};
    snapshot.open_transactions[0].registers = {{510, Timestamp{4h}}, {510'000, Timestamp{3h}}};
    restore(site, std::move(snapshot), {Instant{1h}, Timestamp{5h}});
    EXPECT_EQ(site.find("CP1")->open[0].register_wh, 510'000);
    EXPECT_FALSE(site.find("CP1")->open[0].energy.broken_at);
}

bool is_closed_by_boot(Timestamp booted_at, const std::string& status, Timestamp status_at) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    auto snapshot = snapshot_with("Accepted");
    snapshot.open_transactions[0].start.received_at = Timestamp{1h};
    snapshot.open_transactions[0].registers = {{500, Timestamp{2h}}};
    snapshot.boots.push_back({.id = "CP1", .at = booted_at});
    snapshot.connectors.push_back(
        {.charge_point = "CP1", .connector_id = 1, .status = status, .received_at = status_at});
    Now now{Instant{1h}, Timestamp{5h}};
    restore(site, std::move(snapshot), now);
    auto& charger = *site.find("CP1");
    auto book = site::book_of(site, charger);
    EXPECT_FALSE(site::find_overdue(book, now)) << "it is given time to show itself";
    now.mono += 16min;
    const auto overdue = site::find_overdue(book, now);
    return overdue && overdue->reason == site::closed_by_boot;
}

TEST(Restore, ABootFromBeforeStillClosesWhatShowsNoLife) {
    EXPECT_TRUE(is_closed_by_boot(Timestamp{3h}, "Preparing", Timestamp{4h}));
    EXPECT_TRUE(is_closed_by_boot(Timestamp{3h}, "Charging", Timestamp{2h}));
    EXPECT_FALSE(is_closed_by_boot(Timestamp{3h}, "Charging", Timestamp{4h})) << "it went on";
    EXPECT_FALSE(is_closed_by_boot(Timestamp{90min}, "Preparing", Timestamp{4h}))
        << "it was measured after that";
    EXPECT_FALSE(is_closed_by_boot(Timestamp{30min}, "Preparing", Timestamp{4h}));
}

TEST(Restore, KnowsStopsWhoseStartIsStillToCome) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    auto snapshot = snapshot_with("Accepted");
    snapshot.orphan_stops = {{.charge_point = "CP1", .transaction_id = -1, .meter_stop_wh = 7},
                             {.charge_point = "CP9", .transaction_id = -1}};
    restore(site, std::move(snapshot), {Instant{1h}, Timestamp{5h}});
    ASSERT_EQ(site.find("CP1")->orphan_stops.size(), 1u);
    EXPECT_EQ(site.find("CP1")->orphan_stops[0].meter_stop_wh, 7);
}

TEST(Restore, KnowsWhatWasCorrected) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    auto snapshot = snapshot_with("Accepted");
    const Now now{Instant{1h}, Timestamp{3h}};
    snapshot.used_energy = {{3, "ANNA", Timestamp{2h}, 500}};
    snapshot.corrections.emplace_back().id = 3;
    snapshot.corrections[0].badge = "BEN";
    restore(site, std::move(snapshot), now);
    EXPECT_EQ(site.energy_used.used_wh("BEN", now.wall), 500);
    EXPECT_EQ(site.energy_used.used_wh("ANNA", now.wall), 0);
    EXPECT_EQ(site.corrections.at(3).badge, "BEN");
}

TEST(Restore, KnowsGroupsUnknownBadgesAndWhatWasUsed) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    auto snapshot = snapshot_with("Accepted");
    snapshot.open_transactions[0].start.id_tag = "ANNA";
    snapshot.badge_groups.emplace_back().name = "FLEET";
    snapshot.used_energy = {{3, "ANNA", Timestamp{2h}, 500}, {2, "ANNA", Timestamp{-1h}, 70}};
    snapshot.states.push_back(
        {"unknown_badge",
         "04aa",
         {R"({"idTag":"04AA","firstAt":"2026-05-01T08:00:00Z","lastAt":"2026-05-01T09:00:00Z",)"
          R"("chargePoint":"CP1","taps":3})"}});
    const Now now{Instant{1h}, Timestamp{3h}};
    restore(site, std::move(snapshot), now);
    EXPECT_TRUE(site.badge_groups.contains("fleet"));
    EXPECT_EQ(site.unknown_badges.all().at("04AA").taps, 3);
    EXPECT_EQ(site.energy_used.used_wh("ANNA", now.wall), 500);
    db::TransactionStopped stop;
    stop.id = 4;
    stop.stopped_at = now.wall;
    stop.energy_wh = 40;
    site.record({stop});
    EXPECT_EQ(site.energy_used.used_wh("ANNA", now.wall), 540);
}

TEST(Restore, GoesOnCountingAndKeepsTransactions) {
    site::test::HeldJournal journal;
    site::Site site{journal, narrow_settings()};
    restore(site, snapshot_with("Accepted"), {Instant{1h}, Timestamp{}});
    EXPECT_EQ(site.next_transaction_key, 5);
    EXPECT_EQ(site.find("CP1")->open.at(0).start.transaction_id, 1004);
}

}  // namespace
}  // namespace busbar::app
