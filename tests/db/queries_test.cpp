#include "db/queries.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/administration.hpp"
#include "db/postgres_journal.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

// Writes units through a journal and returns when they are in PostgreSQL.
void store(const std::string& url, std::vector<std::vector<Record>> units) {
    Folder folder;
    Loop loop;
    PostgresJournal::Options options;
    options.url = url;
    options.spill_path = folder.file("spill");
    PostgresJournal journal{options, loop.executor()};
    for (auto& unit : units) journal.append(std::move(unit));
    journal.stop();
    ASSERT_EQ(journal.stats().spilled, 0U);
    ASSERT_EQ(journal.stats().quarantined, 0U);
}

LimitCommanded limit(std::int64_t sequence, std::int32_t connector_id, std::int32_t milliamps) {
    return {.charge_point = "CP1",
            .connector_id = connector_id,
            .sequence = sequence,
            .limit_milliamps = milliamps,
            .safe_milliamps = 6000,
            .sent_at = noon,
            .lease_end = noon + 10min,
            .kind = "renewal",
            .reason = "main_breaker"};
}

TEST(LoadSite, AnEmptyDatabase) {
    const auto url = migrated_database("load_empty");
    const auto site = load_site(url, "/nowhere/spill");
    EXPECT_EQ(site.next_transaction_key, 1);
    EXPECT_EQ(site.next_limit_sequence, 1);
    EXPECT_EQ(site.journal_sequence, 0U);
    EXPECT_TRUE(site.badges.empty());
}

TEST(LoadSite, BadgesChargePointsAndTokens) {
    const auto url = migrated_database("load_settings");
    auto badge = saved_badge("Abc");
    badge.label = "\"L\" \\ {}";
    badge.valid_until = noon + 7ms;
    badge.charge_points = std::vector<std::string>{"CP1", "a,\"b\"\\", ""};
    badge.max_active_transactions = 3;
    auto charge_point = saved_charge_point("CP1");
    charge_point.password_hash = "hash";
    charge_point.assume_ocpp16 = true;
    const ChargePointBooted boot{.id = "CP1",
                                 .vendor = "V",
                                 .model = "M",
                                 .serial_number = "S",
                                 .firmware_version = {},
                                 .at = noon + 1ms};
    const ConnectorStatus status{.charge_point = "CP1",
                                 .connector_id = 1,
                                 .status = "Charging",
                                 .error_code = "NoError",
                                 .info = "i",
                                 .vendor_error_code = {},
                                 .at = noon,
                                 .received_at = noon + 2ms};
    store(url, {{badge, charge_point, boot, status}});
    create_token(url, "kept", "viewer", "hash-1");
    revoke_token(url, create_token(url, "revoked", "admin", "hash-2"));

    const auto site = load_site(url, "/nowhere/spill");
    ASSERT_EQ(site.badges.size(), 1U);
    EXPECT_EQ(site.badges[0].id_tag, "Abc");
    EXPECT_EQ(site.badges[0].label, badge.label);
    EXPECT_EQ(site.badges[0].valid_until, badge.valid_until);
    EXPECT_EQ(site.badges[0].valid_from, std::nullopt);
    EXPECT_EQ(site.badges[0].charge_points, badge.charge_points);
    EXPECT_EQ(site.badges[0].max_active_transactions, 3);
    ASSERT_EQ(site.charge_points.size(), 1U);
    EXPECT_EQ(site.charge_points[0].password_hash, "hash");
    EXPECT_TRUE(site.charge_points[0].assume_ocpp16);
    ASSERT_EQ(site.boots.size(), 1U);
    EXPECT_EQ(site.boots[0].serial_number, "S");
    EXPECT_EQ(site.boots[0].at, boot.at);
    ASSERT_EQ(site.connectors.size(), 1U);
    EXPECT_EQ(site.connectors[0].status, "Charging");
    EXPECT_EQ(site.connectors[0].received_at, status.received_at);
    ASSERT_EQ(site.tokens.size(), 1U);
    EXPECT_EQ(site.tokens[0].name, "kept");
    EXPECT_EQ(site.tokens[0].secret_hash, "hash-1");
}

