// Load management on this site: gathers what the engine must know, sends what it decides, and tells
// it what the chargers answered. Site loop.
#pragma once

#include <memory>

#include "site/site.hpp"

namespace busbar::site {

// A new sample of the main meter: runs a step at once.
void on_meter_sample(Site& site, const dlm::MeterInput& sample, Now now);

// Runs a step if one is wanted or due. Call it after every event and timer.
void manage_load(Site& site, Now now);

// Installs the safe TxDefaultProfile on every connector of a charger that lacks it, and asks for
// the state of connectors that are unknown.
void set_up(Site& site, ChargePoint& charger, Now now);

}  // namespace busbar::site
