// The SQL of the time series: months of samples, quarters of an hour, energy of transactions. Each
// function does a bounded piece of work in one transaction of its own, so that nobody waits long
// for its locks. Includes libpqxx: for db/*.cpp only.
#pragma once

#include "base/time.hpp"
#include "db/connection.hpp"

namespace busbar::db {

// Samples that one step takes in.
inline constexpr int rolled_samples_max = 20'000;

// Makes the partition of one month that `now` will need and that is not there: this month's
// and those of the next two. True if there may be more to do.
bool add_sample_month(Connection& connection, Timestamp now);

// Takes samples measured before `cutoff` out of the months and into their quarters of an hour; a
// month that is over and empty is dropped. True if there may be more to do.
bool roll_up_samples(Connection& connection, Timestamp cutoff);

// The same for samples whose times fit into no month, by when they were received.
bool roll_up_rest(Connection& connection, Timestamp cutoff);

// Works out transaction_energy of some transactions that have ended or been corrected since.
bool spread_energy(Connection& connection);

}  // namespace busbar::db
