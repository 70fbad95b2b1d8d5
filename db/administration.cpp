#include "db/administration.hpp"

#include <chrono>

#include "db/repository.hpp"
#include "db/select.hpp"

namespace busbar::db {
namespace {

// Runs `work(transaction)` on a connection of its own and commits.
template <class Work>
auto in_transaction(const std::string& url, const Work& work) {
    const auto connection =
        connect_or_explain(url, std::chrono::seconds{10}, "busbar-administration");
    prepare_writes(*connection);
    return explained([&] {
        try {
            Transaction transaction{*connection};
            auto result = work(transaction);
            transaction.commit();
            return result;
        } catch (const pqxx::undefined_table&) {
            throw DatabaseError{"the database has no Busbar schema: run busbar migrate"};
        } catch (const pqxx::sql_error& error) {
            if (!refused_for_content(error)) throw;
            throw DatabaseError{"the database refuses these values (" + one_line(error) + ")"};
        }
    });
}

// Whether the statement found a row to change.
bool execute(const std::string& url, const std::string& sql, const Params& params) {
    return in_transaction(url, [&](Transaction& transaction) {
        return transaction.exec(sql, params).affected_rows() > 0;
    });
}

void save(const std::string& url, Record record) {
    Unit unit;
    unit.records.push_back(std::move(record));
    in_transaction(url, [&](Transaction& transaction) {
        write(transaction, {&unit, 1});
        return true;
    });
}

}  // namespace

std::vector<BadgeSaved> badges(const std::string& url) {
    return in_transaction(url, [](Transaction& t) { return select_badges(t); });
}

std::optional<BadgeSaved> badge(const std::string& url, const std::string& id_tag) {
    auto found = in_transaction(url, [&](Transaction& t) { return select_badges(t, id_tag); });
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void save_badge(const std::string& url, const BadgeSaved& badge) { save(url, badge); }

bool add_badge(const std::string& url, const BadgeSaved& badge) {
    return in_transaction(url, [&](Transaction& transaction) {
        // Nobody else adds the same one meanwhile.
        transaction.exec("LOCK TABLE badge IN SHARE ROW EXCLUSIVE MODE");
        if (!select_badges(transaction, badge.id_tag).empty()) return false;
        Unit unit;
        unit.records.emplace_back(badge);
        write(transaction, {&unit, 1});
        return true;
    });
}

bool block_badge(const std::string& url, const std::string& id_tag) {
    return execute(url,
                   "UPDATE badge SET status = 'blocked' "
                   "WHERE lower(id_tag) = lower($1 COLLATE \"C\")",
                   Params{id_tag});
}

bool remove_badge(const std::string& url, const std::string& id_tag) {
    return execute(url, "DELETE FROM badge WHERE lower(id_tag) = lower($1 COLLATE \"C\")",
                   Params{id_tag});
}

std::int64_t create_token(const std::string& url, const std::string& name, const std::string& role,
                          const std::string& secret_hash) {
    return in_transaction(url, [&](Transaction& transaction) {
        const auto rows = transaction.exec(
            "INSERT INTO api_token (name, role, secret_hash) VALUES ($1, $2, $3) RETURNING id",
            Params{name, role, secret_hash});
        return rows[0][0].as<std::int64_t>();
    });
}

std::vector<Token> tokens(const std::string& url) {
    return in_transaction(url, [](Transaction& t) { return select_tokens(t, true); });
}

bool revoke_token(const std::string& url, std::int64_t id) {
    return execute(url,
                   "UPDATE api_token SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL",
                   Params{id});
}

int revoke_tokens(const std::string& url, const std::string& name) {
    return in_transaction(url, [&](Transaction& transaction) {
        const auto result = transaction.exec(
            "UPDATE api_token SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL",
            Params{name});
        return static_cast<int>(result.affected_rows());
    });
}

std::vector<ChargePointSaved> charge_points(const std::string& url) {
    return in_transaction(url, [](Transaction& t) { return select_charge_points(t); });
}

void save_charge_point(const std::string& url, const ChargePointSaved& charge_point) {
    save(url, charge_point);
}

bool set_charge_point_state(const std::string& url, const std::string& id,
                            const std::string& state) {
    return execute(url, "UPDATE charge_point SET state = $2 WHERE id = $1", Params{id, state});
}

}  // namespace busbar::db
