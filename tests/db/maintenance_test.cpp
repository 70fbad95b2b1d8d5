#include "db/maintenance.hpp"

#include <gtest/gtest.h>

#include "db/connection.hpp"
#include "db/repository.hpp"
#include "db/retention.hpp"
#include "db/time_series.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

// A database with rows in it, and a connection to work on it.
class Maintained : public testing::Test {
protected:
    static std::string unused_name() {
        static int count = 0;
        return "maintenance_" + std::to_string(++count);
    }

    std::string sql(const std::string& statement) const {
        return cluster().sql(statement, database_);
    }
    // As the journal writes it.
    void record(std::vector<Record> records) {
        const Unit unit{
            .sequence = ++sequence_, .records = std::move(records), .bytes = 0, .unreadable = {}};
        Transaction transaction{connection_};
        write(transaction, {&unit, 1});
        transaction.commit();
    }
    void record_samples(TransactionKey transaction, int begin, int end, int step) {
        std::vector<Record> rows;
        for (int n = begin; n < end; n += step) {
            rows.emplace_back(sample(transaction, n, 1000.0 + n));
        }
        record(std::move(rows));
    }
    template <class Piece>
    void all_of(const Piece& piece) {
        for (int i = 0; piece(); ++i) ASSERT_LT(i, 1000) << "never done";
    }
    void add_months(Timestamp now) {
        all_of([&] { return add_sample_month(connection_, now); });
    }
    void roll_up(Timestamp cutoff) {
        all_of([&] { return roll_up_samples(connection_, cutoff); });
    }

    const std::string database_ = unused_name();
    const std::string url_ = migrated_database(database_);
    Connection connection_{url_, 10s, "test"};
    std::uint64_t sequence_ = 0;

    Maintained() { prepare_writes(connection_); }
};

constexpr const char* months =
    "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_inherits i "
    "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'meter_sample'::regclass "
    "AND c.relname LIKE 'meter_sample_20%'";

TEST_F(Maintained, MonthsAreMadeAheadAndTakeTheirRowsFromTheRest) {
    record_samples(1, 0, 600, 60);
    auto absurd = sample(1, 0);
    absurd.measured_at = Timestamp{};
    record({absurd});
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample_default"), "11");
    add_months(noon);
    EXPECT_EQ(sql(std::string{months} + " AND c.relname < 'meter_sample_2026_08'"),
              "meter_sample_2026_05 meter_sample_2026_06 meter_sample_2026_07");
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample_2026_05"), "10");
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample_default"), "1");
    // Repeats are still known.
    record_samples(1, 0, 660, 60);
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample"), "12");
    EXPECT_FALSE(add_sample_month(connection_, noon));
}

