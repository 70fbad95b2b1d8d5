#include "db/select.hpp"

namespace busbar::db {
namespace {

std::vector<std::string> texts_of(const pqxx::field& field) {
    std::vector<std::string> out;
    auto array = field.as_array();
    for (auto item = array.get_next(); item.first != pqxx::array_parser::done;
         item = array.get_next()) {
        if (item.first == pqxx::array_parser::string_value) out.push_back(item.second);
    }
    return out;
}

}  // namespace

std::vector<BadgeSaved> select_badges(Transaction& transaction,
                                      const std::optional<std::string>& id_tag) {
    const auto rows = transaction.exec(
        "SELECT id_tag, label, holder, status, " + milliseconds_of("valid_from") + ", " +
            milliseconds_of("valid_until") +
            ", \"group\", charge_points, charge_mode, max_active_transactions, printed_number, "
            "email, cost_centre, charge_point_groups, schedule, monthly_energy_quota_wh, "
            "priority_class, note FROM badge "
            "WHERE $1::text IS NULL OR lower(id_tag) = lower($1 COLLATE \"C\") "
            "ORDER BY lower(id_tag)",
        Params{id_tag});
    std::vector<BadgeSaved> out;
    for (const auto& row : rows) {
        BadgeSaved badge;
        badge.id_tag = row[0].as<std::string>();
        badge.label = optional_text_of(row[1]);
        badge.holder = optional_text_of(row[2]);
        badge.status = row[3].as<std::string>();
        badge.valid_from = optional_time_of(row[4]);
        badge.valid_until = optional_time_of(row[5]);
        badge.group = optional_text_of(row[6]);
        if (!row[7].is_null()) badge.charge_points = texts_of(row[7]);
        badge.charge_mode = optional_text_of(row[8]);
        badge.max_active_transactions = row[9].as<std::int32_t>();
        badge.printed_number = optional_text_of(row[10]);
        badge.email = optional_text_of(row[11]);
        badge.cost_centre = optional_text_of(row[12]);
        if (!row[13].is_null()) badge.charge_point_groups = texts_of(row[13]);
        badge.schedule = optional_text_of(row[14]);
        if (!row[15].is_null()) badge.monthly_energy_quota_wh = row[15].as<std::int64_t>();
        if (!row[16].is_null()) badge.priority_class = row[16].as<std::int32_t>();
        badge.note = optional_text_of(row[17]);
        out.push_back(std::move(badge));
    }
    return out;
}

std::vector<BadgeGroupSaved> select_badge_groups(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT name, label, cost_centre, max_active_transactions, note FROM badge_group "
        "ORDER BY lower(name)");
    std::vector<BadgeGroupSaved> out;
    for (const auto& row : rows) {
        auto& group = out.emplace_back();
        group.name = row[0].as<std::string>();
        group.label = optional_text_of(row[1]);
        group.cost_centre = optional_text_of(row[2]);
        if (!row[3].is_null()) group.max_active_transactions = row[3].as<std::int32_t>();
        group.note = optional_text_of(row[4]);
    }
    return out;
}

std::vector<ChargePointSaved> select_charge_points(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT id, state, label, location, password_hash, validation, assume_ocpp16, "
        "max_milliamps, phase_map, security_profile, serial_number, quirks, "
        "password_hash_previous, groups, access, opening_hours FROM charge_point ORDER BY id");
    std::vector<ChargePointSaved> out;
    for (const auto& row : rows) {
        out.push_back({.id = row[0].as<std::string>(),
                       .state = row[1].as<std::string>(),
                       .label = optional_text_of(row[2]),
                       .location = optional_text_of(row[3]),
                       .password_hash = optional_text_of(row[4]),
                       .validation = row[5].as<std::string>(),
                       .assume_ocpp16 = row[6].as<bool>(),
                       .max_milliamps = row[7].as<std::int32_t>(),
                       .phase_map = row[8].as<std::string>(),
                       .security_profile = row[9].as<std::int32_t>(),
                       .serial_number = optional_text_of(row[10]),
                       .quirks = optional_text_of(row[11]),
                       .password_hash_previous = optional_text_of(row[12]),
                       .access = row[14].as<std::string>(),
                       .opening_hours = optional_text_of(row[15])});
        if (!row[13].is_null()) out.back().groups = texts_of(row[13]);
    }
    return out;
}

