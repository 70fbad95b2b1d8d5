#include "db/retention.hpp"

#include "base/codec.hpp"

namespace busbar::db {
namespace {

constexpr int deleted_rows_max = 5'000;
constexpr int renamed_rows_max = 500;
constexpr std::int64_t scrubbed_ids_max = 5'000;

// Limits of one connector that load_site looks at (db/queries.cpp).
constexpr int limits_kept = 100;

bool delete_some(Connection& connection, const std::string& sql, const Params& params) {
    Transaction transaction{connection};
    const auto rows = transaction.exec(sql, params).affected_rows();
    transaction.commit();
    return rows > 0;
}

struct Erasure {
    std::string id_tag;
    std::string pseudonym;
    std::int64_t scrubbed_to = 0;
    bool is_settled = false;  // whatever was under way when it was erased is in the log by now
};

// A JSON string with this text, as a regular expression whatever the case of its letters. Escaped
// as little as JSON allows, as every charger does it that we know of.
std::string pattern_of(const std::string& id_tag) {
    std::string out;
    for (const char c : to_json(id_tag)) {
        const bool is_word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z') || (static_cast<unsigned char>(c) >= 0x80);
        if (!is_word) out += '\\';
        out += c;
    }
    return out;
}

std::optional<Erasure> next_erasure(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT id_tag, pseudonym, scrubbed_to, erased_at < now() - interval '10 minutes' "
        "FROM badge_erasure e "
        "WHERE scrubbed_to < (SELECT coalesce(max(id), 0) FROM message_log) "
        "OR erased_at < now() - interval '10 minutes' ORDER BY erased_at, id_tag LIMIT 1 "
        "FOR UPDATE SKIP LOCKED");
    if (rows.empty()) return std::nullopt;
    return Erasure{rows[0][0].as<std::string>(), rows[0][1].as<std::string>(),
                   rows[0][2].as<std::int64_t>(), rows[0][3].as<bool>()};
}

}  // namespace

bool delete_old_limits(Connection& connection, Timestamp cutoff) {
    return delete_some(
        connection,
        "WITH RECURSIVE evse AS ("
        "(SELECT charge_point, connector_id FROM limit_command "
        "ORDER BY charge_point, connector_id LIMIT 1) UNION ALL "
        "SELECT n.charge_point, n.connector_id FROM evse e CROSS JOIN LATERAL ("
        "SELECT charge_point, connector_id FROM limit_command l "
        "WHERE (l.charge_point, l.connector_id) > (e.charge_point, e.connector_id) "
        "ORDER BY charge_point, connector_id LIMIT 1) n) "
        "DELETE FROM limit_command WHERE sequence = ANY (ARRAY("
        "SELECT o.sequence FROM evse e CROSS JOIN LATERAL ("
        "SELECT sequence FROM limit_command k WHERE k.charge_point = e.charge_point "
        "AND k.connector_id = e.connector_id ORDER BY sequence DESC OFFSET $2 LIMIT 1) kept "
        "CROSS JOIN LATERAL ("
        "SELECT sequence FROM limit_command l WHERE l.charge_point = e.charge_point "
        "AND l.connector_id = e.connector_id AND l.sequence <= kept.sequence "
        "AND l.sent_at < $1 ORDER BY sequence LIMIT $3) o LIMIT $3))",
        Params{cutoff, limits_kept, deleted_rows_max});
}

bool delete_old_security_events(Connection& connection, Timestamp cutoff) {
    // Ids are in the order of receipt.
    return delete_some(connection,
                       "DELETE FROM security_event WHERE id = ANY (ARRAY("
                       "SELECT id FROM security_event ORDER BY id LIMIT $2)) AND received_at < $1",
                       Params{cutoff, deleted_rows_max});
}

bool delete_old_audit(Connection& connection, Timestamp cutoff) {
    Transaction transaction{connection};
    transaction.exec("SET LOCAL busbar.audit_retention = 'on'");
    const auto rows = transaction
                          .exec(
                              "DELETE FROM audit_log WHERE id = ANY (ARRAY("
                              "SELECT id FROM audit_log ORDER BY id LIMIT $2)) "
                              "AND at < $1 AND at < now() - interval '1 year'",
                              Params{cutoff, deleted_rows_max})
                          .affected_rows();
    transaction.commit();
    return rows > 0;
}

bool anonymise_transactions(Connection& connection, Timestamp cutoff) {
    Transaction transaction{connection};
    // Two starts that differ in nothing but their idTag must not become one start.
    const auto renamed = transaction.exec(
        "WITH old AS (SELECT id FROM transaction WHERE stopped_at < $1 "
        "AND (badge IS DISTINCT FROM 'anonymous' OR id_tag NOT LIKE 'anonymous%' "
        "OR stop_id_tag <> 'anonymous') "
        "ORDER BY stopped_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) "
        "UPDATE transaction t SET badge = 'anonymous', "
        "stop_id_tag = CASE WHEN t.stop_id_tag IS NULL THEN NULL ELSE 'anonymous' END, "
        "id_tag = CASE WHEN EXISTS (SELECT FROM transaction o "
        "WHERE o.charge_point = t.charge_point AND o.connector_id = t.connector_id "
        "AND o.started_at = t.started_at AND o.meter_start_wh = t.meter_start_wh "
        "AND o.id <> t.id) THEN 'anonymous-' || t.id ELSE 'anonymous' END "
        "FROM old WHERE t.id = old.id RETURNING t.id",
        Params{cutoff, renamed_rows_max});
    ArrayLiteral ids;
    for (const auto& row : renamed) ids.add(row[0].as<std::int64_t>());
    Params params;
    params.add(std::move(ids));
    transaction.exec(
        "UPDATE transaction_correction SET badge = 'anonymous' "
        "WHERE transaction = ANY ($1::bigint[]) AND badge IS NOT NULL",
        params);
    transaction.exec(
        "UPDATE orphan_stop SET id_tag = 'anonymous' "
        "WHERE received_at < $1 AND id_tag <> 'anonymous'",
        Params{cutoff});
    transaction.commit();
    return !renamed.empty();
}

bool scrub_messages(Connection& connection) {
    Transaction transaction{connection};
    const auto erasure = next_erasure(transaction);
    if (!erasure) return false;
    // The end of this piece: so many ids on, or the end of the log.
    const auto last = transaction
                          .exec("SELECT least(coalesce(max(id), 0), $1::bigint) FROM message_log",
                                Params{erasure->scrubbed_to + scrubbed_ids_max})[0][0]
                          .as<std::int64_t>();
    if (last > erasure->scrubbed_to) {
        const auto pattern = pattern_of(erasure->id_tag);
        transaction.exec(
            "UPDATE message_log SET payload = regexp_replace(payload, $3, $4, 'gi') "
            "WHERE id > $1 AND id <= $2 AND payload ~* $3",
            Params{erasure->scrubbed_to, last, pattern, to_json(erasure->pseudonym)});
        transaction.exec("UPDATE badge_erasure SET scrubbed_to = $2 WHERE id_tag = $1",
                         Params{erasure->id_tag, last});
    } else if (erasure->is_settled) {
        transaction.exec("DELETE FROM badge_erasure WHERE id_tag = $1", Params{erasure->id_tag});
    }
    transaction.commit();
    return true;
}

}  // namespace busbar::db
