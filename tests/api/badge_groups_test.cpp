#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class BadgeGroups : public Offline {};

TEST_F(BadgeGroups, LiveFromPostToDelete) {
    const auto added = desk.ask_as("operator", "POST", "/api/v1/groups",
                                   R"({"name":"Fleet","label":"Our cars","costCentre":"4711"})");
    EXPECT_EQ(added->status, 201);
    EXPECT_EQ(header(*added, "Location"), "/api/v1/groups/Fleet");
    EXPECT_EQ(added->body, R"({"name":"Fleet","label":"Our cars","costCentre":"4711",)"
                           R"("maxActiveTransactions":null,"note":null,"badges":0})");
    EXPECT_EQ(desk.ask("POST", "/api/v1/groups", R"({"name":"FLEET"})")->status, 409);
    const auto changed =
        desk.ask("PATCH", "/api/v1/groups/fleet", R"({"label":null,"maxActiveTransactions":3})");
    EXPECT_EQ(changed->status, 200);
    EXPECT_EQ(desk.ask("GET", "/api/v1/groups/fLEET")->body, changed->body);
    EXPECT_EQ(desk.site.badge_groups.at("fleet").max_active_transactions, 3);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/groups/fleet")->status, 204);
    EXPECT_EQ(desk.ask("GET", "/api/v1/groups/fleet")->status, 404);
    ASSERT_EQ(journal.units.size(), 3U);
    EXPECT_EQ(std::get<db::BadgeGroupRemoved>(journal.units[2][0]).name, "Fleet");
    EXPECT_EQ(std::get<db::AuditEntry>(journal.units[2][1]).object_kind, "group");
}

TEST_F(BadgeGroups, AreThereAsSoonAsABadgeNamesThem) {
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1","group":"Staff"})");
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A2","group":"STAFF"})");
    desk.ask("POST", "/api/v1/groups", R"({"name":"Guests"})");
    EXPECT_EQ(desk.ask("GET", "/api/v1/groups")->body,
              R"({"items":[{"name":"Guests","label":null,"costCentre":null,)"
              R"("maxActiveTransactions":null,"note":null,"badges":0},)"
              R"({"name":"Staff","label":null,"costCentre":null,"maxActiveTransactions":null,)"
              R"("note":null,"badges":2}],"next":null})");
    const auto tag = header(*desk.ask("GET", "/api/v1/groups/staff"), "ETag");
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/groups/staff")->status, 409);
    EXPECT_EQ(desk.ask_with("Bearer secret of admin", "PATCH", "/api/v1/groups/staff",
                            R"({"costCentre":"1"})", "127.0.0.1", {{"If-Match", tag}})
                  ->status,
              200);
    EXPECT_EQ(desk.site.badge_groups.at("Staff").cost_centre, "1");
    const auto stale = desk.ask_with("Bearer secret of admin", "DELETE", "/api/v1/groups/staff", "",
                                     "127.0.0.1", {{"If-Match", tag}});
    EXPECT_EQ(stale->status, 409);
    EXPECT_TRUE(problem_in(*stale).current);
}

TEST_F(BadgeGroups, AreListedInPages) {
    for (const std::string name : {"c", "A", "b"}) {
        desk.ask("POST", "/api/v1/groups", R"({"name":")" + name + "\"}");
    }
    const auto first = desk.ask("GET", "/api/v1/groups?limit=2")->body;
    EXPECT_EQ(member(first, "name"), "\"A\"");
    const auto next = member(first, "next");
    const auto second =
        desk.ask("GET", "/api/v1/groups?limit=2&cursor=" + next.substr(1, next.size() - 2))->body;
    EXPECT_EQ(member(second, "name"), "\"c\"");
    EXPECT_EQ(member(second, "next"), "null");
}

TEST_F(BadgeGroups, WrongFieldsAreNamed) {
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/groups", "{}")), ElementsAre("/name"));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/groups",
                                      R"({"name":"123456789012345678901","label":7,"x":1,)"
                                      R"("maxActiveTransactions":-1})")),
                UnorderedElementsAre("/label", "/x", "/name", "/maxActiveTransactions"));
    desk.ask("POST", "/api/v1/groups", R"({"name":"a"})");
    EXPECT_THAT(pointers_in(*desk.ask("PATCH", "/api/v1/groups/a", R"({"name":"b"})")),
                ElementsAre("/name"));
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/groups/unknown", "{}")->status, 404);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/groups/unknown")->status, 404);
    EXPECT_EQ(desk.ask_as("viewer", "POST", "/api/v1/groups", R"({"name":"b"})")->status, 403);
    EXPECT_EQ(desk.ask_as("installer", "DELETE", "/api/v1/groups/a")->status, 403);
    journal.is_full = true;
    EXPECT_EQ(desk.ask("POST", "/api/v1/groups", R"({"name":"b"})")->status, 503);
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/groups/a", R"({"label":"b"})")->status, 503);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/groups/a")->status, 503);
}

}  // namespace
}  // namespace busbar::api
