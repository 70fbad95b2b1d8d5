#include "site/load_management.hpp"

#include <algorithm>
#include <utility>

#include "base/codec.hpp"
#include "dlm/explain.hpp"
#include "ocpp/v16/smart_charging.hpp"
#include "site/charging_profiles.hpp"
#include "site/last_resort.hpp"
#include "site/limit_habits.hpp"
#include "site/limit_key.hpp"
#include "site/load_inputs.hpp"
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

void refuse(Site& site, const dlm::Command& command, Connector* connector, std::string status,
            Now now) {
    site.engine.refused(command.evse, command.sequence, now);
    record_answer(site, command.sequence, std::move(status), now.wall);
    if (!connector) return;
    connector->limit_refused = true;
    if (site.log) site.log("limit_refused", command.evse);
}

void send(Site& site, const dlm::Command& command, const Running& to, Now now);
void send_by_key(Site& site, const dlm::Command& command, const Running& to, Connector& connector,
                 Now now);

// A refusal of a shape that was never taken may be about the shape: the next one goes out at once.
void take_refusal(Site& site, const SentLimit& sent, std::string status, Now now) {
    const auto evse = find_evse(site, sent.command.evse);
    auto* connector = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    const auto* running =
        connector ? site.find_open_on(*evse->charger, evse->connector_id) : nullptr;
    // One for a transaction that is over says nothing of the next.
    if (!running || running->start.id != sent.meant_for) {
        return refuse(site, sent.command, nullptr, std::move(status), now);
    }
    const bool is_newest = !site.is_superseded(sent.command.evse, sent.command.sequence);
    if (is_newest) connector->limits.lingering_sent.reset();
    if (connector->limits.taken == sent.shape) {
        return refuse(site, sent.command, connector, std::move(status), now);
    }
    shape_refused(*connector, *running, sent, now);
    const bool is_over = !evse->charger->link || !is_newest;
    const auto shapes = limit_shapes(profile_abilities(*evse->charger));
    const bool is_last = !next_shape(shapes, connector->limits.refused);
    if (is_over || (is_last && !has_limit_key(*evse->charger))) {
        return refuse(site, sent.command, connector, std::move(status), now);
    }
    if (is_last) {
        return send_by_key(site, sent.command, {*evse->charger, *running}, *connector, now);
    }
    send(site, sent.command, {*evse->charger, *running}, now);
}

// `by_profile`: nothing for one by key.
void take_acceptance(Site& site, const dlm::Command& command, const SentLimit* by_profile,
                     Now now) {
    site.engine.acknowledged(command.evse, command.sequence, now);
    record_answer(site, command.sequence, "Accepted", now.wall);
    const auto evse = find_evse(site, command.evse);
    auto* connector = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    if (!connector) return;
    connector->limit_refused = false;
    auto& limits = connector->limits;
    if (limits.is_paused && command.limit > Amps{}) {
        limits.is_paused = false;
        limits.resumed_at = now;
    }
    if (by_profile) {
        limits.is_by_key = false;
        return limit_taken(site, *evse->charger, *by_profile, *connector, now);
    }
    // The key says the same until it is written again.
    limits.lingering = command.limit;
    limits.taken.reset();
}

void take_silence(Site& site, const dlm::Command& command, Now now) {
    site.engine.unanswered(command.evse, command.sequence, now);
    record_answer(site, command.sequence, "timeout", now.wall);
    const auto evse = find_evse(site, command.evse);
    auto* connector = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    if (connector) limit_unanswered(*connector);
}

// Tells the engine how a command ended. The clock is read by whoever delivers the answer; what the
// site last saw is near enough for books that count in seconds.
void settle(Site& site, const SentLimit& sent, const Answer& answer, Now now) {
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
                return take_silence(site, command, now);
        }
    }
    const auto status = std::get<v16::SetChargingProfile::Response>(answer).status;
    if (status == v16::SetChargingProfileStatus::Accepted) {
        return take_acceptance(site, command, &sent, now);
    }
    take_refusal(site, sent, enumerator_name(status), now);
}

