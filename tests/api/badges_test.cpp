#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class Badges : public Offline {};

TEST_F(Badges, LiveFromPostToDelete) {
    const auto added = desk.ask("POST", "/api/v1/badges", R"({"idTag":"Ab/1","label":"Ann"})");
    EXPECT_EQ(added->status, 201);
    EXPECT_EQ(header(*added, "Location"), "/api/v1/badges/Ab%2F1");
    EXPECT_EQ(
        added->body,
        R"({"idTag":"Ab/1","printedNumber":null,"label":"Ann","holder":null,"email":null,)"
        R"("group":null,"costCentre":null,"status":"active","validFrom":null,"validUntil":null,)"
        R"("chargePoints":null,"chargePointGroups":null,"schedule":null,)"
        R"("maxActiveTransactions":1,"monthlyEnergyQuotaWh":null,"chargeMode":null,)"
        R"("priorityClass":null,"note":null,"lastUsedAt":null,"energyThisMonthWh":0})");
    EXPECT_EQ(desk.ask("GET", "/api/v1/badges/aB%2F1")->body, added->body);

    const auto changed = desk.ask(
        "PATCH", "/api/v1/badges/AB%2F1",
        R"({"label":null,"status":"blocked","validUntil":"2026-06-01T02:00:00+02:00","group":"G",)"
        R"("chargePoints":["CP1"],"maxActiveTransactions":0,"printedNumber":"17",)"
        R"("email":"ann@example.org","costCentre":"4711","chargePointGroups":["north"],)"
        R"("schedule":"Mo-Fr 07:00-19:00","monthlyEnergyQuotaWh":250000,"chargeMode":"solar",)"
        R"("priorityClass":3,"note":"two\nlines","holder":""})");
    EXPECT_EQ(changed->status, 200);
    EXPECT_EQ(
        changed->body,
        R"({"idTag":"Ab/1","printedNumber":"17","label":null,"holder":null,)"
        R"("email":"ann@example.org","group":"G","costCentre":"4711","status":"blocked",)"
        R"("validFrom":null,"validUntil":"2026-06-01T00:00:00.000Z","chargePoints":["CP1"],)"
        R"("chargePointGroups":["north"],"schedule":"Mo-Fr 07:00-19:00",)"
        R"("maxActiveTransactions":0,"monthlyEnergyQuotaWh":250000,"chargeMode":"solar",)"
        R"("priorityClass":3,"note":"two\u000alines","lastUsedAt":null,"energyThisMonthWh":0})");

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

TEST_F(Badges, EditsAreRefusedWhereSomebodyElseWasFaster) {
    const auto added = desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1"})");
    const auto first = header(*added, "ETag");
    EXPECT_THAT(first, ::testing::MatchesRegex("\"[0-9a-f]{16}\""));
    const auto edit = [&](const std::string& method, const std::string& body,
                          const std::string& tags) {
        return desk.ask_with("Bearer secret of operator", method, "/api/v1/badges/A1", body,
                             "127.0.0.1", {{"If-Match", tags}});
    };
    const auto changed = edit("PATCH", R"({"label":"x"})", "\"other, tag\" , " + first);
    ASSERT_EQ(changed->status, 200);
    const auto second = header(*changed, "ETag");
    EXPECT_NE(second, first);
    EXPECT_EQ(header(*desk.ask("GET", "/api/v1/badges/a1"), "ETag"), second);
    for (const auto& refused : {edit("PATCH", R"({"label":"y"})", first), edit("DELETE", "", first),
                                edit("PATCH", R"({"label":"y"})", "W/" + second)}) {
        EXPECT_EQ(refused->status, 409);
        EXPECT_EQ(header(*refused, "ETag"), second);
        EXPECT_TRUE(problem_in(*refused).current);
        EXPECT_THAT(refused->body,
                    HasSubstr("\"current\":" + desk.ask("GET", "/api/v1/badges/A1")->body));
    }
    EXPECT_EQ(desk.site.badges.at("A1").label, "x");
    EXPECT_EQ(edit("PATCH", R"({"label":"z"})", "*")->status, 200);
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/badges/A1", R"({"label":"without"})")->status, 200);
    const auto last = header(*desk.ask("GET", "/api/v1/badges/A1"), "ETag");
    EXPECT_EQ(edit("DELETE", "", last)->status, 204);
}

