#include <algorithm>
#include <cmath>

#include "dlm/engine_state.hpp"
#include "dlm/solver.hpp"

namespace busbar::dlm {

MeterState Engine::State::meter_state(Instant now) const {
    if (!settings.metered) return MeterState::unmetered;
    const Instant since = meter ? meter->at : *started_at;
    const auto age = now - since;
    if (age > rule::meter_dead) return MeterState::dead;
    if (age > rule::meter_stale || !meter) return MeterState::stale;
    if (age > rule::meter_late) return MeterState::late;
    return MeterState::fresh;
}

Node Engine::State::empty_node() const {
    Node node;
    node.id = settings.node;
    node.limit = settings.limit;
    const double derate = std::isfinite(settings.derate) ? settings.derate : 0;
    node.derate_millionths =
        static_cast<std::int32_t>(std::lround(std::clamp(derate, 0., 1.) * 1e6));
    node.margin = settings.margin;
    return node;
}

// The connection with the load that must be assumed beside the EVSEs.
Node Engine::State::node(Instant now) const {
    Node node = empty_node();
    const PhaseAmps usable = dlm::capacity(node);
    const PhaseAmps& reserve = settings.reserve_blind;
    const PhaseAmps estimate = observer.background().value_or(reserve);
    for (std::size_t p = 0; p < usable.size(); ++p) {
        switch (meter_state(now)) {
            case MeterState::fresh:
            case MeterState::late:
                node.background[p] = estimate[p];
                break;
            case MeterState::stale:
                node.background[p] = std::max(estimate[p], reserve[p]);
                break;
            case MeterState::dead:
                node.background[p] = std::max(reserve[p], usable[p] - settings.blind_limit[p]);
                break;
            case MeterState::unmetered:
                node.background[p] = reserve[p];
                break;
        }
    }
    return node;
}

Phases Engine::State::phases(const Tracked& evse) const {
    return evse.input.in_use.value_or(evse.input.wired);
}

Amps Engine::State::worst_case(const Tracked& evse, Instant now) const {
    const EvseInput& input = evse.input;
    const bool connected = input.reachable && !evse.suspect;
    const Amps booked =
        connected ? evse.books.worst_case_connected(now) : evse.books.worst_case(now);
    if (input.charging) {
        if (!input.controllable) return std::max(booked, input.hardware_max);
        if (input.trusted) return booked;
        return std::max(booked, evse.proof.most().value_or(input.hardware_max));
    }
    if (evse.books.has_lease(now)) return booked;
    // A charger that is cut off may begin on its own. With a meter that shows, without it does not.
    if (!settings.metered && !input.reachable) return evse.books.worst_case(now);
    return Amps{};
}

// Members get a share; everybody else is reserved at its worst case.
bool Engine::State::is_member(const Tracked& evse, Instant now) const {
    const EvseInput& input = evse.input;
    if (!input.charging || !input.controllable || !input.reachable || evse.suspect) return false;
    if (evse.blocked_until > now) return false;
    return !evse.in_flight || now - evse.in_flight->since < rule::answer_time;
}

PerPhase<std::int64_t> Engine::State::claimed(Instant now) const {
    PerPhase<std::int64_t> sum{};
    for (const auto& [id, evse] : evses) {
        const std::int64_t claim = worst_case(evse, now).milliamps;
        const Phases used = phases(evse);
        for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += used[p] ? claim : 0;
    }
    return sum;
}

Evse Engine::State::problem_evse(const Tracked& evse, Instant now) const {
    const EvseInput& input = evse.input;
    Evse result;
    result.id = input.id;
    result.phases = phases(evse);
    result.weight_thousandths = input.weight_thousandths;
    result.class_id = input.class_id;
    result.step = rule::step;
    if (!is_member(evse, now)) {
        result.reserved = worst_case(evse, now);
        return result;
    }
    result.minimum = input.minimum;
    result.maximum = std::min(input.hardware_max, evse.demand.cap().value_or(input.hardware_max));
    // A paused car comes back only into room that does not vanish with the next kettle.
    if (evse.paused) {
        result.minimum =
            std::min(input.minimum + rule::resume_reserve, std::max(input.minimum, result.maximum));
    }
    return result;
}

// What a charger is told is its share among equals; while it has not shown that it obeys, the
// others get what is left beside the most that it may draw.
Plan Engine::State::cautious_plan(Problem problem, Plan bold, Instant now) const {
    std::vector<std::size_t> doubted;
    for (std::size_t i = 0; i < admission_order.size(); ++i) {
        const Tracked& evse = *admission_order[i];
        if (evse.input.trusted || !is_member(evse, now)) continue;
        const Amps most = worst_case(evse, now);
        if (most <= bold.allocations[i].amps) continue;
        problem.evses[i].reserved = most;
        doubted.push_back(i);
    }
    if (doubted.empty()) return bold;
    Plan cautious = solve(problem);
    for (const std::size_t i : doubted) cautious.allocations[i] = std::move(bold.allocations[i]);
    return cautious;
}

Plan Engine::State::make_plan(Now now) {
    Problem problem;
    problem.nodes.push_back(node(now.mono));
    admission_order.clear();
    for (auto& [id, evse] : evses) {
        evse.planned = false;
        evse.allocated = Amps{};
        evse.reason = {"not_charging", {}};
        if (is_member(evse, now.mono) || worst_case(evse, now.mono) > Amps{}) {
            admission_order.push_back(&evse);
        }
    }
    std::stable_sort(admission_order.begin(), admission_order.end(),
                     [](const Tracked* a, const Tracked* b) {
                         if (a->input.may_pause != b->input.may_pause) return b->input.may_pause;
                         if (a->spared() != b->spared()) return a->spared();
                         if (a->input.class_id != b->input.class_id) {
                             return a->input.class_id > b->input.class_id;
                         }
                         return a->input.charging_since < b->input.charging_since;
                     });
    for (std::size_t i = 0; i < admission_order.size(); ++i) {
        Evse evse = problem_evse(*admission_order[i], now.mono);
        evse.rank = static_cast<std::int32_t>(i);
        problem.evses.push_back(std::move(evse));
    }
    plan = solve(problem);
    plan = cautious_plan(std::move(problem), std::move(plan), now.mono);
    previous_capacity = previous_capacity ? capacity : plan.nodes[0].capacity;
    capacity = plan.nodes[0].capacity;
    for (std::size_t i = 0; i < admission_order.size(); ++i) {
        Allocation& allocation = plan.allocations[i];
        take_allocation(*admission_order[i], allocation, now.mono);
        allocation.reason = admission_order[i]->reason;
    }
    return plan;
}

void Engine::State::take_allocation(Tracked& evse, const Allocation& allocation, Instant now) {
    evse.planned = is_member(evse, now);
    evse.allocated = allocation.amps;
    evse.reason = meter_reason(allocation.reason, now);
    if (!evse.planned) {
        evse.reason = reserved_reason(evse, now);
        return;
    }
    if (allocation.amps == Amps{} && !evse.input.may_pause) {
        evse.allocated = std::min(evse.input.minimum, evse.input.hardware_max);
        return;
    }
    if (allocation.amps == Amps{}) {
        evse.paused = true;
        evse.free_since.reset();
        return;
    }
    if (evse.paused) {
        if (!evse.free_since) evse.free_since = now;
        if (now - *evse.free_since < rule::resume_wait) {
            evse.allocated = Amps{};
            evse.reason = {"resume_wait", {{"minimum", evse.input.minimum}}};
            return;
        }
        evse.paused = false;
        evse.free_since.reset();
    }
    const std::optional<Amps> cap = evse.demand.cap();
    if (cap && allocation.limited_by == "max" && *cap < evse.input.hardware_max) {
        Amps drawn;
        for (const Amps phase : evse.input.measured.value_or(PhaseAmps{})) {
            drawn = std::max(drawn, phase);
        }
        evse.reason = {"ev_takes_less", {{"measured", drawn}, {"amps", allocation.amps}}};
    }
}

// Why current is kept free for one that gets no share, and where that is certain: for how long.
Reason Engine::State::reserved_reason(const Tracked& evse, Instant now) const {
    Reason result = evse.reason;
    const std::optional<Instant> until = evse.books.lease_end(now);
    if (!evse.present && until) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(*until - now);
        return {"ended_reserve",
                {{"amps", evse.allocated}, {"remaining_s", std::int64_t{left.count()}}}};
    }
    if (!evse.input.controllable) result.code = "charger_not_controllable";
    return result;
}

