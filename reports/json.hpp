// A report as the JSON of the REST interface. Pure; any thread.
#pragma once

#include <string>

#include "reports/energy.hpp"

namespace busbar::reports {

std::string json_of(const EnergyReport& report);

}  // namespace busbar::reports
