#include <algorithm>
#include <limits>

#include "dlm/rows.hpp"

namespace busbar::dlm {
namespace {

constexpr const char* phase_names[] = {"L1", "L2", "L3"};
constexpr const char* row_suffixes[] = {"/L1", "/L2", "/L3", "/W", "/A1", "/A2", "/A3"};

Amps to_amps(std::int64_t milliamps) {
    constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
    return Amps{static_cast<std::int32_t>(std::clamp(milliamps, -limit, limit))};
}

// Names rows and composes reasons. The number of EVSEs that share a row is counted once.
class Describer {
public:
    explicit Describer(const System& system)
        : system_(system), problem_(system.problem), sharers_(system.rows.size(), -1) {}

    std::string limited_by(const Member& of) const {
        if (of.stage == Stage::reserved) return "reserved";
        return of.limiting_row < 0 ? "max" : row_name(of.limiting_row);
    }

    Reason reason(const Evse& input, const Member& of) {
        if (of.stage == Stage::reserved) {
            return {"charger_offline_reserve", {{"amps", to_amps(of.current)}}};
        }
        if (of.stage == Stage::refused && of.limiting_row < 0) {
            return {"max_below_minimum", {{"maximum", input.maximum}, {"minimum", input.minimum}}};
        }
        if (of.stage == Stage::refused) {
            return {"below_min_queued",
                    {{"position", of.queue},
                     {"minimum", to_amps(of.minimum)},
                     {"free", to_amps(of.free)},
                     {"limited_by", row_name(of.limiting_row)}}};
        }
        if (of.limiting_row < 0) return {"max_charger", {{"amps", to_amps(of.current)}}};
        return full_row(of.limiting_row);
    }

private:
    std::string row_name(int r) const {
        const auto node = static_cast<std::size_t>(r / rows_per_node);
        if (node < problem_.nodes.size()) {
            return problem_.nodes[node].id + row_suffixes[r % rows_per_node];
        }
        return "group:" + group(r).id;
    }

    const Group& group(int r) const {
        return problem_.groups[static_cast<std::size_t>(r) - system_.group_row(0)];
    }

    // Those that get something from a row.
    std::int64_t sharers(int r) {
        std::int64_t& known = sharers_[static_cast<std::size_t>(r)];
        if (known < 0) {
            const auto& of_row = system_.row_members[static_cast<std::size_t>(r)];
            known = std::count_if(of_row.begin(), of_row.end(),
                                  [&](int e) { return system_.member(e).current > 0; });
        }
        return known;
    }

    Reason full_row(int r) {
        const auto n = static_cast<std::size_t>(r / rows_per_node);
        if (n >= problem_.nodes.size()) {
            return {"group_power",
                    {{"group", group(r).id},
                     {"limit_w", group(r).power_limit_milliwatts / 1000},
                     {"share_of", sharers(r)}}};
        }
        const Node& node = problem_.nodes[n];
        const int kind = r % rows_per_node;
        if (kind == power_row) {
            return {"node_power",
                    {{"node", node.id},
                     {"limit_w", *node.power_limit_milliwatts / 1000},
                     {"share_of", sharers(r)}}};
        }
        if (kind >= asymmetry_row) {
            return {"unbalance",
                    {{"node", node.id},
                     {"phase", phase_names[kind - asymmetry_row]},
                     {"limit", *node.asymmetry_limit},
                     {"share_of", sharers(r)}}};
        }
        const auto p = static_cast<std::size_t>(kind);
        return {"node_current",
                {{"node", node.id},
                 {"phase", phase_names[kind]},
                 {"limit", node.limit[p]},
                 {"other_load", node.background[p]},
                 {"available", capacity(node)[p]},
                 {"share_of", sharers(r)}}};
    }

    const System& system_;
    const Problem& problem_;
    std::vector<std::int64_t> sharers_;
};

}  // namespace

Plan describe(const System& system) {
    const Problem& problem = system.problem;
    Describer describer{system};
    Plan plan;
    plan.allocations.reserve(problem.evses.size());
    for (std::size_t e = 0; e < problem.evses.size(); ++e) {
        const Member& of = system.members[e];
        plan.allocations.push_back({problem.evses[e].id, to_amps(of.current),
                                    describer.limited_by(of),
                                    describer.reason(problem.evses[e], of)});
    }
    for (std::size_t n = 0; n < problem.nodes.size(); ++n) {
        NodePlan node{problem.nodes[n].id, capacity(problem.nodes[n]), {}};
        for (std::size_t p = 0; p < node.allocated.size(); ++p) {
            node.allocated[p] = to_amps(system.rows[n * rows_per_node + p].used);
        }
        plan.nodes.push_back(std::move(node));
    }
    return plan;
}

}  // namespace busbar::dlm