void settle_key(Site& site, const dlm::Command& command, KeyAnswer answer, Now now) {
    site.step_wanted = true;
    site.wake_by(now.mono + gather);
    const auto evse = find_evse(site, command.evse);
    auto* connector = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    switch (answer) {
        case KeyAnswer::accepted:
            return take_acceptance(site, command, nullptr, now);
        case KeyAnswer::refused:
            if (connector) connector->limits.is_by_key = false;
            return refuse(site, command, connector, "Rejected", now);
        case KeyAnswer::unanswered:
            site.engine.unanswered(command.evse, command.sequence, now);
            return record_answer(site, command.sequence, "timeout", now.wall);
        case KeyAnswer::not_sent:
            return site.engine.withdrawn(command.evse, command.sequence, now);
    }
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

void log_limit(const Site& site, const dlm::Command& command) {
    if (!site.log) return;
    site.log("limit", command.evse + " limit=\"" + dlm::to_text(command.limit) +
                          "\" reason=" + command.reason.code);
}

ocpp::CallOptions::Priority priority_of(const dlm::Command& command) {
    using Priority = ocpp::CallOptions::Priority;
    return command.kind == dlm::CommandKind::lowering ? Priority::lowering : Priority::normal;
}

// No profile carries the limit.
void send_by_key(Site& site, const dlm::Command& command, const Running& to, Connector& connector,
                 Now now) {
    connector.limits.sent.reset();
    site.engine.sent(command.evse, command.sequence, now);
    ++site.counters.limits_sent;
    log_limit(site, command);
    const auto meant_for = to.transaction.start.id;
    const auto is_wanted = [&site, command, meant_for] {
        const auto evse = find_evse(site, command.evse);
        const auto* running =
            evse ? site.find_open_on(*evse->charger, evse->connector_id) : nullptr;
        return running && running->start.id == meant_for &&
               !site.is_superseded(command.evse, command.sequence);
    };
    write_limit_key(site, to.charger, to.transaction.start.connector_id, command.limit,
                    priority_of(command), is_wanted, [&site, command](KeyAnswer answer) {
                        settle_key(site, command, answer, site.now);
                    });
}

void send(Site& site, const dlm::Command& command, const Running& to, Now now) {
    const auto connector_id = to.transaction.start.connector_id;
    auto* connector = connector_of(to.charger, connector_id);
    if (!connector) return refuse(site, command, connector, "NotSupported", now);
    note_pause(site, to.charger, command, *connector, now);
    const auto shape = present_shape(to.charger, connector_id, *connector);
    if (!shape && has_limit_key(to.charger)) {
        return send_by_key(site, command, to, *connector, now);
    }
    if (!shape) return refuse(site, command, connector, "NotSupported", now);
    const auto limit = limit_of(command, to, *connector, now);
    const auto lag = clock_lag(site, to.charger, now.wall);
    const SentLimit sent{command, to.transaction.start.id, *shape};
    limit_leaves(*connector, sent);
    connector->limits.sent = shape;
    connector->limits.lag_sent = lag;
    connector->limits.phases_sent = shape->unit == v16::ChargingRateUnit::W ? limit.phases : 0;
    site.engine.sent(command.evse, command.sequence, now);
    ++site.counters.limits_sent;
    send_profile(site, to.charger, leased_profile(limit, *shape, to.charger.quirks, now.wall - lag),
                 {.priority = priority_of(command),
                  .timeout = profile_timeout,
                  .coalescing_key = "limit:" + std::to_string(connector_id)},
                 [&site, sent](const Answer& answer) { settle(site, sent, answer, site.now); });
    log_limit(site, command);
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
        const bool is_asked = ask_to_stop(
            site, *evse->charger, *transaction,
            "there is no room for its minimum, and this charge point cannot pause", now);
        // One that does not end its transaction may pause after all.
        if (is_asked) return site.engine.refused(command.evse, command.sequence, now);
    }
    const bool must_wait = connector && !is_lowering &&
                           is_too_early_for_key(*evse->charger, *connector, command.limit, now);
    if (!connector || must_wait || (!is_lowering && site.journal.full())) {
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

// A step looks at all chargers: with thousands of them, far beyond what a site has, it must not be
// all that is done.
std::chrono::milliseconds gather_time(const Site& site) {
    return std::max(gather, std::chrono::milliseconds{site.charge_points.size() / 50});
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
    if (now.mono < site.next_tick) {
        if (!site.step_wanted && site.next_step > now.mono) return;
        // The first thing to happen since the last step waits for what comes with it.
        if (site.next_step == Instant::max()) site.next_step = now.mono + gather_time(site);
        if (now.mono < site.next_step) return site.wake_by(site.next_step);
    }
    site.step_wanted = false;
    site.next_step = Instant::max();
    auto output = site.engine.step(gather_inputs(site), now);
    ++site.counters.load_management_steps;
    site.last_step_at = now.wall;
    site.next_tick = now.mono + tick;
    if (output.next_step) site.next_tick = std::min(site.next_tick, *output.next_step);
    site.next_tick = std::max(site.next_tick, now.mono + gather_time(site));
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