TEST_F(Maintained, OldSamplesBecomeQuartersOfAnHour) {
    add_months(noon);
    record_samples(7, 0, 1800, 60);
    auto power = sample(7, 30, 11'000);
    power.measurand = "Power.Active.Import";
    auto elsewhere = power;
    elsewhere.transaction.reset();
    elsewhere.connector_id = 2;
    auto text = sample(7, 31);
    text.measurand = "SoC";
    text.number.reset();
    auto signed_value = sample(7, 32);
    signed_value.format = "SignedData";
    signed_value.value = std::string(3000, 'A');
    signed_value.number.reset();
    record({power, elsewhere, text, signed_value});

    roll_up(noon + 20min);
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample"), "10");
    roll_up(noon + 1h);
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample"), "0");
    // In two pieces, the second quarter: 15 samples from 1900 to 2740.
    EXPECT_EQ(sql("SELECT to_char(quarter AT TIME ZONE 'UTC', 'HH24:MI'), connector_id, "
                  "transaction, samples, min, avg, max, last, "
                  "to_char(last_at AT TIME ZONE 'UTC', 'HH24:MI:SS') FROM meter_quarter_hour "
                  "ORDER BY measurand, quarter, connector_id"),
              "12:00|1|7|15|1000|1420|1840|1840|12:14:00\n"
              "12:15|1|7|15|1900|2320|2740|2740|12:29:00\n"
              "12:00|1|7|1|11000|11000|11000|11000|12:00:30\n"
              "12:00|2||1|11000|11000|11000|11000|12:00:30");
    EXPECT_EQ(sql("SELECT transaction, length(value) FROM signed_meter_value"), "7|3000");
    EXPECT_EQ(sql("SELECT context, unit, value, format FROM meter_value_kept WHERE transaction = 7 "
                  "ORDER BY format, measurand, measured_at"),
              "Quarter|Wh|1840|Raw\nQuarter|Wh|2740|Raw\nQuarter|W|11000|Raw\n"
              "Sample.Periodic|Wh|" +
                  std::string(3000, 'A') + "|SignedData");
    // A late one is merged, also without a transaction.
    record({elsewhere});
    roll_up(noon + 1h);
    EXPECT_EQ(sql("SELECT samples, avg FROM meter_quarter_hour WHERE connector_id = 2"), "2|11000");
}

TEST_F(Maintained, MonthsThatAreOverAndEmptyGo) {
    add_months(noon);
    record_samples(1, 0, 600, 60);
    const Timestamp june = std::chrono::sys_days{std::chrono::year{2026} / 6 / 1};
    roll_up(june - 1h);
    EXPECT_EQ(sql("SELECT to_regclass('meter_sample_2026_05') IS NOT NULL"), "t");
    roll_up(june);
    EXPECT_EQ(sql("SELECT to_regclass('meter_sample_2026_05') IS NULL"), "t");
    EXPECT_EQ(sql("SELECT sum(samples) FROM meter_quarter_hour"), "10");
    // What still comes is kept in the rest, for as long as it is new.
    record_samples(1, 0, 600, 60);
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample_default"), "10");
    all_of([&] { return roll_up_rest(connection_, noon); });
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample_default"), "10");
    all_of([&] { return roll_up_rest(connection_, noon + 1h); });
    EXPECT_EQ(sql("SELECT count(*) FROM meter_sample_default"), "0");
    EXPECT_EQ(sql("SELECT sum(samples) FROM meter_quarter_hour"), "20");
}

constexpr const char* energies =
    "SELECT transaction, to_char(first_quarter AT TIME ZONE 'UTC', 'HH24:MI'), energy_wh "
    "FROM transaction_energy ORDER BY transaction";

TEST_F(Maintained, EnergyOfEndedTransactionsIsSpreadOverQuarters) {
    record({start(1), start(2), start(3)});
    // Half of it in the first quarter, nothing in the third.
    record({sample(1, 890, 3000), sample(1, 910, 3000), sample(1, 1790, 5000)});
    record({stop(1), stop(2)});
    all_of([&] { return spread_energy(connection_); });
    EXPECT_EQ(sql(energies), "1|12:00|{2000,2000,0,0,0}\n2|12:00|{998,1000,1000,1000,2}");
    EXPECT_EQ(sql("SELECT sum(energy_wh), count(*) FROM transaction_energy_quarter "
                  "WHERE transaction = 2"),
              "4000|5");
    EXPECT_FALSE(spread_energy(connection_));

    // A correction, and the end of one that has none.
    TransactionCorrected correction{.id = 1,
                                    .badge = {},
                                    .meter_start_wh = {},
                                    .meter_stop_wh = {},
                                    .started_at = {},
                                    .stopped_at = {},
                                    .energy_wh = 100,
                                    .note = {},
                                    .at = noon + 2h,
                                    .by = "me"};
    auto closed = correction;
    closed.id = 3;
    closed.stopped_at = noon + 3min;
    record({correction, closed});
    all_of([&] { return spread_energy(connection_); });
    EXPECT_EQ(sql(energies),
              "1|12:00|{50,50,0,0,0}\n2|12:00|{998,1000,1000,1000,2}\n3|12:00|{100}");

    // The real stop of one that was only guessed.
    auto guess = stop(4);
    guess.estimated = true;
    record({start(4), guess});
    all_of([&] { return spread_energy(connection_); });
    auto real = stop(4);
    real.meter_stop_wh = 2000;
    real.received_at += 1h;
    record({real});
    all_of([&] { return spread_energy(connection_); });
    EXPECT_EQ(sql("SELECT sum(energy_wh) FROM transaction_energy_quarter WHERE transaction = 4"),
              "1000");
}

TEST_F(Maintained, WhatIsRolledUpStillTellsWhenEnergyFlowed) {
    add_months(noon);
    record({start(1)});
    record({sample(1, 890, 3000), sample(1, 910, 3000), sample(1, 1790, 5000)});
    roll_up(noon + 24h);
    record({stop(1)});
    all_of([&] { return spread_energy(connection_); });
    EXPECT_EQ(sql("SELECT energy_wh[1], energy_wh[4] FROM transaction_energy"), "2022|0");
}

TEST_F(Maintained, TheNewestLimitsOfEachConnectorStay) {
    std::vector<Record> rows;
    for (int n = 1; n <= 250; ++n) {
        LimitCommanded limit{.charge_point = n <= 240 ? "CP1" : "CP2",
                             .connector_id = 1,
                             .sequence = n,
                             .limit_milliamps = 16'000,
                             .safe_milliamps = 6000,
                             .sent_at = noon + std::chrono::seconds{n},
                             .lease_end = noon + 1h,
                             .kind = "renewal",
                             .reason = "x"};
        rows.emplace_back(limit);
    }
    record(std::move(rows));
    all_of([&] { return delete_old_limits(connection_, noon + 51s); });
    EXPECT_EQ(sql("SELECT charge_point, count(*), min(sequence) FROM limit_command "
                  "GROUP BY charge_point ORDER BY charge_point"),
              "CP1|190|51\nCP2|10|241");
    all_of([&] { return delete_old_limits(connection_, noon + 24h); });
    EXPECT_EQ(sql("SELECT charge_point, count(*), min(sequence) FROM limit_command "
                  "GROUP BY charge_point ORDER BY charge_point"),
              "CP1|100|141\nCP2|10|241");
}

TEST_F(Maintained, OldSecurityEventsGo) {
    for (const int n : {1, 2, 3}) {
        record({SecurityEventReceived{"CP1",
                                      "Test" + std::to_string(n),
                                      {},
                                      noon + std::chrono::hours{n},
                                      noon + std::chrono::hours{n}}});
    }
    all_of([&] { return delete_old_security_events(connection_, noon + 3h); });
    EXPECT_EQ(sql("SELECT type FROM security_event"), "Test3");
}

TEST_F(Maintained, TheAuditLogGivesAwayNothingYoungerThanAYear) {
    const auto entry = [](Timestamp at) {
        return AuditEntry{at, "me", "create", "badge", "x", {}, {}, {}};
    };
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    record({entry(now - 400 * 24h), entry(now - 300 * 24h)});
    EXPECT_ANY_THROW(sql("DELETE FROM audit_log"));
    EXPECT_ANY_THROW(sql("SET busbar.audit_retention = 'on'; DELETE FROM audit_log"));
    all_of([&] { return delete_old_audit(connection_, now); });
    EXPECT_EQ(sql("SELECT count(*) FROM audit_log"), "1");
    EXPECT_ANY_THROW(sql("UPDATE audit_log SET actor = 'you'"));
    EXPECT_ANY_THROW(sql("TRUNCATE audit_log"));
}

TEST_F(Maintained, OldTransactionsLoseTheirBadge) {
    auto twin = start(2);
    twin.id_tag = "OTHER";
    twin.started_at = start(1).started_at;
    auto young = start(3);
    auto young_stop = stop(3);
    young_stop.stopped_at += 24h;
    record({start(1), twin, young, stop(1), stop(2), young_stop});
    all_of([&] { return anonymise_transactions(connection_, noon + 5h); });
    EXPECT_EQ(sql("SELECT id, id_tag, badge, stop_id_tag FROM transaction ORDER BY id"),
              "1|anonymous-1|anonymous|anonymous\n2|anonymous-2|anonymous|anonymous\n3|TAG1||TAG1");
}

TEST_F(Maintained, AnErasedBadgeIsNowhere) {
    // The same start under two spellings that were both read for this badge.
    auto one = start(1);
    one.id_tag = "04A1B2C3";
    one.badge = "04A1B2C3";
    auto two = one;
    two.id = 2;
    two.id_tag = "C3B2A104";
    auto other = start(3);
    auto its_stop = stop(3);
    its_stop.id_tag = "04a1b2c3";
    record({saved_badge("04A1B2C3"), one, two, other, its_stop});
    sql("INSERT INTO message_log (id, at, charge_point, direction, type, action, message_id, "
        "payload, bytes) SELECT n, now(), 'CP1', 'in', 'CALL', 'Authorize', n::text, p, 100 FROM ("
        "VALUES (1, '{\"idTag\":\"04a1B2C3\"}'), (2, '{\"idTag\" : \"C3B2A104\",\"x\":1}'), "
        "(3, '{\"idTag\":\"04A1B2C3F\"}'), (9000, '{\"idTag\":\"04A1B2C3\"}')) m (n, p)");
    record({BadgeErased{"04A1B2C3", "anon-12345678"}});
    EXPECT_EQ(sql("SELECT id, id_tag, badge, stop_id_tag FROM transaction ORDER BY id"),
              "1|anon-12345678|anon-12345678|\n2|anon-12345678-2|anon-12345678|\n"
              "3|TAG1||anon-12345678");
    EXPECT_EQ(sql("SELECT count(*) FROM badge"), "0");
    for (int i = 0; i < 20; ++i) scrub_messages(connection_);
    EXPECT_EQ(sql("SELECT id, payload FROM message_log ORDER BY id"),
              "1|{\"idTag\":\"anon-12345678\"}\n2|{\"idTag\" : \"anon-12345678\",\"x\":1}\n"
              "3|{\"idTag\":\"04A1B2C3F\"}\n9000|{\"idTag\":\"anon-12345678\"}");
    EXPECT_EQ(sql("SELECT count(*) FROM badge_erasure"), "2");
    // Messages that were on their way have come by then.
    sql("INSERT INTO message_log SELECT 9001, at, charge_point, direction, type, action, "
        "message_id, '{\"idTag\":\"04A1B2C3\"}', latency_ms, violation, bytes FROM message_log "
        "WHERE id = 3");
    sql("UPDATE badge_erasure SET erased_at = erased_at - interval '11 minutes'");
    all_of([&] { return scrub_messages(connection_); });
    EXPECT_EQ(sql("SELECT payload FROM message_log WHERE id = 9001"),
              "{\"idTag\":\"anon-12345678\"}");
    EXPECT_EQ(sql("SELECT count(*) FROM badge_erasure"), "0");
    EXPECT_EQ(sql("SELECT count(*) FROM message_log WHERE payload ~* '\"04a1b2c3\"|c3b2a104'"),
              "0");
}

TEST_F(Maintained, ErasingUsesItsIndexes) {
    sql("INSERT INTO transaction (id, transaction_id, charge_point, connector_id, id_tag, "
        "meter_start_wh, started_at, received_at, \"authorization\") SELECT n, n, 'CP1', 1, "
        "'TAG' || n, 0, now(), now(), 'Accepted' FROM generate_series(1, 50000) n");
    sql("ANALYZE transaction");
    const auto begin = std::chrono::steady_clock::now();
    record({BadgeErased{"TAG77", "anon-1"}});
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s);
    EXPECT_EQ(sql("SELECT count(*) FROM transaction WHERE id_tag = 'anon-1'"), "1");
}