TEST(LoadSite, TransactionsAndLimits) {
    const auto url = migrated_database("load_transactions");
    auto per_phase = sample(3, 99, 9.0);
    per_phase.phase = "L1";
    auto implausible = start(4);
    implausible.implausible_start = true;
    store(url,
          {{start(1), stop(1)},
           {start(3), sample(3, 5, 1100), sample(3, 30, 1234.5), sample(3, 7, 1150), per_phase},
           {implausible},
           {limit(1, 1, 16000), limit(2, 1, 10000), limit(3, 2, 8000), limit(4, 1, 9000)},
           {LimitAnswered{.sequence = 1, .status = "Accepted", .at = noon},
            LimitAnswered{.sequence = 2, .status = "Accepted", .at = noon},
            LimitAnswered{.sequence = 4, .status = "timeout", .at = noon}}});

    const auto site = load_site(url, "/nowhere/spill");
    ASSERT_EQ(site.open_transactions.size(), 2U);
    EXPECT_EQ(site.open_transactions[0].start.id, 3);
    EXPECT_EQ(site.open_transactions[0].start.started_at, start(3).started_at);
    EXPECT_FALSE(site.open_transactions[0].start.implausible_start);
    ASSERT_FALSE(site.open_transactions[0].registers.empty());
    EXPECT_EQ(site.open_transactions[0].registers.front().wh, 1234.5);
    EXPECT_EQ(site.open_transactions[0].registers.front().at, noon + 30s);
    EXPECT_TRUE(site.open_transactions[1].start.implausible_start);
    EXPECT_TRUE(site.open_transactions[1].registers.empty());
    EXPECT_TRUE(site.recent_transactions.empty()) << "of charge points that are known";

    std::vector<std::int64_t> sequences;
    for (const auto& known : site.limits) sequences.push_back(known.commanded.sequence);
    EXPECT_EQ(sequences, (std::vector<std::int64_t>{2, 4, 3}))
        << "back to the last accepted of each connector";
    EXPECT_EQ(site.limits[0].answered->status, "Accepted");
    EXPECT_EQ(site.limits[1].answered->status, "timeout");
    EXPECT_FALSE(site.limits[2].answered);
    EXPECT_EQ(site.limits[1].commanded.lease_end, noon + 10min);
    EXPECT_EQ(site.next_transaction_key, 5);
    EXPECT_EQ(site.next_limit_sequence, 5);
    EXPECT_EQ(site.journal_sequence, 5U);
}

TEST(LoadSite, TheRecentTransactionsOfEachChargePoint) {
    const auto url = migrated_database("load_recent");
    std::vector<Record> records{saved_charge_point("CP1"), saved_charge_point("CP2")};
    for (int id = 1; id <= 70; ++id) {
        records.emplace_back(start(id));
        records.emplace_back(stop(id));
    }
    const auto now =
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    for (int id = 101; id <= 170; ++id) {
        records.emplace_back(start(id, "CP2"));
        auto row = stop(id);
        row.received_at = now;
        records.emplace_back(row);
    }
    store(url, {std::move(records)});
    const auto site = load_site(url, "/nowhere/spill");
    int of_first = 0;
    int of_second = 0;
    for (const auto& recent : site.recent_transactions) {
        ++(recent.start.charge_point == "CP1" ? of_first : of_second);
    }
    EXPECT_EQ(of_first, 50);
    EXPECT_EQ(of_second, 70) << "all of the last 48 hours";
    EXPECT_EQ(site.recent_transactions.front().start.id, 21);
    EXPECT_EQ(site.recent_transactions.front().start.id_tag, "TAG1");
    EXPECT_EQ(site.recent_transactions.front().stop.meter_stop_wh, 5000);
    EXPECT_EQ(site.recent_transactions.front().stop.reason, "Local");
}

class Reading : public testing::Test {
protected:
    template <class T>
    T wait(const std::function<void(std::function<void(T)>)>& ask) {
        std::optional<T> answer;
        ask([&](T value) { answer = std::move(value); });
        EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
        return std::move(answer).value();
    }
    TransactionPage page(Reader& reader, const TransactionFilter& filter) {
        auto result = wait<ReadResult<TransactionPage>>(
            [&](auto done) { reader.transactions(filter, done); });
        return std::get<TransactionPage>(std::move(result));
    }
    static std::vector<TransactionKey> ids(const TransactionPage& page) {
        std::vector<TransactionKey> out;
        for (const auto& item : page.items) out.push_back(item.start.id);
        return out;
    }
    std::optional<ReadError> ping(Reader& reader) {
        return wait<std::optional<ReadError>>([&](auto done) { reader.ping(done); });
    }

    Loop loop_;
};

TEST_F(Reading, PagesAndFilters) {
    const auto url = migrated_database("read_pages");
    std::vector<Record> records;
    for (int id = 1; id <= 9; ++id) {
        auto row = start(id, id % 2 == 0 ? "CP2" : "CP1");
        if (id == 7) row.id_tag = "Other";
        records.emplace_back(row);
        if (id <= 5) records.emplace_back(stop(id));
    }
    store(url, {std::move(records)});
    Reader reader{url, loop_.executor()};
    using Ids = std::vector<TransactionKey>;
    TransactionFilter filter;
    filter.limit = 4;
    auto got = page(reader, filter);
    EXPECT_EQ(ids(got), (Ids{9, 8, 7, 6}));
    ASSERT_EQ(got.next, 6);
    filter.cursor = got.next;
    got = page(reader, filter);
    EXPECT_EQ(ids(got), (Ids{5, 4, 3, 2}));
    filter.cursor = got.next;
    got = page(reader, filter);
    EXPECT_EQ(ids(got), (Ids{1}));
    EXPECT_EQ(got.next, std::nullopt);
    EXPECT_EQ(got.items[0].stop->meter_stop_wh, 5000);

    EXPECT_EQ(ids(page(reader, {.active = true, .charge_point = "CP2"})), (Ids{8, 6}));
    EXPECT_EQ(ids(page(reader, {.active = false, .charge_point = "CP2"})), (Ids{4, 2}));
    EXPECT_EQ(ids(page(reader, {.id_tag = "oTHER"})), (Ids{7}));
    EXPECT_EQ(ids(page(reader, {.from = noon + 3s, .to = noon + 5s})), (Ids{4, 3}));
    EXPECT_EQ(ids(page(reader, {.id_tag = "'; DROP TABLE transaction; --"})), Ids{});
}

