// Badges that are held to chargers: judged, remembered if nobody knows them, and told to whoever
// listens. Authorize and StartTransaction ask here. Site loop.
#pragma once

#include "site/authorization.hpp"
#include "site/site.hpp"

namespace busbar::site {

// A start that is told of later than this is history: nobody holds a badge to the charger now.
inline constexpr std::chrono::minutes live_start_max{5};

// Judges the badge of an Authorize.
Authorization tapped(const Context& on, const v16::Authorize::Request& request);

// Judges the badge of a StartTransaction. A repeat starts nothing, and is no tap.
Authorization tapped(const Context& on, const v16::StartTransaction::Request& request,
                     bool is_repeat);

}  // namespace busbar::site
