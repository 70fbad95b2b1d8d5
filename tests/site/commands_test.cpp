// What becomes of a command that must wait, and what the message log is told of calls.
#include "site/commands.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

struct CommandsTest : testing::Test, OneCharger {
    // The failure of each command that has ended, in their order.
    void ask(const std::string& action, const std::string& payload = "{}") {
        command(site, "CP1", action, payload, now, [this](const CommandResult& result) {
            const auto* failure = std::get_if<CommandFailure>(&result);
            ended.push_back(failure ? *failure : CommandFailure{});
        });
    }
    std::vector<CommandFailure> ended;
};

TEST_F(CommandsTest, OneThatWaitsForAMinuteIsNotSentAnyMore) {
    link->take();
    for (int i = 0; i < 5; ++i) ask("ClearCache");
    EXPECT_THAT(link->take(), SizeIs(1)) << "one at a time";
    pass(30s);
    pass(30s - 1ms);
    EXPECT_THAT(ended, SizeIs(1));
    EXPECT_THAT(link->take(), SizeIs(1));
    ASSERT_TRUE(site.wake_at());
    EXPECT_LE(*site.wake_at(), now.mono + 1ms);
    pass(1ms);
    ASSERT_THAT(ended, SizeIs(5));
    for (const std::size_t dropped : {1u, 2u, 3u}) {
        EXPECT_EQ(ended[dropped].kind, CommandFailure::Kind::busy);
        EXPECT_EQ(ended[dropped].detail, "the charge point is still busy with 1 earlier call");
    }
    EXPECT_EQ(ended[4].kind, CommandFailure::Kind::timeout);
    EXPECT_THAT(link->take(), Each(Not(HasSubstr("ClearCache"))));
}

TEST_F(CommandsTest, WaitsForTheAnswerAsLongAsTheModelNeeds) {
    charger().quirks.call_timeout_seconds = 90;
    ask("ClearCache");
    pass(89s);
    EXPECT_THAT(ended, IsEmpty());
    pass(1s);
    ASSERT_THAT(ended, SizeIs(1));
    EXPECT_EQ(ended[0].kind, CommandFailure::Kind::timeout);
    link = connect("CP1");
    charger().quirks.call_timeout_seconds = 10;
    ask("ClearCache");
    pass(10s);
    EXPECT_THAT(ended, SizeIs(2));
}

TEST_F(CommandsTest, SaysHowManyCallsWereBeforeIt) {
    link->take();
    // A charger that takes its time for what we ask it ourselves.
    for (int i = 0; i < 3; ++i) {
        link->session.call(now, "Slow", "{}", {.timeout = 50s}, [](const auto&) {});
    }
    ask("ClearCache");
    pass(50s);
    pass(10s);
    ASSERT_THAT(ended, SizeIs(1));
    EXPECT_EQ(ended[0].kind, CommandFailure::Kind::busy);
    EXPECT_EQ(ended[0].detail, "the charge point is still busy with 2 earlier calls");
}

TEST_F(CommandsTest, AFullQueueIsABusyCharger) {
    for (std::size_t i = 0; i < ocpp::Session::calls_max + 2; ++i) ask("ClearCache");
    ASSERT_THAT(ended, SizeIs(1));
    EXPECT_EQ(ended[0].kind, CommandFailure::Kind::busy);
    EXPECT_THAT(ended[0].detail, HasSubstr("busy with 64 other calls"));
}

// --- What the message log is told ----------------------------------------------------------------

struct ViolationsTest : testing::Test, OneCharger {
    ViolationsTest() {
        link->session.observe([this](const ocpp::Frame& frame) {
            std::string line{frame.action};
            line += frame.direction == ocpp::Frame::Direction::in ? " in|" : " out|";
            frames.push_back(line.append(frame.violation));
        });
    }
    std::vector<std::string> frames;
};

TEST_F(ViolationsTest, OfTakenCallsAreNamedWithThem) {
    send("StatusNotification",
         R"({"connectorId":"1","errorCode":"NoError","status":"Available",)"
         R"("colour":"green"})",
         "1");
    send("starttransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":{},"timestamp":"2026-05-01T08:00:00Z"})",
         "2");
    send("Heartbeat", "{}", "3");
    EXPECT_THAT(frames, ElementsAre(AllOf(HasSubstr("StatusNotification in|"),
                                          HasSubstr("wrong_type /connectorId"),
                                          HasSubstr("unknown_field /colour")),
                                    "StatusNotification out|",
                                    AllOf(HasSubstr("starttransaction in|action_case, "),
                                          HasSubstr("wrong_type /meterStart")),
                                    "starttransaction out|", "Heartbeat in|", "Heartbeat out|"));
}

TEST_F(ViolationsTest, OfRefusedCallsAreNamedWithBoth) {
    charger().settings.validation = "strict";
    send("Authorize", R"({"idTag":7})", "1");
    send("Nonsense", "{}", "2");
    EXPECT_THAT(frames, ElementsAre("Authorize in|wrong_type /idTag", HasSubstr("Authorize out|"),
                                    "Nonsense in|", HasSubstr("unknown action Nonsense")));
    EXPECT_GT(frames[1].size(), std::string{"Authorize out|"}.size());
}

TEST_F(ViolationsTest, AreBounded) {
    std::string payload = R"({"connectorId":1,"errorCode":"NoError","status":"Available")";
    for (int i = 0; i < 100; ++i) payload += ",\"field" + std::to_string(i) + "\":1";
    send("StatusNotification", payload + ",\"" + std::string(5000, 'x') + "\":1}");
    EXPECT_LT(frames.at(0).size(), 500u);
    EXPECT_THAT(frames.at(0), HasSubstr(" more"));
}

}  // namespace
}  // namespace busbar::site::test
