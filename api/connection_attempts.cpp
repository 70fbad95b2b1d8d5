// /api/v1/connection-attempts and /api/v1/enrolment: who could not connect, why, what to do about
// it, and the window in which unknown charge points may.
#include "site/attempts.hpp"

#include "api/audit.hpp"
#include "api/handlers.hpp"

namespace busbar::api {
namespace {

constexpr std::int32_t enrolment_minutes_max = 24 * 60;

struct AttemptView {
    std::int64_t number = 0;
    std::string cause;
    std::string detail;
    std::string remedy;
    bool acceptable = false;
    std::string address;
    std::string path;
    Nullable<std::string> identity;
    std::vector<site::AttemptHeader> headers;
    std::int64_t count = 0;
    Timestamp firstAt;
    Timestamp lastAt;
};
BOOST_DESCRIBE_STRUCT(AttemptView, (),
                      (number, cause, detail, remedy, acceptable, address, path, identity, headers,
                       count, firstAt, lastAt))

struct EnrolmentView {
    bool open = false;
    Nullable<Timestamp> until;  // null: closed, or open for ever
};
BOOST_DESCRIBE_STRUCT(EnrolmentView, (), (open, until))

struct EnrolmentEdit {
    std::int32_t minutes = 0;
};
BOOST_DESCRIBE_STRUCT(EnrolmentEdit, (), (minutes))

AttemptView view_of(const site::ConnectionAttempt& attempt) {
    AttemptView view;
    view.number = attempt.number;
    view.cause = enumerator_name(attempt.cause);
    view.detail = attempt.detail;
    view.remedy = site::remedy(attempt.cause);
    view.acceptable = site::is_acceptable(attempt.cause) && !attempt.identity.empty();
    view.address = attempt.address;
    view.path = attempt.path;
    if (!attempt.identity.empty()) view.identity = std::optional{attempt.identity};
    view.headers = attempt.headers;
    view.count = attempt.count;
    view.firstAt = attempt.firstAt;
    view.lastAt = attempt.lastAt;
    return view;
}

EnrolmentView enrolment_view(const Call& call) {
    const auto until = site::enrolment_until(call.site(), call.now());
    EnrolmentView view;
    view.open = until || call.site().settings.enrolment_always_open;
    view.until = until;
    return view;
}

}  // namespace

void list_connection_attempts(const Call& call) {
    Query query{call};
    const auto limit = static_cast<std::size_t>(query.limit());
    const auto cursor = query.number_cursor();
    if (!query.is_valid()) return call.respond(invalid(query.violations()));
    const auto& all = call.site().attempts.all();
    std::vector<AttemptView> items;
    auto it = cursor ? all.lower_bound(*cursor) : all.end();
    while (it != all.begin() && items.size() < limit) items.push_back(view_of((--it)->second));
    std::optional<std::string> next;
    if (it != all.begin()) next = std::to_string(items.back().number);
    call.respond(page_response(items, next));
}

void accept_connection_attempt(const Call& call) {
    const auto number = parse_id(call.names[0]);
    if (!number || !call.site().attempts.all().contains(*number)) {
        return call.respond(not_found("connection attempt"));
    }
    if (refused_as_full(call)) return;
    const auto& attempt = call.site().attempts.all().at(*number);
    audit(call, {.action = "accept",
                 .object_kind = "connection-attempt",
                 .object_id = call.names[0],
                 .after = to_json(view_of(attempt), TimeStyle::milliseconds)});
    const auto result = site::accept_attempt(call.site(), *number, call.now());
    if (const auto* obstacle = std::get_if<std::string>(&result)) {
        return call.respond(
            to_response({.status = 409, .detail = "There is nothing to accept: " + *obstacle}));
    }
    respond_when_durable(call, std::get<db::Journal::Ticket>(result), no_content());
}

void show_enrolment(const Call& call) { call.respond(json_response(200, enrolment_view(call))); }

void set_enrolment(const Call& call) {
    auto body = read_body<EnrolmentEdit>(call);
    if (!body) return;
    const auto minutes = body->value.minutes;
    if (minutes < 0 || minutes > enrolment_minutes_max) {
        add(body->violations, {{Defect::bad_value, "/minutes", "must be 0 to 1440"}});
    }
    if (!body->violations.empty()) return call.respond(invalid(std::move(body->violations)));
    if (refused_as_full(call)) return;
    audit(call, {.action = "update",
                 .object_kind = "enrolment",
                 .object_id = "window",
                 .after = to_json(body->value)});
    const auto ticket =
        site::open_enrolment(call.site(), std::chrono::minutes{minutes}, call.now());
    respond_when_durable(call, ticket, json_response(200, enrolment_view(call)));
}

}  // namespace busbar::api
