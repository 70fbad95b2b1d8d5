#include "site/operations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/authorization_key.hpp"
#include "site/commands.hpp"
#include "site/transactions.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Timestamp at = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1};

Operation waiting(std::string action, std::optional<std::int32_t> connector = {}) {
    Operation operation;
    operation.action = std::move(action);
    operation.connectorId = connector;
    operation.startedAt = at;
    operation.deadline = at + 60s;
    return operation;
}

TEST(Operations, ARemoteStartEndsWithItsTransaction) {
    auto start = waiting("RemoteStartTransaction", 2);
    start.idTag = "Tag";
    auto other_badge = start;
    EXPECT_FALSE(advance(other_badge, TransactionBegan{2, "OTHER", {}, 7}, at));
    auto other_connector = start;
    EXPECT_FALSE(advance(other_connector, TransactionBegan{1, "TAG", {}, 7}, at));
    EXPECT_TRUE(advance(start, TransactionBegan{2, "TAG", {}, 7}, at));
    EXPECT_EQ(start.state, OperationState::succeeded);
    EXPECT_FALSE(start.deadline);
    EXPECT_FALSE(advance(start, TimePassed{}, at + 1h)) << "what has ended stays ended";
}

TEST(Operations, WaitingEndsAtTheDeadlineAndNotBefore) {
    auto start = waiting("RemoteStartTransaction");
    start.detail = "waiting for the cable";
    EXPECT_FALSE(advance(start, TimePassed{}, at + 59s));
    EXPECT_TRUE(advance(start, TimePassed{}, at + 60s));
    EXPECT_EQ(start.state, OperationState::failed);
    EXPECT_THAT(start.detail, HasSubstr("waiting for the cable"));
}

TEST(Operations, AResetIsDoneWhenTheChargerBoots) {
    auto reset = waiting("Reset");
    EXPECT_TRUE(advance(reset, ChargePointDisconnected{}, at));
    EXPECT_EQ(reset.state, OperationState::waiting);
    EXPECT_TRUE(advance(reset, ChargePointBooted{}, at));
    EXPECT_EQ(reset.state, OperationState::succeeded);
}

TEST(Operations, ProgressIsShownAndItsEndKept) {
    auto update = waiting("SignedUpdateFirmware");
    update.requestId = 5;
    EXPECT_FALSE(advance(update, ProgressReported{"SignedUpdateFirmware", "Installed", 4}, at));
    EXPECT_FALSE(advance(update, ProgressReported{"SignedUpdateFirmware", "Idle", {}}, at));
    EXPECT_TRUE(advance(update, ProgressReported{"SignedUpdateFirmware", "Downloading", 5}, at));
    EXPECT_EQ(update.detail, "Downloading");
    EXPECT_TRUE(
        advance(update, ProgressReported{"SignedUpdateFirmware", "InvalidSignature", 5}, at));
    EXPECT_EQ(update.state, OperationState::failed);
}

TEST(Operations, AReservationEndsByUseFaultExpiryOrCancelling) {
    auto reservation = waiting("ReserveNow", 1);
    reservation.requestId = 9;
    reservation.idTag = "TAG";
    auto used = reservation;
    EXPECT_TRUE(advance(used, TransactionBegan{1, "FAMILY", 9, 1}, at));
    EXPECT_EQ(used.state, OperationState::succeeded);
    auto faulted = reservation;
    EXPECT_TRUE(advance(faulted, ConnectorReported{1, "Faulted"}, at));
    EXPECT_EQ(faulted.state, OperationState::failed);
    auto expired = reservation;
    EXPECT_TRUE(advance(expired, TimePassed{}, at + 60s));
    EXPECT_EQ(expired.state, OperationState::succeeded);
    auto cancelled = reservation;
    EXPECT_FALSE(advance(cancelled, ReservationCancelled{8}, at));
    EXPECT_TRUE(advance(cancelled, ReservationCancelled{9}, at));
}

TEST(Operations, AScheduledChangeOfAvailabilityEndsWithTheStatus) {
    auto change = waiting("ChangeAvailability", 1);
    change.wanted = "Inoperative";
    EXPECT_FALSE(advance(change, ConnectorReported{1, "Finishing"}, at));
    EXPECT_FALSE(advance(change, ConnectorReported{2, "Unavailable"}, at));
    EXPECT_TRUE(advance(change, ConnectorReported{1, "Unavailable"}, at));
}