TEST_F(Reading, OneTransactionAndItsMeterValues) {
    const auto url = migrated_database("read_one");
    auto voltage = sample(1, 2, 230.0);
    voltage.measurand = "Voltage";
    voltage.phase = "L1";
    voltage.number = std::nullopt;
    store(url, {{start(1), sample(1, 1), sample(1, 2), voltage, sample(1, 3), sample(2, 4)}});
    Reader reader{url, loop_.executor()};
    using Row = std::optional<TransactionRow>;
    const auto found =
        std::get<Row>(wait<ReadResult<Row>>([&](auto done) { reader.transaction(1, done); }));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->start.charge_point, "CP1");
    EXPECT_FALSE(found->stop);
    EXPECT_FALSE(
        std::get<Row>(wait<ReadResult<Row>>([&](auto done) { reader.transaction(9, done); })));

    const auto values = [&](std::optional<Timestamp> cursor, int limit) {
        return std::get<MeterValuePage>(wait<ReadResult<MeterValuePage>>(
            [&](auto done) { reader.meter_values(1, cursor, limit, done); }));
    };
    const auto first = values({}, 2);
    EXPECT_EQ(first.items.size(), 3U) << "samples of one moment stay together";
    ASSERT_TRUE(first.next);
    const auto second = values(first.next, 2);
    ASSERT_EQ(second.items.size(), 1U);
    EXPECT_FALSE(second.next);
    EXPECT_EQ(second.items[0].measured_at, noon + 3s);
    EXPECT_EQ(second.items[0].number, 1500.0);
    EXPECT_EQ(second.items[0].transaction, 1);
}

TEST_F(Reading, ErrorsAreAnsweredAndPass) {
    const auto url = migrated_database("read_errors");
    Reader reader{url, loop_.executor(), 500ms};
    EXPECT_EQ(ping(reader), std::nullopt);
    cluster().terminate("busbar-read");
    EXPECT_FALSE(ping(reader)) << "a connection that died while idle is no error";

    cluster().freeze();
    const auto asked_at = std::chrono::steady_clock::now();
    int busy = 0;
    int unavailable = 0;
    for (int i = 0; i < 70; ++i) {
        reader.ping([&](const std::optional<ReadError>& answer) {
            if (answer) ++(answer->kind == ReadError::Kind::busy ? busy : unavailable);
        });
    }
    EXPECT_TRUE(loop_.run_until([&] { return busy > 0 && unavailable > 0; }));
    EXPECT_LT(std::chrono::steady_clock::now() - asked_at, 8s);
    EXPECT_LE(busy, 70 - 64);
    cluster().thaw();
    EXPECT_TRUE(loop_.run_until([&] { return !ping(reader); })) << "well again";

    cluster().stop();
    auto error = ping(reader);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, ReadError::Kind::unavailable);
    cluster().start();
    EXPECT_FALSE(ping(reader));
    cluster().sql("INSERT INTO schema_version VALUES (99, 'later')", "read_errors");
    error = ping(reader);
    ASSERT_TRUE(error);
    EXPECT_THAT(error->detail, testing::HasSubstr("99"));
}

// A start that left no row was answered all the same: its charger uses that id.
TEST(Queries, AnIdThatWasAnsweredIsNeverGivenAgain) {
    const auto url = migrated_database("queries_id_max");
    {
        boost::asio::io_context loop;
        PostgresJournal::Options options;
        options.url = url;
        options.spill_path = (std::filesystem::temp_directory_path() /
                              ("busbar-id-max-" + std::to_string(::getpid())))
                                 .string();
        PostgresJournal journal{options, loop.get_executor()};
        auto first = start(1);
        auto repeat = first;
        repeat.id = 7;
        std::vector<Record> unit;
        unit.emplace_back(first);
        journal.append(unit);
        unit.front() = repeat;
        journal.append(unit);
        journal.stop();
        std::filesystem::remove(options.spill_path);
    }
    EXPECT_EQ(load_site(url, "/nowhere/spill").next_transaction_key, 8);
}

}  // namespace
}  // namespace busbar::db::test
