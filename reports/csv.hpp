// A report as CSV for spreadsheets and scripts: UTF-8 with a byte order mark, commas, dots in
// numbers, energy in Wh, seconds; no line of totals. Pure; any thread.
#pragma once

#include <string>

#include "reports/energy.hpp"
#include "reports/words.hpp"

namespace busbar::reports {

std::string csv_of(const EnergyReport& report, Language language);

}  // namespace busbar::reports