TEST(Operations, OneOfConnector0EndsWhenAllHaveComeRound) {
    auto change = waiting("ChangeAvailability", 0);
    change.wanted = "Inoperative";
    change.deadline.reset();
    change.detail = "waiting for the end of the transaction";
    EXPECT_FALSE(advance(change, ConnectorReported{0, "Unavailable"}, at)) << "says nothing of 1";
    EXPECT_FALSE(advance(change, ConnectorsSeen{.any_runs = true, .is_connected = true}, at));
    auto done = change;
    EXPECT_TRUE(advance(done, ConnectorsSeen{.all_done = true, .is_connected = true}, at));
    EXPECT_EQ(done.state, OperationState::succeeded);
    // It says no word.
    EXPECT_TRUE(advance(change, ConnectorsSeen{.is_connected = true}, at));
    EXPECT_EQ(change.deadline, at + availability_wait);
    EXPECT_FALSE(advance(change, ConnectorsSeen{.is_connected = true}, at + 1s));
    EXPECT_TRUE(advance(change, TimePassed{}, at + availability_wait));
    EXPECT_EQ(change.state, OperationState::failed);
    EXPECT_THAT(change.detail, HasSubstr("the transaction is over"));
}

TEST(Operations, OneThatIsAwayHasADayToSayWhatBecameOfIt) {
    auto change = waiting("ChangeAvailability", 0);
    change.wanted = "Inoperative";
    change.deadline.reset();
    EXPECT_TRUE(advance(change, ConnectorsSeen{}, at));
    EXPECT_EQ(change.deadline, at + 24h);
    EXPECT_TRUE(advance(change, ConnectorsSeen{.is_connected = true}, at + 1h));
    EXPECT_EQ(change.deadline, at + 1h + availability_wait);
    EXPECT_TRUE(advance(change, ChargePointBooted{}, at + 1h + 1min));
    EXPECT_THAT(change.detail, HasSubstr("booted"));
    EXPECT_EQ(change.deadline, at + 1h + 1min + availability_wait);
}

struct CommandedOperationsTest : testing::Test, OneCharger {
    // Sends a command and answers it as the charger; what the caller was told.
    CommandResult send_command(const std::string& action, const std::string& payload,
                               const std::string& answer) {
        CommandResult result = CommandFailure{};
        link->take();
        command(site, "CP1", action, payload, now, [&](CommandResult given) { result = given; });
        for (const auto& text : link->take()) {
            if (text.find(action) == std::string::npos) continue;
            const auto id = text.substr(4, text.find('"', 4) - 4);
            receive(site, "CP1", link, "[3,\"" + id + "\"," + answer + "]", now);
        }
        return result;
    }
    std::optional<std::int64_t> operation_of(const CommandResult& result) {
        return std::get<CommandAnswer>(result).operation;
    }
};

TEST_F(CommandedOperationsTest, AnAcceptedRemoteStartIsFollowed) {
    const auto result =
        send_command("RemoteStartTransaction", R"({"idTag":"TAG"})", R"({"status":"Accepted"})");
    ASSERT_TRUE(operation_of(result));
    EXPECT_EQ(charger().operations.back().detail, "accepted, waiting for the cable");
    send("StartTransaction",
         R"({"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-05-01T08:00:00Z"})");
    EXPECT_EQ(charger().operations.back().state, OperationState::succeeded);
    EXPECT_THAT(journal.all<db::StateSaved>(), SizeIs(testing::Ge(2)));
}

TEST_F(CommandedOperationsTest, ARejectedOneIsNot) {
    const auto result =
        send_command("RemoteStartTransaction", R"({"idTag":"TAG"})", R"({"status":"Rejected"})");
    EXPECT_FALSE(operation_of(result));
    EXPECT_THAT(charger().operations, IsEmpty());
}

TEST_F(CommandedOperationsTest, TimeEndsWhatNothingCameOf) {
    send_command("RemoteStartTransaction", R"({"idTag":"TAG"})", R"({"status":"Accepted"})");
    pass(61s);
    EXPECT_EQ(charger().operations.back().state, OperationState::failed);
}

