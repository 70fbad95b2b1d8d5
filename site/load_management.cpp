#include "site/load_management.hpp"

#include <algorithm>
#include <utility>

#include "base/codec.hpp"
#include "dlm/explain.hpp"
#include "ocpp/v16/smart_charging.hpp"
#include "site/charging_profiles.hpp"
#include "site/last_resort.hpp"
#include "site/metering.hpp"
#include "site/safe_profiles.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

// Changes that are not a meter's are gathered for this long: a hundred chargers that report at
// once cause a few steps, not a hundred.
constexpr std::chrono::milliseconds gather{20};
constexpr std::chrono::milliseconds tick{1000};
constexpr std::chrono::milliseconds profile_timeout{10'000};  // ruling R15

std::optional<ProfileShape> present_shape(const ChargePoint& charger, const Connector& connector) {
    const auto shapes = limit_shapes(profile_abilities(charger));
    if (shapes.empty()) return std::nullopt;
    // One that refused all is asked again in the usual way.
    return next_shape(shapes, connector.limits.refused).value_or(shapes.front());
}

// A charger that is told watts takes them for amperes at the nominal voltage: what we would send
// for the minimum (see lowest_volts) must not look like less than the minimum to it.
Amps minimum_for(const Site& site, const ChargePoint& charger, const Connector& connector) {
    const auto minimum = site.settings.minimum_current;
    const bool watts =
        charger.quirks.rate_unit == v16::ChargingRateUnit::W ||
        (connector.limits.sent && connector.limits.sent->unit == v16::ChargingRateUnit::W);
    if (!watts) return minimum;
    constexpr std::int64_t nominal_volts = 230;
    const auto deciamps =
        (std::int64_t{minimum.milliamps} * nominal_volts / lowest_volts + 99) / 100;
    return Amps::from_milliamps(static_cast<std::int32_t>(deciamps * 100));
}

dlm::EvseInput evse_input(const Site& site, const ChargePoint& charger, std::int32_t connector_id,
                          const Connector& connector) {
    dlm::EvseInput input;
    input.id = evse_id(charger.settings.id, connector_id);
    input.wired = wired_phases(charger.settings.phase_map);
    input.hardware_max = Amps::from_milliamps(charger.settings.max_milliamps);
    input.minimum = minimum_for(site, charger, connector);
    // A charger that took the safe profile and refuses limits stays at the safe current. One that
    // takes neither may draw all it can.
    input.controllable = !(connector.limit_refused && connector.safe_profile_refused);
    input.reachable = charger.link != nullptr;
    input.being_set_up = site.now.mono < charger.quiet_until;
    input.may_pause = charger.quirks.minimum_amps_policy != MinimumAmpsPolicy::hold_minimum;
    input.raise_pause = std::chrono::seconds{charger.quirks.min_profile_interval_seconds};
    for (const auto& [profile_id, amps] : connector.limits.by_operators) {
        input.also_held = std::max(input.also_held, amps);
    }
    input.raise_min = Amps::from_double(charger.quirks.profile_dead_band_amps);
    input.measured = connector.measured;
    input.measured_at = connector.measured_at;
    for (const auto& transaction : charger.open) {
        if (transaction.start.connector_id != connector_id) continue;
        input.charging = true;
        input.charging_since = transaction.charging_since;
    }
    return input;
}

dlm::Inputs gather_inputs(Site& site) {
    dlm::Inputs inputs;
    inputs.meter = site.meter;
    inputs.lowerings_only = site.journal.full();
    for (auto& [id, charger] : site.charge_points) {
        if (charger.settings.state != "accepted") continue;
        for (const auto& transaction : charger.open) {
            connector_of(charger, transaction.start.connector_id);
        }
        for (const auto& [connector_id, connector] : charger.connectors) {
            if (connector_id == 0) continue;
            inputs.evses.push_back(evse_input(site, charger, connector_id, connector));
        }
        for (const auto& transaction : charger.open) {
            if (connector_of(charger, transaction.start.connector_id)) continue;
            // Current on a connector that no limit can name: booked at all it may be.
            auto input = evse_input(site, charger, transaction.start.connector_id, {});
            input.controllable = false;
            inputs.evses.push_back(std::move(input));
        }
    }
    return inputs;
}

struct Evse {
    ChargePoint* charger;
    std::int32_t connector_id;
};

std::optional<Evse> find_evse(Site& site, std::string_view id) {
    const auto slash = id.rfind('/');
    ChargePoint* charger = site.find(id.substr(0, slash));
    if (!charger || slash == std::string_view::npos) return std::nullopt;
    return Evse{charger, std::atoi(std::string{id.substr(slash + 1)}.c_str())};
}

// While nothing can be made durable, the answer is forgone: without it the limits before this one
// stay booked after a restart, which is on the safe side.
void record_answer(Site& site, std::uint64_t sequence, std::string status, Timestamp at) {
    if (site.journal.full()) return;
    site.record({db::LimitAnswered{static_cast<std::int64_t>(sequence), std::move(status), at}});
}

using Answer = ocpp::Session::Answer<v16::SetChargingProfile>;

// A command and where it goes: the transaction runs on a charger that is connected.
struct Running {
    ChargePoint& charger;
    const Transaction& transaction;
};

// What an answer is about.
struct Sent {
    dlm::Command command;
    db::TransactionKey meant_for = 0;
    ProfileShape shape;
};

bool takes_no_profiles(const ChargePoint& charger) {
    const auto& actions = charger.quirks.unsupported_actions;
    return std::find(actions.begin(), actions.end(), v16::SetChargingProfile::action) !=
           actions.end();
}

void refuse(Site& site, const dlm::Command& command, Connector* connector, std::string status,
            Now now) {
    site.engine.refused(command.evse, command.sequence, now);
    record_answer(site, command.sequence, std::move(status), now.wall);
    if (!connector) return;
    connector->limit_refused = true;
    if (site.log) site.log("limit_refused", command.evse);
}

void send(Site& site, const dlm::Command& command, const Running& to, Now now);

// A refusal of a shape that was never taken may be about the shape: the next one goes out at once.
void take_refusal(Site& site, const Sent& sent, std::string status, Now now) {
    const auto evse = find_evse(site, sent.command.evse);
    auto* connector = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    if (!connector || connector->limits.taken == sent.shape) {
        return refuse(site, sent.command, connector, std::move(status), now);
    }
    auto& refused = connector->limits.refused;
    if (std::find(refused.begin(), refused.end(), sent.shape) == refused.end()) {
        refused.push_back(sent.shape);
    }
    const auto* running = site.find_open_on(*evse->charger, evse->connector_id);
    const bool is_over = !running || running->start.id != sent.meant_for || !evse->charger->link ||
                         site.is_superseded(sent.command.evse, sent.command.sequence);
    const auto shapes = limit_shapes(profile_abilities(*evse->charger));
    if (is_over || !next_shape(shapes, refused)) {
        return refuse(site, sent.command, connector, std::move(status), now);
    }
    send(site, sent.command, {*evse->charger, *running}, now);
}

// What the charger refused before it took this shape, it need not be asked again.
void learn_shape(Site& site, ChargePoint& charger, const Connector& connector,
                 const ProfileShape& shape, Now now) {
    using Purpose = v16::ChargingProfilePurpose;
    const auto shapes = limit_shapes(profile_abilities(charger));
    if (shapes.empty() || shapes.front() == shape) return;
    const auto& usual = shapes.front();
    const auto refused = std::string{v16::SetChargingProfile::action} + " with ";
    if (shape.purpose != usual.purpose) {
        std::vector<Purpose> left;
        for (const auto purpose : charger.quirks.profile_purposes) {
            const bool was_tried =
                purpose == Purpose::TxProfile || (shape.purpose == Purpose::ChargePointMaxProfile &&
                                                  purpose == Purpose::TxDefaultProfile);
            const bool holds_safe =
                purpose == Purpose::TxDefaultProfile && connector.safe_profile_accepted;
            if (!was_tried || holds_safe) left.push_back(purpose);
        }
        learn(site, charger, "profilePurposes", busbar::to_json(left),
              refused + enumerator_name(usual.purpose), now);
    } else if (shape.unit != usual.unit) {
        const bool watts = shape.unit == v16::ChargingRateUnit::W;
        learn(site, charger, "rateUnit", watts ? "\"W\"" : "\"A\"",
              refused + (watts ? "chargingRateUnit A" : "chargingRateUnit W"), now);
    } else if (shape.kind != usual.kind) {
        const bool relative = shape.kind == ProfileKind::Relative;
        learn(site, charger, "profileKind", relative ? "\"Relative\"" : "\"Absolute\"",
              refused + (relative ? "an Absolute schedule" : "a Relative schedule"), now);
    } else {
        learn(site, charger, "stackLevelMax", std::to_string(shape.stack_level),
              refused + "stackLevel " + std::to_string(usual.stack_level), now);
    }
}

void take_acceptance(Site& site, const Sent& sent, Now now) {
    site.engine.acknowledged(sent.command.evse, sent.command.sequence, now);
    record_answer(site, sent.command.sequence, "Accepted", now.wall);
    const auto evse = find_evse(site, sent.command.evse);
    auto* connector = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    if (!connector) return;
    connector->limit_refused = false;
    auto& limits = connector->limits;
    if (limits.taken != sent.shape) {
        limits.taken = sent.shape;
        learn_shape(site, *evse->charger, *connector, sent.shape, now);
    }
    if (sent.shape.purpose == v16::ChargingProfilePurpose::TxDefaultProfile) {
        limits.lingering = std::max(sent.command.limit, sent.command.safe);
    }
}

// Tells the engine how a command ended. The clock is read by whoever delivers the answer; what the
// site last saw is near enough for books that count in seconds.
void settle(Site& site, const Sent& sent, const Answer& answer, Now now) {
    const auto& command = sent.command;
    site.step_wanted = true;
    site.wake_by(now.mono + gather);
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        using enum ocpp::CallFailure::Kind;
        switch (failure->kind) {
            case superseded:
            case queue_full:
                return site.engine.withdrawn(command.evse, command.sequence, now);
            case refused:
                return take_refusal(site, sent, "CALLERROR", now);
            case timeout:
            case disconnected:
            case invalid_answer:
                site.engine.unanswered(command.evse, command.sequence, now);
                return record_answer(site, command.sequence, "timeout", now.wall);
        }
    }
    const auto status = std::get<v16::SetChargingProfile::Response>(answer).status;
    if (status == v16::SetChargingProfileStatus::Accepted) return take_acceptance(site, sent, now);
    take_refusal(site, sent, enumerator_name(status), now);
}

