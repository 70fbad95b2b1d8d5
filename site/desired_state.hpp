// Brings the configuration keys of a charger to where they are wanted: after a boot or a new
// connection, behind the safe profiles and spread over some seconds, the keys are read (at most
// once an hour unless it booted), compared, and those that differ written, one at a time, and read
// back once. What was refused is left alone until the next boot or edit. Site loop.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "site/site.hpp"

namespace busbar::site {

// The charger booted: its keys may have changed, and what it refused may be tried again.
void configuration_booted(ChargePoint& charger);
// It booted or connected: compare once it is set up.
void want_comparison(ChargePoint& charger);
// It is set up: the comparison begins within some seconds, if one is wanted.
void schedule_comparison(Site& site, ChargePoint& charger, Now now);
// Time has passed: begins what is due.
void pursue_comparison(Site& site, ChargePoint& charger, Now now);

// Asks the charger for all keys now; `done` runs once they are in charger.configuration, or with
// why there is no answer. Precondition: it is connected. Changes nothing on the charger.
void read_configuration(Site& site, ChargePoint& charger, Now now,
                        std::function<void(std::optional<std::string> problem)> done);

// The charger has accepted a change outside of a comparison: reads it back, once.
void check_change(Site& site, ChargePoint& charger, KeyChange change);

}  // namespace busbar::site
