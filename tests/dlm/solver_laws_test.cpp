// The laws of load-management.md chapter 10 on random trees.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "dlm/solver.hpp"

namespace busbar::dlm {
namespace {

using rc::gen::inRange;

Amps random_amps(int from, int to) { return Amps{*inRange(from * 10, to * 10 + 1) * 100}; }

PhaseAmps random_phases(int from, int to) {
    return {random_amps(from, to), random_amps(from, to), random_amps(from, to)};
}

Node random_node(int index) {
    Node node;
    node.id = "n" + std::to_string(index);
    node.parent = index == 0 ? -1 : *inRange(0, index);
    node.limit = random_phases(6, 100);
    node.derate_millionths = *rc::gen::element(1'000'000, 800'000, 333'333);
    node.margin = random_phases(0, 3);
    node.background = random_phases(-10, 60);
    if (*inRange(0, 4) == 0) node.power_limit_milliwatts = *inRange(0, 40'000) * 1000LL;
    if (*inRange(0, 4) == 0) node.asymmetry_limit = random_amps(0, 30);
    return node;
}

Evse random_evse(int index, int nodes) {
    Evse evse;
    evse.id = "e" + std::to_string(index);
    evse.node = *inRange(0, nodes);
    const int mask = *rc::gen::element(1, 2, 4, 7, 7, 7, 3, 6);
    evse.phases = {(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0};
    evse.minimum = *rc::gen::element(6_A, 6_A, 8_A, 10_A);
    evse.maximum = random_amps(4, 40);
    evse.weight_thousandths = *rc::gen::element(1000, 1000, 500, 3000, 333);
    evse.class_id = *rc::gen::element(0, 0, 1, 9);
    evse.rank = *inRange(0, 5);
    evse.step = *rc::gen::element(Amps{100}, Amps{100}, Amps{1}, 1_A, Amps{500});
    if (*inRange(0, 8) == 0) evse.reserved = random_amps(0, 32);
    return evse;
}

Problem random_problem() {
    Problem problem;
    const int nodes = *inRange(1, 8);
    const int evses = *inRange(1, 25);
    for (int n = 0; n < nodes; ++n) problem.nodes.push_back(random_node(n));
    for (int e = 0; e < evses; ++e) problem.evses.push_back(random_evse(e, nodes));
    if (*rc::gen::arbitrary<bool>()) problem.classes.push_back({9, *rc::gen::arbitrary<bool>()});
    if (*rc::gen::arbitrary<bool>()) {
        Group group{"g", {}, *inRange(0, 30'000) * 1000LL};
        for (int e = 0; e < evses; e += 2) group.members.push_back(e);
        problem.groups.push_back(std::move(group));
    }
    return problem;
}

// An inequality, computed by other means than the solver's.
struct Limit {
    std::string name;
    std::int64_t capacity = 0;
    std::vector<std::int64_t> coefficients;  // per EVSE
};

bool below(const Problem& problem, int at, int node) {
    while (at >= 0 && at != node) at = problem.nodes[static_cast<std::size_t>(at)].parent;
    return at == node;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b; }

std::vector<Limit> limits(const Problem& problem) {
    std::vector<Limit> result;
    const std::size_t evses = problem.evses.size();
    for (std::size_t n = 0; n < problem.nodes.size(); ++n) {
        const Node& node = problem.nodes[n];
        Limit power{node.id + "/W", 0, std::vector<std::int64_t>(evses)};
        std::int64_t background = 0;
        for (std::size_t p = 0; p < 3; ++p) {
            Limit phase{node.id + "/L" + std::to_string(p + 1), 0,
                        std::vector<std::int64_t>(evses)};
            Limit asymmetry = phase;
            asymmetry.name = node.id + "/A" + std::to_string(p + 1);
            phase.capacity =
                floor_divide(std::int64_t{node.limit[p].milliamps} * node.derate_millionths,
                             1'000'000) -
                node.margin[p].milliamps - node.background[p].milliamps;
            background += node.background[p].milliamps;
            for (std::size_t e = 0; e < evses; ++e) {
                const Evse& evse = problem.evses[e];
                if (!evse.phases[p] || !below(problem, evse.node, static_cast<int>(n))) continue;
                phase.coefficients[e] = 1;
                power.coefficients[e] += 1;
                if (count(evse.phases) < 3) asymmetry.coefficients[e] = 1;
            }
            result.push_back(phase);
            if (!node.asymmetry_limit) continue;
            asymmetry.capacity = node.asymmetry_limit->milliamps;
            result.push_back(asymmetry);
        }
        if (!node.power_limit_milliwatts) continue;
        power.capacity = *node.power_limit_milliwatts * 1000 / problem.voltage_millivolts;
        power.capacity -= background;
        result.push_back(power);
    }
    for (const Group& group : problem.groups) {
        Limit limit{"group:" + group.id,
                    group.power_limit_milliwatts * 1000 / problem.voltage_millivolts,
                    std::vector<std::int64_t>(evses)};
        for (const int e : group.members) {
            const auto member = static_cast<std::size_t>(e);
            limit.coefficients[member] = count(problem.evses[member].phases);
        }
        result.push_back(limit);
    }
    return result;
}

std::vector<std::int64_t> currents(const Plan& plan) {
    std::vector<std::int64_t> result;
    for (const Allocation& allocation : plan.allocations) {
        result.push_back(allocation.amps.milliamps);
    }
    return result;
}

std::int64_t load(const Limit& limit, const std::vector<std::int64_t>& currents) {
    std::int64_t sum = 0;
    for (std::size_t e = 0; e < currents.size(); ++e) sum += limit.coefficients[e] * currents[e];
    return sum;
}

bool planned_something(const Problem& problem, const Limit& limit,
                       const std::vector<std::int64_t>& current) {
    for (std::size_t e = 0; e < current.size(); ++e) {
        if (limit.coefficients[e] != 0 && current[e] > 0 && !problem.evses[e].reserved) return true;
    }
    return false;
}

std::map<std::string, std::int64_t> by_id(const Plan& plan) {
    std::map<std::string, std::int64_t> result;
    for (const Allocation& one : plan.allocations) result[one.evse] = one.amps.milliamps;
    return result;
}

std::int64_t effective_minimum(const Evse& evse) {
    const int step = evse.step.milliamps;
    return (evse.minimum.milliamps + step - 1) / step * step;
}

std::int64_t effective_maximum(const Evse& evse) {
    return evse.maximum.milliamps / evse.step.milliamps * evse.step.milliamps;
}

// I1. Where reservations alone exceed a row, nobody else gets anything from it.
RC_GTEST_PROP(SolverLaws, NoRowIsExceeded, ()) {
    const Problem problem = random_problem();
    const auto current = currents(solve(problem));
    for (const Limit& limit : limits(problem)) {
        if (!planned_something(problem, limit, current)) continue;
        RC_ASSERT(load(limit, current) <= limit.capacity);
    }
}

// I2 and I20.
RC_GTEST_PROP(SolverLaws, ZeroOrBetweenMinimumAndMaximumInWholeSteps, ()) {
    const Problem problem = random_problem();
    const auto current = currents(solve(problem));
    for (std::size_t e = 0; e < current.size(); ++e) {
        const Evse& evse = problem.evses[e];
        if (evse.reserved) {
            RC_ASSERT(current[e] == evse.reserved->milliamps);
            continue;
        }
        RC_ASSERT(current[e] % evse.step.milliamps == 0);
        const bool within =
            current[e] >= evse.minimum.milliamps && current[e] <= evse.maximum.milliamps;
        RC_ASSERT(current[e] == 0 || within);
    }
}

std::vector<std::size_t> admission_order(const Problem& problem) {
    std::vector<std::size_t> order;
    for (std::size_t e = 0; e < problem.evses.size(); ++e) {
        if (!problem.evses[e].reserved) order.push_back(e);
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const Evse& x = problem.evses[a];
        const Evse& y = problem.evses[b];
        return std::tuple(-x.class_id, x.rank, x.id) < std::tuple(-y.class_id, y.rank, y.id);
    });
    return order;
}

// I3, without preemptive classes: replays the admission by hand and finds the row that refused.
RC_GTEST_PROP(SolverLaws, PausedExactlyIfTheMinimumDoesNotFit, ()) {
    Problem problem = random_problem();
    problem.classes.clear();
    const Plan plan = solve(problem);
    const auto rows = limits(problem);
    std::vector<std::int64_t> minima(problem.evses.size(), 0);
    for (std::size_t e = 0; e < problem.evses.size(); ++e) {
        if (problem.evses[e].reserved) minima[e] = problem.evses[e].reserved->milliamps;
    }
    for (const std::size_t e : admission_order(problem)) {
        const Evse& evse = problem.evses[e];
        if (effective_maximum(evse) < effective_minimum(evse)) {
            RC_ASSERT(plan.allocations[e].amps == Amps{});
            RC_ASSERT(plan.allocations[e].limited_by == "max");
            continue;
        }
        minima[e] = effective_minimum(evse);
        const bool fits = std::all_of(rows.begin(), rows.end(), [&](const Limit& row) {
            return row.coefficients[e] == 0 || load(row, minima) <= row.capacity;
        });
        if (!fits) minima[e] = 0;
        RC_ASSERT((plan.allocations[e].amps == Amps{}) == !fits);
    }
}

// I4. Ranks are part of the problem, the order of the lists is not.
RC_GTEST_PROP(SolverLaws, TheOrderOfTheInputDoesNotMatter, ()) {
    Problem problem = random_problem();
    const auto expected = by_id(solve(problem));
    const std::size_t n = problem.nodes.size();
    const std::size_t e = problem.evses.size();
    std::reverse(problem.nodes.begin(), problem.nodes.end());
    std::reverse(problem.evses.begin(), problem.evses.end());
    for (Node& node : problem.nodes) {
        if (node.parent >= 0) node.parent = static_cast<int>(n) - 1 - node.parent;
    }
    for (Evse& evse : problem.evses) evse.node = static_cast<int>(n) - 1 - evse.node;
    for (Group& group : problem.groups) {
        for (int& member : group.members) member = static_cast<int>(e) - 1 - member;
    }
    RC_ASSERT(by_id(solve(problem)) == expected);
}

// I6, to the milliamp where steps are that fine.
RC_GTEST_PROP(SolverLaws, NobodyCanBeRaisedAlone, ()) {
    Problem problem = random_problem();
    for (Evse& evse : problem.evses) evse.step = Amps{1};
    auto current = currents(solve(problem));
    const auto rows = limits(problem);
    for (std::size_t e = 0; e < current.size(); ++e) {
        if (problem.evses[e].reserved || current[e] == 0) continue;
        if (current[e] == problem.evses[e].maximum.milliamps) continue;
        ++current[e];
        const bool fits = std::all_of(rows.begin(), rows.end(), [&](const Limit& row) {
            return row.coefficients[e] == 0 || load(row, current) <= row.capacity;
        });
        RC_ASSERT(!fits);
        --current[e];
    }
}

// I7.
RC_GTEST_PROP(SolverLaws, ScalingAllWeightsChangesNothing, ()) {
    Problem problem = random_problem();
    const auto expected = by_id(solve(problem));
    for (Evse& evse : problem.evses) evse.weight_thousandths *= 7;
    RC_ASSERT(by_id(solve(problem)) == expected);
}

// I8. The first EVSE whose admission changes is admitted now and was not before.
RC_GTEST_PROP(SolverLaws, AHigherLimitNeverWorsensAdmission, ()) {
    Problem problem = random_problem();
    problem.classes.clear();
    const auto before = currents(solve(problem));
    Node& raised = problem.nodes[*inRange<std::size_t>(0, problem.nodes.size())];
    raised.limit[*inRange<std::size_t>(0, 3)] += random_amps(0, 30);
    const auto after = currents(solve(problem));
    for (const std::size_t e : admission_order(problem)) {
        if ((before[e] > 0) == (after[e] > 0)) continue;
        RC_ASSERT(after[e] > 0);
        break;
    }
}

// I9.
RC_GTEST_PROP(SolverLaws, EqualsGetEqualShares, ()) {
    Problem problem = random_problem();
    problem.groups.clear();
    Evse twin = problem.evses[0];
    twin.id = "twin";
    twin.reserved = problem.evses[0].reserved = std::nullopt;
    problem.evses.push_back(twin);
    const auto current = currents(solve(problem));
    if (current.front() == 0 || current.back() == 0) return;
    RC_ASSERT(std::abs(current.front() - current.back()) <= twin.step.milliamps);
}

// I10 in one bottleneck: whoever has less per weight is at a bound of its own.
RC_GTEST_PROP(SolverLaws, OneBottleneckIsFilledEvenly, ()) {
    Problem problem;
    problem.nodes.push_back(random_node(0));
    problem.nodes[0].power_limit_milliwatts.reset();
    problem.nodes[0].asymmetry_limit.reset();
    const int evses = *inRange(1, 25);
    for (int e = 0; e < evses; ++e) {
        Evse evse = random_evse(e, 1);
        evse.phases = three_phases;
        evse.class_id = 0;
        evse.reserved.reset();
        evse.step = Amps{1};
        problem.evses.push_back(std::move(evse));
    }
    const auto current = currents(solve(problem));
    for (std::size_t i = 0; i < current.size(); ++i) {
        for (std::size_t j = 0; j < current.size(); ++j) {
            const Evse& a = problem.evses[i];
            const Evse& b = problem.evses[j];
            if (current[i] == 0 || current[j] == 0) continue;
            // A milliamp that rounding left may go to one that sits at its floor.
            const bool at_floor = current[j] <= b.minimum.milliamps + 1;
            if (current[i] == a.maximum.milliamps || at_floor) continue;
            // x_i / w_i >= x_j / w_j, but for the milliamps of rounding.
            RC_ASSERT((current[i] + 2) * b.weight_thousandths >=
                      (current[j] - 2) * a.weight_thousandths);
        }
    }
}

}  // namespace
}  // namespace busbar::dlm
