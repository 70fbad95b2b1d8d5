#include "db/report_store.hpp"

#include <charconv>
#include <string_view>

namespace busbar::db {
namespace {

// Straight from the text that libpq holds: a report reads a million numbers.
std::int64_t number_of(const pqxx::field& field) {
    std::int64_t value = 0;
    std::from_chars(field.c_str(), field.c_str() + field.size(), value);
    return value;
}

Timestamp moment_of(const pqxx::field& field) {
    return Timestamp{std::chrono::milliseconds{number_of(field)}};
}

bool flag_of(const pqxx::field& field) { return field.c_str()[0] == 't'; }

// "{12,345}".
std::vector<std::int64_t> numbers_of(const pqxx::field& field) {
    std::vector<std::int64_t> out;
    if (field.is_null()) return out;
    const char* at = field.c_str();
    const char* const end = at + field.size();
    out.reserve(16);
    while (at < end && *at != '}') {
        std::int64_t value = 0;
        const auto read = std::from_chars(at + 1, end, value);
        if (read.ec != std::errc{}) break;
        out.push_back(value);
        at = read.ptr;
    }
    return out;
}

// As milliseconds_of, but in floating point: exact for all times that a report can show, and an
// order of magnitude faster than numeric.
std::string fast_milliseconds_of(std::string_view column) {
    return "round(date_part('epoch', " + std::string{column} + ") * 1000)::bigint";
}

std::vector<EndedSession> read_sessions(Transaction& transaction, const EnergyFilter& filter) {
    // In two parts, because only ends that nobody has corrected are in an index.
    const std::string select =
        "SELECT v.charge_point, v.badge, v.badge_group, v.cost_centre, " +
        fast_milliseconds_of("v.started_at") + ", " + fast_milliseconds_of("v.stopped_at") +
        ", v.energy_wh, v.estimated, v.is_corrected, " + fast_milliseconds_of("e.first_quarter") +
        ", e.energy_wh FROM transaction_in_force v "
        "LEFT JOIN transaction_energy e ON e.transaction = v.id WHERE ";
    const auto rows = transaction.exec(
        select +
            "v.corrected_at IS NULL AND v.told_stopped_at >= $1 AND v.told_stopped_at < $2 "
            "UNION ALL " +
            select + "v.corrected_at IS NOT NULL AND v.stopped_at >= $1 AND v.stopped_at < $2",
        Params{filter.from, filter.to});
    std::vector<EndedSession> out;
    out.reserve(rows.size());
    for (const auto& row : rows) {
        auto& session = out.emplace_back();
        session.charge_point = row[0].c_str();
        session.badge = row[1].c_str();
        if (!row[2].is_null()) session.badge_group = row[2].c_str();
        if (!row[3].is_null()) session.cost_centre = row[3].c_str();
        session.started_at = moment_of(row[4]);
        session.stopped_at = moment_of(row[5]);
        session.energy_wh = number_of(row[6]);
        session.is_estimated = flag_of(row[7]);
        session.is_corrected = flag_of(row[8]);
        session.first_quarter = moment_of(row[9]);
        session.quarters_wh = numbers_of(row[10]);
    }
    return out;
}

Labels read_labels(Transaction& transaction, const std::string& sql) {
    Labels out;
    for (const auto& row : transaction.exec(sql)) out.emplace_back(row[0].c_str(), row[1].c_str());
    return out;
}

}  // namespace

EnergyData read_energy(Transaction& transaction, const EnergyFilter& filter) {
    EnergyData data;
    data.sessions = read_sessions(transaction, filter);
    data.badges = read_labels(transaction,
                              "SELECT id_tag, coalesce(label, holder) FROM badge "
                              "WHERE coalesce(label, holder) IS NOT NULL");
    data.groups =
        read_labels(transaction, "SELECT name, label FROM badge_group WHERE label IS NOT NULL");
    data.charge_points =
        read_labels(transaction, "SELECT id, label FROM charge_point WHERE label IS NOT NULL");
    return data;
}

}  // namespace busbar::db
