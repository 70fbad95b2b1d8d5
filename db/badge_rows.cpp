#include "db/badge_rows.hpp"

#include "db/unnest.hpp"

namespace busbar::db {
namespace {

constexpr const char* remove_badges = R"(
DELETE FROM badge WHERE lower(id_tag) = ANY (SELECT lower(x COLLATE "C")
                                             FROM unnest($1::text[]) AS x))";

constexpr const char* save_badges = R"(
INSERT INTO badge (id_tag, label, holder, status, valid_from, valid_until, "group", charge_points,
                   charge_mode, max_active_transactions, printed_number, email, cost_centre,
                   charge_point_groups, schedule, monthly_energy_quota_wh, priority_class, note)
SELECT id_tag, label, holder, status, valid_from, valid_until, parent, charge_points::text[],
       charge_mode, max_active_transactions, printed_number, email, cost_centre,
       charge_point_groups::text[], schedule, monthly_energy_quota_wh, priority_class, note
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::text[], $8::text[], $9::text[], $10::integer[], $11::text[], $12::text[],
            $13::text[], $14::text[], $15::text[], $16::bigint[], $17::integer[], $18::text[])
     AS row (id_tag, label, holder, status, valid_from, valid_until, parent, charge_points,
             charge_mode, max_active_transactions, printed_number, email, cost_centre,
             charge_point_groups, schedule, monthly_energy_quota_wh, priority_class, note)
ON CONFLICT (lower(id_tag)) DO UPDATE SET
    id_tag = excluded.id_tag, label = excluded.label, holder = excluded.holder,
    status = excluded.status, valid_from = excluded.valid_from,
    valid_until = excluded.valid_until, "group" = excluded."group",
    charge_points = excluded.charge_points, charge_mode = excluded.charge_mode,
    max_active_transactions = excluded.max_active_transactions,
    printed_number = excluded.printed_number, email = excluded.email,
    cost_centre = excluded.cost_centre, charge_point_groups = excluded.charge_point_groups,
    schedule = excluded.schedule, monthly_energy_quota_wh = excluded.monthly_energy_quota_wh,
    priority_class = excluded.priority_class, note = excluded.note)";

constexpr const char* remove_badge_groups = R"(
DELETE FROM badge_group WHERE lower(name) = ANY (SELECT lower(x COLLATE "C")
                                                 FROM unnest($1::text[]) AS x))";

constexpr const char* save_badge_groups = R"(
INSERT INTO badge_group (name, label, cost_centre, max_active_transactions, note)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[])
ON CONFLICT (lower(name)) DO UPDATE SET
    name = excluded.name, label = excluded.label, cost_centre = excluded.cost_centre,
    max_active_transactions = excluded.max_active_transactions, note = excluded.note)";

constexpr const char* save_corrections = R"(
INSERT INTO transaction_correction (transaction, badge, meter_start_wh, meter_stop_wh, started_at,
                                    stopped_at, energy_wh, note, corrected_at, corrected_by)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::integer[], $5::timestamptz[],
                     $6::timestamptz[], $7::bigint[], $8::text[], $9::timestamptz[], $10::text[])
ON CONFLICT (transaction) DO UPDATE SET
    badge = excluded.badge, meter_start_wh = excluded.meter_start_wh,
    meter_stop_wh = excluded.meter_stop_wh, started_at = excluded.started_at,
    stopped_at = excluded.stopped_at, energy_wh = excluded.energy_wh, note = excluded.note,
    corrected_at = excluded.corrected_at, corrected_by = excluded.corrected_by)";

constexpr const char* save_audit = R"(
INSERT INTO audit_log (at, actor, action, object_kind, object_id, before, after, note)
SELECT at, actor, action, object_kind, object_id, before::json, after::json, note
FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
            $7::text[], $8::text[])
     AS row (at, actor, action, object_kind, object_id, before, after, note)
ON CONFLICT ON CONSTRAINT audit_log_key DO NOTHING)";

