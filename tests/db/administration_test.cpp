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
    edit_badges(url, [&](const std::vector<BadgeSaved>& present) {
        EXPECT_TRUE(present.empty());
        return std::vector<Record>{badge, command_line_entry("create", "badge", badge.id_tag)};
    });
    ASSERT_EQ(badges(url).size(), 1U);
    EXPECT_EQ(badges(url)[0].id_tag, "Tag'; --");
    EXPECT_EQ(badges(url)[0].charge_points, badge.charge_points);
    EXPECT_EQ(badges(url)[0].valid_until, noon);
    edit_badges(url, [&](const std::vector<BadgeSaved>& present) {
        auto blocked = present.at(0);
        blocked.status = "blocked";
        return std::vector<Record>{blocked};
    });
    EXPECT_EQ(db::badge(url, "TAG'; --")->status, "blocked");
    EXPECT_FALSE(db::badge(url, "unknown"));
    edit_badges(url, [](const std::vector<BadgeSaved>&) { return std::vector<Record>{}; });
    EXPECT_EQ(badges(url).size(), 1U);
    remove_badge(url, "tag'; --");
    EXPECT_TRUE(badges(url).empty());
    EXPECT_EQ(cluster().sql("SELECT actor || action || object_kind || object_id FROM audit_log",
                            "admin_badges"),
              "command linecreatebadgeTag'; --");
}

TEST(Administration, WritesAllOrNothing) {
    const auto url = migrated_database("admin_whole");
    EXPECT_THROW(edit_badges(url,
                             [](const std::vector<BadgeSaved>&) {
                                 return std::vector<Record>{
                                     saved_badge("GOOD"),
                                     saved_badge("longer than twenty characters")};
                             }),
                 DatabaseError);
    EXPECT_TRUE(badges(url).empty());
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
    EXPECT_EQ(cluster().sql("SELECT string_agg(action || ' ' || object_id, ', ' ORDER BY id) "
                            "FROM audit_log WHERE object_kind = 'token'",
                            "admin_tokens"),
              "create " + std::to_string(first) + ", create " + std::to_string(second) +
                  ", delete " + std::to_string(first) + ", delete " + std::to_string(second));
}

TEST(Administration, ChargePoints) {
    const auto url = migrated_database("admin_charge_points");
    auto charge_point = saved_charge_point("CP1");
    charge_point.state = "pending";
    save_charge_point(url, charge_point);
    edit_charge_points(url, [](const std::vector<ChargePointSaved>& present) {
        auto accepted = present.at(0);
        accepted.state = "accepted";
        return std::vector<Record>{accepted};
    });
    EXPECT_THROW(edit_charge_points(url,
                                    [](const std::vector<ChargePointSaved>& present) {
                                        auto wrong = present.at(0);
                                        wrong.state = "perhaps";
                                        return std::vector<Record>{wrong};
                                    }),
                 DatabaseError);
    ASSERT_EQ(charge_points(url).size(), 1U);
    EXPECT_EQ(charge_points(url)[0].state, "accepted");
    EXPECT_EQ(charge_points(url)[0].phase_map, "RST");
}

}  // namespace
}  // namespace busbar::db::test
