// Commands to a scripted charger, the plan, and text that hurts.
#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Commands : public Offline {
protected:
    Reply reset(const std::string& body = R"({"type":"Soft"})") {
        return desk.ask_as("operator", "POST", "/api/v1/charge-points/CP1/commands/Reset", body);
    }
};

TEST_F(Commands, ReturnTheChargersOwnAnswer) {
    const auto link = desk.connect("CP1");
    const auto reply = reset();
    EXPECT_FALSE(reply.is_there());
    EXPECT_TRUE(desk.answer("CP1", link, "Reset", R"({"status":"Rejected"})"));
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, R"({"status":"Rejected"})");
    EXPECT_THAT(desk.last_call, HasSubstr(R"("Reset",{"type":"Soft"}])"));
    EXPECT_GT(desk.changes, 0);
}

TEST_F(Commands, ACallErrorIsA502WithItsCode) {
    const auto link = desk.connect("CP1");
    const auto reply = reset();
    EXPECT_TRUE(desk.answer("CP1", link, "Reset", R"("InternalError","out \"of\" order",{})", "4"));
    EXPECT_EQ(reply->status, 502);
    const auto problem = problem_in(*reply);
    EXPECT_EQ(problem.errorCode, "InternalError");
    EXPECT_EQ(problem.errorDescription, "out \"of\" order");
}

TEST_F(Commands, AnAnswerThatIsNoneIsA502) {
    const auto link = desk.connect("CP1");
    const auto reply = reset();
    desk.answer("CP1", link, "Reset", R"({"status":"Perhaps"})");
    EXPECT_EQ(reply->status, 502);
    const auto problem = problem_in(*reply);
    EXPECT_EQ(problem.errorCode.value_or(""), "") << "the charger has sent no error";
    EXPECT_THAT(problem.errorDescription.value_or(""), HasSubstr("could not be understood"));
}

TEST_F(Commands, SilenceIsA504) {
    const auto link = desk.connect("CP1");
    const auto reply = reset();
    for (int second = 0; second < 120 && !reply.is_there(); ++second) {
        desk.now.mono += std::chrono::seconds{1};
        desk.now.wall += std::chrono::seconds{1};
        site::on_timer(desk.site, desk.now);
    }
    EXPECT_EQ(reply->status, 504);
    problem_in(*reply);
}

TEST_F(Commands, ALostConnectionIsA504) {
    const auto link = desk.connect("CP1");
    const auto reply = reset();
    site::disconnected(desk.site, "CP1", link, desk.now);
    EXPECT_EQ(reply->status, 504);
    EXPECT_THAT(problem_in(*reply).detail, HasSubstr("connection ended"));
}

TEST_F(Commands, WhatCannotBeSentSaysWhy) {
    EXPECT_EQ(reset()->status, 404);
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1"})");
    EXPECT_EQ(reset()->status, 409);
    const auto unknown = desk.ask("POST", "/api/v1/charge-points/CP1/commands/Explode", "{}");
    EXPECT_EQ(unknown->status, 404);
    EXPECT_THAT(problem_in(*unknown).detail, HasSubstr("Reset"));
    EXPECT_EQ(reset("{")->status, 400);
    EXPECT_THAT(pointers_in(*reset("")), ElementsAre("/type"));
    EXPECT_THAT(pointers_in(*reset("[]")), ElementsAre(""));
    EXPECT_THAT(pointers_in(*reset(R"({"type":"Medium","x":1})")),
                UnorderedElementsAre("/type", "/x"));
    desk.connect("CP1");
    const auto refused =
        desk.ask("POST", "/api/v1/charge-points/CP1/commands/RemoteStartTransaction",
                 R"({"idTag":"nobody"})");
    EXPECT_EQ(refused->status, 409);
    EXPECT_THAT(problem_in(*refused).detail, HasSubstr("badge"));
}

TEST_F(Commands, TooManyAtOnceAreAnsweredAtOnce) {
    const auto link = desk.connect("CP1");
    std::vector<Reply> replies;
    for (int i = 0; i < 100; ++i) replies.push_back(reset());
    EXPECT_EQ(replies.back()->status, 504);
    EXPECT_THAT(problem_in(*replies.back()).detail, HasSubstr("busy"));
    site::disconnected(desk.site, "CP1", link, desk.now);
    for (const auto& reply : replies) EXPECT_TRUE(reply->status == 504 || reply->status == 409);
}

