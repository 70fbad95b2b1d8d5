#include "db/message_log.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "db/queries.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

MessageRow message(int number, const std::string& payload = "{}",
                   const std::string& charge_point = "CP1") {
    return {.at = noon + std::chrono::seconds{number},
            .charge_point = charge_point,
            .direction = number % 2 ? "in" : "out",
            .type = "CALL",
            .action = number % 2 ? "Heartbeat" : "Reset",
            .message_id = std::to_string(number),
            .payload = payload,
            .latency_ms = {},
            .violation = {}};
}

class Logged : public testing::Test {
protected:
    explicit Logged() { options_.url = migrated_database(database_); }

    void open(const std::string& url = "") {
        auto options = options_;
        options.batch_wait = 20ms;
        options.call_timeout = 1000ms;
        // The rows of these tests are of the year 2026.
        if (options.age_max == 30 * 24h) options.age_max = 100 * 365 * 24h;
        if (!url.empty()) options.url = url;
        log_ = std::make_unique<MessageLog>(options);
    }
    std::string sql(const std::string& statement) { return cluster().sql(statement, database_); }
    bool wait_for_written(std::uint64_t count) {
        return eventually([&] { return log_->written() >= count; });
    }
    MessagePage search(const MessageFilter& filter) {
        Reader reader{options_.url, loop_.executor(), 10s};
        std::optional<ReadResult<MessagePage>> answer;
        reader.messages(filter, [&](auto page) { answer = std::move(page); });
        EXPECT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
        return std::get<MessagePage>(std::move(answer).value());
    }
    std::vector<std::string> ids(const MessageFilter& filter) {
        std::vector<std::string> out;
        for (const auto& item : search(filter).items) out.push_back(item.row.message_id);
        return out;
    }

    static std::string unused_name() {
        static int count = 0;
        return "message_log_" + std::to_string(++count);
    }

    const std::string database_ = unused_name();
    Loop loop_;
    MessageLog::Options options_;
    std::unique_ptr<MessageLog> log_;
};

TEST_F(Logged, KeepsWhatItGotInOrder) {
    open();
    auto first = message(1, R"({"a" : 1.50})");
    first.type = "CALLRESULT";
    first.latency_ms = 42;
    first.violation = "late";
    log_->add(view_of(first));
    for (int i = 2; i <= 2500; ++i)
        log_->add(view_of(message(i, "{\"n\":" + std::to_string(i) + "}")));
    ASSERT_TRUE(wait_for_written(2500));
    EXPECT_EQ(sql("SELECT count(*), min(id), max(id), bool_and(id::text = message_id) "
                  "FROM message_log"),
              "2500|1|2500|t");
    const auto page = search({.limit = 2});
    ASSERT_EQ(page.items.size(), 2U);
    EXPECT_EQ(page.items[0].row.message_id, "2500");
    EXPECT_EQ(page.next, page.items[1].id);
    const auto oldest = search({.cursor = 2}).items.at(0);
    EXPECT_EQ(oldest.row.payload, first.payload);
    EXPECT_TRUE(oldest.payload_is_json);
    EXPECT_EQ(oldest.row.at, first.at);
    EXPECT_EQ(oldest.row.type, "CALLRESULT");
    EXPECT_EQ(oldest.row.latency_ms, 42);
    EXPECT_EQ(oldest.row.violation, "late");
}

// What is logged meanwhile.
class LogText {
public:
    LogText() {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", std::move(sink)));
    }
    ~LogText() { spdlog::set_default_logger(before_); }
    LogText(const LogText&) = delete;
    LogText& operator=(const LogText&) = delete;

    int count(const std::string& what) const {
        const auto text = text_.str();
        int found = 0;
        for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
            ++found;
        return found;
    }

private:
    std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
    std::ostringstream text_;
};

TEST_F(Logged, AFullDiskIsToldOnce) {
    sql("CREATE SEQUENCE refusals;"
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM nextval('refusals'); RAISE 'no space' USING ERRCODE = '53100'; END $$;"
        "CREATE TRIGGER full_disk BEFORE INSERT ON message_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse()");
    const LogText text;
    options_.reconnect_wait = 5ms;
    open();
    log_->add(view_of(message(1)));
    ASSERT_TRUE(eventually([&] { return std::stoi(sql("SELECT last_value FROM refusals")) >= 4; }));
    sql("DROP TRIGGER full_disk ON message_log");
    ASSERT_TRUE(wait_for_written(1));
    log_.reset();
    EXPECT_EQ(text.count("message_log away"), 1);
    EXPECT_LE(text.count("message_log back"), 1);
}

