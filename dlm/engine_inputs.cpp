#include <algorithm>
#include <utility>

#include "dlm/engine_state.hpp"

namespace busbar::dlm {

void Engine::State::take(const Inputs& inputs, Now now) {
    if (!started_at) started_at = now.mono;
    if (inputs.meter && (!meter || inputs.meter->at > meter->at)) meter = inputs.meter;
    for (auto& [id, evse] : evses) evse.present = false;
    for (const EvseInput& input : inputs.evses) take_one(input, now);
    for (auto& [id, evse] : evses) {
        if (!evse.present) lose(evse);
        if (evse.commanded && !evse.in_flight && !evse.books.has_lease(now.mono)) {
            // Nobody renewed it in time: the charger is back at its safe current.
            evse.commanded.reset();
            evse.limit_changed_at = now.mono;
        }
    }
}

void Engine::State::lose(Tracked& evse) {
    if (!evse.input.reachable) return;
    evse.input.reachable = false;
    evse.books.on_disconnected();
    evse.suspect = evse.suspect || evse.in_flight.has_value();
    evse.in_flight.reset();
}

void Engine::State::take_one(const EvseInput& input, Now now) {
    Tracked& evse = evses[input.id];
    const bool returned = !evse.input.reachable && input.reachable;
    const bool ended = evse.input.charging && !input.charging;
    const bool started = !evse.input.charging && input.charging;
    const bool next_car =
        input.charging && evse.input.charging && input.charging_since != evse.input.charging_since;
    if (!input.reachable) lose(evse);
    evse.input = input;
    evse.present = true;
    // Some chargers drop what they were told when their connection closes.
    if (returned && evse.commanded) evse.renew_now = true;
    if (next_car || !input.charging) {
        evse.demand.forget();
        evse.free_since.reset();
        evse.paused = evse.paused && !next_car && input.charging;
    }
    // Its predecessor's limit died with the transaction; until that is certain it stays booked.
    if (ended || next_car) evse.commanded.reset();
    if (started || next_car) evse.limit_changed_at = now.mono;
}

void Engine::State::update_safe_plan() {
    std::vector<SafeMember> members;
    members.reserve(evses.size());
    for (const auto& [id, evse] : evses) {
        members.push_back({id, evse.input.wired, evse.input.minimum, evse.input.hardware_max,
                           evse.input.class_id, evse.input.controllable});
    }
    if (safe_plan_valid && members == safe_members) return;
    Node blind = empty_node();
    blind.background = settings.reserve_blind;
    const std::vector<Amps> currents = safe_plan(blind, members);
    std::size_t i = 0;
    for (auto& [id, evse] : evses) {
        evse.safe = currents[i++];
        evse.books.set_safe(evse.safe);
    }
    safe_members = std::move(members);
    safe_plan_valid = true;
}

void Engine::State::observe(Now now) {
    const MeterState state = meter_state(now.mono);
    if (state != MeterState::fresh) {
        // Without a sample nothing can be said about overload.
        overloaded = {};
        above_margin_since.reset();
        // Cars that followed meanwhile must not count as falling still when the meter is back.
        for (auto& [id, evse] : evses) {
            if (evse.limit_changed_at + rule::followed_after > now.mono) continue;
            evse.observed_high = worst_case(evse, now.mono);
            evse.observed_phases = phases(evse);
        }
        return;
    }
    judge_overload(now);
    std::vector<Contribution> contributions = std::exchange(removed, {});
    for (auto& [id, evse] : evses) {
        Contribution seen;
        seen.phases = phases(evse);
        seen.high = worst_case(evse, now.mono);
        seen.previous_high = evse.observed_high;
        if (seen.phases != evse.observed_phases) {
            Contribution old;
            old.phases = evse.observed_phases;
            old.previous_high = evse.observed_high;
            old.settled = true;
            contributions.push_back(old);
            seen.previous_high = Amps{};
        }
        const EvseInput& input = evse.input;
        if (input.measured && now.mono - input.measured_at <= rule::measurement_age_max) {
            seen.measured = input.measured;
            seen.settled = input.measured_at >= evse.limit_changed_at + settling_time;
            seen.draw_known = input.measured_at >= evse.raised_at + settling_time;
        }
        seen.settled = seen.settled || seen.high == Amps{};
        // What a reservation leaves unused is not lent: nobody could take it back.
        seen.silent = !seen.measured && is_member(evse, now.mono) &&
                      evse.limit_changed_at + rule::silent_after <= now.mono;
        evse.observed_high = seen.high;
        evse.observed_phases = seen.phases;
        contributions.push_back(seen);
    }
    observer.update(meter->current, meter->at, contributions, overloaded, settings.reserve_blind,
                    now.mono);
}

// A phase is overloaded at once above the derated limit, and after a while above the margin.
void Engine::State::judge_overload(Now now) {
    const PhaseAmps usable = dlm::capacity(empty_node());
    const PhaseAmps pending = observer.pending_fall();
    bool above_margin = false;
    for (std::size_t p = 0; p < usable.size(); ++p) {
        const Amps expected = meter->current[p] - pending[p];
        above_margin = above_margin || expected > usable[p];
    }
    if (!above_margin) above_margin_since.reset();
    if (above_margin && !above_margin_since) above_margin_since = now.mono;
    const bool for_long =
        above_margin_since && now.mono - *above_margin_since >= rule::above_margin;
    for (std::size_t p = 0; p < usable.size(); ++p) {
        const Amps expected = meter->current[p] - pending[p];
        overloaded[p] =
            expected > usable[p] + settings.margin[p] || (for_long && expected > usable[p]);
    }
}

void Engine::State::update_demand(Now now) {
    for (auto& [id, evse] : evses) {
        const EvseInput& input = evse.input;
        if (!input.charging || !input.reachable || !input.measured || !evse.commanded) continue;
        if (evse.in_flight || *evse.commanded == Amps{}) continue;
        const Phases used = phases(evse);
        Demand::Observation seen;
        bool room = !plan.nodes.empty();
        for (std::size_t p = 0; p < used.size(); ++p) {
            if (!used[p]) continue;
            seen.drawn = std::max(seen.drawn, (*input.measured)[p]);
            room =
                room && plan.nodes[0].allocated[p] + rule::probe_room <= plan.nodes[0].capacity[p];
        }
        seen.drawn_at = input.measured_at;
        seen.limit = *evse.commanded;
        seen.limit_changed_at = evse.limit_changed_at;
        seen.charging_since = input.charging_since;
        seen.minimum = input.minimum;
        seen.maximum = input.hardware_max;
        seen.room_for_probe = room;
        evse.demand.update(seen, now.mono);
    }
}

}  // namespace busbar::dlm
