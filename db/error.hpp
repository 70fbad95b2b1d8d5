// What the command line and the start of the server report when PostgreSQL or the spill cannot be
// used: one sentence with the remedy in it.
#pragma once

#include <stdexcept>

namespace busbar::db {

class DatabaseError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace busbar::db
