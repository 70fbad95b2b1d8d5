// Brings the database's schema up to the one this program was built with (db/migrations).
// Blocking: called by the command line and before the server starts.
#pragma once

#include <string>

#include "db/error.hpp"

namespace busbar::db {

// The newest schema this program knows.
int schema_version_known();

// Applies the missing migrations, each in a transaction of its own, under an advisory lock: two
// programs may call it at once. Returns the version that the schema has then.
// Throws DatabaseError when the server cannot be reached, is older than PostgreSQL 15 or does not
// store UTF-8, or when the schema is newer than schema_version_known().
int migrate(const std::string& url);

}  // namespace busbar::db
