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

// A question about badge TAG at charge point CP1, accepted unless a test spoils it.
struct Asked {
    Asked() {
        badge.id_tag = "TAG";
        badge.status = "active";
        place.id = "CP1";
        group.name = "FLEET";
    }
    Authorization answer() const {
        return authorize({.badge = is_known ? &badge : nullptr,
                          .group = &group,
                          .charge_point = place,
                          .at = at,
                          .zone = TimeZone::find("Europe/Paris").value(),
                          .use = use,
                          .is_start = is_start,
                          .is_reserved_for_others = is_reserved,
                          .is_nobody = is_nobody});
    }
    std::string reason() const { return answer().reason; }
    Status status() const { return answer().id_tag_info.status; }

    db::BadgeSaved badge;
    db::BadgeGroupSaved group;
    db::ChargePointSaved place;
    Timestamp at = noon;  // 14:00 in Paris, a Friday
    BadgeUse use;
    bool is_known = true;
    bool is_start = true;
    bool is_reserved = false;
    bool is_nobody = false;
};

TEST(Authorization, KnowsItsBadges) {
    Asked asked;
    EXPECT_EQ(asked.status(), Status::Accepted);
    EXPECT_EQ(asked.reason(), "accepted");
    asked.badge.status = "blocked";
    EXPECT_EQ(asked.status(), Status::Blocked);
    EXPECT_EQ(asked.reason(), "badge_blocked");
    asked.is_known = false;
    EXPECT_EQ(asked.status(), Status::Invalid);
    EXPECT_EQ(asked.reason(), "unknown_badge");
}

TEST(Authorization, LooksAtTheClock) {
    Asked asked;
    asked.badge.valid_until = noon;
    EXPECT_EQ(asked.status(), Status::Expired);
    EXPECT_EQ(asked.answer().id_tag_info.expiryDate, noon);
    asked.badge.valid_until = noon + 1ms;
    EXPECT_EQ(asked.status(), Status::Accepted);
    asked.badge.valid_from = noon + 1ms;
    EXPECT_EQ(asked.reason(), "badge_not_valid_yet");
    asked.badge.valid_from = noon;
    EXPECT_EQ(asked.status(), Status::Accepted);
}

TEST(Authorization, LooksAtThePlace) {
    Asked asked;
    asked.badge.charge_points = {"CP2"};
    EXPECT_EQ(asked.reason(), "badge_not_for_this_charge_point");
    EXPECT_EQ(asked.status(), Status::Invalid);
    asked.badge.charge_points = {"CP2", "CP1"};
    EXPECT_EQ(asked.status(), Status::Accepted);
    asked.badge.charge_points = {"cp1"};
    EXPECT_EQ(asked.status(), Status::Accepted) << "whatever the case of its letters";
    asked.badge.charge_points.reset();
    asked.badge.charge_point_groups = {"Garage"};
    EXPECT_EQ(asked.status(), Status::Invalid);
    asked.place.groups = {"visitors", "GARAGE"};
    EXPECT_EQ(asked.status(), Status::Accepted);
    asked.badge.charge_points = std::vector<std::string>{};
    EXPECT_EQ(asked.status(), Status::Accepted) << "one of the two will do";
    asked.badge.charge_point_groups.reset();
    EXPECT_EQ(asked.status(), Status::Invalid) << "for no charge point at all";
}

TEST(Authorization, CountsTransactionsThatStart) {
    Asked asked;
    asked.use.active = 1;
    EXPECT_EQ(asked.status(), Status::ConcurrentTx);
    EXPECT_EQ(asked.reason(), "badge_in_use");
    asked.badge.max_active_transactions = 2;
    EXPECT_EQ(asked.status(), Status::Accepted);
    asked.group.max_active_transactions = 3;
    asked.use.active_in_group = 2;
    EXPECT_EQ(asked.status(), Status::Accepted);
    asked.use.active_in_group = 3;
    EXPECT_EQ(asked.reason(), "group_in_use");
    EXPECT_EQ(asked.status(), Status::ConcurrentTx);
    asked.is_start = false;
    asked.use.active = 5;
    EXPECT_EQ(asked.status(), Status::Accepted) << "only StartTransaction says ConcurrentTx";
    asked.badge.max_active_transactions = 0;
    EXPECT_EQ(asked.reason(), "badge_may_not_charge");
    EXPECT_EQ(asked.status(), Status::Blocked);
}

