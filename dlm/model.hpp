// One load-management problem and its solution, as plain data: a tree of breakers, the EVSEs below
// them, priority classes and groups that share a power limit. Every current is in mA per grid
// phase L1, L2, L3; nothing here knows OCPP, clocks or meters.
// Values only; any thread may use its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/units.hpp"

namespace busbar::dlm {

// A parameter of a reason: a name, a current, or a plain number (counts, watts, seconds).
using ReasonValue = std::variant<std::string, Amps, std::int64_t>;

// One named parameter of a reason.
struct ReasonParameter {
    std::string name;
    ReasonValue value;
    friend bool operator==(const ReasonParameter&, const ReasonParameter&) = default;
};

// Why an EVSE gets what it gets: a stable code that user interfaces translate, and its figures.
// dlm/explain.hpp makes an English sentence of it.
struct Reason {
    std::string code;
    std::vector<ReasonParameter> params;
    friend bool operator==(const Reason&, const Reason&) = default;
};

// A breaker, board or feeder. Parents may stand before or after their children.
struct Node {
    std::string id;
    int parent = -1;                             // index in Problem::nodes; -1: the grid connection
    PhaseAmps limit{};                           // breaker or contract
    std::int32_t derate_millionths = 1'000'000;  // part of the limit that may be used for ever
    PhaseAmps margin{};                          // kept free
    PhaseAmps background{};  // all load below this node that is not an EVSE; + is import
    std::optional<std::int64_t> power_limit_milliwatts;  // for background and EVSEs together
    std::optional<Amps> asymmetry_limit;  // most that 1- and 2-phase cars may draw on one phase
};

// A connector with a car, or one whose current is only guessed (`reserved`).
struct Evse {
    std::string id;
    int node = 0;                  // index in Problem::nodes
    Phases phases = three_phases;  // the grid phases the car uses now
    Amps minimum = 6_A;
    Amps maximum = 32_A;
    std::int32_t weight_thousandths = 1000;
    int class_id = 0;              // higher is served first
    std::int32_t rank = 0;         // inside a class, lower is admitted first; then the id decides
    Amps step = Amps{100};         // resolution of the limits its charger takes
    std::optional<Amps> reserved;  // set: counts with exactly this current and is not planned
};

// A class that differs from the default: preemptive ones are filled before others get minima.
struct Class {
    int id = 0;
    bool preemptive = false;
};

// EVSEs that share a power limit besides their breakers (surplus of a PV plant, fleet contract).
struct Group {
    std::string id;
    std::vector<int> members;  // indices in Problem::evses
    std::int64_t power_limit_milliwatts = 0;
};

// Everything one decision depends on (load-management.md chapter 16).
struct Problem {
    std::vector<Node> nodes;
    std::vector<Evse> evses;
    std::vector<Class> classes;  // classes that are not listed are not preemptive
    std::vector<Group> groups;
    std::int32_t voltage_millivolts = 230'000;  // converts power limits into currents
};

// What one EVSE gets.
struct Allocation {
    std::string evse;
    Amps amps;               // 0: paused
    std::string limited_by;  // "max", "NODE/L1", "NODE/W", "NODE/A1", "group:ID" or "reserved"
    Reason reason;
};

// How full one node is planned.
struct NodePlan {
    std::string id;
    PhaseAmps capacity;   // for EVSEs: derate * limit - margin - background; negative: overloaded
    PhaseAmps allocated;  // reservations included
};

// The answer, in the order of the problem's EVSEs and nodes.
struct Plan {
    std::vector<Allocation> allocations;
    std::vector<NodePlan> nodes;
};

// derate * limit - margin - background, rounded down.
PhaseAmps capacity(const Node& node);

}  // namespace busbar::dlm
