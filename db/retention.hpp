// The SQL of what does not stay for ever: commanded limits, security events, old audit entries,
// names in old transactions, erased badges in the message log. Each function does a bounded piece
// of work in one transaction of its own and returns true if there may be more to do. Includes
// libpqxx: for db/*.cpp only.
#pragma once

#include "base/time.hpp"
#include "db/connection.hpp"

namespace busbar::db {

// Deletes limits sent before `cutoff`, but of each connector never those that load_site reads.
bool delete_old_limits(Connection& connection, Timestamp cutoff);

bool delete_old_security_events(Connection& connection, Timestamp cutoff);

// Deletes audit entries from before `cutoff`; of those younger than a year none ever goes.
bool delete_old_audit(Connection& connection, Timestamp cutoff);

// Transactions that ended before `cutoff` carry "anonymous" instead of a badge.
bool anonymise_transactions(Connection& connection, Timestamp cutoff);

// Puts the pseudonym of an erased badge into the message log wherever its idTag stands.
bool scrub_messages(Connection& connection);

}  // namespace busbar::db
