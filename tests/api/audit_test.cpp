// The audit log: what handlers append, and how it is read over a real PostgreSQL.
#include "api/audit.hpp"

#include "db/migrate.hpp"
#include "db/postgres_journal.hpp"
#include "tests/api/fixtures.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace busbar::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Audit : public Offline {
protected:
    std::vector<db::AuditEntry> entries() const {
        std::vector<db::AuditEntry> found;
        for (const auto& unit : journal.units) {
            for (const auto& record : unit) {
                if (const auto* entry = std::get_if<db::AuditEntry>(&record)) {
                    found.push_back(*entry);
                }
            }
        }
        return found;
    }
};

TEST_F(Audit, CommandsAreNotedWithoutSecrets) {
    const auto link = desk.connect("CP1");
    journal.units.clear();
    desk.ask_as("operator", "POST", "/api/v1/charge-points/CP1/commands/Reset",
                R"({"type":"Soft"})");
    desk.ask_as("operator", "POST", "/api/v1/charge-points/CP1/commands/ChangeConfiguration",
                R"({"key":"AuthorizationKey","value":"geheim-geheim-geheim"})");
    desk.ask_as("operator", "POST", "/api/v1/charge-points/CP9/commands/Reset",
                R"({"type":"Soft"})");
    const auto found = entries();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].action, "command");
    EXPECT_EQ(found[0].object_id, "CP1");
    EXPECT_EQ(found[0].note, "Reset");
    EXPECT_EQ(found[0].after->text, R"({"type":"Soft"})");
    EXPECT_EQ(found[1].note, "ChangeConfiguration");
    EXPECT_FALSE(found[1].after);
}

TEST_F(Audit, NobodyIsNamed) {
    const auto link = desk.connect("CP1");
    desk.ask(
        "POST", "/api/v1/badges",
        R"({"idTag":"A1","label":"Ann","holder":"Ann","email":"Ann@example.org","note":"Ann"})");
    desk.ask("PATCH", "/api/v1/badges/A1", R"({"label":"Ann's","holder":null})");
    desk.ask("POST", "/api/v1/badges/import", "idTag,label,holder\nA1,Ann,Ann\nB2,Anna,Anna\n");
    for (const auto& entry : entries()) {
        EXPECT_THAT(to_json(entry), Not(HasSubstr("Ann")));
    }
    EXPECT_THAT(entries().at(0).after->text, HasSubstr(R"x("label":"(set)","holder":"(set)")x"));
    EXPECT_THAT(entries().at(1).after->text, HasSubstr(R"x("label":"(changed)","holder":null)x"));
    EXPECT_THAT(entries().at(3).after->text,
                HasSubstr(R"x("label":"(changed)","holder":"(set)")x"));

    journal.units.clear();
    desk.start_transaction("CP1", link, "A1");
    desk.ask("POST", "/api/v1/transactions/1/stop", R"({"force":true})");
    desk.ask("POST", "/api/v1/charge-points/CP1/commands/RemoteStartTransaction",
             R"({"connectorId":1,"idTag":"A1"})");
    desk.ask("POST", "/api/v1/charge-points/CP1/commands/ReserveNow",
             R"({"connectorId":1,"idTag":"A1","parentIdTag":"A1","reservationId":7,)"
             R"("expiryDate":"2026-05-01T09:00:00Z"})");
    desk.ask("POST", "/api/v1/reservations",
             R"({"chargePoint":"CP1","connectorId":1,"idTag":"A1","minutes":30})");
    const auto found = entries();
    ASSERT_EQ(found.size(), 4U);
    for (const auto& entry : found) EXPECT_THAT(to_json(entry), Not(HasSubstr("A1")));
    EXPECT_THAT(found[0].before->text, HasSubstr(R"x("idTag":"(set)")x"));
    EXPECT_EQ(found[1].after->text, R"x({"connectorId":1,"idTag":"(set)"})x");
    EXPECT_THAT(found[2].after->text, HasSubstr(R"x("parentIdTag":"(set)","reservationId":7)x"));
}

TEST_F(Audit, AnotherTextIsToldFromTheSame) {
    desk.ask("POST", "/api/v1/badges",
             R"({"idTag":"A1","label":"a","holder":"b","email":"c@example.org","note":"d"})");
    desk.ask("PATCH", "/api/v1/badges/A1", R"({"status":"blocked","label":"a"})");
    desk.ask("PATCH", "/api/v1/badges/A1", R"({"holder":"B","email":"C@example.org","note":"D"})");
    desk.ask("POST", "/api/v1/groups", R"({"name":"G","note":"e"})");
    desk.ask("PATCH", "/api/v1/groups/G", R"({"costCentre":"7"})");
    desk.ask("PATCH", "/api/v1/groups/G", R"({"note":"E"})");
    const auto found = entries();
    ASSERT_EQ(found.size(), 6U);
    const auto same = R"x("label":"(set)","holder":"(set)","email":"(set)")x";
    EXPECT_THAT(found[1].before->text, HasSubstr(same));
    EXPECT_THAT(found[1].after->text, HasSubstr(same));
    EXPECT_THAT(found[1].after->text, HasSubstr(R"x("note":"(set)")x"));
    EXPECT_THAT(found[2].before->text, HasSubstr(same));
    EXPECT_THAT(found[2].after->text,
                HasSubstr(R"x("label":"(set)","holder":"(changed)","email":"(changed)")x"));
    EXPECT_THAT(found[2].after->text, HasSubstr(R"x("note":"(changed)")x"));
    EXPECT_THAT(found[4].after->text, HasSubstr(R"x("note":"(set)")x"));
    EXPECT_THAT(found[5].after->text, HasSubstr(R"x("note":"(changed)")x"));
}

TEST_F(Audit, EditsOfChargePointsAreNotedWithoutPasswords) {
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1","password":"geheim-geheim"})");
    desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"label":"door"})");
    desk.ask("PUT", "/api/v1/charge-points/CP1/configuration/SomePassword",
             R"({"value":"geheim-geheim"})");
    desk.ask("PUT", "/api/v1/charge-points/CP1/quirks", R"({"heartbeatIsEnough":true})");
    desk.ask("PUT", "/api/v1/enrolment", R"({"minutes":5})");
    desk.ask("DELETE", "/api/v1/charge-points/CP1");
    std::string kinds;
    for (const auto& entry : entries()) {
        kinds += entry.object_kind + ":" + entry.action + " ";
        for (const auto& json : {entry.before, entry.after}) {
            if (!json) continue;
            EXPECT_TRUE(is_json(json->text)) << json->text;
            EXPECT_THAT(json->text, Not(HasSubstr("geheim")));
        }
    }
    EXPECT_THAT(kinds, HasSubstr("charge-point:create charge-point:update "));
    EXPECT_THAT(kinds, HasSubstr("configuration-key:create "));
    EXPECT_THAT(kinds, HasSubstr("enrolment:update charge-point:delete "));
}

