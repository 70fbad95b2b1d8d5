// Settings of charge points: checked, applied, removed. Site loop.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/violation.hpp"
#include "site/site.hpp"

namespace busbar::site {

// Settings of a charge point that nobody has described yet.
db::ChargePointSaved default_settings(std::string_view id);

// What is wrong with settings, field by field, by their names in the REST interface. Pure.
std::vector<Violation> check(const db::ChargePointSaved& settings);

// Makes the settings those of the charge point, which appears if it is new. A charge point that is
// no longer accepted, or has a new password, is disconnected so that it comes back under the new
// rule. Writes nothing.
void apply_settings(Site& site, db::ChargePointSaved settings, Now now);

// The same, recorded in the journal.
db::Journal::Ticket save(Site& site, db::ChargePointSaved settings, Now now);

// Why a charge point cannot be removed, or nothing: it has a running transaction.
std::optional<std::string_view> obstacle_to_removal(const ChargePoint& charger);

// Disconnects it and lets load management forget its connectors; the caller erases it.
void forget_in_memory(Site& site, ChargePoint& charger);

// Removes a charge point without obstacle; its transactions stay in the database.
db::Journal::Ticket remove_charge_point(Site& site, std::string_view id);

// All settings as the database has them now (a change by another program): unknown charge points
// appear, missing ones without a running transaction go; one that is no longer accepted is
// disconnected. The caller makes sure that the snapshot includes every edit of our own.
void replace_charge_points(Site& site, std::vector<db::ChargePointSaved> settings, Now now);

}  // namespace busbar::site
