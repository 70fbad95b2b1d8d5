// Meter values put into the site's state: rows, what a transaction has used, what a connector draws
// at present. What values mean is meter_values' business. Site loop.
#pragma once

#include <string_view>

#include "base/units.hpp"
#include "site/meter_values.hpp"
#include "site/quirk_settings.hpp"

namespace busbar::site {

// The part of a charger's quirks that concerns meter values.
MeterValueQuirks meter_value_quirks(const Quirks& quirks);

// Charger phases to grid phases. `phase_map` is three letters of R, S, T in the order of the
// charger's L1, L2, L3 ("RST": not rotated), or "L1", "L2", "L3" for a charger wired to one grid
// phase. Anything else counts as "RST".
PhaseAmps to_grid(const PhaseAmps& charger, std::string_view phase_map);

// The grid phases a charger with this map is wired to.
Phases wired_phases(std::string_view phase_map);

// True for the maps that to_grid knows.
bool is_phase_map(std::string_view phase_map);

}  // namespace busbar::site
