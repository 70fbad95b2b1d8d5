#include "dlm/safe_plan.hpp"

#include "dlm/solver.hpp"

namespace busbar::dlm {

std::vector<Amps> safe_plan(const Node& node, const std::vector<SafeMember>& members) {
    Problem problem;
    problem.nodes.push_back(node);
    for (const SafeMember& member : members) {
        Evse evse;
        evse.id = member.id;
        evse.phases = member.wired;
        evse.minimum = evse.maximum = member.minimum;
        evse.class_id = member.class_id;
        if (!member.controllable) evse.reserved = member.hardware_max;
        problem.evses.push_back(std::move(evse));
    }
    const Plan plan = solve(problem);
    std::vector<Amps> result;
    for (std::size_t i = 0; i < members.size(); ++i) {
        result.push_back(members[i].controllable ? plan.allocations[i].amps : Amps{});
    }
    return result;
}

}  // namespace busbar::dlm
