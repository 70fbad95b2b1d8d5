// Which badge a charger means by an idTag. Chargers add a serial number or a terminal's letters to
// what is on the badge, or control characters that their reader made up; rows keep what was sent,
// and here it is read for what it stands for. Site loop.
#pragma once

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

// True if both idTags of this charger stand for the same badge.
bool is_same_badge(const Site& site, const ChargePoint& charger, std::string_view a,
                   std::string_view b);

// Running transactions of the badge that starts here, all chargers together; one on the same
// connector does not count, because this start takes its place.
int transactions_elsewhere(const Site& site, const ChargePoint& charger,
                           const v16::StartTransaction::Request& request);

// May this idTag charge here? An empty one may where the charger's settings say that it stands for
// somebody without a badge. `active_transactions` as in AuthorizationQuestion.
Authorization authorize(const Site& site, const ChargePoint& charger, std::string_view id_tag,
                        Timestamp at, int active_transactions = 0);

}  // namespace busbar::site
