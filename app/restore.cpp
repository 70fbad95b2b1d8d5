#include "app/restore.hpp"

#include <algorithm>
#include <set>

#include "site/availability.hpp"
#include "site/badges.hpp"
#include "site/charger_keys.hpp"
#include "site/corrections.hpp"
#include "site/local_list.hpp"
#include "site/operator_profiles.hpp"
#include "site/safe_profiles.hpp"
#include "site/transaction_restore.hpp"
#include "site/transactions.hpp"

namespace busbar::app {
namespace {

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
        std::vector<site::RegisterPoint> registers;
        for (const auto& [wh, at] : row.registers) registers.push_back({wh, at});
        charger->open.push_back(
            site::restored(std::move(row.start), registers, site::power_watts_max(*charger), now));
    }
    for (auto& row : snapshot.recent_transactions) {
        auto* charger = site.find(row.start.charge_point);
        if (!charger) continue;
        charger->stopped.push_back(site::restored(std::move(row.start), std::move(row.stop),
                                                  site::power_watts_max(*charger)));
    }
    for (const auto& stop : snapshot.orphan_stops) {
        auto* charger = site.find(stop.charge_point);
        if (!charger) continue;
        auto book = site::book_of(site, *charger);
        site::await_start(book, stop);
    }
}

// After the transactions' tallies: what was measured since is a sign of life.
void restore_boots_of_transactions(site::Site& site, Now now) {
    for (auto& [id, charger] : site.charge_points) {
        if (!charger.boot) continue;
        for (auto& transaction : charger.open) {
            const auto connector = charger.connectors.find(transaction.start.connector_id);
            const bool has_status =
                connector != charger.connectors.end() && connector->second.status;
            site::restore_boot(transaction, charger.boot->at,
                               has_status ? &*connector->second.status : nullptr, now);
        }
    }
}

// What quotas are held against.
void restore_energy_used(site::Site& site, const db::SiteSnapshot& snapshot, Now now) {
    for (const auto& correction : snapshot.corrections) site::remember(site, correction);
    const auto correction_of = [&](db::TransactionKey id) {
        const auto it = std::find_if(snapshot.corrections.begin(), snapshot.corrections.end(),
                                     [&](const auto& correction) { return correction.id == id; });
        return it == snapshot.corrections.end() ? std::nullopt : std::optional{*it};
    };
    std::vector<site::UsedEnergy> used;
    for (const auto& row : snapshot.used_energy) {
        used.push_back({row.transaction, row.badge, row.stopped_at, row.energy_wh,
                        correction_of(row.transaction)});
    }
    site.energy_used.restore(used, site.settings.time_zone, now.wall);
    for (const auto& row : snapshot.open_transactions) {
        site.energy_used.restore(row.start, correction_of(row.start.id));
    }
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
    restore_boots_of_transactions(site, now);
    restore_limits(site, snapshot, now);
    site.step_wanted = true;
}

}  // namespace busbar::app
