// What a sampledValue means: defaults filled in, units normalised, phases named. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "db/rows.hpp"
#include "ocpp/v16/core.hpp"

namespace busbar::site {

// A row with OCPP's defaults applied (7.43: measurand Energy.Active.Import.Register, unit Wh,
// context Sample.Periodic, location Outlet) and the value in V, A, W, Wh, var or varh. `number` is
// absent for signed data and for text that is no finite number.
db::MeterSample normalised(const ocpp::v16::SampledValue& sample);

// What one MeterValues or transactionData says about the state of a connector.
struct MeterSummary {
    std::optional<double> energy_register_wh;  // newest sum register
    Timestamp energy_register_at;
    std::optional<PhaseAmps> current;  // charger phases; from currents, else from power
};
MeterSummary summarise(const std::vector<db::MeterSample>& samples);

// Charger phases to grid phases. `phase_map` is three letters of R, S, T in the order of the
// charger's L1, L2, L3 ("RST": not rotated), or "L1", "L2", "L3" for a charger wired to one grid
// phase. Anything else counts as "RST".
PhaseAmps to_grid(const PhaseAmps& charger, std::string_view phase_map);

// The grid phases a charger with this map is wired to.
Phases wired_phases(std::string_view phase_map);

// True for the maps that to_grid knows.
bool is_phase_map(std::string_view phase_map);

}  // namespace busbar::site