TEST_F(Commands, TransactionsWithoutADatabaseAre503AndStoppingStillWorks) {
    const auto link = desk.connect("CP1");
    desk.start_transaction("CP1", link);
    for (const std::string target : {"/api/v1/transactions", "/api/v1/transactions/1",
                                     "/api/v1/transactions/1/meter-values"}) {
        const auto reply = desk.ask("GET", target);
        wait_for(reply);
        EXPECT_EQ(reply->status, 503);
        EXPECT_NE(header(*reply, "Retry-After"), "");
        problem_in(*reply);
    }
    const auto remote = desk.ask_as("operator", "POST", "/api/v1/transactions/1/stop");
    EXPECT_TRUE(desk.answer("CP1", link, "RemoteStopTransaction", R"({"status":"Accepted"})"));
    EXPECT_EQ(remote->body, R"({"status":"Accepted"})");
    EXPECT_THAT(desk.last_call,
                HasSubstr("{\"transactionId\":" +
                          std::to_string(desk.site.find("CP1")->open.at(0).start.transaction_id)));
    site::disconnected(desk.site, "CP1", link, desk.now);
    EXPECT_EQ(desk.ask("POST", "/api/v1/transactions/1/stop")->status, 409);
    EXPECT_EQ(desk.ask("POST", "/api/v1/transactions/1/stop", R"({"force":false})")->status, 409);
}

TEST_F(Commands, AStuckTransactionIsClosedOnceThatIsDurable) {
    desk.start_transaction("CP1", desk.connect("CP1"));
    EXPECT_THAT(
        pointers_in(*desk.ask("POST", "/api/v1/transactions/1/stop", R"({"force":1,"hard":true})")),
        UnorderedElementsAre("/force", "/hard"));
    journal.is_full = true;
    EXPECT_EQ(desk.ask("POST", "/api/v1/transactions/1/stop", R"({"force":true})")->status, 503);
    journal.is_full = false;
    journal.held = true;
    const auto reply = desk.ask("POST", "/api/v1/transactions/1/stop", R"({"force":true})");
    EXPECT_FALSE(reply.is_there());
    journal.release_all();
    EXPECT_EQ(reply->status, 200);
    EXPECT_THAT(
        reply->body,
        HasSubstr(R"("meterStartWh":100,"meterStopWh":100,"energyWh":0,"stopReason":"Other",)"
                  R"("estimated":true,"owner":"local",)"));
    EXPECT_TRUE(desk.site.find("CP1")->open.empty());
}

