// Reservations, local lists, firmware, logs and certificates of the simulated charge point, and
// what it makes of its messages when it misbehaves.
#include "sim/frame_text.hpp"
#include "tests/simulation/charger_fixture.hpp"

namespace busbar::sim {
namespace {

using Status = v16::StatusNotificationStatus;

v16::ReserveNow::Request reservation(const Bench& bench, std::string tag, int connector = 1) {
    v16::ReserveNow::Request request;
    request.connectorId = connector;
    request.expiryDate = bench.world.now().wall + 10min;
    request.idTag = std::move(tag);
    request.reservationId = 5;
    return request;
}

TEST(Services, AReservationKeepsTheConnectorForItsBadge) {
    Bench bench;
    bench.start();
    EXPECT_EQ(bench.ask<v16::ReserveNow>(reservation(bench, "TAG"))->status,
              v16::ReservationStatus::Accepted);
    EXPECT_EQ(bench.statuses(1).back(), Status::Reserved);
    bench.plug_in();
    bench.run_for(10s);
    ASSERT_EQ(bench.sent<v16::StartTransaction>().size(), 1U);
    EXPECT_EQ(bench.sent<v16::StartTransaction>()[0].reservationId, 5);
    EXPECT_EQ(bench.ask<v16::CancelReservation>({5})->status, v16::GenericStatus::Rejected);
}

TEST(Services, AReservedConnectorRefusesOtherBadgesUntilItExpiresOrIsCancelled) {
    Bench bench;
    bench.start();
    bench.ask<v16::ReserveNow>(reservation(bench, "OTHER"));
    bench.plug_in();
    bench.run_for(10s);
    EXPECT_TRUE(bench.sent<v16::StartTransaction>().empty());
    bench.run_for(2min);
    EXPECT_EQ(bench.statuses(1).back(), Status::Reserved);
    bench.run_for(10min);
    EXPECT_EQ(bench.statuses(1).back(), Status::Available);
    bench.ask<v16::ReserveNow>(reservation(bench, "OTHER", 0));
    EXPECT_EQ(bench.ask<v16::CancelReservation>({5})->status, v16::GenericStatus::Accepted);
    bench.plug_in();
    bench.run_for(10s);
    EXPECT_EQ(bench.ask<v16::ReserveNow>(reservation(bench, "TAG"))->status,
              v16::ReservationStatus::Occupied);
}

v16::SendLocalList::Request local_list(int version, v16::UpdateType type, std::size_t entries) {
    v16::SendLocalList::Request request;
    request.listVersion = version;
    request.updateType = type;
    request.localAuthorizationList.emplace();
    for (std::size_t i = 0; i < entries; ++i) {
        v16::AuthorizationData entry;
        entry.idTag = version == 2 && i == 0 ? "TAG" : "T" + std::to_string(i);
        entry.idTagInfo = v16::IdTagInfo{};
        request.localAuthorizationList->push_back(entry);
    }
    return request;
}

TEST(Services, TheLocalListHasAVersionAndALength) {
    using enum v16::UpdateStatus;
    Bench bench;
    bench.start();
    const auto send = [&](int version, v16::UpdateType type, std::size_t entries) {
        return bench.ask<v16::SendLocalList>(local_list(version, type, entries))->status;
    };
    EXPECT_EQ(bench.ask<v16::GetLocalListVersion>({})->listVersion, 0);
    EXPECT_EQ(send(1, v16::UpdateType::Full, 21), Failed);
    EXPECT_EQ(send(1, v16::UpdateType::Full, 20), Accepted);
    EXPECT_EQ(send(1, v16::UpdateType::Differential, 1), VersionMismatch);
    EXPECT_EQ(send(2, v16::UpdateType::Differential, 1), Accepted);
    EXPECT_EQ(bench.ask<v16::GetLocalListVersion>({})->listVersion, 2);
    // A badge of the list may charge without the server.
    bench.disconnect();
    bench.plug_in();
    bench.run_for(10s);
    EXPECT_TRUE(bench.charger.connector(1).charge);
}

TEST(Services, FirmwareAndLogsAreToldStepByStep) {
    Bench bench;
    bench.start();
    v16::UpdateFirmware::Request update;
    update.location = "http://127.0.0.1/firmware";
    update.retrieveDate = bench.world.now().wall;
    EXPECT_TRUE(bench.ask<v16::UpdateFirmware>(update));
    EXPECT_TRUE(bench.ask<v16::GetDiagnostics>({"http://127.0.0.1/"})->fileName);
    bench.run_for(8s);
    bench.disconnect();
    bench.run_for(15s);
    bench.connect();
    bench.run_for(10s);
    std::vector<v16::FirmwareStatus> told;
    for (const auto& each : bench.sent<v16::FirmwareStatusNotification>()) {
        told.push_back(each.status);
    }
    using enum v16::FirmwareStatus;
    EXPECT_EQ(told, (std::vector{Downloading, Downloaded, Installing, Installed}));
    EXPECT_EQ(bench.sent<v16::DiagnosticsStatusNotification>().back().status,
              v16::DiagnosticsStatus::Uploaded);
    EXPECT_EQ(bench.sent<v16::BootNotification>().size(), 2U);
}

TEST(Services, CertificatesAreKeptListedAndDeleted) {
    Bench bench;
    bench.start();
    const v16::InstallCertificate::Request good{
        v16::CertificateUse::CentralSystemRootCertificate,
        CiString<5500>{"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"}};
    EXPECT_EQ(bench.ask<v16::InstallCertificate>(good)->status,
              v16::InstallCertificateStatus::Accepted);
    const auto listed = bench.ask<v16::GetInstalledCertificateIds>(
        {v16::CertificateUse::CentralSystemRootCertificate});
    ASSERT_TRUE(listed && listed->certificateHashData);
    EXPECT_EQ(bench.ask<v16::DeleteCertificate>({listed->certificateHashData->at(0)})->status,
              v16::DeleteCertificateStatus::Accepted);
    EXPECT_EQ(bench
                  .ask<v16::GetInstalledCertificateIds>(
                      {v16::CertificateUse::CentralSystemRootCertificate})
                  ->status,
              v16::GetInstalledCertificateStatus::NotFound);
}

TEST(FrameText, MembersAndElementsAreEditedAtAnyDepth) {
    const std::string text = R"({"a":1,"b":[{"a":"x,\"]"},{"c":2}],"d":{"a":[3,4]}})";
    const auto without = [](std::string_view) { return std::nullopt; };
    EXPECT_EQ(edit_members(text, "a", without), R"({"b":[{},{"c":2}],"d":{}})");
    EXPECT_EQ(edit_members(text, "c", [](std::string_view v) { return std::string{v} + "0"; }),
              R"({"a":1,"b":[{"a":"x,\"]"},{"c":20}],"d":{"a":[3,4]}})");
    EXPECT_EQ(edit_elements(text, "b", without), R"({"a":1,"b":[],"d":{"a":[3,4]}})");
    EXPECT_EQ(member_text(text, "d"), R"({"a":[3,4]})");
    EXPECT_EQ(array_elements(R"( [1, "a,]" ,{"b":[2]}])").size(), 3U);
    EXPECT_EQ(with_members("{}", "\"z\":0"), "{\"z\":0}");
}

