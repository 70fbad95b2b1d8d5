#include <algorithm>
#include <utility>

#include "dlm/engine_state.hpp"

namespace busbar::dlm {

void Engine::State::take(const Inputs& inputs, Now now) {
    if (!started_at) started_at = now.mono;
    lowerings_only = inputs.lowerings_only;
    if (inputs.meter && (!meter || inputs.meter->at > meter->at)) meter = inputs.meter;
    for (auto& [id, evse] : evses) evse.present = false;
    for (const EvseInput& input : inputs.evses) take_one(input, now);
    for (auto it = evses.begin(); it != evses.end();) {
        Tracked& evse = it->second;
        if (!evse.present) leave(evse, now);
        if (is_gone(evse, now.mono)) {
            it = forget(it);
            continue;
        }
        ++it;
        if (evse.commanded && !evse.in_flight && !evse.books.has_lease(now.mono)) {
            // Nobody renewed it in time: the charger is back at its safe current.
            evse.commanded.reset();
            evse.limit_changed_at = now.mono;
        }
    }
}

Tracked& Engine::State::tracked(std::string_view id) {
    Tracked& evse = evses[std::string{id}];
    if (evse.input.id.empty()) evse.input.id = id;
    return evse;
}

// The observer must know that what it saw there draws no more.
Engine::State::Evses::iterator Engine::State::forget(Evses::iterator evse) {
    Contribution gone;
    gone.phases = evse->second.observed_phases;
    gone.previous_high = evse->second.observed_high;
    gone.settled = true;
    removed.push_back(gone);
    return evses.erase(evse);
}

bool Engine::State::is_gone(const Tracked& evse, Instant now) const {
    if (evse.present || evse.confirmed || evse.books.has_lease(now)) return false;
    return !evse.safe_current.known() && evse.safe_current.most() == Amps{};
}

// Its transaction was closed without the charger's word, or was lost: the car may still draw.
void Engine::State::leave(Tracked& evse, Now now) {
    lose(evse);
    if (!evse.input.charging) return;
    const Amps most = worst_case(evse, now.mono);
    evse.input.charging = false;
    evse.proof.forget();
    evse.demand.forget();
    evse.free_since.reset();
    evse.paused = false;
    evse.commanded.reset();
    if (most == Amps{}) return;
    if (evse.books.has_lease(now.mono) && evse.books.worst_case(now.mono) >= most) return;
    evse.books.restore(most, Amps{}, now.mono + settings.lease + lease_grace);
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
    evse.confirmed = evse.confirmed || !input.made_up;
    // Some chargers drop what they were told when their connection closes.
    if (returned && evse.commanded) evse.renew_now = true;
    if (started || next_car || !input.charging) evse.proof.forget();
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
                           evse.input.class_id, evse.input.controllable, evse.input.may_pause});
    }
    Node blind = empty_node();
    blind.background = settings.reserve_blind;
    if (!safe_plan_valid || members != safe_members) {
        const std::vector<Amps> currents = safe_plan(blind, members);
        std::size_t i = 0;
        for (auto& [id, evse] : evses) evse.safe_target = currents[i++];
        safe_members = std::move(members);
        safe_plan_valid = true;
    }
    grant_safe_currents(dlm::capacity(blind));
}

// A plan is reached by lowerings first. What a charger may still hold of an older plan counts until
// it has accepted the new one, and a raise is let out only into what is free beside all that.
void Engine::State::grant_safe_currents(const PhaseAmps& room) {
    PerPhase<std::int64_t> claims{};
    const auto claim = [&](const Tracked& evse, Amps amps) {
        for (std::size_t p = 0; p < claims.size(); ++p) {
            if (evse.input.wired[p]) claims[p] += amps.milliamps;
        }
    };
    const auto fits = [&](const Tracked& evse, Amps more) {
        for (std::size_t p = 0; p < claims.size(); ++p) {
            if (evse.input.wired[p] && claims[p] + more.milliamps > room[p].milliamps) return false;
        }
        return true;
    };
    const auto held = [](const Tracked& evse) {
        return std::max({evse.safe_current.most(), evse.books.after_lease(), evse.input.also_held});
    };
    for (auto& [id, evse] : evses) {
        // One that takes no limits may have a car at any time while nobody looks.
        claim(evse, evse.input.controllable ? held(evse) : evse.input.hardware_max);
        if (evse.safe_target <= held(evse)) evse.safe = evse.safe_target;
    }
    // Raises that were let out before may be on their way: they come first.
    for (const bool was_granted : {true, false}) {
        for (auto& [id, evse] : evses) {
            const Amps before = held(evse);
            if (evse.safe_target <= before) continue;
            if ((evse.safe == evse.safe_target) != was_granted) continue;
            const Amps more = evse.safe_target - before;
            evse.safe = fits(evse, more) ? evse.safe_target : before;
            if (evse.safe > before) claim(evse, more);
        }
    }
    for (auto& [id, evse] : evses) {
        evse.books.set_safe(std::max({evse.safe, evse.safe_current.most(), evse.input.also_held}));
    }
}

