#include "db/transaction_store.hpp"

#include <algorithm>

#include "db/select.hpp"

namespace busbar::db {
namespace {

// Of table transaction_correction under the alias c, as correction_of reads them.
std::string correction_columns() {
    return "c.transaction AS corrected, c.badge AS c_badge, "
           "c.meter_start_wh AS c_meter_start_wh, c.meter_stop_wh AS c_meter_stop_wh, " +
           milliseconds_of("c.started_at") + " AS c_started_ms, " +
           milliseconds_of("c.stopped_at") +
           " AS c_stopped_ms, c.energy_wh AS c_energy_wh, c.note AS c_note, " +
           milliseconds_of("c.corrected_at") + " AS c_at_ms, c.corrected_by";
}

std::string select_rows() {
    return "SELECT " + transaction_columns() +
           ", v.badge AS badge_in_force, v.badge_group AS group_in_force, "
           "v.cost_centre AS cost_centre_in_force, v.energy_wh AS energy_in_force, "
           "v.energy_source AS source_in_force, " +
           correction_columns() +
           " FROM transaction_in_force v JOIN transaction t ON t.id = v.id "
           "LEFT JOIN transaction_correction c ON c.transaction = v.id ";
}

template <class T>
std::optional<T> optional_of(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return field.as<T>();
}

std::optional<TransactionCorrected> correction_of(const pqxx::row& row) {
    if (row["corrected"].is_null()) return std::nullopt;
    TransactionCorrected out;
    out.id = row["corrected"].as<TransactionKey>();
    out.badge = optional_text_of(row["c_badge"]);
    out.meter_start_wh = optional_of<std::int32_t>(row["c_meter_start_wh"]);
    out.meter_stop_wh = optional_of<std::int32_t>(row["c_meter_stop_wh"]);
    out.started_at = optional_time_of(row["c_started_ms"]);
    out.stopped_at = optional_time_of(row["c_stopped_ms"]);
    out.energy_wh = optional_of<std::int64_t>(row["c_energy_wh"]);
    out.note = optional_text_of(row["c_note"]);
    out.at = time_of(row["c_at_ms"]);
    out.by = row["corrected_by"].as<std::string>();
    return out;
}

TransactionRow row_of(const pqxx::row& row) {
    TransactionRow out{start_of(row), stop_of(row), correction_of(row)};
    out.badge = row["badge_in_force"].as<std::string>();
    // Who pays goes with the badge.
    out.start.badge_group = optional_text_of(row["group_in_force"]);
    out.start.cost_centre = optional_text_of(row["cost_centre_in_force"]);
    if (!out.stop) return out;
    out.energy_wh = optional_of<std::int64_t>(row["energy_in_force"]);
    out.energy_source = optional_text_of(row["source_in_force"]);
    return out;
}

// The ids of a badge's transactions, by the indexes of what was told and of what was corrected; the
// view says afterwards what counts.
constexpr const char* is_of_badge =
    "($4::text IS NULL OR (left(lower(v.badge), 255) = left(lower($4 COLLATE \"C\"), 255) "
    "AND v.id IN ("
    "SELECT id FROM transaction "
    "WHERE left(lower(id_tag), 255) = left(lower($4 COLLATE \"C\"), 255) UNION ALL "
    "SELECT id FROM transaction "
    "WHERE badge IS NOT NULL AND left(lower(badge), 255) = left(lower($4 COLLATE \"C\"), 255) "
    "UNION ALL SELECT transaction FROM transaction_correction "
    "WHERE left(lower(badge), 255) = left(lower($4 COLLATE \"C\"), 255)))) ";

// What says that a stop fits nothing to this day.
constexpr const char* is_orphan =
    "NOT EXISTS (SELECT FROM transaction t WHERE t.charge_point = o.charge_point "
    "AND t.stopped_at = o.stopped_at AND t.meter_stop_wh = o.meter_stop_wh) ";

std::string orphan_columns() {
    return "o.id, o.charge_point, o.transaction_id, o.meter_stop_wh, " +
           milliseconds_of("o.stopped_at") + " AS stopped_ms, " + milliseconds_of("o.received_at") +
           " AS received_ms, o.reason, o.id_tag";
}

OrphanStopRow orphan_of(const pqxx::row& row) {
    return {.id = row["id"].as<std::int64_t>(),
            .stop = {.charge_point = row["charge_point"].as<std::string>(),
                     .transaction_id = row["transaction_id"].as<std::int32_t>(),
                     .meter_stop_wh = row["meter_stop_wh"].as<std::int32_t>(),
                     .stopped_at = time_of(row["stopped_ms"]),
                     .received_at = time_of(row["received_ms"]),
                     .reason = row["reason"].as<std::string>(),
                     .id_tag = optional_text_of(row["id_tag"])}};
}

// What a person may look for.
constexpr const char* holds_text =
    "($8::text IS NULL OR strpos(lower(concat_ws(' ', v.charge_point, v.id_tag, v.badge, "
    "v.badge_group, v.cost_centre, v.stop_reason, v.note)), lower($8)) > 0) ";

}  // namespace

TransactionPage read_transactions(Transaction& transaction, const TransactionFilter& filter) {
    const int limit = std::clamp(filter.limit, 1, transaction_limit_max);
    const auto rows = transaction.exec(
        select_rows() +
            "WHERE ($1::boolean IS NULL OR (v.stopped_at IS NULL) = $1) "
            "AND ($2::timestamptz IS NULL OR v.started_at >= $2) "
            "AND ($3::timestamptz IS NULL OR v.started_at < $3) AND " +
            is_of_badge +
            "AND ($5::text IS NULL OR v.charge_point = $5) "
            "AND ($6::text IS NULL OR lower(v.badge_group) = lower($6 COLLATE \"C\")) "
            "AND ($7::text IS NULL OR lower(v.cost_centre) = lower($7)) AND " +
            holds_text + "AND ($9::bigint IS NULL OR v.id < $9) ORDER BY v.id DESC LIMIT $10",
        Params{filter.active, filter.from, filter.to, filter.id_tag, filter.charge_point,
               filter.group, filter.cost_centre, filter.text, filter.cursor, limit + 1});
    TransactionPage page;
    for (const auto& row : rows) {
        if (page.items.size() == static_cast<std::size_t>(limit)) {
            page.next = page.items.back().start.id;
            break;
        }
        page.items.push_back(row_of(row));
    }
    return page;
}

std::optional<TransactionRow> read_transaction(Transaction& transaction, TransactionKey id) {
    const auto rows = transaction.exec(select_rows() + "WHERE v.id = $1", Params{id});
    if (rows.empty()) return std::nullopt;
    return row_of(rows[0]);
}

std::vector<TransactionCorrected> select_corrections(Transaction& transaction,
                                                     const std::string& ids) {
    const auto rows = transaction.exec("SELECT " + correction_columns() +
                                       " FROM transaction_correction c WHERE c.transaction IN (" +
                                       ids + ") ORDER BY c.corrected_at");
    std::vector<TransactionCorrected> out;
    for (const auto& row : rows) {
        if (auto correction = correction_of(row)) out.push_back(std::move(*correction));
    }
    return out;
}

OrphanStopPage read_orphan_stops(Transaction& transaction, const OrphanStopFilter& filter) {
    const int limit = std::clamp(filter.limit, 1, 1000);
    const auto rows = transaction.exec(
        "SELECT " + orphan_columns() +
            " FROM orphan_stop o WHERE ($1::text IS NULL OR o.charge_point = $1) "
            "AND ($2::timestamptz IS NULL OR o.received_at >= $2) "
            "AND ($3::timestamptz IS NULL OR o.received_at < $3) "
            "AND ($4::bigint IS NULL OR o.id < $4) AND " +
            is_orphan + "ORDER BY o.id DESC LIMIT $5",
        Params{filter.charge_point, filter.from, filter.to, filter.cursor, limit + 1});
    OrphanStopPage page;
    for (const auto& row : rows) {
        if (page.items.size() == static_cast<std::size_t>(limit)) {
            page.next = page.items.back().id;
            break;
        }
        page.items.push_back(orphan_of(row));
    }
    return page;
}

std::vector<OrphanStop> select_orphan_stops(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT * FROM (SELECT " + orphan_columns() +
            ", row_number() OVER (PARTITION BY o.charge_point ORDER BY o.id DESC) AS age "
            "FROM orphan_stop o WHERE o.received_at > now() - make_interval(hours => $1) AND " +
            is_orphan + ") newest WHERE age <= $2 ORDER BY id",
        Params{static_cast<std::int32_t>(recent_time.count()), std::int32_t{orphan_stops_loaded}});
    std::vector<OrphanStop> out;
    for (const auto& row : rows) out.push_back(orphan_of(row).stop);
    return out;
}

}  // namespace busbar::db
