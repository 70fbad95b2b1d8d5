// Whether connectors are to be operative, as operators have commanded and chargers agreed. A
// charger keeps that over a reboot (OCPP 1.6, 5.2), but not every one does: where a status says
// otherwise for more than a moment it is told again, once. Never just because it has booted: some
// take that badly. Site loop.
#pragma once

#include "ocpp/v16/core.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The kind of StateSaved row, by charge point id.
inline constexpr std::string_view availability_kind = "availability";

// The charger has answered a ChangeAvailability of an operator: what it agreed to is wanted from
// now on.
void availability_commanded(Site& site, ChargePoint& charger,
                            const v16::ChangeAvailability::Request& request,
                            const v16::ChangeAvailability::Response& response);

// What was commanded for this connector, or for all of them; nothing if neither was.
std::optional<bool> is_wanted_operative(const ChargerConfiguration& configuration,
                                        std::int32_t connector_id);

// True if a connector with this status is not what it is wanted to be: Available though it should
// be inoperative, or Unavailable though it should not.
bool contradicts(std::string_view status, bool wanted_operative);

// Time has passed: tells again what has been contradicted for 10 s.
void reassert_availability(Site& site, ChargePoint& charger, Now now);

// At start: takes over a row of the kind; others, and those of unknown charge points, are ignored.
void restore_availability(Site& site, const db::StateSaved& row);
// Takes the charger's row out of the database; the caller forgets the charger.
void forget_availability(Site& site, const ChargePoint& charger);

}  // namespace busbar::site
