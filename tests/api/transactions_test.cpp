// Transactions as the REST interface shows them, over a real PostgreSQL.
#include "db/migrate.hpp"
#include "db/postgres_journal.hpp"
#include "tests/api/fixtures.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Transactions : public ::testing::Test {
protected:
    Transactions() {
        db::PostgresJournal::Options options;
        options.url = url_;
        options.spill_path = test::cluster().folder() + "/" + name_ + ".spill";
        journal_ = std::make_unique<db::PostgresJournal>(options, loop_.get_executor());
        desk = std::make_unique<Desk>(*journal_, reader_);
    }
    ~Transactions() override { journal_->stop(); }

    static std::string migrated(const std::string& name) {
        auto url = test::cluster().create_database(name);
        db::migrate(url);
        return url;
    }

    void run_until(const std::function<bool()>& condition) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!condition() && std::chrono::steady_clock::now() < give_up) {
            loop_.restart();
            loop_.run_one_for(std::chrono::milliseconds{100});
        }
        EXPECT_TRUE(condition());
    }
    net::HttpResponse ask(const std::string& method, const std::string& target,
                          const std::string& body = "") {
        const auto reply = desk->ask(method, target, body);
        run_until([&] { return reply.is_there(); });
        return *reply;
    }
    // Waits until the charger has been answered so often.
    void wait_for_answers(const std::shared_ptr<TestLink>& link, std::size_t count) {
        run_until([&] {
            std::size_t answers = 0;
            for (const auto& text : link->sent) answers += text.starts_with("[3,");
            return answers >= count;
        });
    }
    void stop_transaction(const std::shared_ptr<TestLink>& link, std::int32_t id, int meter,
                          const std::string& at) {
        desk->say("CP1", link,
                  R"([2,"e","StopTransaction",{"transactionId":)" + std::to_string(id) +
                      R"(,"meterStop":)" + std::to_string(meter) + R"(,"timestamp":")" + at +
                      R"(","reason":"Local"}])");
    }
    std::vector<std::string> ids_in(const std::string& body) {
        std::vector<std::string> ids;
        for (auto at = body.find("{\"id\":"); at != std::string::npos;
             at = body.find("{\"id\":", at + 1)) {
            ids.push_back(member(body.substr(at), "id"));
        }
        return ids;
    }

    static std::string unused_name() {
        static int count = 0;
        return "api_" + std::to_string(++count);
    }

    const std::string name_ = unused_name();
    const std::string url_ = migrated(name_);
    boost::asio::io_context loop_;
    std::unique_ptr<db::PostgresJournal> journal_;
    db::Reader reader_{url_, loop_.get_executor()};
    std::unique_ptr<Desk> desk;
};

