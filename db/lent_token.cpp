#include "db/lent_token.hpp"

#include <chrono>

#include "db/connection.hpp"

namespace busbar::db {
namespace {

pqxx::result run(const std::string& url, const std::string& statement, const Params& params) {
    const auto connection = connect_or_explain(url, std::chrono::seconds{10}, "busbar-token");
    return explained([&] {
        Transaction transaction{*connection};
        auto result = transaction.exec(statement, params);
        transaction.commit();
        return result;
    });
}

}  // namespace

std::int64_t lend_token(const std::string& url, const std::string& name, const std::string& role,
                        const std::string& secret_hash) {
    const auto rows =
        run(url, "INSERT INTO api_token (name, role, secret_hash) VALUES ($1, $2, $3) RETURNING id",
            Params{name, role, secret_hash});
    return rows[0][0].as<std::int64_t>();
}

void take_back_token(const std::string& url, std::int64_t id) {
    run(url, "DELETE FROM api_token WHERE id = $1", Params{id});
}

}  // namespace busbar::db
