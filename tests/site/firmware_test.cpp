#include "site/firmware.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "site/files.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct OneDrop : OneCharger {
    OneDrop() {
        site.files.settings.listener_address = "0.0.0.0";
        site.files.settings.listener_port = 9080;
        charger().reached_as = "busbar.example";
    }

    FileOffer upload(FilePurpose purpose = FilePurpose::diagnostics,
                     std::optional<std::int32_t> request_id = {}) {
        const auto result = offer_upload(site, charger(), purpose, request_id, now);
        const auto* offer = std::get_if<FileOffer>(&result);
        EXPECT_TRUE(offer) << std::get<std::string>(result);
        return offer ? *offer : FileOffer{};
    }
    std::string firmware(const std::string& name = "fw v2.bin") {
        const auto place = place_for_firmware(site, 100, now);
        add_firmware(site, place.id, name, 100, std::string(64, 'e'), now);
        return place.id;
    }
    static std::string token_of(const FileOffer& offer) {
        return offer.url.substr(offer.url.find("/f/") + 3, 32);
    }
    TransferVerdict admit(const FileOffer& offer, bool is_upload,
                          std::optional<std::uint64_t> bytes = {}) {
        return admit_transfer(site, token_of(offer), is_upload, bytes, now);
    }
    std::uint64_t deviations(const std::string& kind) {
        const auto it = charger().deviations.find(kind);
        return it == charger().deviations.end() ? 0 : it->second.count;
    }
};

TEST(FileOffers, AnUploadUrlIsGoodForOneFile) {
    OneDrop drop;
    const auto offer = drop.upload();
    EXPECT_THAT(offer.url, StartsWith("http://busbar.example:9080/f/"));
    EXPECT_THAT(offer.url, EndsWith("/diagnostics.bin"));
    EXPECT_EQ(drop.admit(offer, false).status, 405);
    const auto first = drop.admit(offer, true, 500);
    EXPECT_EQ(first.status, 200);
    EXPECT_EQ(first.bytes_max, 500U);
    upload_failed(drop.site, first.id, 20, "the connection ended", drop.now);
    EXPECT_THAT(*drop.site.files.find(offer.file_id)->lastFailure, HasSubstr("after 20 bytes"));
    EXPECT_EQ(drop.admit(offer, true).status, 200);
    EXPECT_TRUE(upload_received(drop.site, offer.file_id, 77, "sum", drop.now));
    EXPECT_EQ(drop.admit(offer, true).status, 409);
    EXPECT_FALSE(upload_received(drop.site, offer.file_id, 78, "other", drop.now));
    const auto& file = *drop.site.files.find(offer.file_id);
    EXPECT_EQ(file.sizeBytes, 77);
    EXPECT_EQ(file.chargePoint, "CP1");
    EXPECT_EQ(file.name, "CP1-diagnostics-20260501T080000Z.bin");
    EXPECT_FALSE(file.lastFailure);
    EXPECT_EQ(drop.charger().diagnostics_status->status, "Uploaded");
    EXPECT_TRUE(drop.charger().diagnostics_status->by_transfer);
}

TEST(FileOffers, TokensAreKeptAsHashesAndNeverRepeat) {
    OneDrop drop;
    std::set<std::string> tokens;
    for (int i = 0; i < 100; ++i) tokens.insert(OneDrop::token_of(drop.upload()));
    EXPECT_EQ(tokens.size(), 100U);
    for (const auto& row : drop.journal.all<db::StateSaved>()) {
        for (const auto& token : tokens) EXPECT_THAT(row.body.text, Not(HasSubstr(token)));
    }
}

TEST(FileOffers, UnknownAndExpiredTokensAreCounted) {
    OneDrop drop;
    EXPECT_EQ(admit_transfer(drop.site, std::string(32, 'a'), true, {}, drop.now).status, 404);
    EXPECT_EQ(admit_transfer(drop.site, "", false, {}, drop.now).status, 404);
    const auto offer = drop.upload();
    drop.now.wall += upload_validity;
    EXPECT_EQ(drop.admit(offer, true).status, 404);
    EXPECT_EQ(drop.site.files.unknown_requests, 3U);
    // It can still be seen, and is forgotten some day.
    EXPECT_TRUE(drop.site.files.find(offer.file_id));
    drop.now.wall += expired_upload_kept + 1s;
    drop.upload();
    EXPECT_FALSE(drop.site.files.find(offer.file_id));
    EXPECT_EQ(drop.journal.all<db::StateRemoved>().size(), 1U);
}

