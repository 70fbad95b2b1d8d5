#include "site/last_resort.hpp"

#include <algorithm>

#include "ocpp/v16/core.hpp"
#include "site/metering.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using Answer = ocpp::Session::Answer<v16::RemoteStopTransaction>;

constexpr auto patience = 10s;     // limits have done their work by then
constexpr auto stop_again = 30s;   // to one that did not obey
constexpr Amps drawing_min = 1_A;  // less endangers nothing

struct Candidate {
    ChargePoint* charger = nullptr;
    const Transaction* transaction = nullptr;
};

bool is_on(const Phases& wired, const Phases& overloaded) {
    for (std::size_t p = 0; p < wired.size(); ++p) {
        if (wired[p] && overloaded[p]) return true;
    }
    return false;
}

bool draws_nothing(const Connector& connector, Now now) {
    constexpr auto recent = 60s;
    if (!connector.measured || connector.measured_at + recent < now.mono) return false;
    const auto& amps = *connector.measured;
    return std::all_of(amps.begin(), amps.end(), [](Amps phase) { return phase < drawing_min; });
}

// Refuses limits, or must not be paused.
bool is_stubborn(const ChargePoint& charger, const Connector& connector) {
    return connector.limit_refused ||
           charger.quirks.minimum_amps_policy == MinimumAmpsPolicy::hold_minimum;
}

std::optional<Candidate> newest(Site& site, Now now) {
    std::optional<Candidate> best;
    for (auto& [id, charger] : site.charge_points) {
        if (!charger.link ||
            !is_on(wired_phases(charger.settings.phase_map), site.last_step.overloaded)) {
            continue;
        }
        for (const auto& transaction : charger.open) {
            const auto at = charger.connectors.find(transaction.start.connector_id);
            if (at == charger.connectors.end() || !is_stubborn(charger, at->second) ||
                draws_nothing(at->second, now) ||
                at->second.limits.stop_asked_at + stop_again > now.mono) {
                continue;
            }
            if (best && best->transaction->charging_since >= transaction.charging_since) continue;
            best = Candidate{&charger, &transaction};
        }
    }
    return best;
}

}  // namespace

bool ask_to_stop(Site& site, ChargePoint& charger, const Transaction& transaction,
                 std::string_view why, Now now) {
    auto* connector = connector_of(charger, transaction.start.connector_id);
    if (!connector || !charger.link) return false;
    auto& asked_at = connector->limits.stop_asked_at;
    if (asked_at > Instant::min() && asked_at + stop_again > now.mono) return false;
    asked_at = now.mono;
    const auto evse = evse_id(charger.settings.id, transaction.start.connector_id);
    const auto number = std::to_string(transaction.start.transaction_id);
    ++site.counters.overload_stops;
    count_deviation(charger, "stopped_by_load_management",
                    evse + " transaction " + number + ": " + std::string{why}, now.wall);
    if (site.log) {
        site.log("load_management_stops",
                 evse + " transaction=" + number + " reason=\"" + std::string{why} + "\"");
    }
    auto& session = charger.link->session;
    session.call<v16::RemoteStopTransaction>(
        now, {.transactionId = transaction.start.transaction_id},
        {.priority = ocpp::CallOptions::Priority::lowering, .timeout = 10s},
        [&site, evse](const Answer& answer) {
            const auto* response = std::get_if<v16::RemoteStopTransaction::Response>(&answer);
            if (response && response->status == v16::GenericStatus::Accepted) return;
            if (site.log) site.log("stop_refused", evse);
        });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
    return true;
}

void relieve_overload(Site& site, Now now) {
    const auto& phases = site.last_step.overloaded;
    if (std::find(phases.begin(), phases.end(), true) == phases.end()) {
        site.overload_since.reset();
        return;
    }
    if (!site.overload_since) site.overload_since = now.mono;
    if (now.mono < *site.overload_since + patience) {
        return site.wake_by(*site.overload_since + patience);
    }
    const auto chosen = newest(site, now);
    if (!chosen) return;
    const bool refuses =
        chosen->charger->connectors.at(chosen->transaction->start.connector_id).limit_refused;
    if (ask_to_stop(site, *chosen->charger, *chosen->transaction,
                    refuses ? "the connection is overloaded and the charge point refuses limits"
                            : "the connection is overloaded and the charge point cannot pause",
                    now)) {
        // Time for this one to tell, before the next.
        site.overload_since = now.mono;
    }
}

}  // namespace busbar::site
