#include "site/badge_reading.hpp"

namespace busbar::site {
namespace {

std::string without_dirt(std::string_view id_tag) {
    std::string out;
    for (const char c : id_tag) {
        if (is_printable({&c, 1})) out += c;
    }
    const auto begin = out.find_first_not_of(' ');
    if (begin == std::string::npos) return "";
    return out.substr(begin, out.find_last_not_of(' ') - begin + 1);
}

const Badge* find_exactly(const Site& site, std::string_view id_tag) {
    const auto it = site.badges.find(id_tag);
    return it == site.badges.end() ? nullptr : &it->second;
}

}  // namespace

std::string badge_text(const ChargePoint& charger, std::string_view id_tag) {
    const auto clean = without_dirt(id_tag);
    return without_dirt(badge_within(charger.quirks, clean));
}

const Badge* find_badge(const Site& site, const ChargePoint& charger, std::string_view id_tag) {
    if (const auto* badge = find_exactly(site, id_tag)) return badge;
    if (const auto* badge = find_exactly(site, without_dirt(id_tag))) return badge;
    return find_exactly(site, badge_text(charger, id_tag));
}

bool is_same_badge(const Site& site, const ChargePoint& charger, std::string_view a,
                   std::string_view b) {
    if (equal_ignoring_case(a, b)) return true;
    const auto* badge = find_badge(site, charger, a);
    return badge && badge == find_badge(site, charger, b);
}

int transactions_elsewhere(const Site& site, const ChargePoint& charger,
                           const v16::StartTransaction::Request& request) {
    const auto* badge = find_badge(site, charger, request.idTag);
    if (!badge) return 0;
    int count = 0;
    for (const auto& [id, other] : site.charge_points) {
        for (const auto& transaction : other.open) {
            const bool is_superseded =
                &other == &charger &&
                transaction.start.connector_id == stored_connector_id(request.connectorId);
            if (is_superseded) continue;
            count += is_authorized(transaction) &&
                     find_badge(site, other, transaction.start.id_tag) == badge;
        }
    }
    return count;
}

Authorization authorize(const Site& site, const ChargePoint& charger, std::string_view id_tag,
                        Timestamp at, int active_transactions) {
    if (charger.quirks.empty_id_tag_allowed && without_dirt(id_tag).empty()) {
        v16::IdTagInfo info;
        info.status = v16::AuthorizationStatus::Accepted;
        return {std::move(info), "no_badge_needed"};
    }
    return authorize({.badge = find_badge(site, charger, id_tag),
                      .charge_point = charger.settings.id,
                      .at = at,
                      .active_transactions = active_transactions});
}

}  // namespace busbar::site
