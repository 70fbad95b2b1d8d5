// What a charger may say when, and what is made of messages that are not as they should be.
#include "site/routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/commands.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string boot = R"({"chargePointVendor":"V","chargePointModel":"M"})";
const std::string start =
    R"({"connectorId":1,"idTag":"TAG","meterStart":1000,"timestamp":"2026-05-01T08:00:00Z"})";

std::string stop(const std::string& id, int meter = 2000, const std::string& more = "") {
    return "{\"transactionId\":" + id + ",\"meterStop\":" + std::to_string(meter) +
           R"(,"timestamp":"2026-05-01T09:00:00Z")" + more + "}";
}

struct RoutesTest : testing::Test, OneCharger {
    std::vector<std::string> say(const std::string& text) {
        receive(site, "CP1", link, text, now);
        return link->take();
    }
    std::optional<CommandResult> ask(const std::string& action, const std::string& payload) {
        auto result = std::make_shared<std::optional<CommandResult>>();
        command(site, "CP1", action, payload, now,
                [result](CommandResult outcome) { *result = std::move(outcome); });
        asked = result;
        return *result;
    }
    // Why the command was not sent: a pointer, or the whole in words; "" if it was.
    std::string objection(const std::string& action, const std::string& payload) {
        const auto result = ask(action, payload);
        if (!result) return "";
        const auto& failure = std::get<CommandFailure>(*result);
        if (!failure.violations.empty()) return failure.violations.front().pointer;
        return failure.kind == CommandFailure::Kind::not_allowed_now ? failure.detail : "other";
    }
    std::uint64_t counted(const std::string& kind) {
        const auto found = charger().deviations.find(kind);
        return found == charger().deviations.end() ? 0 : found->second.count;
    }
    std::shared_ptr<std::optional<CommandResult>> asked;
};

// --- Framing -------------------------------------------------------------------------------------

TEST_F(RoutesTest, SeveralMessagesInOneFrameAreHandledInTheirOrder) {
    EXPECT_THAT(say("[2,\"1\",\"StartTransaction\"," + start + "][2,\"2\",\"StopTransaction\"," +
                    stop("1001") + "]"),
                ElementsAre(HasSubstr(R"("transactionId":1001)"), R"([3,"2",{}])"));
    EXPECT_EQ(counted("several_in_one_frame"), 1u);
    EXPECT_THAT(charger().open, IsEmpty());
}

TEST_F(RoutesTest, NothingOfAFrameIsHandledOnceItsConnectionWasReplaced) {
    const auto old = link;
    journal.is_full = true;  // a start closes the connection then
    link->closed_with = 0;
    say("[2,\"1\",\"StartTransaction\"," + start + "]");
    EXPECT_EQ(old->closed_with, 1013);
    journal.is_full = false;
    link = connect("CP1");
    receive(site, "CP1", old, "[2,\"1\",\"Heartbeat\",{}][2,\"2\",\"Heartbeat\",{}]", now);
    EXPECT_THAT(old->take(), IsEmpty());
}

TEST_F(RoutesTest, TextThatIsNoUnicodeIsTaken) {
    for (const std::string& version :
         {std::string{"1.0\x10\x0e\n"}, std::string{"1.0\\ud800"}, std::string{"1.0\xE4"}}) {
        EXPECT_THAT(say(R"([2,"b","BootNotification",{"chargePointVendor":"V",)"
                        R"("chargePointModel":"M","firmwareVersion":")" +
                        version + "\"}]"),
                    ElementsAre(HasSubstr("Accepted")));
    }
    EXPECT_EQ(counted("raw_control_characters"), 1u);
    EXPECT_EQ(counted("lone_surrogate"), 1u);
    EXPECT_EQ(counted("invalid_utf8"), 1u);
}

// --- Repeats (ruling R7) -------------------------------------------------------------------------

