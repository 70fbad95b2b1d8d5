#include "db/administration.hpp"

#include <chrono>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
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

void write_unit(Transaction& transaction, std::vector<Record> records) {
    if (records.empty()) return;
    Unit unit;
    unit.records = std::move(records);
    write(transaction, {&unit, 1});
}

// What the audit log says of a token.
struct TokenAudit {
    std::string name;
    std::string role;
};
BOOST_DESCRIBE_STRUCT(TokenAudit, (), (name, role))

// Revokes the tokens a condition on $1 names; returns how many.
template <class Value>
int revoke_where(const std::string& url, const std::string& condition, const Value& value) {
    return in_transaction(url, [&](Transaction& transaction) {
        const auto rows =
            transaction.exec("UPDATE api_token SET revoked_at = now() WHERE " + condition +
                                 " = $1 AND revoked_at IS NULL RETURNING id, name, role",
                             Params{value});
        std::vector<Record> entries;
        for (const auto& row : rows) {
            auto entry = command_line_entry("delete", "token", row[0].as<std::string>());
            entry.before =
                RawJson{to_json(TokenAudit{row[1].as<std::string>(), row[2].as<std::string>()})};
            entries.emplace_back(std::move(entry));
        }
        write_unit(transaction, std::move(entries));
        return static_cast<int>(rows.size());
    });
}

}  // namespace

AuditEntry command_line_entry(std::string_view action, std::string_view object_kind,
                              std::string object_id) {
    using namespace std::chrono;
    AuditEntry entry;
    entry.at = floor<milliseconds>(system_clock::now());
    entry.actor = "command line";
    entry.action = action;
    entry.object_kind = object_kind;
    entry.object_id = std::move(object_id);
    return entry;
}

std::vector<BadgeSaved> badges(const std::string& url) {
    return in_transaction(url, [](Transaction& t) { return select_badges(t); });
}

std::optional<BadgeSaved> badge(const std::string& url, const std::string& id_tag) {
    auto found = in_transaction(url, [&](Transaction& t) { return select_badges(t, id_tag); });
    if (found.empty()) return std::nullopt;
    return std::move(found.front());
}

void edit_badges(const std::string& url, const EditBadges& edit) {
    in_transaction(url, [&](Transaction& transaction) {
        transaction.exec("LOCK TABLE badge IN SHARE ROW EXCLUSIVE MODE");
        write_unit(transaction, edit(select_badges(transaction)));
        return true;
    });
}

std::int64_t create_token(const std::string& url, const std::string& name, const std::string& role,
                          const std::string& secret_hash) {
    return in_transaction(url, [&](Transaction& transaction) {
        const auto rows = transaction.exec(
            "INSERT INTO api_token (name, role, secret_hash) VALUES ($1, $2, $3) RETURNING id",
            Params{name, role, secret_hash});
        auto entry = command_line_entry("create", "token", rows[0][0].as<std::string>());
        entry.after = RawJson{to_json(TokenAudit{name, role})};
        write_unit(transaction, {std::move(entry)});
        return rows[0][0].as<std::int64_t>();
    });
}

std::vector<Token> tokens(const std::string& url) {
    return in_transaction(url, [](Transaction& t) { return select_tokens(t, true); });
}

bool revoke_token(const std::string& url, std::int64_t id) {
    return revoke_where(url, "id", id) > 0;
}

int revoke_tokens(const std::string& url, const std::string& name) {
    return revoke_where(url, "name", name);
}

std::vector<ChargePointSaved> charge_points(const std::string& url) {
    return in_transaction(url, [](Transaction& t) { return select_charge_points(t); });
}

void edit_charge_points(const std::string& url, const EditChargePoints& edit) {
    in_transaction(url, [&](Transaction& transaction) {
        transaction.exec("LOCK TABLE charge_point IN SHARE ROW EXCLUSIVE MODE");
        write_unit(transaction, edit(select_charge_points(transaction)));
        return true;
    });
}

}  // namespace busbar::db
