#include "db/time_series.hpp"

#include <cstdio>
#include <map>

#include "base/quarter_hours.hpp"
#include "db/array.hpp"

namespace busbar::db {
namespace {

constexpr std::int64_t moved_samples_max = 50'000;  // while everybody waits
constexpr int spread_transactions_max = 50;

struct Month {
    std::string table;
    Timestamp begin;
    Timestamp end;
};

// "2026_11" of "meter_sample_2026_11".
std::optional<Month> month_of(const std::string& table) {
    constexpr std::string_view prefix = "meter_sample_";
    int year = 0;
    unsigned month = 0;
    if (std::sscanf(table.c_str() + prefix.size(), "%4d_%2u", &year, &month) != 2) {
        return std::nullopt;
    }
    const std::chrono::year_month begin{std::chrono::year{year}, std::chrono::month{month}};
    if (!begin.ok()) return std::nullopt;
    return Month{table, std::chrono::sys_days{begin / 1},
                 std::chrono::sys_days{(begin + std::chrono::months{1}) / 1}};
}

// Oldest first.
std::vector<Month> sample_months(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'meter_sample'::regclass AND c.relname LIKE 'meter\\_sample\\_2%' "
        "ORDER BY c.relname");
    std::vector<Month> out;
    for (const auto& row : rows) {
        if (auto month = month_of(row[0].as<std::string>())) out.push_back(std::move(*month));
    }
    return out;
}

// What becomes of samples that are `gone`: signed values as they are, numbers as part of their
// quarter. Adding to a quarter that is there gives what all of its samples together would have
// given. Times of no year in which anybody charged cars are left out.
std::string keep_gone(const std::string& gone) {
    return "WITH gone AS (" + gone + R"(),
     signed AS (
        INSERT INTO signed_meter_value (charge_point, connector_id, transaction, measured_at,
                                        received_at, context, measurand, phase, location, unit,
                                        value)
        SELECT charge_point, connector_id, transaction, measured_at, received_at, context,
               measurand, phase, location, unit, value FROM gone WHERE format = 'SignedData'
        ON CONFLICT ON CONSTRAINT signed_meter_value_key DO NOTHING),
     merged AS (
        INSERT INTO meter_quarter_hour AS q (charge_point, connector_id, quarter, measurand, phase,
                                             location, transaction, samples, min, avg, max, last,
                                             last_at)
        SELECT charge_point, connector_id, date_bin('15 minutes', measured_at, 'epoch'), measurand,
               phase, location, transaction, count(*), min(number), avg(number), max(number),
               (array_agg(number ORDER BY measured_at DESC))[1], max(measured_at)
        FROM gone WHERE format <> 'SignedData' AND number IS NOT NULL
                    AND measured_at BETWEEN '2010-01-01' AND '2200-01-01'
        GROUP BY charge_point, connector_id, date_bin('15 minutes', measured_at, 'epoch'),
                 measurand, phase, location, transaction
        ON CONFLICT ON CONSTRAINT meter_quarter_hour_key DO UPDATE SET
            samples = q.samples + excluded.samples,
            min = least(q.min, excluded.min), max = greatest(q.max, excluded.max),
            avg = q.avg + (excluded.avg - q.avg)
                  * (excluded.samples::double precision / (q.samples + excluded.samples)),
            last = CASE WHEN excluded.last_at >= q.last_at THEN excluded.last ELSE q.last END,
            last_at = greatest(q.last_at, excluded.last_at))
SELECT count(*) FROM gone)";
}

// The oldest samples of one connector that has any before the cutoff; each connector is found by a
// jump along the unique index. Returns how many there were.
std::int64_t roll_up_some(Transaction& transaction, const std::string& table, Timestamp cutoff) {
    const auto rows = transaction.exec(
        "WITH RECURSIVE connector AS ("
        "(SELECT charge_point, connector_id FROM " +
            table +
            " ORDER BY charge_point, connector_id LIMIT 1) UNION ALL "
            "SELECT n.charge_point, n.connector_id FROM connector c CROSS JOIN LATERAL ("
            "SELECT charge_point, connector_id FROM " +
            table +
            " s WHERE (s.charge_point, s.connector_id) > (c.charge_point, c.connector_id) "
            "ORDER BY charge_point, connector_id LIMIT 1) n) "
            "SELECT charge_point, connector_id FROM connector c WHERE EXISTS (SELECT FROM " +
            table +
            " s WHERE s.charge_point = c.charge_point AND s.connector_id = c.connector_id "
            "AND s.measured_at < $1) LIMIT 1",
        Params{cutoff});
    if (rows.empty()) return 0;
    const auto count = transaction.exec(
        keep_gone("DELETE FROM " + table + " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " + table +
                  " WHERE charge_point = $1 AND connector_id = $2 AND measured_at < $3 "
                  "ORDER BY measured_at LIMIT $4)) RETURNING *"),
        Params{rows[0][0].as<std::string>(), rows[0][1].as<std::int32_t>(), cutoff,
               rolled_samples_max});
    return count[0][0].as<std::int64_t>();
}

