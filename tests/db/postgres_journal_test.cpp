#include "db/postgres_journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "db/queries.hpp"
#include "tests/db/commit_proxy.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

using State = PostgresJournal::State;
using testing::HasSubstr;

// Every write of the n-th connector_status leaves a row behind: a unit written twice shows, and so
// does the order.
constexpr const char* audit_schema = R"(
CREATE TABLE audit (id bigserial, n bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO audit (n) VALUES (NEW.connector_id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON connector_status FOR EACH ROW EXECUTE FUNCTION note();
)";

Record numbered(int n) {
    return ConnectorStatus{.charge_point = "CP" + std::to_string(n % 7),
                           .connector_id = n,
                           .status = "Available",
                           .error_code = "NoError",
                           .info = {},
                           .vendor_error_code = {},
                           .at = noon,
                           .received_at = noon};
}

// A database, a journal on it, and a load that keeps some units waiting at all times.
class Journaled : public testing::Test {
protected:
    void SetUp() override {
        static int count = 0;
        database_ = "journal_" + std::to_string(::getpid()) + "_" + std::to_string(++count);
        url_ = migrated_database(database_);
        cluster().sql(audit_schema, database_);
    }
    void TearDown() override {
        journal_.reset();
        loop_.context().poll();
    }

    PostgresJournal::Options options() {
        PostgresJournal::Options out;
        out.url = url_;
        out.spill_path = folder_.file("spill");
        out.call_timeout = 700ms;
        out.reconnect_wait = 20ms;
        out.reconnect_wait_max = 200ms;
        out.on_state_change = [this](const PostgresJournal::Health& health) {
            states_.push_back(health.state);
        };
        return out;
    }
    void open() { open(options()); }
    void open(PostgresJournal::Options options) {
        journal_ = std::make_unique<PostgresJournal>(std::move(options), loop_.executor());
    }

    void append_numbered() {
        const int n = ++appended_;
        const auto ticket = journal_->append({numbered(n)});
        journal_->when_durable(ticket, [this, n] { acknowledged_.push_back(n); });
    }
    // Appends until `count` more are acknowledged, with at most 50 waiting.
    bool load(std::size_t count) {
        const auto goal = acknowledged_.size() + count;
        return loop_.run_until([&] {
            while (static_cast<std::size_t>(appended_) - acknowledged_.size() < 50) {
                append_numbered();
            }
            return acknowledged_.size() >= goal;
        });
    }
    bool settle() {
        return loop_.run_until([&] {
            return acknowledged_.size() == static_cast<std::size_t>(appended_) &&
                   journal_->health().state == State::normal;
        });
    }
    void expect_exactly_once_in_order() {
        std::vector<int> expected(static_cast<std::size_t>(appended_));
        for (int n = 0; n < appended_; ++n) expected[static_cast<std::size_t>(n)] = n + 1;
        EXPECT_EQ(acknowledged_, expected) << "releases run in the order of their tickets";
        EXPECT_EQ(sql("SELECT count(*), count(DISTINCT n), min(n), max(n) FROM audit"),
                  std::to_string(appended_) + "|" + std::to_string(appended_) + "|1|" +
                      std::to_string(appended_));
        EXPECT_EQ(sql("SELECT count(*) FROM (SELECT n, lag(n) OVER (ORDER BY id) AS before "
                      "FROM audit) a WHERE before > n"),
                  "0");
        EXPECT_EQ(sql("SELECT count(*) FROM quarantine"), "0");
    }
    std::string sql(const std::string& query) { return cluster().sql(query, database_); }

    Folder folder_;
    Loop loop_;
    std::string database_;
    std::string url_;
    std::vector<State> states_;
    std::vector<int> acknowledged_;
    int appended_ = 0;
    std::unique_ptr<PostgresJournal> journal_;
};

TEST_F(Journaled, ManyUnitsShareACommit) {
    open();
    ASSERT_TRUE(load(3000));
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
    EXPECT_LT(journal_->stats().commits, journal_->stats().records / 2);
    EXPECT_EQ(journal_->stats().spilled, 0U);
    EXPECT_EQ(journal_->health().pending_records, 0U);
}

TEST_F(Journaled, WhatIsDurableIsReleasedAtOnce) {
    open();
    std::vector<int> order;
    const auto first = journal_->append({numbered(1)});
    const auto second = journal_->append({numbered(2)});
    // Registered in another order than appended, and one of them twice.
    journal_->when_durable(second, [&] { order.push_back(2); });
    journal_->when_durable(first, [&] {
        order.push_back(1);
        journal_->when_durable(second, [&] { order.push_back(3); });
    });
    EXPECT_TRUE(order.empty());
    ASSERT_TRUE(loop_.run_until([&] { return order.size() == 3; }));
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    journal_->when_durable(second, [&] { order.push_back(4); });
    EXPECT_EQ(order.back(), 4) << "nothing to wait for";
    EXPECT_EQ(sql("SELECT sequence FROM journal_position"), "2");
}

TEST_F(Journaled, ASecondBusbarIsRefused) {
    open();
    Folder other;
    auto second = options();
    second.spill_path = other.file("spill");
    second.lock_wait = 100ms;
    try {
        const PostgresJournal journal{second, loop_.executor()};
        FAIL() << "two writers on one database";
    } catch (const DatabaseError& error) {
        EXPECT_THAT(error.what(), HasSubstr("another Busbar"));
        EXPECT_THAT(error.what(), HasSubstr("this machine"));
    }
    journal_.reset();
    open(second);
}

TEST_F(Journaled, RefusesADatabaseWithoutSchema) {
    auto bare = options();
    bare.url = cluster().create_database(database_ + "_bare");
    try {
        const PostgresJournal journal{bare, loop_.executor()};
        FAIL() << "opened";
    } catch (const DatabaseError& error) {
        EXPECT_THAT(error.what(), HasSubstr("migrate"));
    }
}

TEST_F(Journaled, ServerStoppedUnderLoadAndStartedAgain) {
    open();
    ASSERT_TRUE(load(500));
    cluster().stop();
    EXPECT_TRUE(load(500)) << "the spill counts as durable";
    EXPECT_EQ(journal_->health().state, State::spilling);
    EXPECT_GT(journal_->health().spilled_units, 400U);
    cluster().start();
    EXPECT_TRUE(load(500));
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
    EXPECT_EQ(journal_->health().spilled_units, 0U);
    ASSERT_TRUE(loop_.run_until([&] { return states_.back() == State::normal; }));
    ASSERT_GE(states_.size(), 3U);
    EXPECT_EQ(states_.front(), State::spilling);
    EXPECT_EQ(states_[states_.size() - 2], State::draining);
    EXPECT_EQ(states_.back(), State::normal);
}

TEST_F(Journaled, BackendsTerminatedAtRandomTimes) {
    open();
    std::mt19937 random{20260501};
    for (int i = 0; i < 25; ++i) {
        ASSERT_TRUE(load(random() % 120));
        cluster().terminate("busbar-journal");
    }
    ASSERT_TRUE(load(100));
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
    EXPECT_GT(journal_->stats().spilled, 0U);
}

TEST_F(Journaled, AServerThatIsFrozen) {
    open();
    ASSERT_TRUE(load(200));
    cluster().freeze();
    const auto frozen_at = std::chrono::steady_clock::now();
    EXPECT_TRUE(load(200));
    EXPECT_LT(std::chrono::steady_clock::now() - frozen_at, 5s);
    EXPECT_EQ(journal_->health().state, State::spilling);
    cluster().thaw();
    EXPECT_TRUE(load(200));
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
}

TEST_F(Journaled, ServerKilledAndStartedAgain) {
    open();
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(load(300));
        cluster().kill();
        EXPECT_TRUE(load(100));
        cluster().start();
    }
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
}