TEST_F(RoutesTest, ARepeatedMessageIsAnsweredAgainAndNotHandledAgain) {
    const std::string samples =
        R"({"connectorId":1,"meterValue":[{"timestamp":"2026-05-01T08:00:00Z",)"
        R"("sampledValue":[{"value":"7"}]}]})";
    const auto first = send("MeterValues", samples, "m");
    const auto rows = journal.appended;
    EXPECT_EQ(send("MeterValues", samples, "m"), first);
    EXPECT_EQ(journal.appended, rows);
    EXPECT_EQ(counted("repeated_call"), 1u);
    EXPECT_THAT(send("MeterValues", samples, "n"), SizeIs(1));
    EXPECT_GT(journal.appended, rows);
}

TEST_F(RoutesTest, ARepeatOfWhatIsNotDurableYetIsAnsweredOnceWithIt) {
    journal.held = true;
    EXPECT_THAT(send("StartTransaction", start, "s"), IsEmpty());
    EXPECT_THAT(send("StartTransaction", start, "s"), IsEmpty());
    journal.commit();
    EXPECT_THAT(link->take(), SizeIs(1));
}

// --- Boot and acceptance (ruling R8) -------------------------------------------------------------

TEST_F(RoutesTest, ABootThatSaysLittleIsABoot) {
    for (const auto* payload :
         {R"({})", R"({"chargePointVendor":null,"chargePointModel":"M"})",
          R"({"chargePointVendor":{"name":"V"},"chargePointModel":"M"})",
          R"({"chargePointModel":"M","chargePointSerialNumber":"SERIAL-0123456789-0123456789"})"}) {
        EXPECT_THAT(send("BootNotification", payload), ElementsAre(HasSubstr("Accepted")))
            << payload;
        EXPECT_EQ(charger().boot->vendor, "");
    }
    EXPECT_EQ(charger().boot->model, "M");
    EXPECT_EQ(charger().boot->serial_number, "SERIAL-0123456789-0123456789");
    EXPECT_EQ(counted("BootNotification:missing_field"), 4u);
    EXPECT_EQ(counted("BootNotification:wrong_type"), 1u);
    EXPECT_EQ(counted("BootNotification:bad_value"), 1u);
    EXPECT_THAT(send("BootNotification", "[]"), ElementsAre(HasSubstr("FormationViolation")));
    charger().settings.validation = "strict";
    EXPECT_THAT(send("BootNotification", "{}"), ElementsAre(HasSubstr("ProtocolError")));
}

TEST_F(RoutesTest, ServesOnlyWhoIsAccepted) {
    struct Case {
        std::string state;
        bool served;
        std::string boot_status;
    };
    for (const auto& [state, served, boot_status] :
         std::vector<Case>{{"accepted", true, "Accepted"},
                           {"pending", false, "Pending"},
                           {"rejected", false, "Rejected"}}) {
        SCOPED_TRACE(state);
        charger().settings.state = state;
        const auto answer = HasSubstr(served ? "[3," : "SecurityError");
        for (int boots = 0; boots < 2; ++boots) {
            EXPECT_THAT(send("Heartbeat", "{}"), ElementsAre(answer));
            EXPECT_THAT(send("StartTransaction", start), ElementsAre(answer));
            EXPECT_THAT(send("StatusNotification",
                             R"({"connectorId":1,"errorCode":"NoError","status":"Available"})"),
                        ElementsAre(answer));
            EXPECT_THAT(send("BootNotification", boot), ElementsAre(HasSubstr(boot_status)));
        }
    }
}

TEST_F(RoutesTest, ARejectedChargerGetsNoCommands) {
    charger().settings.state = "rejected";
    for (const auto* action : {"GetConfiguration", "ClearCache", "GetLocalListVersion"}) {
        EXPECT_THAT(objection(action, "{}"), HasSubstr("rejected")) << action;
    }
    charger().settings.state = "pending";
    EXPECT_EQ(objection("GetConfiguration", "{}"), "") << "may be set up before it is accepted";
}