TEST_F(Transactions, AreShownWhileTheyRunAndAfter) {
    const auto link = desk->connect("CP1");
    desk->start_transaction("CP1", link, "Ann");
    wait_for_answers(link, 1);
    const auto& running = desk->site.find("CP1")->open.at(0);
    const auto id = running.start.transaction_id;
    desk->say("CP1", link,
              R"([2,"m","MeterValues",{"connectorId":1,"transactionId":)" + std::to_string(id) +
                  R"(,"meterValue":[{"timestamp":"2026-05-01T08:10:00Z","sampledValue":[)"
                  R"({"value":"600"}]},{"timestamp":"2026-05-01T08:20:00.5Z","sampledValue":[)"
                  R"({"value":"7.5","measurand":"Power.Active.Import","unit":"kW","phase":"L1"},)"
                  R"({"value":"1100"}]}]}])");
    wait_for_answers(link, 2);
    EXPECT_EQ(ask("GET", "/api/v1/transactions/1").body,
              R"({"id":1,"transactionId":)" + std::to_string(id) +
                  R"(,"chargePoint":"CP1","connectorId":1,"idTag":"Ann",)"
                  R"("startedAt":"2026-05-01T08:00:00.000Z","stoppedAt":null,"meterStartWh":100,)"
                  R"("meterStopWh":null,"energyWh":1000,"stopReason":null,"estimated":false,)"
                  R"("owner":"local","badge":"Ann","group":null,"costCentre":null,)"
                  R"("energySource":"register","reconstructed":false,"note":null,)"
                  R"("corrected":null})");
    EXPECT_THAT(ids_in(ask("GET", "/api/v1/transactions?active=true").body), ElementsAre("1"));

    stop_transaction(link, id, 2600, "2026-05-01T09:00:00.250Z");
    wait_for_answers(link, 3);
    const auto stopped = ask("GET", "/api/v1/transactions/1").body;
    EXPECT_THAT(stopped, HasSubstr(R"("stoppedAt":"2026-05-01T09:00:00.250Z","meterStartWh":100,)"
                                   R"("meterStopWh":2600,"energyWh":2500,"stopReason":"Local",)"
                                   R"("estimated":false)"));
    EXPECT_EQ(ask("GET", "/api/v1/transactions?active=true").body, R"({"items":[],"next":null})");
    EXPECT_EQ(ask("GET", "/api/v1/transactions?active=false").body,
              "{\"items\":[" + stopped + "],\"next\":null}");
    EXPECT_EQ(ask("POST", "/api/v1/transactions/1/stop").status, 409);
    EXPECT_EQ(ask("POST", "/api/v1/transactions/1/stop", R"({"force":true})").status, 409);

    const auto values = ask("GET", "/api/v1/transactions/1/meter-values?limit=1");
    EXPECT_THAT(values.body, HasSubstr(R"({"items":[{"at":"2026-05-01T08:10:00.000Z",)"
                                       R"("measurand":"Energy.Active.Import.Register",)"
                                       R"("phase":null,"context":"Sample.Periodic",)"
                                       R"("location":"Outlet","unit":"Wh","value":"600",)"
                                       R"("number":600}],"next":")"));
    const auto next = member(values.body, "next");
    const auto rest =
        ask("GET", "/api/v1/transactions/1/meter-values?cursor=" + next.substr(1, next.size() - 2));
    EXPECT_THAT(rest.body, HasSubstr(R"("at":"2026-05-01T08:20:00.500Z")"));
    EXPECT_THAT(rest.body, HasSubstr(R"("phase":"L1")"));
    EXPECT_THAT(rest.body, HasSubstr(R"("number":7500)"));
    EXPECT_THAT(rest.body, HasSubstr(R"("next":null})"));
}

TEST_F(Transactions, AreFilteredAndPaged) {
    const auto link = desk->connect("CP1");
    for (int i = 0; i < 5; ++i) {
        const auto hour = std::to_string(i);
        desk->start_transaction("CP1", link, i % 2 ? "bob" : "Ann", i,
                                "2026-05-01T0" + hour + ":00:00Z");
        const auto id = desk->site.find("CP1")->open.at(0).start.transaction_id;
        stop_transaction(link, id, i + 10, "2026-05-01T0" + hour + ":30:00Z");
    }
    wait_for_answers(link, 10);
    const auto list = [&](const std::string& query) {
        return ids_in(ask("GET", "/api/v1/transactions?" + query).body);
    };
    EXPECT_THAT(list(""), ElementsAre("5", "4", "3", "2", "1"));
    EXPECT_THAT(list("idTag=BOB"), ElementsAre("4", "2"));
    EXPECT_THAT(list("chargePoint=CP1&idTag=ann"), ElementsAre("5", "3", "1"));
    EXPECT_THAT(list("chargePoint=cp1"), ElementsAre());
    EXPECT_THAT(list("from=2026-05-01T01:00:00Z&to=2026-05-01T03:00:00Z"), ElementsAre("3", "2"));
    EXPECT_THAT(list("from=2026-05-01T05:00:00%2B02:00"), ElementsAre("5", "4"));
    EXPECT_THAT(list("from=0001-01-01T00:00:00Z&to=9999-12-30T23:59:59Z").size(), 5U);
    EXPECT_THAT(list("idTag=%27%3B%20DROP%20TABLE%20transaction%3B--"), ElementsAre());

    const auto first = ask("GET", "/api/v1/transactions?limit=2");
    EXPECT_THAT(ids_in(first.body), ElementsAre("5", "4"));
    auto next = member(first.body, "next");
    const auto second =
        ask("GET", "/api/v1/transactions?limit=3&cursor=" + next.substr(1, next.size() - 2));
    EXPECT_THAT(ids_in(second.body), ElementsAre("3", "2", "1"));
    EXPECT_EQ(member(second.body, "next"), "null");
}

TEST_F(Transactions, StopsThatFitNothingAreShownUntilTheyDo) {
    const auto link = desk->connect("CP1");
    stop_transaction(link, 7, 500, "2026-05-01T07:00:00Z");
    stop_transaction(link, -1, 2600, "2026-05-01T09:00:00Z");
    wait_for_answers(link, 2);
    const auto both = ask("GET", "/api/v1/orphan-stops?chargePoint=CP1&limit=1");
    EXPECT_THAT(both.body,
                HasSubstr(R"("chargePoint":"CP1","transactionId":-1,"idTag":null,)"
                          R"("meterStopWh":2600,"stoppedAt":"2026-05-01T09:00:00.000Z",)"));
    const auto next = member(both.body, "next");
    EXPECT_THAT(ask("GET", "/api/v1/orphan-stops?cursor=" + next.substr(1, next.size() - 2)).body,
                HasSubstr(R"("transactionId":7,)"));
    EXPECT_EQ(ask("GET", "/api/v1/orphan-stops?chargePoint=CP2").body,
              R"({"items":[],"next":null})");
    EXPECT_THAT(pointers_in(ask("GET", "/api/v1/orphan-stops?from=yesterday&limit=0")),
                UnorderedElementsAre("/from", "/limit"));
    // The start that belongs to the second comes after all.
    desk->start_transaction("CP1", link);
    wait_for_answers(link, 3);
    EXPECT_THAT(ids_in(ask("GET", "/api/v1/orphan-stops").body).size(), 1U);
}

TEST_F(Transactions, WrongQuestionsAreToldSo) {
    EXPECT_THAT(
        pointers_in(ask("GET",
                        "/api/v1/transactions?active=yes&from=yesterday&to=2026-05-01T00:00:00&"
                        "limit=0&cursor=61&format=xml&idTag=%00&chargePoint=%FF")),
        UnorderedElementsAre("/active", "/from", "/to", "/limit", "/cursor", "/format", "/idTag",
                             "/chargePoint"));
    for (const std::string id : {"1", "0", "-1", "x", "1x", "99999999999999999999", "%00"}) {
        for (const std::string rest : {"", "/meter-values"}) {
            EXPECT_EQ(ask("GET", "/api/v1/transactions/" + id + rest).status, 404) << id << rest;
        }
        EXPECT_EQ(ask("POST", "/api/v1/transactions/" + id + "/stop").status, 404) << id;
    }
}

TEST_F(Transactions, AStuckOneIsClosedAndMarked) {
    const auto link = desk->connect("CP1");
    desk->start_transaction("CP1", link);
    wait_for_answers(link, 1);
    EXPECT_EQ(ask("POST", "/api/v1/transactions/1/stop", R"({"force":true})").status, 200);
    // Answered means stored: another program sees it too.
    EXPECT_EQ(test::cluster().sql("SELECT stop_reason, estimated FROM transaction", name_),
              "Other|t");
    EXPECT_THAT(ask("GET", "/api/v1/transactions/1").body, HasSubstr(R"("estimated":true)"));
    EXPECT_EQ(ask("POST", "/api/v1/transactions/1/stop", R"({"force":true})").status, 409);
}

class Corrections : public Transactions {
protected:
    // One charge of Ann, from 100 to 2600 Wh, and what it is called.
    Corrections() {
        for (const std::string id_tag : {"Ann", "Bob"}) {
            EXPECT_EQ(ask("POST", "/api/v1/badges", R"({"idTag":")" + id_tag + R"("})").status,
                      201);
        }
        link_ = desk->connect("CP1");
        desk->start_transaction("CP1", link_, "Ann");
        wait_for_answers(link_, 1);
        transaction_id_ = desk->site.find("CP1")->open.at(0).start.transaction_id;
        desk->now.wall += std::chrono::hours{24};
    }
    void stop() {
        stop_transaction(link_, transaction_id_, 2600, "2026-05-01T09:00:00Z");
        wait_for_answers(link_, 2);
    }
    net::HttpResponse correct(const std::string& body) {
        return ask("PATCH", "/api/v1/transactions/1", body);
    }
    std::shared_ptr<TestLink> link_;
    std::int32_t transaction_id_ = 0;
};

TEST_F(Corrections, CountFromThenOnAndTheChargersWordsStay) {
    stop();
    const auto answer = correct(R"({"badge":"bob","meterStopWh":2100,"note":"wrong car"})");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(R"("meterStopWh":2100,"energyWh":2000,"stopReason":"Local",)"
                                       R"("estimated":false,"owner":"local","badge":"Bob")"));
    EXPECT_THAT(answer.body, HasSubstr(R"("energySource":"corrected")"));
    EXPECT_THAT(answer.body,
                HasSubstr(R"("by":"admin","original":{"badge":"Ann",)"
                          R"("startedAt":"2026-05-01T08:00:00.000Z",)"
                          R"("stoppedAt":"2026-05-01T09:00:00.000Z","meterStartWh":100,)"
                          R"("meterStopWh":2600,"energyWh":2500}})"));
    const auto shown = ask("GET", "/api/v1/transactions/1");
    EXPECT_EQ(shown.body, answer.body);
    EXPECT_EQ(header(shown, "ETag"), header(answer, "ETag"));
    EXPECT_EQ(test::cluster().sql("SELECT meter_stop_wh, energy_wh, badge FROM transaction", name_),
              "2600|2500|Ann");
    EXPECT_EQ(test::cluster().sql("SELECT actor, action, object_id, before->>'energyWh', "
                                  "after->>'energyWh', after->>'note' FROM audit_log "
                                  "WHERE object_kind = 'transaction'",
                                  name_),
              "admin|correct|1|2500|2000|(set)");
    EXPECT_EQ(test::cluster().sql("SELECT before->>'badge', after->>'badge', count(*) FILTER "
                                  "(WHERE concat(before, after) ~* '\"(ann|bob)\"') FROM audit_log "
                                  "WHERE object_kind = 'transaction' GROUP BY 1, 2",
                                  name_),
              "(set)|(corrected)|0");
    EXPECT_EQ(ids_in(ask("GET", "/api/v1/transactions?idTag=bob").body).size(), 1U);
    EXPECT_EQ(ids_in(ask("GET", "/api/v1/transactions?idTag=ann").body).size(), 0U);
    EXPECT_EQ(ids_in(ask("GET", "/api/v1/transactions?text=WRONG%20c").body).size(), 1U);
    EXPECT_EQ(ids_in(ask("GET", "/api/v1/transactions?text=other").body).size(), 0U);

    // Taken back.
    const auto back = correct(R"({"badge":null,"meterStopWh":null,"note":null})");
    EXPECT_THAT(back.body, HasSubstr(R"("energyWh":2500)"));
    EXPECT_THAT(back.body, HasSubstr(R"("note":null,"corrected":null})"));
    EXPECT_EQ(ask("GET", "/api/v1/transactions/1").body, back.body);
}

