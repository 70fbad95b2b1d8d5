// Tariffs, reports and erasing over a real PostgreSQL, with a journal of the test's own.
#include "db/migrate.hpp"
#include "site/privacy.hpp"
#include "site/pseudonym.hpp"
#include "tests/api/fixtures.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Reports : public ::testing::Test {
protected:
    explicit Reports() { desk_.site.settings.time_zone = TimeZone::find("Europe/Paris").value(); }
    static std::string migrated(const std::string& name) {
        auto url = test::cluster().create_database(name);
        db::migrate(url);
        return url;
    }
    static std::string unused_name() {
        static int count = 0;
        return "api_reports_" + std::to_string(++count);
    }

    net::HttpResponse answered(const Reply& reply) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!reply.is_there() && std::chrono::steady_clock::now() < give_up) {
            loop_.restart();
            loop_.run_one_for(std::chrono::milliseconds{100});
        }
        return *reply;
    }
    net::HttpResponse ask(const std::string& method, const std::string& target,
                          const std::string& body = "", const std::string& role = "operator") {
        return answered(desk_.ask_as(role, method, "/api/v1" + target, body));
    }
    net::HttpResponse report(const std::string& query) {
        return ask("GET", "/reports/energy" + query, "", "viewer");
    }
    void sql(const std::string& statement) { test::cluster().sql(statement, name_); }
    void add_session(int id, const std::string& id_tag, const std::string& start,
                     const std::string& stop, int energy_wh) {
        sql("INSERT INTO transaction (id, transaction_id, charge_point, connector_id, id_tag, "
            "meter_start_wh, started_at, received_at, \"authorization\", meter_stop_wh, "
            "stopped_at, "
            "stop_received_at, stop_reason) VALUES (" +
            std::to_string(id) + ", " + std::to_string(1000 + id) + ", 'CP1', 1, '" + id_tag +
            "', 0, '" + start + "', '" + start + "', 'Accepted', " + std::to_string(energy_wh) +
            ", '" + stop + "', '" + stop + "', 'Local')");
    }
    // The entries of the audit log that were written.
    std::vector<db::AuditEntry> entries() const {
        std::vector<db::AuditEntry> out;
        for (const auto& unit : journal_.units) {
            for (const auto& row : unit) {
                if (const auto* entry = std::get_if<db::AuditEntry>(&row)) out.push_back(*entry);
            }
        }
        return out;
    }

    const std::string name_ = unused_name();
    const std::string url_ = migrated(name_);
    boost::asio::io_context loop_;
    TestJournal journal_;
    db::Reader reader_{url_, loop_.get_executor()};
    Desk desk_{journal_, reader_};
};

constexpr const char* standard = R"({"name":"Standard","currency":"EUR","pricePerKwh":"0.30",
    "periods":[{"hours":"22:00-06:00","pricePerKwh":"0.10"}],"taxPercent":"20"})";

TEST_F(Reports, TariffsAreKept) {
    auto response = ask("POST", "/tariffs", standard);
    ASSERT_EQ(response.status, 201) << response.body;
    EXPECT_EQ(header(response, "Location"), "/api/v1/tariffs/Standard");
    EXPECT_EQ(ask("POST", "/tariffs", standard).status, 409);
    response = ask("GET", "/tariffs/Standard", "", "viewer");
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.body, HasSubstr(R"("periods":[{"hours":"22:00-06:00")"));
    EXPECT_THAT(ask("GET", "/tariffs").body, HasSubstr(R"("next":null)"));
    response = ask("PUT", "/tariffs/Standard",
                   R"({"name":"Standard","currency":"EUR","pricePerKwh":"0.31"})");
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(ask("DELETE", "/tariffs/Standard").status, 204);
    EXPECT_EQ(ask("DELETE", "/tariffs/Standard").status, 404);
    EXPECT_EQ(ask("GET", "/tariffs/Standard").status, 404);
    ASSERT_EQ(entries().size(), 3U);
    EXPECT_EQ(entries()[1].action, "update");
    EXPECT_EQ(entries()[1].actor, "operator");
    EXPECT_THAT(entries()[1].before.value().text, HasSubstr("0.30"));
    EXPECT_THAT(entries()[1].after.value().text, HasSubstr("0.31"));
}