bool is_empty(Transaction& transaction, const std::string& table) {
    return !transaction.exec("SELECT EXISTS (SELECT FROM " + table + ")")[0][0].as<bool>();
}

// Whatever comes for it from now on goes into the rest.
void drop_month(Connection& connection, const Month& month) {
    Transaction transaction{connection};
    transaction.exec("LOCK TABLE ONLY meter_sample, " + month.table + " IN ACCESS EXCLUSIVE MODE");
    if (!is_empty(transaction, month.table)) return;
    transaction.exec("DROP TABLE " + month.table);
    transaction.commit();
}

// --- Energy of transactions
// -----------------------------------------------------------------------
struct DueCharge {
    std::int64_t id = 0;
    EndedCharge charge;
};

std::string ids_in(const pqxx::result& rows) {
    ArrayLiteral ids;
    for (const auto& row : rows) ids.add(row[0].as<std::int64_t>());
    return std::move(ids).finish();
}

// What is due, as array literals of ids: ended since, corrected since.
struct Due {
    std::string ended;
    std::string corrected;
    bool any = false;
};

// Rows that the journal is writing are left for the next time: nobody waits for anybody here.
Due lock_due(Transaction& transaction) {
    const auto ended = transaction.exec(
        "SELECT id FROM transaction WHERE stop_received_at IS NOT NULL "
        "AND quarters_of IS DISTINCT FROM stop_received_at "
        "ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        Params{spread_transactions_max});
    const auto corrected = transaction.exec(
        "SELECT transaction FROM transaction_correction "
        "WHERE quarters_of IS DISTINCT FROM corrected_at "
        "ORDER BY transaction LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
        Params{spread_transactions_max});
    return {ids_in(ended), ids_in(corrected), !ended.empty() || !corrected.empty()};
}

std::vector<DueCharge> read_charges(Transaction& transaction, const Due& due) {
    const auto rows = transaction.exec(
        "SELECT id, " + milliseconds_of("started_at") + ", " + milliseconds_of("stopped_at") +
            ", meter_start_wh, meter_stop_wh, energy_wh FROM transaction_in_force "
            "WHERE id = ANY ($1::bigint[] || $2::bigint[]) "
            "AND stopped_at IS NOT NULL AND energy_wh IS NOT NULL ORDER BY id",
        Params{due.ended, due.corrected});
    std::vector<DueCharge> out;
    for (const auto& row : rows) {
        auto& [id, charge] = out.emplace_back();
        id = row[0].as<std::int64_t>();
        charge.started_at = time_of(row[1]);
        charge.stopped_at = time_of(row[2]);
        charge.meter_start_wh = row[3].as<double>();
        charge.meter_stop_wh = row[4].is_null() ? charge.meter_start_wh : row[4].as<double>();
        charge.energy_wh = row[5].as<std::int64_t>();
    }
    return out;
}

Params ids_of(const std::vector<DueCharge>& due) {
    ArrayLiteral ids;
    for (const auto& charge : due) ids.add(charge.id);
    Params params;
    params.add(std::move(ids));
    return params;
}

// The first and the last reading of each quarter are enough: in between, nothing counts. Of what is
// rolled up only the last one is left.
void read_registers(Transaction& transaction, std::vector<DueCharge>& due) {
    std::map<std::int64_t, EndedCharge*> by_id;
    for (auto& charge : due) by_id[charge.id] = &charge.charge;
    const auto rows = transaction.exec(
        "SELECT transaction, " + milliseconds_of("at") +
            ", wh FROM ("
            "SELECT transaction, unnest(ARRAY[min(measured_at), max(measured_at)]) AS at, "
            "unnest(ARRAY[(array_agg(number ORDER BY measured_at))[1], "
            "(array_agg(number ORDER BY measured_at DESC))[1]]) AS wh FROM meter_sample "
            "WHERE transaction = ANY ($1::bigint[]) "
            "AND measurand = 'Energy.Active.Import.Register' AND phase = '' "
            "AND location = 'Outlet' AND number IS NOT NULL "
            "GROUP BY transaction, date_bin('15 minutes', measured_at, 'epoch') UNION ALL "
            "SELECT transaction, last_at, last FROM meter_quarter_hour "
            "WHERE transaction = ANY ($1::bigint[]) "
            "AND measurand = 'Energy.Active.Import.Register' AND phase = '' "
            "AND location = 'Outlet') r ORDER BY transaction, at",
        ids_of(due));
    for (const auto& row : rows) {
        by_id.at(row[0].as<std::int64_t>())
            ->readings.push_back({time_of(row[1]), row[2].as<double>()});
    }
}

void write_energy(Transaction& transaction, const std::vector<DueCharge>& due) {
    ArrayLiteral ids;
    ArrayLiteral firsts;
    ArrayLiteral energies;
    for (const auto& [id, charge] : due) {
        const auto energy = spread_over_quarters(charge);
        ArrayLiteral quarters;
        for (const auto wh : energy.wh) quarters.add(wh);
        ids.add(id);
        firsts.add(energy.first);
        energies.add(std::move(quarters).finish());
    }
    Params params;
    params.add(std::move(ids));
    params.add(std::move(firsts));
    params.add(std::move(energies));
    transaction.exec(
        "INSERT INTO transaction_energy (transaction, first_quarter, energy_wh) "
        "SELECT id, first, energy::bigint[] "
        "FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS r (id, first, energy) "
        "ON CONFLICT (transaction) DO UPDATE SET first_quarter = excluded.first_quarter, "
        "energy_wh = excluded.energy_wh",
        params);
}

}  // namespace