TEST(FileOffers, ADownloadUrlIsGoodUntilItExpires) {
    OneDrop drop;
    const auto id = drop.firmware();
    const auto retrieve_at = drop.now.wall + std::chrono::hours{1000};
    const auto result = offer_download(drop.site, drop.charger(), id, retrieve_at, drop.now);
    const auto& offer = std::get<FileOffer>(result);
    EXPECT_THAT(offer.url, EndsWith("/fw_v2.bin"));
    for (int i = 0; i < 3; ++i) {
        const auto verdict = drop.admit(offer, false);
        EXPECT_EQ(verdict.status, 200);
        EXPECT_EQ(verdict.file, id);
        EXPECT_EQ(verdict.etag, std::string(32, 'e'));
        download_sent(drop.site, verdict.id, 100, true, drop.now);
    }
    EXPECT_EQ(drop.site.files.downloads.begin()->second.sentBytes, 300);
    EXPECT_EQ(drop.admit(offer, true).status, 405);
    drop.now.wall = retrieve_at + download_validity - 1s;
    EXPECT_EQ(drop.admit(offer, false).status, 200);
    drop.now.wall += 1s;
    EXPECT_EQ(drop.admit(offer, false).status, 404);
    EXPECT_TRUE(std::holds_alternative<std::string>(
        offer_download(drop.site, drop.charger(), "nothing", {}, drop.now)));
}

TEST(FileOffers, RemovingAFileEndsItsUrls) {
    OneDrop drop;
    const auto id = drop.firmware();
    const auto down =
        std::get<FileOffer>(offer_download(drop.site, drop.charger(), id, {}, drop.now));
    const auto up = drop.upload();
    EXPECT_TRUE(remove_file(drop.site, id));
    EXPECT_TRUE(remove_file(drop.site, up.file_id));
    EXPECT_FALSE(remove_file(drop.site, id));
    EXPECT_EQ(drop.admit(down, false).status, 404);
    EXPECT_EQ(drop.admit(up, true).status, 404);
    EXPECT_FALSE(upload_received(drop.site, up.file_id, 1, "", drop.now));
}

