// Limits for chargers that take no profile: a vendor's configuration key (quirk limitKey) that
// holds the current, written with ChangeConfiguration. What it says stays until it is written
// again, over transactions and reboots, so it is booked as a safe current is; and each write wears
// out the flash it is kept in. Site loop.
#pragma once

#include <functional>

#include "site/site.hpp"

namespace busbar::site {

// True if this charger has such a key. It limits the whole charger: with several connectors nobody
// could tell which of them it leaves how much.
bool has_limit_key(const ChargePoint& charger);

// The key's value for a current, rounded down.
std::string limit_key_value(Amps limit, const Quirks& quirks);

// What became of a write. not_sent: for lack of a connection or of room in the journal, or because
// nobody wanted it any more.
enum class KeyAnswer { accepted, refused, unanswered, not_sent };

// Writes the key; `done` runs once, now or later. More than the charger may hold is durable before
// it is sent; when it is, `is_wanted` must still be true. What it holds already is not written.
// Precondition: has_limit_key, and it is connected.
void write_limit_key(Site& site, ChargePoint& charger, std::int32_t connector_id, Amps limit,
                     ocpp::CallOptions::Priority priority, std::function<bool()> is_wanted,
                     std::function<void(KeyAnswer)> done);

// True for a write that is no lowering and comes too soon behind the last one.
bool is_too_early_for_key(const ChargePoint& charger, const Connector& connector, Amps limit,
                          Now now);

// Compares the key with what was written: if somebody else has changed it, nothing is certain any
// more.
void check_limit_key(Site& site, ChargePoint& charger, std::int32_t connector_id,
                     Connector& connector, Now now);

}  // namespace busbar::site
