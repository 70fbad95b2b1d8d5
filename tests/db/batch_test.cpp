#include "db/batch.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <spdlog/spdlog.h>

#include <array>
#include <set>

#include "db/connection.hpp"
#include "db/repository.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

// Rows with few keys and few values, so that they meet.
int below(int max) { return *rc::gen::inRange(0, max); }
std::string any_charge_point() { return below(2) ? "CP1" : "cp2"; }
Timestamp any_time() { return noon + std::chrono::minutes{below(3)}; }
std::string any_text() { return std::to_string(below(9)); }

Record any_charge_point_record(int kind) {
    if (kind == 0) {
        auto row = saved_charge_point(any_charge_point());
        row.max_milliamps = below(5) * 1000;
        return row;
    }
    if (kind == 1) return ChargePointRemoved{.id = any_charge_point()};
    if (kind == 2) {
        return ChargePointBooted{.id = any_charge_point(),
                                 .vendor = any_text(),
                                 .model = "m",
                                 .serial_number = {},
                                 .firmware_version = {},
                                 .at = any_time()};
    }
    return ConnectorStatus{.charge_point = any_charge_point(),
                           .connector_id = below(2),
                           .status = any_text(),
                           .error_code = "NoError",
                           .info = {},
                           .vendor_error_code = {},
                           .at = any_time(),
                           .received_at = noon};
}

Record any_transaction_record(int kind) {
    if (kind == 0) {
        // The site gives every start a key of its own: the key decides the rest.
        const auto id = below(4);
        auto row = start(id, "CP" + std::to_string(id % 2));
        row.id_tag = below(2) ? "TAG1" : "tag1";
        return row;
    }
    if (kind == 1) {
        auto row = stop(below(5));
        row.meter_stop_wh = below(9);
        row.estimated = below(2) != 0;
        return row;
    }
    if (kind == 2) {
        return OrphanStop{.charge_point = any_charge_point(),
                          .transaction_id = below(2),
                          .meter_stop_wh = below(2),
                          .stopped_at = any_time(),
                          .received_at = noon,
                          .reason = any_text(),
                          .id_tag = {}};
    }
    auto row = sample(below(3), below(3), below(9));
    row.charge_point = any_charge_point();
    return row;
}

Record any_state_record(int kind) {
    const std::string of = below(2) ? "reservation" : "quirk";
    if (kind == 0) return StateSaved{.kind = of, .key = any_charge_point(), .body = {any_text()}};
    if (kind == 1) return StateRemoved{.kind = of, .key = any_charge_point()};
    return SecurityEventReceived{.charge_point = any_charge_point(),
                                 .type = "StartupOfTheDevice",
                                 .tech_info = below(2) ? std::optional{any_text()} : std::nullopt,
                                 .at = any_time(),
                                 .received_at = noon};
}

Record any_record() {
    const int kind = below(15);
    if (kind < 4) return any_charge_point_record(kind);
    if (kind < 8) return any_transaction_record(kind - 4);
    const std::string id_tag =
        std::array{"TAG1", "tag1", "Tag2"}[static_cast<std::size_t>(below(3))];
    if (kind == 8) {
        return LimitCommanded{.charge_point = any_charge_point(),
                              .connector_id = below(2),
                              .sequence = below(4),
                              .limit_milliamps = below(9),
                              .safe_milliamps = 0,
                              .sent_at = any_time(),
                              .lease_end = noon,
                              .kind = "raise",
                              .reason = "r"};
    }
    if (kind == 9) {
        return LimitAnswered{.sequence = below(4), .status = any_text(), .at = any_time()};
    }
    if (kind == 10) {
        auto row = saved_badge(id_tag);
        row.label = any_text();
        return row;
    }
    if (kind == 11) return BadgeRemoved{.id_tag = id_tag};
    return any_state_record(kind - 12);
}

// Commands follow their commands and stops their starts: an answer never precedes its command.
bool in_causal_order(const std::vector<Record>& records) {
    std::set<std::int64_t> answered;
    std::set<TransactionKey> stopped;
    for (const auto& record : records) {
        if (const auto* row = std::get_if<LimitAnswered>(&record)) answered.insert(row->sequence);
        if (const auto* row = std::get_if<TransactionStopped>(&record)) stopped.insert(row->id);
        if (const auto* row = std::get_if<LimitCommanded>(&record)) {
            if (answered.contains(row->sequence)) return false;
        }
        if (const auto* row = std::get_if<TransactionStarted>(&record)) {
            if (stopped.contains(row->id)) return false;
        }
    }
    return true;
}

