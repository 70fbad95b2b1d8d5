// The SQL of the reports. Includes libpqxx: for db/*.cpp only. Runs inside the caller's
// transaction.
#pragma once

#include "db/connection.hpp"
#include "db/report_row.hpp"

namespace busbar::db {

// The sessions by the time of their end, and the labels of all there is. A year of a large site is
// 100,000 sessions: some hundred milliseconds.
EnergyData read_energy(Transaction& transaction, const EnergyFilter& filter);

}  // namespace busbar::db