LeasedLimit limit_of(const dlm::Command& command, const Running& to, const Connector& connector,
                     Now now) {
    LeasedLimit limit;
    limit.connector_id = to.transaction.start.connector_id;
    limit.transaction_id = to.transaction.start.transaction_id;
    limit.limit = command.limit;
    limit.safe = command.safe;
    limit.lease = command.lease;
    // Later than it began by the charger's clock, if anything: the lease must not end later than it
    // is booked.
    limit.running = std::max(
        std::chrono::floor<std::chrono::seconds>(now.wall - to.transaction.start.received_at), 0s);
    limit.wired = count(wired_phases(to.charger.settings.phase_map));
    // Only what the car has shown is sure to spread the watts: one phase may take them all.
    limit.phases = connector.limits.phases == limit.wired ? limit.wired : 1;
    return limit;
}

void send(Site& site, const dlm::Command& command, const Running& to, Now now) {
    const auto connector_id = to.transaction.start.connector_id;
    auto* connector = connector_of(to.charger, connector_id);
    const auto shape = connector && !takes_no_profiles(to.charger)
                           ? present_shape(to.charger, *connector)
                           : std::nullopt;
    if (!shape) return refuse(site, command, connector, "NotSupported", now);
    const auto limit = limit_of(command, to, *connector, now);
    connector->limits.sent = shape;
    connector->limits.phases_sent = shape->unit == v16::ChargingRateUnit::W ? limit.phases : 0;
    using Priority = ocpp::CallOptions::Priority;
    const bool lowering = command.kind == dlm::CommandKind::lowering;
    site.engine.sent(command.evse, command.sequence, now);
    ++site.counters.limits_sent;
    send_profile(site, to.charger, leased_profile(limit, *shape, to.charger.quirks, now.wall),
                 {.priority = lowering ? Priority::lowering : Priority::normal,
                  .timeout = profile_timeout,
                  .coalescing_key = "limit:" + std::to_string(connector_id)},
                 [&site, sent = Sent{command, to.transaction.start.id, *shape}](
                     const Answer& answer) { settle(site, sent, answer, site.now); });
    if (site.log) {
        site.log("limit", command.evse + " limit=\"" + dlm::to_text(command.limit) +
                              "\" reason=" + command.reason.code);
    }
}