TEST_F(Badges, AreFoundByTextGroupAndStatus) {
    for (const std::string body :
         {R"({"idTag":"A1","label":"Pool car","group":"Fleet"})",
          R"({"idTag":"A2","holder":"Ann Other","status":"blocked","group":"fleet"})",
          R"({"idTag":"A3","email":"ann@example.org"})", R"({"idTag":"A4","printedNumber":"0815"})",
          R"({"idTag":"A5","note":"Spare"})"}) {
        ASSERT_EQ(desk.ask("POST", "/api/v1/badges", body)->status, 201) << body;
    }
    const auto found = [&](const std::string& query) {
        const auto body = desk.ask("GET", "/api/v1/badges?" + query)->body;
        std::string names;
        for (auto at = body.find("\"idTag\":\""); at != std::string::npos;
             at = body.find("\"idTag\":\"", at + 1)) {
            names += body.substr(at + 9, 2);
        }
        return names;
    };
    EXPECT_EQ(found("text=ANN"), "A2A3");
    EXPECT_EQ(found("text=pool"), "A1");
    EXPECT_EQ(found("text=0815"), "A4");
    EXPECT_EQ(found("text=spare"), "A5");
    EXPECT_EQ(found("text=a"), "A1A2A3A4A5");
    EXPECT_EQ(found("group=FLEET"), "A1A2");
    EXPECT_EQ(found("group=fleet&status=active"), "A1");
    EXPECT_EQ(found("text=nobody"), "");
    EXPECT_THAT(desk.ask("GET", "/api/v1/badges?text=ann&limit=1")->body,
                Not(HasSubstr("\"next\":null")));
    EXPECT_THAT(pointers_in(*desk.ask("GET", "/api/v1/badges?status=lost")),
                ElementsAre("/status"));
}

TEST_F(Badges, TellHowTheyAreUsed) {
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1"})");
    const auto link = desk.connect("CP1");
    desk.start_transaction("CP1", link, "a1", 100, "2026-05-01T07:30:00Z");
    const auto body = desk.ask("GET", "/api/v1/badges/A1")->body;
    EXPECT_THAT(body, HasSubstr(R"("lastUsedAt":"2026-05-01T07:30:00.000Z")"));
    const auto tag = header(*desk.ask("GET", "/api/v1/badges/A1"), "ETag");
    desk.start_transaction("CP1", link, "a1", 100, "2026-05-01T07:40:00Z");
    EXPECT_EQ(header(*desk.ask("GET", "/api/v1/badges/A1"), "ETag"), tag) << "no edit";
}

TEST_F(Badges, TheEnergyOfTheMonthHasWhatRuns) {
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1","monthlyEnergyQuotaWh":1500})");
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"B2"})");
    const auto link = desk.connect("CP1");
    desk.start_transaction("CP1", link, "a1", 100, "2026-05-01T07:30:00Z");
    const auto id = desk.site.find("CP1")->open.at(0).start.transaction_id;
    desk.say("CP1", link,
             R"([2,"m","MeterValues",{"connectorId":1,"transactionId":)" + std::to_string(id) +
                 R"(,"meterValue":[{"timestamp":"2026-05-01T07:59:00Z",)" +
                 R"("sampledValue":[{"value":"1600"}]}]}])");
    const auto energy_of = [&](const std::string& id_tag) {
        return member(desk.ask("GET", "/api/v1/badges/" + id_tag)->body, "energyThisMonthWh");
    };
    EXPECT_EQ(energy_of("A1"), "1500");
    EXPECT_EQ(energy_of("B2"), "0");
    EXPECT_EQ(member(desk.ask("GET", "/api/v1/badges?text=a1")->body, "energyThisMonthWh"), "1500");
    desk.say("CP1", link,
             R"([2,"t","StopTransaction",{"transactionId":)" + std::to_string(id) +
                 R"(,"meterStop":1700,"timestamp":"2026-05-01T08:00:00Z"}])");
    EXPECT_EQ(energy_of("A1"), "1600") << "once, not twice";
}

TEST_F(Badges, EveryChangeIsInTheAuditLogOfItsUnit) {
    desk.ask_as("operator", "POST", "/api/v1/badges",
                R"({"idTag":"A1","holder":"Ann","email":"a@example.org","note":"n","label":"L"})");
    desk.ask("PATCH", "/api/v1/badges/a1", R"({"status":"blocked","holder":null})");
    desk.ask("DELETE", "/api/v1/badges/a1");
    ASSERT_EQ(journal.units.size(), 3U);
    const auto entry = [&](std::size_t unit) {
        return std::get<db::AuditEntry>(journal.units.at(unit).back());
    };
    EXPECT_EQ(entry(0).actor, "operator");
    EXPECT_EQ(entry(0).action, "create");
    EXPECT_EQ(entry(0).object_kind, "badge");
    EXPECT_EQ(entry(0).object_id, "A1");
    EXPECT_FALSE(entry(0).before);
    const auto after = entry(0).after->text;
    EXPECT_THAT(after, HasSubstr(R"x("holder":"(set)","email":"(set)")x"));
    EXPECT_THAT(after, HasSubstr(R"x("note":"(set)")x"));
    EXPECT_THAT(after, HasSubstr(R"x("label":"(set)")x"));
    EXPECT_THAT(after, Not(HasSubstr("Ann")));
    EXPECT_EQ(entry(1).actor, "admin");
    EXPECT_EQ(entry(1).action, "update");
    EXPECT_EQ(entry(1).before->text, after);
    EXPECT_THAT(entry(1).after->text, HasSubstr(R"("holder":null)"));
    EXPECT_EQ(entry(2).action, "delete");
    EXPECT_FALSE(entry(2).after);
    // Three changes in one millisecond of the test's clock.
    EXPECT_LT(entry(0).at, entry(1).at);
    EXPECT_LT(entry(1).at, entry(2).at);
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
