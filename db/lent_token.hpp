// A token for a single command of the command line. Only that command ever knows its secret, so
// that neither its coming nor its going is a change for the audit log: what is done with it is
// noted there, under its name. Blocking, one connection a call.
#pragma once

#include <cstdint>
#include <string>

namespace busbar::db {

// Stores a token by the hash of its secret and returns its id. Throws DatabaseError.
std::int64_t lend_token(const std::string& url, const std::string& name, const std::string& role,
                        const std::string& secret_hash);

// Removes it without a trace. Throws DatabaseError.
void take_back_token(const std::string& url, std::int64_t id);

}  // namespace busbar::db