// Whatever happened while a row was written: the transaction must be the same, and an older command
// must not follow a newer one.
void send_unless_superseded(Site& site, const dlm::Command& command, db::TransactionKey meant_for) {
    const auto evse = find_evse(site, command.evse);
    const auto* running = evse ? site.find_open_on(*evse->charger, evse->connector_id) : nullptr;
    if (!running || running->start.id != meant_for || !evse->charger->link ||
        site.is_superseded(command.evse, command.sequence)) {
        return site.engine.withdrawn(command.evse, command.sequence, site.now);
    }
    send(site, command, {*evse->charger, *running}, site.now);
}

// Sends a lowering once its transaction's start has been answered. Of several that have to wait
// only the newest is kept, so that a journal that stands still does not fill memory.
void send_when_started(Site& site, const dlm::Command& command, const Transaction& transaction,
                       Connector& connector) {
    const auto meant_for = transaction.start.id;
    auto& waiting = connector.waiting_lowering;
    const bool is_scheduled = waiting && waiting->transaction == meant_for;
    if (waiting) site.engine.withdrawn(command.evse, waiting->command.sequence, site.now);
    waiting = WaitingLowering{meant_for, command};
    if (is_scheduled) return;
    site.journal.when_durable(transaction.recorded, [&site, evse_name = command.evse, meant_for] {
        const auto evse = find_evse(site, evse_name);
        auto* present = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
        if (!present || !present->waiting_lowering) return;
        if (present->waiting_lowering->transaction != meant_for) return;
        const auto newest = std::exchange(present->waiting_lowering, std::nullopt);
        send_unless_superseded(site, newest->command, meant_for);
    });
}