// Whatever the charger made of it: read for this badge, or sent just so. A charger that has sent
// one start under two spellings of a tag has left two rows that differ in nothing else: the second
// gets a number behind its pseudonym, because they must not become one.
constexpr const char* erase_badges = R"(
WITH erased AS (SELECT left(lower(id_tag), 255) AS id_tag, pseudonym
                FROM unnest($1::text[], $2::text[]) AS row (id_tag, pseudonym)),
     removed AS (DELETE FROM badge b USING erased e WHERE lower(b.id_tag) = e.id_tag),
     corrected AS (UPDATE transaction_correction c SET badge = e.pseudonym
                   FROM erased e WHERE left(lower(c.badge), 255) = e.id_tag),
     stopped AS (UPDATE orphan_stop o SET id_tag = e.pseudonym
                 FROM erased e WHERE left(lower(o.id_tag), 255) = e.id_tag),
     found AS (
        SELECT t.id, e.pseudonym, t.id_tag AS sent,
               left(lower(coalesce(t.badge, t.id_tag)), 255) = e.id_tag AS is_its,
               left(lower(t.stop_id_tag), 255) = e.id_tag AS ended_it,
               row_number() OVER (PARTITION BY e.pseudonym, t.charge_point, t.connector_id,
                                               t.started_at, t.meter_start_wh, t.start_received
                                  ORDER BY t.id) AS number
        FROM erased e JOIN transaction t
             ON left(lower(t.badge), 255) = e.id_tag OR left(lower(t.id_tag), 255) = e.id_tag
                OR left(lower(t.stop_id_tag), 255) = e.id_tag
                   AND lower(t.stop_id_tag) <> lower(t.id_tag)),
     -- For whoever reads the message log through (db/maintenance).
     named AS (
        INSERT INTO badge_erasure (id_tag, pseudonym)
        SELECT DISTINCT ON (id_tag) id_tag, pseudonym
        FROM (SELECT id_tag, pseudonym FROM erased UNION ALL
              SELECT left(lower(sent), 255), pseudonym FROM found WHERE is_its) n
        ON CONFLICT (id_tag) DO UPDATE SET
            pseudonym = excluded.pseudonym, erased_at = now(), scrubbed_to = 0)
UPDATE transaction t SET
    badge = CASE WHEN f.is_its THEN f.pseudonym ELSE t.badge END,
    id_tag = CASE WHEN NOT f.is_its THEN t.id_tag WHEN f.number = 1 THEN f.pseudonym
                  ELSE f.pseudonym || '-' || f.number END,
    stop_id_tag = CASE WHEN f.ended_it OR f.is_its AND t.stop_id_tag IS NOT NULL
                       THEN f.pseudonym ELSE t.stop_id_tag END
FROM found f WHERE t.id = f.id)";

}  // namespace

void prepare_badge_writes(Connection& connection) {
    connection.prepare("remove_badges", remove_badges);
    connection.prepare("save_badges", save_badges);
    connection.prepare("remove_badge_groups", remove_badge_groups);
    connection.prepare("save_badge_groups", save_badge_groups);
    connection.prepare("save_corrections", save_corrections);
    connection.prepare("save_audit", save_audit);
    connection.prepare("erase_badges", erase_badges);
}

void write_badges(Transaction& transaction, const Batch& batch) {
    run(transaction, "erase_badges", batch.badges_erased, &BadgeErased::id_tag,
        &BadgeErased::pseudonym);
    run(transaction, "remove_badges", batch.badges_removed);
    using Badge = BadgeSaved;
    run(transaction, "save_badges", batch.badges_saved, &Badge::id_tag, &Badge::label,
        &Badge::holder, &Badge::status, &Badge::valid_from, &Badge::valid_until, &Badge::group,
        &Badge::charge_points, &Badge::charge_mode, &Badge::max_active_transactions,
        &Badge::printed_number, &Badge::email, &Badge::cost_centre, &Badge::charge_point_groups,
        &Badge::schedule, &Badge::monthly_energy_quota_wh, &Badge::priority_class, &Badge::note);
    run(transaction, "remove_badge_groups", batch.badge_groups_removed);
    using Group = BadgeGroupSaved;
    run(transaction, "save_badge_groups", batch.badge_groups_saved, &Group::name, &Group::label,
        &Group::cost_centre, &Group::max_active_transactions, &Group::note);
    using Correction = TransactionCorrected;
    run(transaction, "save_corrections", batch.corrections, &Correction::id, &Correction::badge,
        &Correction::meter_start_wh, &Correction::meter_stop_wh, &Correction::started_at,
        &Correction::stopped_at, &Correction::energy_wh, &Correction::note, &Correction::at,
        &Correction::by);
    const auto json = [](std::optional<RawJson> AuditEntry::*member) {
        return [member](const AuditEntry& row) {
            const auto& value = row.*member;
            return value ? std::optional{std::string_view{value->text}} : std::nullopt;
        };
    };
    using Entry = AuditEntry;
    run(transaction, "save_audit", batch.audit, &Entry::at, &Entry::actor, &Entry::action,
        &Entry::object_kind, &Entry::object_id, json(&Entry::before), json(&Entry::after),
        &Entry::note);
}

}  // namespace busbar::db
