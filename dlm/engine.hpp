// The control loop of load management as a state machine: readings in, limits with reasons out. It
// keeps for every EVSE the worst case its charger may draw, lowers at once, and raises only into
// current that nobody else may still claim. No I/O, no clock: time is a parameter and must not run
// backwards. One thread (the site loop) owns an Engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "base/units.hpp"
#include "dlm/model.hpp"

namespace busbar::dlm {

// max(1 A, 2 % of the limit) on each phase.
PhaseAmps default_margin(const PhaseAmps& limit);

// The connection that is protected, and how (load-management.md 4.1).
struct Settings {
    std::string node = "main";  // its id in plans and reasons
    PhaseAmps limit{};          // the breaker, grid phases
    double derate = 1.0;        // part of the limit that may be used for ever, 0 to 1
    PhaseAmps margin{};         // kept free below the derated limit
    PhaseAmps reserve_blind{};  // building load assumed while the meter is stale
    // What all EVSEs share per phase while the meter is dead; never more than the derated limit
    // less margin and reserve_blind.
    PhaseAmps blind_limit{};
    bool metered = true;  // false: static mode, the building load is reserve_blind always
    std::chrono::seconds lease{600};
};

// One connector as the site knows it now.
struct EvseInput {
    std::string id;               // "CP1/1"
    Phases wired = three_phases;  // grid phases of this EVSE
    Amps hardware_max = 32_A;     // lowest of charger, cable and other fixed maxima
    Amps minimum = 6_A;
    std::int32_t weight_thousandths = 1000;
    int class_id = 0;
    bool charging = false;     // a transaction is running: wants current
    bool controllable = true;  // false: refuses profiles, counted at hardware_max while charging
    bool reachable = false;    // connected and answering
    // The site has no such connector: a transaction has named it. It is forgotten after that.
    bool made_up = false;
    // It just connected or booted and may not listen yet: until it is set up it is told nothing
    // that can wait.
    bool being_set_up = false;
    // false: it cannot be held below its minimum, so that it is admitted before those that can.
    bool may_pause = true;
    // It has been paused often enough: others are paused before it, if that helps.
    bool pause_last = false;
    // false: what it accepted counts once its measurements have shown it.
    bool trusted = true;
    // It may fall back to this as well as to its safe current: profiles that others gave it.
    Amps also_held;
    // Raises are at least this far apart, in time and in current; lowerings never wait.
    std::chrono::seconds raise_pause{5};
    Amps raise_min{500};
    std::optional<Phases> in_use;       // grid phases the car uses, once known
    std::optional<PhaseAmps> measured;  // the charger's own meter values, grid phases
    Instant measured_at{};
    Instant charging_since{};  // start of the transaction: earlier ones are served first
};

// A sample of the meter at the connection: signed, + is import.
struct MeterInput {
    PhaseAmps current{};
    Instant at{};
};

// All EVSEs of the site and the newest trustworthy meter sample. Where a transaction runs, no EVSE
// is left out. One that is left out is unreachable and does not charge any more, but its car may:
// the most that it could draw stays booked until its lease is over, or for one lease if it had
// none. Then those are forgotten that were never in the inputs or only made up, unless they may
// hold a safe current; others when remove() says so.
struct Inputs {
    std::optional<MeterInput> meter;
    std::vector<EvseInput> evses;
    // Nothing can be made durable: no raises and no renewals until something can.
    bool lowerings_only = false;
};

// lowering: below what the charger may hold, goes to the wire at once. raise: above it, made
// durable first. renewal: the same limit again, made durable first.
enum class CommandKind { lowering, raise, renewal };

// A limit for one EVSE: `limit` for `lease` from now, then `safe`. Never between 0 and the minimum.
struct Command {
    std::string evse;
    std::uint64_t sequence = 0;
    Amps limit;
    Amps safe;
    std::chrono::seconds lease{0};
    CommandKind kind = CommandKind::renewal;
    Reason reason;
};

// How far the meter is believed (load-management.md chapter 8): fresh; late: no raises (> 3 s);
// stale: at least reserve_blind is assumed (> 10 s); dead: blind_limit is shared (> 60 s).
// unmetered: static mode.
enum class MeterState { fresh, late, stale, dead, unmetered };

// The node for GET /load.
struct NodeStatus {
    std::string id;
    PhaseAmps limit{};
    std::optional<PhaseAmps> measured;  // last sample, however old
    PhaseAmps background{};             // estimated load that is not an EVSE
    PhaseAmps available{};              // what EVSEs may use together
    PhaseAmps allocated{};              // what they are planned to use, reservations included
    std::optional<std::chrono::milliseconds> age;  // of the last sample
    MeterState meter = MeterState::unmetered;
};

// One EVSE for GET /load.
struct EvseStatus {
    std::string id;
    Amps allocated;                 // by the last plan; the ramp may not be there yet
    std::optional<Amps> offered;    // last acknowledged limit whose lease runs
    std::optional<Amps> commanded;  // last limit sent that was not refused
    Amps worst_case;                // the most its charger may draw now
    Amps safe;                      // falls back to this
    Reason reason;
};

// What to do now.
struct Output {
    std::vector<Command> commands;  // lowerings first
    Plan plan;                      // EVSEs that charge or are reserved
    std::vector<NodeStatus> nodes;
    std::optional<Instant> next_step;  // call step() again not later than this
    // Too much is drawn on these phases; while the meter is not fresh: too much may be drawn.
    Phases overloaded{};
};

// All state of the control loop.
class Engine {
public:
    explicit Engine(Settings settings);
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;
    ~Engine();

