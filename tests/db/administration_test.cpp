#include "db/administration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

TEST(Administration, Badges) {
    const auto url = migrated_database("admin_badges");
    auto badge = saved_badge("Tag'; --");
    badge.charge_points = std::vector<std::string>{"CP1"};
    badge.valid_until = noon;
    EXPECT_TRUE(add_badge(url, badge));
    badge.id_tag = "TAG'; --";
    EXPECT_FALSE(add_badge(url, badge)) << "the same idTag in another case";
    ASSERT_EQ(badges(url).size(), 1U);
    EXPECT_EQ(badges(url)[0].id_tag, "Tag'; --");
    EXPECT_EQ(badges(url)[0].charge_points, badge.charge_points);
    EXPECT_EQ(badges(url)[0].valid_until, noon);
    EXPECT_TRUE(block_badge(url, "tag'; --"));
    EXPECT_EQ(db::badge(url, "TAG'; --")->status, "blocked");
    badge.holder = "H";
    save_badge(url, badge);
    EXPECT_EQ(badges(url).size(), 1U);
    EXPECT_EQ(badges(url)[0].holder, "H");
    EXPECT_FALSE(block_badge(url, "unknown"));
    EXPECT_FALSE(db::badge(url, "unknown"));
    EXPECT_TRUE(remove_badge(url, "tag'; --"));
    EXPECT_FALSE(remove_badge(url, "tag'; --"));
}

TEST(Administration, RefusesWhatTheSchemaRefuses) {
    const auto url = migrated_database("admin_refuses");
    try {
        save_badge(url, saved_badge("longer than twenty characters"));
        FAIL() << "saved";
    } catch (const DatabaseError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("refuses"));
    }
    EXPECT_THROW(create_token(url, "name", "king", "hash"), DatabaseError);
    EXPECT_THROW(badges(cluster().create_database("admin_bare")), DatabaseError);
    EXPECT_THROW(badges("postgresql:///x?host=/nowhere"), DatabaseError);
}

TEST(Administration, Tokens) {
    const auto url = migrated_database("admin_tokens");
    const auto first = create_token(url, "script", "operator", "hash-1");
    const auto second = create_token(url, "script", "viewer", "hash-2");
    EXPECT_NE(first, second);
    EXPECT_THROW(create_token(url, "other", "viewer", "hash-2"), DatabaseError);
    ASSERT_EQ(tokens(url).size(), 2U);
    EXPECT_EQ(tokens(url)[0].role, "operator");
    EXPECT_FALSE(tokens(url)[0].revoked_at);
    EXPECT_TRUE(revoke_token(url, first));
    EXPECT_FALSE(revoke_token(url, first));
    EXPECT_TRUE(tokens(url)[0].revoked_at);
    EXPECT_EQ(revoke_tokens(url, "script"), 1);
}

TEST(Administration, ChargePoints) {
    const auto url = migrated_database("admin_charge_points");
    auto charge_point = saved_charge_point("CP1");
    charge_point.state = "pending";
    save_charge_point(url, charge_point);
    EXPECT_TRUE(set_charge_point_state(url, "CP1", "accepted"));
    EXPECT_FALSE(set_charge_point_state(url, "CP2", "accepted"));
    EXPECT_THROW(set_charge_point_state(url, "CP1", "perhaps"), DatabaseError);
    ASSERT_EQ(charge_points(url).size(), 1U);
    EXPECT_EQ(charge_points(url)[0].state, "accepted");
    EXPECT_EQ(charge_points(url)[0].phase_map, "RST");
}

}  // namespace
}  // namespace busbar::db::test
