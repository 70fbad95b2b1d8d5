// What the facts about transactions (site/transaction_rules) do to the site: rows, load management,
// what its operator is told. The handlers of Authorize, StartTransaction and StopTransaction are
// here. Site loop.
#pragma once

#include <string_view>
#include <vector>

#include "site/meter_values.hpp"
#include "site/salvage.hpp"
#include "site/site.hpp"
#include "site/transaction_rules.hpp"

namespace busbar::site {

// The charger's transactions and the rules its settings make for them.
TransactionBook book_of(Site& site, ChargePoint& charger);

// What the charger can deliver on all its phases, in W.
double power_watts_max(const ChargePoint& charger);

// What becomes of the limits that load management has booked for a transaction. end: its car draws
// no more. keep: it may still be drawing, and its bookings run out with their leases.
enum class Bookings { end, keep };

// Closes what the operator says is stuck, with its last register (estimated). Returns the unit's
// ticket.
db::Journal::Ticket force_stop(Site& site, ChargePoint& charger, const Transaction& running,
                               Now now);

// Handle a start and a stop of which not all is known. What the meter showed is then taken from
// what we know of the register: the start is implausible, the stop estimated.
v16::StartTransaction::Response take_start(Context& on,
                                           Salvaged<v16::StartTransaction::Request> start);
v16::StopTransaction::Response take_stop(Context& on, Salvaged<v16::StopTransaction::Request> stop);

// --- Facts that other messages bring

// True if a transaction runs on the connector.
bool has_transaction(const ChargePoint& charger, std::int32_t connector_id);
// Something was measured in a transaction, running or not. `history`: it tells of the past.
void follow_energy(const Context& on, Transaction& transaction, const MeterSnapshot& snapshot,
                   bool history);
// Adds what must be known of its energy over a restart to the rows of its samples.
void keep_energy(Transaction* transaction, std::vector<db::Record>& rows);

// A connector has reported its status, which is stored already.
void status_reported(Context& on, std::int32_t connector_id);
void charger_booted(Context& on);
// Time has passed: closes what waits for its stop in vain.
void close_overdue(Site& site, ChargePoint& charger, Now now);

// The kind of StateSaved row that holds the tally of a transaction, by its key.
inline constexpr std::string_view transaction_energy_kind = "transaction_energy";
// At start, after the transactions: takes over such a row; others are ignored.
void restore_transaction_energy(Site& site, const db::StateSaved& row);

}  // namespace busbar::site
