#include "dlm/engine.hpp"

#include <algorithm>
#include <utility>

#include "dlm/engine_state.hpp"

namespace busbar::dlm {

PhaseAmps default_margin(const PhaseAmps& limit) {
    PhaseAmps margin;
    for (std::size_t p = 0; p < margin.size(); ++p) {
        margin[p] = std::max(1_A, Amps{limit[p].milliamps / 50});
    }
    return margin;
}

Engine::Engine(Settings settings) : state_(std::make_unique<State>()) {
    state_->settings = std::move(settings);
}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Output Engine::step(const Inputs& inputs, Now now) {
    State& state = *state_;
    state.take(inputs, now);
    state.update_safe_plan();
    state.observe(now);
    state.update_demand(now);
    state.update_proofs();
    Output output;
    output.plan = state.make_plan(now);
    output.commands = state.make_commands(now);
    output.nodes.push_back(state.node_status(now.mono));
    output.next_step = state.next_step(now.mono);
    output.overloaded = state.overload(now.mono);
    return output;
}

void Engine::sent(std::string_view evse, std::uint64_t sequence, Now now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    found->second.books.on_delayed(sequence, now.mono + state_->settings.lease);
    Tracked& of = found->second;
    if (!of.in_flight || of.in_flight->sequence != sequence) return;
    if (of.limit_changed_at == of.in_flight->since) of.limit_changed_at = now.mono;
    if (of.raised_at == of.in_flight->since) of.raised_at = now.mono;
    of.in_flight->since = now.mono;
}

void Engine::withdrawn(std::string_view evse, std::uint64_t sequence, Now now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    Tracked& of = found->second;
    of.books.on_refused(sequence);
    if (!of.in_flight || of.in_flight->sequence != sequence) return;
    of.in_flight.reset();
    of.commanded = of.books.acknowledged(now.mono);
    of.renew_now = of.commanded.has_value();
}

void Engine::acknowledged(std::string_view evse, std::uint64_t sequence, Now now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    Tracked& of = found->second;
    if (!of.books.on_acknowledged(sequence)) return;
    of.suspect = false;
    if (!of.in_flight || of.in_flight->sequence != sequence) return;
    // A car follows the answer of its charger, not our question.
    if (of.limit_changed_at == of.in_flight->since) of.limit_changed_at = now.mono;
    of.in_flight.reset();
}

void Engine::refused(std::string_view evse, std::uint64_t sequence, Now now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    Tracked& of = found->second;
    of.books.on_refused(sequence);
    if (!of.in_flight || of.in_flight->sequence != sequence) return;
    of.blocked_until =
        now.mono + (of.in_flight->kind == CommandKind::lowering ? rule::retry_refused_lowering
                                                                : rule::retry_refused_raise);
    of.in_flight.reset();
    of.suspect = false;
    of.commanded = of.books.acknowledged(now.mono);
}

void Engine::unanswered(std::string_view evse, std::uint64_t sequence, Now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    Tracked& of = found->second;
    if (!of.in_flight || of.in_flight->sequence != sequence) return;
    of.in_flight.reset();
    of.suspect = true;
}

void Engine::transaction_ended(std::string_view evse, Now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    Tracked& of = found->second;
    of.books.clear();
    of.demand.forget();
    of.proof.forget();
    of.in_flight.reset();
    of.commanded.reset();
    of.free_since.reset();
    of.paused = of.suspect = of.renew_now = false;
    of.blocked_until = Instant::min();
    of.input.charging = false;
}

void Engine::reconnected(std::string_view evse, Now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    Tracked& of = found->second;
    of.books.on_disconnected();
    of.suspect = of.suspect || of.in_flight.has_value();
    of.in_flight.reset();
    of.renew_now = of.commanded.has_value();
}

void Engine::lost(std::string_view evse, Now now) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end() || !found->second.input.charging) return;
    Tracked& of = found->second;
    const Amps most = of.input.hardware_max;
    state_->begin_guess(of);
    of.proof.forget();
    of.books.on_disconnected();
    of.in_flight.reset();
    of.books.restore(most, most, now.mono + state_->settings.lease + lease_grace);
    of.commanded = most;
    of.commanded_at = of.limit_changed_at = now.mono;
    of.renew_now = true;
}

void Engine::safe_lost(std::string_view evse) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    state_->begin_guess(found->second);
    found->second.safe_current = SafeCurrent{};
}

void Engine::restore(std::string_view evse, Amps limit, Now now, Amps safe) {
    Tracked& of = state_->tracked(evse);
    state_->begin_guess(of);
    of.books.restore(limit, safe, now.mono + state_->settings.lease + lease_grace);
    of.commanded = limit;
    of.commanded_at = of.limit_changed_at = now.mono;
    of.paused = limit == Amps{};
    of.renew_now = of.is_restored = true;
}

void Engine::remove(std::string_view evse) {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end()) return;
    state_->forget(found);
}

bool Engine::knows(std::string_view evse) const {
    return state_->evses.find(evse) != state_->evses.end();
}

void Engine::set_next_sequence(std::uint64_t sequence) {
    state_->next_sequence = std::max(state_->next_sequence, sequence);
}

Amps Engine::safe(std::string_view evse) const {
    const auto found = state_->evses.find(evse);
    return found == state_->evses.end() ? Amps{} : found->second.safe;
}

std::uint64_t Engine::safe_sent(std::string_view evse, Amps safe) {
    const std::uint64_t number = state_->next_safe_number++;
    state_->tracked(evse).safe_current.on_sent(number, safe);
    return number;
}

void Engine::safe_accepted(std::string_view evse, std::uint64_t number) {
    const auto found = state_->evses.find(evse);
    if (found != state_->evses.end()) found->second.safe_current.on_accepted(number);
}

void Engine::safe_refused(std::string_view evse, std::uint64_t number) {
    const auto found = state_->evses.find(evse);
    if (found != state_->evses.end()) found->second.safe_current.on_refused(number);
}

void Engine::restore_safe(std::string_view evse, Amps safe) {
    state_->tracked(evse).safe_current.restore(safe);
}

std::optional<Amps> Engine::safe_held(std::string_view evse) const {
    const auto found = state_->evses.find(evse);
    if (found == state_->evses.end() || !found->second.safe_current.known()) return std::nullopt;
    return found->second.safe_current.most();
}

std::vector<EvseStatus> Engine::status(Now now) const {
    std::vector<EvseStatus> result;
    result.reserve(state_->evses.size());
    for (const auto& [id, evse] : state_->evses) {
        result.push_back({id, evse.allocated, evse.books.acknowledged(now.mono), evse.commanded,
                          state_->worst_case(evse, now.mono), evse.safe, evse.reason});
    }
    return result;
}

const Settings& Engine::settings() const { return state_->settings; }

void Engine::set_settings(Settings settings, Now) {
    state_->settings = std::move(settings);
    state_->safe_plan_valid = false;
}

}  // namespace busbar::dlm