db::LimitCommanded row_of(const dlm::Command& command, const Evse& evse, Now now) {
    constexpr std::string_view kinds[] = {"lowering", "raise", "renewal"};
    db::LimitCommanded row;
    row.charge_point = evse.charger->settings.id;
    row.connector_id = evse.connector_id;
    row.sequence = static_cast<std::int64_t>(command.sequence);
    row.limit_milliamps = command.limit.milliamps;
    row.safe_milliamps = command.safe.milliamps;
    row.sent_at = now.wall;
    row.lease_end = now.wall + command.lease;
    row.kind = kinds[static_cast<std::size_t>(command.kind)];
    row.reason = command.reason.code;
    return row;
}

// A lowering is written to the wire at once and its row follows; a raise or renewal waits for its
// row, so that no restart can forget what a charger may hold. Neither overtakes the answer to the
// StartTransaction: a charger refuses limits for a transaction it has not been told of.
// While nothing can be made durable, a lowering goes without a row: after a restart the EVSE is
// booked at its last durable limit, which is higher.
void execute(Site& site, const dlm::Command& command, Now now) {
    const auto evse = find_evse(site, command.evse);
    const auto* transaction =
        evse ? site.find_open_on(*evse->charger, evse->connector_id) : nullptr;
    auto* connector = transaction ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    const bool is_lowering = command.kind == dlm::CommandKind::lowering;
    if (connector && command.limit < site.settings.minimum_current &&
        evse->charger->quirks.minimum_amps_policy == MinimumAmpsPolicy::remote_stop) {
        ask_to_stop(site, *evse->charger, *transaction,
                    "there is no room for its minimum, and this charge point cannot pause", now);
        return site.engine.refused(command.evse, command.sequence, now);
    }
    if (!connector || (!is_lowering && site.journal.full())) {
        return site.engine.withdrawn(command.evse, command.sequence, now);
    }
    auto row = row_of(command, *evse, now);
    if (is_lowering) {
        send_when_started(site, command, *transaction, *connector);
        if (!site.journal.full()) site.record({std::move(row)});
        return;
    }
    site.journal.when_durable(site.record({std::move(row)}),
                              [&site, command, meant_for = transaction->start.id] {
                                  send_unless_superseded(site, command, meant_for);
                              });
}

