#include "db/queries.hpp"

#include <filesystem>

#include "db/select.hpp"
#include "db/spill.hpp"
#include "db/transaction_store.hpp"
#include "db/writer.hpp"

namespace busbar::db {
namespace {

using namespace std::chrono_literals;

// A large site's open transactions and recent history may take a while on a slow disk.
constexpr auto load_timeout = 60s;
constexpr auto writer_timeout = 10s;

std::vector<ChargePointBooted> select_boots(Transaction& transaction) {
    const auto rows =
        transaction.exec("SELECT charge_point, vendor, model, serial_number, firmware_version, " +
                         milliseconds_of("at") + " FROM charge_point_boot ORDER BY charge_point");
    std::vector<ChargePointBooted> out;
    for (const auto& row : rows) {
        out.push_back({.id = row[0].as<std::string>(),
                       .vendor = row[1].as<std::string>(),
                       .model = row[2].as<std::string>(),
                       .serial_number = optional_text_of(row[3]),
                       .firmware_version = optional_text_of(row[4]),
                       .at = time_of(row[5])});
    }
    return out;
}

std::vector<ConnectorStatus> select_connectors(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT charge_point, connector_id, status, error_code, info, vendor_error_code, " +
        milliseconds_of("at") + ", " + milliseconds_of("received_at") +
        " FROM connector_status ORDER BY charge_point, connector_id");
    std::vector<ConnectorStatus> out;
    for (const auto& row : rows) {
        out.push_back({.charge_point = row[0].as<std::string>(),
                       .connector_id = row[1].as<std::int32_t>(),
                       .status = row[2].as<std::string>(),
                       .error_code = row[3].as<std::string>(),
                       .info = optional_text_of(row[4]),
                       .vendor_error_code = optional_text_of(row[5]),
                       .at = time_of(row[6]),
                       .received_at = time_of(row[7])});
    }
    return out;
}

std::vector<OpenTransaction> select_open(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT " + transaction_columns() + ", r.number, " + milliseconds_of("r.measured_at") +
        " AS register_ms FROM transaction t LEFT JOIN LATERAL ("
        "SELECT number, measured_at FROM meter_sample s WHERE s.transaction = t.id "
        "AND s.measurand = 'Energy.Active.Import.Register' AND s.phase = '' "
        "AND s.location = 'Outlet' AND s.number IS NOT NULL "
        "ORDER BY s.measured_at DESC LIMIT 20) r ON true "
        "WHERE t.stopped_at IS NULL ORDER BY t.id, r.measured_at DESC");
    std::vector<OpenTransaction> out;
    for (const auto& row : rows) {
        const auto id = row["id"].as<TransactionKey>();
        if (out.empty() || out.back().start.id != id) out.push_back({.start = start_of(row)});
        if (row["number"].is_null()) continue;
        out.back().registers.push_back({row["number"].as<double>(), time_of(row["register_ms"])});
    }
    return out;
}

std::vector<StoppedTransaction> select_recent(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT " + transaction_columns() +
            " FROM charge_point c CROSS JOIN LATERAL ("
            "SELECT row_number() OVER (ORDER BY id DESC) AS age, n.* FROM ("
            "SELECT * FROM transaction n WHERE n.charge_point = c.id AND n.stopped_at IS NOT NULL "
            "ORDER BY n.id DESC LIMIT $1) n) t "
            "WHERE t.age <= $2 OR t.stop_received_at > now() - make_interval(hours => $3) "
            "ORDER BY t.id",
        Params{std::int64_t{recent_transactions_max}, std::int64_t{recent_transactions_min},
               static_cast<std::int32_t>(recent_time.count())});
    std::vector<StoppedTransaction> out;
    for (const auto& row : rows) {
        if (auto stop = stop_of(row)) out.push_back({start_of(row), std::move(*stop)});
    }
    return out;
}

// No month of any time zone is longer.
constexpr const char* stopped_lately =
    "(SELECT id FROM transaction WHERE stopped_at > now() - interval '32 days' UNION "
    "SELECT transaction FROM transaction_correction "
    "WHERE stopped_at > now() - interval '32 days')";

std::vector<UsedEnergy> select_used_energy(Transaction& transaction) {
    const auto rows = transaction.exec(
        "SELECT id, coalesce(badge, id_tag), " + milliseconds_of("stopped_at") +
        ", coalesce(energy_wh, greatest(0, meter_stop_wh::bigint - meter_start_wh)) "
        "FROM transaction WHERE stopped_at IS NOT NULL AND id IN " +
        stopped_lately + " ORDER BY id");
    std::vector<UsedEnergy> out;
    for (const auto& row : rows) {
        out.push_back({.transaction = row[0].as<std::int64_t>(),
                       .badge = row[1].as<std::string>(),
                       .stopped_at = time_of(row[2]),
                       .energy_wh = row[3].as<std::int64_t>()});
    }
    return out;
}

