// The currents that all chargers can fall back to at the same time without anybody's help: one plan
// in which every connector is occupied and the building draws what is reserved for it
// (load-management.md 7.4). Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "dlm/model.hpp"

namespace busbar::dlm {

// A connector as the safe plan sees it.
struct SafeMember {
    std::string id;
    Phases wired = three_phases;
    Amps minimum = 6_A;
    Amps hardware_max = 32_A;
    int class_id = 0;
    bool controllable = true;  // false: always counted at hardware_max
    bool may_pause = true;     // false: comes before those that can be told 0 A
    friend bool operator==(const SafeMember&, const SafeMember&) = default;
};

// Safe currents in the order of `members`: all they can draw if that fits for all together,
// otherwise the minimum or 0; 0 for those that take no limits.
// `node` has the blind reserve as its background.
std::vector<Amps> safe_plan(const Node& node, const std::vector<SafeMember>& members);

}  // namespace busbar::dlm
