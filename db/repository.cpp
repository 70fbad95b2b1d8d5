#include "db/repository.hpp"

#include <spdlog/spdlog.h>

#include "base/codec.hpp"
#include "db/badge_rows.hpp"
#include "db/unnest.hpp"

namespace busbar::db {
namespace {

constexpr const char* remove_charge_points = R"(
WITH removed AS (SELECT unnest($1::text[]) AS id),
     boots AS (DELETE FROM charge_point_boot b USING removed r WHERE b.charge_point = r.id),
     connectors AS (DELETE FROM connector_status c USING removed r WHERE c.charge_point = r.id)
DELETE FROM charge_point c USING removed r WHERE c.id = r.id)";

constexpr const char* save_charge_points = R"(
INSERT INTO charge_point (id, state, label, location, password_hash, validation, assume_ocpp16,
                          max_milliamps, phase_map, security_profile, serial_number, quirks,
                          password_hash_previous, groups, access, opening_hours)
SELECT id, state, label, location, password_hash, validation, assume_ocpp16, max_milliamps,
       phase_map, security_profile, serial_number, quirks, password_hash_previous, groups::text[],
       coalesce(access, 'badge'), opening_hours
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[],
            $8::integer[], $9::text[], $10::integer[], $11::text[], $12::text[], $13::text[],
            $14::text[], $15::text[], $16::text[])
     AS row (id, state, label, location, password_hash, validation, assume_ocpp16, max_milliamps,
             phase_map, security_profile, serial_number, quirks, password_hash_previous, groups,
             access, opening_hours)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, label = excluded.label, location = excluded.location,
    password_hash = excluded.password_hash, validation = excluded.validation,
    assume_ocpp16 = excluded.assume_ocpp16, max_milliamps = excluded.max_milliamps,
    phase_map = excluded.phase_map, security_profile = excluded.security_profile,
    serial_number = excluded.serial_number, quirks = excluded.quirks,
    password_hash_previous = excluded.password_hash_previous, groups = excluded.groups,
    access = excluded.access, opening_hours = excluded.opening_hours)";

constexpr const char* save_boots = R"(
INSERT INTO charge_point_boot (charge_point, vendor, model, serial_number, firmware_version, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT (charge_point) DO UPDATE SET
    vendor = excluded.vendor, model = excluded.model, serial_number = excluded.serial_number,
    firmware_version = excluded.firmware_version, at = excluded.at)";

constexpr const char* save_connectors = R"(
INSERT INTO connector_status (charge_point, connector_id, status, error_code, info,
                              vendor_error_code, at, received_at)
SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[])
ON CONFLICT (charge_point, connector_id) DO UPDATE SET
    status = excluded.status, error_code = excluded.error_code, info = excluded.info,
    vendor_error_code = excluded.vendor_error_code, at = excluded.at,
    received_at = excluded.received_at)";

// A second transaction with a key that exists under another start is no repeat but our bug, and
// must not pass unseen: the primary key raises it. Two implausible starts of one millisecond are
// two: whoever has given them ids knows, so these tell them apart.
constexpr const char* start_transactions = R"(
INSERT INTO transaction (id, transaction_id, charge_point, connector_id, id_tag, meter_start_wh,
                         started_at, received_at, "authorization",
                         start_received, badge, badge_group, cost_centre, reconstructed)
SELECT id, transaction_id, charge_point, connector_id, id_tag, meter_start_wh, started_at,
       received_at, verdict,
       CASE WHEN implausible_start THEN received_at + id % 1000 * interval '1 microsecond'
            ELSE '-infinity'::timestamptz END,
       badge, badge_group, cost_centre, coalesce(reconstructed, false)
FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::integer[],
            $7::timestamptz[], $8::timestamptz[], $9::text[], $10::boolean[], $11::text[],
            $12::text[], $13::text[], $14::boolean[])
     AS row (id, transaction_id, charge_point, connector_id, id_tag, meter_start_wh, started_at,
             received_at, verdict, implausible_start, badge, badge_group, cost_centre,
             reconstructed)
ON CONFLICT (charge_point, connector_id, (left(lower(id_tag), 255)), started_at, meter_start_wh,
             start_received) DO NOTHING)";

constexpr const char* stop_transactions = R"(
UPDATE transaction t SET
    meter_stop_wh = s.meter_stop_wh, stopped_at = s.stopped_at, stop_received_at = s.received_at,
    stop_reason = s.reason, stop_id_tag = s.id_tag, estimated = s.estimated,
    energy_wh = s.energy_wh, energy_source = s.energy_source
FROM unnest($1::bigint[], $2::integer[], $3::timestamptz[], $4::timestamptz[], $5::text[],
            $6::text[], $7::boolean[], $8::bigint[], $9::text[])
     AS s (id, meter_stop_wh, stopped_at, received_at, reason, id_tag, estimated, energy_wh,
           energy_source)
