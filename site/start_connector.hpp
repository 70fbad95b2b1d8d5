// Which connector a StartTransaction means that names none: 0 is the whole charge point, where no
// transaction can run and no limit can be set. Pure, but for the count of deviations.
#pragma once

#include "site/salvage.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The connector of this start: the one it names; else that of the start it repeats, the charger's
// only one, or the only one whose status fits a car without a transaction. 0 if that is not clear.
std::int32_t connector_of_start(const ChargePoint& charger,
                                const Salvaged<v16::StartTransaction::Request>& start);

// Puts it into the start; a start on connector 0 is counted (start_on_connector_0).
void correct_connector(Context& on, Salvaged<v16::StartTransaction::Request>& start);

}  // namespace busbar::site
