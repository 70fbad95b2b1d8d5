// What a simulated charge point sends, keeps and obeys.
#include "tests/simulation/charger_fixture.hpp"

namespace busbar::sim {
namespace {

using Status = v16::StatusNotificationStatus;

TEST(Charger, BootsReportsEveryConnectorAndKeepsTheHeartbeat) {
    auto options = one_connector();
    options.connectors = 2;
    Bench bench{options};
    bench.start();
    EXPECT_EQ(bench.calls.at(0).action, "BootNotification");
    for (const int connector : {0, 1, 2}) {
        EXPECT_EQ(bench.statuses(connector), std::vector{Status::Available}) << connector;
    }
    bench.run_for(1201s);
    EXPECT_EQ(bench.sent<v16::Heartbeat>().size(), 2U);
}

TEST(Charger, WaitsWhilePendingAndBootsAgainAfterTheInterval) {
    Bench bench;
    bench.boot = v16::BootNotificationStatus::Pending;
    bench.start();
    bench.run_for(500s);
    EXPECT_EQ(bench.calls.size(), 1U);
    bench.boot = v16::BootNotificationStatus::Accepted;
    bench.run_for(100s);
    EXPECT_EQ(bench.sent<v16::BootNotification>().size(), 2U);
    EXPECT_EQ(bench.statuses(1), std::vector{Status::Available});
}

TEST(Charger, ReconnectsWithoutBooting) {
    Bench bench;
    bench.start();
    bench.disconnect();
    bench.run_for(60s);
    bench.start();
    EXPECT_EQ(bench.sent<v16::BootNotification>().size(), 1U);
    EXPECT_EQ(bench.statuses(1).size(), 1U);
}

TEST(Charger, AWholeSession) {
    Bench bench;
    bench.start();
    auto car = thirsty_car();
    car.stay = 130s;
    bench.plug_in(car);
    bench.run_for(200s);
    EXPECT_EQ(bench.sent<v16::Authorize>().size(), 1U);
    ASSERT_EQ(bench.sent<v16::StartTransaction>().size(), 1U);
    ASSERT_EQ(bench.sent<v16::StopTransaction>().size(), 1U);
    const auto start = bench.sent<v16::StartTransaction>()[0];
    const auto stop = bench.sent<v16::StopTransaction>()[0];
    EXPECT_EQ(stop.transactionId, 1001);
    // 16 A on three phases for a little less than 130 s.
    EXPECT_NEAR(stop.meterStop - start.meterStart, 16 * 3 * 230 * 126 / 3600, 12);
    EXPECT_EQ(bench.statuses(1),
              (std::vector{Status::Available, Status::Preparing, Status::Charging,
                           Status::Finishing, Status::Available}));
    const auto samples = bench.sent<v16::MeterValues>();
    ASSERT_EQ(samples.size(), 2U);
    EXPECT_EQ(samples[0].transactionId, 1001);
    const auto& values = samples[0].meterValue.at(0).sampledValue;
    ASSERT_EQ(values.size(), 9U);
    EXPECT_EQ(values[1].measurand, v16::Measurand::Current_Import);
    EXPECT_EQ(values[1].phase, v16::Phase::L1);
    EXPECT_EQ(values[1].value, "16.00");
    EXPECT_TRUE(bench.charger.charges().at(0).stop_answered);
}

TEST(Charger, ARefusedBadgeChargesNothing) {
    Bench bench;
    bench.verdict = v16::AuthorizationStatus::Blocked;
    bench.start();
    bench.plug_in();
    bench.run_for(30s);
    EXPECT_TRUE(bench.sent<v16::StartTransaction>().empty());
    EXPECT_EQ(bench.charger.drawn(), PhaseAmps{});
}

TEST(Charger, AStartThatIsRefusedIsStoppedAsDeauthorized) {
    Bench bench;
    bench.start();
    bench.plug_in();
    bench.run_for(1ms);
    bench.disconnect();
    EXPECT_TRUE(bench.charger.charges().empty());
    bench.start();
    bench.verdict = v16::AuthorizationStatus::Accepted;
    bench.run_for(30s);
    ASSERT_EQ(bench.charger.charges().size(), 1U);
    // The badge is in the cache now: the next charge begins offline and is refused later.
    bench.charger.unplug(bench.world.now(), 1);
    bench.run_for(5s);
    bench.disconnect();
    bench.plug_in();
    bench.run_for(60s);
    ASSERT_EQ(bench.charger.charges().size(), 2U);
    bench.verdict = v16::AuthorizationStatus::Invalid;
    bench.start();
    const auto stops = bench.sent<v16::StopTransaction>();
    ASSERT_EQ(stops.size(), 2U);
    EXPECT_EQ(stops[1].reason, v16::StopTransactionReason::DeAuthorized);
    EXPECT_EQ(stops[1].transactionId, 1002);
}

TEST(Charger, RepeatsWhatWasNotAnsweredUnchangedAndNeverGivesUp) {
    Bench bench;
    bench.start();
    bench.deaf_to = "StartTransaction";
    bench.plug_in();
    bench.run_for(1h);
    bench.disconnect();
    bench.deaf_to.clear();
    bench.start();
    bench.run_for(60s);
    const auto starts = bench.sent<v16::StartTransaction>();
    // Each attempt waits 30 s for its answer and up to 60 s before the next.
    ASSERT_GT(starts.size(), 30U);
    for (const auto& start : starts) {
        EXPECT_EQ(start.timestamp, starts[0].timestamp);
        EXPECT_EQ(start.meterStart, starts[0].meterStart);
    }
    EXPECT_EQ(bench.charger.charges().at(0).transaction_ids, std::vector{1001});
    EXPECT_EQ(bench.charger.waiting_messages(), 0U);
}

TEST(Charger, KeepsSamplesAndTheStopWhileOfflineAndSendsThemInOrder) {
    Bench bench;
    bench.charge();
    bench.disconnect();
    bench.run_for(185s);
    bench.charger.unplug(bench.world.now(), 1);
    bench.run_for(60s);
    EXPECT_EQ(bench.charger.waiting_messages(), 4U);
    bench.calls.clear();
    bench.start();
    std::vector<std::string> actions;
    for (const auto& call : bench.calls) {
        if (call.action != "StatusNotification") actions.push_back(call.action);
    }
    EXPECT_EQ(actions, (std::vector<std::string>{"MeterValues", "MeterValues", "MeterValues",
                                                 "StopTransaction"}));
    EXPECT_EQ(bench.sent<v16::StopTransaction>().at(0).transactionId, 1001);
}

TEST(Charger, ObeysALimitWithinTheReactionOfItsCar) {
    Bench bench;
    bench.charge();
    EXPECT_EQ(bench.charger.drawn()[0], 16_A);
    EXPECT_EQ(bench.limit(8_A), v16::SetChargingProfileStatus::Accepted);
    EXPECT_EQ(bench.charger.connector(1).offered, 8_A);
    bench.run_for(999ms);
    EXPECT_EQ(bench.charger.drawn()[0], 16_A);
    bench.run_for(1ms);
    EXPECT_EQ(bench.charger.drawn()[0], 8_A);
    EXPECT_EQ(bench.limit(0_A), v16::SetChargingProfileStatus::Accepted);
    bench.run_for(2s);
    EXPECT_EQ(bench.charger.drawn()[0], 0_A);
    EXPECT_EQ(bench.statuses(1).back(), Status::SuspendedEVSE);
}

TEST(Charger, FallsBackToTheDefaultWhenALeaseEnds) {
    Bench bench;
    bench.charge();
    v16::SetChargingProfile::Request request;
    request.connectorId = 0;
    request.csChargingProfiles.chargingProfileId = 2000;
    request.csChargingProfiles.chargingProfilePurpose =
        v16::ChargingProfilePurpose::TxDefaultProfile;
    request.csChargingProfiles.chargingProfileKind = v16::ChargingProfileKind::Relative;
    v16::ChargingSchedulePeriod period;
    period.limit = {60};
    request.csChargingProfiles.chargingSchedule.chargingSchedulePeriod = {period};
    ASSERT_EQ(bench.ask<v16::SetChargingProfile>(request)->status,
              v16::SetChargingProfileStatus::Accepted);
    ASSERT_EQ(bench.limit(12_A, 600), v16::SetChargingProfileStatus::Accepted);
    bench.disconnect();
    bench.run_for(599s);
    EXPECT_EQ(bench.charger.drawn()[0], 12_A);
    bench.run_for(3s);
    EXPECT_EQ(bench.charger.drawn()[0], 6_A);
}

TEST(Charger, KeepsItsProfilesOverARestart) {
    Bench bench;
    bench.charge();
    v16::SetChargingProfile::Request request;
    request.connectorId = 1;
    request.csChargingProfiles.chargingProfilePurpose =
        v16::ChargingProfilePurpose::TxDefaultProfile;
    request.csChargingProfiles.chargingProfileKind = v16::ChargingProfileKind::Relative;
    v16::ChargingSchedulePeriod period;
    period.limit = {70};
    request.csChargingProfiles.chargingSchedule.chargingSchedulePeriod = {period};
    bench.ask<v16::SetChargingProfile>(request);
    EXPECT_EQ(bench.ask<v16::Reset>({v16::ResetType::Soft})->status, v16::GenericStatus::Accepted);
    bench.run_for(2s);
    EXPECT_EQ(bench.sent<v16::StopTransaction>().at(0).reason,
              v16::StopTransactionReason::SoftReset);
    bench.run_for(1s);
    EXPECT_FALSE(bench.charger.wants_connection());
    bench.disconnect();
    bench.run_for(200s);
    ASSERT_TRUE(bench.charger.wants_connection());
    bench.start();
    EXPECT_EQ(bench.sent<v16::BootNotification>().size(), 2U);
    bench.plug_in();
    bench.run_for(10s);
    EXPECT_EQ(bench.charger.drawn()[0], 7_A);
}

TEST(Charger, TwoConnectorsShareTheLimitOfTheChargePoint) {
    auto options = one_connector();
    options.connectors = 2;
    Bench bench{options};
    bench.charge();
    bench.plug_in(thirsty_car(), 2);
    bench.run_for(10s);
    v16::SetChargingProfile::Request request;
    request.csChargingProfiles.chargingProfilePurpose =
        v16::ChargingProfilePurpose::ChargePointMaxProfile;
    request.csChargingProfiles.chargingProfileKind = v16::ChargingProfileKind::Relative;
    v16::ChargingSchedulePeriod period;
    period.limit = {200};
    request.csChargingProfiles.chargingSchedule.chargingSchedulePeriod = {period};
    bench.ask<v16::SetChargingProfile>(request);
    bench.run_for(5s);
    EXPECT_EQ(bench.charger.drawn()[0], 20_A);
}

TEST(Charger, RemoteStartAndStop) {
    Bench bench;
    bench.start();
    v16::RemoteStartTransaction::Request start;
    start.idTag = "REMOTE";
    EXPECT_EQ(bench.ask<v16::RemoteStartTransaction>(start)->status, v16::GenericStatus::Accepted);
    EXPECT_EQ(bench.statuses(1).back(), Status::Preparing);
    bench.plug_in();
    bench.run_for(5s);
    EXPECT_EQ(bench.sent<v16::StartTransaction>().at(0).idTag, v16::IdToken{"REMOTE"});
    EXPECT_EQ(bench.ask<v16::RemoteStopTransaction>({4711})->status, v16::GenericStatus::Rejected);
    EXPECT_EQ(bench.ask<v16::RemoteStopTransaction>({1001})->status, v16::GenericStatus::Accepted);
    EXPECT_EQ(bench.sent<v16::StopTransaction>().at(0).reason, v16::StopTransactionReason::Remote);
    EXPECT_EQ(bench.statuses(1).back(), Status::Finishing);
}

TEST(Charger, ARemoteStartWithoutCarTimesOut) {
    Bench bench;
    bench.start();
    v16::RemoteStartTransaction::Request start;
    start.idTag = "REMOTE";
    bench.ask<v16::RemoteStartTransaction>(start);
    EXPECT_EQ(bench.ask<v16::RemoteStartTransaction>(start)->status, v16::GenericStatus::Rejected);
    bench.run_for(61s);
    EXPECT_EQ(bench.statuses(1).back(), Status::Available);
}

TEST(Charger, AvailabilityWaitsForTheEndOfATransaction) {
    Bench bench;
    bench.charge();
    using Type = v16::ChangeAvailabilityType;
    EXPECT_EQ(bench.ask<v16::ChangeAvailability>({1, Type::Inoperative})->status,
              v16::ChangeAvailabilityStatus::Scheduled);
    bench.charger.unplug(bench.world.now(), 1);
    bench.run_for(2s);
    EXPECT_EQ(bench.statuses(1).back(), Status::Unavailable);
    EXPECT_FALSE(bench.charger.is_free(1));
    EXPECT_EQ(bench.ask<v16::ChangeAvailability>({0, Type::Operative})->status,
              v16::ChangeAvailabilityStatus::Accepted);
    EXPECT_EQ(bench.statuses(1).back(), Status::Available);
}

TEST(Charger, ConfigurationKeysAreReadAndChangedByTheRules) {
    Bench bench;
    bench.start();
    const auto all = bench.ask<v16::GetConfiguration>({});
    ASSERT_TRUE(all && all->configurationKey);
    EXPECT_GT(all->configurationKey->size(), 20U);
    v16::GetConfiguration::Request request;
    request.key = {CiString<50>{"HeartbeatInterval"}, CiString<50>{"Nonsense"}};
    const auto some = bench.ask<v16::GetConfiguration>(request);
    EXPECT_EQ(some->configurationKey->at(0).value, CiString<500>{"600"});
    EXPECT_EQ(some->unknownKey->at(0), CiString<50>{"Nonsense"});
    const auto change = [&](const char* key, const char* value) {
        return bench.ask<v16::ChangeConfiguration>({key, value})->status;
    };
    using enum v16::ChangeConfigurationStatus;
    EXPECT_EQ(change("MeterValueSampleInterval", "10"), Accepted);
    EXPECT_EQ(change("MeterValueSampleInterval", "-1"), Rejected);
    EXPECT_EQ(change("NumberOfConnectors", "7"), Rejected);
    EXPECT_EQ(change("Nonsense", "1"), NotSupported);
    EXPECT_EQ(change("MeterValuesSampledData", "Voltage,SoC"), Rejected);
    EXPECT_EQ(change("MeterValuesSampledData", "Voltage"), Accepted);
}

TEST(Charger, TriggersUnlocksAndAnswersWhatItDoesNotKnow) {
    Bench bench;
    bench.charge();
    using Message = v16::TriggerMessageRequestedMessage;
    using enum v16::TriggerMessageStatus;
    const auto trigger = [&](Message message, std::optional<int> connector) {
        v16::TriggerMessage::Request request;
        request.requestedMessage = message;
        request.connectorId = connector;
        return bench.ask<v16::TriggerMessage>(request)->status;
    };
    EXPECT_EQ(trigger(Message::Heartbeat, {}), Accepted);
    EXPECT_EQ(bench.sent<v16::Heartbeat>().size(), 1U);
    EXPECT_EQ(trigger(Message::MeterValues, 1), Accepted);
    EXPECT_EQ(bench.sent<v16::MeterValues>().back().meterValue[0].sampledValue[0].context,
              v16::ReadingContext::Trigger);
    EXPECT_EQ(trigger(Message::MeterValues, 2), Rejected);
    EXPECT_EQ(trigger(Message::BootNotification, {}), Rejected);
    EXPECT_EQ(trigger(Message::FirmwareStatusNotification, {}), Accepted);
    EXPECT_EQ(bench.sent<v16::FirmwareStatusNotification>().back().status,
              v16::FirmwareStatus::Idle);
    EXPECT_EQ(bench.ask<v16::UnlockConnector>({2})->status,
              v16::UnlockConnectorStatus::NotSupported);
    EXPECT_EQ(bench.ask<v16::UnlockConnector>({1})->status, v16::UnlockConnectorStatus::Unlocked);
    EXPECT_EQ(bench.sent<v16::StopTransaction>().at(0).reason,
              v16::StopTransactionReason::UnlockCommand);
    std::string code;
    bench.server.call(bench.world.now(), "ReserveLater", "{}", {}, [&](const auto& answer) {
        code = std::get<ocpp::CallFailure>(answer).error_code;
    });
    bench.run_for(1ms);
    EXPECT_EQ(code, "NotImplemented");
}

TEST(Misbehaviour, IgnoresLimitsForgetsRefusesAndSaysEverythingTwice) {
    auto options = one_connector();
    options.misbehaviour.ignore_limits = true;
    options.misbehaviour.send_twice = true;
    Bench bench{options};
    bench.charge();
    EXPECT_EQ(bench.limit(6_A), v16::SetChargingProfileStatus::Accepted);
    bench.run_for(10s);
    EXPECT_EQ(bench.charger.drawn()[0], 16_A);
    EXPECT_EQ(bench.charger.charges().at(0).transaction_ids, (std::vector{1001, 1001}));

    options = one_connector();
    options.misbehaviour.reject_profiles = true;
    options.misbehaviour.no_stop = true;
    Bench other{options};
    other.charge();
    EXPECT_EQ(other.limit(6_A), v16::SetChargingProfileStatus::Rejected);
    other.charger.unplug(other.world.now(), 1);
    other.run_for(60s);
    EXPECT_TRUE(other.sent<v16::StopTransaction>().empty());
}

TEST(Misbehaviour, NamesAreReadAndUnknownOnesListed) {
    const auto known = parse_misbehaviour("cut-links,no-stop");
    EXPECT_TRUE(std::get<Misbehaviour>(known).cut_links);
    EXPECT_TRUE(std::get<Misbehaviour>(known).no_stop);
    EXPECT_FALSE(std::get<Misbehaviour>(known).late_answers);
    const auto unknown = parse_misbehaviour("cut-links,fly");
    EXPECT_NE(std::get<std::string>(unknown).find("reject-profiles"), std::string::npos);
}

}  // namespace
}  // namespace busbar::sim
