// Chargers that repeat themselves, lose their connection and answer late, against the production
// site core. The seed is the test case: a failure names it, and it replays exactly.
#include <charconv>
#include <map>
#include <set>

#include "tests/simulation/site_fixture.hpp"

namespace busbar::sim {
namespace {

constexpr int charger_count = 100;

// A site without load management's chatter: its limit is far away and its leases are long.
site::Settings roomy() {
    site::Settings settings;
    settings.load_management.limit = {5000_A, 5000_A, 5000_A};
    settings.load_management.metered = false;
    settings.load_management.lease = 24h;
    settings.heartbeat_interval = 1h;
    settings.meter_sample_interval = 15min;
    return settings;
}

NetworkOptions bad_network() {
    NetworkOptions network;
    network.cut_percent = 10;
    network.timer_slack = 60s;
    return network;
}

ChargerOptions busy_charger(World& world) {
    ChargerOptions charger;
    // The least a car takes: one limit a charge, and no ramp.
    charger.current_max = 6_A;
    charger.step = 30s;
    charger.sample_interval = 15min;
    charger.initial_register_wh = world.pick(0, 5'000'000);
    charger.misbehaviour.send_twice = world.chance(10);
    return charger;
}

DriverOptions busy_drivers() {
    DriverOptions drivers;
    drivers.first_arrival_max = 10min;
    drivers.gap_min = 1min;
    drivers.gap_max = 90min;
    drivers.stay_max = 60min;
    return drivers;
}

// What became durable, by charger.
struct Ledger {
    std::map<std::string, std::vector<db::TransactionStarted>> starts;
    std::map<db::TransactionKey, std::vector<db::TransactionStopped>> stops;
    std::set<std::pair<std::string, std::int32_t>> known_ids;
    std::set<std::pair<std::string, std::int32_t>> stopped_ids;
    std::map<db::TransactionKey, std::pair<std::string, std::int32_t>> ids;
    int orphans = 0;

    void take(const db::Record& record) {
        if (const auto* start = std::get_if<db::TransactionStarted>(&record)) {
            starts[start->charge_point].push_back(*start);
            known_ids.emplace(start->charge_point, start->transaction_id);
            ids[start->id] = {start->charge_point, start->transaction_id};
        } else if (const auto* stop = std::get_if<db::TransactionStopped>(&record)) {
            auto& known = stops[stop->id];
            // The real end takes the place of one that we had to guess.
            if (!known.empty() && known.back().estimated && !stop->estimated) known.pop_back();
            known.push_back(*stop);
            stopped_ids.insert(ids[stop->id]);
        } else if (std::holds_alternative<db::OrphanStop>(record)) {
            ++orphans;
        }
    }
};

// The transactionId in an answer to StartTransaction, if the text is one.
std::optional<std::int32_t> answered_id(std::string_view text) {
    constexpr std::string_view key = "\"transactionId\":";
    if (!text.starts_with("[3,")) return std::nullopt;
    const auto at = text.find(key);
    if (at == std::string_view::npos) return std::nullopt;
    std::int32_t id = 0;
    std::from_chars(text.data() + at + key.size(), text.data() + text.size(), id);
    return id;
}

void compare(const Charge& charge, const db::TransactionStarted& row, const Ledger& ledger,
             const std::string& name) {
    const std::string where = name + " transaction " + std::to_string(row.transaction_id);
    ASSERT_EQ(row.connector_id, charge.connector) << where;
    ASSERT_EQ(row.id_tag, charge.id_tag) << where;
    ASSERT_EQ(row.started_at, charge.started_at) << where;
    ASSERT_EQ(row.meter_start_wh, charge.meter_start_wh) << where;
    ASSERT_FALSE(charge.transaction_ids.empty()) << where;
    for (const auto id : charge.transaction_ids) ASSERT_EQ(id, row.transaction_id) << where;
    const auto stops = ledger.stops.find(row.id);
    ASSERT_TRUE(charge.stop_answered) << where;
    ASSERT_NE(stops, ledger.stops.end()) << where;
    ASSERT_EQ(stops->second.size(), 1U) << where;
    ASSERT_EQ(stops->second[0].meter_stop_wh, charge.meter_stop_wh) << where;
    ASSERT_EQ(stops->second[0].stopped_at, charge.stopped_at) << where;
    ASSERT_FALSE(stops->second[0].estimated) << where;
    ASSERT_EQ(stops->second[0].energy_wh, charge.meter_stop_wh - charge.meter_start_wh) << where;
    ASSERT_EQ(stops->second[0].energy_source, "register") << where;
}

class Simulation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Simulation, EveryChargeIsRecordedExactlyOnce) {
    SimulatedSite simulation{GetParam(), roomy(), bad_network()};
    Ledger ledger;
    int early = 0;
    simulation.journal.observe([&](const db::Record& record) { ledger.take(record); });
    simulation.network.on_site_text = [&](const Charger& charger, std::string_view text) {
        const auto id = answered_id(text);
        if (id && !ledger.known_ids.contains({charger.options().identity, *id})) ++early;
    };
    simulation.network.on_event = [&](const Charger& charger, const ChargerEvent& event) {
        if (event.kind != ChargerEvent::Kind::stop_answered) return;
        if (!ledger.stopped_ids.contains({charger.options().identity, *event.transaction_id})) {
            ++early;
        }
    };
    for (int i = 0; i < charger_count; ++i) {
        simulation.add_charger(i, busy_charger(simulation.world), busy_drivers());
    }
    for (int part = 0; part < 12; ++part) {
        simulation.world.run_for(2h);
        simulation.network.cut_all();
        // Now and then the disk stands still, too.
        if (simulation.world.chance(30)) simulation.journal.stall_for(2min);
    }
    simulation.network.close_to_new_cars();
    simulation.world.run_for(8h);

    EXPECT_EQ(early, 0) << "answers that left before their rows were durable";
    EXPECT_EQ(ledger.orphans, 0);
    std::size_t charges = 0;
    for (int i = 0; i < charger_count; ++i) {
        Charger& charger = simulation.network.charger(static_cast<std::size_t>(i));
        const std::string& name = charger.options().identity;
        const auto& rows = ledger.starts[name];
        ASSERT_EQ(charger.waiting_messages(), 0U) << name;
        ASSERT_EQ(rows.size(), charger.charges().size()) << name;
        double energy_wh = 0;
        for (std::size_t k = 0; k < rows.size(); ++k) {
            ASSERT_NO_FATAL_FAILURE(compare(charger.charges()[k], rows[k], ledger, name));
            energy_wh += ledger.stops[rows[k].id][0].meter_stop_wh - rows[k].meter_start_wh;
        }
        // Registers are whole watt-hours on the wire.
        ASSERT_NEAR(energy_wh, charger.energy_wh() - charger.options().initial_register_wh, 1.0)
            << name;
        charges += rows.size();
    }
    EXPECT_GT(charges, 1'500U);
    RecordProperty("charges", static_cast<int>(charges));
    if (GetParam() == 1) {
        std::printf("%zu charges, %llu cuts, %zu rows, %llu events in 24 h\n", charges,
                    static_cast<unsigned long long>(simulation.network.cuts()),
                    simulation.journal.durable().size(),
                    static_cast<unsigned long long>(simulation.world.steps()));
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Simulation, testing::ValuesIn(seeds(20)));

}  // namespace
}  // namespace busbar::sim
