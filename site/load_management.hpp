// Load management on this site: gathers what the engine must know, sends what it decides, and tells
// it what the chargers answered. Site loop.
#pragma once

#include <functional>

#include "ocpp/v16/smart_charging.hpp"
#include "site/site.hpp"

namespace busbar::site {

// A new sample of the main meter: runs a step at once.
void on_meter_sample(Site& site, const dlm::MeterInput& sample, Now now);

// Runs a step if one is wanted or due. Call it after every event and timer.
void manage_load(Site& site, Now now);

// Sends a profile as the charger's quirks want it written. Precondition: it is connected.
void send_profile(Site& site, ChargePoint& charger, const v16::SetChargingProfile::Request& request,
                  ocpp::CallOptions options,
                  std::function<void(const ocpp::Session::Answer<v16::SetChargingProfile>&)> done);

}  // namespace busbar::site