std::string contents(Transaction& transaction) {
    std::string out;
    for (const std::string table : {"charge_point", "charge_point_boot", "connector_status",
                                    "transaction", "meter_sample", "limit_command", "badge"}) {
        const auto rows = transaction.exec(
            "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM " + table +
            " t");
        out += table + ":\n" + rows[0][0].as<std::string>() + "\n";
    }
    // Its id counts also what is written twice.
    const auto orphans = transaction.exec(
        "SELECT coalesce(string_agg((charge_point, transaction_id, stopped_at, meter_stop_wh, "
        "reason)::text, E'\\n' ORDER BY id), '') FROM orphan_stop");
    const auto states = transaction.exec(
        "SELECT coalesce(string_agg((kind, key, body::text)::text, E'\\n' ORDER BY kind, key), '') "
        "FROM site_state");
    const auto events = transaction.exec(
        "SELECT coalesce(string_agg((charge_point, type, at, tech_info)::text, E'\\n' "
        "ORDER BY id), '') FROM security_event");
    for (const auto& rows : {orphans, states, events}) out += rows[0][0].as<std::string>() + "\n";
    return out;
}

TEST(Batch, OneBatchHasTheOutcomeOfRowAfterRow) {
    const auto url = migrated_database("batch_law");
    Connection connection{url, 10s, "batch-test"};
    prepare_writes(connection);
    // In a transaction that is rolled back, so that each run begins with an empty database.
    const auto outcome = [&](const std::vector<std::vector<Unit>>& batches) {
        Transaction transaction{connection};
        for (const auto& units : batches) write(transaction, units);
        return contents(transaction);
    };
    spdlog::set_level(spdlog::level::off);  // stops without a start are among the records
    const bool holds = rc::check([&] {
        auto records = *rc::gen::container<std::vector<Record>>(rc::gen::exec(any_record));
        RC_PRE(in_causal_order(records));
        std::vector<Unit> units;
        std::vector<std::vector<Unit>> singles;
        for (auto& record : records) {
            Unit unit;
            unit.sequence = units.size() + 1;
            unit.records.push_back(std::move(record));
            units.push_back(unit);
            singles.push_back({unit});
        }
        const auto expected = outcome(singles);
        RC_ASSERT(outcome({units}) == expected);
        const auto cut =
            static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, units.size() + 1));
        RC_ASSERT(outcome({{units.begin(), units.begin() + cut},
                           {units.begin() + cut, units.end()}}) == expected);
    });
    spdlog::set_level(spdlog::level::info);
    EXPECT_TRUE(holds);
}

TEST(Batch, WritingABatchAgainChangesNothing) {
    const auto url = migrated_database("batch_again");
    Connection connection{url, 10s, "batch-test"};
    prepare_writes(connection);
    Unit unit;
    unit.sequence = 1;
    unit.records = {start(1),
                    stop(1),
                    sample(1, 1),
                    saved_badge("T"),
                    saved_charge_point("CP1"),
                    LimitCommanded{.charge_point = "CP1",
                                   .connector_id = 1,
                                   .sequence = 1,
                                   .limit_milliamps = 6000,
                                   .safe_milliamps = 0,
                                   .sent_at = noon,
                                   .lease_end = noon,
                                   .kind = "raise",
                                   .reason = "r"},
                    LimitAnswered{.sequence = 1, .status = "Accepted", .at = noon}};
    std::string once;
    for (int i = 0; i < 2; ++i) {
        Transaction transaction{connection};
        write(transaction, {&unit, 1});
        if (i == 0) once = contents(transaction);
        EXPECT_EQ(contents(transaction), once);
        transaction.commit();
    }
    EXPECT_EQ(cluster().sql("SELECT count(*) FROM quarantine", "batch_again"), "0");
}

TEST(Batch, TheStartKeyIgnoresCaseAndHonoursTheTimeOfReceipt) {
    const auto url = migrated_database("batch_start_key");
    Connection connection{url, 10s, "batch-test"};
    prepare_writes(connection);
    auto repeat = start(1);
    repeat.id_tag = "tag1";
    repeat.id = 2;
    auto implausible = start(1);
    implausible.id = 3;
    implausible.implausible_start = true;
    auto later = implausible;
    later.id = 4;
    later.received_at += 1h;
    auto at_once = later;
    at_once.id = 5;
    Unit unit;
    unit.sequence = 1;
    unit.records = {start(1), repeat, implausible, later, at_once, later};
    Transaction transaction{connection};
    write(transaction, {&unit, 1});
    transaction.commit();
    EXPECT_EQ(cluster().sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM transaction",
                            "batch_start_key"),
              "1,3,4,5");
}

TEST(Batch, AStopWithoutItsStartIsKept) {
    const auto url = migrated_database("batch_lonely_stop");
    Connection connection{url, 10s, "batch-test"};
    prepare_writes(connection);
    Unit unit;
    unit.sequence = 8;
    unit.records = {stop(4711)};
    Transaction transaction{connection};
    write(transaction, {&unit, 1});
    transaction.commit();
    EXPECT_EQ(cluster().sql("SELECT sequence, records::jsonb->0->1->>'id' FROM quarantine",
                            "batch_lonely_stop"),
              "8|4711");
}

}  // namespace
}  // namespace busbar::db::test
