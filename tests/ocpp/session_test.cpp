#include "ocpp/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "ocpp/v16/core.hpp"

namespace busbar::ocpp {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Priority = CallOptions::Priority;

const Now start{Instant{1h}, Timestamp{}};
Now after(std::chrono::milliseconds d) { return {start.mono + d, start.wall + d}; }

struct Fixture : testing::Test {
    Session session;
    std::vector<std::string> outcomes;

    void call(std::string name, CallOptions options = {}, Now now = start) {
        session.call(now, name, "{}", std::move(options), [this, name](const auto& answer) {
            const auto* failure = std::get_if<CallFailure>(&answer);
            outcomes.push_back(
                name + (failure ? " failed " + std::to_string(static_cast<int>(failure->kind))
                                : " answered"));
        });
    }
    std::vector<std::string> sent() { return session.take_output(); }
};
using SessionTest = Fixture;

TEST_F(SessionTest, SendsTheNextCallOnlyAfterTheAnswer) {
    call("A");
    call("B");
    EXPECT_THAT(sent(), ElementsAre(R"([2,"1","A",{}])"));
    EXPECT_THAT(session.receive(start, R"([3,"1",{}])"), IsEmpty());
    EXPECT_THAT(sent(), ElementsAre(R"([2,"2","B",{}])"));
    EXPECT_THAT(outcomes, ElementsAre("A answered"));
}

TEST_F(SessionTest, TimesOutGoesOnAndIgnoresTheLateAnswer) {
    call("A");
    call("B");
    sent();
    EXPECT_EQ(session.deadline(), start.mono + 30s);
    session.on_timer(after(29'999ms));
    EXPECT_THAT(outcomes, IsEmpty());
    session.on_timer(after(30s));
    EXPECT_THAT(outcomes, ElementsAre("A failed 0"));
    EXPECT_THAT(sent(), ElementsAre(R"([2,"2","B",{}])"));
    session.receive(after(31s), R"([3,"1",{}])");
    EXPECT_EQ(outcomes.size(), 1u);
    const auto oddities = session.take_oddities();
    ASSERT_EQ(oddities.size(), 1u);
    EXPECT_EQ(oddities[0].kind, "late_answer");
    EXPECT_EQ(oddities[0].detail, "A was answered 1000 ms after the time-out");
    session.receive(after(32s), R"([3,"1",{}])");
    EXPECT_EQ(session.take_oddities().at(0).kind, "late_or_unknown_answer") << "only once";
}

TEST_F(SessionTest, ALoweringOvertakesAndShortensTheWait) {
    call("A");
    call("B");
    call("Lower", {.priority = Priority::lowering, .timeout = 10s}, after(5s));
    EXPECT_EQ(session.deadline(), start.mono + 15s);
    sent();
    session.on_timer(after(15s));
    EXPECT_THAT(sent(), ElementsAre(R"([2,"3","Lower",{}])"));
}

TEST_F(SessionTest, AnewerCallReplacesTheWaitingOneOfItsKey) {
    call("A");
    call("Limit 1", {.coalescing_key = "limit"});
    call("Other");
    call("Limit 2", {.coalescing_key = "limit"});
    EXPECT_THAT(outcomes, ElementsAre("Limit 1 failed 4"));
    sent();
    session.receive(start, R"([3,"1",{}])");
    session.receive(start, R"([3,"3",{}])");
    EXPECT_THAT(sent(), ElementsAre(R"([2,"3","Other",{}])", R"([2,"4","Limit 2",{}])"));
}

TEST_F(SessionTest, QueueIsBounded) {
    for (std::size_t i = 0; i <= Session::calls_max; ++i) call("A");
    EXPECT_THAT(outcomes, IsEmpty());
    call("B");
    EXPECT_THAT(outcomes, ElementsAre("B failed 5"));
}

TEST_F(SessionTest, AFullQueueShutsOutNoLowering) {
    for (std::size_t i = 0; i <= Session::calls_max; ++i) call("A");
    call("Lower", {.priority = Priority::lowering, .timeout = 10s});
    EXPECT_THAT(outcomes, ElementsAre("A failed 5"));
    EXPECT_EQ(session.deadline(), start.mono + 10s);
    sent();
    session.receive(start, R"([3,"1",{}])");
    EXPECT_THAT(sent(), ElementsAre(testing::HasSubstr("Lower")));
}

TEST_F(SessionTest, ACallThatWaitsTooLongIsNotSentAnyMore) {
    std::string reason;
    call("A");
    call("B");
    call("C");
    session.call(start, "D", "{}", {.queue_timeout = 60s}, [&](const auto& answer) {
        reason = std::get<CallFailure>(answer).description;
        outcomes.push_back("D failed");
        call("E", {}, after(60s));
    });
    sent();
    session.on_timer(after(30s));
    EXPECT_EQ(session.deadline(), start.mono + 60s);
    session.on_timer(after(60s));
    EXPECT_THAT(outcomes, ElementsAre("A failed 0", "D failed", "B failed 0"));
    EXPECT_EQ(reason, "the charge point is still busy with 2 earlier calls");
    session.receive(after(61s), R"([3,"3",{}])");
    EXPECT_THAT(sent(), ElementsAre(R"([2,"2","B",{}])", R"([2,"3","C",{}])", R"([2,"5","E",{}])"));
}

TEST_F(SessionTest, ACallIsDroppedBeforeAnAnswerWouldSendItLate) {
    call("A", {.timeout = 90s});
    call("B", {.queue_timeout = 60s});
    call("C", {.queue_timeout = 61s});
    EXPECT_EQ(session.deadline(), start.mono + 60s);
    sent();
    session.receive(after(60s), R"([3,"1",{}])");
    EXPECT_THAT(outcomes, ElementsAre("B failed 5", "A answered"));
    EXPECT_THAT(sent(), ElementsAre(R"([2,"3","C",{}])")) << "one that is in time is sent";
    EXPECT_EQ(session.deadline(), start.mono + 90s) << "and may take its time to be answered";
}

TEST_F(SessionTest, ALoweringIsNeverTooLate) {
    session.hold_calls(start.mono + 2s);
    call("A", {.queue_timeout = 1s});
    call("Lower 1", {.priority = Priority::lowering, .timeout = 90s, .queue_timeout = 1s});
    call("Lower 2", {.priority = Priority::lowering, .timeout = 90s, .queue_timeout = 1s});
    EXPECT_THAT(sent(), ElementsAre(testing::HasSubstr("Lower 1")));
    session.on_timer(after(10s));
    EXPECT_THAT(outcomes, ElementsAre("A failed 5", "Lower 1 failed 0"));
    EXPECT_THAT(sent(), ElementsAre(testing::HasSubstr("Lower 2")));
}

TEST_F(SessionTest, DisconnectingFailsEveryCall) {
    call("A");
    call("B");
    session.on_disconnect();
    EXPECT_THAT(outcomes, ElementsAre("A failed 1", "B failed 1"));
    EXPECT_FALSE(session.deadline());
    EXPECT_FALSE(session.has_output());
}

TEST_F(SessionTest, AFailureTellsWhetherThePeerKnowsOfTheCall) {
    std::vector<bool> never_sent;
    for (int i = 0; i < 2; ++i) {
        session.call(start, "A", "{}", {}, [&](const Session::RawAnswer& answer) {
            never_sent.push_back(std::get<CallFailure>(answer).never_sent);
        });
    }
    session.on_disconnect();
    EXPECT_THAT(never_sent, ElementsAre(false, true));
}

TEST_F(SessionTest, TakesCallsInEveryFormChargersUse) {
    for (const auto* text : {R"([2,"x","Heartbeat",{}])", R"([2,"x","Heartbeat",null])",
                             R"([2,"x","Heartbeat"])", " \n[2,\"x\",\"Heartbeat\",{}]\n"}) {
        const auto incoming = session.receive(start, text);
        ASSERT_EQ(incoming.size(), 1u) << text;
        EXPECT_EQ(incoming[0].id, "x");
        EXPECT_EQ(incoming[0].action, "Heartbeat");
        EXPECT_EQ(incoming[0].text, text);
    }
    EXPECT_EQ(session.receive(start, R"([2,17,"Heartbeat",{}])").at(0).id, "17");
}

// Ruling R2: what cannot be answered is counted, and the connection goes on.
TEST_F(SessionTest, CountsWhatIsNotOcpp) {
    for (const auto* text : {"hello", "{}", "[]", "[2]", "[2,null,\"A\",{}]", "[9,\"x\"]",
                             "[2.5,\"x\"]", "[\"2\",\"x\"]"}) {
        EXPECT_THAT(session.receive(start, text), IsEmpty()) << text;
        EXPECT_THAT(sent(), IsEmpty()) << text;
        EXPECT_EQ(session.take_oddities().size(), 1u) << text;
    }
    EXPECT_THAT(session.receive(start, std::string(100'000, '[')), IsEmpty());
    EXPECT_EQ(session.take_oddities().at(0).kind, "nested_too_deeply");
    EXPECT_THAT(session.receive(start, "  \r\n"), IsEmpty());
    EXPECT_THAT(session.take_oddities(), IsEmpty());
}

TEST_F(SessionTest, AnswersAMalformedCallThatHasAnId) {
    EXPECT_THAT(session.receive(start, R"([2,"x",5,{}])"), IsEmpty());
    EXPECT_THAT(sent(), ElementsAre(testing::StartsWith(R"([4,"x","FormationViolation",)")));
}

TEST_F(SessionTest, PassesOnACallErrorOfAnyLength) {
    for (const auto* text :
         {R"([4,"1"])", R"([4,"2","NotSupported"])", R"([4,"3","TypeConstraintViolation","",""])",
          R"([4,"4","Odd","text",{}])", R"([4,"5",null,7,null,1])"}) {
        call("A");
        session.receive(start, text);
    }
    EXPECT_THAT(outcomes, testing::Each("A failed 2"));
    EXPECT_EQ(outcomes.size(), 5u);
}

TEST_F(SessionTest, TypedAnswersAreDecoded) {
    std::vector<std::string> seen;
    const auto keep = [&](const Session::Answer<v16::Reset>& answer) {
        const auto* response = std::get_if<v16::Reset::Response>(&answer);
        seen.push_back(response ? enumerator_name(response->status) : "none");
    };
    session.call<v16::Reset>(start, {.type = v16::ResetType::Soft}, {}, keep);
    session.call<v16::Reset>(start, {.type = v16::ResetType::Hard}, {}, keep);
    EXPECT_THAT(sent(), ElementsAre(R"([2,"1","Reset",{"type":"Soft"}])"));
    session.receive(start, R"([3,"1",{"status":"Accepted"}])");
    session.receive(start, R"([3,"2",{"status":"Perhaps"}])");
    EXPECT_THAT(seen, ElementsAre("Accepted", "none"));
}

TEST_F(SessionTest, ALateAnswerIsToldToWhoFollowsIt) {
    int late = 0;
    session.call(
        start, "A", "{}", {}, [](const auto&) {}, [&](const Json&) { ++late; });
    call("B");
    session.on_timer(after(30s));
    session.receive(after(31s), R"([3,"1",{}])");
    session.receive(after(31s), R"([3,"1",{}])");
    EXPECT_EQ(late, 1);
    EXPECT_THAT(outcomes, IsEmpty()) << "B goes on waiting";
}

TEST_F(SessionTest, TakesAnAnswerWithAnIdThatNeverWasWhereToldTo) {
    call("A");
    session.receive(start, R"([3,"who",{}])");
    EXPECT_THAT(outcomes, IsEmpty());
    session.accept_answers_with_wrong_id(true);
    session.receive(start, R"([3,"who",{}])");
    EXPECT_THAT(outcomes, ElementsAre("A answered"));
    session.receive(start, R"([3,"who",{}])");
    call("B");
    session.receive(start, R"([3,"1",{}])");
    EXPECT_THAT(outcomes, ElementsAre("A answered")) << "1 was ours, but not this one";
    session.receive(start, R"([4,"3"])");
    EXPECT_THAT(outcomes, ElementsAre("A answered", "B failed 2")) << "3 was never given";
}

TEST_F(SessionTest, HoldsCallsBackButNotLowerings) {
    session.hold_calls(start.mono + 2s);
    call("A");
    EXPECT_THAT(sent(), IsEmpty());
    EXPECT_EQ(session.deadline(), start.mono + 2s);
    session.on_timer(after(1s));
    EXPECT_THAT(sent(), IsEmpty());
    call("Lower", {.priority = Priority::lowering, .timeout = 10s}, after(1s));
    EXPECT_THAT(sent(), ElementsAre(testing::HasSubstr("Lower")));
    session.receive(after(1s), R"([3,"2",{}])");
    EXPECT_THAT(sent(), IsEmpty());
    session.on_timer(after(2s));
    EXPECT_THAT(sent(), ElementsAre(testing::HasSubstr("\"A\"")));
    EXPECT_EQ(session.deadline(), start.mono + 32s) << "the time-out begins when it is sent";
}

TEST(Session, SurvivesAnyText) {
    EXPECT_TRUE(rc::check([] {
        Session session;
        const auto alphabet = rc::gen::element('[', ']', '{', '}', '"', ',', ':', '2', '3', '4',
                                               'a', '\\', ' ', '\0');
        session.receive(start, *rc::gen::container<std::string>(alphabet));
        session.take_output();
    }));
}

TEST(ErrorCodes, AnswerEachDefectAsRuled) {
    EXPECT_EQ(error_code(Defect::missing_field), ErrorCode::ProtocolError);
    EXPECT_EQ(error_code(Defect::wrong_type), ErrorCode::TypeConstraintViolation);
    EXPECT_EQ(error_code(Defect::bad_value), ErrorCode::PropertyConstraintViolation);
    EXPECT_EQ(error_code(Defect::empty_array), ErrorCode::OccurenceConstraintViolation);
    EXPECT_EQ(error_code(Defect::wrong_shape), ErrorCode::FormationViolation);
}

}  // namespace
}  // namespace busbar::ocpp