TEST(Authorization, KeepsToTheHoursOfTheSite) {
    Asked asked;
    asked.badge.schedule = "Mo-Fr 14:00-19:00";
    EXPECT_EQ(asked.status(), Status::Accepted);
    EXPECT_EQ(asked.answer().id_tag_info.expiryDate, noon + 5h) << "when its hours end";
    asked.place.opening_hours = "06:00-18:00";
    EXPECT_EQ(asked.answer().id_tag_info.expiryDate, noon + 4h) << "when the charge point closes";
    asked.badge.valid_until = noon + 1h;
    EXPECT_EQ(asked.answer().id_tag_info.expiryDate, noon + 1h);
    asked.at = noon - 1ms;
    EXPECT_EQ(asked.reason(), "outside_schedule");
    EXPECT_EQ(asked.status(), Status::Invalid);
    EXPECT_EQ(asked.answer().words, "the badge's hours are Mo-Fr 14:00-19:00");
    asked.place.opening_hours = "Sa 06:00-18:00";
    EXPECT_EQ(asked.reason(), "charge_point_closed");
    asked.place.opening_hours = "what nobody can read";
    EXPECT_EQ(asked.reason(), "charge_point_closed");
}

TEST(Authorization, HoldsQuotas) {
    Asked asked;
    asked.is_start = false;
    asked.badge.monthly_energy_quota_wh = 10'000;
    asked.use.energy_wh = 9'999;
    EXPECT_EQ(asked.status(), Status::Accepted);
    asked.use.energy_wh = 10'000;
    EXPECT_EQ(asked.reason(), "quota_reached");
    EXPECT_EQ(asked.answer().words, "10000 of 10000 Wh are used this month");
    EXPECT_EQ(asked.status(), Status::Invalid);
}

TEST(Authorization, KeepsReservedConnectors) {
    Asked asked;
    asked.is_reserved = true;
    EXPECT_EQ(asked.reason(), "connector_reserved");
    EXPECT_EQ(asked.status(), Status::Invalid);
}

TEST(Authorization, LetsEverybodyInWhereNobodyNeedsABadge) {
    Asked asked;
    asked.place.access = "free";
    asked.badge.valid_until = noon - 1h;
    asked.badge.charge_points = {"CP2"};
    asked.use.active = 9;
    EXPECT_EQ(asked.reason(), "no_badge_needed");
    EXPECT_EQ(asked.status(), Status::Accepted);
    EXPECT_FALSE(asked.answer().id_tag_info.expiryDate);
    asked.is_known = false;
    EXPECT_EQ(asked.reason(), "no_badge_needed");
    asked.place.opening_hours = "00:00-06:00";
    EXPECT_EQ(asked.reason(), "charge_point_closed");
    asked.place.opening_hours.reset();
    asked.is_reserved = true;
    EXPECT_EQ(asked.reason(), "connector_reserved");
    asked.is_reserved = false;
    asked.is_known = true;
    asked.badge.status = "blocked";
    EXPECT_EQ(asked.status(), Status::Blocked);
}

TEST(Authorization, TellsTheChargerGroupAndExpiry) {
    Asked asked;
    asked.badge.group = "FLEET";
    asked.badge.valid_until = noon + 1h;
    const auto info = asked.answer().id_tag_info;
    EXPECT_EQ(info.parentIdTag, ocpp::v16::IdToken{"FLEET"});
    EXPECT_EQ(info.expiryDate, noon + 1h);
    asked.badge.group = "Fleet";
    EXPECT_EQ(asked.answer().id_tag_info.parentIdTag->value, "FLEET") << "as the group is spelt";
}

TEST(Authorization, RanksCars) {
    db::BadgeSaved badge;
    const auto rank = [&](std::int32_t priority, const char* mode) {
        badge.priority_class = priority;
        badge.charge_mode = mode;
        return charging_class(&badge);
    };
    EXPECT_GT(rank(0, "fast"), rank(0, "fair"));
    EXPECT_GT(rank(0, "fair"), rank(0, "solar"));
    EXPECT_EQ(rank(0, "solar"), rank(0, "off_peak"));
    EXPECT_GT(rank(1, "solar"), rank(0, "fast"));
    EXPECT_EQ(rank(0, "fair"), charging_class(nullptr));
    EXPECT_EQ(rank(9, "fast"), 29);
    EXPECT_EQ(rank(0, "solar"), 0);
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
    EXPECT_THAT(starts("", 3), testing::HasSubstr("Accepted"));
    EXPECT_THAT(starts("", 2), testing::HasSubstr("Accepted")) << "nobody is not one badge";
    EXPECT_THAT(authorization_of("x"), testing::HasSubstr("Invalid"));
}