// How many phases the present car uses. A car that draws next to nothing shows nothing.
int phases_shown(const Connector& connector, int before) {
    constexpr Amps idle = 1_A;
    if (!connector.measured) return before;
    const auto& amps = *connector.measured;
    const auto used = std::count_if(amps.begin(), amps.end(), [&](Amps a) { return a >= idle; });
    return used > 0 ? static_cast<int>(used) : before;
}

// The newest limit has another form than it should have now: the car has shown its phases, or the
// charger has told or taught what it knows.
bool is_outdated(const ChargePoint& charger, const Connector& connector) {
    const auto& limits = connector.limits;
    if (!limits.sent || connector.limit_refused) return false;
    const int wired = count(wired_phases(charger.settings.phase_map));
    const int phases = limits.phases == wired ? wired : 1;
    if (limits.phases_sent > 0 && limits.phases_sent != phases) return true;
    return present_shape(charger, connector) != limits.sent;
}

// The transaction is over and its limit is not: the next car may have it until the safe profile has
// taken its place.
void replace_lingering(Site& site, ChargePoint& charger, std::int32_t connector_id,
                       Connector& connector, Now now) {
    auto& limits = connector.limits;
    if (!limits.lingering || limits.is_being_replaced) return;
    limits.is_being_replaced = true;
    site.engine.restore(evse_id(charger.settings.id, connector_id), *limits.lingering, now);
    connector.safe_profile_sent.reset();
    if (!charger.link || now.mono < charger.quiet_until) return;
    charger.setup_due = now.mono;
    site.wake_by(now.mono);
}

void tend_limits(Site& site, Now now) {
    for (auto& [id, charger] : site.charge_points) {
        for (auto& [connector_id, connector] : charger.connectors) {
            if (connector_id == 0) continue;
            auto& limits = connector.limits;
            if (!site.find_open_on(charger, connector_id)) {
                limits.phases = 0;
                limits.sent.reset();
                replace_lingering(site, charger, connector_id, connector, now);
                continue;
            }
            limits.phases = phases_shown(connector, limits.phases);
            if (!charger.link || !is_outdated(charger, connector)) continue;
            limits.sent.reset();
            site.engine.reconnected(evse_id(id, connector_id), now);
            site.step_wanted = true;
            site.wake_by(now.mono + gather);
        }
    }
}

}  // namespace

void send_profile(Site& site, ChargePoint& charger, const v16::SetChargingProfile::Request& request,
                  ocpp::CallOptions options, std::function<void(const Answer&)> done) {
    auto& link = *charger.link;
    link.session.call(site.now, v16::SetChargingProfile::action,
                      profile_text(request, charger.quirks), std::move(options),
                      [done = std::move(done)](const ocpp::Session::RawAnswer& raw) {
                          if (const auto* failure = std::get_if<ocpp::CallFailure>(&raw))
                              return done(*failure);
                          DecodeReport report;
                          auto response = decode<v16::SetChargingProfile::Response>(
                              *std::get<const Json*>(raw), {.lenient = true}, report);
                          if (response) return done(std::move(*response));
                          done(ocpp::CallFailure{ocpp::CallFailure::Kind::invalid_answer, {}, {}});
                      });
    if (const auto deadline = link.session.deadline()) site.wake_by(*deadline);
    link.flush();
}

void on_meter_sample(Site& site, const dlm::MeterInput& sample, Now now) {
    site.meter = sample;
    site.step_wanted = true;
    site.next_step = now.mono;
    manage_load(site, now);
}

void manage_load(Site& site, Now now) {
    site.now = now;
    if (!site.step_wanted && now.mono < site.next_tick) return;
    if (now.mono < site.next_step) return site.wake_by(site.next_step);
    site.step_wanted = false;
    site.next_step = now.mono + gather;
    auto output = site.engine.step(gather_inputs(site), now);
    ++site.counters.load_management_steps;
    site.last_step_at = now.wall;
    site.next_tick = now.mono + tick;
    if (output.next_step) site.next_tick = std::min(site.next_tick, *output.next_step);
    site.next_tick = std::max(site.next_tick, site.next_step);
    site.wake_by(site.next_tick);
    const auto commands = output.commands;
    site.last_step = std::move(output);
    for (const auto& command : commands) site.newest_command[command.evse] = command.sequence;
    for (const auto& command : commands) execute(site, command, now);
    tend_limits(site, now);
    relieve_overload(site, now);
    renew_safe_profiles(site, now);
}

}  // namespace busbar::site
