#include "site/badges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/badge_fields.hpp"
#include "tests/site/support.hpp"

namespace busbar::site {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Badge badge() {
    Badge badge;
    badge.id_tag = "04A1B2C3";
    badge.status = "active";
    return badge;
}
// "/schedule: at character 4: ..." for each thing that is wrong.
template <class T>
std::vector<std::string> wrongs(const T& value) {
    std::vector<std::string> out;
    for (const auto& violation : check(value)) {
        out.push_back(violation.pointer + ": " + violation.detail);
    }
    return out;
}

TEST(Badges, MayHaveEverything) {
    auto full = badge();
    full.id_tag = std::string(20, 'F');
    // Characters, not bytes.
    full.label = std::string(198, 'x') + "\xC3\xA9\xE2\x82\xAC";
    full.holder = "Zoë";
    full.printed_number = "0815";
    full.email = "zoe.muster+car@mail.example.org";
    full.cost_centre = "4711";
    full.group = "FLEET";
    full.charge_points = {"CP1", "garage level 2"};
    full.charge_point_groups = {"Garage"};
    full.schedule = "Mo-Fr 07:00-19:00";
    full.monthly_energy_quota_wh = 0;
    full.charge_mode = "off_peak";
    full.priority_class = 9;
    full.max_active_transactions = 1000;
    full.note = std::string(1998, 'x') + "\n\t";
    EXPECT_THAT(wrongs(full), IsEmpty());
}

TEST(Badges, AreRefusedFieldByField) {
    Badge bad;
    bad.status = "lost";
    bad.printed_number = std::string(201, 'x');
    bad.label = "\x01";
    bad.email = "nobody";
    bad.cost_centre = "\xFF";
    bad.group = "";
    bad.charge_points = {"CP1", "a/b"};
    bad.charge_point_groups = {""};
    bad.schedule = "Mo-Fx 07:00-19:00";
    bad.monthly_energy_quota_wh = -1;
    bad.charge_mode = "slow";
    bad.priority_class = 10;
    bad.max_active_transactions = -1;
    bad.note = std::string(2001, 'x');
    EXPECT_THAT(
        wrongs(bad),
        testing::UnorderedElementsAre(
            "/idTag: must not be empty", "/status: must be active or blocked",
            "/printedNumber: longer than 200 characters", "/label: holds control characters",
            "/email: must be one address such as name@example.org", "/costCentre: is not UTF-8",
            "/group: must not be empty", "/chargePoints/1: is no id that a charge point could have",
            "/chargePointGroups/0: must not be empty",
            "/schedule: at character 4: expected a day (Mo, Tu, We, Th, Fr, Sa, Su), found Fx",
            "/monthlyEnergyQuotaWh: must be 0 or more, or null for no quota",
            "/chargeMode: must be fast, fair, solar or off_peak", "/priorityClass: must be 0 to 9",
            "/maxActiveTransactions: must be 0 to 1000", "/note: longer than 2000 characters"));
    auto late = badge();
    late.id_tag = std::string(21, 'F');
    late.valid_from = late.valid_until = Timestamp{};
    EXPECT_THAT(wrongs(late), ElementsAre("/idTag: longer than 20 characters",
                                          "/validUntil: must be later than validFrom"));
}

TEST(Badges, AddressesAreOnesThatMailCanReach) {
    for (const auto* bad : {"", "@", "a@", "@b.c", "a@b", "a b@c.d", "a@b@c.d", "a@.c", "a@c.",
                            "a@b..c", "<a@b.c>", "a@b.c,d@e.f"}) {
        auto one = badge();
        one.email = bad;
        EXPECT_THAT(wrongs(one), testing::SizeIs(1)) << bad;
    }
}

TEST(Badges, CharactersAreCountedAsTheDatabaseCountsThem) {
    EXPECT_EQ(characters_in(""), 0U);
    EXPECT_EQ(characters_in("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x94\x8C"), 4U);
    for (const auto* bad : {"\x80", "\xC0\xAF", "\xC3", "\xE2\x82", "\xED\xA0\x80", "\xE0\x80\xAF",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x80\x80\x80"}) {
        EXPECT_FALSE(characters_in(bad)) << bad;
    }
}

struct SavedBadges : testing::Test, test::OneCharger {};

TEST_F(SavedBadges, SeveralAreOneUnit) {
    journal.appended = 0;
    auto other = badge();
    other.id_tag = "OTHER";
    save(site, std::vector{badge(), other});
    EXPECT_EQ(journal.appended, 1U);
    EXPECT_EQ(journal.all<db::BadgeSaved>().size(), 2U);
    EXPECT_TRUE(site.badges.contains("other"));
}

TEST_F(SavedBadges, GroupsAreChangedAndForgotten) {
    BadgeGroup group;
    EXPECT_THAT(wrongs(group), ElementsAre("/name: must not be empty"));
    group.name = "FLEET";
    group.max_active_transactions = 1001;
    group.cost_centre = std::string(201, 'x');
    EXPECT_THAT(wrongs(group), ElementsAre(HasSubstr("/costCentre"), HasSubstr("/maxActive")));
    group.max_active_transactions = 3;
    group.cost_centre = "4711";
    EXPECT_THAT(wrongs(group), IsEmpty());
    const auto ticket = save(site, group);
    EXPECT_EQ(site.last_badge_group_edit, ticket);
    EXPECT_EQ(site.badge_groups.at("fleet").max_active_transactions, 3);
    EXPECT_TRUE(remove_badge_group(site, "Fleet"));
    EXPECT_FALSE(remove_badge_group(site, "Fleet"));
    EXPECT_EQ(journal.all<db::BadgeGroupSaved>().size(), 1U);
    EXPECT_EQ(journal.all<db::BadgeGroupRemoved>().at(0).name, "FLEET");
    replace_badge_groups(site, {group});
    EXPECT_EQ(site.badge_groups.size(), 1U);
}

}  // namespace
}  // namespace busbar::site
