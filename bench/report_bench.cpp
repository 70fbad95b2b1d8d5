// How long the reports of a large site's year take, cost included: 500 badges, about 110,000
// sessions, about 1.5 million quarters of an hour, in a PostgreSQL cluster of its own. From the
// question to the finished document, the median of some runs.
// Usage: report_bench [RUNS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <boost/asio/io_context.hpp>

#include "db/migrate.hpp"
#include "db/queries.hpp"
#include "reports/csv.hpp"
#include "reports/json.hpp"
#include "reports/pdf.hpp"
#include "reports/xlsx.hpp"
#include "tests/support/postgres_cluster.hpp"

namespace {

using namespace busbar;
using Clock = std::chrono::steady_clock;

constexpr const char* database = "report_bench";

void fill(test::PostgresCluster& cluster) {
    cluster.sql("SELECT setseed(0.5)", database);
    cluster.sql(
        "INSERT INTO badge (id_tag, label, \"group\") SELECT 'TAG' || n, 'Person ' || n, "
        "'G' || n % 20 FROM generate_series(1, 500) n",
        database);
    // 300 sessions a day with 6 to 22 quarters each.
    cluster.sql(
        "INSERT INTO transaction (id, transaction_id, charge_point, connector_id, id_tag, "
        "meter_start_wh, started_at, received_at, \"authorization\", badge, badge_group, "
        "cost_centre) SELECT n, n + 1000, 'CP' || n % 100, 1, 'TAG' || 1 + n % 500, 1000, at, at, "
        "'Accepted', 'TAG' || 1 + n % 500, 'G' || n % 500 % 20, 'C' || n % 7 FROM ("
        "SELECT n, timestamptz '2027-01-01 00:00+01' + n * interval '287 seconds' AS at "
        "FROM generate_series(1, 109500) n) s",
        database);
    cluster.sql(
        "INSERT INTO transaction_energy (transaction, first_quarter, energy_wh) "
        "SELECT id, date_bin('15 minutes', started_at, 'epoch'), "
        "ARRAY(SELECT (200 + (id * 7919 + q * 104729) % 2500)::bigint "
        "FROM generate_series(1, 6 + (id * 31 % 17)::int) q) FROM transaction",
        database);
    cluster.sql(
        "UPDATE transaction t SET stopped_at = e.first_quarter + cardinality(e.energy_wh) * "
        "interval '15 minutes' - interval '1 second', stop_received_at = started_at, "
        "quarters_of = started_at, stop_reason = 'Local', "
        "energy_wh = (SELECT sum(wh) FROM unnest(e.energy_wh) wh), energy_source = 'register', "
        "meter_stop_wh = 1000 + (SELECT sum(wh) FROM unnest(e.energy_wh) wh) "
        "FROM transaction_energy e WHERE e.transaction = t.id",
        database);
    cluster.sql("VACUUM ANALYZE", database);
}

// Night and day, a group of its own, and a new price since July.
reports::PriceList prices() {
    const auto since = [](int month) {
        return Timestamp{
            std::chrono::sys_days{std::chrono::year{2026 + (month > 1 ? 1 : 0)} / month / 1}};
    };
    reports::PriceList list{.currency = "EUR", .tariffs = {}};
    for (const int month : {1, 7}) {
        auto& tariff = list.tariffs.emplace_back();
        tariff.name = "everybody " + std::to_string(month);
        tariff.valid_from = since(month);
        tariff.tax_basis_points = 2000;
        for (std::size_t q = 0; q < tariff.prices.size(); ++q) {
            tariff.prices[q] = q % 96 < 28 ? 18'250 : 32'450 + month;
        }
    }
    auto& staff = list.tariffs.emplace_back(list.tariffs.front());
    staff.scope = reports::Scope::groups;
    staff.names = {"G3", "G4"};
    return list;
}

struct Measured {
    std::chrono::duration<double, std::milli> time{};
    std::size_t bytes = 0;
};

Measured measure(db::Reader& reader, boost::asio::io_context& loop,
                 const reports::EnergyQuestion& question, const std::string& format) {
    const auto begin = Clock::now();
    std::optional<db::ReadResult<std::string>> answer;
    reader.energy(
        reports::filter_of(question.period, question.zone),
        [&](const db::EnergyData& data) {
            const auto report = reports::energy_report(question, data);
            const auto language = reports::Language::french;
            if (format == "csv") return reports::csv_of(report, language);
            if (format == "xlsx") return reports::xlsx_of(report, language);
            if (format == "pdf") {
                return reports::pdf_of(report, language, question.zone.local(question.created_at));
            }
            return reports::json_of(report);
        },
        [&](auto result) { answer = std::move(result); });
    while (!answer) {
        loop.run_one_for(std::chrono::milliseconds{20});
        loop.restart();
    }
    if (const auto* error = std::get_if<db::ReadError>(&*answer)) {
        throw std::runtime_error{error->detail};
    }
    return {Clock::now() - begin, std::get<std::string>(*answer).size()};
}

}  // namespace

int main(int count, char** arguments) {
    const int runs = count > 1 ? std::max(std::atoi(arguments[1]), 1) : 5;
    test::PostgresCluster cluster;
    const auto url = cluster.create_database(database);
    db::migrate(url);
    fill(cluster);
    std::printf("%s sessions, %s quarters of an hour\n",
                cluster.sql("SELECT count(*) FROM transaction", database).c_str(),
                cluster.sql("SELECT sum(cardinality(energy_wh)) FROM transaction_energy", database)
                    .c_str());
    boost::asio::io_context loop;
    db::Reader reader{url, loop.get_executor(), std::chrono::seconds{30}};
    const auto zone = TimeZone::find("Europe/Paris").value_or(TimeZone::utc());
    using std::chrono::year;
    reports::EnergyQuestion question{.period = {year{2027} / 1 / 1, year{2027} / 12 / 31},
                                     .by = reports::By::badge,
                                     .zone = zone,
                                     .created_at = std::chrono::sys_days{year{2028} / 1 / 1},
                                     .prices = prices()};
    for (const auto by : {reports::By::badge, reports::By::day, reports::By::month}) {
        question.by = by;
        for (const std::string format : {"json", "csv", "xlsx", "pdf"}) {
            std::vector<Measured> measured;
            for (int run = 0; run < runs; ++run) {
                measured.push_back(measure(reader, loop, question, format));
            }
            std::sort(measured.begin(), measured.end(),
                      [](const auto& a, const auto& b) { return a.time < b.time; });
            const auto& median = measured[measured.size() / 2];
            std::printf("by %-5s as %-4s %6.0f ms (slowest %.0f ms; goal: 2000 ms), %zu bytes\n",
                        std::string{reports::name_of(by)}.c_str(), format.c_str(),
                        median.time.count(), measured.back().time.count(), median.bytes);
        }
    }
}
