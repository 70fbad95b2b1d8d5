// The audit log as it is read. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "db/rows.hpp"

namespace busbar::db {

struct AuditFilter {
    std::optional<std::string> object_kind;
    std::optional<std::string> object_id;  // whatever its case
    std::optional<std::string> actor;
    std::optional<Timestamp> from;       // at >= from
    std::optional<Timestamp> to;         // at < to
    int limit = 100;                     // rows a page, 1 to 1000
    std::optional<std::int64_t> cursor;  // `next` of the page before
};

struct AuditRow {
    std::int64_t id = 0;
    AuditEntry entry;
};

// Newest first, in the order in which they were written.
struct AuditPage {
    std::vector<AuditRow> items;
    std::optional<std::int64_t> next;
};

}  // namespace busbar::db