// --- What is running, what was used -------------------------------------------------------------
TEST_F(BadgesAsRead, AGroupHasItsOwnMaximum) {
    for (const auto* id_tag : {"A", "B", "C"}) {
        add(id_tag);
        site.badges[id_tag].group = "fleet";
    }
    add("D");
    site.badge_groups["FLEET"].name = "FLEET";
    site.badge_groups["FLEET"].max_active_transactions = 2;
    EXPECT_THAT(starts("A", 1), testing::HasSubstr("Accepted"));
    EXPECT_THAT(starts("B", 2), testing::HasSubstr("Accepted"));
    EXPECT_THAT(starts("C", 3), testing::HasSubstr("ConcurrentTx"));
    EXPECT_THAT(authorization_of("C"), testing::HasSubstr("Accepted"));
    EXPECT_THAT(starts("D", 4), testing::HasSubstr("Accepted"));
    EXPECT_EQ(authorize_remote_start(site, charger(), "C", 5, now.wall).reason, "group_in_use");
}

TEST_F(BadgesAsRead, AQuotaCountsWhatIsStillRunning) {
    site.badges["TAG"].monthly_energy_quota_wh = 5000;
    EXPECT_THAT(starts("TAG"), testing::HasSubstr("Accepted"));
    pass(30min);
    send("MeterValues",
         R"({"connectorId":1,"transactionId":1001,"meterValue":[{)"
         R"("timestamp":"2026-05-01T08:30:00Z","sampledValue":[{"value":"4999"}]}]})");
    EXPECT_THAT(authorization_of("TAG"), testing::HasSubstr("Accepted"));
    EXPECT_EQ(use_of(site, site.badges["TAG"], now.wall).energy_wh, 4999);
    pass(30min);
    send("StopTransaction",
         R"({"transactionId":1001,"meterStop":5000,"timestamp":"2026-05-01T09:00:00Z"})");
    EXPECT_EQ(use_of(site, site.badges["TAG"], now.wall).energy_wh, 5000);
    EXPECT_EQ(authorize(site, charger(), "TAG", now.wall).reason, "quota_reached");
    EXPECT_THAT(authorization_of("TAG"), testing::HasSubstr("Invalid"));
    const Timestamp june = std::chrono::sys_days{std::chrono::year{2026} / 6 / 1};
    EXPECT_EQ(authorize(site, charger(), "TAG", june).reason, "accepted");
}

TEST_F(BadgesAsRead, FreeAccessNeedsNoBadge) {
    charger().settings.access = "free";
    for (const auto* id_tag : {"", "STRANGER", "TAG"}) {
        EXPECT_THAT(authorization_of(id_tag), testing::HasSubstr("Accepted")) << id_tag;
    }
    EXPECT_THAT(starts("STRANGER", 1), testing::HasSubstr("Accepted"));
    EXPECT_THAT(starts("STRANGER", 2), testing::HasSubstr("Accepted"));
    site.badges["TAG"].status = "blocked";
    EXPECT_THAT(authorization_of("TAG"), testing::HasSubstr("Blocked"));
}

TEST_F(BadgesAsRead, LateStartsAreJudgedAsOfWhenTheyWere) {
    site.badges["TAG"].schedule = "07:00-08:30";
    now.mono += 3h;
    now.wall += 3h;
    EXPECT_THAT(starts("TAG"), testing::HasSubstr("Accepted")) << "it began at 08:00";
    EXPECT_THAT(authorization_of("TAG"), testing::HasSubstr("Invalid")) << "now it is 11:00";
}

TEST_F(BadgesAsRead, OwnersHaveTheirOwnCostCentreOrTheirGroups) {
    quirks().id_tag_suffix_separator = "_";
    EXPECT_FALSE(owner_of(site, charger(), "NOBODY").badge);
    auto& badge = site.badges["TAG"];
    badge.group = "FLEET";
    site.badge_groups["fleet"].cost_centre = "4711";
    auto owner = owner_of(site, charger(), "tag_9");
    EXPECT_EQ(owner.badge, "TAG");
    EXPECT_EQ(owner.badge_group, "FLEET");
    EXPECT_EQ(owner.cost_centre, "4711");
    badge.cost_centre = "0815";
    EXPECT_EQ(owner_of(site, charger(), "TAG").cost_centre, "0815");
}

}  // namespace
}  // namespace busbar::site
