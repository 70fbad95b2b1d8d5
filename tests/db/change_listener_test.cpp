#include "db/change_listener.hpp"

#include <gtest/gtest.h>

#include "db/administration.hpp"
#include "db/postgres_journal.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

class Listening : public testing::Test {
protected:
    void listen(const std::string& url) {
        listener_ = std::make_unique<ChangeListener>(
            url, loop_.executor(),
            ChangeListener::Callbacks{
                .badges =
                    [this](auto rows, auto sequence) {
                        badges_ = std::move(rows);
                        sequence_ = sequence;
                        ++badge_snapshots_;
                    },
                .charge_points = [this](auto rows, auto) { charge_points_ = std::move(rows); },
                .tokens = [this](auto rows, auto) { tokens_ = std::move(rows); }},
            500ms);
    }
    bool badges_become(std::size_t count) {
        return loop_.run_until([&] { return badges_ && badges_->size() == count; });
    }

    Loop loop_;
    std::optional<std::vector<BadgeSaved>> badges_;
    std::optional<std::vector<ChargePointSaved>> charge_points_;
    std::optional<std::vector<Token>> tokens_;
    std::uint64_t sequence_ = 0;
    int badge_snapshots_ = 0;
    std::unique_ptr<ChangeListener> listener_;
};

TEST_F(Listening, HearsEditsBySqlAndByTheCommandLine) {
    const auto url = migrated_database("listen_edits");
    save_badge(url, saved_badge("FIRST"));
    listen(url);
    ASSERT_TRUE(badges_become(1)) << "all is read at the start";
    const auto edited_at = std::chrono::steady_clock::now();
    cluster().sql("INSERT INTO badge (id_tag) VALUES ('SECOND')", "listen_edits");
    ASSERT_TRUE(badges_become(2));
    EXPECT_LT(std::chrono::steady_clock::now() - edited_at, 1s);
    remove_badge(url, "first");
    ASSERT_TRUE(badges_become(1));
    cluster().sql("TRUNCATE badge", "listen_edits");
    ASSERT_TRUE(badges_become(0));
    save_charge_point(url, saved_charge_point("CP1"));
    ASSERT_TRUE(loop_.run_until([&] { return charge_points_ && charge_points_->size() == 1; }));
    const auto id = create_token(url, "script", "operator", "hash");
    ASSERT_TRUE(loop_.run_until([&] { return tokens_ && tokens_->size() == 1; }));
    EXPECT_TRUE(revoke_token(url, id));
    ASSERT_TRUE(loop_.run_until([&] { return tokens_->empty(); }));
}

TEST_F(Listening, ConnectsAgainAndReadsWhatItMissed) {
    const auto url = migrated_database("listen_again");
    listen(url);
    ASSERT_TRUE(badges_become(0));
    ASSERT_TRUE(loop_.run_until([&] { return listener_->listening(); }));
    cluster().stop();
    ASSERT_TRUE(loop_.run_until([&] { return !listener_->listening(); }));
    cluster().start();
    cluster().sql("INSERT INTO badge (id_tag) VALUES ('MISSED')", "listen_again");
    ASSERT_TRUE(badges_become(1));
}

TEST_F(Listening, TheOwnWritesComeBackWithTheirSequence) {
    const auto url = migrated_database("listen_own");
    Folder folder;
    PostgresJournal::Options options;
    options.url = url;
    options.spill_path = folder.file("spill");
    PostgresJournal journal{options, loop_.executor()};
    listen(url);
    ASSERT_TRUE(badges_become(0));
    EXPECT_EQ(sequence_, 0U);
    const auto first = journal.append({saved_badge("A")});
    EXPECT_FALSE(journal.includes(sequence_, first)) << "this snapshot knows nothing of A";
    ASSERT_TRUE(badges_become(1));
    EXPECT_TRUE(journal.includes(sequence_, first));
}

TEST_F(Listening, EndsQuicklyWhateverTheServerDoes) {
    const auto url = migrated_database("listen_end");
    listen(url);
    ASSERT_TRUE(loop_.run_until([&] { return listener_->listening(); }));
    auto before = std::chrono::steady_clock::now();
    listener_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);

    listen(url);
    ASSERT_TRUE(loop_.run_until([&] { return listener_->listening(); }));
    cluster().freeze();
    before = std::chrono::steady_clock::now();
    listener_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
    cluster().thaw();
    const int snapshots = badge_snapshots_;
    loop_.context().poll();
    EXPECT_EQ(badge_snapshots_, snapshots) << "nothing is called after the end";
}

}  // namespace
}  // namespace busbar::db::test