TEST_F(RoutesTest, CommandsWaitForTheBootAnswerAndAMoment) {
    charger().quirks.setup_delay_seconds = 2;
    charger().settings.quirks = R"({"setupDelaySeconds":2})";
    disconnected(site, "CP1", link, now);
    link = std::make_shared<KeepingLink>(9, "n-");
    connected(site, "CP1", link, "127.0.0.1", now);
    ask("ClearCache", "{}");
    EXPECT_THAT(link->take(), IsEmpty()) << "it may be about to boot";
    EXPECT_THAT(send("BootNotification", boot), ElementsAre(HasSubstr("Accepted")));
    pass(1s);
    EXPECT_THAT(link->take(), IsEmpty());
    ASSERT_TRUE(site.wake_at());
    EXPECT_LE(*site.wake_at(), now.mono + 1s);
    pass(1s);
    ASSERT_FALSE(link->sent.empty());
    EXPECT_THAT(link->sent.front(), HasSubstr("ClearCache"));
}

TEST_F(RoutesTest, CommandsDoNotWaitForABootThatNeverComes) {
    link = std::make_shared<KeepingLink>(9, "n-");
    connected(site, "CP1", link, "127.0.0.1", now);
    ask("ClearCache", "{}");
    pass(2s);
    EXPECT_THAT(link->take(), IsEmpty());
    pass(1s);
    EXPECT_THAT(link->take(), ElementsAre(HasSubstr("ClearCache")));
}

// --- Answers to commands -------------------------------------------------------------------------

TEST_F(RoutesTest, AnActionItDoesNotKnowIsNotAskedForAgain) {
    send("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M",)"
                             R"("firmwareVersion":"1.0"})");
    pass(20s);
    link->take();
    for (const auto* error : {"GenericError", "NotImplemented"}) {
        link = connect("CP1");
        ask("ClearCache", "{}");
        say("[4,\"m" + std::to_string(generation) + "-1\",\"" + error + "\"]");
        ASSERT_TRUE(*asked);
        EXPECT_EQ(std::get<CommandFailure>(**asked).error_code, error);
    }
    EXPECT_THAT(
        objection("ClearCache", "{}"),
        testing::AllOf(HasSubstr("does not support ClearCache"), HasSubstr("learned 2026")));
    EXPECT_EQ(objection("Reset", R"({"type":"Soft"})"), "");
    charger().boot->firmware_version = "1.1";
    resolve_quirks(site, charger());
    EXPECT_EQ(objection("ClearCache", "{}"), "") << "the next firmware may";
}

TEST_F(RoutesTest, ALateAnswerIsFollowedAllTheSame) {
    std::vector<std::string> logged;
    site.log = [&](std::string_view event, std::string_view details) {
        logged.push_back(std::string{event} + " " + std::string{details});
    };
    ask("Reset", R"({"type":"Soft"})");
    link->take();
    pass(31s);
    ASSERT_TRUE(*asked);
    EXPECT_EQ(std::get<CommandFailure>(**asked).kind, CommandFailure::Kind::timeout);
    EXPECT_THAT(charger().operations, IsEmpty());
    say(R"([3,"m1-1",{"status":"Accepted"}])");
    EXPECT_THAT(charger().operations, SizeIs(1));
    EXPECT_EQ(counted("late_answer"), 1u);
    EXPECT_THAT(logged, testing::Contains(HasSubstr("answered_late CP1 Reset")));
}

TEST_F(RoutesTest, AnAnswerWithAWrongIdIsTakenWhereAQuirkSaysSo) {
    ask("ClearCache", "{}");
    say(R"([3,"wrong",{"status":"Accepted"}])");
    EXPECT_FALSE(*asked);
    charger().quirks.accept_answer_with_wrong_id = true;
    apply_quirks_to_link(charger());
    say(R"([3,"wrong",{"status":"Accepted"}])");
    ASSERT_TRUE(*asked);
    EXPECT_TRUE(std::holds_alternative<CommandAnswer>(**asked));
}

// --- Stops with numbers that are not ours (errata 3.18) ------------------------------------------

