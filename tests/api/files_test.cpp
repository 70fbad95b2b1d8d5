#include "site/files.hpp"

#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The interface with a folder for files, which the fixtures' one does without.
class FilesTest : public Offline {
protected:
    FilesTest() {
        db::Token token;
        for (const std::string role : {"admin", "viewer", "operator"}) {
            token.id = static_cast<std::int64_t>(tokens.size() + 1);
            token.name = token.role = role;
            token.secret_hash = token_hash("secret of " + role);
            tokens.push_back(token);
        }
        api.set_tokens(tokens);
    }

    static net::HttpRequest upload(const std::string& target, const std::string& role = "operator",
                                   const std::string& length = "10") {
        net::HttpRequest request;
        request.method = "POST";
        request.target = target;
        request.headers = {{"Authorization", "Bearer secret of " + role},
                           {"Content-Length", length}};
        EXPECT_TRUE(net::parse_target(request));
        return request;
    }
    net::HttpResponse finish(net::HttpRequest request, const net::BodyPlan& plan) {
        request.stored = net::StoredBody{plan.path, 10, std::string(64, 'd')};
        return ask(std::move(request));
    }
    net::HttpResponse ask(net::HttpRequest request) {
        net::HttpResponse answer;
        answer.status = 0;
        api.handle(std::move(request),
                   [&](net::HttpResponse response) { answer = std::move(response); });
        return answer;
    }
    net::HttpResponse ask(const std::string& method, const std::string& target,
                          const std::string& role = "admin") {
        auto request = upload(target, role);
        request.method = method;
        return ask(std::move(request));
    }
    std::string add(const std::string& name = "fw.bin") {
        const auto request = upload("/api/v1/files?name=" + name);
        const auto plan = api.judge_body(request);
        const auto answer = finish(request, *plan);
        EXPECT_EQ(answer.status, 201) << answer.body;
        return plan->path.filename().string();
    }

    std::vector<std::string> removed;
    std::vector<db::Token> tokens;
    Api api{{.site = desk.site,
             .reader = reader,
             .audit = desk.trail,
             .events = desk.events,
             .now = [this] { return desk.now; },
             .readiness = {},
             .hash_password = {},
             .after_change = [] {},
             .files_folder = "files",
             .remove_content = [this](const std::string& id) { removed.push_back(id); }}};
};

TEST_F(FilesTest, OnlyUploadsOfThoseWhoMayGoToAFile) {
    EXPECT_FALSE(api.judge_body(upload("/api/v1/badges")));
    EXPECT_EQ(api.judge_body(upload("/api/v1/files?name=a", "nobody"))->refusal->status, 401);
    EXPECT_EQ(api.judge_body(upload("/api/v1/files?name=a", "viewer"))->refusal->status, 403);
    EXPECT_THAT(pointers_in(*api.judge_body(upload("/api/v1/files"))->refusal),
                ElementsAre("/name"));
    EXPECT_THAT(pointers_in(*api.judge_body(upload("/api/v1/files?name=a%2Fb&x=1"))->refusal),
                ElementsAre("/x", "/name"));
    desk.site.files.settings.total_bytes_max = 9;
    EXPECT_EQ(api.judge_body(upload("/api/v1/files?name=a"))->refusal->status, 507);
    desk.site.files.settings.total_bytes_max = 10;
    const auto plan = api.judge_body(upload("/api/v1/files?name=a"));
    EXPECT_FALSE(plan->refusal);
    EXPECT_EQ(plan->path.parent_path(), "files");
    journal.is_full = true;
    EXPECT_EQ(api.judge_body(upload("/api/v1/files?name=a"))->refusal->status, 503);
}

TEST_F(FilesTest, AnUploadAppearsInTheList) {
    const auto request = upload("/api/v1/files?name=fw%20%C3%A4.bin");
    const auto plan = api.judge_body(request);
    const auto answer = finish(request, *plan);
    const auto id = plan->path.filename().string();
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(header(answer, "Location"), "/api/v1/files/" + id);
    EXPECT_EQ(member(answer.body, "purpose"), "\"firmware\"");
    EXPECT_EQ(member(answer.body, "state"), "\"stored\"");
    EXPECT_EQ(member(answer.body, "sizeBytes"), "10");
    EXPECT_EQ(member(answer.body, "sha256"), '"' + std::string(64, 'd') + '"');
    EXPECT_THAT(answer.body, HasSubstr("\"name\":\"fw ä.bin\""));
    EXPECT_EQ(ask("GET", "/api/v1/files/" + id, "viewer").body, answer.body);
    EXPECT_THAT(ask("GET", "/api/v1/files", "viewer").body, HasSubstr(answer.body));
    EXPECT_THAT(ask("GET", "/api/v1/files?purpose=log").body, HasSubstr("\"items\":[]"));
    EXPECT_THAT(pointers_in(ask("GET", "/api/v1/files?purpose=x")), ElementsAre("/purpose"));
}