WHERE t.id = s.id AND (t.stopped_at IS NULL OR (t.estimated AND NOT s.estimated)))";

constexpr const char* unknown_transactions = R"(
SELECT s.id FROM unnest($1::bigint[]) AS s (id)
WHERE NOT EXISTS (SELECT FROM transaction t WHERE t.id = s.id))";

constexpr const char* save_orphan_stops = R"(
INSERT INTO orphan_stop (charge_point, transaction_id, meter_stop_wh, stopped_at, received_at,
                         reason, id_tag)
SELECT * FROM unnest($1::text[], $2::integer[], $3::integer[], $4::timestamptz[],
                     $5::timestamptz[], $6::text[], $7::text[])
ON CONFLICT ON CONSTRAINT orphan_stop_key DO NOTHING)";

constexpr const char* save_samples = R"(
INSERT INTO meter_sample (charge_point, connector_id, transaction, measured_at, received_at,
                          context, measurand, phase, location, format, unit, value, number)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::timestamptz[],
                     $5::timestamptz[], $6::text[], $7::text[], $8::text[], $9::text[],
                     $10::text[], $11::text[], $12::text[], $13::double precision[])
ON CONFLICT ON CONSTRAINT meter_sample_key DO NOTHING)";

constexpr const char* save_limits = R"(
INSERT INTO limit_command (sequence, charge_point, connector_id, limit_milliamps, safe_milliamps,
                           sent_at, lease_end, kind, reason)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::integer[],
                     $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[])
ON CONFLICT (sequence) DO NOTHING)";

constexpr const char* answer_limits = R"(
UPDATE limit_command c SET answer = a.status, answered_at = a.at
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS a (sequence, status, at)
WHERE c.sequence = a.sequence)";

constexpr const char* remove_states = R"(
DELETE FROM site_state s USING unnest($1::text[], $2::text[]) AS r (kind, key)
WHERE s.kind = r.kind AND s.key = r.key)";

constexpr const char* save_states = R"(
INSERT INTO site_state (kind, key, body)
SELECT kind, key, body::json FROM unnest($1::text[], $2::text[], $3::text[]) AS r (kind, key, body)
ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, saved_at = excluded.saved_at)";

constexpr const char* save_security_events = R"(
INSERT INTO security_event (charge_point, type, tech_info, at, received_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
ON CONFLICT (charge_point, (left(type, 255)), at, (md5(coalesce(tech_info, '')))) DO NOTHING)";

void write_charge_points(Transaction& transaction, const Batch& batch) {
    run(transaction, "remove_charge_points", batch.charge_points_removed);
    using Saved = ChargePointSaved;
    run(transaction, "save_charge_points", batch.charge_points_saved, &Saved::id, &Saved::state,
        &Saved::label, &Saved::location, &Saved::password_hash, &Saved::validation,
        &Saved::assume_ocpp16, &Saved::max_milliamps, &Saved::phase_map, &Saved::security_profile,
        &Saved::serial_number, &Saved::quirks, &Saved::password_hash_previous, &Saved::groups,
        &Saved::access, &Saved::opening_hours);
    using Boot = ChargePointBooted;
    run(transaction, "save_boots", batch.boots, &Boot::id, &Boot::vendor, &Boot::model,
        &Boot::serial_number, &Boot::firmware_version, &Boot::at);
    using Status = ConnectorStatus;
    run(transaction, "save_connectors", batch.connectors, &Status::charge_point,
        &Status::connector_id, &Status::status, &Status::error_code, &Status::info,
        &Status::vendor_error_code, &Status::at, &Status::received_at);
}

// A stop whose start is not in the table: nothing else would ever show that energy again.
void quarantine_unknown(Transaction& transaction,
                        const std::vector<const TransactionStopped*>& stops,
                        std::uint64_t sequence) {
    const auto unknown =
        transaction.exec_prepared("unknown_transactions", columns(stops, &TransactionStopped::id));
    for (const auto& row : unknown) {
        const auto id = row[0].as<TransactionKey>();
        for (const auto* stop : stops) {
            if (stop->id != id) continue;
            spdlog::error("journal stop_of_unknown_transaction id={}: quarantined", id);
            quarantine(transaction, sequence, "[[\"TransactionStopped\"," + to_json(*stop) + "]]",
                       "no transaction has this id");
        }
    }
}

