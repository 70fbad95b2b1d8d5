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
Record any_record() {
    const auto n = [](int max) { return *rc::gen::inRange(0, max); };
    const std::string charge_point = n(2) ? "CP1" : "cp2";
    const std::string id_tag = std::array{"TAG1", "tag1", "Tag2"}[static_cast<std::size_t>(n(3))];
    const Timestamp at = noon + std::chrono::minutes{n(3)};
    switch (n(12)) {
        case 0: {
            auto row = saved_charge_point(charge_point);
            row.max_milliamps = n(5) * 1000;
            return row;
        }
        case 1:
            return ChargePointRemoved{.id = charge_point};
        case 2:
            return ChargePointBooted{.id = charge_point,
                                     .vendor = std::to_string(n(9)),
                                     .model = "m",
                                     .serial_number = {},
                                     .firmware_version = {},
                                     .at = at};
        case 3:
            return ConnectorStatus{.charge_point = charge_point,
                                   .connector_id = n(2),
                                   .status = std::to_string(n(9)),
                                   .error_code = "NoError",
                                   .info = {},
                                   .vendor_error_code = {},
                                   .at = at,
                                   .received_at = at};
        case 4: {
            // The site gives every start a key of its own: the key decides the rest.
            auto row = start(n(4), charge_point);
            row.charge_point = "CP" + std::to_string(row.id % 2);
            row.id_tag = n(2) ? "TAG1" : "tag1";
            return row;
        }
        case 5: {
            auto row = stop(n(5));
            row.meter_stop_wh = n(9);
            row.estimated = n(2) != 0;
            return row;
        }
        case 6:
            return OrphanStop{.charge_point = charge_point,
                              .transaction_id = n(2),
                              .meter_stop_wh = n(2),
                              .stopped_at = at,
                              .received_at = noon,
                              .reason = std::to_string(n(9)),
                              .id_tag = {}};
        case 7: {
            auto row = sample(n(3), n(3), n(9));
            row.charge_point = charge_point;
            return row;
        }
        case 8:
            return LimitCommanded{.charge_point = charge_point,
                                  .connector_id = n(2),
                                  .sequence = n(4),
                                  .limit_milliamps = n(9),
                                  .safe_milliamps = 0,
                                  .sent_at = at,
                                  .lease_end = at,
                                  .kind = "raise",
                                  .reason = "r"};
        case 9:
            return LimitAnswered{.sequence = n(4), .status = std::to_string(n(9)), .at = at};
        case 10: {
            auto row = saved_badge(id_tag);
            row.label = std::to_string(n(9));
            return row;
        }
        default:
            return BadgeRemoved{.id_tag = id_tag};
    }
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
    return out + orphans[0][0].as<std::string>();
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

TEST(Batch, TheStartKeyIgnoresCaseAndHonoursTheReceiveDay) {
    const auto url = migrated_database("batch_start_key");
    Connection connection{url, 10s, "batch-test"};
    prepare_writes(connection);
    auto repeat = start(1);
    repeat.id_tag = "tag1";
    repeat.id = 2;
    auto implausible = start(1);
    implausible.id = 3;
    implausible.implausible_start = true;
    auto next_day = implausible;
    next_day.id = 4;
    next_day.received_at += 24h;
    auto same_day = next_day;
    same_day.id = 5;
    same_day.received_at += 1h;
    Unit unit;
    unit.sequence = 1;
    unit.records = {start(1), repeat, implausible, next_day, same_day};
    Transaction transaction{connection};
    write(transaction, {&unit, 1});
    transaction.commit();
    EXPECT_EQ(cluster().sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM transaction",
                            "batch_start_key"),
              "1,3,4");
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
