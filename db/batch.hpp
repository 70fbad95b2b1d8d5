// Units as the journal, the spill and PostgreSQL exchange them, and the fold that turns many units
// into few statements: rows grouped by kind, each key at most once, with the outcome of writing
// them one after the other. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/rows.hpp"

namespace busbar::db {

// What one handler appended. The sequence numbers the units of a database without a gap.
struct Unit {
    std::uint64_t sequence = 0;
    std::vector<Record> records;
    std::size_t bytes = 0;   // about what it occupies in memory
    std::string unreadable;  // not empty: came out of the spill as this text, and is no unit
};

// Memory that the records occupy, roughly.
std::size_t size_in_bytes(const std::vector<Record>& records);

// The records as JSON for a person to read: [["TransactionStarted",{...}],...].
std::string describe(const Unit& unit);

// Rows by kind, to be written in the order of the members. Points into the units.
struct Batch {
    std::vector<std::string_view> charge_points_removed;  // before those saved
    std::vector<const ChargePointSaved*> charge_points_saved;
    std::vector<const ChargePointBooted*> boots;
    std::vector<const ConnectorStatus*> connectors;
    std::vector<const TransactionStarted*> starts;
    std::vector<const TransactionStopped*> stops;
    std::vector<const OrphanStop*> orphan_stops;
    std::vector<const MeterSample*> samples;
    std::vector<const LimitCommanded*> limits;
    std::vector<const LimitAnswered*> limit_answers;
    std::vector<const BadgeErased*> badges_erased;  // after the transactions, before those saved
    std::vector<std::string_view> badges_removed;   // before those saved
    std::vector<const BadgeSaved*> badges_saved;
    std::vector<const StateRemoved*> states_removed;  // before those saved
    std::vector<const StateSaved*> states_saved;
    std::vector<const SecurityEventReceived*> security_events;
    std::vector<std::string_view> badge_groups_removed;  // before those saved
    std::vector<const BadgeGroupSaved*> badge_groups_saved;
    std::vector<const TransactionCorrected*> corrections;
    std::vector<const AuditEntry*> audit;
};

Batch fold(std::span<const Unit> units);

}  // namespace busbar::db