void Engine::State::observe(Now now) {
    if (meter_state(now.mono) != MeterState::fresh) {
        // Without a sample nothing can be said about overload.
        overloaded = {};
        above_margin_since.reset();
        observer.note(contributions(now.mono), now.mono);
        return;
    }
    judge_overload(now);
    observer.update(meter->current, meter->at, contributions(now.mono), overloaded,
                    settings.reserve_blind, now.mono);
}

// The safe current is claimed beside a leased limit, for the day that the limit is gone. To take it
// for drawn before would hide as much of the building.
Amps Engine::State::attributed(const Tracked& evse, Instant now) const {
    const Amps most = worst_case(evse, now);
    if (evse.input.charging && !(evse.input.controllable && evse.input.trusted)) return most;
    return std::min(most, evse.books.leased(now).value_or(most));
}

void Engine::State::begin_guess(Tracked& evse) {
    evse.certain_high =
        std::min(evse.certain_high.value_or(evse.observed_high), evse.observed_high);
    evse.measured_before = evse.input.measured_at;
}

// What must have been drawn for a fall of the books to be one of the meter, too.
std::optional<PhaseAmps> Engine::State::shown(const Tracked& evse) const {
    if (!evse.certain_high) return std::nullopt;
    const bool is_new = evse.input.measured && evse.input.measured_at > evse.measured_before;
    PhaseAmps result = is_new ? *evse.input.measured : PhaseAmps{};
    for (Amps& phase : result) phase = std::max(phase, *evse.certain_high);
    return result;
}

std::vector<Contribution> Engine::State::contributions(Instant now) {
    std::vector<Contribution> result = std::exchange(removed, {});
    for (auto& [id, evse] : evses) {
        Contribution seen;
        seen.phases = phases(evse);
        seen.high = attributed(evse, now);
        seen.previous_high = evse.observed_high;
        if (seen.phases != evse.observed_phases) {
            Contribution old;
            old.phases = evse.observed_phases;
            old.previous_high = evse.observed_high;
            old.settled = true;
            old.shown = shown(evse);
            result.push_back(old);
            seen.previous_high = Amps{};
        }
        const EvseInput& input = evse.input;
        if (input.measured && now - input.measured_at <= rule::measurement_age_max) {
            seen.measured = input.measured;
            seen.settled = input.measured_at >= evse.limit_changed_at + settling_time;
            seen.draw_known = input.measured_at >= evse.raised_at + settling_time;
        }
        seen.settled = seen.settled || seen.high == Amps{};
        seen.shown = shown(evse);
        // With the next acknowledged limit the guess is over.
        const bool is_guess = seen.high > evse.certain_high.value_or(seen.high);
        if (!is_guess || seen.high < seen.previous_high) evse.certain_high.reset();
        // What a reservation leaves unused is not lent: nobody could take it back.
        seen.silent = !seen.measured && is_member(evse, now) && input.trusted &&
                      evse.limit_changed_at + rule::silent_after <= now;
        evse.observed_high = seen.high;
        evse.observed_phases = seen.phases;
        result.push_back(seen);
    }
    return result;
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

void Engine::State::update_proofs() {
    for (auto& [id, evse] : evses) {
        const EvseInput& input = evse.input;
        if (input.trusted || !input.charging || !input.reachable || !input.measured) continue;
        if (!evse.commanded || evse.in_flight || evse.suspect) continue;
        Proof::Observation seen;
        for (const Amps phase : *input.measured) seen.drawn = std::max(seen.drawn, phase);
        seen.drawn_at = input.measured_at;
        seen.limit = *evse.commanded;
        seen.limit_changed_at = evse.limit_changed_at;
        evse.proof.update(seen);
    }
}

}  // namespace busbar::dlm
