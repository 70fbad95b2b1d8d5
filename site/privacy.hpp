// Erasing a badge: who it belonged to and its number go, what was charged with it stays under a
// pseudonym (docs/privacy.md). Site loop; no I/O.
#pragma once

#include <string>
#include <string_view>

#include "site/site.hpp"

namespace busbar::site {

// True while something charges, or tries to, with this badge: whatever of it is still to come would
// bring its idTag back.
bool is_charging(const Site& site, std::string_view id_tag);

// True if memory knows the idTag: as a badge, as an unknown one or from transactions at hand.
bool is_known_badge(const Site& site, std::string_view id_tag);

// Takes the badge out of memory and renames its transactions there, as the database will. A repeat
// of an erased start is known by its connector, time and register alone from then on. Nothing may
// be charging with it. Returns the unit's ticket.
db::Journal::Ticket erase_badge(Site& site, std::string_view id_tag, const std::string& pseudonym);

// Forgets unknown badges whose last tap was before this.
void forget_unknown_badges(Site& site, Timestamp before);

}  // namespace busbar::site