TEST_F(Logged, TakesTextOfAnyKind) {
    open();
    log_->add(view_of(message(1, std::string{"\xFF\0\xC3", 3})));
    log_->add(view_of(message(2, std::string(100'000, 'x'))));
    auto odd = message(3, "\\ \" {NULL} '");
    odd.action = std::string{"a\0b", 3};
    odd.message_id = "\xED\xA0\x80";
    log_->add(view_of(odd));
    ASSERT_TRUE(wait_for_written(3));
    EXPECT_EQ(log_->dropped(), 0U);
    const auto items = search({}).items;
    ASSERT_EQ(items.size(), 3U);
    EXPECT_EQ(items[0].row.payload, odd.payload);
    EXPECT_EQ(items[0].row.action, "ab");
    EXPECT_LT(items[1].row.payload.size(), MessageLog::payload_bytes_max + 100);
    EXPECT_THAT(items[1].row.payload, testing::EndsWith("cut here, it had 100000 bytes"));
    EXPECT_EQ(items[2].row.payload, "\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_FALSE(items[2].payload_is_json);
}

TEST_F(Logged, SecretsAreNowhereInTheTable) {
    open();
    auto row = message(1, R"({"key":"AuthorizationKey","value":"c0ffee"})");
    row.action = "ChangeConfiguration";
    log_->add(view_of(row));
    ASSERT_TRUE(wait_for_written(1));
    EXPECT_EQ(sql("SELECT count(*) FROM message_log m WHERE m::text LIKE '%c0ffee%'"), "0");
    EXPECT_EQ(sql("SELECT payload FROM message_log"),
              R"({"key":"AuthorizationKey","value":"***"})");
}

TEST_F(Logged, TheOldestAreDroppedWhenItIsFullAndAddingNeverWaits) {
    options_.waiting_rows_max = 100;
    options_.waiting_bytes_max = 1 << 20;
    open("postgresql:///none?host=/nonexistent/socket");
    const auto before = std::chrono::steady_clock::now();
    for (int i = 1; i <= 5000; ++i) log_->add(view_of(message(i)));
    EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
    EXPECT_EQ(log_->dropped(), 4900U);
    for (int i = 0; i < 100; ++i) log_->add(view_of(message(i, std::string(60'000, 'x'))));
    EXPECT_GT(log_->dropped(), 4900U + 150U) << "bounded by bytes as well";
}

TEST_F(Logged, GoesOnWhenTheDatabaseIsBack) {
    options_.waiting_rows_max = 10;
    open();
    log_->add(view_of(message(1)));
    ASSERT_TRUE(wait_for_written(1));
    cluster().stop();
    for (int i = 2; i <= 30; ++i) log_->add(view_of(message(i)));
    cluster().start();
    // What is lost is counted; the newest are there, once each and in order.
    ASSERT_TRUE(eventually([&] { return log_->written() + log_->dropped() >= 30; }));
    EXPECT_GT(log_->dropped(), 0U);
    EXPECT_EQ(sql("SELECT max(message_id::integer) FROM message_log"), "30");
    EXPECT_EQ(sql("SELECT count(DISTINCT message_id) = count(*) FROM message_log"), "t");
    EXPECT_EQ(sql("SELECT string_agg(message_id, ',' ORDER BY id) = "
                  "string_agg(message_id, ',' ORDER BY message_id::integer) FROM message_log"),
              "t");
}

TEST_F(Logged, EndsQuicklyWhenTheDatabaseIsFrozen) {
    open();
    log_->add(view_of(message(1)));
    ASSERT_TRUE(wait_for_written(1));
    cluster().freeze();
    log_->add(view_of(message(2)));
    const auto before = std::chrono::steady_clock::now();
    log_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 5s);
    cluster().thaw();
}

TEST_F(Logged, WhatIsWaitingIsWrittenAtTheEnd) {
    open();
    for (int i = 1; i <= 3000; ++i) log_->add(view_of(message(i)));
    ASSERT_TRUE(wait_for_written(1));
    log_.reset();
    EXPECT_EQ(sql("SELECT count(*) FROM message_log"), "3000");
}

TEST_F(Logged, DeletesWhatIsTooOld) {
    options_.age_max = 48h;
    options_.retention_interval = 50ms;
    sql("INSERT INTO message_log SELECT n, now() - interval '49 hours' + n * interval '1 minute', "
        "'CP1', 'in', 'CALL', 'A', n::text, '{}', NULL, NULL, 200 FROM generate_series(1, 6000) n "
        "WHERE n < 61 OR n > 5999");
    sql("UPDATE message_log SET at = now() WHERE id = 6000");
    open();
    ASSERT_TRUE(eventually([&] { return sql("SELECT count(*) FROM message_log") == "1"; }));
    EXPECT_EQ(sql("SELECT id FROM message_log"), "6000");
    auto fresh = message(7);
    fresh.at = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    log_->add(view_of(fresh));
    ASSERT_TRUE(wait_for_written(1));
    EXPECT_EQ(sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM message_log"), "6000,6001");
}

TEST_F(Logged, DeletesTheOldestWhenThereIsTooMuch) {
    options_.size_max = 1 << 20;
    options_.retention_interval = 50ms;
    // An earlier run has left 3 MB, more than one step of measuring and deleting.
    sql("INSERT INTO message_log SELECT n, now(), 'CP1', 'in', 'CALL', 'A', n::text, '{}', NULL, "
        "NULL, 100 FROM generate_series(1, 30000) n");
    open();
    ASSERT_TRUE(
        eventually([&] { return sql("SELECT sum(bytes) <= 1048576 FROM message_log") == "t"; }));
    EXPECT_EQ(sql("SELECT min(id), max(id) FROM message_log"), "19516|30000")
        << "no more than needed, and the oldest";
    for (int i = 0; i < 2000; ++i) log_->add(view_of(message(i, std::string(1000, 'x'))));
    ASSERT_TRUE(wait_for_written(2000));
    ASSERT_TRUE(
        eventually([&] { return sql("SELECT sum(bytes) <= 1048576 FROM message_log") == "t"; }));
    EXPECT_EQ(sql("SELECT max(id), min(id) > 30000 FROM message_log"), "32000|t");
}

TEST_F(Logged, CountsWhatARowOccupies) {
    open();
    const std::string payload(250, 'x');
    for (int i = 0; i < 20'000; ++i) {
        log_->add(view_of(message(i, payload)));
        if (i % 5000 != 0) continue;
        ASSERT_TRUE(wait_for_written(static_cast<std::uint64_t>(i)));
    }
    ASSERT_TRUE(wait_for_written(20'000));
    // Within a third of the truth, so that the limit means what it says.
    EXPECT_EQ(sql("SELECT round(sum(bytes)::numeric / pg_total_relation_size('message_log'), 1) "
                  "BETWEEN 0.8 AND 1.3 FROM message_log"),
              "t")
        << sql("SELECT sum(bytes), pg_total_relation_size('message_log') FROM message_log");
}

TEST_F(Logged, IsSearched) {
    open();
    log_->add(view_of(message(1, R"({"info":"100% Sure_thing"})")));
    log_->add(view_of(message(2, R"({"info":"1000 Surexthing"})")));
    log_->add(view_of(message(3, R"({"info":"back\\slash"})", "CP2")));
    log_->add(view_of(message(4, R"({"info":"'quote'"})", "CP2")));
    ASSERT_TRUE(wait_for_written(4));
    EXPECT_THAT(ids({.text = "sURE"}), ElementsAre("2", "1"));
    EXPECT_THAT(ids({.text = "100%"}), ElementsAre("1"));
    EXPECT_THAT(ids({.text = "e_t"}), ElementsAre("1"));
    EXPECT_THAT(ids({.text = "\\"}), ElementsAre("3"));
    EXPECT_THAT(ids({.text = "'"}), ElementsAre("4"));
    EXPECT_THAT(ids({.charge_point = "CP2"}), ElementsAre("4", "3"));
    EXPECT_THAT(ids({.charge_point = "CP2", .text = "info"}), ElementsAre("4", "3"));
    EXPECT_THAT(ids({.charge_point = "CP3"}), IsEmpty());
    EXPECT_THAT(ids({.direction = "in"}), ElementsAre("3", "1"));
    EXPECT_THAT(ids({.action = "Reset"}), ElementsAre("4", "2"));
    EXPECT_THAT(ids({.from = noon + 2s, .to = noon + 4s}), ElementsAre("3", "2"));
    EXPECT_THAT(ids({.limit = 1}), ElementsAre("4"));
    EXPECT_THAT(ids({.limit = 1, .cursor = 4}), ElementsAre("3"));
    EXPECT_FALSE(search({.limit = 4}).next);
}

// What matches lies far behind what does not, and is found in time; pages join without a gap.
TEST_F(Logged, ALongLogIsSearchedInPieces) {
    sql("INSERT INTO message_log SELECT n, now(), 'CP' || n % 3, 'in', 'CALL', 'A', n::text, "
        "CASE WHEN n % 50000 = 7 THEN 'needle' ELSE 'hay' END, NULL, NULL, 100 "
        "FROM generate_series(1, 220000) n");
    std::vector<std::string> found;
    MessageFilter filter{.text = "NEEDLE", .limit = 2};
    int pages = 0;
    do {
        const auto page = search(filter);
        for (const auto& item : page.items) found.push_back(item.row.message_id);
        filter.cursor = page.next;
    } while (filter.cursor && ++pages < 100);
    EXPECT_THAT(found, ElementsAre("200007", "150007", "100007", "50007", "7"));
    EXPECT_THAT(ids({.charge_point = "CP1", .text = "needle", .limit = 10}),
                ElementsAre("150007", "7"));
}

TEST_F(Logged, APageIsBoundedInBytes) {
    open();
    for (int i = 1; i <= 300; ++i) log_->add(view_of(message(i, std::string(60'000, 'x'))));
    ASSERT_TRUE(wait_for_written(300));
    MessageFilter filter{.limit = 10'000};
    std::size_t found = 0;
    int pages = 0;
    do {
        const auto page = search(filter);
        EXPECT_LT(page.items.size(), 200U);
        found += page.items.size();
        filter.cursor = page.next;
        ++pages;
    } while (filter.cursor);
    EXPECT_EQ(found, 300U);
    EXPECT_EQ(pages, 3);
}

}  // namespace
}  // namespace busbar::db::test