// One charge of a charger that misbehaves, as it comes to the wire.
std::vector<std::string> wire(const std::string& name) {
    auto options = one_connector();
    options.misbehaviour = std::get<Misbehaviour>(parse_misbehaviour(name));
    Charger charger{options};
    World world{1};
    ocpp::Session server{"c-"};
    std::vector<std::string> texts;
    const auto pump = [&] {
        for (const auto& text : charger.take_output()) {
            texts.push_back(text);
            for (const auto& call : server.receive(world.now(), text)) {
                if (call.action == "BootNotification") {
                    server.reply(call.id,
                                 v16::BootNotification::Response{
                                     v16::BootNotificationStatus::Accepted, world.now().wall, 600});
                } else {
                    server.reply(call.id, v16::StatusNotification::Response{});
                }
            }
        }
        for (const auto& text : server.take_output()) charger.receive(world.now(), text);
    };
    charger.connected(world.now());
    for (int i = 0; i < 10; ++i) pump();
    server.call<v16::GetConfiguration>(world.now(), {}, {}, [](const auto&) {});
    for (int i = 0; i < 3; ++i) pump();
    return texts;
}

TEST(Distortion, MessagesComeToTheWireAsTold) {
    EXPECT_EQ(wire("message-id-number")[0].substr(0, 6), "[2,1,\"");
    EXPECT_NE(wire("action-case")[0].find("\"bootnotification\""), std::string::npos);
    EXPECT_TRUE(wire("trailing-nul")[0].ends_with(std::string(2, '\0')));
    EXPECT_TRUE(wire("byte-order-mark")[0].starts_with("\xEF\xBB\xBF"));
    EXPECT_NE(wire("pretty-json")[0].find("\r\n"), std::string::npos);
    EXPECT_NE(wire("leading-comma").back().find("[,"), std::string::npos);
    EXPECT_EQ(wire("configuration-empty").back().find("configurationKey"), std::string::npos);
    EXPECT_TRUE(wire("truncated-answers").back().ends_with("]"));
    EXPECT_FALSE(wire("truncated-answers").back().ends_with("]}]"));
    EXPECT_TRUE(wire("malformed-call-errors").back().starts_with("[4,"));
    EXPECT_EQ(wire("missing-vendor")[0].find("chargePointVendor"), std::string::npos);
    EXPECT_EQ(wire("never-boots")[0].find("BootNotification"), std::string::npos);
    EXPECT_NE(wire("time-of-1970")[1].find("\"1970-01-"), std::string::npos);
}

}  // namespace
}  // namespace busbar::sim
