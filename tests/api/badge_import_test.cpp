#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BadgeImport : public Offline {
protected:
    Reply import(const std::string& table, const std::string& query = "") {
        return desk.ask_as("operator", "POST", "/api/v1/badges/import" + query, table);
    }
};

TEST_F(BadgeImport, TellsLineByLineWhatItDid) {
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1","label":"old"})");
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A2","label":"same"})");
    journal.units.clear();
    const std::string table = "idTag;label\r\na1;new\r\nA2;same\r\nA3;\r\n";
    const std::string lines =
        R"("created":1,"changed":1,"unchanged":1,"refused":0,"lines":[)"
        R"({"line":2,"idTag":"a1","result":"changed",)"
        R"("changes":[{"field":"label","from":"old","to":"new"}],"errors":[]},)"
        R"({"line":3,"idTag":"A2","result":"unchanged","changes":[],"errors":[]},)"
        R"({"line":4,"idTag":"A3","result":"created","changes":[)"
        R"({"field":"status","from":null,"to":"active"},)"
        R"({"field":"maxActiveTransactions","from":null,"to":"1"}],"errors":[]}],"warnings":[]})";

    EXPECT_EQ(import(table, "?dryRun=true")->body, R"({"dryRun":true,)" + lines);
    EXPECT_TRUE(journal.units.empty());
    EXPECT_FALSE(desk.site.badges.contains("A3"));

    const auto done = import(table);
    EXPECT_EQ(done->status, 200);
    EXPECT_EQ(done->body, R"({"dryRun":false,)" + lines);
    EXPECT_EQ(desk.site.badges.at("A1").label, "new");
    EXPECT_EQ(desk.site.badges.at("A1").id_tag, "A1") << "as it was spelt first";
    EXPECT_TRUE(desk.site.badges.contains("A3"));
    // One unit: two badges, the import and what it did to each.
    ASSERT_EQ(journal.units.size(), 1U);
    ASSERT_EQ(journal.units[0].size(), 5U);
    const auto& whole = std::get<db::AuditEntry>(journal.units[0][2]);
    EXPECT_EQ(whole.action, "import");
    EXPECT_EQ(whole.actor, "operator");
    EXPECT_EQ(whole.after->text, R"({"created":1,"changed":1,"unchanged":1})");
    EXPECT_EQ(std::get<db::AuditEntry>(journal.units[0][3]).action, "update");
    EXPECT_EQ(std::get<db::AuditEntry>(journal.units[0][4]).action, "create");

    EXPECT_THAT(import(table)->body, HasSubstr(R"("created":0,"changed":0,"unchanged":3)"));
    EXPECT_EQ(journal.units.size(), 1U) << "nothing to store the second time";
}

TEST_F(BadgeImport, WarnsOfPlacesThatAreNotThere) {
    const auto link = desk.connect("CP1");
    const std::string table = "idTag,chargePoints\nA1,cp1\nA2,CP1|NOPE\n";
    EXPECT_THAT(import(table, "?dryRun=true")->body,
                HasSubstr(R"("warnings":[{"line":3,"field":"chargePoints",)"
                          R"("detail":"there is no charge point NOPE yet"}]})"));
    EXPECT_EQ(import(table)->status, 200);
    EXPECT_TRUE(desk.site.badges.contains("A2")) << "all the same";
}

TEST_F(BadgeImport, OneBadLineChangesNothing) {
    const std::string table =
        "idTag,label,validUntil,schedule\nA1,x,,\nA2,y,tomorrow,\nA3,z,,Mo-Xx 07:00\na1,w,,\n";
    const auto refused = import(table);
    EXPECT_THAT(pointers_in(*refused),
                ElementsAre("/lines/3/validUntil", "/lines/4/schedule", "/lines/5/idTag"));
    EXPECT_THAT(problem_in(*refused).errors[0].detail, HasSubstr("2027-12-31T23:59:59Z"));
    EXPECT_THAT(problem_in(*refused).errors[2].detail, HasSubstr("line 2"));
    EXPECT_TRUE(desk.site.badges.empty());
    EXPECT_TRUE(journal.units.empty());
    const auto dry = import(table, "?dryRun=true");
    EXPECT_EQ(dry->status, 200);
    EXPECT_THAT(dry->body, HasSubstr(R"("refused":3)"));
    EXPECT_THAT(dry->body, HasSubstr(R"("errors":[{"field":"validUntil","detail":)"));
}

TEST_F(BadgeImport, RefusesWhatIsNoTable) {
    EXPECT_THAT(pointers_in(*import("")), ElementsAre("/lines/1"));
    EXPECT_THAT(pointers_in(*import("label\nx\n")), ElementsAre("/lines/1"));
    const auto unknown = import("idTag,colour\nA1,red\n");
    EXPECT_THAT(pointers_in(*unknown), ElementsAre("/lines/1"));
    EXPECT_THAT(problem_in(*unknown).errors[0].detail, HasSubstr("printedNumber"));
    EXPECT_THAT(pointers_in(*import("idTag\nJ\xFCrgen\n")), ElementsAre("/lines/2"));
    EXPECT_THAT(pointers_in(*import("idTag\nA1\n", "?dryRun=maybe")), ElementsAre("/dryRun"));
    EXPECT_EQ(desk.ask_as("viewer", "POST", "/api/v1/badges/import", "idTag\nA1\n")->status, 403);
    journal.is_full = true;
    EXPECT_EQ(import("idTag\nA1\n")->status, 503);
    EXPECT_EQ(import("idTag\nA1\n", "?dryRun=true")->status, 200);
}

TEST_F(BadgeImport, TheExportIsHarmlessToSpreadsheetsAndComesBack) {
    desk.ask("POST", "/api/v1/badges",
             R"({"idTag":"=1+1","label":"'=x","holder":"Ann, \"A\"","note":"a\nb",)"
             R"("chargePoints":["CP|1","C\\2"],"chargePointGroups":[],"printedNumber":"+49",)"
             R"("validUntil":"2026-06-01T00:00:00.5Z","monthlyEnergyQuotaWh":0,)"
             R"("priorityClass":9})");
    const auto exported = desk.ask_as("viewer", "GET", "/api/v1/badges/export?format=csv");
    EXPECT_EQ(exported->content_type, "text/csv; charset=utf-8");
    EXPECT_THAT(header(*exported, "Content-Disposition"), HasSubstr("badges.csv"));
    EXPECT_TRUE(exported->body.starts_with("\xEF\xBB\xBFidTag,printedNumber,"));
    EXPECT_THAT(exported->body, HasSubstr("\r\n'=1+1,'+49,''=x,\"Ann, \"\"A\"\"\","));
    EXPECT_THAT(import(exported->body)->body, HasSubstr(R"("unchanged":1)"));
    const auto before = desk.ask("GET", "/api/v1/badges/%3D1%2B1")->body;
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/badges/%3D1%2B1")->status, 204);
    EXPECT_THAT(import(exported->body)->body, HasSubstr(R"("created":1)"));
    EXPECT_EQ(desk.ask("GET", "/api/v1/badges/%3D1%2B1")->body, before);
    EXPECT_THAT(pointers_in(*desk.ask("GET", "/api/v1/badges/export?format=xlsx")),
                ElementsAre("/format"));
}

}  // namespace
}  // namespace busbar::api