TEST_F(Journaled, ATableLockedBySomebodyElse) {
    open();
    ASSERT_TRUE(load(100));
    auto* locker = ::popen(
        ("'" + cluster().programs() + "/psql' -XAtq '" + url_ + "' >/dev/null 2>&1").c_str(), "w");
    ASSERT_NE(locker, nullptr);
    std::fputs("BEGIN; LOCK TABLE connector_status;\n", locker);
    std::fflush(locker);
    ASSERT_TRUE(eventually([&] {
        return sql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted "
                   "AND relation = 'connector_status'::regclass") == "1";
    }));
    EXPECT_TRUE(load(200));
    EXPECT_GT(journal_->stats().spilled, 0U);
    ::pclose(locker);
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
}

TEST_F(Journaled, ACommitInDoubt) {
    Folder sockets;
    CommitProxy proxy{cluster().folder(), sockets.file("")};
    auto through = options();
    through.url =
        "postgresql:///" + database_ + "?host=" + sockets.file("") + "&port=5499&user=busbar";
    open(through);
    for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(load(60));
        ASSERT_TRUE(settle()) << "so that the COMMIT that is cut is that of a batch";
        proxy.cut_next(i % 2 == 0 ? CommitProxy::Cut::after_commit
                                  : CommitProxy::Cut::before_commit);
        ASSERT_TRUE(load(60));
        ASSERT_TRUE(loop_.run_until([&] { return proxy.cuts() == i + 1; }));
    }
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
    journal_.reset();
}

