// How each connector takes its limits, and what follows from that: the shape of the next one, what
// is learned for the model, pauses, and limits that must be sent again or replaced. Site loop.
#pragma once

#include "site/site.hpp"

namespace busbar::site {

// The shape for the next limit; nothing if no profile can carry it, or the configuration key of
// quirk limitKey does.
std::optional<ProfileShape> present_shape(const ChargePoint& charger, std::int32_t connector_id,
                                          const Connector& connector);

// A limit leaves: counts pauses. One too many for quirk pausesPerHourMax is logged and counted.
void note_pause(Site& site, ChargePoint& charger, const dlm::Command& command, Connector& connector,
                Now now);
// True if this connector has been paused as often within the hour as its quirks allow.
bool is_paused_often(const Quirks& quirks, const Connector& connector, Now now);

// The charger has accepted a limit of this shape: what it refused before, it need not be asked
// again, and a limit that it holds for another purpose has to go.
void limit_taken(Site& site, ChargePoint& charger, const dlm::Command& command,
                 const ProfileShape& shape, Connector& connector, Now now);

// What the present car has shown is nothing of the next one's.
void car_gone(Connector& connector);

// After a step: has limits sent again that have become another form or may have been ignored, and
// replaced that outlived their transaction.
void tend_limits(Site& site, Now now);

}  // namespace busbar::site
