#include "site/limit_key.hpp"

#include <algorithm>
#include <utility>

#include "ocpp/v16/core.hpp"
#include "site/charger_keys.hpp"
#include "site/charging_profiles.hpp"
#include "site/safe_profiles.hpp"

namespace busbar::site {
namespace {

using Answer = ocpp::Session::Answer<v16::ChangeConfiguration>;
using Status = v16::ChangeConfigurationStatus;

constexpr std::chrono::milliseconds write_timeout{10'000};  // as for profiles, ruling R15

// One write on its way.
struct Write {
    std::string charge_point;
    std::int32_t connector_id = 0;
    std::string value;
    std::uint64_t number = 0;  // the engine's
};

// In the charger's spelling, if it has told it.
std::string key_of(const ChargePoint& charger) {
    const auto& reported = charger.configuration.reported;
    const auto known = reported.find(charger.quirks.limit_key);
    return known == reported.end() ? charger.quirks.limit_key : known->second.key;
}

void take_acceptance(Site& site, ChargePoint& charger, Connector& connector, const Write& write) {
    const auto evse = evse_id(write.charge_point, write.connector_id);
    site.engine.safe_accepted(evse, write.number);
    connector.limits.is_by_key = true;
    connector.limits.key_value = write.value;
    connector.safe_profile_accepted = true;
    connector.safe_profile_refused = false;
    connector.limit_refused = false;
    take_change(charger.configuration.reported, key_of(charger), write.value, site.now.wall);
    record_safe_held(site, connector, evse);
}

KeyAnswer settle(Site& site, const Write& write, const Answer& answer) {
    ChargePoint* charger = site.find(write.charge_point);
    auto* connector = charger ? connector_of(*charger, write.connector_id) : nullptr;
    if (!connector) return KeyAnswer::not_sent;
    const auto evse = evse_id(write.charge_point, write.connector_id);
    if (const auto* failure = std::get_if<ocpp::CallFailure>(&answer)) {
        using enum ocpp::CallFailure::Kind;
        const bool never_written = failure->kind == superseded || failure->kind == queue_full;
        if (!never_written && failure->kind != refused) return KeyAnswer::unanswered;
        site.engine.safe_refused(evse, write.number);
        return never_written ? KeyAnswer::not_sent : KeyAnswer::refused;
    }
    const auto status = std::get<v16::ChangeConfiguration::Response>(answer).status;
    if (status == Status::Accepted) {
        take_acceptance(site, *charger, *connector, write);
        return KeyAnswer::accepted;
    }
    // One that needs a reboot stays booked: it will be in force some day, and is not now.
    if (status != Status::RebootRequired) site.engine.safe_refused(evse, write.number);
    return KeyAnswer::refused;
}

void put(Site& site, ChargePoint& charger, std::int32_t connector_id, Amps limit,
         ocpp::CallOptions::Priority priority, std::function<void(KeyAnswer)> done) {
    auto& limits = charger.connectors.at(connector_id).limits;
    Write write;
    write.charge_point = charger.settings.id;
    write.connector_id = connector_id;
    write.value = limit_key_value(limit, charger.quirks);
    write.number = site.engine.safe_sent(evse_id(write.charge_point, connector_id), limit);
    limits.key_value.clear();
    limits.key_written_at = site.now.mono;
    auto& session = charger.link->session;
    const v16::ChangeConfiguration::Request request{.key = key_of(charger), .value = write.value};
    session.call<v16::ChangeConfiguration>(
        site.now, request,
        {.priority = priority,
         .timeout = write_timeout,
         .coalescing_key = "limit:" + std::to_string(connector_id)},
        [&site, write, done = std::move(done)](const Answer& answer) {
            done(settle(site, write, answer));
        });
    if (const auto deadline = session.deadline()) site.wake_by(*deadline);
    charger.link->flush();
}

}  // namespace

bool has_limit_key(const ChargePoint& charger) {
    const auto& quirks = charger.quirks;
    const auto& actions = quirks.unsupported_actions;
    return !quirks.limit_key.empty() && profile_abilities(charger).connectors == 1 &&
           std::find(actions.begin(), actions.end(), v16::ChangeConfiguration::action) ==
               actions.end();
}

std::string limit_key_value(Amps limit, const Quirks& quirks) {
    const auto tenths = wire_limit(limit, v16::ChargingRateUnit::A, 1, quirks).value;
    return std::to_string(std::int64_t{tenths} * quirks.limit_key_units_per_amp / 10);
}

void write_limit_key(Site& site, ChargePoint& charger, std::int32_t connector_id, Amps limit,
                     ocpp::CallOptions::Priority priority, std::function<bool()> is_wanted,
                     std::function<void(KeyAnswer)> done) {
    auto& connector = charger.connectors.at(connector_id);
    if (connector.limits.key_value == limit_key_value(limit, charger.quirks)) {
        return done(KeyAnswer::accepted);
    }
    const auto evse = evse_id(charger.settings.id, connector_id);
    const auto held = site.engine.safe_held(evse);
    // Without a row it counts as able to give all it can after a restart.
    if (!held || limit <= *held) {
        return put(site, charger, connector_id, limit, priority, std::move(done));
    }
    if (site.journal.full()) return done(KeyAnswer::not_sent);
    const auto row = record_safe_current(site, connector, evse, limit);
    site.journal.when_durable(
        row, [&site, id = charger.settings.id, connector_id, limit, priority,
              is_wanted = std::move(is_wanted), done = std::move(done)]() mutable {
            ChargePoint* present = site.find(id);
            if (!present || !present->link || !connector_of(*present, connector_id) ||
                !has_limit_key(*present) || !is_wanted()) {
                return done(KeyAnswer::not_sent);
            }
            put(site, *present, connector_id, limit, priority, std::move(done));
        });
}

bool is_too_early_for_key(const ChargePoint& charger, const Connector& connector, Amps limit,
                          Now now) {
    const auto& limits = connector.limits;
    if (!limits.is_by_key || limits.key_written_at == Instant::min()) return false;
    if (limits.key_value == limit_key_value(limit, charger.quirks)) return false;
    const std::chrono::seconds interval{charger.quirks.limit_key_interval_min_seconds};
    return now.mono < limits.key_written_at + interval;
}

void check_limit_key(Site& site, ChargePoint& charger, std::int32_t connector_id,
                     Connector& connector, Now now) {
    auto& limits = connector.limits;
    if (!limits.is_by_key || limits.key_value.empty()) return;
    const auto reported = configuration_value(charger, charger.quirks.limit_key);
    if (!reported || is_same_value(*reported, limits.key_value)) return;
    count_deviation(charger, "limit_key_overwritten",
                    charger.quirks.limit_key + ": " + std::string{*reported} + " instead of " +
                        limits.key_value,
                    now.wall);
    limits.key_value.clear();
    safe_current_gone(site, charger, connector_id, connector);
    site.engine.lost(evse_id(charger.settings.id, connector_id), now);
    site.step_wanted = true;
    charger.setup_due = now.mono;
    site.wake_by(now.mono);
}

}  // namespace busbar::site