std::vector<Token> select_tokens(Transaction& transaction, bool revoked) {
    const auto rows = transaction.exec(
        "SELECT id, name, role, secret_hash, " + milliseconds_of("created_at") + ", " +
            milliseconds_of("revoked_at") + ", " + milliseconds_of("last_used_at") +
            " FROM api_token WHERE $1::boolean OR revoked_at IS NULL ORDER BY id",
        Params{revoked});
    std::vector<Token> out;
    for (const auto& row : rows) {
        out.push_back({.id = row[0].as<std::int64_t>(),
                       .name = row[1].as<std::string>(),
                       .role = row[2].as<std::string>(),
                       .secret_hash = row[3].as<std::string>(),
                       .created_at = time_of(row[4]),
                       .revoked_at = optional_time_of(row[5]),
                       .last_used_at = optional_time_of(row[6])});
    }
    return out;
}

std::uint64_t select_journal_sequence(Transaction& transaction) {
    const auto rows = transaction.exec("SELECT sequence FROM journal_position");
    return rows.empty() ? 0 : rows[0][0].as<std::uint64_t>();
}

std::string transaction_columns() {
    return "t.id, t.transaction_id, t.charge_point, t.connector_id, t.id_tag, t.meter_start_wh, " +
           milliseconds_of("t.started_at") + " AS started_ms, " + milliseconds_of("t.received_at") +
           " AS received_ms, t.\"authorization\", t.start_received > '-infinity' AS implausible, "
           "t.meter_stop_wh, " +
           milliseconds_of("t.stopped_at") + " AS stopped_ms, " +
           milliseconds_of("t.stop_received_at") +
           " AS stop_received_ms, t.stop_reason, t.stop_id_tag, t.estimated, t.badge, "
           "t.badge_group, t.cost_centre, t.reconstructed, t.energy_wh, t.energy_source";
}

TransactionStarted start_of(const pqxx::row& row) {
    return {.id = row["id"].as<TransactionKey>(),
            .transaction_id = row["transaction_id"].as<std::int32_t>(),
            .charge_point = row["charge_point"].as<std::string>(),
            .connector_id = row["connector_id"].as<std::int32_t>(),
            .id_tag = row["id_tag"].as<std::string>(),
            .meter_start_wh = row["meter_start_wh"].as<std::int32_t>(),
            .started_at = time_of(row["started_ms"]),
            .received_at = time_of(row["received_ms"]),
            .authorization = row["authorization"].as<std::string>(),
            .implausible_start = row["implausible"].as<bool>(),
            .badge = optional_text_of(row["badge"]),
            .badge_group = optional_text_of(row["badge_group"]),
            .cost_centre = optional_text_of(row["cost_centre"]),
            .reconstructed = row["reconstructed"].as<bool>()};
}

std::optional<TransactionStopped> stop_of(const pqxx::row& row) {
    if (row["stopped_ms"].is_null()) return std::nullopt;
    std::optional<std::int64_t> energy_wh;
    if (!row["energy_wh"].is_null()) energy_wh = row["energy_wh"].as<std::int64_t>();
    return TransactionStopped{.id = row["id"].as<TransactionKey>(),
                              .meter_stop_wh = row["meter_stop_wh"].as<std::int32_t>(),
                              .stopped_at = time_of(row["stopped_ms"]),
                              .received_at = time_of(row["stop_received_ms"]),
                              .reason = row["stop_reason"].as<std::string>(),
                              .id_tag = optional_text_of(row["stop_id_tag"]),
                              .estimated = row["estimated"].as<bool>(),
                              .energy_wh = energy_wh,
                              .energy_source = optional_text_of(row["energy_source"])};
}

}  // namespace busbar::db
