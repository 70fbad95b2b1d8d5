// Everything the engine remembers between steps, and the parts of a step: engine_inputs.cpp takes
// in what is known, engine_plan.cpp makes the plan, engine_commands.cpp turns it into commands. Not
// meant for other folders. One thread owns it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dlm/demand.hpp"
#include "dlm/engine.hpp"
#include "dlm/observer.hpp"
#include "dlm/proof.hpp"
#include "dlm/safe_current.hpp"
#include "dlm/safe_plan.hpp"
#include "dlm/worst_case.hpp"

namespace busbar::dlm {

// The times and currents of load-management.md chapters 6 to 8.
namespace rule {
using std::chrono::seconds;
inline constexpr seconds meter_late{3};
inline constexpr seconds meter_stale{10};
inline constexpr seconds meter_dead{60};
inline constexpr seconds above_margin{10};
inline constexpr seconds answer_time{5};  // after that a command counts as unanswered
inline constexpr seconds raise_pause{5};
inline constexpr seconds raise_after_shed{15};
inline constexpr seconds raise_after_pause{30};
inline constexpr seconds resume_wait{60};
inline constexpr seconds small_change_pause{120};
inline constexpr seconds retry_refused_lowering{10};
inline constexpr seconds retry_refused_raise{60};
inline constexpr seconds measurement_age_max{90};
inline constexpr seconds silent_after{30};
inline constexpr Amps raise_step = 3_A;
inline constexpr Amps deadband{500};
inline constexpr Amps resume_reserve = 1_A;
inline constexpr Amps probe_room = 2_A;
inline constexpr Amps step{100};
}  // namespace rule

// A command without an answer yet.
struct InFlight {
    std::uint64_t sequence = 0;
    Amps limit;
    CommandKind kind = CommandKind::renewal;
    Instant since;
};

// One EVSE between steps.
struct Tracked {
    EvseInput input;
    bool present = false;    // in the newest inputs
    bool confirmed = false;  // has been in the inputs, and not as one that was made up
    WorstCase books;
    Demand demand;
    Proof proof;               // of chargers that are not trusted
    SafeCurrent safe_current;  // what the charger may hold of it
    Amps safe_target;          // by the safe plan
    Amps safe;                 // as far as it may be sent now: what commands and profiles say

    std::optional<InFlight> in_flight;
    std::optional<Amps> commanded;  // last limit sent and not refused, while its lease runs
    Instant commanded_at{};
    Instant limit_changed_at{};  // last time the limit became another one
    Instant raised_at = Instant::min();
    Instant blocked_until = Instant::min();  // it refused: leave it alone for a while
    bool suspect = false;                    // its last command was not answered
    bool renew_now = false;                  // its charger may have lost the limit
    bool is_restored = false;                // when it was raised last is not known

    bool paused = false;                // its minimum did not fit
    std::optional<Instant> free_since;  // since when it would fit

    Amps observed_high;  // what the observer last took as the most it may draw
    Phases observed_phases{};
    // The same before nothing was certain any more: what exceeds it is a guess.
    std::optional<Amps> certain_high;
    Instant measured_before{};  // and what is measured later tells of it

    Amps allocated;        // by the plan; what the ramp heads for
    bool planned = false;  // `allocated` is a share and not a reservation
    Reason reason;

    // Has been paused often enough. One that is paused has no more to lose.
    bool spared() const { return input.pause_last && !paused; }
};

struct Engine::State {
    // --- engine_inputs.cpp
    void take(const Inputs& inputs, Now now);
    void observe(Now now);
    void update_safe_plan();
    void update_demand(Now now);
    void update_proofs();
    // The books cover more than this EVSE was ever told: it may draw that, but nobody has seen it.
    void begin_guess(Tracked& evse);
    // Made on first sight.
    Tracked& tracked(std::string_view id);
    using Evses = std::map<std::string, Tracked, std::less<>>;
    // Returns the one behind it.
    Evses::iterator forget(Evses::iterator evse);

    // --- engine_plan.cpp
    Plan make_plan(Now now);
    Node empty_node() const;
    Node node(Instant now) const;
    MeterState meter_state(Instant now) const;
    Amps worst_case(const Tracked& evse, Instant now) const;
    bool is_member(const Tracked& evse, Instant now) const;
    Phases phases(const Tracked& evse) const;
    // Sum of all worst cases per phase, in mA.
    PerPhase<std::int64_t> claimed(Instant now) const;
    NodeStatus node_status(Instant now) const;
    // The phases that carry too much, or might where no meter tells.
    Phases overload(Instant now) const;

    // --- engine_commands.cpp
    std::vector<Command> make_commands(Now now);
    std::optional<Instant> next_step(Instant now) const;

    Settings settings;
    Evses evses;
    std::vector<SafeMember> safe_members;  // what the safe plan was made from
    bool safe_plan_valid = false;
    std::uint64_t next_sequence = 1;
    std::uint64_t next_safe_number = 1;
    bool lowerings_only = false;

    Observer observer;
    std::optional<MeterInput> meter;  // the newest sample ever
    std::optional<Instant> started_at;
    std::vector<Contribution> removed;  // EVSEs that were forgotten, for the observer
    std::optional<Instant> above_margin_since;
    Phases overloaded{};

    Plan plan;
    PhaseAmps capacity{};
    std::optional<PhaseAmps> previous_capacity;
    std::vector<Tracked*> admission_order;  // of the EVSEs in the plan
    Instant last_shed = Instant::min();
    Instant last_pausing_shed = Instant::min();

private:
    void take_one(const EvseInput& input, Now now);
    void lose(Tracked& evse);
    void leave(Tracked& evse, Now now);
    // Nothing can be drawn there any more.
    bool is_gone(const Tracked& evse, Instant now) const;
    void grant_safe_currents(const PhaseAmps& room);
    void judge_overload(Now now);
    // What the observer must know of all EVSEs, and what has changed since it was last told.
    std::vector<Contribution> contributions(Instant now);
    std::optional<PhaseAmps> shown(const Tracked& evse) const;
    // The most an EVSE draws now, for telling it from the building.
    Amps attributed(const Tracked& evse, Instant now) const;
    Evse problem_evse(const Tracked& evse, Instant now) const;
    Plan cautious_plan(Problem problem, Plan bold, Instant now) const;
    void take_allocation(Tracked& evse, const Allocation& allocation, Instant now);
    Reason meter_reason(const Reason& reason, Instant now) const;
    Reason reserved_reason(const Tracked& evse, Instant now) const;
    bool claims_too_much(Instant now) const;
    bool may_raise(Instant now) const;
    bool capacity_fell() const;
    // The limit to send now, if any.
    std::optional<Amps> lowering(const Tracked& evse, bool urgent) const;
    std::optional<Amps> first(const Tracked& evse, Instant now) const;
    std::optional<Amps> retry(const Tracked& evse, bool urgent, Instant now) const;
    std::optional<Amps> raise(const Tracked& evse, const PerPhase<std::int64_t>& claims,
                              Instant now) const;
    std::optional<Amps> renewal(const Tracked& evse, Instant now) const;
    Command book(Tracked& evse, Amps limit, Instant now);
    void note_shed(const Command& command, Instant now);
    Instant renewal_due(const Tracked& evse) const;
};

}  // namespace busbar::dlm