TEST_F(RoutesTest, AStopWithoutOurNumberEndsTheOnlyTransactionItFits) {
    struct Case {
        std::string id;
        int meter;
        std::string more;
        bool fits;
        bool estimated;
    };
    for (const auto& [id, meter, more, fits, estimated] :
         std::vector<Case>{{"-1", 2000, "", true, true},
                           {"0", 2000, R"(,"idTag":"tag")", true, true},
                           {"7", 2000, R"(,"idTag":"TAG")", true, true},
                           {"-1", 999, "", false, false},
                           {"-1", 2000, R"(,"idTag":"OTHER")", false, false}}) {
        OneCharger one;
        one.send("StartTransaction", start);
        EXPECT_THAT(one.send("StopTransaction", stop(id, meter, more), "1"),
                    ElementsAre(HasSubstr("[3,")));
        const auto stops = one.journal.all<db::TransactionStopped>();
        ASSERT_EQ(stops.size(), fits ? 1u : 0u) << id << meter << more;
        // What a guess has ended may prove another's.
        const auto orphans = fits && !estimated ? 0u : 1u;
        EXPECT_EQ(one.journal.all<db::OrphanStop>().size(), orphans);
        EXPECT_EQ(one.charger().open.size(), fits ? 0u : 1u);
        EXPECT_EQ(one.charger().deviations.contains("stop_with_wrong_transaction_id"), fits);
        if (!fits) continue;
        EXPECT_EQ(stops[0].estimated, estimated);
        // Repeated on another connection it ends nothing else.
        one.link = one.connect("CP1");
        one.send("StartTransaction", R"({"connectorId":2,"idTag":"TAG","meterStart":1,)"
                                     R"("timestamp":"2026-05-01T08:30:00Z"})");
        EXPECT_THAT(one.send("StopTransaction", stop(id, meter, more), "1"),
                    ElementsAre(HasSubstr("[3,")));
        EXPECT_EQ(one.journal.all<db::TransactionStopped>().size(), 1u);
        EXPECT_EQ(one.journal.all<db::OrphanStop>().size(), orphans);
        EXPECT_EQ(one.charger().open.size(), 1u);
    }
}

TEST_F(RoutesTest, MoneyIsNeverRefused) {
    int id = 100;
    const auto answer = [&](const std::string& action, const std::string& payload) {
        const auto sent =
            say("[2,\"" + std::to_string(++id) + "\",\"" + action + "\"," + payload + "]");
        return sent.size() == 1 ? sent[0].substr(0, 3) : "none";
    };
    for (const auto* payload :
         {R"({"connectorId":1,"idTag":"TAG","meterStart":"","timestamp":"2026-05-01T08:00:00Z"})",
          R"({"connectorId":1,"idTag":"TAG","meterStart":1e30})", R"({"meterStart":5})",
          R"({"connectorId":2147483648,"idTag":"TAG","meterStart":"12abc"})", "{}", "[]"}) {
        EXPECT_EQ(answer("StartTransaction", payload), "[3,") << payload;
    }
    for (const auto* payload :
         {R"({"transactionId":99999999999,"meterStop":1})", R"({"meterStop":null})", "{}", "[]"}) {
        EXPECT_EQ(answer("StopTransaction", payload), "[3,") << payload;
    }
    for (const auto* payload : {R"({"connectorId":1})", R"({"meterValue":7})", "{}", "[]"}) {
        EXPECT_EQ(answer("MeterValues", payload), "[3,") << payload;
    }
    EXPECT_GT(counted("salvaged:meterStart"), 0u);
    EXPECT_GT(counted("salvaged:meterValue"), 0u);
}

TEST_F(RoutesTest, AStopWithoutAReadableRegisterIsEstimated) {
    say("[2,\"1\",\"StartTransaction\"," + start + "]");
    EXPECT_THAT(say(R"([2,"2","StopTransaction",{"transactionId":1001,"meterStop":null,)"
                    R"("timestamp":"2026-05-01T09:00:00Z"}])"),
                ElementsAre(R"([3,"2",{}])"));
    ASSERT_THAT(charger().stopped, SizeIs(1));
    EXPECT_EQ(charger().stopped[0].stop->meter_stop_wh, 1000);
    EXPECT_TRUE(charger().stopped[0].stop->estimated);
    // The truth replaces it; its closing brackets may be lost.
    EXPECT_THAT(say(R"([2,"3","StopTransaction",{"transactionId":1001,"meterStop":"1,900 Wh",)"
                    R"("timestamp":"2026-05-01T09:00:00Z")"),
                ElementsAre(R"([3,"3",{}])"));
    EXPECT_EQ(charger().stopped[0].stop->meter_stop_wh, 1900);
    EXPECT_FALSE(charger().stopped[0].stop->estimated);
}

