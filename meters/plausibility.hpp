// Whether what a profile makes of a device's registers can be a real connection: what must hold
// before readings through an unverified profile are shown as such, and confirmed by a person.
//
// Pure; may be called from any thread.
#pragma once

#include <string>
#include <vector>

#include "base/units.hpp"
#include "meters/reading.hpp"

namespace busbar::meters {

// Everything that cannot be right, one sentence each: voltage and current of the connected phases,
// frequency, the sum of the powers against the total, power against voltage and current, ratios (as
// decode_ratios() gives them).
// Empty: it may be right. A table that is wrong rarely passes, but it can.
std::vector<std::string> implausibilities(const Values& values, const Values& ratios,
                                          Phases connected = three_phases);

}  // namespace busbar::meters
