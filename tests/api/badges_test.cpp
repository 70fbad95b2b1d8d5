#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Badges : public Offline {};

TEST_F(Badges, LiveFromPostToDelete) {
    const auto added = desk.ask("POST", "/api/v1/badges", R"({"idTag":"Ab/1","label":"Ann"})");
    EXPECT_EQ(added->status, 201);
    EXPECT_EQ(header(*added, "Location"), "/api/v1/badges/Ab%2F1");
    EXPECT_EQ(added->body,
              R"({"idTag":"Ab/1","label":"Ann","holder":null,"status":"active","validFrom":null,)"
              R"("validUntil":null,"group":null,"chargePoints":null,"chargeMode":null,)"
              R"("maxActiveTransactions":1})");
    EXPECT_EQ(desk.ask("GET", "/api/v1/badges/aB%2F1")->body, added->body);

    const auto changed =
        desk.ask("PATCH", "/api/v1/badges/AB%2F1",
                 R"({"label":null,"status":"blocked","validUntil":"2026-06-01T02:00:00+02:00",)"
                 R"("group":"G","chargePoints":["CP1"],"maxActiveTransactions":0})");
    EXPECT_EQ(changed->status, 200);
    EXPECT_EQ(changed->body,
              R"({"idTag":"Ab/1","label":null,"holder":null,"status":"blocked","validFrom":null,)"
              R"("validUntil":"2026-06-01T00:00:00.000Z","group":"G","chargePoints":["CP1"],)"
              R"("chargeMode":null,"maxActiveTransactions":0})");

    const auto removed = desk.ask("DELETE", "/api/v1/badges/ab%2F1");
    EXPECT_EQ(removed->status, 204);
    EXPECT_EQ(removed->body, "");
    EXPECT_EQ(desk.ask("GET", "/api/v1/badges/Ab%2F1")->status, 404);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/badges/Ab%2F1")->status, 404);
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/badges/Ab%2F1", "{}")->status, 404);

    ASSERT_EQ(journal.units.size(), 3U);
    EXPECT_EQ(std::get<db::BadgeSaved>(journal.units[1][0]).status, "blocked");
    EXPECT_EQ(std::get<db::BadgeRemoved>(journal.units[2][0]).id_tag, "Ab/1");
    EXPECT_EQ(desk.changes, 3);
}

TEST_F(Badges, TheSameIdTagInAnotherCaseIsAConflict) {
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"abc"})");
    const auto reply = desk.ask("POST", "/api/v1/badges", R"({"idTag":"ABC"})");
    EXPECT_EQ(reply->status, 409);
    problem_in(*reply);
    EXPECT_EQ(journal.units.size(), 1U);
}

TEST_F(Badges, AnswersWaitUntilTheRowIsDurable) {
    journal.held = true;
    const auto added = desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1"})");
    const auto removed = desk.ask("DELETE", "/api/v1/badges/A1");
    EXPECT_FALSE(added.is_there());
    EXPECT_FALSE(removed.is_there());
    journal.release_all();
    EXPECT_EQ(added->status, 201);
    EXPECT_EQ(removed->status, 204);
}

TEST_F(Badges, NothingIsChangedWhileNothingCanBeStored) {
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1"})");
    journal.is_full = true;
    for (const auto& reply : {desk.ask("POST", "/api/v1/badges", R"({"idTag":"A2"})"),
                              desk.ask("PATCH", "/api/v1/badges/A1", R"({"label":"x"})"),
                              desk.ask("DELETE", "/api/v1/badges/A1")}) {
        EXPECT_EQ(reply->status, 503);
        EXPECT_NE(header(*reply, "Retry-After"), "");
        problem_in(*reply);
    }
    EXPECT_EQ(desk.site.badges.size(), 1U);
    EXPECT_FALSE(desk.site.badges.at("A1").label);
    EXPECT_EQ(journal.units.size(), 1U);
}

TEST_F(Badges, EveryOffendingFieldIsListedAtOnce) {
    EXPECT_THAT(
        pointers_in(*desk.ask("POST", "/api/v1/badges",
                              R"({"label":7,"status":"lost","validFrom":"tomorrow","color":"red",)"
                              R"("maxActiveTransactions":-1,"chargePoints":["ok",""],)"
                              R"("group":""})")),
        UnorderedElementsAre("/label", "/validFrom", "/color", "/idTag", "/chargePoints/1",
                             "/group", "/status", "/maxActiveTransactions"));
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1","validFrom":"2026-05-01T00:00:00Z"})");
    EXPECT_THAT(pointers_in(*desk.ask(
                    "PATCH", "/api/v1/badges/A1",
                    R"({"idTag":"B","status":null,"validUntil":"2026-04-01T00:00:00Z"})")),
                UnorderedElementsAre("/idTag", "/status", "/validUntil"));
    EXPECT_EQ(journal.units.size(), 1U);
}

