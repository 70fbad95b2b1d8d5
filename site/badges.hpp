// The badges in memory: what operators change here, and what arrives from the database. Site loop.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/violation.hpp"
#include "site/badge_groups.hpp"
#include "site/site.hpp"

namespace busbar::site {

// What is wrong with a badge, field by field; empty if nothing is. Pure.
std::vector<Violation> check(const Badge& badge);

// Puts the badge into memory and the journal, and takes it out of the unknown ones. It must have
// passed check().
db::Journal::Ticket save(Site& site, Badge badge);

// The same of several, as one unit: all of them or none.
db::Journal::Ticket save(Site& site, std::vector<Badge> badges);

// Removes the badge; running transactions go on. The ticket of the row, or nothing if the badge is
// unknown.
std::optional<db::Journal::Ticket> remove_badge(Site& site, std::string_view id_tag);

// All badges as the database has them now (a change by another program). The caller makes sure that
// the snapshot includes every edit of our own.
void replace_badges(Site& site, std::vector<Badge> badges);

}  // namespace busbar::site
