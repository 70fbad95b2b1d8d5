// The rules of a transaction's life: which start is a repeat, which stop belongs to which start.
// Pure where it decides; the handlers of StartTransaction and StopTransaction apply it.
#pragma once

#include <string_view>

#include "site/salvage.hpp"
#include "site/site.hpp"

namespace busbar::site {

// The transactionId a charger is told for our own key: positive, above 1000 (0 and small numbers
// mean "none" to some chargers), and for 2^31 transactions different from all others.
std::int32_t transaction_id_for(db::TransactionKey key);

// True if both describe the same physical start (ruling R7): connector, idTag in any case,
// timestamp and register agree.
bool is_same_start(const db::TransactionStarted& known,
                   const v16::StartTransaction::Request& request);

// True for a start whose timestamp cannot tell it from an earlier, stopped one (ruling R7): before
// 2020, or not after the charger's last stop and received more than a minute after it with another
// register than it ended with.
bool is_implausible_start(const ChargePoint& charger, const v16::StartTransaction::Request& request,
                          Timestamp received_at);

// Closes a running transaction with its last known register, flagged as estimated.
db::TransactionStopped estimated_stop(const Transaction& transaction, std::string_view reason,
                                      Timestamp at);

// What becomes of the limits that load management has booked for a transaction. end: its car draws
// no more. keep: it may still be drawing, and its bookings run out with their leases.
enum class Bookings { end, keep };

// Ends a running transaction in memory: it moves to the stopped ones. Returns where it is now.
Transaction& move_to_stopped(Site& site, ChargePoint& charger, const Transaction& running,
                             db::TransactionStopped stop, Bookings bookings, Now now);

// Forgets stopped transactions that are too old to be repeated (db/rows.hpp says which).
void drop_old_transactions(ChargePoint& charger, Timestamp now);

// Closes what the operator says is stuck, with its last register (estimated). Returns the unit's
// ticket.
db::Journal::Ticket force_stop(Site& site, ChargePoint& charger, const Transaction& running,
                               Now now);

// Handle a start and a stop of which not all is known. What the meter showed is then taken from
// what we know of the register: the start is implausible, the stop estimated.
v16::StartTransaction::Response take_start(Context& on,
                                           Salvaged<v16::StartTransaction::Request> start);
v16::StopTransaction::Response take_stop(Context& on, Salvaged<v16::StopTransaction::Request> stop);

}  // namespace busbar::site
