#include "site/badge_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/codec.hpp"
#include "site/badges.hpp"

namespace busbar::site {
namespace {

using ::testing::HasSubstr;

BadgeImport plan(const std::string& text, const BadgesByIdTag& present = {}) {
    auto planned = plan_import(text, present);
    if (const auto* error = std::get_if<CsvError>(&planned)) {
        ADD_FAILURE() << "line " << error->line << ": " << error->detail;
        return {};
    }
    return std::get<BadgeImport>(std::move(planned));
}

BadgesByIdTag by_id_tag(const std::vector<Badge>& badges) {
    BadgesByIdTag map;
    for (const auto& badge : badges) map.insert_or_assign(badge.id_tag, badge);
    return map;
}

Badge badge(const std::string& id_tag) {
    Badge badge;
    badge.id_tag = id_tag;
    badge.status = "active";
    return badge;
}

// What is wrong with a table of one badge, "field: what".
std::string refusal(const std::string& text, const BadgesByIdTag& present = {}) {
    const auto import = plan(text, present);
    if (import.lines.empty() || import.lines[0].violations.empty()) return "";
    const auto& violation = import.lines[0].violations[0];
    EXPECT_TRUE(import.badges.empty());
    EXPECT_EQ(import.refused, 1);
    return violation.pointer + ": " + violation.detail;
}

TEST(BadgeTable, ReadsEveryField) {
    const auto import = plan(
        "note,idTag,printedNumber,label,holder,email,group,costCentre,status,validFrom,"
        "validUntil,chargePoints,chargePointGroups,schedule,maxActiveTransactions,"
        "monthlyEnergyQuotaWh,chargeMode,priorityClass\n"
        "n,A1,17,L,H,e@example.org,G,4711,blocked,2026-01-01T00:00:00Z,"
        "2027-01-01T01:00:00+01:00,CP1|CP2,north,Mo-Fr 07:00-19:00,2,250000,solar,3\n");
    ASSERT_EQ(import.badges.size(), 1U);
    const auto& read = import.badges[0];
    EXPECT_EQ(to_json(read),
              R"({"id_tag":"A1","label":"L","holder":"H","status":"blocked",)"
              R"("valid_from":"2026-01-01T00:00:00Z","valid_until":"2027-01-01T00:00:00Z",)"
              R"("group":"G","charge_points":["CP1","CP2"],"charge_mode":"solar",)"
              R"("max_active_transactions":2,"printed_number":"17","email":"e@example.org",)"
              R"("cost_centre":"4711","charge_point_groups":["north"],)"
              R"("schedule":"Mo-Fr 07:00-19:00","monthly_energy_quota_wh":250000,)"
              R"("priority_class":3,"note":"n"})");
}

TEST(BadgeTable, ChangesOnlyWhatHasAColumn) {
    auto present = badge("A1");
    present.label = "L";
    present.holder = "H";
    present.valid_until = Timestamp{std::chrono::hours{500'000}};
    const auto import = plan("idTag,label\na1,\n", by_id_tag({present}));
    ASSERT_EQ(import.badges.size(), 1U);
    EXPECT_EQ(import.badges[0].id_tag, "A1") << "as it was spelt first";
    EXPECT_FALSE(import.badges[0].label) << "an empty cell empties its field";
    EXPECT_EQ(import.badges[0].holder, "H");
    EXPECT_EQ(import.badges[0].valid_until, present.valid_until);
    ASSERT_EQ(import.lines[0].changes.size(), 1U);
    EXPECT_EQ(import.lines[0].changes[0].field, "label");
    EXPECT_EQ(import.lines[0].changes[0].from, "L");
    EXPECT_FALSE(import.lines[0].changes[0].to);
}

TEST(BadgeTable, AnEmptyCellOfWhatIsAlwaysThereIsTheUsual) {
    auto present = badge("A1");
    present.status = "blocked";
    present.max_active_transactions = 3;
    const auto import =
        plan("idTag,status,maxActiveTransactions\nA1,,\nA2,,\n", by_id_tag({present}));
    ASSERT_EQ(import.badges.size(), 2U);
    for (const auto& read : import.badges) {
        EXPECT_EQ(read.status, "active");
        EXPECT_EQ(read.max_active_transactions, 1);
    }
    EXPECT_EQ(import.lines[0].changes.size(), 2U) << "and it is told";
    EXPECT_EQ(import.lines[0].changes[0].from, "blocked");
    EXPECT_EQ(import.lines[0].changes[0].to, "active");
}

TEST(BadgeTable, SaysWhatWouldBeAccepted) {
    EXPECT_THAT(refusal("idTag,validUntil\nA1,2027-01-01\n"), HasSubstr("/validUntil: must be"));
    EXPECT_THAT(refusal("idTag,status\nA1,on\n"), HasSubstr("/status: must be active or blocked"));
    EXPECT_THAT(refusal("idTag,maxActiveTransactions\nA1,-\n"), HasSubstr("from 0 to 1000"));
    EXPECT_THAT(refusal("idTag,maxActiveTransactions\nA1,1001\n"), HasSubstr("0 to 1000"));
    EXPECT_THAT(refusal("idTag,monthlyEnergyQuotaWh\nA1,1.5\n"), HasSubstr("whole number"));
    EXPECT_THAT(refusal("idTag,priorityClass\nA1,10\n"), HasSubstr("/priorityClass: must be 0"));
    EXPECT_THAT(refusal("idTag,schedule\nA1,Mo-Xx\n"), HasSubstr("/schedule:"));
    EXPECT_THAT(refusal("idTag,email\nA1,nobody\n"), HasSubstr("/email:"));
    EXPECT_THAT(refusal("idTag,chargePoints\nA1,CP1|a/b\n"), HasSubstr("/chargePoints/1:"));
    EXPECT_THAT(refusal("idTag\n123456789012345678901\n"), HasSubstr("/idTag:"));
    EXPECT_THAT(refusal("idTag,label\n,x\n"), HasSubstr("/idTag:"));
    EXPECT_THAT(refusal("idTag\n\" A1\"\n"), HasSubstr("no blanks"));
    EXPECT_THAT(refusal("idTag\n4.01E+12\n"), HasSubstr("spreadsheet"));
    EXPECT_EQ(refusal("idTag\n4.01E+12\n", by_id_tag({badge("4.01E+12")})), "");
    EXPECT_EQ(refusal("idTag\n04E12345\n"), "");
}

TEST(BadgeTable, WarnsOfPlacesThatAreNotThere) {
    db::ChargePointSaved garage;
    garage.id = "CP1";
    garage.groups = {"North"};
    KnownPlaces known;
    known.add(garage);
    const auto same = badge("B0");
    const auto import = plan(
        "idTag,chargePoints,chargePointGroups,status\nB0,,,\nA0,CP8,,on\nA1,cp1|CP9,north,\n"
        "A2,cp9,south,\nA3,,South,\n",
        by_id_tag({same}));
    std::string told;
    for (const auto& warning : warnings_of(import, known)) {
        told += std::to_string(warning.line) + " " + warning.field + ": " + warning.detail + "\n";
    }
    EXPECT_EQ(told,
              "4 chargePoints: there is no charge point CP9 yet\n"
              "5 chargePointGroups: no charge point is in the group south yet\n");
}

TEST(BadgeTable, RefusesWhatIsNoTableOfBadges) {
    const auto error = [](const std::string& text) {
        const auto planned = plan_import(text, {});
        const auto* found = std::get_if<CsvError>(&planned);
        return found ? std::to_string(found->line) + ": " + found->detail : "";
    };
    EXPECT_THAT(error("label\nx\n"), HasSubstr("1: the column idTag is missing"));
    EXPECT_THAT(error("\n\nidTag,Label\nA1,x\n"), HasSubstr("3: there is no column \"Label\""));
    EXPECT_THAT(error("idTag,label, label\n"), HasSubstr("label is there twice"));
    EXPECT_THAT(error("idTag,idTag\n"), HasSubstr("idTag is there twice"));
    EXPECT_THAT(error("idTag,\nA1,\n"), HasSubstr("no column \"\""));
}

TEST(BadgeTable, KnowsOneBadgeInTwoLines) {
    const auto twice = plan("idTag,label\nA1,x\nB1,y\na1,z\n,\n");
    ASSERT_EQ(twice.lines.size(), 3U) << "lines of empty cells are no lines";
    EXPECT_EQ(twice.refused, 1);
    EXPECT_THAT(twice.lines[2].violations[0].detail, HasSubstr("line 2"));
}

rc::Gen<std::optional<std::string>> text_or_none() {
    const auto text = rc::gen::map(
        rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(
            rc::gen::elementOf(std::vector<std::string>{",", ";", "\"", " ", "'", "=", "+", "-",
                                                        "@", "|", "\\", "a", "\xC3\xBC"}))),
        [](const std::vector<std::string>& parts) {
            std::string joined;
            for (const auto& part : parts) joined += part;
            return joined.substr(0, 40);
        });
    return rc::gen::map(rc::gen::pair(rc::gen::arbitrary<bool>(), text), [](const auto& pair) {
        return pair.first ? std::optional{pair.second} : std::nullopt;
    });
}

// Any badge that could be saved.
rc::Gen<Badge> any_badge() {
    return rc::gen::exec([] {
        Badge made;
        const auto id_tag = *text_or_none();
        made.id_tag = id_tag ? id_tag->substr(0, 20) : "A1";
        made.status = *rc::gen::element<std::string>("active", "blocked");
        made.label = *text_or_none();
        made.holder = *text_or_none();
        made.printed_number = *text_or_none();
        made.cost_centre = *text_or_none();
        made.note = *text_or_none();
        if (made.note && *rc::gen::arbitrary<bool>()) *made.note += "\n=second line";
        if (*rc::gen::arbitrary<bool>()) {
            std::vector<std::string> groups;
            for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
                groups.push_back((*text_or_none()).value_or("g"));
            }
            made.charge_point_groups = groups;
        }
        if (*rc::gen::arbitrary<bool>()) {
            made.valid_until = Timestamp{std::chrono::milliseconds{
                *rc::gen::inRange<std::int64_t>(1'000'000'000'000, 2'000'000'000'000)}};
        }
        if (*rc::gen::arbitrary<bool>()) {
            made.monthly_energy_quota_wh = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000);
        }
        if (*rc::gen::arbitrary<bool>()) made.priority_class = *rc::gen::inRange(0, 10);
        made.max_active_transactions = *rc::gen::inRange(0, 1001);
        return made;
    });
}

TEST(BadgeTable, WhatIsExportedComesBack) {
    const bool holds = rc::check("import after export is the identity", [] {
        const auto badges = by_id_tag(*rc::gen::container<std::vector<Badge>>(
            *rc::gen::inRange<std::size_t>(0, 4), any_badge()));
        std::string text;
        append_table_header(text);
        for (const auto& [id_tag, each] : badges) {
            RC_PRE(check(each).empty());
            RC_PRE(each.id_tag.front() != ' ' && each.id_tag.back() != ' ');
            append_table_line(text, each);
        }
        const auto again = std::get<BadgeImport>(plan_import(text, badges));
        RC_ASSERT(again.unchanged == static_cast<int>(badges.size()));
        const auto anew = std::get<BadgeImport>(plan_import(text, {}));
        RC_ASSERT(anew.badges.size() == badges.size());
        for (const auto& read : anew.badges) {
            RC_ASSERT(to_json(read) == to_json(badges.at(read.id_tag)));
        }
    });
    EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace busbar::site