std::vector<KnownLimit> select_limits(Transaction& transaction) {
    // Skips from connector to connector along the index; a plain GROUP BY would read every row.
    const auto rows = transaction.exec(
        "WITH RECURSIVE evse AS ("
        "(SELECT charge_point, connector_id FROM limit_command "
        "ORDER BY charge_point, connector_id LIMIT 1) UNION ALL "
        "SELECT n.charge_point, n.connector_id FROM evse e CROSS JOIN LATERAL ("
        "SELECT charge_point, connector_id FROM limit_command l "
        "WHERE (l.charge_point, l.connector_id) > (e.charge_point, e.connector_id) "
        "ORDER BY charge_point, connector_id LIMIT 1) n) "
        "SELECT l.charge_point, l.connector_id, l.sequence, l.limit_milliamps, l.safe_milliamps, " +
        milliseconds_of("l.sent_at") + ", " + milliseconds_of("l.lease_end") +
        ", l.kind, l.reason, l.answer, " + milliseconds_of("l.answered_at") +
        " FROM evse e CROSS JOIN LATERAL ("
        "SELECT *, count(*) FILTER (WHERE answer = 'Accepted') OVER ("
        "ORDER BY sequence DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS accepted "
        "FROM (SELECT * FROM limit_command c WHERE c.charge_point = e.charge_point "
        "AND c.connector_id = e.connector_id ORDER BY c.sequence DESC LIMIT 100) newest) l "
        "WHERE l.accepted = 0 ORDER BY l.charge_point, l.connector_id, l.sequence");
    std::vector<KnownLimit> out;
    for (const auto& row : rows) {
        auto& limit = out.emplace_back();
        limit.commanded = {.charge_point = row[0].as<std::string>(),
                           .connector_id = row[1].as<std::int32_t>(),
                           .sequence = row[2].as<std::int64_t>(),
                           .limit_milliamps = row[3].as<std::int32_t>(),
                           .safe_milliamps = row[4].as<std::int32_t>(),
                           .sent_at = time_of(row[5]),
                           .lease_end = time_of(row[6]),
                           .kind = row[7].as<std::string>(),
                           .reason = row[8].as<std::string>()};
        if (row[9].is_null()) continue;
        limit.answered = LimitAnswered{.sequence = limit.commanded.sequence,
                                       .status = row[9].as<std::string>(),
                                       .at = time_of(row[10])};
    }
    return out;
}

std::vector<StateSaved> select_states(Transaction& transaction) {
    const auto rows =
        transaction.exec("SELECT kind, key, body::text FROM site_state ORDER BY kind, key");
    std::vector<StateSaved> out;
    for (const auto& row : rows) {
        out.push_back({.kind = row[0].as<std::string>(),
                       .key = row[1].as<std::string>(),
                       .body = {row[2].as<std::string>()}});
    }
    return out;
}

std::int64_t next_of(Transaction& transaction, const char* sql) {
    return transaction.exec(sql)[0][0].as<std::int64_t>();
}

}  // namespace

SiteSnapshot load_site(const std::string& url, const std::string& spill_path) {
    drain_spill(url, spill_path);
    const auto connection = connect_or_explain(url, load_timeout, "busbar-load");
    return explained([&] {
        Transaction transaction{*connection};
        transaction.read_snapshot();
        SiteSnapshot site;
        site.badges = select_badges(transaction);
        site.badge_groups = select_badge_groups(transaction);
        site.charge_points = select_charge_points(transaction);
        site.boots = select_boots(transaction);
        site.connectors = select_connectors(transaction);
        site.open_transactions = select_open(transaction);
        site.recent_transactions = select_recent(transaction);
        site.orphan_stops = select_orphan_stops(transaction);
        site.used_energy = select_used_energy(transaction);
        site.corrections = select_corrections(
            transaction, "SELECT id FROM transaction WHERE stopped_at IS NULL UNION " +
                             std::string{stopped_lately});
        site.limits = select_limits(transaction);
        site.tokens = select_tokens(transaction, false);
        site.states = select_states(transaction);
        site.next_transaction_key =
            next_of(transaction,
                    "SELECT greatest((SELECT coalesce(max(id), 0) FROM transaction), "
                    "(SELECT coalesce(max(transaction_id_max), 0) FROM journal_position)) + 1");
        site.next_limit_sequence =
            next_of(transaction, "SELECT coalesce(max(sequence), 0) + 1 FROM limit_command");
        site.journal_sequence = select_journal_sequence(transaction);
        return site;
    });
}

std::uint64_t drain_spill(const std::string& url, const std::string& spill_path) {
    std::error_code error;
    if (!std::filesystem::exists(spill_path, error)) return 0;
    try {
        std::uint64_t units = 0;
        {
            Spill spill{spill_path};
            if (spill.last_sequence() == 0) return 0;
            const auto writer = writer_or_explain(url, writer_timeout, 3s);
            spill.adopt(writer->identity(), writer->position());
            units = spill.count(writer->position());
            explained([&] {
                while (drain_some(*writer, spill) > 0) {
                }
            });
        }
        Spill::remove(spill_path);
        return units;
    } catch (const SpillError& failure) {
        throw DatabaseError{"the spill file " + spill_path + " cannot be used (" +
                            one_line(failure) + "): make its folder writable and free space there"};
    }
}

}  // namespace busbar::db