struct ScheduledAvailabilityTest : CommandedOperationsTest {
    ScheduledAvailabilityTest() {
        say(1, "Charging");
        say(2, "Available");
        send("StartTransaction", R"({"connectorId":1,"idTag":"TAG","meterStart":0,)"
                                 R"("timestamp":"2026-05-01T08:00:00Z"})");
        schedule(0, "Inoperative");
    }
    void say(int connector, const std::string& status) {
        send("StatusNotification", R"({"connectorId":)" + std::to_string(connector) +
                                       R"(,"errorCode":"NoError","status":")" + status + "\"}");
    }
    void schedule(int connector, const std::string& type, const std::string& answer = "Scheduled") {
        send_command(
            "ChangeAvailability",
            R"({"connectorId":)" + std::to_string(connector) + R"(,"type":")" + type + "\"}",
            R"({"status":")" + answer + "\"}");
    }
    void stop() {
        send("StopTransaction",
             R"({"transactionId":)" + std::to_string(charger().open.at(0).start.transaction_id) +
                 R"(,"meterStop":5,"timestamp":")" + to_string(now.wall) + "\"}");
    }
    const Operation& first() { return charger().operations.front(); }
};

TEST_F(ScheduledAvailabilityTest, EndsWhenEveryConnectorIsUnavailable) {
    pass(48h);
    EXPECT_EQ(first().state, OperationState::waiting) << "the car is still there";
    say(2, "Unavailable");
    stop();
    say(1, "Finishing");
    pass(1h);
    EXPECT_EQ(first().state, OperationState::waiting) << "nor has it been unplugged";
    say(1, "Unavailable");
    EXPECT_EQ(first().state, OperationState::succeeded);
    EXPECT_TRUE(first().endedAt);
}

TEST_F(ScheduledAvailabilityTest, EndsSoonAfterTheTransactionsWhateverTheChargerDoes) {
    stop();
    say(1, "Available");
    EXPECT_EQ(first().state, OperationState::waiting);
    pass(availability_wait);
    EXPECT_EQ(first().state, OperationState::failed);
    EXPECT_THAT(first().detail, HasSubstr("the transaction is over"));
}

TEST_F(ScheduledAvailabilityTest, EndsADayAfterTheTransactionsOfOneThatStaysAway) {
    disconnected(site, "CP1", link, now);
    force_stop(site, charger(), charger().open.at(0), now);
    pass(1h);
    EXPECT_EQ(first().state, OperationState::waiting);
    pass(24h);
    EXPECT_EQ(first().state, OperationState::failed);
}

TEST_F(ScheduledAvailabilityTest, EndsWithANewerCommand) {
    schedule(2, "Inoperative", "Accepted");
    EXPECT_EQ(first().state, OperationState::waiting);
    schedule(0, "Operative", "Rejected");
    EXPECT_EQ(first().state, OperationState::waiting);
    schedule(0, "Operative", "Accepted");
    EXPECT_EQ(first().state, OperationState::failed);
    EXPECT_THAT(first().detail, HasSubstr("newer"));
}

TEST_F(CommandedOperationsTest, OutlivesARestart) {
    send_command("ReserveNow",
                 R"({"connectorId":1,"expiryDate":"2026-05-01T09:00:00Z","idTag":"TAG",)"
                 R"("reservationId":4})",
                 R"({"status":"Accepted"})");
    HeldJournal fresh_journal;
    Site fresh{fresh_journal, settings()};
    fresh.charge_points["CP1"].settings = charger().settings;
    for (const auto& row : journal.all<db::StateSaved>()) restore_operation(fresh, row);
    ASSERT_THAT(fresh.find("CP1")->operations, SizeIs(1));
    EXPECT_EQ(fresh.find("CP1")->operations.front().requestId, 4);
    EXPECT_EQ(fresh.next_operation, 2);
}

TEST_F(CommandedOperationsTest, KeepsABoundedNumber) {
    for (int i = 0; i < 80; ++i) {
        send_command("Reset", R"({"type":"Soft"})", R"({"status":"Accepted"})");
    }
    EXPECT_THAT(charger().operations, SizeIs(operations_max));
}

TEST_F(CommandedOperationsTest, EveryActionThatCanBeSentIsKnown) {
    int known = 0;
    for (const auto* action : {"CancelReservation",
                               "CertificateSigned",
                               "ChangeAvailability",
                               "ChangeConfiguration",
                               "ClearCache",
                               "ClearChargingProfile",
                               "DataTransfer",
                               "DeleteCertificate",
                               "ExtendedTriggerMessage",
                               "GetCompositeSchedule",
                               "GetConfiguration",
                               "GetDiagnostics",
                               "GetInstalledCertificateIds",
                               "GetLocalListVersion",
                               "GetLog",
                               "InstallCertificate",
                               "RemoteStartTransaction",
                               "RemoteStopTransaction",
                               "ReserveNow",
                               "Reset",
                               "SendLocalList",
                               "SetChargingProfile",
                               "SignedUpdateFirmware",
                               "TriggerMessage",
                               "UnlockConnector",
                               "UpdateFirmware"}) {
        command(site, "CP1", action, R"({"x":1})", now, [&](const CommandResult& result) {
            const auto* failure = std::get_if<CommandFailure>(&result);
            ASSERT_NE(failure, nullptr) << action;
            EXPECT_EQ(failure->kind, CommandFailure::Kind::invalid_payload) << action;
            ++known;
        });
    }
    EXPECT_EQ(known, 26);
}

