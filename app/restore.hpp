// Fills the site with what the database kept, before anything else happens. Pure.
#pragma once

#include "db/queries.hpp"
#include "site/site.hpp"

namespace busbar::app {

// Every EVSE is booked at the highest limit that its charger may still hold.
void restore(site::Site& site, db::SiteSnapshot snapshot, Now now);

}  // namespace busbar::app
