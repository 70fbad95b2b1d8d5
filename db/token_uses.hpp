// When bearer tokens were last used, on its way into the database: noted by the site loop, written
// now and then by the maintenance. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "base/time.hpp"

namespace busbar::db {

class TokenUses {
public:
    using ByToken = std::map<std::int64_t, Timestamp>;

    // Never waits for the database. What is not written yet is bounded by the number of tokens, and
    // lost with the process.
    void used(std::int64_t token, Timestamp at);

    // What is to be written; it is not held here any more.
    ByToken take();

private:
    std::mutex mutex_;
    ByToken waiting_;
};

class Connection;

// Writes what waits; what cannot be written waits on, and the error is thrown (as of the database).
// Returns false: there is never more to do at once.
bool write_token_uses(Connection& connection, TokenUses& uses);

}  // namespace busbar::db
