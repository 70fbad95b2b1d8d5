// A bearer token of the REST interface as the database keeps it. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"

namespace busbar::db {

struct Token {
    std::int64_t id = 0;
    std::string name;
    std::string role;         // "admin", "installer", "operator" or "viewer"
    std::string secret_hash;  // as create_token was given it
    Timestamp created_at;
    std::optional<Timestamp> revoked_at;
    std::optional<Timestamp> last_used_at;
};

}  // namespace busbar::db