TEST_F(Audit, IsNoBusinessOfViewers) {
    EXPECT_EQ(desk.ask_as("viewer", "GET", "/api/v1/audit")->status, 403);
    EXPECT_THAT(pointers_in(*desk.ask_as("installer", "GET", "/api/v1/audit?from=x&limit=0")),
                ::testing::UnorderedElementsAre("/from", "/limit"));
}

// A real journal and reader.
class AuditLog : public ::testing::Test {
protected:
    static std::string migrated(const std::string& name) {
        auto url = test::cluster().create_database(name);
        db::migrate(url);
        return url;
    }
    static std::string unused_name() {
        static int count = 0;
        return "api_audit_" + std::to_string(++count);
    }
    static db::PostgresJournal::Options options(const std::string& url, const std::string& spill) {
        db::PostgresJournal::Options options;
        options.url = url;
        options.spill_path = spill;
        return options;
    }
    net::HttpResponse wait_for(const Reply& reply) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!reply.is_there() && std::chrono::steady_clock::now() < give_up) {
            loop_.restart();
            loop_.run_one_for(std::chrono::milliseconds{100});
        }
        return *reply;
    }
    net::HttpResponse ask(const std::string& method, const std::string& target,
                          const std::string& body = "") {
        return wait_for(desk_.ask_as("operator", method, "/api/v1" + target, body));
    }
    static int items_in(const net::HttpResponse& response) {
        int count = 0;
        for (auto at = response.body.find("\"objectKind\""); at != std::string::npos;
             at = response.body.find("\"objectKind\"", at + 1)) {
            ++count;
        }
        return count;
    }

    const std::string name_ = unused_name();
    const std::string url_ = migrated(name_);
    boost::asio::io_context loop_;
    db::PostgresJournal journal_{options(url_, ::testing::TempDir() + name_ + ".sqlite"),
                                 loop_.get_executor()};
    db::Reader reader_{url_, loop_.get_executor()};
    Desk desk_{journal_, reader_};
};

TEST_F(AuditLog, IsReadNewestFirst) {
    EXPECT_EQ(ask("POST", "/badges", R"({"idTag":"A1","holder":"Ann"})").status, 201);
    EXPECT_EQ(ask("PATCH", "/badges/A1", R"({"status":"blocked"})").status, 200);
    EXPECT_EQ(ask("POST", "/groups", R"({"name":"G"})").status, 201);
    const auto all = ask("GET", "/audit");
    ASSERT_EQ(all.status, 200);
    EXPECT_EQ(items_in(all), 3);
    EXPECT_EQ(member(all.body, "objectKind"), "\"group\"");
    EXPECT_EQ(member(all.body, "actor"), "\"operator\"");
    EXPECT_THAT(all.body, HasSubstr(R"("before":{"idTag":"A1")"));
    EXPECT_THAT(all.body, Not(HasSubstr("Ann")));
    EXPECT_EQ(items_in(ask("GET", "/audit?objectKind=badge&objectId=a1")), 2);
    EXPECT_EQ(items_in(ask("GET", "/audit?objectKind=group")), 1);
    EXPECT_EQ(items_in(ask("GET", "/audit?actor=nobody")), 0);
    EXPECT_EQ(items_in(ask("GET", "/audit?from=2026-05-01T08:00:00Z")), 3);
    EXPECT_EQ(items_in(ask("GET", "/audit?from=2026-05-02T08:00:00Z")), 0);
    EXPECT_EQ(items_in(ask("GET", "/audit?to=2026-05-01T08:00:00Z")), 0);
    const auto first = ask("GET", "/audit?limit=2");
    EXPECT_EQ(items_in(first), 2);
    const auto next = member(first.body, "next");
    const auto second = ask("GET", "/audit?limit=2&cursor=" + next.substr(1, next.size() - 2));
    EXPECT_EQ(items_in(second), 1);
    EXPECT_EQ(member(second.body, "action"), "\"create\"");
    EXPECT_EQ(member(second.body, "next"), "null");
}

TEST_F(AuditLog, AnImportOfFiveHundredBadgesIsDurableInTime) {
    std::string table = "idTag,label,holder\n";
    for (int i = 0; i < 500; ++i) {
        table += "TAG" + std::to_string(i) + ",Label " + std::to_string(i) + ",Somebody\n";
    }
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(ask("POST", "/badges/import", table).status, 200);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{3});
    EXPECT_EQ(items_in(ask("GET", "/audit?limit=1000")), 501);
}

}  // namespace
}  // namespace busbar::api
