#include "api/audit.hpp"

#include <iterator>

#include <boost/describe/class.hpp>

#include "api/handlers.hpp"

namespace busbar::api {
namespace {

struct AuditView {
    std::int64_t id = 0;
    Timestamp at;
    std::string actor;
    std::string action;
    std::string objectKind;
    std::string objectId;
    Nullable<RawJson> before;
    Nullable<RawJson> after;
    Nullable<std::string> note;
};
BOOST_DESCRIBE_STRUCT(AuditView, (),
                      (id, at, actor, action, objectKind, objectId, before, after, note))

AuditView view_of(const db::AuditRow& row) {
    const auto& entry = row.entry;
    return {row.id,          entry.at,     entry.actor, entry.action, entry.object_kind,
            entry.object_id, entry.before, entry.after, entry.note};
}

std::optional<RawJson> raw(std::optional<std::string> text) {
    if (!text) return std::nullopt;
    return RawJson{std::move(*text)};
}

}  // namespace

void AuditTrail::accompany(std::vector<db::AuditEntry> entries) {
    if (entries.empty()) return;
    constexpr std::chrono::milliseconds tick{1};
    // A clock that was set back by more than this is believed.
    constexpr std::chrono::seconds step_max{1};
    auto at = entries.front().at;
    if (at <= last_at_ && at + step_max > last_at_) at = last_at_ + tick;
    last_at_ = at;
    for (auto& entry : entries) {
        entry.at = at;
        waiting_.emplace_back(std::move(entry));
    }
}

void AuditTrail::flush() {
    if (!waiting_.empty() && !full()) append({});
}

db::Journal::Ticket AuditTrail::append(std::vector<db::Record> unit) {
    unit.insert(unit.end(), std::make_move_iterator(waiting_.begin()),
                std::make_move_iterator(waiting_.end()));
    waiting_.clear();
    return journal_.append(std::move(unit));
}

void AuditTrail::when_durable(Ticket ticket, std::function<void()> release) {
    journal_.when_durable(ticket, std::move(release));
}

db::AuditEntry audit_entry(const Call& call, Change change) {
    db::AuditEntry entry;
    entry.at = call.now().wall;
    entry.actor = call.actor;
    entry.action = change.action;
    entry.object_kind = change.object_kind;
    entry.object_id = std::move(change.object_id);
    entry.before = raw(std::move(change.before));
    entry.after = raw(std::move(change.after));
    entry.note = std::move(change.note);
    return entry;
}

void audit(const Call& call, Change change) {
    call.on.audit.accompany({audit_entry(call, std::move(change))});
}

void list_audit(const Call& call) {
    Query query{call};
    db::AuditFilter filter;
    filter.object_kind = query.text("objectKind");
    filter.object_id = query.text("objectId");
    filter.actor = query.text("actor");
    filter.from = query.time("from");
    filter.to = query.time("to");
    filter.limit = query.limit();
    filter.cursor = query.number_cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    call.on.reader.audit(std::move(filter), [call](const db::ReadResult<db::AuditPage>& result) {
        if (const auto* error = std::get_if<db::ReadError>(&result)) {
            return call.respond(unreadable(*error));
        }
        const auto& page = std::get<db::AuditPage>(result);
        call.respond(page_of_rows(page, [](const auto& row) { return view_of(row); }));
    });
}

}  // namespace busbar::api
