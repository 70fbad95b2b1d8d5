// Which badge a charger means by an idTag. Chargers add a serial number or a terminal's letters to
// what is on the badge, or control characters that their reader made up; rows keep what was sent,
// and here it is read for what it stands for. Site loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "site/authorization.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The idTag without control characters, without spaces around it, and without what this charger is
// known to add (quirks.idTagSuffixSeparator, idTagPrefixSeparator).
std::string badge_text(const ChargePoint& charger, std::string_view id_tag);

// The badge; null if there is none. One that is known just as it was sent goes before one that has
// to be read out of it.
const Badge* find_badge(const Site& site, const ChargePoint& charger, std::string_view id_tag);

// What is set for the badge's group; null if it has none, or nothing is set for it.
const BadgeGroup* find_group(const Site& site, const Badge& badge);

// True if both idTags of this charger stand for the same badge.
bool is_same_badge(const Site& site, const ChargePoint& charger, std::string_view a,
                   std::string_view b);

// Whose a transaction is, for as long as it is kept: the badge, its group, and the badge's cost
// centre before the group's. Nothing of an unknown badge.
struct Owner {
    std::optional<std::string> badge;
    std::optional<std::string> badge_group;
    std::optional<std::string> cost_centre;
};
Owner owner_of(const Site& site, const ChargePoint& charger, std::string_view id_tag);

// A connector of a charger; 0: which one is not known.
struct Place {
    const ChargePoint& charger;
    std::int32_t connector_id = 0;
};

// What the badge uses at that time, all chargers together. A transaction at `ended` does not count
// as running, because one that starts there takes its place.
BadgeUse use_of(const Site& site, const Badge& badge, Timestamp at,
                const std::optional<Place>& ended = std::nullopt);

// May this idTag charge here? As Authorize and the answer to StopTransaction want it.
Authorization authorize(const Site& site, const ChargePoint& charger, std::string_view id_tag,
                        Timestamp at);

// May this transaction begin? One that is told of later is judged as of when it began.
Authorization authorize_start(const Site& site, const ChargePoint& charger,
                              const v16::StartTransaction::Request& request, Timestamp now);

// Would a transaction that is asked for from here (RemoteStartTransaction) be allowed to begin?
Authorization authorize_remote_start(const Site& site, const ChargePoint& charger,
                                     std::string_view id_tag,
                                     std::optional<std::int32_t> connector_id, Timestamp at);

}  // namespace busbar::site
