// What load management must know of the site before it decides. Site loop.
#pragma once

#include "dlm/engine.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The newest meter sample and every connector of accepted charge points, at site.now.
dlm::Inputs gather_inputs(Site& site);

}  // namespace busbar::site