TEST_F(Reports, WrongTariffsAreRefusedFieldByField) {
    EXPECT_THAT(pointers_in(ask("POST", "/tariffs",
                                R"({"name":"A","currency":"EUR","pricePerKwh":"-1","colour":"red",
                                    "periods":[{"hours":"Mo 25:00-26:00","pricePerKwh":"0.1"}]})")),
                ElementsAre("/colour", "/pricePerKwh", "/periods/0/hours"));
    EXPECT_THAT(
        pointers_in(ask("PUT", "/tariffs/B", R"({"name":"A","currency":"EUR","pricePerKwh":"1"})")),
        ElementsAre("/name"));
    EXPECT_EQ(ask("POST", "/tariffs", standard, "viewer").status, 403);
    EXPECT_EQ(ask("POST", "/tariffs", "{").status, 400);
    EXPECT_THAT(journal_.units, IsEmpty());
}

TEST_F(Reports, ADayIsOneOfTheSite) {
    // Ends in Paris: 2027-03-27 23:59, 03-28 00:00, 03-28 23:59 (a day of 23 hours), 03-29 00:00.
    add_session(1, "A", "2027-03-27T20:00Z", "2027-03-27T22:59:59Z", 1);
    add_session(2, "A", "2027-03-27T20:01Z", "2027-03-27T23:00:00Z", 10);
    add_session(3, "A", "2027-03-27T20:02Z", "2027-03-28T21:59:59Z", 100);
    add_session(4, "A", "2027-03-27T20:03Z", "2027-03-28T22:00:00Z", 1000);
    EXPECT_EQ(member(report("?from=2027-03-28&to=2027-03-28&by=day").body, "energyWh"), "110");
    // 2026-10-25 has 25.
    add_session(5, "A", "2026-10-24T20:00Z", "2026-10-24T22:00:00Z", 1);
    add_session(6, "A", "2026-10-24T20:01Z", "2026-10-25T22:59:59Z", 10);
    add_session(7, "A", "2026-10-24T20:02Z", "2026-10-25T23:00:00Z", 100);
    const auto body = report("?from=2026-10-25&to=2026-10-26&by=day").body;
    EXPECT_THAT(body, HasSubstr(R"({"key":"2026-10-25","label":"","sessions":2,"energyWh":11,)"));
    EXPECT_THAT(body, HasSubstr(R"({"key":"2026-10-26","label":"","sessions":1,"energyWh":100,)"));
}

