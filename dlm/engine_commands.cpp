#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>

#include "dlm/engine_state.hpp"

namespace busbar::dlm {
namespace {

// FNV-1a, so that an EVSE has the same place in the round of renewals on every machine.
std::uint64_t hash(std::string_view text) {
    std::uint64_t result = 14695981039346656037ULL;
    for (const char c : text) {
        result ^= static_cast<unsigned char>(c);
        result *= 1099511628211ULL;
    }
    return result;
}

Amps rounded_down(Amps amps) {
    return Amps{amps.milliamps / rule::step.milliamps * rule::step.milliamps};
}

// At most `step` up; never leaving a rest so small that the dead-band would swallow it.
Amps ramp(Amps from, Amps target, Amps step, Amps deadband) {
    const Amps distance = target - from;
    if (distance <= step) return target;
    if (distance < step + deadband) return std::max(from, target - deadband);
    return from + step;
}

// 3 A in 5 s, also for those that are told less often.
Amps raise_step(std::chrono::seconds pause) {
    return Amps{static_cast<std::int32_t>(rule::raise_step.milliamps * pause / rule::raise_pause)};
}

}  // namespace

bool Engine::State::claims_too_much(Instant now) const {
    const PerPhase<std::int64_t> claims = claimed(now);
    for (std::size_t p = 0; p < claims.size(); ++p) {
        if (claims[p] > 0 && claims[p] > (capacity[p] + rule::deadband).milliamps) return true;
    }
    return false;
}

bool Engine::State::capacity_fell() const {
    for (std::size_t p = 0; p < capacity.size(); ++p) {
        if (capacity[p] + rule::deadband <= (*previous_capacity)[p]) return true;
    }
    return false;
}

// A dead meter is no reason to freeze what blind_limit grants.
bool Engine::State::may_raise(Instant now) const {
    const MeterState state = meter_state(now);
    if (state == MeterState::late || state == MeterState::stale) return false;
    if (std::find(overloaded.begin(), overloaded.end(), true) != overloaded.end()) return false;
    return last_shed + rule::raise_after_shed <= now &&
           last_pausing_shed + rule::raise_after_pause <= now;
}

std::optional<Amps> Engine::State::lowering(const Tracked& evse, bool urgent) const {
    if (!evse.planned || !evse.commanded || *evse.commanded <= evse.allocated) return std::nullopt;
    // One small step after the other would only fill the charger's queue.
    const bool any_step = urgent && !evse.in_flight;
    const bool small = *evse.commanded - evse.allocated < rule::deadband;
    if (small && !any_step && evse.allocated > Amps{}) return std::nullopt;
    return evse.allocated;
}

// A charger without a leased limit draws its safe current: it gets its minimum, or a pause.
std::optional<Amps> Engine::State::first(const Tracked& evse, Instant now) const {
    if (!evse.planned || evse.commanded || evse.in_flight) return std::nullopt;
    const Amps held = worst_case(evse, now);
    if (evse.allocated == Amps{}) {
        if (held == Amps{}) return std::nullopt;
        return Amps{};
    }
    if (evse.input.minimum > held) return std::nullopt;
    return evse.input.minimum;
}

// A charger that did not answer is asked again, never for more than it may hold already.
std::optional<Amps> Engine::State::retry(const Tracked& evse, bool urgent, Instant now) const {
    const EvseInput& input = evse.input;
    if (!evse.suspect || evse.in_flight || evse.blocked_until > now) return std::nullopt;
    if (!input.charging || !input.controllable || !input.reachable) return std::nullopt;
    if (input.being_set_up && !urgent) return std::nullopt;
    const Amps held = worst_case(evse, now);
    Amps limit = std::min(evse.commanded.value_or(input.minimum), held);
    if (urgent) limit = std::min(limit, input.minimum);
    if (limit >= input.minimum) return limit;
    return input.may_pause ? Amps{} : std::min(input.minimum, input.hardware_max);
}

std::optional<Amps> Engine::State::raise(const Tracked& evse, const PerPhase<std::int64_t>& claims,
                                         Instant now) const {
    if (!evse.planned || evse.in_flight || evse.renew_now) return std::nullopt;
    if (evse.input.being_set_up) return std::nullopt;
    const Amps current = evse.commanded.value_or(Amps{});
    if (evse.allocated <= current) return std::nullopt;
    const std::chrono::seconds pause = std::max(rule::raise_pause, evse.input.raise_pause);
    const Amps deadband = std::max(rule::deadband, evse.input.raise_min);
    if (evse.raised_at + pause > now) return std::nullopt;
    std::int64_t room = std::numeric_limits<std::int32_t>::max();
    const Phases used = phases(evse);
    for (std::size_t p = 0; p < claims.size(); ++p) {
        if (used[p]) room = std::min(room, capacity[p].milliamps - claims[p]);
    }
    if (room < 0) return std::nullopt;
    const std::int64_t most = worst_case(evse, now).milliamps + room;
    const bool starting = current == Amps{};
    Amps next =
        starting ? evse.input.minimum : ramp(current, evse.allocated, raise_step(pause), deadband);
    if (most < next.milliamps) next = rounded_down(Amps{static_cast<std::int32_t>(most)});
    if (starting) {
        if (next < evse.input.minimum) return std::nullopt;
        return next;
    }
    const bool small = next - current < deadband;
    const bool long_ago = evse.commanded_at + rule::small_change_pause <= now;
    if (next <= current || (small && !long_ago)) return std::nullopt;
    return next;
}

// Each EVSE has its place in a round of half a lease, so that renewals never come in crowds.
Instant Engine::State::renewal_due(const Tracked& evse) const {
    using std::chrono::milliseconds;
    const milliseconds lease = settings.lease;
    const milliseconds round = std::max(lease / 2, milliseconds{1});
    const Instant earliest = evse.commanded_at + lease / 4;
    const auto place =
        static_cast<std::int64_t>(hash(evse.input.id) % static_cast<std::uint64_t>(round.count()));
    std::int64_t wait = (place - earliest.time_since_epoch().count()) % round.count();
    if (wait < 0) wait += round.count();
    return earliest + milliseconds{wait};
}

std::optional<Amps> Engine::State::renewal(const Tracked& evse, Instant now) const {
    if (!evse.planned || !evse.commanded || evse.in_flight) return std::nullopt;
    if (evse.input.being_set_up) return std::nullopt;
    if (!evse.renew_now && renewal_due(evse) > now) return std::nullopt;
    return std::min(*evse.commanded, evse.allocated);
}

Command Engine::State::book(Tracked& evse, Amps limit, Instant now) {
    const Amps before = evse.commanded.value_or(worst_case(evse, now));
    Command result;
    result.evse = evse.input.id;
    result.sequence = next_sequence++;
    result.limit = limit;
    result.safe = evse.safe;
    result.lease = settings.lease;
    result.kind = limit < before   ? CommandKind::lowering
                  : limit > before ? CommandKind::raise
                                   : CommandKind::renewal;
    result.reason = evse.reason;
    if (evse.planned && limit > Amps{} && limit < evse.allocated) {
        result.reason = {"ramp_up_hold", {{"target", evse.allocated}}};
    }
    if (!evse.commanded || limit != *evse.commanded) evse.limit_changed_at = now;
    // How long ago the last raise before a restart was, nobody knows.
    if (!evse.commanded || limit > *evse.commanded || evse.is_restored) evse.raised_at = now;
    evse.is_restored = false;
    evse.books.on_sent(result.sequence, limit, evse.safe, now + settings.lease);
    evse.proof.on_limit(limit);
    evse.in_flight = InFlight{result.sequence, limit, result.kind, now};
    evse.commanded = limit;
    evse.commanded_at = now;
    evse.renew_now = false;
    return result;
}

// Lowerings because of less room hold back raises; those that only make place for a newcomer, or
// follow what a car takes, do not.
void Engine::State::note_shed(const Command& command, Instant now) {
    const bool is_overloaded =
        std::find(overloaded.begin(), overloaded.end(), true) != overloaded.end();
    if (!is_overloaded && !capacity_fell()) return;
    last_shed = now;
    if (command.limit == Amps{}) last_pausing_shed = now;
}

std::vector<Command> Engine::State::make_commands(Now now) {
    const bool is_overloaded =
        std::find(overloaded.begin(), overloaded.end(), true) != overloaded.end();
    const bool urgent = is_overloaded || claims_too_much(now.mono);
    std::vector<Command> commands;
    std::vector<Command> later;
    const auto send = [&](Tracked& evse, Amps limit) {
        const Amps before = evse.commanded.value_or(worst_case(evse, now.mono));
        if (lowerings_only && limit >= before) return;
        Command command = book(evse, limit, now.mono);
        const bool is_lowering = command.kind == CommandKind::lowering;
        (is_lowering ? commands : later).push_back(std::move(command));
    };
    for (Tracked* evse : admission_order) {
        if (const auto limit = lowering(*evse, urgent)) {
            send(*evse, *limit);
            note_shed(commands.back(), now.mono);
        } else if (const auto again = retry(*evse, urgent, now.mono)) {
            send(*evse, *again);
        } else if (const auto begin = first(*evse, now.mono)) {
            send(*evse, *begin);
        }
    }
    // A raise counts as soon as it is sent, so each one sees the claims of those before it.
    if (!lowerings_only && may_raise(now.mono)) {
        PerPhase<std::int64_t> claims = claimed(now.mono);
        for (Tracked* evse : admission_order) {
            const auto limit = raise(*evse, claims, now.mono);
            if (!limit) continue;
            const Amps before = worst_case(*evse, now.mono);
            send(*evse, *limit);
            const Amps more = worst_case(*evse, now.mono) - before;
            const Phases used = phases(*evse);
            for (std::size_t p = 0; p < claims.size(); ++p) {
                if (used[p]) claims[p] += more.milliamps;
            }
        }
    }
    for (Tracked* evse : admission_order) {
        if (const auto limit = renewal(*evse, now.mono)) send(*evse, *limit);
    }
    for (Tracked* evse : admission_order) {
        const Amps current = evse->commanded.value_or(Amps{});
        if (evse->planned && current > Amps{} && current + rule::deadband <= evse->allocated) {
            evse->reason = {"ramp_up_hold", {{"target", evse->allocated}}};
        }
    }
    commands.insert(commands.end(), std::make_move_iterator(later.begin()),
                    std::make_move_iterator(later.end()));
    return commands;
}

std::optional<Instant> Engine::State::next_step(Instant now) const {
    std::optional<Instant> next;
    const auto consider = [&](Instant at) {
        if (at > now && (!next || at < *next)) next = at;
    };
    if (settings.metered) {
        const Instant since = meter ? meter->at : *started_at;
        consider(since + rule::meter_late + std::chrono::milliseconds{1});
        consider(since + rule::meter_stale + std::chrono::milliseconds{1});
        consider(since + rule::meter_dead + std::chrono::milliseconds{1});
    }
    if (above_margin_since) consider(*above_margin_since + rule::above_margin);
    consider(last_shed + rule::raise_after_shed);
    consider(last_pausing_shed + rule::raise_after_pause);
    for (const auto& [id, evse] : evses) {
        if (const auto at = evse.books.next_change(now)) consider(*at);
        if (evse.in_flight) consider(evse.in_flight->since + rule::answer_time);
        if (evse.free_since) consider(*evse.free_since + rule::resume_wait);
        consider(evse.blocked_until);
        if (!evse.planned || !evse.commanded) continue;
        consider(renewal_due(evse));
        if (evse.allocated <= *evse.commanded) continue;
        consider(evse.raised_at + std::max(rule::raise_pause, evse.input.raise_pause));
        consider(evse.commanded_at + rule::small_change_pause);
    }
    return next;
}

}  // namespace busbar::dlm
