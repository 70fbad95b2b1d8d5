// A report as a workbook: one sheet, numbers as numbers, days as dates, sums as formulas. Any
// thread; writes a file in memory, and short-lived ones where temporary files are.
#pragma once

#include <string>

#include "reports/energy.hpp"
#include "reports/words.hpp"

namespace busbar::reports {

// Throws std::runtime_error when no file can be written.
std::string xlsx_of(const EnergyReport& report, Language language);

}  // namespace busbar::reports