TEST_F(CommandedOperationsTest, RulesSayWhatIsWrong) {
    const auto refusal = [&](const std::string& action, const std::string& payload) {
        std::string text;
        command(site, "CP1", action, payload, now, [&](const CommandResult& result) {
            if (const auto* failure = std::get_if<CommandFailure>(&result)) {
                text = failure->detail;
                for (const auto& v : failure->violations) text += v.pointer + " " + v.detail;
            }
        });
        return text;
    };
    EXPECT_THAT(refusal("UnlockConnector", R"({"connectorId":0})"), HasSubstr("/connectorId"));
    EXPECT_THAT(refusal("RemoteStartTransaction", R"({"idTag":"NOBODY"})"), HasSubstr("badge"));
    EXPECT_THAT(refusal("TriggerMessage", R"({"requestedMessage":"BootNotification"})"),
                HasSubstr("boot"));
    EXPECT_THAT(refusal("ChangeConfiguration", R"({"key":"authorizationkey","value":"short"})"),
                HasSubstr("hexadecimal"));
    EXPECT_THAT(refusal("CertificateSigned", R"({"certificateChain":"MIIB"})"),
                HasSubstr("/certificateChain certificate 1 must begin"));
    EXPECT_THAT(refusal("InstallCertificate",
                        R"({"certificateType":"CentralSystemRootCertificate","certificate":""})"),
                HasSubstr("/certificate must hold"));
    EXPECT_THAT(refusal("ReserveNow",
                        R"({"connectorId":1,"expiryDate":"2020-01-01T00:00:00Z","idTag":"TAG",)"
                        R"("reservationId":1})"),
                HasSubstr("past"));
    charger().settings.state = "pending";
    EXPECT_THAT(refusal("RemoteStartTransaction", R"({"idTag":"TAG"})"), HasSubstr("accept it"));
}

constexpr auto new_key = "0123456789abcdef0123456789abcdef";

