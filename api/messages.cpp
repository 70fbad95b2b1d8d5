// /api/v1/messages and what charge points report of their security: read from the database.
#include <algorithm>

#include <boost/describe/class.hpp>

#include "api/handlers.hpp"

namespace busbar::api {
namespace {

constexpr int export_limit = 10'000;

struct MessageView {
    Timestamp at;
    std::string chargePoint;
    std::string direction;
    std::string type;
    Nullable<std::string> action;
    Nullable<std::string> messageId;
    RawJson payload;  // JSON where it is some, else text
    Nullable<std::int32_t> latencyMs;
    Nullable<std::string> violation;
};
BOOST_DESCRIBE_STRUCT(MessageView, (),
                      (at, chargePoint, direction, type, action, messageId, payload, latencyMs,
                       violation))

struct SecurityEventView {
    std::int64_t id = 0;
    Timestamp at;
    Timestamp receivedAt;
    std::string type;
    Nullable<std::string> techInfo;
};
BOOST_DESCRIBE_STRUCT(SecurityEventView, (), (id, at, receivedAt, type, techInfo))

Nullable<std::string> text_or_null(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional{text};
}

MessageView view_of(const db::FoundMessage& message) {
    MessageView view;
    view.at = message.row.at;
    view.chargePoint = message.row.charge_point;
    view.direction = message.row.direction;
    view.type = message.row.type;
    view.action = text_or_null(message.row.action);
    view.messageId = text_or_null(message.row.message_id);
    if (message.payload_is_json) {
        view.payload.text = message.row.payload;
        // Nothing but space between the tokens; an export has one message a line.
        std::erase_if(view.payload.text, [](char c) { return c == '\n' || c == '\r'; });
    } else if (!message.row.payload.empty()) {
        view.payload.text = to_json(message.row.payload);
    }
    view.latencyMs = message.row.latency_ms;
    view.violation = message.row.violation;
    return view;
}

SecurityEventView view_of(const db::SecurityEventRow& row) {
    SecurityEventView view;
    view.id = row.id;
    view.at = row.event.at;
    view.receivedAt = row.event.received_at;
    view.type = row.event.type;
    view.techInfo = row.event.tech_info;
    return view;
}

// The address of the next page: the same question with another cursor.
std::string next_link(const net::HttpRequest& request, std::int64_t next) {
    std::string link = "<";
    for (const auto& segment : request.path) link.append("/").append(path_segment(segment));
    char separator = '?';
    for (const auto& [name, value] : request.query) {
        if (name == "cursor") continue;
        link.append(1, separator).append(path_segment(name)).append("=");
        link.append(path_segment(value));
        separator = '&';
    }
    link.append(1, separator).append("cursor=").append(to_cursor(std::to_string(next)));
    return link + ">; rel=\"next\"";
}

// One message a line.
net::HttpResponse lines_response(const Call& call, const db::MessagePage& page) {
    std::string lines;
    for (const auto& message : page.items) {
        encode(lines, view_of(message), TimeStyle::milliseconds);
        lines += '\n';
    }
    auto response = json_response(200, std::move(lines));
    response.content_type = "application/x-ndjson";
    if (page.next) response.headers.emplace_back("Link", next_link(call.request, *page.next));
    return response;
}

net::HttpResponse items_response(const db::MessagePage& page) {
    return page_of_rows(page, [](const auto& message) { return view_of(message); });
}

// An export takes more at once than a page.
int limit_of_export(const net::HttpRequest& request, std::vector<Violation>& violations) {
    const auto text = request.parameter("limit");
    if (!text) return export_limit;
    const auto limit = parse_id(*text);
    if (limit && *limit <= export_limit) return static_cast<int>(*limit);
    add(violations, {{Defect::bad_value, "/limit", "must be 1 to 10000"}});
    return export_limit;
}

void list(const Call& call, std::optional<std::string> charge_point) {
    Query query{call};
    db::MessageFilter filter;
    filter.charge_point = std::move(charge_point);
    filter.from = query.time("from");
    filter.to = query.time("to");
    filter.direction = query.text("direction");
    filter.action = query.text("action");
    filter.text = query.text("text");
    filter.cursor = query.number_cursor();
    const auto format = query.text("format");
    const bool as_lines = format == "jsonl";
    if (!as_lines) filter.limit = query.limit();
    auto violations = query.violations();
    if (as_lines) filter.limit = limit_of_export(call.request, violations);
    if (format && !as_lines && format != "json") {
        add(violations, {{Defect::bad_value, "/format", "must be json or jsonl"}});
    }
    if (filter.direction && filter.direction != "in" && filter.direction != "out") {
        add(violations, {{Defect::bad_value, "/direction", "must be in or out"}});
    }
    if (!violations.empty()) return call.respond(invalid(std::move(violations)));
    call.on.reader.messages(
        std::move(filter), [call, as_lines](const db::ReadResult<db::MessagePage>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            const auto& page = std::get<db::MessagePage>(result);
            call.respond(as_lines ? lines_response(call, page) : items_response(page));
        });
}

}  // namespace

void list_messages(const Call& call) { list(call, std::nullopt); }

// Also of a charge point that was removed: its messages are kept as long as any.
void list_messages_of_charge_point(const Call& call) { list(call, call.names[0]); }

void list_security_events(const Call& call) {
    Query query{call};
    const int limit = query.limit();
    const auto cursor = query.number_cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    call.on.reader.security_events(
        call.names[0], cursor, limit, [call](const db::ReadResult<db::SecurityEventPage>& result) {
            if (const auto* error = std::get_if<db::ReadError>(&result)) {
                return call.respond(unreadable(*error));
            }
            const auto& page = std::get<db::SecurityEventPage>(result);
            call.respond(page_of_rows(page, [](const auto& row) { return view_of(row); }));
        });
}

}  // namespace busbar::api
