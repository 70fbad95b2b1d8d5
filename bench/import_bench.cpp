// How long the import of 500 badges takes through the REST interface, from the request to its
// answer: as a dry run, and for real, when the answer waits until all rows and their audit entries
// are durable in a PostgreSQL cluster of its own. Into an empty site, and into one with 10,000
// badges; new badges, changed ones, and the same table once more. The claim is 3 s.
// Usage: import_bench [RUNS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "api/api.hpp"
#include "api/audit.hpp"
#include "api/events.hpp"
#include "db/migrate.hpp"
#include "db/postgres_journal.hpp"
#include "site/badges.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace {

using namespace busbar;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int rows = 500;
constexpr const char* database = "import_bench";
constexpr const char* secret = "secret of the bench";

Now clock_now() {
    return {std::chrono::time_point_cast<Instant::duration>(Clock::now()),
            std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

std::string id_tag(int number) {
    char text[20];
    std::snprintf(text, sizeof text, "04%012X", static_cast<unsigned>(number) * 2'654'435'761U);
    return text;
}

// Every column is filled.
std::string table(int first, int run) {
    std::string text =
        "idTag,printedNumber,label,holder,email,group,costCentre,status,validFrom,validUntil,"
        "chargePoints,chargePointGroups,schedule,maxActiveTransactions,monthlyEnergyQuotaWh,"
        "chargeMode,priorityClass,note\r\n";
    for (int n = first; n < first + rows; ++n) {
        const auto number = std::to_string(n);
        text += id_tag(n) + ",No " + number + ",Badge " + number + ",\"Holder, " + number +
                "\",holder" + number + "@example.org,G" + std::to_string(n % 20) + ",C" +
                std::to_string(n % 7) +
                ",active,2026-01-01T00:00:00Z,2030-01-01T00:00:00Z,CP1|CP2|CP3,garage,"
                "\"Mo-Fr 06:00-20:00; Sa 08:00-12:00\",2,200000,fast,3,run " +
                std::to_string(run) + "\r\n";
    }
    return text;
}

// The server without its listeners: what a request passes through, down to the disk.
class Server {
public:
    explicit Server(test::PostgresCluster& cluster)
        : journal_{options(cluster), loop_.get_executor()},
          reader_{cluster.url(database), loop_.get_executor()},
          trail_{journal_},
          events_{clock_now().wall},
          site_{trail_, {}},
          api_{{.site = site_,
                .reader = reader_,
                .audit = trail_,
                .events = events_,
                .now = clock_now,
                .readiness = [](auto done) { done(api::Readiness{.ready = true, .reasons = {}}); },
                .hash_password = [](std::string, auto done) { done(""); },
                .after_change = [] {}}} {
        db::Token token;
        token.name = "bench";
        token.role = "operator";
        token.secret_hash = token_hash(secret);
        api_.set_tokens({token});
    }
    ~Server() { journal_.stop(); }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void add_badges(int count) {
        std::vector<site::Badge> badges;
        for (int n = 0; n < count; ++n) {
            auto& badge = badges.emplace_back();
            badge.id_tag = id_tag(1'000'000 + n);
            badge.status = "active";
            badge.schedule = "Mo-Fr 06:00-20:00";
        }
        bool is_durable = false;
        trail_.when_durable(site::save(site_, std::move(badges)), [&] { is_durable = true; });
        run_until(is_durable);
    }

    // From the request to its answer, of which `expected` is a part.
    Milliseconds import(const std::string& csv, bool dry_run, const std::string& expected) {
        net::HttpRequest request;
        request.method = "POST";
        request.target = std::string{"/api/v1/badges/import"} + (dry_run ? "?dryRun=true" : "");
        request.headers = {{"Authorization", std::string{"Bearer "} + secret}};
        request.body = csv;
        if (!net::parse_target(request)) throw std::runtime_error{request.target};
        net::HttpResponse answer;
        bool is_answered = false;
        site_.now = clock_now();
        const auto begin = Clock::now();
        api_.handle(std::move(request), [&](net::HttpResponse response) {
            answer = std::move(response);
            is_answered = true;
        });
        run_until(is_answered);
        const auto time = Clock::now() - begin;
        if (answer.status != 200 || answer.body.find(expected) == std::string::npos) {
            throw std::runtime_error{answer.body.substr(0, 500)};
        }
        return time;
    }

private:
    static db::PostgresJournal::Options options(const test::PostgresCluster& cluster) {
        db::PostgresJournal::Options options;
        options.url = cluster.url(database);
        options.spill_path = cluster.folder() + "/bench-spill";
        options.call_timeout = std::chrono::seconds{30};
        return options;
    }

    void run_until(const bool& done) {
        while (!done) {
            loop_.run_one_for(std::chrono::milliseconds{20});
            loop_.restart();
        }
    }

    boost::asio::io_context loop_;
    db::PostgresJournal journal_;
    db::Reader reader_;
    api::AuditTrail trail_;
    api::Events events_;
    site::Site site_;
    api::Api api_;
};

void print(const char* what, int present, std::vector<Milliseconds> times) {
    std::sort(times.begin(), times.end());
    std::printf("%-30s with %6d badges  %7.1f ms (slowest %.1f ms; goal: 3000 ms)\n", what, present,
                times[times.size() / 2].count(), times.back().count());
}

void measure(test::PostgresCluster& cluster, int present, int runs) {
    Server server{cluster};
    if (present > 0) server.add_badges(present);
    std::vector<Milliseconds> dry;
    std::vector<Milliseconds> fresh;
    std::vector<Milliseconds> changed;
    std::vector<Milliseconds> unchanged;
    for (int run = 0; run < runs; ++run) {
        const int first = run * rows;
        const auto text = table(first, 0);
        const auto other = table(first, 1);
        dry.push_back(server.import(text, true, "\"created\":500"));
        fresh.push_back(server.import(text, false, "\"created\":500"));
        changed.push_back(server.import(other, false, "\"changed\":500"));
        unchanged.push_back(server.import(other, false, "\"unchanged\":500"));
    }
    print("dry run of 500 rows", present, dry);
    print("500 new badges, durable", present, fresh);
    print("500 changed badges, durable", present, changed);
    print("the same 500 rows once more", present, unchanged);
    const auto stored = cluster.sql("SELECT count(*) FROM badge", database);
    if (stored != std::to_string(present + runs * rows)) throw std::runtime_error{stored};
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::string_view{arguments[1]} == "--help") {
        std::puts("Usage: import_bench [RUNS]   500 badges from a table, until they are durable");
        return 0;
    }
    const int runs = count > 1 ? std::max(std::atoi(arguments[1]), 1) : 5;
    test::PostgresCluster cluster;
    const auto url = cluster.create_database(database);
    db::migrate(url);
    measure(cluster, 0, runs);
    cluster.sql("TRUNCATE badge", database);
    measure(cluster, 10'000, runs);
}
