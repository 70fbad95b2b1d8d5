#include "app/restore.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "site/availability.hpp"
#include "site/badges.hpp"
#include "site/charger_keys.hpp"
#include "site/local_list.hpp"
#include "site/operator_profiles.hpp"
#include "site/safe_profiles.hpp"
#include "site/transactions.hpp"

namespace busbar::app {
namespace {

// The tally of a transaction as its newest register leaves it, where no row says more.
site::EnergyTally tally_of(const db::TransactionStarted& start, double register_wh, Timestamp at,
                           double power_watts_max) {
    auto tally = site::begin_tally(start.meter_start_wh, start.started_at);
    site::add_reading(tally, {.at = at, .register_wh = register_wh}, power_watts_max);
    return tally;
}

site::Transaction transaction_of(db::OpenTransaction row, double power_watts_max, Now now) {
    site::Transaction transaction;
    transaction.register_wh = row.start.meter_start_wh;
    transaction.register_at = row.start.started_at;
    transaction.energy = site::begin_tally(row.start.meter_start_wh, row.start.started_at);
    // The newest that no charger can have got to is none.
    for (const auto& [wh, at] : row.registers) {
        const auto most = site::deliverable_wh(power_watts_max, row.start.started_at, at);
        const auto rise = site::register_rise(row.start.meter_start_wh, wh, most);
        if (!rise.wh || std::abs(wh) > std::numeric_limits<std::int32_t>::max()) continue;
        transaction.register_wh = static_cast<std::int32_t>(wh);
        transaction.register_at = at;
        transaction.energy = tally_of(row.start, wh, at, power_watts_max);
        break;
    }
    transaction.start = std::move(row.start);
    transaction.charging_since = now.mono;
    return transaction;
}

void restore_charge_points(site::Site& site, db::SiteSnapshot& snapshot) {
    for (auto& settings : snapshot.charge_points) {
        auto& charger = site.charge_points[settings.id];
        charger.settings = std::move(settings);
    }
    for (auto& boot : snapshot.boots) {
        if (auto* charger = site.find(boot.id)) charger->boot = std::move(boot);
    }
    for (auto& status : snapshot.connectors) {
        auto* charger = site.find(status.charge_point);
        if (charger) charger->connectors[status.connector_id].status = std::move(status);
    }
}

void restore_transactions(site::Site& site, db::SiteSnapshot& snapshot, Now now) {
    for (auto& row : snapshot.open_transactions) {
        auto* charger = site.find(row.start.charge_point);
        if (!charger) continue;
        const auto power = site::power_watts_max(*charger);
        charger->open.push_back(transaction_of(std::move(row), power, now));
    }
    for (auto& row : snapshot.recent_transactions) {
        auto* charger = site.find(row.start.charge_point);
        if (!charger) continue;
        site::Transaction transaction;
        transaction.start = std::move(row.start);
        transaction.stop = std::move(row.stop);
        if (transaction.stop->estimated) {
            transaction.energy =
                tally_of(transaction.start, transaction.stop->meter_stop_wh,
                         transaction.stop->stopped_at, site::power_watts_max(*charger));
        }
        charger->stopped.push_back(std::move(transaction));
    }
}

// What quotas are held against.
void restore_energy_used(site::Site& site, const db::SiteSnapshot& snapshot, Now now) {
    std::vector<site::UsedEnergy> used;
    for (const auto& row : snapshot.used_energy) {
        used.push_back({row.transaction, row.badge, row.stopped_at, row.energy_wh});
    }
    site.energy_used.restore(used, site.settings.time_zone, now.wall);
    for (const auto& row : snapshot.open_transactions) site.energy_used.restore(row.start);
}

void restore_states(site::Site& site, const db::SiteSnapshot& snapshot) {
    for (const auto& row : snapshot.states) {
        if (row.kind == site::safe_current_kind) site::restore_safe_current(site, row);
        site::restore_file(site, row);
        if (row.kind == site::QuirkTable::own_kind || row.kind == site::QuirkTable::learned_kind) {
            site::restore_quirk(site, row);
        }
        site::restore_attempts(site, row);
        site::restore_operation(site, row);
        site::restore_operator_profiles(site, row);
        site::restore_configuration(site, row);
        site::restore_clock(site, row);
        site::restore_availability(site, row);
        site::restore_local_list(site, row);
        site::restore_unknown_badge(site, row);
        site::restore_transaction_energy(site, row);
    }
    site::resolve_all_quirks(site);
}

void restore_limits(site::Site& site, const db::SiteSnapshot& snapshot, Now now) {
    struct Held {
        Amps limit;
        Amps safe;  // what a lease ends in
    };
    std::map<std::string, Held> highest;
    std::set<std::string> obedient;  // those that accepted a limit
    for (const auto& known : snapshot.limits) {
        const auto& row = known.commanded;
        const auto evse = site::evse_id(row.charge_point, row.connector_id);
        auto& held = highest[evse];
        held.limit = std::max(held.limit, Amps::from_milliamps(row.limit_milliamps));
        held.safe = std::max(held.safe, Amps::from_milliamps(row.safe_milliamps));
        if (known.answered && known.answered->status == "Accepted") obedient.insert(evse);
    }
    // A car whose charger took no limit, not even a safe current, may draw all that it can give.
    for (const auto& [id, charger] : site.charge_points) {
        for (const auto& transaction : charger.open) {
            const auto evse = site::evse_id(id, transaction.start.connector_id);
            if (obedient.contains(evse) || site.engine.safe_held(evse)) continue;
            highest[evse].limit = Amps::from_milliamps(charger.settings.max_milliamps);
        }
    }
    for (const auto& [evse, held] : highest) {
        site.engine.restore(evse, held.limit, now, held.safe);
    }
    site.engine.set_next_sequence(static_cast<std::uint64_t>(snapshot.next_limit_sequence));
}

}  // namespace

void restore(site::Site& site, db::SiteSnapshot snapshot, Now now) {
    site.now = now;
    site.next_transaction_key = snapshot.next_transaction_key;
    // Before the charge points: what is loaded is no edit that their lists would have to follow.
    site::replace_badge_groups(site, std::move(snapshot.badge_groups));
    site::replace_badges(site, std::move(snapshot.badges));
    restore_energy_used(site, snapshot, now);
    restore_charge_points(site, snapshot);
    restore_transactions(site, snapshot, now);
    restore_states(site, snapshot);
    restore_limits(site, snapshot, now);
    site.step_wanted = true;
}

}  // namespace busbar::app