TEST_F(Corrections, AnotherPayerIsToldFromTheSame) {
    stop();
    EXPECT_EQ(ask("PATCH", "/api/v1/badges/Bob", R"({"costCentre":"7"})").status, 200);
    EXPECT_EQ(ask("POST", "/api/v1/badges", R"({"idTag":"Cleo","costCentre":"8"})").status, 201);
    for (const std::string body :
         {R"({"badge":"Bob","note":"a"})", R"({"badge":"Cleo"})", R"({"note":"b"})"}) {
        EXPECT_EQ(correct(body).status, 200) << body;
        desk->now.wall += std::chrono::seconds{1};
    }
    const auto told = [&](const std::string& member) {
        return test::cluster().sql("SELECT string_agg(" + member +
                                       ", ' ' ORDER BY id) FROM audit_log "
                                       "WHERE object_kind = 'transaction'",
                                   name_);
    };
    EXPECT_EQ(told("after->>'badge'"), "(corrected) (changed) (corrected)");
    EXPECT_EQ(told("after->>'note'"), "(set) (set) (changed)");
    EXPECT_EQ(told("coalesce(before->>'costCentre', '-')"), "- 7 8");
    EXPECT_EQ(told("after->>'costCentre'"), "7 8 8");
}

TEST_F(Corrections, OfABadgeBringItsGroupAndCostCentre) {
    stop();
    EXPECT_EQ(ask("POST", "/api/v1/groups", R"({"name":"fleet","costCentre":"CC-F"})").status, 201);
    EXPECT_EQ(ask("POST", "/api/v1/badges", R"({"idTag":"Cleo","group":"fleet"})").status, 201);
    EXPECT_EQ(ask("PATCH", "/api/v1/badges/Bob", R"({"costCentre":"CC-B"})").status, 200);
    const auto payer = [&] {
        return test::cluster().sql(
            "SELECT badge, badge_group, cost_centre FROM transaction_in_force", name_);
    };
    const auto is_told = [&](const std::string& correction, const std::string& owner) {
        const auto answer = correct(correction);
        EXPECT_THAT(answer.body, HasSubstr(owner));
        EXPECT_EQ(ask("GET", "/api/v1/transactions/1").body, answer.body);
    };
    is_told(R"({"badge":"Cleo"})", R"("badge":"Cleo","group":"fleet","costCentre":"CC-F")");
    EXPECT_EQ(payer(), "Cleo|fleet|CC-F");
    EXPECT_EQ(ids_in(ask("GET", "/api/v1/transactions?costCentre=cc-f").body).size(), 1U);
    // As it was then, whatever becomes of it.
    EXPECT_EQ(ask("PATCH", "/api/v1/groups/fleet", R"({"costCentre":"CC-G"})").status, 200);
    is_told(R"({"note":"lent"})", R"("costCentre":"CC-F")");
    is_told(R"({"badge":"Bob"})", R"("badge":"Bob","group":null,"costCentre":"CC-B")");
    EXPECT_EQ(payer(), "Bob||CC-B");
    is_told(R"({"badge":null})", R"("badge":"Ann","group":null,"costCentre":null)");
    EXPECT_EQ(payer(), "Ann||");
}