TEST_F(Reports, CostsComeFromTheTariffs) {
    ASSERT_EQ(ask("POST", "/tariffs", standard).status, 201);
    sql("INSERT INTO badge (id_tag, label) VALUES ('A', 'Anna')");
    // 21:00 to 23:00 in Paris, an hour at each price: 5 kWh at 0.30 and 5 at 0.10, and 20 %.
    add_session(1, "A", "2027-01-10T20:00Z", "2027-01-10T22:00Z", 10'000);
    const auto body = report("?from=2027-01-01&to=2027-01-31").body;
    EXPECT_THAT(body, HasSubstr(R"("key":"A","label":"Anna","sessions":1,"energyWh":10000,)"
                                R"("cost":"2.40","tax":"0.40","durationSeconds":7200)"));
    // What is worked out counts: all of it in the first hour.
    sql("INSERT INTO transaction_energy VALUES (1, '2027-01-10T20:00Z', '{10000,0}')");
    EXPECT_EQ(member(report("?from=2027-01-01&to=2027-01-31").body, "cost"), "\"3.60\"");
    sql("INSERT INTO transaction_correction (transaction, energy_wh, corrected_at, corrected_by) "
        "VALUES (1, 5000, now(), 'me')");
    const auto corrected = report("?from=2027-01-01&to=2027-01-31").body;
    EXPECT_EQ(member(corrected, "cost"), "\"1.20\"");
    EXPECT_EQ(member(corrected, "corrected"), "1");
}

TEST_F(Reports, StopsWithoutAStartAreCounted) {
    const auto add_orphan = [&](int number, const std::string& received) {
        sql("INSERT INTO orphan_stop (charge_point, transaction_id, meter_stop_wh, stopped_at, "
            "received_at, reason) SELECT 'CP1', n, n, '" +
            received + "', '" + received + "', 'Local' FROM generate_series(1, " +
            std::to_string(number) + ") AS n");
    };
    const auto orphans = [&] {
        return member(report("?from=2027-01-01&to=2027-01-31").body, "orphanStops");
    };
    EXPECT_EQ(orphans(), "0");
    add_orphan(7, "2026-12-31T22:59:59Z");
    add_orphan(2001, "2026-12-31T23:00:00Z");
    add_orphan(1, "2027-01-31T22:59:59Z");
    add_orphan(9, "2027-01-31T23:00:00Z");
    EXPECT_EQ(orphans(), "2002") << "over pages, of these days only";
}

TEST_F(Reports, DocumentsComeInFourShapes) {
    add_session(1, "=A", "2027-01-10T20:00Z", "2027-01-10T22:00Z", 10'000);
    const std::string january = "?from=2027-01-01&to=2027-01-31&lang=fr&format=";
    auto response = report(january + "csv");
    EXPECT_EQ(response.content_type, "text/csv; charset=utf-8");
    EXPECT_THAT(header(response, "Content-Disposition"),
                HasSubstr("energy-2027-01-01-2027-01-31.csv"));
    EXPECT_THAT(response.body, HasSubstr("\r\n'=A,,1,10000,,,7200,0,0,1\r\n"));
    response = report(january + "xlsx");
    EXPECT_THAT(response.body, StartsWith("PK"));
    response = report(january + "pdf");
    EXPECT_EQ(response.content_type, "application/pdf");
    EXPECT_THAT(response.body, StartsWith("%PDF"));
}

TEST_F(Reports, WrongQuestionsAreRefused) {
    EXPECT_THAT(pointers_in(report("?from=2027-02-30&to=x&by=car&format=doc&lang=es&x=1")),
                ElementsAre("/x", "/by", "/format", "/lang", "/from", "/to"));
    EXPECT_THAT(pointers_in(report("?from=2027-02-02&to=2027-02-01")), ElementsAre("/to"));
    EXPECT_THAT(pointers_in(report("?from=2020-01-01&to=2027-02-01")), ElementsAre("/to"));
    // The month that it is at the desk.
    EXPECT_THAT(report("").body,
                StartsWith(R"({"from":"2026-05-01","to":"2026-05-01","by":"badge")"));
}

TEST_F(Reports, ErasingABadgeLeavesAPseudonym) {
    auto link = desk_.connect("CP1");
    db::BadgeSaved badge;
    badge.id_tag = "A1";
    badge.holder = "Anna";
    badge.status = "active";
    desk_.site.badges["A1"] = badge;
    desk_.start_transaction("CP1", link);
    EXPECT_EQ(ask("POST", "/badges/A1/erase", "", "operator").status, 403);
    EXPECT_EQ(ask("POST", "/badges/a1/erase", "", "admin").status, 409);
    auto& charger = *desk_.site.find("CP1");
    ASSERT_EQ(charger.open.size(), 1U);
    const auto transaction_id = charger.open.front().start.transaction_id;
    const auto id = charger.open.front().start.id;
    desk_.say("CP1", link,
              R"([2,"t","StopTransaction",{"transactionId":)" + std::to_string(transaction_id) +
                  R"(,"idTag":"A1","meterStop":500,"timestamp":"2026-05-01T09:00:00Z"}])");
    ASSERT_TRUE(charger.open.empty());
    journal_.units.clear();
    const auto response = ask("POST", "/badges/a1/erase", "", "admin");
    ASSERT_EQ(response.status, 200) << response.body;
    const auto pseudonym = charger.stopped.back().start.id_tag;
    EXPECT_TRUE(site::is_pseudonym(pseudonym));
    EXPECT_EQ(pseudonym.size(), 13U);
    EXPECT_EQ(response.body, "{\"pseudonym\":\"" + pseudonym + "\"}");
    EXPECT_EQ(charger.stopped.back().stop->id_tag, pseudonym);
    EXPECT_THAT(desk_.site.badges, IsEmpty());
    // One unit that holds the change and who made it, but not whose badge it was.
    ASSERT_EQ(journal_.units.size(), 1U);
    EXPECT_EQ(std::get<db::BadgeErased>(journal_.units[0][0]).id_tag, "A1");
    ASSERT_EQ(entries().size(), 1U);
    EXPECT_EQ(entries()[0].object_id, pseudonym);
    EXPECT_THAT(to_json(entries()[0]), Not(HasSubstr("A1")));
    // A repeat of the start is known all the same.
    desk_.start_transaction("CP1", link);
    EXPECT_TRUE(charger.open.empty());
    EXPECT_EQ(charger.stopped.back().start.id, id);

    EXPECT_EQ(ask("POST", "/badges/NOBODY/erase", "", "admin").status, 404);
    add_session(1, "GONE", "2027-01-10T20:00Z", "2027-01-10T22:00Z", 1);
    EXPECT_EQ(ask("POST", "/badges/gone/erase", "", "admin").status, 200);
}

TEST_F(Reports, UnknownBadgesAreForgottenInTime) {
    auto link = desk_.connect("CP1");
    desk_.say("CP1", link, R"([2,"a","Authorize",{"idTag":"STRANGER"}])");
    ASSERT_EQ(desk_.site.unknown_badges.all().size(), 1U);
    site::forget_unknown_badges(desk_.site, desk_.now.wall);
    EXPECT_EQ(desk_.site.unknown_badges.all().size(), 1U);
    site::forget_unknown_badges(desk_.site, desk_.now.wall + std::chrono::seconds{1});
    EXPECT_THAT(desk_.site.unknown_badges.all(), IsEmpty());
    EXPECT_EQ(std::get<db::StateRemoved>(journal_.units.back().front()).kind, "unknown_badge");
}

TEST_F(Reports, LogsNameNobody) {
    std::string logged;
    desk_.site.log = [&](std::string_view event, std::string_view details) {
        logged.append(event).append(" ").append(details).append("\n");
    };
    auto link = desk_.connect("CP1");
    db::BadgeSaved badge;
    badge.id_tag = "SECRETTAG";
    badge.status = "active";
    desk_.site.badges["SECRETTAG"] = badge;
    for (const auto* tag : {"SECRETTAG", "secrettag2"}) {
        desk_.say("CP1", link, R"([2,"a","Authorize",{"idTag":")" + std::string{tag} + R"("}])");
        desk_.start_transaction("CP1", link, tag, 100, "2026-05-01T08:00:00Z");
        const auto& open = desk_.site.find("CP1")->open;
        const auto id = open.empty() ? 0 : open.front().start.transaction_id;
        desk_.say("CP1", link,
                  R"([2,"t","StopTransaction",{"transactionId":)" + std::to_string(id) +
                      R"(,"idTag":")" + tag +
                      R"(","meterStop":500,"timestamp":"2026-05-01T09:00:00Z"}])");
    }
    EXPECT_THAT(logged, HasSubstr("transaction_started"));
    EXPECT_THAT(to_lower(logged), Not(HasSubstr("secrettag")));
}

}  // namespace
}  // namespace busbar::api
