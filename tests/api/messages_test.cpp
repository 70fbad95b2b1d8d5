// The message log and security events as the REST interface shows them, over a real PostgreSQL.
#include "db/message_log.hpp"
#include "db/migrate.hpp"
#include "tests/api/fixtures.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Messages : public ::testing::Test {
protected:
    static std::string migrated(const std::string& name) {
        auto url = test::cluster().create_database(name);
        db::migrate(url);
        return url;
    }
    static std::string unused_name() {
        static int count = 0;
        return "api_messages_" + std::to_string(++count);
    }

    net::HttpResponse ask(const std::string& target) {
        const auto reply = desk_.ask_as("viewer", "GET", "/api/v1" + target);
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!reply.is_there() && std::chrono::steady_clock::now() < give_up) {
            loop_.restart();
            loop_.run_one_for(std::chrono::milliseconds{100});
        }
        return *reply;
    }
    void log(std::vector<db::MessageRow> rows) {
        db::MessageLog::Options options;
        options.url = url_;
        options.age_max = std::chrono::hours{24 * 365 * 100};
        db::MessageLog log{options};
        const auto count = rows.size();
        for (auto& row : rows) log.add(view_of(row));
        ASSERT_TRUE(test::eventually([&] { return log.written() >= count; }));
    }
    db::MessageRow row(const std::string& id, const std::string& payload) {
        return {.at = desk_.now.wall,
                .charge_point = "CP1",
                .direction = "in",
                .type = "CALL",
                .action = "Heartbeat",
                .message_id = id,
                .payload = payload,
                .latency_ms = {},
                .violation = {}};
    }

    const std::string name_ = unused_name();
    const std::string url_ = migrated(name_);
    boost::asio::io_context loop_;
    TestJournal journal_;
    db::Reader reader_{url_, loop_.get_executor()};
    Desk desk_{journal_, reader_};
};

TEST_F(Messages, AreShownNewestFirst) {
    auto answer = row("2", R"({"status" : "Accepted", "n":1.50})");
    answer.direction = "out";
    answer.type = "CALLRESULT";
    answer.latency_ms = 12;
    auto broken = row("", "hello \"you\"");
    broken.type = "invalid";
    broken.action = "";
    broken.charge_point = "CP2";
    broken.violation = "not_ocpp_j";
    log({row("1", "{}"), answer, broken});
    const std::string at = R"({"at":"2026-05-01T08:00:00.000Z","chargePoint":")";
    const auto first = at + R"(CP1","direction":"in","type":"CALL","action":"Heartbeat",)"
                            R"("messageId":"1","payload":{},"latencyMs":null,"violation":null})";
    const auto second =
        at + R"(CP1","direction":"out","type":"CALLRESULT","action":"Heartbeat","messageId":"2",)"
             R"("payload":{"status" : "Accepted", "n":1.50},"latencyMs":12,"violation":null})";
    const auto third = at +
                       R"(CP2","direction":"in","type":"invalid","action":null,"messageId":null,)"
                       R"("payload":"hello \"you\"","latencyMs":null,"violation":"not_ocpp_j"})";
    EXPECT_EQ(ask("/messages").body,
              "{\"items\":[" + third + "," + second + "," + first + "],\"next\":null}");
    EXPECT_EQ(ask("/charge-points/CP1/messages").body,
              "{\"items\":[" + second + "," + first + "],\"next\":null}");
    EXPECT_EQ(ask("/messages?direction=out&action=Heartbeat&text=ACC").body,
              "{\"items\":[" + second + "],\"next\":null}");
    EXPECT_EQ(ask("/messages?text=%25").body, R"({"items":[],"next":null})");
    EXPECT_EQ(ask("/messages?to=2026-05-01T08:00:00Z").body, R"({"items":[],"next":null})");
    const auto page = ask("/messages?limit=2");
    const auto next = member(page.body, "next");
    EXPECT_EQ(ask("/messages?limit=2&cursor=" + next.substr(1, next.size() - 2)).body,
              "{\"items\":[" + first + "],\"next\":null}");
}