TEST_F(Corrections, TheSecondOfTwoEditorsIsTold) {
    stop();
    const auto seen = header(ask("GET", "/api/v1/transactions/1"), "ETag");
    EXPECT_EQ(correct(R"({"energyWh":1})").status, 200);
    const auto reply = desk->ask_with("Bearer secret of admin", "PATCH", "/api/v1/transactions/1",
                                      R"({"energyWh":2})", "127.0.0.1", {{"If-Match", seen}});
    run_until([&] { return reply.is_there(); });
    EXPECT_EQ(reply->status, 409);
    EXPECT_THAT(reply->body, HasSubstr(R"("energyWh":1,)"));
}

TEST_F(Corrections, WinAgainstAStopThatComesLater) {
    EXPECT_EQ(ask("POST", "/api/v1/transactions/1/stop", R"({"force":true})").status, 200);
    EXPECT_EQ(correct(R"({"energyWh":777})").status, 200);
    stop();
    EXPECT_EQ(test::cluster().sql("SELECT t.meter_stop_wh, t.estimated, v.energy_wh FROM "
                                  "transaction t JOIN transaction_in_force v ON v.id = t.id",
                                  name_),
              "2600|f|777");
    EXPECT_THAT(ask("GET", "/api/v1/transactions/1").body, HasSubstr(R"("energyWh":777)"));
    EXPECT_EQ(test::cluster().sql("SELECT string_agg(action, ',' ORDER BY id) FROM audit_log "
                                  "WHERE object_kind = 'transaction'",
                                  name_),
              "stop,correct");
}

