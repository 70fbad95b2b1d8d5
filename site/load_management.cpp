#include "site/load_management.hpp"

#include <algorithm>

#include "dlm/explain.hpp"
#include "ocpp/v16/remote_trigger.hpp"
#include "ocpp/v16/smart_charging.hpp"
#include "site/charging_profiles.hpp"
#include "site/metering.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

// Changes that are not a meter's are gathered for this long: a hundred chargers that report at
// once cause a few steps, not a hundred.
constexpr std::chrono::milliseconds gather{20};
constexpr std::chrono::milliseconds tick{1000};
constexpr std::chrono::milliseconds profile_timeout{10'000};  // ruling R15

dlm::EvseInput evse_input(const Site& site, const ChargePoint& charger, std::int32_t connector_id,
                          const Connector& connector) {
    dlm::EvseInput input;
    input.id = evse_id(charger.settings.id, connector_id);
    input.wired = wired_phases(charger.settings.phase_map);
    input.hardware_max = Amps::from_milliamps(charger.settings.max_milliamps);
    input.minimum = site.settings.minimum_current;
    // A charger that took the safe profile and refuses limits stays at the safe current. One that
    // takes neither may draw all it can.
    input.controllable = !(connector.limit_refused && connector.safe_profile_refused);
    input.reachable = charger.link != nullptr;
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

void record_answer(Site& site, std::uint64_t sequence, std::string status, Timestamp at) {
    site.record({db::LimitAnswered{static_cast<std::int64_t>(sequence), std::move(status), at}});
}

using Answer = ocpp::Session::Answer<v16::SetChargingProfile>;

// Tells the engine how a command ended. The clock is read by whoever delivers the answer; what the
// site last saw is near enough for books that count in seconds.
void settle(Site& site, const dlm::Command& command, const Answer& answer, Now now) {
    site.step_wanted = true;
    site.wake_by(now.mono + gather);
    const auto evse = find_evse(site, command.evse);
    auto* connector = evse ? connector_of(*evse->charger, evse->connector_id) : nullptr;
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        using enum ocpp::CallFailure::Kind;
        switch (failure->kind) {
            case superseded:
            case queue_full:
                return site.engine.withdrawn(command.evse, command.sequence, now);
            case refused:
                site.engine.refused(command.evse, command.sequence, now);
                record_answer(site, command.sequence, "CALLERROR", now.wall);
                if (connector) connector->limit_refused = true;
                break;
            case timeout:
            case disconnected:
            case invalid_answer:
                site.engine.unanswered(command.evse, command.sequence, now);
                record_answer(site, command.sequence, "timeout", now.wall);
                break;
        }
    } else {
        const auto status = std::get<v16::SetChargingProfile::Response>(answer).status;
        const bool accepted = status == v16::SetChargingProfileStatus::Accepted;
        if (accepted)
            site.engine.acknowledged(command.evse, command.sequence, now);
        else
            site.engine.refused(command.evse, command.sequence, now);
        if (connector) connector->limit_refused = !accepted;
        record_answer(site, command.sequence, enumerator_name(status), now.wall);
    }
    if (site.log && connector && connector->limit_refused) {
        site.log("limit_refused", command.evse);
    }
}

void send(Site& site, const dlm::Command& command, Now now) {
    const auto evse = find_evse(site, command.evse);
    if (!evse || !evse->charger->link) {
        return site.engine.withdrawn(command.evse, command.sequence, now);
    }
    const Transaction* transaction = site.find_open_on(*evse->charger, evse->connector_id);
    if (!transaction) return site.engine.withdrawn(command.evse, command.sequence, now);
    const auto request = leased_profile({.connector_id = evse->connector_id,
                                         .transaction_id = transaction->start.transaction_id,
                                         .limit = command.limit,
                                         .safe = command.safe,
                                         .lease = command.lease},
                                        now.wall);
    using Priority = ocpp::CallOptions::Priority;
    const bool lowering = command.kind == dlm::CommandKind::lowering;
    auto& link = *evse->charger->link;
    site.engine.sent(command.evse, command.sequence, now);
    ++site.counters.limits_sent;
    link.session.call<v16::SetChargingProfile>(
        now, request,
        {.priority = lowering ? Priority::lowering : Priority::normal,
         .timeout = profile_timeout,
         .coalescing_key = "limit:" + std::to_string(evse->connector_id)},
        [&site, command](const Answer& answer) { settle(site, command, answer, site.now); });
    if (const auto deadline = link.session.deadline()) site.wake_by(*deadline);
    link.flush();
    if (site.log) {
        site.log("limit", command.evse + " limit=\"" + dlm::to_text(command.limit) +
                              "\" reason=" + command.reason.code);
    }
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
void execute(Site& site, const dlm::Command& command, Now now) {
    const auto evse = find_evse(site, command.evse);
    const auto* transaction =
        evse ? site.find_open_on(*evse->charger, evse->connector_id) : nullptr;
    if (!transaction) return site.engine.withdrawn(command.evse, command.sequence, now);
    // Whatever happened while a row was written: an older command must not follow a newer one.
    const auto send_unless_superseded = [&site, command, meant_for = transaction->start.id] {
        const auto present = find_evse(site, command.evse);
        const auto* running =
            present ? site.find_open_on(*present->charger, present->connector_id) : nullptr;
        if (!running || running->start.id != meant_for ||
            site.is_superseded(command.evse, command.sequence)) {
            return site.engine.withdrawn(command.evse, command.sequence, site.now);
        }
        send(site, command, site.now);
    };
    auto row = row_of(command, *evse, now);
    if (command.kind == dlm::CommandKind::lowering) {
        site.journal.when_durable(transaction->recorded, send_unless_superseded);
        site.record({std::move(row)});
    } else {
        site.journal.when_durable(site.record({std::move(row)}), send_unless_superseded);
    }
}

// Safe currents are one plan for the whole site: a new connector may change those of all others.
void renew_safe_profiles(Site& site, Now now) {
    for (auto& [id, charger] : site.charge_points) {
        if (!charger.link || charger.setup_due) continue;
        for (const auto& [connector_id, connector] : charger.connectors) {
            if (connector_id == 0 || !connector.safe_profile_sent) continue;
            if (*connector.safe_profile_sent == site.engine.safe(evse_id(id, connector_id))) {
                continue;
            }
            charger.setup_due = now.mono;
            site.wake_by(now.mono);
        }
    }
}

}  // namespace

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
    renew_safe_profiles(site, now);
}

