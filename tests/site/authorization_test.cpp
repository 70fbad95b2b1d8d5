#include "site/authorization.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/badge_reading.hpp"
#include "tests/site/support.hpp"

namespace busbar::site {
namespace {

using Status = ocpp::v16::AuthorizationStatus;
using namespace std::chrono_literals;

const Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 12h;

db::BadgeSaved active() {
    db::BadgeSaved badge;
    badge.id_tag = "TAG";
    badge.status = "active";
    return badge;
}
Status ask(const db::BadgeSaved* badge, int active_transactions = 0) {
    return authorize({.badge = badge,
                      .charge_point = "CP1",
                      .at = noon,
                      .active_transactions = active_transactions})
        .id_tag_info.status;
}

TEST(Authorization, KnowsItsBadges) {
    EXPECT_EQ(ask(nullptr), Status::Invalid);
    auto badge = active();
    EXPECT_EQ(ask(&badge), Status::Accepted);
    badge.status = "blocked";
    EXPECT_EQ(ask(&badge), Status::Blocked);
}

TEST(Authorization, LooksAtTheClock) {
    auto badge = active();
    badge.valid_until = noon;
    EXPECT_EQ(ask(&badge), Status::Expired);
    badge.valid_until = noon + 1ms;
    EXPECT_EQ(ask(&badge), Status::Accepted);
    badge.valid_from = noon + 1ms;
    EXPECT_EQ(ask(&badge), Status::Invalid);
    badge.valid_from = noon;
    EXPECT_EQ(ask(&badge), Status::Accepted);
}

TEST(Authorization, LooksAtThePlace) {
    auto badge = active();
    badge.charge_points = {"CP2"};
    EXPECT_EQ(ask(&badge), Status::Invalid);
    badge.charge_points = {"CP2", "CP1"};
    EXPECT_EQ(ask(&badge), Status::Accepted);
}

TEST(Authorization, CountsTransactions) {
    auto badge = active();
    EXPECT_EQ(ask(&badge, 1), Status::ConcurrentTx);
    badge.max_active_transactions = 2;
    EXPECT_EQ(ask(&badge, 1), Status::Accepted);
    badge.max_active_transactions = 0;
    EXPECT_EQ(ask(&badge, 0), Status::ConcurrentTx);
}

TEST(Authorization, TellsTheChargerGroupAndExpiry) {
    auto badge = active();
    badge.group = "FLEET";
    badge.valid_until = noon + 1h;
    const auto info = authorize({.badge = &badge, .charge_point = "CP1", .at = noon}).id_tag_info;
    EXPECT_EQ(info.parentIdTag, ocpp::v16::IdToken{"FLEET"});
    EXPECT_EQ(info.expiryDate, noon + 1h);
}

// --- As chargers read badges --------------------------------------------------------------------
struct BadgesAsRead : testing::Test, test::OneCharger {
    void add(const std::string& id_tag) {
        auto& badge = site.badges[id_tag];
        badge.id_tag = id_tag;
        badge.status = "active";
    }
    // The charger's quirks; they last until its next boot.
    Quirks& quirks() { return charger().quirks; }
    std::string authorization_of(const std::string& id_tag_json) {
        return send("Authorize", "{\"idTag\":\"" + id_tag_json + "\"}").at(0);
    }
    std::string starts(const std::string& id_tag_json, int connector = 1) {
        return send("StartTransaction",
                    R"({"connectorId":)" + std::to_string(connector) + R"(,"idTag":")" +
                        id_tag_json + R"(","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})")
            .at(0);
    }
};

TEST_F(BadgesAsRead, CaseSpacesAndControlCharactersDoNotMatter) {
    EXPECT_THAT(authorization_of("tag"), testing::HasSubstr("Accepted"));
    EXPECT_THAT(authorization_of(R"( Tag\u0010\u000e )"), testing::HasSubstr("Accepted"));
    EXPECT_THAT(authorization_of("t ag"), testing::HasSubstr("Invalid"));
    EXPECT_EQ(badge_text(charger(), "\x10 a\x0e "), "a");
}

TEST_F(BadgesAsRead, WhatAChargerAddsIsNotTheBadges) {
    EXPECT_THAT(authorization_of("TAG_17654321"), testing::HasSubstr("Invalid"));
    quirks().id_tag_suffix_separator = "_";
    quirks().id_tag_prefix_separator = ";";
    EXPECT_THAT(authorization_of("TAG_17654321"), testing::HasSubstr("Accepted"));
    EXPECT_THAT(authorization_of("x;TAG"), testing::HasSubstr("Accepted"));
    EXPECT_THAT(authorization_of("_17654321"), testing::HasSubstr("Invalid"));
    // A badge that is known just as it was sent goes first.
    add("TAG_1");
    site.badges["TAG_1"].status = "blocked";
    EXPECT_THAT(authorization_of("tag_1"), testing::HasSubstr("Blocked"));
}

TEST_F(BadgesAsRead, RowsKeepWhatWasSent) {
    quirks().id_tag_suffix_separator = "_";
    EXPECT_THAT(starts("Tag_77"), testing::HasSubstr("Accepted"));
    const auto rows = journal.all<db::TransactionStarted>();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].id_tag, "Tag_77");
    const auto stopped =
        send("StopTransaction", R"({"transactionId":1001,"idTag":"Tag_77","meterStop":1,)"
                                R"("timestamp":"2026-05-01T09:00:00Z"})")
            .at(0);
    EXPECT_THAT(stopped, testing::HasSubstr("Accepted"));
}

TEST_F(BadgesAsRead, OneBadgeIsOneHoweverItIsRead) {
    quirks().id_tag_suffix_separator = "_";
    starts("TAG_1", 1);
    EXPECT_THAT(starts("TAG_2", 2), testing::HasSubstr("ConcurrentTx"));
    // On the same connector it takes the first one's place; the one that was refused does not
    // count.
    EXPECT_THAT(starts("TAG", 1), testing::HasSubstr("Accepted"));
    quirks().id_tag_suffix_separator = "";
    EXPECT_THAT(starts("OTHER_1", 3), testing::HasSubstr("Invalid"));
}

TEST_F(BadgesAsRead, AStartReplacesItsOwnBadgesOnTheSameConnector) {
    starts("TAG");
    EXPECT_THAT(send("StartTransaction", R"({"connectorId":1,"idTag":"TAG","meterStart":5,)"
                                         R"("timestamp":"2026-05-01T08:30:00Z"})")
                    .at(0),
                testing::HasSubstr("Accepted"));
}

TEST_F(BadgesAsRead, NobodyIsLetInOnlyWhereThatIsWanted) {
    EXPECT_THAT(authorization_of(""), testing::HasSubstr("Invalid"));
    EXPECT_THAT(starts(""), testing::HasSubstr("Invalid"));
    quirks().empty_id_tag_allowed = true;
    EXPECT_THAT(authorization_of(""), testing::HasSubstr("Accepted"));
    EXPECT_THAT(authorization_of(" "), testing::HasSubstr("Accepted"));
    EXPECT_THAT(starts("", 1), testing::HasSubstr("Accepted"));
    EXPECT_THAT(starts("", 2), testing::HasSubstr("Accepted")) << "nobody is not one badge";
    EXPECT_THAT(authorization_of("x"), testing::HasSubstr("Invalid"));
}

}  // namespace
}  // namespace busbar::site
