#include "app/restore.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "site/badges.hpp"

namespace busbar::app {
namespace {

site::Transaction transaction_of(db::OpenTransaction row, Now now) {
    site::Transaction transaction;
    transaction.register_wh = row.start.meter_start_wh;
    transaction.register_at = row.start.started_at;
    constexpr double register_max = 2e9;
    if (row.last_register_wh && row.last_register_at &&
        std::abs(*row.last_register_wh) < register_max) {
        transaction.register_wh = static_cast<std::int32_t>(*row.last_register_wh);
        transaction.register_at = *row.last_register_at;
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
        if (charger) charger->open.push_back(transaction_of(std::move(row), now));
    }
    for (auto& row : snapshot.recent_transactions) {
        auto* charger = site.find(row.start.charge_point);
        if (!charger) continue;
        site::Transaction transaction;
        transaction.start = std::move(row.start);
        transaction.stop = std::move(row.stop);
        charger->stopped.push_back(std::move(transaction));
        if (charger->stopped.size() > site::stopped_transactions_max) charger->stopped.pop_front();
    }
}

void restore_limits(site::Site& site, const db::SiteSnapshot& snapshot, Now now) {
    std::map<std::string, Amps> highest;
    std::set<std::string> obedient;  // those that accepted a limit
    for (const auto& known : snapshot.limits) {
        const auto& row = known.commanded;
        const auto evse = site::evse_id(row.charge_point, row.connector_id);
        auto& limit = highest[evse];
        limit = std::max(limit, Amps::from_milliamps(row.limit_milliamps));
        if (known.answered && known.answered->status == "Accepted") obedient.insert(evse);
    }
    // A car whose charger took no limit may draw all that its charger can give.
    for (const auto& [id, charger] : site.charge_points) {
        for (const auto& transaction : charger.open) {
            const auto evse = site::evse_id(id, transaction.start.connector_id);
            if (obedient.contains(evse)) continue;
            highest[evse] = Amps::from_milliamps(charger.settings.max_milliamps);
        }
    }
    for (const auto& [evse, limit] : highest) site.engine.restore(evse, limit, now);
    site.engine.set_next_sequence(static_cast<std::uint64_t>(snapshot.next_limit_sequence));
}

}  // namespace

void restore(site::Site& site, db::SiteSnapshot snapshot, Now now) {
    site.now = now;
    site.next_transaction_key = snapshot.next_transaction_key;
    restore_charge_points(site, snapshot);
    restore_transactions(site, snapshot, now);
    restore_limits(site, snapshot, now);
    site::replace_badges(site, std::move(snapshot.badges));
    site.step_wanted = true;
}

}  // namespace busbar::app
