// What is set for all badges of a group (parentIdTag): in memory what operators change here, and
// what arrives from the database. A group is there as soon as a badge names it. Site loop.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/violation.hpp"
#include "site/site.hpp"

namespace busbar::site {

// What is wrong with a group's settings, field by field; empty if nothing is. Pure.
std::vector<Violation> check(const BadgeGroup& group);

// Puts the settings into memory and the journal. They must have passed check().
db::Journal::Ticket save(Site& site, BadgeGroup group);

// Removes the settings; badges stay in their group. The ticket of the row, or nothing if nothing is
// set for it.
std::optional<db::Journal::Ticket> remove_badge_group(Site& site, std::string_view name);

// All groups as the database has them now (a change by another program). The caller makes sure that
// the snapshot includes every edit of our own.
void replace_badge_groups(Site& site, std::vector<BadgeGroup> groups);

}  // namespace busbar::site