TEST_F(FilesTest, ABodyThatIsNotKeptIsRemoved) {
    const auto request = upload("/api/v1/files?name=a");
    const auto plan = api.judge_body(request);
    journal.is_full = true;
    EXPECT_EQ(finish(request, *plan).status, 503);
    EXPECT_THAT(removed, ElementsAre(plan->path.filename().string()));
    journal.is_full = false;
    EXPECT_EQ(ask(upload("/api/v1/files?name=a")).status, 422);  // no body at all
}

TEST_F(FilesTest, ListsGoPageByPageNewestFirst) {
    const auto first = add("a");
    desk.now.wall += std::chrono::seconds{1};
    const auto second = add("b");
    const auto page = ask("GET", "/api/v1/files?limit=1").body;
    EXPECT_THAT(page, HasSubstr(second));
    EXPECT_THAT(page, Not(HasSubstr(first)));
    const auto rest = ask("GET", "/api/v1/files?limit=1&cursor=" + to_cursor(second)).body;
    EXPECT_THAT(rest, HasSubstr(first));
    EXPECT_THAT(rest, HasSubstr("\"next\":null"));
}

TEST_F(FilesTest, ContentsComeFromTheFolderAndGoWithTheFile) {
    const auto id = add("fw.bin");
    const auto answer = ask("GET", "/api/v1/files/" + id + "/content", "viewer");
    ASSERT_TRUE(answer.file);
    EXPECT_EQ(answer.file->path, std::filesystem::path{"files"} / id);
    EXPECT_EQ(header(answer, "Content-Disposition"), "attachment; filename=\"fw.bin\"");
    EXPECT_EQ(ask("GET", "/api/v1/files/..%2F..%2Fetc/content").status, 404);
    EXPECT_EQ(ask("DELETE", "/api/v1/files/" + id, "viewer").status, 403);
    EXPECT_EQ(ask("DELETE", "/api/v1/files/" + id).status, 204);
    EXPECT_THAT(removed, ElementsAre(id));
    EXPECT_EQ(ask("DELETE", "/api/v1/files/" + id).status, 404);
    EXPECT_EQ(ask("GET", "/api/v1/files/" + id + "/content").status, 404);
}

TEST_F(FilesTest, ExpectedUploadsAreShownWithoutTheirSecrets) {
    const auto link = desk.connect("CP1");
    desk.site.files.settings.listener_port = 9080;
    auto& charger = *desk.site.find("CP1");
    charger.reached_as = "10.0.0.1";
    const auto offer = std::get<site::FileOffer>(
        site::offer_upload(desk.site, charger, site::FilePurpose::log, 3, desk.now));
    const auto path = "/api/v1/files/" + offer.file_id;
    const auto shown = ask("GET", path).body;
    EXPECT_EQ(member(shown, "state"), "\"expected\"");
    EXPECT_EQ(member(shown, "chargePoint"), "\"CP1\"");
    EXPECT_EQ(member(shown, "requestId"), "3");
    EXPECT_THAT(shown, Not(HasSubstr("oken")));
    EXPECT_EQ(ask("GET", path + "/content").status, 409);
    const auto token = offer.url.substr(offer.url.find("/f/") + 3, 32);
    site::admit_transfer(desk.site, token, true, 5, desk.now);
    EXPECT_EQ(member(ask("GET", path).body, "state"), "\"receiving\"");
    site::upload_failed(desk.site, offer.file_id, 0, "cut", desk.now);
    desk.now.wall += site::upload_validity;
    EXPECT_EQ(member(ask("GET", path).body, "state"), "\"expired\"");
    EXPECT_THAT(ask("GET", "/api/v1/files?chargePoint=CP1&purpose=log").body,
                HasSubstr(offer.file_id));
}

TEST_F(FilesTest, WhatAChargerReportsIsShown) {
    const auto link = desk.connect("CP1");
    desk.say("CP1", link,
             R"([2,"1","SecurityEventNotification",)"
             R"({"type":"Odd","timestamp":"2026-05-01T08:00:00Z"}])");
    desk.say("CP1", link, R"([2,"2","SignCertificate",{"csr":"PEM"}])");
    desk.say("CP1", link, R"([2,"3","FirmwareStatusNotification",{"status":"Installed"}])");
    const auto shown = ask("GET", "/api/v1/charge-points/CP1/maintenance").body;
    EXPECT_THAT(shown, HasSubstr(R"("firmware":{"status":"Installed")"));
    EXPECT_THAT(shown, HasSubstr(R"("certificateRequest":{"csr":"PEM")"));
    EXPECT_THAT(shown, HasSubstr(R"("securityEvents":[{"type":"Odd","techInfo":null)"));
    EXPECT_EQ(ask("GET", "/api/v1/charge-points/none/maintenance").status, 404);
}

}  // namespace
}  // namespace busbar::api
