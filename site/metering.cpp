#include "site/metering.hpp"

#include <algorithm>
#include <cmath>

#include "site/routes.hpp"
#include "site/transactions.hpp"

namespace busbar::site {

namespace {

using std::chrono::seconds;

// Connector 0 is the whole charger, which is its only connector where there is just one. That of a
// cluster is the first of its boxes that has come.
std::int32_t meant_connector(const ChargePoint& charger, std::int32_t connector_id) {
    if (connector_id != 0 || charger.quirks.cluster ||
        charger.quirks.connector_0_values != ConnectorZeroValues::connector_1_if_single) {
        return connector_id;
    }
    std::int32_t only = 0;
    for (const auto& [id, connector] : charger.connectors) {
        if (id == 0) continue;
        if (only != 0) return 0;
        only = id;
    }
    return only;
}

MeterSituation situation_of(const Context& on, const Connector* connector,
                            const Transaction* transaction) {
    const auto& settings = on.charger.settings;
    MeterSituation out;
    out.quirks = meter_value_quirks(on.charger.quirks);
    if (connector) out.memory = connector->metering;
    out.received_at = on.now.wall;
    if (transaction) {
        out.transaction_start = RegisterPoint{
            static_cast<double>(transaction->start.meter_start_wh), transaction->start.started_at};
    }
    out.current_max = Amps::from_milliamps(settings.max_milliamps);
    out.phases = count(wired_phases(settings.phase_map));
    return out;
}

// The last reading of a running transaction, from its register or, where there is none, from the
// energy of intervals.
void follow_register(Transaction& transaction, const MeterSnapshot& snapshot, bool has_register) {
    constexpr double register_max = 2'000'000'000;
    auto wh =
        snapshot.transaction_end_wh ? snapshot.transaction_end_wh : snapshot.energy_register_wh;
    if (snapshot.at < transaction.register_at) return;
    if (!wh && !has_register && snapshot.energy_interval_wh &&
        snapshot.at > transaction.register_at && *snapshot.energy_interval_wh > 0) {
        wh = transaction.register_wh + *snapshot.energy_interval_wh;
    }
    if (!wh || *wh < 0 || *wh >= register_max) return;
    transaction.register_wh = static_cast<std::int32_t>(std::lround(*wh));
    transaction.register_at = snapshot.at;
}

// What a connector draws. Chargers repeat their last current after a transaction has ended: that
// is no draw.
bool may_draw(const ChargePoint& charger, std::int32_t connector_id, const Connector& connector,
              const Transaction* transaction, Timestamp at) {
    if (transaction) return !transaction->stop;
    if (connector.status && connector.status->status == "Available") return false;
    return std::none_of(charger.stopped.begin(), charger.stopped.end(), [&](const auto& ended) {
        return ended.start.connector_id == connector_id && at <= ended.stop->stopped_at;
    });
}

void count_findings(Context& on, const MeterFindings& findings, bool history) {
    for (const auto& finding : findings) {
        using enum MeterOddity;
        const bool of_time =
            finding.oddity == late || finding.oddity == out_of_order || finding.oddity == clock_off;
        if (history && of_time) continue;
        count_deviation(on.charger, "MeterValues:" + enumerator_name(finding.oddity),
                        finding.example, on.now.wall);
    }
}

// Load management has nothing to go by: worth knowing, unless the model is known not to tell.
void count_missing_current(Context& on, std::int32_t connector_id, const Transaction* transaction) {
    if (!transaction || on.charger.quirks.live_values == LiveValues::energy_only) return;
    count_deviation(on.charger, "MeterValues:no_current",
                    evse_id(on.charger.settings.id, connector_id), on.now.wall);
}

// `history`: the values tell of the past and are expected to.
std::vector<db::Record> take(Context& on, std::int32_t connector_id, Transaction* transaction,
                             const std::vector<v16::MeterValue>& values, bool history) {
    auto meant = meant_connector(on.charger, connector_id);
    if (meant == 0 && transaction) meant = transaction->start.connector_id;
    Connector* connector = connector_of(on.charger, meant);
    auto report = read_meter_values(values, situation_of(on, connector, transaction));
    count_findings(on, report.findings, history);
    for (const auto& snapshot : report.snapshots) {
        if (transaction && !transaction->stop) {
            follow_register(*transaction, snapshot, report.memory.energy.last.has_value());
        }
        if (transaction) follow_energy(on, *transaction, snapshot, history);
        if (!connector || !snapshot.live || history) continue;
        connector->values_at = on.now.mono;
        if (!may_draw(on.charger, meant, *connector, transaction, snapshot.at)) continue;
        const auto current = snapshot.currents();
        if (!current) {
            count_missing_current(on, meant, transaction);
            continue;
        }
        connector->measured = to_grid(*current, on.charger.settings.phase_map);
        connector->measured_at = on.now.mono;
        on.site.step_wanted = true;
    }
    if (connector && history) {
        connector->metering.energy = report.memory.energy;
    } else if (connector) {
        connector->metering = report.memory;
    }
    std::vector<db::Record> records;
    records.reserve(report.rows.size());
    for (auto& row : report.rows) {
        row.charge_point = on.charger.settings.id;
        row.connector_id = stored_connector_id(connector_id);
        if (transaction) row.transaction = transaction->start.id;
        records.emplace_back(std::move(row));
    }
    keep_energy(transaction, records);
    return records;
}

}  // namespace

MeterValueQuirks meter_value_quirks(const Quirks& quirks) {
    using UnitIs = MeterValueQuirks::UnitIs;
    MeterValueQuirks out;
    if (quirks.energy_unit == EnergyUnit::Wh) out.energy_unit = UnitIs::base;
    if (quirks.energy_unit == EnergyUnit::kWh) out.energy_unit = UnitIs::kilo;
    if (quirks.power_unit == PowerUnit::W) out.power_unit = UnitIs::base;
    if (quirks.power_unit == PowerUnit::kW) out.power_unit = UnitIs::kilo;
    out.session_register = quirks.energy_register == EnergyRegister::session;
    out.clock_tolerance = seconds{quirks.clock_tolerance_seconds};
    return out;
}

bool is_phase_map(std::string_view phase_map) {
    constexpr std::string_view known[] = {"RST", "RTS", "SRT", "STR", "TRS",
                                          "TSR", "L1",  "L2",  "L3"};
    return std::find(std::begin(known), std::end(known), phase_map) != std::end(known);
}

PhaseAmps to_grid(const PhaseAmps& charger, std::string_view phase_map) {
    if (!is_phase_map(phase_map)) return charger;
    PhaseAmps grid{};
    if (phase_map.size() == 2) {
        grid[static_cast<std::size_t>(phase_map[1] - '1')] = charger[0];
        return grid;
    }
    for (std::size_t p = 0; p < 3; ++p) {
        grid[static_cast<std::size_t>(phase_map[p] - 'R')] = charger[p];
    }
    return grid;
}

Phases wired_phases(std::string_view phase_map) {
    if (!is_phase_map(phase_map) || phase_map.size() == 3) return three_phases;
    Phases wired{};
    wired[static_cast<std::size_t>(phase_map[1] - '1')] = true;
    return wired;
}

v16::MeterValues::Response handle(Context& on, const v16::MeterValues::Request& request) {
    const auto sent_id = request.transactionId;
    auto book = book_of(on.site, on.charger);
    ValueOrigin origin{.transaction_id = sent_id.value_or(0), .names_one = sent_id.has_value()};
    if (sent_id && !find_measured(book, origin)) {
        count_deviation(on.charger, "MeterValues:unknown_transaction", std::to_string(*sent_id),
                        on.now.wall);
    }
    origin.connector_id = meant_connector(on.charger, request.connectorId);
    std::vector<db::Record> rows;
    std::vector<v16::MeterValue> together;
    Transaction* theirs = nullptr;
    const auto take_together = [&] {
        auto taken = take(on, request.connectorId, theirs, std::exchange(together, {}), false);
        std::move(taken.begin(), taken.end(), std::back_inserter(rows));
    };
    // One message may hold what belongs to several transactions: a queue that is emptied.
    for (const auto& value : request.meterValue) {
        origin.measured_at = value.timestamp;
        auto* transaction = find_measured(book, origin);
        if (!together.empty() && transaction != theirs) take_together();
        theirs = transaction;
        together.push_back(value);
    }
    take_together();
    if (!rows.empty()) on.wait_for(on.site.record(std::move(rows)));
    return {};
}

std::vector<db::Record> take_samples(Context& on, std::int32_t connector_id,
                                     Transaction* transaction,
                                     const std::vector<v16::MeterValue>& values) {
    return take(on, connector_id, transaction, values, true);
}

}  // namespace busbar::site