void write_transactions(Transaction& transaction, const Batch& batch, std::uint64_t sequence) {
    using Start = TransactionStarted;
    run(transaction, "start_transactions", batch.starts, &Start::id, &Start::transaction_id,
        &Start::charge_point, &Start::connector_id, &Start::id_tag, &Start::meter_start_wh,
        &Start::started_at, &Start::received_at, &Start::authorization, &Start::implausible_start,
        &Start::badge, &Start::badge_group, &Start::cost_centre, &Start::reconstructed);
    using Stop = TransactionStopped;
    const auto stopped =
        run(transaction, "stop_transactions", batch.stops, &Stop::id, &Stop::meter_stop_wh,
            &Stop::stopped_at, &Stop::received_at, &Stop::reason, &Stop::id_tag, &Stop::estimated,
            &Stop::energy_wh, &Stop::energy_source);
    if (stopped < batch.stops.size()) quarantine_unknown(transaction, batch.stops, sequence);
    using Orphan = OrphanStop;
    run(transaction, "save_orphan_stops", batch.orphan_stops, &Orphan::charge_point,
        &Orphan::transaction_id, &Orphan::meter_stop_wh, &Orphan::stopped_at, &Orphan::received_at,
        &Orphan::reason, &Orphan::id_tag);
}

void write_samples(Transaction& transaction, const Batch& batch) {
    // The unique key's columns: an index cannot hold text without a bound.
    const auto key_text = [](std::string MeterSample::*member) {
        return [member](const MeterSample& row) {
            return std::string_view{row.*member}.substr(0, 100);
        };
    };
    using Sample = MeterSample;
    run(transaction, "save_samples", batch.samples, &Sample::charge_point, &Sample::connector_id,
        &Sample::transaction, &Sample::measured_at, &Sample::received_at,
        key_text(&Sample::context), key_text(&Sample::measurand), key_text(&Sample::phase),
        key_text(&Sample::location), key_text(&Sample::format), &Sample::unit, &Sample::value,
        &Sample::number);
}

void write_limits(Transaction& transaction, const Batch& batch) {
    using Limit = LimitCommanded;
    run(transaction, "save_limits", batch.limits, &Limit::sequence, &Limit::charge_point,
        &Limit::connector_id, &Limit::limit_milliamps, &Limit::safe_milliamps, &Limit::sent_at,
        &Limit::lease_end, &Limit::kind, &Limit::reason);
    using Answer = LimitAnswered;
    run(transaction, "answer_limits", batch.limit_answers, &Answer::sequence, &Answer::status,
        &Answer::at);
}

void write_states(Transaction& transaction, const Batch& batch) {
    run(transaction, "remove_states", batch.states_removed, &StateRemoved::kind,
        &StateRemoved::key);
    run(transaction, "save_states", batch.states_saved, &StateSaved::kind, &StateSaved::key,
        [](const StateSaved& row) { return std::string_view{row.body.text}; });
    using Event = SecurityEventReceived;
    run(transaction, "save_security_events", batch.security_events, &Event::charge_point,
        &Event::type, &Event::tech_info, &Event::at, &Event::received_at);
}

}  // namespace

void prepare_writes(Connection& connection) {
    connection.prepare("remove_charge_points", remove_charge_points);
    connection.prepare("save_charge_points", save_charge_points);
    connection.prepare("save_boots", save_boots);
    connection.prepare("save_connectors", save_connectors);
    connection.prepare("start_transactions", start_transactions);
    connection.prepare("stop_transactions", stop_transactions);
    connection.prepare("unknown_transactions", unknown_transactions);
    connection.prepare("save_orphan_stops", save_orphan_stops);
    connection.prepare("save_samples", save_samples);
    connection.prepare("save_limits", save_limits);
    connection.prepare("answer_limits", answer_limits);
    connection.prepare("remove_states", remove_states);
    connection.prepare("save_states", save_states);
    connection.prepare("save_security_events", save_security_events);
    prepare_badge_writes(connection);
    connection.prepare("move_position",
                       "UPDATE journal_position SET sequence = $2, transaction_id_max = "
                       "greatest(transaction_id_max, $3) WHERE sequence = $1");
    connection.prepare("quarantine",
                       "INSERT INTO quarantine (sequence, records, error) VALUES ($1, $2, $3)");
}

void write(Transaction& transaction, std::span<const Unit> units) {
    if (units.empty()) return;
    const auto batch = fold(units);
    write_charge_points(transaction, batch);
    write_transactions(transaction, batch, units.back().sequence);
    write_samples(transaction, batch);
    write_limits(transaction, batch);
    write_badges(transaction, batch);
    write_states(transaction, batch);
}

bool move_position(Transaction& transaction, std::uint64_t from, std::span<const Unit> units) {
    TransactionKey id_max = 0;
    for (const auto& unit : units) {
        for (const auto& record : unit.records) {
            const auto* start = std::get_if<TransactionStarted>(&record);
            if (start != nullptr) id_max = std::max(id_max, start->id);
        }
    }
    const Params params{from, units.back().sequence, id_max};
    return transaction.exec_prepared("move_position", params).affected_rows() == 1;
}

void quarantine(Transaction& transaction, std::uint64_t sequence, std::string_view records,
                std::string_view error) {
    transaction.exec_prepared("quarantine", Params{sequence, records, error});
}

}  // namespace busbar::db
