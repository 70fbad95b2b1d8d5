#include "site/energy_used.hpp"

#include <algorithm>

namespace busbar::site {

void EnergyUsed::restore(const std::vector<UsedEnergy>& rows, const TimeZone& zone, Timestamp now) {
    *this = {};
    turn_month(zone, now);
    for (const auto& row : rows) {
        Entry entry;
        entry.badge = row.badge;
        entry.stopped_at = row.stopped_at;
        entry.energy_wh = row.energy_wh;
        entry.correction = row.correction;
        if (!counts(entry)) continue;
        count(entry, 1);
        entries_.insert_or_assign(row.transaction, std::move(entry));
    }
}

void EnergyUsed::restore(const db::TransactionStarted& start,
                         std::optional<db::TransactionCorrected> correction) {
    auto entry = begun(start);
    entry.correction = std::move(correction);
    entries_.insert_or_assign(start.id, std::move(entry));
}

void EnergyUsed::know(const db::TransactionStarted& start,
                      const std::optional<db::TransactionStopped>& stop,
                      std::optional<db::TransactionCorrected> correction, const TimeZone& zone,
                      Timestamp now) {
    turn_month(zone, now);
    auto entry = begun(start);
    if (stop) end(entry, *stop);
    entry.correction = std::move(correction);
    change(start.id, [](Entry& known) { known = {}; });
    count(entry, 1);
    entries_.insert_or_assign(start.id, std::move(entry));
}

void EnergyUsed::observe(const db::Record& row, const TimeZone& zone, Timestamp now) {
    if (const auto* started = std::get_if<db::TransactionStarted>(&row)) {
        turn_month(zone, now);
        entries_.emplace(started->id, begun(*started));
    } else if (const auto* stopped = std::get_if<db::TransactionStopped>(&row)) {
        turn_month(zone, now);
        change(stopped->id, [&](Entry& entry) { end(entry, *stopped); });
    } else if (const auto* corrected = std::get_if<db::TransactionCorrected>(&row)) {
        turn_month(zone, now);
        change(corrected->id, [&](Entry& entry) { entry.correction = *corrected; });
    } else if (const auto* erased = std::get_if<db::BadgeErased>(&row)) {
        used_wh_.erase(erased->id_tag);
        std::erase_if(entries_, [&](const auto& entry) {
            return equal_ignoring_case(badge_of(entry.second), erased->id_tag);
        });
    }
}

std::int64_t EnergyUsed::used_wh(std::string_view badge, Timestamp at) const {
    if (at >= month_end_) return 0;
    const auto it = used_wh_.find(badge);
    return it == used_wh_.end() ? 0 : it->second;
}

// What stopped before the month has no part in it any more.
void EnergyUsed::turn_month(const TimeZone& zone, Timestamp now) {
    if (now < month_end_) return;
    month_begin_ = zone.month_begin(now);
    month_end_ = zone.month_end(now);
    used_wh_.clear();
    std::erase_if(entries_, [&](const auto& entry) {
        return stopped_at(entry.second) && !counts(entry.second);
    });
    for (const auto& [id, entry] : entries_) count(entry, 1);
}

EnergyUsed::Entry EnergyUsed::begun(const db::TransactionStarted& row) {
    Entry entry;
    entry.badge = row.badge.value_or(row.id_tag);
    entry.meter_start_wh = row.meter_start_wh;
    return entry;
}

void EnergyUsed::end(Entry& entry, const db::TransactionStopped& row) {
    const auto rise = std::int64_t{row.meter_stop_wh} - entry.meter_start_wh;
    entry.stopped_at = row.stopped_at;
    entry.energy_wh = row.energy_wh.value_or(std::max<std::int64_t>(rise, 0));
}

template <class Edit>
void EnergyUsed::change(db::TransactionKey id, Edit edit) {
    const auto it = entries_.find(id);
    if (it == entries_.end()) return;
    count(it->second, -1);
    edit(it->second);
    count(it->second, 1);
}

const std::string& EnergyUsed::badge_of(const Entry& entry) {
    const auto& correction = entry.correction;
    return correction && correction->badge ? *correction->badge : entry.badge;
}

std::optional<Timestamp> EnergyUsed::stopped_at(const Entry& entry) {
    const auto& correction = entry.correction;
    return correction && correction->stopped_at ? correction->stopped_at : entry.stopped_at;
}

bool EnergyUsed::counts(const Entry& entry) const {
    const auto stopped = stopped_at(entry);
    return stopped && *stopped >= month_begin_;
}

void EnergyUsed::count(const Entry& entry, int sign) {
    if (!counts(entry)) return;
    const auto& correction = entry.correction;
    const auto energy =
        correction && correction->energy_wh ? *correction->energy_wh : entry.energy_wh;
    used_wh_[badge_of(entry)] += sign * energy;
}

}  // namespace busbar::site
