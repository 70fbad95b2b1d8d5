// What the site records. One described struct a kind of row; a Record is one of them. The site
// appends them to the journal, the journal writes them to PostgreSQL or, as JSON, to the spill.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "base/time.hpp"

namespace busbar::db {

// Our own identity of a transaction; the int32 that its charger knows is `transaction_id`.
using TransactionKey = std::int64_t;

// Of the stopped transactions of a charge point those are kept at hand by which a repeated Start or
// Stop is known: the newest, and besides them those stopped within a time, up to what a charger can
// add in it without being broken.
inline constexpr std::size_t recent_transactions_min = 50;
inline constexpr std::size_t recent_transactions_max = 1000;
inline constexpr std::chrono::hours recent_time{48};

// Settings of a charge point, as the operator left them. Replaces the row with the same id.
struct ChargePointSaved {
    std::string id;
    std::string state;  // "pending", "accepted" or "rejected"
    std::optional<std::string> label;
    std::optional<std::string> location;
    std::optional<std::string> password_hash;  // argon2id, libsodium's encoding
    std::string validation;                    // "lenient" or "strict"
    bool assume_ocpp16 = false;                // ruling R4
    std::int32_t max_milliamps = 32000;        // the charger's breaker, per phase
    std::string phase_map;                     // "RST" and its permutations, "L1", "L2" or "L3"
    std::int32_t security_profile = 0;         // 0 to 3: the lowest it may connect with
    std::optional<std::string> serial_number;  // as the operator knows it
    std::optional<std::string> quirks;         // JSON: what differs from its model
    std::optional<std::string> password_hash_previous;  // valid until the new one was used
    std::optional<std::vector<std::string>> groups{};   // that badges can be restricted to
    std::optional<std::string> access{};  // "badge" or "free": no badge needed; absent: "badge"
    std::optional<std::string> opening_hours{};  // "Mo-Fr 07:00-19:00" in the site's time; always
};
BOOST_DESCRIBE_STRUCT(ChargePointSaved, (),
                      (id, state, label, location, password_hash, validation, assume_ocpp16,
                       max_milliamps, phase_map, security_profile, serial_number, quirks,
                       password_hash_previous, groups, access, opening_hours))

// Its transactions stay.
struct ChargePointRemoved {
    std::string id;
};
BOOST_DESCRIBE_STRUCT(ChargePointRemoved, (), (id))

// What the last BootNotification said.
struct ChargePointBooted {
    std::string id;
    std::string vendor;
    std::string model;
    std::optional<std::string> serial_number;
    std::optional<std::string> firmware_version;
    Timestamp at;
};
BOOST_DESCRIBE_STRUCT(ChargePointBooted, (),
                      (id, vendor, model, serial_number, firmware_version, at))

// The latest StatusNotification of a connector. Replaces the row of the same connector.
struct ConnectorStatus {
    std::string charge_point;
    std::int32_t connector_id = 0;
    std::string status;
    std::string error_code;
    std::optional<std::string> info;
    std::optional<std::string> vendor_error_code;
    Timestamp at;  // as the charger says
    Timestamp received_at;
};
BOOST_DESCRIBE_STRUCT(ConnectorStatus, (),
                      (charge_point, connector_id, status, error_code, info, vendor_error_code, at,
                       received_at))

// A StartTransaction. (charge point, connector, id_tag, started_at, meter_start_wh) is
// unique: a repeat writes nothing.
struct TransactionStarted {
    TransactionKey id = 0;
    std::int32_t transaction_id = 0;
    std::string charge_point;
    std::int32_t connector_id = 0;
    std::string id_tag;
    std::int32_t meter_start_wh = 0;
    Timestamp started_at;
    Timestamp received_at;
    std::string authorization;       // the AuthorizationStatus that was answered
    bool implausible_start = false;  // ruling R7: the time of receipt joins the unique key
    // Whose it was, as it was known at the start.
    std::optional<std::string> badge{};  // that id_tag was read for
    std::optional<std::string> badge_group{};
    std::optional<std::string> cost_centre{};
    std::optional<bool> reconstructed{};  // only its stop arrived
};
BOOST_DESCRIBE_STRUCT(TransactionStarted, (),
                      (id, transaction_id, charge_point, connector_id, id_tag, meter_start_wh,
                       started_at, received_at, authorization, implausible_start, badge,
                       badge_group, cost_centre, reconstructed))

// The end of a transaction: one a transaction, except that a real stop replaces an estimated one.
struct TransactionStopped {
    TransactionKey id = 0;
    std::int32_t meter_stop_wh = 0;
    Timestamp stopped_at;
    Timestamp received_at;
    std::string reason;
    std::optional<std::string> id_tag;
    bool estimated = false;                      // closed by us with the last register we know
    std::optional<std::int64_t> energy_wh{};     // with its source, or neither
    std::optional<std::string> energy_source{};  // see site/transaction_energy.hpp
};
BOOST_DESCRIBE_STRUCT(TransactionStopped, (),
                      (id, meter_stop_wh, stopped_at, received_at, reason, id_tag, estimated,
                       energy_wh, energy_source))

// A StopTransaction that fits no transaction of its charger: kept for a person to look at.
// (charge point, transaction_id, stopped_at, meter_stop_wh) is unique: repeats write nothing.
struct OrphanStop {
    std::string charge_point;
    std::int32_t transaction_id = 0;
    std::int32_t meter_stop_wh = 0;
    Timestamp stopped_at;
    Timestamp received_at;
    std::string reason;
    std::optional<std::string> id_tag;
};
BOOST_DESCRIBE_STRUCT(OrphanStop, (),
                      (charge_point, transaction_id, meter_stop_wh, stopped_at, received_at, reason,
                       id_tag))

// One sampledValue. (charge point, connector, measured_at, context, measurand, phase, location,
// format) is unique: repeats write nothing.
struct MeterSample {
    std::string charge_point;
    std::int32_t connector_id = 0;
    std::optional<TransactionKey> transaction;
    Timestamp measured_at;
    Timestamp received_at;
    std::string context;
    std::string measurand;
    std::string phase;  // "" is the whole
    std::string location;
    std::string format = "Raw";  // or "SignedData"
    std::string unit;
    std::string value;             // as sent
    std::optional<double> number;  // in V, A, W, Wh ... where it is one
};
BOOST_DESCRIBE_STRUCT(MeterSample, (),
                      (charge_point, connector_id, transaction, measured_at, received_at, context,
                       measurand, phase, location, format, unit, value, number))

// A limit on its way to a charger (load-management.md 7.2): durable before a raise or renewal is
// sent, and soon after a lowering.
struct LimitCommanded {
    std::string charge_point;
    std::int32_t connector_id = 0;
    std::int64_t sequence = 0;
    std::int32_t limit_milliamps = 0;
    std::int32_t safe_milliamps = 0;
    Timestamp sent_at;
    Timestamp lease_end;
    std::string kind;    // "lowering", "raise" or "renewal"
    std::string reason;  // the reason's code
};
BOOST_DESCRIBE_STRUCT(LimitCommanded, (),
                      (charge_point, connector_id, sequence, limit_milliamps, safe_milliamps,
                       sent_at, lease_end, kind, reason))

// The charger answered a LimitCommanded.
struct LimitAnswered {
    std::int64_t sequence = 0;
    std::string status;  // "Accepted", "Rejected", "NotSupported", "CALLERROR" or "timeout"
    Timestamp at;
};
BOOST_DESCRIBE_STRUCT(LimitAnswered, (), (sequence, status, at))

// A badge as the operator left it. Replaces the row with the same idTag, whatever its case.
struct BadgeSaved {
    std::string id_tag;
    std::optional<std::string> label;
    std::optional<std::string> holder;
    std::string status;  // "active" or "blocked"
    std::optional<Timestamp> valid_from;
    std::optional<Timestamp> valid_until;
    std::optional<std::string> group;                       // sent as parentIdTag
    std::optional<std::vector<std::string>> charge_points;  // absent: all of them
    std::optional<std::string> charge_mode;                 // "fast", "fair", "solar" or "off_peak"
    std::int32_t max_active_transactions = 1;
    std::optional<std::string> printed_number{};  // on the card
    std::optional<std::string> email{};
    std::optional<std::string> cost_centre{};
    std::optional<std::vector<std::string>> charge_point_groups{};  // besides charge_points
    std::optional<std::string> schedule{};  // "Mo-Fr 07:00-19:00" in the site's time; always
    std::optional<std::int64_t> monthly_energy_quota_wh{};
    std::optional<std::int32_t> priority_class{};  // 0 to 9 (load-management.md chapter 5)
    std::optional<std::string> note{};
};
BOOST_DESCRIBE_STRUCT(BadgeSaved, (),
                      (id_tag, label, holder, status, valid_from, valid_until, group, charge_points,
                       charge_mode, max_active_transactions, printed_number, email, cost_centre,
                       charge_point_groups, schedule, monthly_energy_quota_wh, priority_class,
                       note))

struct BadgeRemoved {
    std::string id_tag;
};
BOOST_DESCRIBE_STRUCT(BadgeRemoved, (), (id_tag))

// State that is loaded at the start and otherwise only lives in memory ("reservation", "operation",
// "local_list" ...). Replaces the row of the same kind and key. Kind and key together at most 2,000
// bytes, the body valid JSON: PostgreSQL refuses anything else.
struct StateSaved {
    std::string kind;
    std::string key;
    RawJson body;
};
BOOST_DESCRIBE_STRUCT(StateSaved, (), (kind, key, body))

struct StateRemoved {
    std::string kind;
    std::string key;
};
BOOST_DESCRIBE_STRUCT(StateRemoved, (), (kind, key))

// A SecurityEventNotification. (charge point, type, at, tech_info) is unique: repeats write
// nothing.
struct SecurityEventReceived {
    std::string charge_point;
    std::string type;
    std::optional<std::string> tech_info;
    Timestamp at;  // as the charger says
    Timestamp received_at;
};
BOOST_DESCRIBE_STRUCT(SecurityEventReceived, (), (charge_point, type, tech_info, at, received_at))

// What is set for all badges of a group. Replaces the row with the same name, whatever its case.
struct BadgeGroupSaved {
    std::string name;
    std::optional<std::string> label;
    std::optional<std::string> cost_centre;               // of badges that have none of their own
    std::optional<std::int32_t> max_active_transactions;  // of all its badges together
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(BadgeGroupSaved, (),
                      (name, label, cost_centre, max_active_transactions, note))

// Its badges stay in the group.
struct BadgeGroupRemoved {
    std::string name;
};
BOOST_DESCRIBE_STRUCT(BadgeGroupRemoved, (), (name))

// What an operator says instead of the charger; absent: as the charger said. Replaces the
// correction of the same transaction, and is never replaced by what a charger sends later.
struct TransactionCorrected {
    TransactionKey id = 0;
    std::optional<std::string> badge;
    std::optional<std::int32_t> meter_start_wh;
    std::optional<std::int32_t> meter_stop_wh;
    std::optional<Timestamp> started_at;
    std::optional<Timestamp> stopped_at;
    std::optional<std::int64_t> energy_wh;
    std::optional<std::string> note;
    Timestamp at;
    std::string by;
};
BOOST_DESCRIBE_STRUCT(TransactionCorrected, (),
                      (id, badge, meter_start_wh, meter_stop_wh, started_at, stopped_at, energy_wh,
                       note, at, by))

// A change that a person or a program made. (at, actor, action, object) is unique. `before` and
// `after` hold no secrets, and of people nothing but that it was there.
struct AuditEntry {
    Timestamp at;
    std::string actor;        // the token's or user's name, or "command line"
    std::string action;       // "create", "update", "delete", "import", "correct" ...
    std::string object_kind;  // "badge", "group", "transaction", "charge-point" ...
    std::string object_id;
    std::optional<RawJson> before;
    std::optional<RawJson> after;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(AuditEntry, (),
                      (at, actor, action, object_kind, object_id, before, after, note))

// The badge and what it did stay apart from now on: its row goes, and its transactions carry the
// pseudonym.
struct BadgeErased {
    std::string id_tag;
    std::string pseudonym;
};
BOOST_DESCRIBE_STRUCT(BadgeErased, (), (id_tag, pseudonym))

// The order is part of the spill's format: add kinds at the end.
using Record = std::variant<ChargePointSaved, ChargePointRemoved, ChargePointBooted,
                            ConnectorStatus, TransactionStarted, TransactionStopped, OrphanStop,
                            MeterSample, LimitCommanded, LimitAnswered, BadgeSaved, BadgeRemoved,
                            StateSaved, StateRemoved, SecurityEventReceived, BadgeGroupSaved,
                            BadgeGroupRemoved, TransactionCorrected, AuditEntry, BadgeErased>;

}  // namespace busbar::db
