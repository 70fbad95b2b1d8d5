#include "dlm/safe_plan.hpp"

#include "dlm/solver.hpp"

namespace busbar::dlm {

namespace {

// Whether all may have all they can draw.
bool all_fit(const Node& node, const std::vector<SafeMember>& members) {
    const PhaseAmps room = capacity(node);
    PerPhase<std::int64_t> sum{};
    for (const SafeMember& member : members) {
        for (std::size_t p = 0; p < sum.size(); ++p) {
            sum[p] += member.wired[p] ? member.hardware_max.milliamps : 0;
        }
    }
    for (std::size_t p = 0; p < sum.size(); ++p) {
        if (sum[p] > room[p].milliamps) return false;
    }
    return true;
}

}  // namespace

std::vector<Amps> safe_plan(const Node& node, const std::vector<SafeMember>& members) {
    const bool is_roomy = all_fit(node, members);
    Problem problem;
    problem.nodes.push_back(node);
    for (const SafeMember& member : members) {
        Evse evse;
        evse.id = member.id;
        evse.phases = member.wired;
        evse.minimum = member.minimum;
        evse.maximum = is_roomy ? member.hardware_max : member.minimum;
        evse.rank = member.may_pause ? 1 : 0;
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
