// Connection attempts, the enrolment window and the operations of a charge point.
#include "site/attempts.hpp"
#include "site/operations.hpp"
#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::HasSubstr;

class ConnectionAttempts : public Offline {
protected:
    void knock(site::AttemptCause cause, const std::string& identity) {
        desk.site.attempts.note(desk.site, cause, "seen",
                                {.address = "192.0.2.1",
                                 .path = "/ocpp/" + identity,
                                 .identity = identity,
                                 .headers = {{"Sec-WebSocket-Protocol", "ocpp1.6"}}},
                                desk.now);
    }
};

TEST_F(ConnectionAttempts, ShowWhatToDoAndAreAccepted) {
    knock(site::AttemptCause::unknown_charge_point, "NEW");
    const auto listed = desk.ask("GET", "/api/v1/connection-attempts");
    EXPECT_THAT(listed->body, HasSubstr(R"("number":1,"cause":"unknown_charge_point")"));
    EXPECT_THAT(listed->body, HasSubstr(R"("acceptable":true)"));
    EXPECT_THAT(listed->body, HasSubstr("Accept it here"));
    EXPECT_EQ(desk.ask("POST", "/api/v1/connection-attempts/1/accept")->status, 204);
    ASSERT_NE(desk.site.find("NEW"), nullptr);
    EXPECT_EQ(desk.site.find("NEW")->settings.state, "accepted");
    EXPECT_EQ(desk.ask("POST", "/api/v1/connection-attempts/2/accept")->status, 404);
}

TEST_F(ConnectionAttempts, WithNothingToAcceptSayWhatElseToDo) {
    knock(site::AttemptCause::wrong_password, "NEW");
    const auto reply = desk.ask("POST", "/api/v1/connection-attempts/1/accept");
    EXPECT_EQ(reply->status, 409);
    EXPECT_THAT(problem_in(*reply).detail, HasSubstr("password"));
}

TEST_F(ConnectionAttempts, AreListedInPages) {
    for (int i = 0; i < 5; ++i) {
        knock(site::AttemptCause::unknown_charge_point, "N" + std::to_string(i));
    }
    const auto first = desk.ask("GET", "/api/v1/connection-attempts?limit=3");
    EXPECT_THAT(first->body, HasSubstr(R"("number":5)"));
    EXPECT_THAT(first->body, testing::Not(HasSubstr(R"("number":2)")));
    const auto at = first->body.find(R"("next":")") + 8;
    const auto cursor = first->body.substr(at, first->body.find('"', at) - at);
    const auto second = desk.ask("GET", "/api/v1/connection-attempts?limit=3&cursor=" + cursor);
    EXPECT_THAT(second->body, HasSubstr(R"("number":2)"));
    EXPECT_THAT(second->body, HasSubstr(R"("next":null)"));
}

TEST_F(ConnectionAttempts, TheEnrolmentWindowOpensAndCloses) {
    EXPECT_EQ(desk.ask("GET", "/api/v1/enrolment")->body, R"({"open":false,"until":null})");
    const auto opened = desk.ask("PUT", "/api/v1/enrolment", R"({"minutes":10})");
    EXPECT_THAT(opened->body, HasSubstr(R"("open":true,"until":"2026-)"));
    EXPECT_EQ(desk.ask("PUT", "/api/v1/enrolment", R"({"minutes":0})")->body,
              R"({"open":false,"until":null})");
    EXPECT_EQ(desk.ask("PUT", "/api/v1/enrolment", R"({"minutes":1441})")->status, 422);
    EXPECT_EQ(desk.ask("PUT", "/api/v1/enrolment", R"({})")->status, 422);
}

TEST_F(ConnectionAttempts, OperationsShowWhatTheyWaitFor) {
    desk.connect("CP1");
    site::Operation operation;
    operation.action = "RemoteStartTransaction";
    operation.detail = "accepted, waiting for the cable";
    operation.deadline = desk.now.wall + std::chrono::seconds{60};
    desk.site.now = desk.now;
    site::follow(desk.site, *desk.site.find("CP1"), operation);
    const auto reply = desk.ask("GET", "/api/v1/charge-points/CP1/operations");
    EXPECT_THAT(reply->body, HasSubstr("waiting for the cable"));
    EXPECT_THAT(reply->body, HasSubstr(R"("secondsLeft":60)"));
    EXPECT_EQ(desk.ask("GET", "/api/v1/charge-points/CP1/operations/1")->status, 200);
    EXPECT_EQ(desk.ask("GET", "/api/v1/charge-points/CP1/operations/9")->status, 404);
}

}  // namespace
}  // namespace busbar::api