TEST_F(Corrections, AreCheckedAsAWhole) {
    EXPECT_THAT(pointers_in(correct(R"({"stoppedAt":"2026-05-01T09:00:00Z","energyWh":5})")),
                UnorderedElementsAre("/stoppedAt", "/energyWh"));
    EXPECT_EQ(correct(R"({"note":"still here"})").status, 200);
    stop();
    EXPECT_THAT(pointers_in(correct(R"({"badge":"Nobody","startedAt":"2026-05-01T10:00:00Z",)"
                                    R"("meterStopWh":50,"colour":1})")),
                UnorderedElementsAre("/badge", "/startedAt", "/meterStopWh", "/colour"));
    EXPECT_THAT(pointers_in(correct(R"({"badge":"Ann","idTag":"Bob"})")),
                UnorderedElementsAre("/idTag"));
    EXPECT_EQ(ask("PATCH", "/api/v1/transactions/2", "{}").status, 404);
    EXPECT_EQ(desk->ask_as("viewer", "PATCH", "/api/v1/transactions/1", "{}")->status, 403);
}

TEST_F(Corrections, AndTheRestAreATableThatIsSafeToOpen) {
    stop();
    EXPECT_EQ(correct(R"({"note":"=1+2"
})")
                  .status,
              200);
    const auto table = ask("GET", "/api/v1/transactions?format=csv");
    EXPECT_EQ(table.content_type, "text/csv; charset=utf-8");
    EXPECT_THAT(table.body,
                testing::StartsWith("\xEF\xBB\xBFid,transactionId,chargePoint,connectorId,"));
    EXPECT_THAT(table.body,
                HasSubstr(",CP1,1,Ann,Ann,,,2026-05-01T08:00:00.000Z,2026-05-01T09:00:00.000Z,100,"
                          "2600,2500,register,Local,false,false,false,'=1+2\r\n"));
}