TEST_F(Commands, ThePlanIsSolvedAndItsProblemsPointedAt) {
    const auto plan =
        desk.ask_as("installer", "POST", "/api/v1/site/plan",
                    R"({"nodes":[{"id":"main","limitAmps":[32,32,32]}],)"
                    R"("evses":[{"id":"a","node":"main","phases":[1,2,3],"maxAmps":32},)"
                    R"({"id":"b","node":"main","phases":[1],"maxAmps":32}]})");
    EXPECT_EQ(plan->status, 200);
    EXPECT_THAT(plan->body, HasSubstr(R"({"evse":"a","amps":16,)"));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/site/plan",
                                      R"({"nodes":[{"id":"main","limitAmps":[32,32]}],)"
                                      R"("evses":[{"id":"a","node":"up","maxAmps":1,"a/b":1}]})")),
                UnorderedElementsAre("/nodes/0/limitAmps", "/evses/0/node", "/evses/0/phases",
                                     "/evses/0/a~1b"));
    EXPECT_EQ(desk.ask("POST", "/api/v1/site/plan", "nodes")->status, 400);
    EXPECT_EQ(desk.ask("POST", "/api/v1/site/plan", "[]")->status, 422);
    EXPECT_EQ(desk.ask("POST", "/api/v1/site/plan", std::string(200'000, '{'))->status, 400);
    const auto large = desk.ask("POST", "/api/v1/site/plan", std::string(300'000, '{'));
    EXPECT_EQ(large->status, 413);
    problem_in(*large);
}

TEST_F(Commands, LoadIsEmptyBeforeTheFirstDecision) {
    EXPECT_EQ(desk.ask("GET", "/api/v1/load")->body, R"({"at":null,"nodes":[],"evses":[]})");
}

// As JSON text, each; those that are not JSON at all among them.
const std::vector<std::string> nasty_texts{
    R"("")",
    R"(" ")",
    R"("'; DROP TABLE badge; --")",
    R"("<script>alert(1)</script>")",
    R"("\u0000")",
    R"("a\u0000b")",
    R"("\r\nSet-Cookie: x=1")",
    R"("\u202egnirts")",
    R"("\"\\")",
    R"("{}[]:,")",
    R"("%00%0d%0a")",
    R"("../../../etc/passwd")",
    R"("\ud83d\ude00")",
    R"("\ud83d")",
    "\"\xF0\x9F\x94\x8C\"",
    "\"\xC3\x28\"",
    "\"\xED\xA0\x80\"",
    "\"\xEF\xBB\xBF\"",
    "\"" + std::string(5000, 'A') + "\"",
    R"("NULL")",
    "null",
    "true",
    "[]",
    "{}",
    "1e400",
    "-1",
};

TEST_F(Commands, NastyTextIsStoredAsItIsOrRefused) {
    const auto try_fields = [&](const std::string& target, const std::vector<std::string>& fields) {
        for (const auto& field : fields) {
            for (const auto& text : nasty_texts) {
                SCOPED_TRACE(field + " " + text.substr(0, 50));
                const auto units = journal.units.size();
                const auto reply = desk.ask("PATCH", target, "{\"" + field + "\":" + text + "}");
                ASSERT_TRUE(reply.is_there());
                EXPECT_TRUE(is_json(reply->body)) << reply->body;
                if (reply->status == 200) {
                    EXPECT_EQ(desk.ask("GET", target)->body, reply->body);
                    EXPECT_EQ(reply->body.find("\\u00"), std::string::npos);
                } else {
                    EXPECT_TRUE(reply->status == 422 || reply->status == 400) << reply->status;
                    problem_in(*reply);
                    EXPECT_EQ(journal.units.size(), units);
                }
            }
        }
    };
    desk.ask("POST", "/api/v1/badges", R"({"idTag":"A1"})");
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1"})");
    try_fields("/api/v1/badges/A1",
               {"label", "holder", "status", "validFrom", "validUntil", "group", "chargePoints",
                "chargeMode", "maxActiveTransactions", "unheard-of"});
    try_fields("/api/v1/charge-points/CP1", {"state", "label", "location", "password", "validation",
                                             "maxAmps", "phaseMap", "assumeOcpp16", "unheard-of"});
}

TEST_F(Commands, NastyIdsAreStoredAsTheyAreOrRefused) {
    for (const auto& text : nasty_texts) {
        for (const auto& [target, field] :
             {std::pair{"/api/v1/badges", "idTag"}, std::pair{"/api/v1/charge-points", "id"}}) {
            SCOPED_TRACE(std::string{field} + " " + text.substr(0, 50));
            const auto added =
                desk.ask("POST", target, std::string{"{\""} + field + "\":" + text + "}");
            ASSERT_TRUE(added.is_there());
            EXPECT_TRUE(is_json(added->body));
            if (added->status != 201) {
                EXPECT_TRUE(added->status == 422 || added->status == 400) << added->status;
                continue;
            }
            const auto location = header(*added, "Location");
            EXPECT_EQ(desk.ask("GET", location)->body, added->body) << location;
            EXPECT_EQ(desk.ask("DELETE", location)->status, 204);
        }
    }
}

TEST_F(Commands, NastyPathsFindNothing) {
    for (const std::string segment :
         {"%00", "%FF%FE", "%2F", "..", "%2E%2E", "-1", "0", "1.5", "99999999999999999999", "+1",
          "%F0%9F%94%8C", "'%20OR%201=1", "{id}"}) {
        for (const std::string resource : {"badges", "charge-points", "transactions"}) {
            for (const std::string method : {"GET", "PATCH", "DELETE"}) {
                const auto reply = desk.ask(method, "/api/v1/" + resource + "/" + segment, "{}");
                ASSERT_TRUE(reply.is_there());
                EXPECT_TRUE(reply->status == 404 || reply->status == 405) << segment;
                EXPECT_TRUE(is_json(reply->body));
            }
        }
    }
}

}  // namespace
}  // namespace busbar::api
