// Commands whose answer is not their end: a RemoteStart that waits for the cable, a Reset that is
// over when the charger boots, an update that reports its steps. Each is followed to its real end,
// and says meanwhile what it waits for. The rules are pure; the site's part is at the end.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/time.hpp"
#include "db/rows.hpp"

namespace busbar::site {

class Site;
struct ChargePoint;

BOOST_DEFINE_ENUM_CLASS(OperationState, waiting, succeeded, failed)

// One command after its answer. Stored as it is (kind "operation").
struct Operation {
    std::int64_t number = 0;
    std::string chargePoint;
    std::string action;
    std::optional<std::int32_t> connectorId;
    std::optional<std::string> idTag;
    std::optional<std::int32_t> requestId;  // or the reservation's id
    std::optional<std::string> wanted;      // the status that ends it, for ChangeAvailability
    OperationState state = OperationState::waiting;
    std::string detail;  // what it waits for, or how it ended, in words
    Timestamp startedAt;
    std::optional<Timestamp> deadline;  // when waiting makes no more sense
    std::optional<Timestamp> endedAt;
};
BOOST_DESCRIBE_STRUCT(Operation, (),
                      (number, chargePoint, action, connectorId, idTag, requestId, wanted, state,
                       detail, startedAt, deadline, endedAt))

// What may bring an operation forward.
struct TransactionBegan {
    std::int32_t connector_id = 0;
    std::string_view id_tag;
    std::optional<std::int32_t> reservation_id;
    std::int64_t transaction = 0;
};
struct ChargePointBooted {};
struct ChargePointDisconnected {};
struct ConnectorReported {
    std::int32_t connector_id = 0;
    std::string_view status;
};
// How the connectors stand that a scheduled ChangeAvailability is about.
struct ConnectorsSeen {
    bool any_runs = false;  // a transaction from before it, or its car is still there
    bool all_done = false;  // all of them are as wanted
    bool is_connected = false;
};
// A newer ChangeAvailability was agreed to.
struct AvailabilityCommanded {
    std::int32_t connector_id = 0;
    std::string_view wanted;
};
// A FirmwareStatusNotification and its like, for the operations of `action`.
struct ProgressReported {
    std::string_view action;  // the command: "UpdateFirmware", "GetDiagnostics", ...
    std::string_view status;
    std::optional<std::int32_t> request_id;
};
// The file of a GetDiagnostics or GetLog has arrived here, whatever the charger says of it.
struct FileArrived {
    std::int64_t operation = 0;
    std::int64_t size_bytes = 0;
};
struct ReservationCancelled {
    std::int32_t reservation_id = 0;
};
struct TimePassed {};
using OperationEvent =
    std::variant<TransactionBegan, ChargePointBooted, ChargePointDisconnected, ConnectorReported,
                 ConnectorsSeen, AvailabilityCommanded, ProgressReported, FileArrived,
                 ReservationCancelled, TimePassed>;

// Lets a waiting operation react. True if anything about it has changed.
bool advance(Operation& operation, const OperationEvent& event, Timestamp now);

// How long a charger waits for the cable where its ConnectionTimeOut is not known (9.1.4 leaves it
// to the maker; most have 60 s or less), and for other second acts.
inline constexpr std::chrono::seconds cable_wait{60};
inline constexpr std::chrono::seconds reboot_wait{300};
inline constexpr std::chrono::seconds upload_wait{3600};
inline constexpr std::chrono::seconds update_wait{2 * 3600};
// For the status that a scheduled ChangeAvailability leads to, once its transactions are over: the
// charger may be away by then.
inline constexpr std::chrono::seconds availability_wait{300};
inline constexpr std::chrono::seconds availability_wait_offline{24 * 3600};

inline constexpr std::size_t operations_max = 50;  // kept of one charge point

// Begins to follow an operation: numbers it, fills in charge point and start, records it. The
// oldest that has ended makes room.
const Operation& follow(Site& site, ChargePoint& charger, Operation operation);

// Lets every waiting operation of the charger react, and records what changed.
void observe(Site& site, ChargePoint& charger, const OperationEvent& event);

// Takes over an operation from before a restart; other rows are left alone.
void restore_operation(Site& site, const db::StateSaved& row);

}  // namespace busbar::site