// Says so where a silent meter is the true cause of a small share.
Reason Engine::State::meter_reason(const Reason& reason, Instant now) const {
    const MeterState state = meter_state(now);
    if (reason.code != "node_current") return reason;
    if (state != MeterState::stale && state != MeterState::dead) return reason;
    const Instant since = meter ? meter->at : *started_at;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - since);
    Reason result{"meter_stale_fallback", {{"age_s", std::int64_t{age.count()}}}};
    for (const ReasonParameter& parameter : reason.params) {
        if (parameter.name == "node" || parameter.name == "phase" ||
            parameter.name == "available") {
            result.params.push_back(parameter);
        }
    }
    return result;
}

Phases Engine::State::overload(Instant now) const {
    if (meter_state(now) == MeterState::fresh) return overloaded;
    Phases result{};
    const PerPhase<std::int64_t> claims = claimed(now);
    for (std::size_t p = 0; p < claims.size(); ++p) {
        result[p] = claims[p] > 0 && claims[p] > (capacity[p] + rule::deadband).milliamps;
    }
    return result;
}

NodeStatus Engine::State::node_status(Instant now) const {
    NodeStatus status;
    status.id = settings.node;
    status.limit = settings.limit;
    status.background = node(now).background;
    status.available = capacity;
    status.allocated = plan.nodes[0].allocated;
    status.meter = meter_state(now);
    if (settings.metered && meter) {
        status.measured = meter->current;
        status.age = std::chrono::duration_cast<std::chrono::milliseconds>(now - meter->at);
    }
    return status;
}

}  // namespace busbar::dlm
