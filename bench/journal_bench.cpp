// How many rows a second become durable when each of 100 connections waits for its row before it
// sends the next: the journal against pgbench's single-row commits, on one cluster in one run.
// Usage: journal_bench [SECONDS]
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "db/migrate.hpp"
#include "db/postgres_journal.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace {

using namespace busbar;
using Clock = std::chrono::steady_clock;

constexpr int connections = 100;

// One closed loop: append, wait until durable, again.
struct Client {
    db::PostgresJournal& journal;
    boost::asio::io_context& loop;
    int number;
    const bool& stopping;
    std::uint64_t& acknowledged;
    std::int64_t count = 0;

    void next() {
        if (stopping) return;
        ++count;
        const auto at = Timestamp{std::chrono::milliseconds{1'800'000'000'000 + count * 1000}};
        db::MeterSample row{.charge_point = "CP" + std::to_string(number),
                            .connector_id = 1,
                            .transaction = number,
                            .measured_at = at,
                            .received_at = at,
                            .context = "Sample.Periodic",
                            .measurand = "Energy.Active.Import.Register",
                            .phase = "",
                            .location = "Outlet",
                            .unit = "Wh",
                            .value = std::to_string(count),
                            .number = static_cast<double>(count)};
        std::vector<db::Record> unit;
        unit.emplace_back(std::move(row));
        const auto ticket = journal.append(std::move(unit));
        // The next message comes through the loop, as from a socket.
        journal.when_durable(ticket, [this] {
            ++acknowledged;
            boost::asio::post(loop, [this] { next(); });
        });
    }
};

double journal_rows_per_second(const std::string& url, const std::string& folder, int seconds) {
    boost::asio::io_context loop;
    db::PostgresJournal::Options options;
    options.url = url;
    options.spill_path = folder + "/bench-spill";
    db::PostgresJournal journal{options, loop.get_executor()};
    bool stopping = false;
    std::uint64_t acknowledged = 0;
    std::vector<std::unique_ptr<Client>> clients;
    for (int n = 0; n < connections; ++n) {
        clients.push_back(
            std::make_unique<Client>(Client{journal, loop, n, stopping, acknowledged}));
        clients.back()->next();
    }
    const auto start = Clock::now();
    auto work = boost::asio::make_work_guard(loop);
    loop.run_for(std::chrono::seconds{seconds});
    const std::chrono::duration<double> took = Clock::now() - start;
    const auto rows = static_cast<double>(acknowledged) / took.count();
    stopping = true;
    journal.stop();
    const auto stats = journal.stats();
    std::printf("journal: %.0f rows/s, %.1f rows a commit, %.2f ms a round\n", rows,
                static_cast<double>(stats.records) / static_cast<double>(stats.commits),
                1000.0 * connections / rows);
    loop.restart();
    loop.poll();
    return rows;
}

double pgbench_commits_per_second(test::PostgresCluster& cluster, const std::string& url,
                                  int seconds) {
    const auto script = cluster.folder() + "/insert.sql";
    if (auto* file = std::fopen(script.c_str(), "w")) {
        std::fputs(
            "INSERT INTO meter_sample VALUES ('CP' || :client_id, 1, :client_id, "
            "clock_timestamp(), now(), 'Sample.Periodic', 'Energy.Active.Import.Register', "
            "'', 'Outlet', 'Wh', '1', 1) ON CONFLICT DO NOTHING;\n",
            file);
        std::fclose(file);
    }
    const auto command = "'" + cluster.programs() + "/pgbench' -n -M prepared -c 100 -j 2 -T " +
                         std::to_string(seconds) + " -f '" + script + "' '" + url + "' 2>/dev/null";
    double out = 0;
    if (auto* pipe = ::popen(command.c_str(), "r")) {
        char line[256];
        while (std::fgets(line, sizeof line, pipe)) std::sscanf(line, "tps = %lf", &out);
        ::pclose(pipe);
    }
    std::printf("pgbench: %.0f commits/s with 100 clients\n", out);
    return out;
}

}  // namespace

int main(int count, char** arguments) {
    if (count > 1 && std::string_view{arguments[1]} == "--help") {
        std::puts("Usage: journal_bench [SECONDS]   durable rows a second against pgbench");
        return 0;
    }
    const int seconds = count > 1 ? std::atoi(arguments[1]) : 10;
    test::PostgresCluster cluster;
    const auto url = cluster.create_database("bench");
    db::migrate(url);
    const auto journal = journal_rows_per_second(url, cluster.folder(), seconds);
    cluster.sql("TRUNCATE meter_sample; CHECKPOINT", "bench");
    const auto pgbench = pgbench_commits_per_second(cluster, url, seconds);
    std::printf("ratio: %.2f\n", journal / pgbench);
    return journal > 0 && pgbench > 0 ? 0 : 1;
}
