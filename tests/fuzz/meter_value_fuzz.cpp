// Any meter values, as a JSON list of MeterValue behind a byte that chooses the quirks: nothing
// sent is lost or changed, every number is finite, times are in order, and what is remembered of
// one message can be handed to the next.
#include <algorithm>
#include <cmath>

#include "base/codec.hpp"
#include "site/meter_values.hpp"
#include "tests/fuzz/laws.hpp"

namespace {

using namespace busbar;
using fuzz::law;
using Values = std::vector<ocpp::v16::MeterValue>;

site::MeterSituation situation_of(std::size_t choice) {
    using enum site::MeterValueQuirks::UnitIs;
    constexpr site::MeterValueQuirks::UnitIs units[] = {as_reported, base, kilo};
    site::MeterSituation situation;
    situation.quirks.energy_unit = units[choice % 3];
    situation.quirks.power_unit = units[choice / 3 % 3];
    situation.quirks.session_register = choice / 9 % 2 == 1;
    situation.quirks.comma_groups_digits = choice / 18 % 2 == 1;
    situation.phases = choice / 36 % 2 == 1 ? 1 : 3;
    situation.received_at = Timestamp{std::chrono::seconds{1'777'622'400}};
    situation.transaction_start =
        site::RegisterPoint{1000, situation.received_at - std::chrono::minutes{10}};
    return situation;
}

void check_rows(const Values& values, const std::vector<db::MeterSample>& rows) {
    auto row = rows.begin();
    for (const auto& value : values) {
        for (const auto& sample : value.sampledValue) {
            law(row != rows.end() && row->value == sample.value);
            law(!row->number || std::isfinite(*row->number));
            law(row->format != "SignedData" || !row->number);
            law(!row->measurand.empty() && !row->context.empty() && !row->location.empty());
            // "Empty" is never 0.
            law(!row->number || !sample.value.empty());
            ++row;
        }
    }
    law(row == rows.end());
}

void check_snapshot(const site::MeterSnapshot& snapshot) {
    const auto finite = [](const std::optional<double>& value) {
        return !value || std::isfinite(*value);
    };
    for (const auto& current : snapshot.current) {
        law(current.source != site::PhaseSource::absent || current.amps == Amps{});
    }
    law(std::all_of(snapshot.voltage.begin(), snapshot.voltage.end(), finite));
    for (const auto& value :
         {snapshot.power_watts, snapshot.energy_register_wh, snapshot.energy_interval_wh,
          snapshot.transaction_begin_wh, snapshot.transaction_end_wh, snapshot.soc_percent,
          snapshot.current_offered_amps, snapshot.temperature_celsius}) {
        law(finite(value));
    }
    law(!snapshot.energy_register_wh || *snapshot.energy_register_wh >= 0);
}

site::MeterReport checked(const Values& values, const site::MeterSituation& situation) {
    auto report = site::read_meter_values(values, situation);
    check_rows(values, report.rows);
    for (const auto& snapshot : report.snapshots) check_snapshot(snapshot);
    law(std::is_sorted(report.snapshots.begin(), report.snapshots.end(),
                       [](const auto& a, const auto& b) { return a.at < b.at; }));
    law(std::isfinite(report.memory.energy.energy_wh) && report.memory.energy.energy_wh >= 0);
    return report;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = fuzz::as_text(data, size);
    auto situation = situation_of(fuzz::take_selector(text, 72));
    DecodeReport report;
    const auto values =
        decode_text<Values>(text, {.lenient = true, .received_at = situation.received_at}, report);
    if (!values) return 0;
    situation.memory = checked(*values, situation).memory;
    situation.received_at += std::chrono::minutes{1};
    checked(*values, situation);
    for (const auto& value : *values) {
        for (const auto& sample : value.sampledValue) {
            const auto row = site::normalised(sample, situation.quirks);
            law(row.value == sample.value && (!row.number || std::isfinite(*row.number)));
        }
    }
    return 0;
}
