// The SQL that reads the audit log. Includes libpqxx: for db/*.cpp only. Runs inside the caller's
// transaction.
#pragma once

#include "db/audit_row.hpp"
#include "db/connection.hpp"

namespace busbar::db {

AuditPage read_audit(Transaction& transaction, const AuditFilter& filter);

}  // namespace busbar::db