struct AuthorizationKeyTest : CommandedOperationsTest {
    AuthorizationKeyTest() {
        site.hash_password = [](std::string password, auto done) { done("hash of " + password); };
        charger().settings.password_hash = "old";
    }
    CommandResult change(const std::string& answer) {
        return send_command(
            "ChangeConfiguration",
            std::string{R"({"key":"AuthorizationKey","value":")"} + new_key + R"("})", answer);
    }
    std::vector<std::string> hashes() {
        return admit(site, {"/ocpp/CP1", {"ocpp1.6"}, "CP1:x", "127.0.0.1"}, now).password_hashes;
    }
};

TEST_F(AuthorizationKeyTest, AcceptedEndsTheOldPassword) {
    change(R"({"status":"Accepted"})");
    EXPECT_THAT(hashes(), ElementsAre("hash of 0123456789ABCDEF0123456789ABCDEF"));
    EXPECT_EQ(journal.all<db::ChargePointSaved>().back().password_hash_previous, std::nullopt);
}

TEST_F(AuthorizationKeyTest, ARefusalKeepsIt) {
    change(R"({"status":"NotSupported"})");
    EXPECT_THAT(hashes(), ElementsAre("old"));
}

TEST_F(AuthorizationKeyTest, SilenceLeavesBothUntilTheNewOneIsUsed) {
    send_command("ChangeConfiguration",
                 std::string{R"({"key":"AuthorizationKey","value":")"} + new_key + R"("})",
                 R"({"status":)");
    EXPECT_THAT(hashes(), SizeIs(2));
    new_password_used(site, charger());
    EXPECT_THAT(hashes(), SizeIs(1));
}

// Silent for good: the question ends in a bounded time, and says what holds.
TEST_F(AuthorizationKeyTest, AChargerThatIsSilentIsNotWaitedForForEver) {
    std::vector<CommandFailure> ended;
    link->take();
    // What it is asked before, and never answers.
    for (int i = 0; i < 2; ++i) {
        link->session.call(now, "Slow", "{}", {.timeout = 50s}, [](const auto&) {});
    }
    const auto ask = [&] {
        command(site, "CP1", "ChangeConfiguration",
                std::string{R"({"key":"AuthorizationKey","value":")"} + new_key + R"("})", now,
                [&](const CommandResult& result) {
                    const auto* failure = std::get_if<CommandFailure>(&result);
                    ended.push_back(failure ? *failure : CommandFailure{});
                });
    };
    ask();
    EXPECT_THAT(hashes(), SizeIs(2));
    pass(50s);
    pass(10s);
    ASSERT_THAT(ended, SizeIs(1)) << "not sent any more";
    EXPECT_EQ(ended[0].kind, CommandFailure::Kind::busy);
    EXPECT_THAT(hashes(), ElementsAre("old")) << "it was never told";
    link = connect("CP1");
    charger().quirks.call_timeout_seconds = 20;
    ask();
    pass(20s);
    ASSERT_THAT(ended, SizeIs(2));
    EXPECT_EQ(ended[1].kind, CommandFailure::Kind::timeout);
    EXPECT_THAT(ended[1].detail, HasSubstr("not known"));
    EXPECT_THAT(hashes(), SizeIs(2));
}

TEST_F(AuthorizationKeyTest, AnAnswerThatComesLateStillCounts) {
    for (const auto& [status, left] :
         {std::pair{"Rejected", "old"}, std::pair{"Accepted",
                                                  "hash of 0123456789ABCDEF0123456789"
                                                  "ABCDEF"}}) {
        link = connect("CP1");
        command(site, "CP1", "ChangeConfiguration",
                std::string{R"({"key":"AuthorizationKey","value":")"} + new_key + R"("})", now,
                [](const CommandResult&) {});
        const auto asked = link->take();
        ASSERT_THAT(asked, SizeIs(1));
        pass(30s);
        EXPECT_THAT(hashes(), SizeIs(2));
        const auto id = asked[0].substr(4, asked[0].find('"', 4) - 4);
        receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":")" + status + "\"}]", now);
        EXPECT_THAT(hashes(), ElementsAre(left));
    }
}

TEST_F(AuthorizationKeyTest, OneThatGoesBeforeItIsAskedKeepsTheOldPassword) {
    journal.held = true;
    std::vector<CommandFailure::Kind> ended;
    command(site, "CP1", "ChangeConfiguration",
            std::string{R"({"key":"AuthorizationKey","value":")"} + new_key + R"("})", now,
            [&](const CommandResult& result) {
                ended.push_back(std::get<CommandFailure>(result).kind);
            });
    disconnected(site, "CP1", link, now);
    journal.held = false;
    journal.commit();
    EXPECT_THAT(ended, ElementsAre(CommandFailure::Kind::not_allowed_now));
    EXPECT_THAT(hashes(), ElementsAre("old"));
}

TEST_F(AuthorizationKeyTest, ASecondChangeWaitsForTheEndOfTheFirst) {
    change(R"({"status":)");
    const auto before = hashes();
    const auto second = change(R"({"status":"Rejected"})");
    const auto* failure = std::get_if<CommandFailure>(&second);
    ASSERT_TRUE(failure);
    EXPECT_EQ(failure->kind, CommandFailure::Kind::not_allowed_now);
    EXPECT_EQ(hashes(), before) << "the charger may hold either";
    EXPECT_THAT(before, SizeIs(2));
}

TEST_F(AuthorizationKeyTest, IsDurableBeforeItIsSent) {
    journal.held = true;
    link->take();
    command(site, "CP1", "ChangeConfiguration",
            std::string{R"({"key":"AuthorizationKey","value":")"} + new_key + R"("})", now,
            [](const CommandResult&) {});
    EXPECT_THAT(link->take(), IsEmpty());
    journal.commit();
    EXPECT_THAT(link->take(), SizeIs(1));
}

TEST_F(AuthorizationKeyTest, AFirstPasswordDoesNotLockOutBeforeItIsTaken) {
    charger().settings.password_hash.reset();
    send_command("ChangeConfiguration",
                 std::string{R"({"key":"AuthorizationKey","value":")"} + new_key + R"("})",
                 R"({"status":)");
    EXPECT_EQ(admit(site, {"/ocpp/CP1", {"ocpp1.6"}, {}, "127.0.0.1"}, now).status, 101);
    EXPECT_THAT(hashes(), SizeIs(1));
    new_password_used(site, charger());
    EXPECT_EQ(admit(site, {"/ocpp/CP1", {"ocpp1.6"}, {}, "127.0.0.1"}, now).status, 401);
}

}  // namespace
}  // namespace busbar::site::test