TEST(FileOffers, RoomIsKeptForWhatIsOnItsWay) {
    OneDrop drop;
    drop.site.files.settings.file_bytes_max = 1000;
    drop.site.files.settings.total_bytes_max = 2500;
    const auto first = drop.upload();
    const auto second = drop.upload();
    const auto third = drop.upload();
    EXPECT_EQ(drop.admit(first, true, 100'000).status, 413);
    EXPECT_EQ(drop.admit(first, true).bytes_max, 1000U);
    EXPECT_EQ(drop.admit(first, true).status, 200);  // again: no second share
    EXPECT_EQ(drop.admit(second, true, 1000).status, 200);
    EXPECT_EQ(drop.admit(third, true, 501).status, 507);
    EXPECT_EQ(drop.admit(third, true, 500).status, 200);
    upload_failed(drop.site, second.file_id, 0, "cut", drop.now);
    upload_received(drop.site, first.file_id, 10, "", drop.now);
    EXPECT_EQ(drop.site.files.bytes_taken(), 510U);
    EXPECT_THAT(place_for_firmware(drop.site, 1991, drop.now).refusal, HasSubstr("total_mib_max"));
}

TEST(FileOffers, TheAddressIsTheOneTheChargerKnows) {
    OneDrop drop;
    auto& settings = drop.site.files.settings;
    drop.charger().reached_as = "";
    EXPECT_TRUE(std::holds_alternative<std::string>(
        offer_upload(drop.site, drop.charger(), FilePurpose::log, {}, drop.now)));
    settings.listener_address = "192.0.2.1";
    EXPECT_THAT(drop.upload().url, StartsWith("http://192.0.2.1:9080/f/"));
    settings.listener_address = "2001:db8::1";
    EXPECT_THAT(drop.upload().url, StartsWith("http://[2001:db8::1]:9080/f/"));
    drop.charger().reached_as = "10.0.0.1";
    EXPECT_THAT(drop.upload().url, StartsWith("http://10.0.0.1:9080/f/"));
    settings.public_url = "https://files.example/busbar/";
    EXPECT_THAT(drop.upload().url, StartsWith("https://files.example/busbar/f/"));
}

TEST(FileOffers, HostsAndNamesOfOthersAreHarmless) {
    EXPECT_EQ(host_name("a.example:9000"), "a.example");
    EXPECT_EQ(host_name("[::1]:9000"), "[::1]");
    EXPECT_EQ(host_name("10.0.0.1"), "10.0.0.1");
    for (const auto* bad : {"", ":9000", "a b", "a/b", "a@b", "[::1", "[::1/x]", "a\r\nb", "%41"}) {
        EXPECT_EQ(host_name(bad), "") << bad;
    }
    EXPECT_EQ(url_file_name("../../etc/passwd"), "_._.._etc_passwd");
    EXPECT_EQ(url_file_name("fw 1?x=\"2\".bin"), "fw_1_x__2_.bin");
    EXPECT_EQ(url_file_name(""), "file");
    EXPECT_EQ(url_file_name(std::string(200, 'x')).size(), 40U);
}

TEST(FileOffers, EverythingSurvivesARestart) {
    OneDrop drop;
    const auto id = drop.firmware();
    const auto up = drop.upload(FilePurpose::log, 7);
    const auto down =
        std::get<FileOffer>(offer_download(drop.site, drop.charger(), id, {}, drop.now));
    OneDrop later;
    for (const auto& row : drop.journal.all<db::StateSaved>()) restore_file(later.site, row);
    EXPECT_EQ(later.admit(up, true).status, 200);
    EXPECT_EQ(later.admit(down, false).file, id);
    EXPECT_EQ(later.site.files.find(up.file_id)->requestId, 7);
    EXPECT_EQ(later.site.files.find(id)->name, "fw v2.bin");
}

TEST(Locations, BusbarStandsForOurOwnUrls) {
    OneDrop drop;
    const auto id = drop.firmware();
    v16::GetDiagnostics::Request diagnostics;
    diagnostics.location = "busbar:";
    EXPECT_FALSE(resolve_location(drop.site, drop.charger(), diagnostics, drop.now));
    EXPECT_THAT(diagnostics.location, StartsWith("http://busbar.example:9080/f/"));
    v16::GetLog::Request log;
    log.log.remoteLocation = "BUSBAR:";
    log.logType = v16::LogType::SecurityLog;
    log.requestId = 5;
    EXPECT_FALSE(resolve_location(drop.site, drop.charger(), log, drop.now));
    EXPECT_THAT(log.log.remoteLocation.value, EndsWith("/log.bin"));
    const auto& files = drop.site.files.all;
    EXPECT_TRUE(std::any_of(files.begin(), files.end(),
                            [](const auto& file) { return file.second.requestId == 5; }));
    v16::UpdateFirmware::Request update;
    update.location = "busbar:" + id;
    EXPECT_FALSE(resolve_location(drop.site, drop.charger(), update, drop.now));
    EXPECT_THAT(update.location, EndsWith("/fw_v2.bin"));
    v16::SignedUpdateFirmware::Request signed_update;
    signed_update.firmware.location = "busbar:" + id;
    EXPECT_FALSE(resolve_location(drop.site, drop.charger(), signed_update, drop.now));
    EXPECT_THAT(signed_update.firmware.location.value, StartsWith("http://"));
    v16::Reset::Request reset;
    EXPECT_FALSE(resolve_location(drop.site, drop.charger(), reset, drop.now));
}

TEST(Locations, OthersAreLeftAloneAndWrongOnesNamed) {
    OneDrop drop;
    v16::GetDiagnostics::Request diagnostics;
    diagnostics.location = "ftp://user:secret@host/folder";
    EXPECT_FALSE(resolve_location(drop.site, drop.charger(), diagnostics, drop.now));
    EXPECT_EQ(diagnostics.location, "ftp://user:secret@host/folder");
    EXPECT_TRUE(drop.site.files.all.empty());
    diagnostics.location = "busbar:x";
    EXPECT_EQ(resolve_location(drop.site, drop.charger(), diagnostics, drop.now)->pointer,
              "/location");
    v16::SignedUpdateFirmware::Request update;
    update.firmware.location = "busbar:unknown";
    const auto wrong = resolve_location(drop.site, drop.charger(), update, drop.now);
    EXPECT_EQ(wrong->pointer, "/firmware/location");
    EXPECT_THAT(wrong->detail, HasSubstr("no such file"));
}

TEST(FirmwareHandlers, ReportsBecomeTheLiveState) {
    OneDrop drop;
    EXPECT_THAT(drop.send("FirmwareStatusNotification", R"({"status":"Downloading"})"),
                ::testing::ElementsAre("[3,\"x\",{}]"));
    EXPECT_EQ(drop.charger().firmware_status->status, "Downloading");
    drop.send("SignedFirmwareStatusNotification", R"({"status":"InvalidSignature","requestId":4})");
    EXPECT_EQ(drop.charger().firmware_status->status, "InvalidSignature");
    EXPECT_EQ(drop.charger().firmware_status->request_id, 4);
    drop.send("LogStatusNotification", R"({"status":"UploadFailure","requestId":9})");
    EXPECT_EQ(drop.charger().log_status->status, "UploadFailure");
    drop.send("DiagnosticsStatusNotification", R"({"status":"Idle"})");
    EXPECT_EQ(drop.charger().diagnostics_status->status, "Idle");
    EXPECT_EQ(drop.charger().deviations.size(), 0U);
}

TEST(FirmwareHandlers, BytesCountNotReports) {
    OneDrop drop;
    const auto offer = drop.upload();
    drop.send("DiagnosticsStatusNotification", R"({"status":"Uploaded"})");
    EXPECT_EQ(drop.deviations("uploaded_without_file"), 1U);
    EXPECT_EQ(drop.site.files.find(offer.file_id)->state, FileState::expected);
    upload_received(drop.site, offer.file_id, 5, "", drop.now);
    drop.send("DiagnosticsStatusNotification", R"({"status":"UploadFailed"})");
    EXPECT_EQ(drop.deviations("upload_failed_with_file"), 1U);
    EXPECT_EQ(drop.site.files.find(offer.file_id)->state, FileState::stored);
    // Another request's log is none of its business.
    drop.upload(FilePurpose::log, 1);
    drop.send("LogStatusNotification", R"({"status":"Uploaded","requestId":2})");
    EXPECT_EQ(drop.deviations("uploaded_without_file"), 1U);
    drop.send("LogStatusNotification", R"({"status":"Uploaded","requestId":1})");
    EXPECT_EQ(drop.deviations("uploaded_without_file"), 2U);
}

TEST(FirmwareHandlers, TheFileEndsTheOperation) {
    OneDrop drop;
    v16::GetDiagnostics::Request request;
    request.location = "busbar:";
    resolve_location(drop.site, drop.charger(), request, drop.now);
    Operation wanted;
    wanted.action = "GetDiagnostics";
    const auto number = follow(drop.site, drop.charger(), wanted).number;
    link_upload(drop.site, request, number);
    const auto id = drop.site.files.all.begin()->first;
    upload_received(drop.site, id, 5, "", drop.now);
    EXPECT_EQ(drop.charger().operations.front().state, OperationState::succeeded);
}

TEST(SecurityHandlers, EventsAreAnsweredOnceTheyAreDurable) {
    OneDrop drop;
    drop.journal.held = true;
    const auto event =
        R"({"type":"SettingSystemTime","timestamp":"2026-04-01T00:00:00Z","techInfo":"late"})";
    EXPECT_TRUE(drop.send("SecurityEventNotification", event).empty());
    const auto rows = drop.journal.all<db::SecurityEventReceived>();
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].charge_point, "CP1");
    EXPECT_EQ(rows[0].type, "SettingSystemTime");
    EXPECT_EQ(rows[0].tech_info, "late");
    EXPECT_EQ(to_string(rows[0].at), "2026-04-01T00:00:00Z");
    EXPECT_EQ(rows[0].received_at, drop.now.wall);
    drop.journal.commit();
    EXPECT_EQ(drop.link->take().size(), 1U);
    drop.journal.held = false;
    for (int i = 0; i < 30; ++i) {
        drop.send("SecurityEventNotification", event, std::to_string(i));
    }
    EXPECT_EQ(drop.charger().security_events.size(), security_events_max);
}

TEST(SecurityHandlers, ACertificateRequestIsRejectedAndKept) {
    OneDrop drop;
    EXPECT_THAT(drop.send("SignCertificate", R"({"csr":"-----BEGIN"})"),
                ::testing::ElementsAre(R"([3,"x",{"status":"Rejected"}])"));
    EXPECT_EQ(drop.charger().certificate_request->csr, "-----BEGIN");
    EXPECT_EQ(drop.charger().deviations.size(), 0U);
}

}  // namespace
}  // namespace busbar::site::test