TEST_F(RoutesTest, AStartInTheFarFutureIsTakenAsOfNowAndOnce) {
    const std::string future =
        R"({"connectorId":1,"idTag":"TAG","meterStart":7,"timestamp":"9999-01-01T00:00:00Z"})";
    say("[2,\"1\",\"StartTransaction\"," + future + "]");
    const auto started_at = now.wall;
    now.wall += std::chrono::minutes{1};
    say("[2,\"2\",\"StartTransaction\"," + future + "]");
    ASSERT_THAT(charger().open, SizeIs(1));
    EXPECT_EQ(charger().open[0].start.started_at, started_at);
    EXPECT_EQ(counted("future_timestamp"), 2u);
}

TEST_F(RoutesTest, AStopThatFitsTwoTransactionsEndsNone) {
    site.badges["TAG"].max_active_transactions = 2;
    send("StartTransaction", start);
    send("StartTransaction",
         R"({"connectorId":2,"idTag":"TAG","meterStart":5,"timestamp":"2026-05-01T08:00:00Z"})");
    send("StopTransaction", stop("-1"));
    EXPECT_EQ(charger().open.size(), 2u);
    EXPECT_THAT(journal.all<db::OrphanStop>(), SizeIs(1));
}

TEST_F(RoutesTest, TheStopWithTheRightNumberReplacesADoubtfulOne) {
    send("StartTransaction", start);
    send("StopTransaction", stop("7", 1500));
    send("StopTransaction", stop("1001", 2000));
    const auto stops = journal.all<db::TransactionStopped>();
    ASSERT_EQ(stops.size(), 2u);
    EXPECT_EQ(stops[1].meter_stop_wh, 2000);
    EXPECT_FALSE(stops[1].estimated);
    // A charger that is known for its own numbers leaves no doubt.
    charger().quirks.echoes_transaction_ids = false;
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":2000,"timestamp":"2026-05-01T08:10:00Z"})");
    send("StopTransaction", stop("8", 3000));
    EXPECT_FALSE(journal.all<db::TransactionStopped>().at(2).estimated);
}

// Ruling R12.
TEST_F(RoutesTest, ARefusedStartDoesNotHoldItsBadge) {
    add_charger("CP2");
    const auto other = connect("CP2");
    const auto start_there = [&](int connector) {
        receive(site, "CP2", other,
                "[2,\"s" + std::to_string(connector) + R"(","StartTransaction",{"connectorId":)" +
                    std::to_string(connector) +
                    R"(,"idTag":"TAG","meterStart":1,"timestamp":"2026-05-01T08:00:00Z"}])",
                now);
        return other->take();
    };
    send("StartTransaction", start);
    EXPECT_THAT(start_there(1), ElementsAre(HasSubstr("ConcurrentTx")));
    EXPECT_EQ(site.open_transactions_of("TAG"), 1);
    send("StopTransaction", stop("1001"));
    EXPECT_EQ(site.open_transactions_of("TAG"), 0);
    EXPECT_THAT(start_there(2), ElementsAre(HasSubstr("Accepted")));
}

