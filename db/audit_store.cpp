#include "db/audit_store.hpp"

#include <algorithm>

namespace busbar::db {
namespace {

std::optional<RawJson> json_of(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return RawJson{field.as<std::string>()};
}

}  // namespace

AuditPage read_audit(Transaction& transaction, const AuditFilter& filter) {
    const int limit = std::clamp(filter.limit, 1, 1000);
    const auto rows = transaction.exec(
        "SELECT id, " + milliseconds_of("at") +
            ", actor, action, object_kind, object_id, before, after, note FROM audit_log "
            "WHERE ($1::text IS NULL OR object_kind = $1) "
            "AND ($2::text IS NULL OR lower(object_id) = lower($2 COLLATE \"C\")) "
            "AND ($3::text IS NULL OR actor = $3) "
            "AND ($4::timestamptz IS NULL OR at >= $4) AND ($5::timestamptz IS NULL OR at < $5) "
            "AND ($6::bigint IS NULL OR id < $6) ORDER BY id DESC LIMIT $7",
        Params{filter.object_kind, filter.object_id, filter.actor, filter.from, filter.to,
               filter.cursor, limit + 1});
    AuditPage page;
    for (const auto& row : rows) {
        if (page.items.size() == static_cast<std::size_t>(limit)) {
            page.next = page.items.back().id;
            break;
        }
        auto& item = page.items.emplace_back();
        item.id = row[0].as<std::int64_t>();
        item.entry.at = time_of(row[1]);
        item.entry.actor = row[2].as<std::string>();
        item.entry.action = row[3].as<std::string>();
        item.entry.object_kind = row[4].as<std::string>();
        item.entry.object_id = row[5].as<std::string>();
        item.entry.before = json_of(row[6]);
        item.entry.after = json_of(row[7]);
        item.entry.note = optional_text_of(row[8]);
    }
    return page;
}

}  // namespace busbar::db
