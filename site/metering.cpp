#include "site/metering.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "site/routes.hpp"

namespace busbar::site {

namespace {

std::optional<double> finite_number(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '+')) text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    std::string with_point{text};
    // Decimal commas: some chargers format for their display (field practice).
    std::replace(with_point.begin(), with_point.end(), ',', '.');
    double value = 0;
    const char* end = with_point.data() + with_point.size();
    const auto [last, error] = std::from_chars(with_point.data(), end, value);
    if (error != std::errc{} || last != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

// The unit that rows use, and the factor to it.
struct Scale {
    v16::Unit unit;
    double factor;
};
Scale scale_of(v16::Unit unit) {
    using enum v16::Unit;
    switch (unit) {
        case kWh:
            return {Wh, 1000};
        case kvarh:
            return {varh, 1000};
        case kW:
            return {W, 1000};
        case kVA:
            return {VA, 1000};
        case kvar:
            return {var, 1000};
        case Celcius:
            return {Celsius, 1};
        default:
            return {unit, 1};
    }
}

v16::Unit default_unit(v16::Measurand measurand) {
    using enum v16::Measurand;
    switch (measurand) {
        case Power_Active_Import:
        case Power_Active_Export:
        case Power_Offered:
            return v16::Unit::W;
        case Power_Reactive_Import:
        case Power_Reactive_Export:
            return v16::Unit::var;
        case Current_Import:
        case Current_Export:
        case Current_Offered:
            return v16::Unit::A;
        case Voltage:
            return v16::Unit::V;
        case SoC:
            return v16::Unit::Percent;
        case Temperature:
            return v16::Unit::Celsius;
        case Frequency:
            return v16::Unit::Hertz;
        default:
            return v16::Unit::Wh;
    }
}

// 0, 1, 2 for what belongs to one phase, 3 for the whole; nothing for N and line-to-line values.
std::optional<std::size_t> phase_index(std::string_view phase) {
    if (phase.empty()) return 3;
    if (phase == "L1" || phase == "L1-N") return 0;
    if (phase == "L2" || phase == "L2-N") return 1;
    if (phase == "L3" || phase == "L3-N") return 2;
    return std::nullopt;
}

using ByPhase = std::array<std::optional<double>, 4>;

std::optional<PhaseAmps> current_from(const ByPhase& amps, const ByPhase& watts,
                                      const ByPhase& volts) {
    const auto bounded = [](double value) {
        return Amps::from_double(std::clamp(value, -1e5, 1e5));
    };
    const auto any = [](const ByPhase& values) { return values[0] || values[1] || values[2]; };
    PhaseAmps out{};
    if (any(amps)) {
        for (std::size_t p = 0; p < 3; ++p) out[p] = bounded(amps[p].value_or(0));
        return out;
    }
    if (amps[3]) {
        // One figure for the whole: every phase may carry it.
        out.fill(bounded(*amps[3]));
        return out;
    }
    if (any(watts)) {
        for (std::size_t p = 0; p < 3; ++p) {
            const double volt = volts[p].value_or(230.0);
            if (watts[p] && volt > 80) out[p] = bounded(*watts[p] / volt);
        }
        return out;
    }
    return std::nullopt;
}

}  // namespace

db::MeterSample normalised(const v16::SampledValue& sample) {
    const auto measurand = sample.measurand.value_or(v16::Measurand::Energy_Active_Import_Register);
    const auto scale = scale_of(sample.unit.value_or(default_unit(measurand)));
    db::MeterSample row;
    row.context = enumerator_name(sample.context.value_or(v16::ReadingContext::Sample_Periodic));
    row.measurand = enumerator_name(measurand);
    if (sample.phase) row.phase = enumerator_name(*sample.phase);
    row.location = enumerator_name(sample.location.value_or(v16::Location::Outlet));
    row.unit = enumerator_name(scale.unit);
    row.value = sample.value;
    const auto format = sample.format.value_or(v16::ValueFormat::Raw);
    row.format = enumerator_name(format);
    if (format == v16::ValueFormat::Raw) {
        if (const auto number = finite_number(sample.value)) row.number = *number * scale.factor;
    }
    return row;
}

MeterSummary summarise(const std::vector<db::MeterSample>& samples) {
    MeterSummary summary;
    ByPhase amps, watts, volts;
    Timestamp newest = Timestamp::min();
    for (const auto& sample : samples) newest = std::max(newest, sample.measured_at);
    for (const auto& sample : samples) {
        const auto phase = phase_index(sample.phase);
        if (!sample.number || !phase || sample.location == "Inlet") continue;
        if (sample.measurand == "Energy.Active.Import.Register" && *phase == 3 &&
            sample.measured_at >= summary.energy_register_at) {
            summary.energy_register_wh = sample.number;
            summary.energy_register_at = sample.measured_at;
        }
        if (sample.measured_at != newest) continue;
        if (sample.measurand == "Current.Import") amps[*phase] = sample.number;
        if (sample.measurand == "Power.Active.Import") watts[*phase] = sample.number;
        if (sample.measurand == "Voltage") volts[*phase] = sample.number;
    }
    summary.current = current_from(amps, watts, volts);
    return summary;
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

// Samples belong to the transaction they name if it is this charger's, else to the one that runs
// on the connector: chargers leave the id out or send 0.
v16::MeterValues::Response handle(Context& on, const v16::MeterValues::Request& request) {
    Transaction* transaction = nullptr;
    if (request.transactionId) {
        transaction = on.site.find_open(on.charger, *request.transactionId);
    }
    if (!transaction && request.connectorId > 0) {
        transaction = on.site.find_open_on(on.charger, request.connectorId);
    }
    auto rows = take_samples(on, request.connectorId, transaction, request.meterValue);
    if (!rows.empty()) on.wait_for(on.site.record(std::move(rows)));
    return {};
}

std::vector<db::Record> take_samples(Context& on, std::int32_t connector_id,
                                     Transaction* transaction,
                                     const std::vector<v16::MeterValue>& values) {
    std::vector<db::MeterSample> samples;
    for (const auto& value : values) {
        for (const auto& sampled : value.sampledValue) {
            auto& row = samples.emplace_back(normalised(sampled));
            row.charge_point = on.charger.settings.id;
            row.connector_id = stored_connector_id(connector_id);
            row.measured_at = value.timestamp;
            row.received_at = on.now.wall;
            if (transaction) row.transaction = transaction->start.id;
        }
    }
    if (samples.empty()) return {};

    const auto summary = summarise(samples);
    constexpr double register_max = 2'000'000'000;
    if (transaction && summary.energy_register_wh && *summary.energy_register_wh >= 0 &&
        *summary.energy_register_wh < register_max &&
        summary.energy_register_at >= transaction->register_at) {
        transaction->register_wh = static_cast<std::int32_t>(*summary.energy_register_wh);
        transaction->register_at = summary.energy_register_at;
    }
    // Queued samples from hours ago are history, not the present current.
    constexpr auto live = std::chrono::minutes{5};
    const bool is_live = std::chrono::abs(on.now.wall - samples.back().measured_at) < live;
    Connector* connector = connector_of(on.charger, connector_id);
    if (summary.current && connector && is_live) {
        connector->measured = to_grid(*summary.current, on.charger.settings.phase_map);
        connector->measured_at = on.now.mono;
        on.site.step_wanted = true;
    }
    return {std::make_move_iterator(samples.begin()), std::make_move_iterator(samples.end())};
}

}  // namespace busbar::site
