#include "dlm/rows.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace busbar::dlm {
namespace {

__extension__ typedef __int128 Wide;

constexpr int phase_count = 3;

// The current that a power limit allows, all phases added up.
std::int64_t current_of(std::int64_t milliwatts, std::int32_t millivolts) {
    if (millivolts <= 0 || milliwatts <= 0) return 0;
    return static_cast<std::int64_t>(Wide{milliwatts} * 1000 / millivolts);
}

Amps saturated(std::int64_t milliamps) {
    constexpr std::int64_t limit = std::numeric_limits<std::int32_t>::max();
    return Amps{static_cast<std::int32_t>(std::clamp(milliamps, -limit, limit))};
}

}  // namespace

PhaseAmps capacity(const Node& node) {
    PhaseAmps result;
    for (std::size_t p = 0; p < result.size(); ++p) {
        std::int64_t available =
            std::int64_t{node.limit[p].milliamps} * node.derate_millionths / 1'000'000;
        available -= std::int64_t{node.margin[p].milliamps} + node.background[p].milliamps;
        result[p] = saturated(available);
    }
    return result;
}

System::System(const Problem& from) : problem(from) {
    rows.resize(problem.nodes.size() * rows_per_node + problem.groups.size());
    add_capacities();
    add_terms();
}

void System::add_capacities() {
    for (std::size_t n = 0; n < problem.nodes.size(); ++n) {
        const Node& node = problem.nodes[n];
        Row* row = &rows[n * rows_per_node];
        const PhaseAmps phase_capacity = capacity(node);
        std::int64_t background = 0;
        for (std::size_t p = 0; p < phase_count; ++p) {
            row[p].capacity = phase_capacity[p].milliamps;
            background += node.background[p].milliamps;
            if (node.asymmetry_limit) {
                row[asymmetry_row + p].capacity = node.asymmetry_limit->milliamps;
            }
        }
        if (node.power_limit_milliwatts) {
            row[power_row].capacity =
                current_of(*node.power_limit_milliwatts, problem.voltage_millivolts) - background;
        }
    }
    for (std::size_t g = 0; g < problem.groups.size(); ++g) {
        rows[group_row(g)].capacity =
            current_of(problem.groups[g].power_limit_milliwatts, problem.voltage_millivolts);
    }
}

// Each node and all nodes above it, in the order of the input.
std::vector<std::vector<int>> System::paths() const {
    std::vector<std::vector<int>> result(problem.nodes.size());
    for (std::size_t n = 0; n < result.size(); ++n) {
        for (int above = static_cast<int>(n); above >= 0;
             above = problem.nodes[static_cast<std::size_t>(above)].parent) {
            assert(static_cast<std::size_t>(above) < result.size());
            assert(result[n].size() < result.size() && "parents form a cycle");
            result[n].push_back(above);
        }
        std::sort(result[n].begin(), result[n].end());
    }
    return result;
}

void System::append_terms(const Evse& evse, const std::vector<int>& path,
                          const std::vector<int>& groups) {
    const int phases = count(evse.phases);
    for (const int n : path) {
        const Node& node = problem.nodes[static_cast<std::size_t>(n)];
        for (int p = 0; p < phase_count; ++p) {
            if (evse.phases[static_cast<std::size_t>(p)]) {
                terms_.push_back({n * rows_per_node + p, 1});
            }
        }
        if (node.power_limit_milliwatts) {
            terms_.push_back({n * rows_per_node + power_row, phases});
        }
        if (!node.asymmetry_limit || phases == phase_count) continue;
        for (int p = 0; p < phase_count; ++p) {
            if (evse.phases[static_cast<std::size_t>(p)]) {
                terms_.push_back({n * rows_per_node + asymmetry_row + p, 1});
            }
        }
    }
    for (const int g : groups) {
        terms_.push_back({static_cast<int>(group_row(static_cast<std::size_t>(g))), phases});
    }
}

void System::add_terms() {
    const auto path = paths();
    std::vector<std::vector<int>> groups(problem.evses.size());
    for (std::size_t g = 0; g < problem.groups.size(); ++g) {
        for (const int member : problem.groups[g].members) {
            auto& of_member = groups.at(static_cast<std::size_t>(member));
            if (of_member.empty() || of_member.back() != static_cast<int>(g)) {
                of_member.push_back(static_cast<int>(g));
            }
        }
    }
    std::vector<std::size_t> ends;
    for (std::size_t e = 0; e < problem.evses.size(); ++e) {
        const Evse& evse = problem.evses[e];
        append_terms(evse, path.at(static_cast<std::size_t>(evse.node)), groups[e]);
        ends.push_back(terms_.size());
    }
    members.resize(problem.evses.size());
    row_members.resize(rows.size());
    for (std::size_t e = 0; e < members.size(); ++e) {
        const std::size_t begin = e == 0 ? 0 : ends[e - 1];
        add_member(e, {terms_.data() + begin, ends[e] - begin});
    }
}

void System::add_member(std::size_t index, std::span<const Term> terms) {
    const Evse& evse = problem.evses[index];
    Member& member = members[index];
    member.terms = terms;
    for (const Term& term : terms) {
        row_members[static_cast<std::size_t>(term.row)].push_back(static_cast<int>(index));
    }
    if (evse.reserved) {
        member.stage = Stage::reserved;
        member.current = std::max<std::int64_t>(0, evse.reserved->milliamps);
        use(member, member.current);
        return;
    }
    member.weight = std::max(1, evse.weight_thousandths);
    member.step = std::max(1, evse.step.milliamps);
    const std::int64_t minimum = std::max(0, evse.minimum.milliamps);
    member.minimum = (minimum + member.step - 1) / member.step * member.step;
    member.maximum = std::max(0, evse.maximum.milliamps) / member.step * member.step;
}

void System::use(const Member& member, std::int64_t current) {
    for (const Term& term : member.terms) row(term.row).used += term.coefficient * current;
}

const Term* System::first_without_room(const Member& member, std::int64_t current) const {
    for (const Term& term : member.terms) {
        const Row& on = row(term.row);
        if (on.used + term.coefficient * current > on.capacity) return &term;
    }
    return nullptr;
}

}  // namespace busbar::dlm