void set_up(Site& site, ChargePoint& charger, Now now) {
    charger.setup_due.reset();
    if (!charger.link || charger.settings.state != "accepted") return;
    const auto id = charger.settings.id;
    auto& session = charger.link->session;
    if (charger.connectors.empty()) {
        session.call<v16::TriggerMessage>(
            now,
            {.requestedMessage = v16::TriggerMessageRequestedMessage::StatusNotification,
             .connectorId = {}},
            {}, [](const auto&) {});
    }
    for (auto& [connector_id, connector] : charger.connectors) {
        if (connector_id == 0) continue;
        const Amps safe = site.engine.safe(evse_id(id, connector_id));
        if (connector.safe_profile_sent == safe) continue;
        connector.safe_profile_sent = safe;
        session.call<v16::SetChargingProfile>(
            now, safe_profile(connector_id, safe),
            {.timeout = profile_timeout, .coalescing_key = "safe:" + std::to_string(connector_id)},
            [&site, id, number = connector_id](const Answer& answer) {
                ChargePoint* present = site.find(id);
                if (!present) return;
                auto& installed = present->connectors[number];
                const auto* failure = std::get_if<ocpp::CallFailure>(&answer);
                if (failure && failure->kind != ocpp::CallFailure::Kind::refused) {
                    // Not known to have arrived: once more, at leisure.
                    installed.safe_profile_sent.reset();
                    if (!present->link) return;
                    present->setup_due = site.now.mono + 60s;
                    return site.wake_by(*present->setup_due);
                }
                installed.safe_profile_refused =
                    failure || std::get<v16::SetChargingProfile::Response>(answer).status !=
                                   v16::SetChargingProfileStatus::Accepted;
                installed.safe_profile_accepted |= !installed.safe_profile_refused;
                if (installed.safe_profile_refused && site.log) {
                    site.log("safe_profile_refused", evse_id(id, number));
                }
            });
    }
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

}  // namespace busbar::site
