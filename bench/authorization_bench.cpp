// Time of one authorisation in memory with 10,000 badges that have every kind of restriction, while
// 100 chargers each run a transaction: the claim is 5 us.
#include <benchmark/benchmark.h>

#include <array>
#include <random>

#include "db/journal.hpp"
#include "site/badge_reading.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

constexpr int badges = 10'000;
constexpr int chargers = 100;
constexpr const char* goal = "goal: at most 5 us";
const Now now{Instant{1h}, std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 8h};

class NoJournal final : public db::Journal {
public:
    Ticket append(std::vector<db::Record>) override { return 0; }
    void when_durable(Ticket, std::function<void()> release) override { release(); }
    bool full() const override { return false; }
};

std::string id_tag(int n) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    // Spread over the alphabet as the numbers of cards are.
    auto number = static_cast<std::uint32_t>(n) * 2'654'435'761U;
    std::string out(14, '0');
    for (auto& c : out) {
        c = digits[number % 16];
        number = number / 16 + number * 31;
    }
    return out;
}

Badge badge(int n, std::mt19937& random) {
    const auto one_in = [&](int count) { return random() % static_cast<unsigned>(count) == 0; };
    Badge badge;
    badge.id_tag = id_tag(n);
    badge.status = one_in(50) ? "blocked" : "active";
    badge.valid_from = now.wall - 24h;
    if (one_in(2)) badge.valid_until = now.wall + 1h * static_cast<int>(random() % 1000);
    if (one_in(2)) badge.group = "G" + std::to_string(random() % 200);
    if (one_in(3)) badge.charge_points = {"CP1", "CP2", "CP" + std::to_string(random() % chargers)};
    if (one_in(3)) badge.charge_point_groups = {"garage", "yard", "street"};
    if (one_in(2)) badge.schedule = "Mo-Fr 06:00-12:00,13:00-20:00; Sa 08:00-12:00";
    if (one_in(2)) badge.monthly_energy_quota_wh = 200'000;
    return badge;
}

void furnish(Site& site) {
    std::mt19937 random{1};
    for (int n = 0; n < badges; ++n) {
        auto one = badge(n, random);
        auto key = one.id_tag;
        site.badges.emplace(std::move(key), std::move(one));
    }
    for (int n = 0; n < 200; ++n) {
        auto& group = site.badge_groups["G" + std::to_string(n)];
        group.name = "G" + std::to_string(n);
        group.max_active_transactions = 3;
    }
    std::vector<UsedEnergy> used;
    for (int n = 0; n < badges; ++n) {
        used.push_back({n + 1, id_tag(n), now.wall, static_cast<int>(random() % 250'000)});
    }
    site.energy_used.restore(used, site.settings.time_zone, now.wall);
    for (int n = 0; n < chargers; ++n) {
        const auto id = "CP" + std::to_string(n);
        auto& charger = site.charge_points[id];
        charger.settings.id = id;
        charger.settings.state = "accepted";
        charger.settings.groups = {n % 2 ? "garage" : "roof"};
        charger.settings.opening_hours = "Mo-Su 05:00-23:00";
        auto& transaction = charger.open.emplace_back();
        transaction.start.id = badges + n + 1;
        transaction.start.connector_id = 1;
        transaction.start.id_tag = id_tag(n * 7);
        transaction.start.authorization = "Accepted";
        const auto owner = owner_of(site, charger, transaction.start.id_tag);
        transaction.start.badge = owner.badge;
        transaction.start.badge_group = owner.badge_group;
    }
}

struct BigSite {
    BigSite() { furnish(site); }

    NoJournal journal;
    Site site{journal, [] {
                  Settings settings;
                  settings.time_zone = TimeZone::find("Europe/Paris").value_or(TimeZone::utc());
                  return settings;
              }()};
};

// Which badge, and where; the same sequence in every run.
struct Questions {
    Questions() {
        std::mt19937 random{2};
        for (auto& [tag, charger] : all) {
            tag = id_tag(static_cast<int>(random() % (badges + badges / 10)));
            charger = "CP" + std::to_string(random() % chargers);
        }
    }
    const auto& next() { return all[at++ % all.size()]; }

    std::array<std::pair<std::string, std::string>, 4096> all;
    std::size_t at = 0;
};

void authorize_tap(benchmark::State& state) {
    const BigSite big;
    Questions questions;
    for (auto _ : state) {
        const auto& [tag, charger] = questions.next();
        benchmark::DoNotOptimize(
            authorize(big.site, big.site.charge_points.at(charger), tag, now.wall));
    }
    state.SetLabel(goal);
}
BENCHMARK(authorize_tap)->Unit(benchmark::kMicrosecond);

void authorize_transaction(benchmark::State& state) {
    const BigSite big;
    Questions questions;
    v16::StartTransaction::Request request;
    request.connectorId = 2;
    request.timestamp = now.wall;
    std::size_t accepted = 0;
    for (auto _ : state) {
        const auto& [tag, charger] = questions.next();
        request.idTag = tag;
        accepted += authorize_start(big.site, big.site.charge_points.at(charger), request, now.wall)
                        .accepted();
    }
    state.counters["accepted"] =
        benchmark::Counter(static_cast<double>(accepted), benchmark::Counter::kAvgIterations);
    state.SetLabel(goal);
}
BENCHMARK(authorize_transaction)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace busbar::site

BENCHMARK_MAIN();
