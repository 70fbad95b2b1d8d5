#include "db/token_uses.hpp"

#include <gtest/gtest.h>

#include "db/administration.hpp"
#include "db/connection.hpp"
#include "db/maintenance.hpp"
#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

TEST(TokenUses, TheNewestIsWrittenAndWhatFailsIsKept) {
    const auto url = migrated_database("token_uses");
    const auto first = create_token(url, "a", "viewer", "hash-1");
    const auto second = create_token(url, "b", "viewer", "hash-2");
    Connection connection{url, 10s, "test"};
    TokenUses uses;
    EXPECT_FALSE(write_token_uses(connection, uses)) << "nothing to do";
    uses.used(first, noon + 60s);
    uses.used(first, noon);
    uses.used(second + 1, noon);  // one that is gone
    EXPECT_FALSE(write_token_uses(connection, uses));
    EXPECT_EQ(tokens(url)[0].last_used_at, noon + 60s);
    EXPECT_EQ(tokens(url)[1].last_used_at, std::nullopt);
    EXPECT_TRUE(uses.take().empty());

    uses.used(first, noon);
    write_token_uses(connection, uses);
    EXPECT_EQ(tokens(url)[0].last_used_at, noon + 60s) << "never backwards";

    cluster().sql("ALTER TABLE api_token RENAME TO elsewhere", "token_uses");
    uses.used(second, noon);
    EXPECT_THROW(write_token_uses(connection, uses), std::exception);
    cluster().sql("ALTER TABLE elsewhere RENAME TO api_token", "token_uses");
    write_token_uses(connection, uses);
    EXPECT_EQ(tokens(url)[1].last_used_at, noon);
}

TEST(TokenUses, AreWrittenByTheMaintenance) {
    const auto url = migrated_database("token_uses_maintenance");
    const auto id = create_token(url, "a", "viewer", "hash-1");
    const auto uses = std::make_shared<TokenUses>();
    uses->used(id, noon);
    Maintenance::Options options;
    options.url = url;
    options.token_uses = uses;
    const Maintenance maintenance{std::move(options)};
    EXPECT_TRUE(eventually([&] { return tokens(url)[0].last_used_at.has_value(); }));
    EXPECT_EQ(tokens(url)[0].last_used_at, noon);
}

}  // namespace
}  // namespace busbar::db::test
