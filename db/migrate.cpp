#include "db/migrate.hpp"

#include <charconv>
#include <chrono>
#include <span>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>

#include "db/connection.hpp"

namespace busbar::db {

// The files of db/migrations, sorted by name (cmake/embed.cmake).
std::span<const std::pair<std::string_view, std::string_view>> migration_files();

namespace {

using namespace std::chrono_literals;

constexpr int server_version_min = 150000;
constexpr std::int64_t migration_lock = 0x42757362'6d696772;  // "Busbmigr"
// A migration may rewrite a large table; so long may another program keep the lock, too.
constexpr auto migration_timeout = 6h;

// "0001_initial.sql" is 1.
int number(std::string_view file_name) {
    int out = 0;
    std::from_chars(file_name.data(), file_name.data() + file_name.size(), out);
    return out;
}

void check_server(Connection& connection) {
    const int version = connection.pqxx().server_version();
    if (version < server_version_min) {
        throw DatabaseError{"PostgreSQL " + std::to_string(version / 10000) +
                            " is too old: Busbar needs PostgreSQL 15 or newer"};
    }
    Transaction transaction{connection};
    const auto encoding =
        transaction.exec("SELECT current_setting('server_encoding')")[0][0].as<std::string>();
    if (encoding != "UTF8") {
        throw DatabaseError{"the database stores text as " + encoding +
                            ": create one with ENCODING 'UTF8' and name it in [database] url"};
    }
}

int applied(Connection& connection) {
    Transaction transaction{connection};
    transaction.exec(
        "CREATE TABLE IF NOT EXISTS schema_version ("
        "version integer PRIMARY KEY, name text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())");
    const auto rows = transaction.exec("SELECT coalesce(max(version), 0) FROM schema_version");
    transaction.commit();
    return rows[0][0].as<int>();
}

void apply(Connection& connection, std::string_view file_name, std::string_view sql) {
    Transaction transaction{connection};
    transaction.exec_script(std::string{sql});
    transaction.exec("INSERT INTO schema_version (version, name) VALUES ($1, $2)",
                     Params{number(file_name), file_name});
    transaction.commit();
    spdlog::info("database migrated version={} file={}", number(file_name), file_name);
}

}  // namespace

int schema_version_known() {
    const auto files = migration_files();
    return files.empty() ? 0 : number(files.back().first);
}

int migrate(const std::string& url) {
    const auto connection = connect_or_explain(url, migration_timeout, "busbar-migrate");
    return explained([&] {
        check_server(*connection);
        connection->guarded([&] {
            pqxx::nontransaction work{connection->pqxx()};
            work.exec_params("SELECT pg_advisory_lock($1)", migration_lock);
        });
        int version = applied(*connection);
        if (version > schema_version_known()) {
            throw DatabaseError{"the database has schema version " + std::to_string(version) +
                                ", and this Busbar knows versions up to " +
                                std::to_string(schema_version_known()) +
                                ": run the newer Busbar that made it, or restore a backup"};
        }
        for (const auto& [name, sql] : migration_files()) {
            if (number(name) <= version) continue;
            apply(*connection, name, sql);
            version = number(name);
        }
        return version;
    });
}

}  // namespace busbar::db
