#include "db/token_uses.hpp"

#include <algorithm>
#include <utility>

#include "db/array.hpp"
#include "db/connection.hpp"

namespace busbar::db {

void TokenUses::used(std::int64_t token, Timestamp at) {
    const std::lock_guard lock{mutex_};
    auto& newest = waiting_[token];
    newest = std::max(newest, at);
}

TokenUses::ByToken TokenUses::take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(waiting_, {});
}

bool write_token_uses(Connection& connection, TokenUses& uses) {
    const auto due = uses.take();
    if (due.empty()) return false;
    try {
        ArrayLiteral tokens;
        ArrayLiteral times;
        for (const auto& [token, at] : due) {
            tokens.add(token);
            times.add(at);
        }
        Params params;
        params.add(std::move(tokens));
        params.add(std::move(times));
        Transaction transaction{connection};
        transaction.exec(
            "UPDATE api_token t SET last_used_at = u.at "
            "FROM unnest($1::bigint[], $2::timestamptz[]) AS u (id, at) "
            "WHERE t.id = u.id AND (t.last_used_at IS NULL OR t.last_used_at < u.at)",
            params);
        transaction.commit();
    } catch (const std::exception&) {
        for (const auto& [token, at] : due) uses.used(token, at);
        throw;
    }
    return false;
}

}  // namespace busbar::db
