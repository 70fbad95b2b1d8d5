#include "db/writer.hpp"

#include <thread>

#include <spdlog/spdlog.h>

#include "db/repository.hpp"

namespace busbar::db {
namespace {

constexpr std::int64_t writer_lock = 0x42757362'6a726e6c;  // "Busbjrnl"

// Bounds of one transaction: large enough to be fast, small enough to end well within a call's
// deadline on a slow disk.
constexpr std::size_t records_max = 4000;
constexpr std::size_t bytes_max = std::size_t{4} << 20;

// The first units that make one transaction; at least one.
std::span<const Unit> first_of(std::span<const Unit> units) {
    if (!units.front().unreadable.empty()) return units.first(1);
    std::size_t records = 0;
    std::size_t bytes = 0;
    std::size_t count = 0;
    for (const auto& unit : units) {
        records += unit.records.size();
        bytes += unit.bytes;
        const bool fits = records <= records_max && bytes <= bytes_max && unit.unreadable.empty();
        if (count > 0 && !fits) break;
        ++count;
    }
    return units.first(count);
}

}  // namespace

Writer::Writer(const std::string& url, std::chrono::milliseconds call_timeout)
    : connection_{url, call_timeout, "busbar-journal"} {
    take_lock();
    prepare_writes(connection_);
    Transaction transaction{connection_};
    // The tables are empty when the first statements are planned, and reading a whole table looks
    // cheap then. These plans stay while the tables grow: every statement here must use its index.
    for (const auto* setting :
         {"SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off",
          "SET enable_hashjoin = off", "SET enable_mergejoin = off"}) {
        transaction.exec(setting);
    }
    const auto rows = transaction.exec("SELECT sequence, identity::text FROM journal_position");
    if (rows.empty()) throw std::runtime_error{"the table journal_position has lost its row"};
    position_ = rows[0][0].as<std::uint64_t>();
    identity_ = rows[0][1].as<std::string>();
    transaction.commit();
}

void Writer::take_lock() {
    const auto locked = connection_.guarded([&] {
        pqxx::nontransaction work{connection_.pqxx()};
        return work.exec_params("SELECT pg_try_advisory_lock($1)", writer_lock)[0][0].as<bool>();
    });
    if (locked) return;
    Transaction transaction{connection_};
    const auto rows = transaction.exec(
        "SELECT a.pid, coalesce(host(a.client_addr), 'this machine'), "
        "to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS \"UTC\"') FROM pg_locks l "
        "JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND (l.classid::bigint << 32 | l.objid::bigint) = $1 AND l.objsubid = 1",
        Params{writer_lock});
    std::string holder = "another Busbar";
    if (!rows.empty()) {
        holder += " (connected from " + rows[0][1].as<std::string>() + " since " +
                  rows[0][2].as<std::string>() + ", backend " + rows[0][0].as<std::string>() + ")";
    }
    throw WriterLocked{holder + " writes to this database"};
}

void Writer::write(std::span<const Unit> units) {
    while (!units.empty() && units.back().sequence > position_) write_first(units);
}

void Writer::write_first(std::span<const Unit> units) {
    while (!units.empty() && units.front().sequence <= position_) units = units.subspan(1);
    if (!units.empty()) write_some(first_of(units));
}

// Halves what PostgreSQL refuses until the unit that it refuses stands alone.
void Writer::write_some(std::span<const Unit> units) {
    if (units.size() == 1 && !units.front().unreadable.empty()) {
        quarantine_unit(units.front(), "the spill holds something that cannot be read");
        return;
    }
    std::string refusal;
    try {
        commit(units);
        return;
    } catch (const pqxx::sql_error& error) {
        if (!refused_for_content(error)) throw;
        refusal = error.sqlstate() + " " + one_line(error);
    }
    if (units.size() == 1) {
        quarantine_unit(units.front(), refusal);
    } else {
        const auto half = units.size() / 2;
        write_some(units.first(half));
        write_some(units.subspan(half));
    }
}

void Writer::commit(std::span<const Unit> units) {
    const auto last = units.back().sequence;
    Transaction transaction{connection_};
    if (!move_position(transaction, position_, units)) {
        throw std::runtime_error{"somebody else has moved the journal's position"};
    }
    db::write(transaction, units);
    transaction.commit();
    position_ = last;
    ++counts_.commits;
    for (const auto& unit : units) counts_.records += unit.records.size();
}

void Writer::quarantine_unit(const Unit& unit, const std::string& error) {
    // The details name the row, idTags included: they are for the table, not for the log.
    spdlog::error("journal quarantined sequence={} error=\"{}\"", unit.sequence,
                  error.substr(0, error.find(" DETAIL:")));
    Transaction transaction{connection_};
    if (!move_position(transaction, position_, std::span{&unit, 1})) {
        throw std::runtime_error{"somebody else has moved the journal's position"};
    }
    quarantine(transaction, unit.sequence, describe(unit), error);
    transaction.commit();
    position_ = unit.sequence;
    ++counts_.commits;
    ++counts_.quarantined;
}

std::unique_ptr<Writer> writer_or_explain(const std::string& url,
                                          std::chrono::milliseconds call_timeout,
                                          std::chrono::milliseconds lock_wait) {
    const auto give_up = std::chrono::steady_clock::now() + lock_wait;
    for (;;) {
        try {
            return std::make_unique<Writer>(url, call_timeout);
        } catch (const WriterLocked& locked) {
            if (std::chrono::steady_clock::now() >= give_up) {
                throw DatabaseError{std::string{locked.what()} +
                                    ": stop it, or give this one a database of its own"};
            }
        } catch (const pqxx::undefined_table&) {
            throw DatabaseError{"the database has no Busbar schema: run busbar migrate"};
        } catch (const std::exception& error) {
            throw DatabaseError{"PostgreSQL cannot be used (" + one_line(error) +
                                "): start it, or correct url in [database] of the configuration"};
        }
        // A predecessor that was killed: its backend is about to notice.
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
}

std::size_t drain_some(Writer& writer, Spill& spill) {
    const auto units = spill.read(writer.position(), records_max, bytes_max);
    writer.write(units);
    return units.size();
}

}  // namespace busbar::db