// Its charger asks again because the answer was lost: the rule has not changed its mind.
TEST_F(RoutesTest, ARepeatOfARefusedStartIsRefusedAgain) {
    add_charger("CP2");
    const auto other = connect("CP2");
    receive(site, "CP2", other, "[2,\"s\",\"StartTransaction\"," + start + "]", now);
    for (const auto* id : {"1", "2"}) {
        EXPECT_THAT(send("StartTransaction", start, id), Contains(HasSubstr("ConcurrentTx")));
    }
    EXPECT_THAT(charger().open, SizeIs(1));
    // What was accepted stays so only as long as its badge is good.
    receive(site, "CP2", other, "[2,\"t\",\"StartTransaction\"," + start + "]", now);
    EXPECT_THAT(other->take(), Contains(AllOf(HasSubstr("\"t\""), HasSubstr("Accepted"))));
    site.badges["TAG"].status = "blocked";
    receive(site, "CP2", other, "[2,\"u\",\"StartTransaction\"," + start + "]", now);
    EXPECT_THAT(other->take(), Contains(AllOf(HasSubstr("\"u\""), HasSubstr("Blocked"))));
}

// --- Rules of commands ---------------------------------------------------------------------------

TEST_F(RoutesTest, ListsThatNoChargerMayGetAreNotSent) {
    const std::string entry = R"({"idTag":"A","idTagInfo":{"status":"Accepted"}})";
    struct Case {
        std::string payload;
        std::string pointer;
    };
    const auto list = [](int version, const std::string& type, const std::string& entries) {
        return "{\"listVersion\":" + std::to_string(version) + ",\"updateType\":\"" + type +
               "\",\"localAuthorizationList\":[" + entries + "]}";
    };
    charger().local_list.reported = 5;
    for (const auto& [payload, pointer] : std::vector<Case>{
             {list(0, "Full", entry), "/listVersion"},
             {list(-1, "Full", entry), "/listVersion"},
             {list(5, "Differential", entry), "/listVersion"},
             {list(6, "Full", R"({"idTag":"A"})"), "/localAuthorizationList/0/idTagInfo"},
             {list(6, "Full", entry + R"(,{"idTag":"a","idTagInfo":{"status":"Blocked"}})"),
              "/localAuthorizationList/1/idTag"},
             {list(6, "Differential", R"({"idTag":"A"})"), ""},
             {R"({"listVersion":7,"updateType":"Full"})", ""}}) {
        EXPECT_EQ(objection("SendLocalList", payload), pointer) << payload;
    }
    charger().local_list.reported = -1;
    EXPECT_EQ(objection("SendLocalList", list(1, "Full", entry)), "");
}

TEST_F(RoutesTest, TheSecurityProfileIsNotLowered) {
    struct Case {
        std::int32_t profile;
        bool has_password;
        std::string value;
        std::string pointer;
    };
    for (const auto& [profile, has_password, value, pointer] :
         std::vector<Case>{{0, false, "0", ""},
                           {0, true, "0", "/value"},
                           {0, true, "1", ""},
                           {2, true, "1", "/value"},
                           {2, true, "3", "/value"},
                           {0, true, "2", "/value"},
                           {0, false, "1", "/value"},
                           {0, false, "4", "/value"},
                           {0, false, "high", "/value"}}) {
        charger().settings.security_profile = profile;
        charger().settings.password_hash =
            has_password ? std::optional<std::string>{"hash"} : std::nullopt;
        EXPECT_EQ(objection("ChangeConfiguration",
                            R"({"key":"securityprofile","value":")" + value + "\"}"),
                  pointer)
            << profile << value;
    }
}

// --- DataTransfer --------------------------------------------------------------------------------

TEST_F(RoutesTest, DataThatIsNoTextIsKeptAsText) {
    EXPECT_THAT(send("DataTransfer", R"({"vendorId":"V","data":{"level":[1,2]}})"),
                ElementsAre(HasSubstr("UnknownVendorId")));
    EXPECT_THAT(charger().deviations.at("data_transfer").last_example,
                HasSubstr(R"({"level":[1,2]})"));
    EXPECT_EQ(counted("DataTransfer:wrong_type"), 1u);
    charger().settings.validation = "strict";
    EXPECT_THAT(send("DataTransfer", R"({"vendorId":"V","data":{"level":[1,2]}})", "y"),
                ElementsAre(HasSubstr("TypeConstraintViolation")));
}

}  // namespace
}  // namespace busbar::site::test
