// What operators set for a charge point, as the audit log and ETags know it. Pure.
#pragma once

#include <string>

#include "db/rows.hpp"

namespace busbar::api {

// All of it as JSON; of passwords only whether there is one.
std::string settings_json(const db::ChargePointSaved& settings);

}  // namespace busbar::api
