#include "site/trigger_poll.hpp"

#include <algorithm>

#include "base/codec.hpp"
#include "ocpp/v16/remote_trigger.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using Wanted = v16::TriggerMessageRequestedMessage;
using Answer = ocpp::Session::Answer<v16::TriggerMessage>;

constexpr int status_questions_max = 2;  // with one connection

bool may_ask_for(const ChargePoint& charger, Wanted message) {
    const auto& known = charger.quirks.trigger_messages;
    const auto& unsupported = charger.quirks.unsupported_actions;
    return std::find(known.begin(), known.end(), enumerator_name(message)) != known.end() &&
           std::find(unsupported.begin(), unsupported.end(), v16::TriggerMessage::action) ==
               unsupported.end();
}

// Those with a running transaction whose values have not come for too long.
std::vector<std::int32_t> overdue_connectors(Site& site, const ChargePoint& charger, Now now) {
    const auto patience = patience_for_values(site, charger);
    std::vector<std::int32_t> out;
    for (const auto& transaction : charger.open) {
        const auto connector = charger.connectors.find(transaction.start.connector_id);
        if (connector == charger.connectors.end()) continue;
        auto since = std::max(transaction.charging_since, charger.quiet_until);
        if (connector->second.values_at) since = std::max(since, *connector->second.values_at);
        if (now.mono >= since + patience) {
            out.push_back(connector->first);
        } else {
            site.wake_by(since + patience);
        }
    }
    return out;
}

// What it has said of a connector was said over an earlier connection.
bool is_status_stale(const ChargePoint& charger, std::int32_t connector_id) {
    const auto& status = charger.connectors.at(connector_id).status;
    return !status || (charger.connected_at && status->received_at < *charger.connected_at);
}

// It does not answer, or will not: less is asked of it the next time.
void step_down(ChargePoint& charger, const v16::TriggerMessage::Request& asked) {
    auto& poll = charger.poll;
    if (asked.connectorId) {
        poll.without_connector = true;
    } else if (asked.requestedMessage == Wanted::MeterValues) {
        poll.is_refused = true;
    } else {
        poll.status_asked = status_questions_max;
    }
}

void learn_without(Site& site, ChargePoint& charger, Wanted message) {
    auto left = charger.quirks.trigger_messages;
    std::erase(left, enumerator_name(message));
    learn(site, charger, "triggerMessages", busbar::to_json(left),
          "TriggerMessage for " + enumerator_name(message), site.now);
}

void take(Site& site, const std::string& charge_point, const v16::TriggerMessage::Request& asked,
          const Answer& answer) {
    ChargePoint* charger = site.find(charge_point);
    if (!charger) return;
    const bool had_connector = asked.connectorId.has_value();
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        using enum ocpp::CallFailure::Kind;
        if (failure->kind == timeout || failure->kind == refused) {
            step_down(*charger, asked);
        }
        return;
    }
    switch (std::get<v16::TriggerMessage::Response>(answer).status) {
        case v16::TriggerMessageStatus::Accepted:
            // With a connector it did not: that is a habit.
            if (!had_connector && charger->poll.without_connector) {
                learn(site, *charger, "triggerConnectorId", "false",
                      "TriggerMessage with a connectorId", site.now);
            }
            return;
        case v16::TriggerMessageStatus::NotImplemented:
            if (!had_connector) learn_without(site, *charger, asked.requestedMessage);
            [[fallthrough]];
        case v16::TriggerMessageStatus::Rejected:
            step_down(*charger, asked);
    }
}

void ask(Site& site, ChargePoint& charger, Wanted message, std::optional<std::int32_t> connector) {
    auto& session = charger.link->session;
    const v16::TriggerMessage::Request request{message, connector};
    ocpp::CallOptions options;
    options.timeout = std::chrono::seconds{charger.quirks.call_timeout_seconds};
    options.coalescing_key = "poll:" + enumerator_name(message);
    session.call<v16::TriggerMessage>(
        site.now, request, std::move(options),
        [&site, id = charger.settings.id, request](const Answer& answer) {
            take(site, id, request, answer);
        });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
}

}  // namespace

void ask_for_states(Site& site, ChargePoint& charger) {
    if (!charger.link || !may_ask_for(charger, Wanted::StatusNotification)) return;
    ask(site, charger, Wanted::StatusNotification, {});
}

std::chrono::seconds patience_for_values(const Site& site, const ChargePoint& charger) {
    const auto& quirks = charger.quirks;
    if (quirks.live_values == LiveValues::on_trigger) {
        return std::chrono::seconds{quirks.trigger_poll_interval_seconds};
    }
    const std::chrono::seconds shortest{quirks.meter_sample_interval_min_seconds};
    return std::max<std::chrono::seconds>(
        120s, 3 * std::max(site.settings.meter_sample_interval, shortest));
}

void ask_for_what_is_overdue(Site& site, ChargePoint& charger, Now now) {
    const std::chrono::seconds interval{charger.quirks.trigger_poll_interval_seconds};
    auto& poll = charger.poll;
    const bool is_ready = charger.link && charger.settings.state == "accepted" &&
                          !charger.setup_due && now.mono >= charger.quiet_until;
    if (!is_ready || interval == 0s || charger.open.empty()) return;
    if (poll.asked_at && now.mono < *poll.asked_at + interval) {
        return site.wake_by(*poll.asked_at + interval);
    }
    const auto overdue = overdue_connectors(site, charger, now);
    if (overdue.empty()) return;
    poll.asked_at = now.mono;
    site.wake_by(now.mono + interval);
    if (charger.quirks.live_values != LiveValues::on_trigger) {
        count_deviation(charger, "MeterValues:overdue", evse_id(charger.settings.id, overdue[0]),
                        now.wall);
    }
    if (poll.is_refused) return;
    std::optional<std::int32_t> connector;
    const bool names_it = charger.quirks.trigger_connector_id && !poll.without_connector;
    if (names_it && overdue.size() == 1) connector = overdue.front();
    if (may_ask_for(charger, Wanted::MeterValues)) {
        ask(site, charger, Wanted::MeterValues, connector);
    }
    const bool is_stale = std::any_of(overdue.begin(), overdue.end(), [&](std::int32_t id) {
        return is_status_stale(charger, id);
    });
    if (is_stale && poll.status_asked < status_questions_max &&
        may_ask_for(charger, Wanted::StatusNotification)) {
        ++poll.status_asked;
        ask(site, charger, Wanted::StatusNotification, connector);
    }
    charger.link->flush();
}

}  // namespace busbar::site