TEST_F(Journaled, NothingIsAcknowledgedWhenNothingCanBeWritten) {
    auto small = options();
    small.spill_pages_max = 40;
    small.pending_records_max = 500;
    open(small);
    ASSERT_TRUE(load(50));
    ASSERT_TRUE(loop_.run_until(
        [&] { return acknowledged_.size() == static_cast<std::size_t>(appended_); }));
    cluster().stop();
    ASSERT_TRUE(loop_.run_until([&] {
        if (!journal_->full()) append_numbered();
        return journal_->health().state == State::failing && journal_->full();
    }));
    EXPECT_LT(acknowledged_.size(), static_cast<std::size_t>(appended_));
    EXPECT_GE(journal_->health().pending_records, 500U);
    EXPECT_THAT(journal_->health().detail, HasSubstr("full: bring PostgreSQL back, or free space"));
    cluster().start();
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
    EXPECT_FALSE(journal_->full());
    EXPECT_THAT(states_, testing::Contains(State::failing));
}

TEST_F(Journaled, StoppedWhileAwayThenDrainedAtTheNextStart) {
    open();
    ASSERT_TRUE(load(100));
    cluster().stop();
    for (int i = 0; i < 100; ++i) append_numbered();
    journal_->stop();
    ASSERT_TRUE(loop_.run_until(
        [&] { return acknowledged_.size() == static_cast<std::size_t>(appended_); }));
    journal_.reset();
    EXPECT_GT(std::filesystem::file_size(folder_.file("spill")), 0U);
    cluster().start();
    open();
    EXPECT_EQ(journal_->health().spilled_units, 0U);
    expect_exactly_once_in_order();
    ASSERT_TRUE(load(50));
    ASSERT_TRUE(settle());
    expect_exactly_once_in_order();
}

TEST_F(Journaled, LoadSiteReadsWhatWasLeftInTheSpill) {
    open();
    cluster().stop();
    const auto ticket = journal_->append({start(41), saved_badge("LEFT")});
    bool durable = false;
    journal_->when_durable(ticket, [&] { durable = true; });
    ASSERT_TRUE(loop_.run_until([&] { return durable; }));
    journal_.reset();
    cluster().start();
    const auto site = load_site(url_, folder_.file("spill"));
    ASSERT_EQ(site.open_transactions.size(), 1U);
    EXPECT_EQ(site.open_transactions[0].start.id, 41);
    EXPECT_EQ(site.next_transaction_key, 42);
    EXPECT_EQ(site.badges.size(), 1U);
    EXPECT_EQ(drain_spill(url_, folder_.file("spill")), 0U);
}

TEST_F(Journaled, APoisonedUnitIsQuarantinedAndTheRestWritten) {
    open();
    cluster().stop();  // so that all of them make one batch
    for (int i = 0; i < 20; ++i) append_numbered();
    const auto poison = journal_->append(
        {start(1), saved_badge("longer than twenty characters"), Record{numbered(1000)}});
    bool released = false;
    journal_->when_durable(poison, [&] { released = true; });
    for (int i = 0; i < 20; ++i) append_numbered();
    cluster().start();
    ASSERT_TRUE(settle());
    EXPECT_TRUE(released);
    EXPECT_EQ(journal_->stats().quarantined, 1U);
    EXPECT_EQ(sql("SELECT count(*), count(DISTINCT n), max(n) FROM audit"), "40|40|40")
        << "a unit is written whole or not at all";
    EXPECT_EQ(sql("SELECT records::jsonb->1->1->>'id_tag' FROM quarantine"),
              "longer than twenty characters");
    EXPECT_THAT(sql("SELECT error FROM quarantine"), HasSubstr("23514"));
    EXPECT_EQ(sql("SELECT sequence FROM journal_position"), "41");
}

TEST_F(Journaled, TellsWhatASnapshotIncludes) {
    open();
    const auto first = journal_->append({saved_badge("A")});
    bool durable = false;
    journal_->when_durable(first, [&] { durable = true; });
    ASSERT_TRUE(loop_.run_until([&] { return durable; }));
    const auto site = load_site(url_, folder_.file("spill"));
    const auto second = journal_->append({saved_badge("B")});
    EXPECT_TRUE(journal_->includes(site.journal_sequence, first));
    EXPECT_FALSE(journal_->includes(site.journal_sequence, second));
    journal_.reset();
    open();
    const auto third = journal_->append({saved_badge("C")});
    EXPECT_EQ(third, 1U) << "tickets begin anew";
    EXPECT_FALSE(journal_->includes(site.journal_sequence, third));
}

}  // namespace
}  // namespace busbar::db::test
