// Who changed what: entries of the audit log, in the same unit of the journal as the change itself.
// Site loop only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/call.hpp"
#include "db/rows.hpp"

namespace busbar::api {

// A journal before the real one, which sends entries along with the unit that is appended next.
class AuditTrail final : public db::Journal {
public:
    // `journal` must outlive the trail.
    explicit AuditTrail(db::Journal& journal) : journal_{journal} {}

    // Entries of one moment for the next unit. Their time is moved by milliseconds where an earlier
    // entry could be taken for the same.
    void accompany(std::vector<db::AuditEntry> entries);
    // Entries that no unit has taken along become one of their own, unless the journal is full.
    void flush();

    Ticket append(std::vector<db::Record> unit) override;
    void when_durable(Ticket ticket, std::function<void()> release) override;
    bool full() const override { return journal_.full(); }

private:
    db::Journal& journal_;
    std::vector<db::Record> waiting_;
    Timestamp last_at_{};
};

// What a call is about to change. The texts are JSON, without secrets and without what people are
// called or write about each other.
struct Change {
    std::string_view action;       // "create", "update", "delete" ...
    std::string_view object_kind;  // "badge", "charge-point" ...
    std::string object_id;
    std::optional<std::string> before{};
    std::optional<std::string> after{};
    std::optional<std::string> note{};
};

// The entry for a change by this call's actor, now.
db::AuditEntry audit_entry(const Call& call, Change change);

// Notes the change: its entry goes into the next unit, or, if the call appends none, into one of
// its own. To be called right before the change.
void audit(const Call& call, Change change);

// "(set)" for a personal text that is there.
inline std::optional<std::string> veiled(const std::optional<std::string>& text) {
    return text ? std::optional<std::string>{"(set)"} : std::nullopt;
}

}  // namespace busbar::api
