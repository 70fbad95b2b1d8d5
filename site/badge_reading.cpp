#include "site/badge_reading.hpp"

#include "site/reservations.hpp"
#include "site/transaction_rules.hpp"
#include "site/transactions.hpp"

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

// Transactions know whose they are; those that began before they did have to be read again.
bool is_of(const Site& site, const ChargePoint& charger, const Transaction& transaction,
           const Badge& badge) {
    const auto& start = transaction.start;
    if (start.badge) return equal_ignoring_case(*start.badge, badge.id_tag);
    if (start.id_tag.size() < badge.id_tag.size()) return false;
    if (start.id_tag.size() == badge.id_tag.size()) {
        return equal_ignoring_case(start.id_tag, badge.id_tag);
    }
    return find_badge(site, charger, start.id_tag) == &badge;
}

AuthorizationQuestion question_of(const Site& site, const ChargePoint& charger,
                                  std::string_view id_tag, Timestamp at) {
    const auto* badge = find_badge(site, charger, id_tag);
    return {.badge = badge,
            .group = badge ? find_group(site, *badge) : nullptr,
            .charge_point = charger.settings,
            .at = at,
            .zone = site.settings.time_zone,
            .is_nobody = charger.quirks.empty_id_tag_allowed && without_dirt(id_tag).empty(),
            .hours = &site.hours};
}

constexpr Timestamp plausible_from = std::chrono::sys_days{std::chrono::year{2020} / 1 / 1};

// A start that comes late is judged as of when it was; one that cannot be dated, as of now.
Timestamp judged_at(const v16::StartTransaction::Request& request, Timestamp now) {
    const bool is_past = request.timestamp >= plausible_from && request.timestamp < now;
    return is_past ? request.timestamp : now;
}

}  // namespace

std::string badge_text(const ChargePoint& charger, std::string_view id_tag) {
    const auto clean = without_dirt(id_tag);
    return without_dirt(badge_within(charger.quirks, clean));
}

const Badge* find_badge(const Site& site, const ChargePoint& charger, std::string_view id_tag) {
    if (const auto* badge = find_exactly(site, id_tag)) return badge;
    const auto clean = without_dirt(id_tag);
    if (clean != id_tag) {
        if (const auto* badge = find_exactly(site, clean)) return badge;
    }
    const auto text = badge_text(charger, id_tag);
    return text == clean ? nullptr : find_exactly(site, text);
}

const BadgeGroup* find_group(const Site& site, const Badge& badge) {
    if (!badge.group) return nullptr;
    const auto it = site.badge_groups.find(*badge.group);
    return it == site.badge_groups.end() ? nullptr : &it->second;
}

bool is_same_badge(const Site& site, const ChargePoint& charger, std::string_view a,
                   std::string_view b) {
    if (equal_ignoring_case(a, b)) return true;
    const auto* badge = find_badge(site, charger, a);
    return badge && badge == find_badge(site, charger, b);
}

Owner owner_of(const Site& site, const ChargePoint& charger, std::string_view id_tag) {
    const auto* badge = find_badge(site, charger, id_tag);
    if (!badge) return {};
    const auto* group = find_group(site, *badge);
    Owner owner{badge->id_tag, badge->group, badge->cost_centre};
    if (!owner.cost_centre && group) owner.cost_centre = group->cost_centre;
    return owner;
}

BadgeUse use_of(const Site& site, const Badge& badge, Timestamp at,
                const std::optional<Place>& ended) {
    BadgeUse use;
    const bool has_quota = badge.monthly_energy_quota_wh.has_value();
    if (has_quota) use.energy_wh = site.energy_used.used_wh(badge.id_tag, at);
    for (const auto& [id, charger] : site.charge_points) {
        for (const auto& transaction : charger.open) {
            const auto& start = transaction.start;
            const bool is_own = is_of(site, charger, transaction, badge);
            if (is_own && has_quota) {
                use.energy_wh += energy_of(transaction, at, power_watts_max(charger)).wh;
            }
            const bool is_ended = ended && &ended->charger == &charger &&
                                  start.connector_id == stored_connector_id(ended->connector_id);
            if (is_ended || !is_authorized(transaction)) continue;
            use.active += is_own;
            const bool is_in_group = start.badge_group && badge.group &&
                                     equal_ignoring_case(*start.badge_group, *badge.group);
            use.active_in_group += is_own || is_in_group;
        }
    }
    return use;
}

Authorization authorize(const Site& site, const ChargePoint& charger, std::string_view id_tag,
                        Timestamp at) {
    auto question = question_of(site, charger, id_tag, at);
    if (question.badge && question.badge->monthly_energy_quota_wh) {
        question.use = use_of(site, *question.badge, at);
    }
    return authorize(question);
}

Authorization authorize_start(const Site& site, const ChargePoint& charger,
                              const v16::StartTransaction::Request& request, Timestamp now) {
    const auto at = judged_at(request, now);
    auto question = question_of(site, charger, request.idTag, at);
    question.is_start = true;
    question.is_reserved_for_others = objecting_reservation(site, charger, request, now) != nullptr;
    if (question.badge) {
        question.use = use_of(site, *question.badge, at, Place{charger, request.connectorId});
    }
    return authorize(question);
}

Authorization authorize_remote_start(const Site& site, const ChargePoint& charger,
                                     std::string_view id_tag,
                                     std::optional<std::int32_t> connector_id, Timestamp at) {
    auto question = question_of(site, charger, id_tag, at);
    question.is_start = true;
    v16::StartTransaction::Request start;
    start.connectorId = connector_id.value_or(0);
    start.idTag = id_tag;
    start.timestamp = at;
    question.is_reserved_for_others =
        connector_id && objecting_reservation(site, charger, start, at) != nullptr;
    if (question.badge) question.use = use_of(site, *question.badge, at);
    return authorize(question);
}

}  // namespace busbar::site