TEST_F(Messages, AreExportedAsLines) {
    std::vector<db::MessageRow> rows;
    for (int i = 1; i <= 1500; ++i) rows.push_back(row(std::to_string(i), "{\"line\":\n1}"));
    rows[1200].payload = "two\nlines";
    log(std::move(rows));
    const auto all = ask("/charge-points/CP1/messages?format=jsonl");
    EXPECT_EQ(all.content_type, "application/x-ndjson");
    EXPECT_EQ(header(all, "Link"), "");
    EXPECT_EQ(std::count(all.body.begin(), all.body.end(), '\n'), 1500);
    for (std::size_t begin = 0; begin < all.body.size();) {
        const auto end = all.body.find('\n', begin);
        ASSERT_TRUE(is_json(all.body.substr(begin, end - begin)));
        begin = end + 1;
    }
    const auto part = ask("/messages?format=jsonl&limit=1000&text=Line%22&direction=in");
    EXPECT_EQ(std::count(part.body.begin(), part.body.end(), '\n'), 1000);
    const auto link = header(part, "Link");
    EXPECT_THAT(link, HasSubstr("</api/v1/messages?format=jsonl&limit=1000&text=Line%22"
                                "&direction=in&cursor="));
    const auto rest = ask(link.substr(8, link.find('>') - 8));
    EXPECT_EQ(std::count(rest.body.begin(), rest.body.end(), '\n'), 499);
    EXPECT_THAT(rest.body, HasSubstr("\"messageId\":\"1\""));
    EXPECT_EQ(header(rest, "Link"), "");
}

TEST_F(Messages, WrongQuestionsAreNamed) {
    EXPECT_THAT(
        pointers_in(ask("/messages?direction=up&format=xml&limit=1001&from=now&cursor=x")),
        ::testing::UnorderedElementsAre("/direction", "/format", "/limit", "/from", "/cursor"));
    EXPECT_THAT(pointers_in(ask("/messages?format=jsonl&limit=10001")), ElementsAre("/limit"));
    EXPECT_THAT(pointers_in(ask("/messages?colour=1")), ElementsAre("/colour"));
    EXPECT_EQ(ask("/charge-points/none/messages").body, R"({"items":[],"next":null})");
}

TEST_F(Messages, SecurityEventsOfAChargePoint) {
    test::cluster().sql(
        "INSERT INTO security_event (charge_point, type, tech_info, at, received_at) VALUES "
        "('CP1', 'StartupOfTheDevice', NULL, '2026-05-01 07:00Z', '2026-05-01 07:00:01Z'), "
        "('CP2', 'MemoryExhaustion', NULL, '2026-05-01 07:00Z', '2026-05-01 07:00:01Z'), "
        "('CP1', 'TamperDetectionActivated', 'lid', '2026-05-01 06:00Z', '2026-05-01 07:00:02Z')",
        name_);
    const std::string newest =
        R"({"id":3,"at":"2026-05-01T06:00:00.000Z","receivedAt":"2026-05-01T07:00:02.000Z",)"
        R"("type":"TamperDetectionActivated","techInfo":"lid"})";
    const auto page = ask("/charge-points/CP1/security-events?limit=1");
    EXPECT_THAT(page.body, HasSubstr("{\"items\":[" + newest + "],\"next\":\""));
    const auto next = member(page.body, "next");
    const auto rest =
        ask("/charge-points/CP1/security-events?cursor=" + next.substr(1, next.size() - 2));
    EXPECT_THAT(rest.body, HasSubstr(R"("type":"StartupOfTheDevice","techInfo":null)"));
    EXPECT_THAT(rest.body, Not(HasSubstr("MemoryExhaustion")));
    EXPECT_THAT(rest.body, HasSubstr("\"next\":null"));
}

}  // namespace
}  // namespace busbar::api
