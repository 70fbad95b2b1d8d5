#include "site/site.hpp"

#include <algorithm>

namespace busbar::site {

ChargePoint* Site::find(std::string_view id) {
    const auto it = charge_points.find(id);
    return it == charge_points.end() ? nullptr : &it->second;
}

Transaction* Site::find_open(ChargePoint& charger, std::int32_t transaction_id) {
    const auto it = std::find_if(
        charger.open.begin(), charger.open.end(),
        [&](const Transaction& t) { return t.start.transaction_id == transaction_id; });
    return it == charger.open.end() ? nullptr : &*it;
}

Transaction* Site::find_open_on(ChargePoint& charger, std::int32_t connector_id) {
    const auto it =
        std::find_if(charger.open.begin(), charger.open.end(),
                     [&](const Transaction& t) { return t.start.connector_id == connector_id; });
    return it == charger.open.end() ? nullptr : &*it;
}

int Site::open_transactions_of(std::string_view id_tag) const {
    int count = 0;
    for (const auto& [id, charger] : charge_points) {
        for (const auto& transaction : charger.open) {
            count +=
                is_authorized(transaction) && equal_ignoring_case(transaction.start.id_tag, id_tag);
        }
    }
    return count;
}

bool is_authorized(const Transaction& transaction) {
    return transaction.start.authorization == "Accepted";
}

db::Journal::Ticket Site::record(std::vector<db::Record> unit) {
    for (const auto& row : unit) energy_used.observe(row, settings.time_zone, now.wall);
    return journal.append(std::move(unit));
}

bool Site::is_superseded(std::string_view evse, std::uint64_t sequence) const {
    const auto newest = newest_command.find(evse);
    return newest != newest_command.end() && newest->second > sequence;
}

void Site::wake_by(Instant at) {
    if (!wake_at_ || at < *wake_at_) wake_at_ = at;
}

bool is_hidden(const ChargePoint& charger, std::int32_t connector_id) {
    const auto& hidden = charger.quirks.hidden_connectors;
    if (std::find(hidden.begin(), hidden.end(), connector_id) == hidden.end()) return false;
    return std::none_of(charger.open.begin(), charger.open.end(),
                        [&](const Transaction& t) { return t.start.connector_id == connector_id; });
}

Connector* connector_of(ChargePoint& charger, std::int32_t connector_id) {
    if (connector_id < 1 || connector_id > connector_id_max) return nullptr;
    if (is_hidden(charger, connector_id)) return nullptr;
    return &charger.connectors[connector_id];
}

std::string evse_id(std::string_view charge_point, std::int32_t connector_id) {
    return std::string{charge_point} + "/" + std::to_string(connector_id);
}

void count_deviation(ChargePoint& charger, std::string_view kind, std::string_view example,
                     Timestamp at) {
    constexpr std::size_t example_size_max = 200;
    auto it = charger.deviations.find(kind);
    if (it == charger.deviations.end()) {
        if (charger.deviations.size() == deviation_kinds_max) return;
        it = charger.deviations.emplace(kind, Deviation{}).first;
    }
    ++it->second.count;
    it->second.last_example = example.substr(0, example_size_max);
    it->second.last_at = at;
}

}  // namespace busbar::site
