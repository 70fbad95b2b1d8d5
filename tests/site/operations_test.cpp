#include "site/operations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/authorization_key.hpp"
#include "site/commands.hpp"
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