TEST_F(Transactions, EditsAreInTheDatabaseWhenTheyAreAnswered) {
    EXPECT_EQ(
        ask("POST", "/api/v1/badges",
            R"({"idTag":"\ud83d\udd0c","holder":"O'Hara \"\\ 雪","chargePoints":["A,b","{}"],)"
            R"("validFrom":"0001-01-01T00:00:00Z","validUntil":"9999-12-30T23:59:59.999Z"})")
            .status,
        201);
    EXPECT_EQ(test::cluster().sql("SELECT id_tag, holder, charge_points[1], "
                                  "extract(year FROM valid_until AT TIME ZONE 'UTC') FROM badge",
                                  name_),
              "\U0001F50C|O'Hara \"\\ 雪|A,b|9999");
    EXPECT_EQ(ask("POST", "/api/v1/charge-points", R"({"id":"CP 1","password":"p"})").status, 201);
    EXPECT_EQ(test::cluster().sql("SELECT password_hash FROM charge_point", name_), "hash of p");
    EXPECT_EQ(ask("DELETE", "/api/v1/charge-points/CP%201").status, 204);
    EXPECT_EQ(ask("DELETE", "/api/v1/badges/%F0%9F%94%8C").status, 204);
    EXPECT_EQ(test::cluster().sql("SELECT (SELECT count(*) FROM badge) + "
                                  "(SELECT count(*) FROM charge_point) + "
                                  "(SELECT count(*) FROM quarantine)",
                                  name_),
              "0");
}

}  // namespace
}  // namespace busbar::api