TEST_F(Maintained, TheThreadDoesAllOfItAndSaysWhatFails) {
    record({start(1), stop(1)});
    record_samples(1, 0, 600, 60);
    Maintenance::Options options;
    options.url = url_;
    options.now = [] { return noon + 200 * 24h; };
    options.pause = 5ms;
    options.soon = 20ms;
    options.rare = 20ms;
    options.reconnect_wait = 20ms;
    options.reconnect_wait_max = 100ms;
    const Maintenance maintenance{options};
    EXPECT_TRUE(eventually([&] { return sql("SELECT count(*) FROM transaction_energy") == "1"; }));
    // Noon lies 200 days back: the rest has nothing left, the months of autumn are there.
    EXPECT_TRUE(eventually([&] { return sql("SELECT count(*) FROM meter_sample") == "0"; }));
    EXPECT_EQ(sql("SELECT sum(samples) FROM meter_quarter_hour"), "10");
    EXPECT_TRUE(eventually(
        [&] { return sql("SELECT to_regclass('meter_sample_2027_01') IS NOT NULL") == "t"; }));
    EXPECT_EQ(maintenance.health().state, Maintenance::State::normal);

    sql("ALTER TABLE transaction_energy RENAME TO hidden");
    record({start(2), stop(2)});
    EXPECT_TRUE(
        eventually([&] { return maintenance.health().state == Maintenance::State::failing; }));
    EXPECT_NE(maintenance.health().detail.find("energy: "), std::string::npos);
    EXPECT_EQ(maintenance.health().last_run_at, noon + 200 * 24h);
    EXPECT_EQ(maintenance.health().last_error_at, noon + 200 * 24h);
    EXPECT_TRUE(maintenance.health().last_error.starts_with("energy: "));
    sql("ALTER TABLE hidden RENAME TO transaction_energy");
    EXPECT_TRUE(eventually([&] { return sql("SELECT count(*) FROM transaction_energy") == "2"; }));
    EXPECT_TRUE(
        eventually([&] { return maintenance.health().state == Maintenance::State::normal; }));

    cluster().terminate("busbar-maintenance");
    record({start(3), stop(3)});
    EXPECT_TRUE(eventually([&] { return sql("SELECT count(*) FROM transaction_energy") == "3"; }));
}

TEST_F(Maintained, ALockThatIsHeldElsewhereHoldsUpNobody) {
    Connection holder{url_, 10s, "holder"};
    Transaction holding{holder};
    holding.exec("LOCK TABLE meter_sample_default IN ROW EXCLUSIVE MODE");
    Maintenance::Options options;
    options.url = url_;
    options.now = [] { return noon; };
    options.pause = 5ms;
    options.soon = options.rare = 10ms;
    options.reconnect_wait = 10ms;
    options.reconnect_wait_max = 50ms;
    options.lock_timeout = 20ms;
    const Maintenance maintenance{options};
    record({start(1), stop(1)});
    // Other work goes on.
    EXPECT_TRUE(eventually([&] { return sql("SELECT count(*) FROM transaction_energy") == "1"; }));
    EXPECT_EQ(sql("SELECT to_regclass('meter_sample_2026_05') IS NULL"), "t");
    holding.commit();
    EXPECT_TRUE(eventually(
        [&] { return sql("SELECT to_regclass('meter_sample_2026_05') IS NOT NULL") == "t"; }));
}

}  // namespace
}  // namespace busbar::db::test