bool add_sample_month(Connection& connection, Timestamp now) {
    const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now)};
    // None that is over: it might be old enough to be dropped at once.
    for (int ahead = 0; ahead <= 2; ++ahead) {
        const auto month = today.year() / today.month() + std::chrono::months{ahead};
        const Timestamp begin = std::chrono::sys_days{month / 1};
        Transaction transaction{connection};
        const auto added = transaction
                               .exec("SELECT busbar_add_sample_month($1::timestamptz, $2::bigint)",
                                     Params{begin, moved_samples_max})[0][0]
                               .as<bool>();
        transaction.commit();
        if (added) return true;
    }
    return false;
}

bool roll_up_samples(Connection& connection, Timestamp cutoff) {
    std::vector<Month> months;
    {
        Transaction transaction{connection};
        months = sample_months(transaction);
    }
    for (const auto& month : months) {
        if (month.begin >= cutoff) break;
        Transaction transaction{connection};
        if (roll_up_some(transaction, month.table, cutoff) > 0) {
            transaction.commit();
            return true;
        }
        // Late samples of a month that is over still find it for as long as they count as new.
        if (month.end > cutoff || !is_empty(transaction, month.table)) continue;
        transaction.commit();
        drop_month(connection, month);
        return true;
    }
    return false;
}

bool roll_up_rest(Connection& connection, Timestamp cutoff) {
    Transaction transaction{connection};
    const auto rows = transaction.exec(
        keep_gone("DELETE FROM meter_sample_default WHERE ctid = ANY (ARRAY(SELECT ctid "
                  "FROM meter_sample_default WHERE received_at < $1 ORDER BY received_at "
                  "LIMIT $2)) RETURNING *"),
        Params{cutoff, rolled_samples_max});
    transaction.commit();
    return rows[0][0].as<std::int64_t>() > 0;
}

bool spread_energy(Connection& connection) {
    Transaction transaction{connection};
    const auto due = lock_due(transaction);
    if (!due.any) return false;
    auto charges = read_charges(transaction, due);
    if (!charges.empty()) {
        read_registers(transaction, charges);
        write_energy(transaction, charges);
    }
    // Only rows that are locked already: to wait for others here could deadlock with the journal.
    transaction.exec(
        "UPDATE transaction SET quarters_of = stop_received_at WHERE id = ANY ($1::bigint[])",
        Params{due.ended});
    transaction.exec(
        "UPDATE transaction_correction SET quarters_of = corrected_at "
        "WHERE transaction = ANY ($1::bigint[])",
        Params{due.corrected});
    transaction.commit();
    return true;
}

}  // namespace busbar::db