    // Decides from what is known now. Call it for each meter sample, each change of an EVSE, each
    // answer of a charger, and at next_step. Books what it returns as sent.
    Output step(const Inputs& inputs, Now now);

    // The command went to the wire only now: its lease is counted from here. Optional; without it
    // the moment of step() counts.
    void sent(std::string_view evse, std::uint64_t sequence, Now now);
    // The command was dropped before any byte of it was sent.
    void withdrawn(std::string_view evse, std::uint64_t sequence, Now now);
    // The charger accepted. Older limits of this EVSE no longer count.
    void acknowledged(std::string_view evse, std::uint64_t sequence, Now now);
    // The charger answered Rejected, NotSupported or a CALLERROR: it holds what it held before.
    void refused(std::string_view evse, std::uint64_t sequence, Now now);
    // No answer in time, or the connection closed: it may hold this limit or an older one.
    void unanswered(std::string_view evse, std::uint64_t sequence, Now now);
    // The limit has gone together with its transaction.
    void transaction_ended(std::string_view evse, Now now);

    // Its charger connected anew or booted, however quickly. It may have lost the leased limit and
    // may hold it still: the limit stays booked, and is sent again once the charger is set up.
    void reconnected(std::string_view evse, Now now);

    // What its charger was told may be gone, so that nothing holds it back: a charging EVSE is
    // booked at its hardware maximum until it accepts a limit, and is sent one in the next step.
    void lost(std::string_view evse, Now now);
    // The same for its safe current.
    void safe_lost(std::string_view evse);

    // At start: the last durable limit, booked until now + lease + 5 s; then `safe`, which ended
    // it.
    void restore(std::string_view evse, Amps limit, Now now, Amps safe = {});
    // Forgets an EVSE that no longer exists.
    void remove(std::string_view evse);
    // True until it is forgotten.
    bool knows(std::string_view evse) const;
    // The next command gets this sequence number or a higher one.
    void set_next_sequence(std::uint64_t sequence);

    // The current this EVSE is to fall back to by itself (TxDefaultProfile, end of a lease): one
    // plan in which all safe currents together fit beside reserve_blind. A raise shows here only
    // once there is room for it beside all that chargers may still hold of an older plan. 0 for
    // unknown EVSEs. It is looked at anew in step().
    Amps safe(std::string_view evse) const;
    // The profile with this safe current goes out: it counts from now on. Returns the number to
    // name it by below.
    std::uint64_t safe_sent(std::string_view evse, Amps safe);
    // The charger took it: older safe currents no longer count.
    void safe_accepted(std::string_view evse, std::uint64_t number);
    // The charger refused it, or it was dropped before any byte of it was sent.
    void safe_refused(std::string_view evse, std::uint64_t number);
    // At start: the most its charger may hold of what it accepted before.
    void restore_safe(std::string_view evse, Amps safe);
    // The highest safe current its charger may hold; nothing if it never accepted one.
    std::optional<Amps> safe_held(std::string_view evse) const;

    // All EVSEs in the order of their ids, as of the last step.
    std::vector<EvseStatus> status(Now now) const;

    const Settings& settings() const;
    // Takes effect in the next step(), downwards at once.
    void set_settings(Settings settings, Now now);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace busbar::dlm
