#include "site/load_inputs.hpp"

#include <algorithm>
#include <utility>

#include "site/authorization.hpp"
#include "site/badge_reading.hpp"
#include "site/charger_keys.hpp"
#include "site/charging_profiles.hpp"
#include "site/limit_habits.hpp"
#include "site/limit_key.hpp"
#include "site/metering.hpp"
#include "site/operator_profiles.hpp"
#include "site/safe_profiles.hpp"
#include "site/transactions.hpp"

namespace busbar::site {
namespace {

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

std::chrono::seconds raise_pause(const ChargePoint& charger, const Connector& connector) {
    const auto& quirks = charger.quirks;
    const bool by_key = connector.limits.is_by_key && has_limit_key(charger);
    return std::chrono::seconds{std::max(quirks.min_profile_interval_seconds,
                                         by_key ? quirks.limit_key_interval_min_seconds : 0)};
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
    const bool holds_safe = holds_safe_profile(site, charger, connector);
    // What holds it back for good comes before what holds it back for now.
    input.being_set_up = site.now.mono < charger.quiet_until || (charger.setup_due && !holds_safe);
    input.trusted = charger.quirks.trust_accepted_limit;
    input.may_pause = charger.quirks.minimum_amps_policy != MinimumAmpsPolicy::hold_minimum;
    input.pause_last = is_paused_often(charger.quirks, connector, site.now);
    input.raise_pause = raise_pause(charger, connector);
    input.also_held = held_by_operators(charger, connector_id);
    if (!holds_safe) input.also_held = std::max(input.also_held, input.hardware_max);
    input.raise_min = Amps::from_double(charger.quirks.profile_dead_band_amps);
    input.measured = connector.measured;
    input.measured_at = connector.measured_at;
    for (const auto& transaction : charger.open) {
        if (transaction.start.connector_id != connector_id) continue;
        input.charging = true;
        input.charging_since = transaction.charging_since;
        // Beside a car without special rights a free socket is its equal: the safe currents, which
        // go by class as well, do not change hands with every car.
        input.class_id = charging_class(find_badge(site, charger, transaction.start.id_tag)) -
                         charging_class(nullptr);
    }
    return input;
}

bool has_spoken(const Connector& connector) {
    return connector.is_faulted_with_whole ? connector.own_status.has_value()
                                           : connector.status.has_value();
}

// Made-up connectors go with what load management has booked for them.
void drop_made_up(const Site& site, ChargePoint& charger) {
    std::erase_if(charger.connectors, [&](const auto& known) {
        const auto& [connector_id, connector] = known;
        return connector_id > 0 && !has_transaction(charger, connector_id) &&
               is_made_up(charger, connector_id, connector) &&
               !site.engine.knows(evse_id(charger.settings.id, connector_id));
    });
}

void gather_from(Site& site, ChargePoint& charger, std::vector<dlm::EvseInput>& evses) {
    // One that is not let in any more may have a car all the same, and cannot be told anything.
    const bool is_accepted = charger.settings.state == "accepted";
    const auto add = [&](dlm::EvseInput input) {
        input.reachable = input.reachable && is_accepted;
        evses.push_back(std::move(input));
    };
    for (const auto& transaction : charger.open) {
        connector_of(charger, transaction.start.connector_id);
    }
    drop_made_up(site, charger);
    for (const auto& [connector_id, connector] : charger.connectors) {
        if (connector_id == 0 || is_hidden(charger, connector_id)) continue;
        const bool made_up = is_made_up(charger, connector_id, connector);
        if ((made_up || !is_accepted) && !has_transaction(charger, connector_id)) continue;
        auto input = evse_input(site, charger, connector_id, connector);
        input.made_up = made_up;
        // No safe profile holds its car back, either.
        if (made_up && connector.limit_refused) input.controllable = false;
        add(std::move(input));
    }
    for (const auto& transaction : charger.open) {
        if (connector_of(charger, transaction.start.connector_id)) continue;
        // Current on a connector that no limit can name: booked at all it may be.
        auto input = evse_input(site, charger, transaction.start.connector_id, {});
        input.controllable = false;
        input.made_up = true;
        add(std::move(input));
    }
}

}  // namespace

bool is_made_up(const ChargePoint& charger, std::int32_t connector_id, const Connector& connector) {
    const auto& limits = connector.limits;
    if (has_spoken(connector) || connector.safe_profile_accepted || limits.lingering ||
        limits.lingering_sent) {
        return false;
    }
    const bool others_speak =
        std::any_of(charger.connectors.begin(), charger.connectors.end(),
                    [](const auto& other) { return other.first > 0 && has_spoken(other.second); });
    const auto told = configuration_number(charger, "NumberOfConnectors");
    return others_speak && connector_id > told.value_or(0);
}

dlm::Inputs gather_inputs(Site& site) {
    dlm::Inputs inputs;
    inputs.meter = site.meter;
    inputs.lowerings_only = site.journal.full();
    for (auto& [id, charger] : site.charge_points) gather_from(site, charger, inputs.evses);
    return inputs;
}

}  // namespace busbar::site
