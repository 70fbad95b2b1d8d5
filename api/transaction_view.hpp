// Transactions as the REST interface, its tables and the audit log show them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "api/call.hpp"
#include "db/queries.hpp"

namespace busbar::api {

// What the charger said where an operator says something else.
struct OriginalView {
    std::string badge;
    Timestamp startedAt;
    Nullable<Timestamp> stoppedAt;
    std::int32_t meterStartWh = 0;
    Nullable<std::int32_t> meterStopWh;
    Nullable<std::int64_t> energyWh;
};
BOOST_DESCRIBE_STRUCT(OriginalView, (),
                      (badge, startedAt, stoppedAt, meterStartWh, meterStopWh, energyWh))

struct CorrectedView {
    Timestamp at;
    std::string by;
    OriginalView original;
};
BOOST_DESCRIBE_STRUCT(CorrectedView, (), (at, by, original))

struct TransactionView {
    std::int64_t id = 0;
    std::int32_t transactionId = 0;
    std::string chargePoint;
    std::int32_t connectorId = 0;
    std::string idTag;  // as sent
    Timestamp startedAt;
    Nullable<Timestamp> stoppedAt;
    std::int32_t meterStartWh = 0;
    Nullable<std::int32_t> meterStopWh;
    Nullable<std::int64_t> energyWh;  // of a running one: so far
    Nullable<std::string> stopReason;
    bool estimated = false;
    std::string owner = "local";
    std::string badge;
    Nullable<std::string> group;
    Nullable<std::string> costCentre;
    Nullable<std::string> energySource;  // see site/transaction_energy.hpp
    bool reconstructed = false;
    Nullable<std::string> note;
    Nullable<CorrectedView> corrected;
};
BOOST_DESCRIBE_STRUCT(TransactionView, (),
                      (id, transactionId, chargePoint, connectorId, idTag, startedAt, stoppedAt,
                       meterStartWh, meterStopWh, energyWh, stopReason, estimated, owner, badge,
                       group, costCentre, energySource, reconstructed, note, corrected))

// What a running transaction has used so far.
struct EnergySoFar {
    std::int64_t wh = 0;
    std::string source;
};

// Fills in what counts, from what was told and what was corrected, where no database has done it.
void put_in_force(db::TransactionRow& row);

TransactionView view_of(const db::TransactionRow& row, const std::optional<EnergySoFar>& so_far);

// What an edit can change, for ETags: any other text means another version.
std::string version_of(const db::TransactionRow& row);

// The same for the audit log, which nothing is ever taken out of: without what people write about
// each other and without whose badge it was. Of that only whether it was corrected, "(set)" or
// "(corrected)", and whether it is not what a correction said `before`: "(changed)". Who paid and
// who pays is told by group and cost centre.
std::string audit_json(db::TransactionRow row, const std::optional<EnergySoFar>& so_far,
                       const db::TransactionRow* before = nullptr);

// The table: its header, and a row. Texts that a spreadsheet would take for formulas are guarded.
std::vector<std::string> table_header();
std::vector<std::string> table_row(const db::TransactionRow& row,
                                   const std::optional<EnergySoFar>& so_far);

}  // namespace busbar::api