TEST_F(Badges, WrongShapesAreNamed) {
    EXPECT_EQ(desk.ask("POST", "/api/v1/badges", "")->status, 400);
    EXPECT_EQ(desk.ask("POST", "/api/v1/badges", "{\"idTag\":")->status, 400);
    EXPECT_EQ(desk.ask("POST", "/api/v1/badges", "{\"idTag\":\"\xC3\"}")->status, 400);
    EXPECT_EQ(desk.ask("POST", "/api/v1/badges", std::string(100'000, '['))->status, 400);
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/badges", "[]")), ElementsAre(""));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/badges", "5")), ElementsAre(""));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/badges", "{}")), ElementsAre("/idTag"));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/badges",
                                      R"({"idTag":"A","chargePoints":["x",3,null]})")),
                ElementsAre("/chargePoints/1", "/chargePoints/2"));
}

TEST_F(Badges, AreListedInPages) {
    for (int i = 0; i < 25; ++i) {
        const std::string name = (i % 2 ? "tag" : "TAG") + std::to_string(100 + i);
        EXPECT_EQ(desk.ask("POST", "/api/v1/badges", R"({"idTag":")" + name + "\"}")->status, 201);
    }
    std::vector<std::string> seen;
    std::string target = "/api/v1/badges?limit=10";
    int pages = 0;
    while (!target.empty() && pages < 10) {
        const auto reply = desk.ask("GET", target);
        ASSERT_EQ(reply->status, 200);
        ++pages;
        std::string body = reply->body;
        for (auto at = body.find("\"idTag\":"); at != std::string::npos;
             at = body.find("\"idTag\":", at + 1)) {
            seen.push_back(member(body.substr(at), "idTag"));
        }
        auto next = member(body, "next");
        target.clear();
        if (next != "null") {
            target = "/api/v1/badges?limit=10&cursor=" + next.substr(1, next.size() - 2);
            // A page goes on where the last one ended even if that badge is gone.
            const auto last = seen.back().substr(1, seen.back().size() - 2);
            EXPECT_EQ(desk.ask("DELETE", "/api/v1/badges/" + last)->status, 204);
        }
    }
    EXPECT_EQ(pages, 3);
    ASSERT_EQ(seen.size(), 25U);
    EXPECT_EQ(seen.front(), "\"TAG100\"");
    EXPECT_EQ(seen[1], "\"tag101\"");
    EXPECT_EQ(seen.back(), "\"TAG124\"");
    EXPECT_EQ(desk.ask("GET", "/api/v1/badges?limit=1000")->status, 200);
}

TEST_F(Badges, QueryParametersAreChecked) {
    EXPECT_EQ(desk.ask("GET", "/api/v1/badges")->body, R"({"items":[],"next":null})");
    for (const std::string limit : {"0", "1001", "-1", "ten", "", "1e2", "99999999999999999999"}) {
        EXPECT_THAT(pointers_in(*desk.ask("GET", "/api/v1/badges?limit=" + limit)),
                    ElementsAre("/limit"))
            << limit;
    }
    for (const std::string cursor : {"", "abc", "zz", "%00", "4"}) {
        EXPECT_THAT(pointers_in(*desk.ask("GET", "/api/v1/badges?cursor=" + cursor)),
                    ElementsAre("/cursor"))
            << cursor;
    }
    EXPECT_THAT(pointers_in(*desk.ask("GET", "/api/v1/badges?limit=0&a/b=1&cursor=x&Limit=3")),
                UnorderedElementsAre("/limit", "/a~1b", "/cursor", "/Limit"));
    EXPECT_THAT(pointers_in(*desk.ask("GET", "/api/v1/badges?limit=1&limit=2")),
                ElementsAre("/limit"));
    EXPECT_THAT(pointers_in(*desk.ask("GET", "/api/v1/badges/A1?limit=1")), ElementsAre("/limit"));
}

}  // namespace
}  // namespace busbar::api
