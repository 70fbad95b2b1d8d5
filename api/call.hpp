// One request on its way through a handler, and what handlers share: reading bodies and query
// parameters, writing JSON. Site loop only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.hpp"
#include "api/dependencies.hpp"
#include "api/problem.hpp"
#include "base/codec.hpp"
#include "net/http_server.hpp"

namespace busbar::api {

// Copied into whatever answers later; handlers see it as const.
struct Call {
    const Dependencies& on;
    net::HttpRequest request;
    std::vector<std::string> names{};           // what stands for the {...} of the path
    std::vector<Violation> query_violations{};  // unknown, repeated or unreadable parameters
    std::function<void(net::HttpResponse)> respond{};
    std::string actor{};       // who asks, for the audit log
    Role role = Role::viewer;  // of who asks
    std::int64_t token = 0;    // with which; 0: none

    site::Site& site() const { return on.site; }
    Now now() const { return on.now(); }
};

// A member that is written as null when it is absent.
template <class T>
struct Nullable : RawJson {
    Nullable() = default;
    Nullable(const std::optional<T>& value) {
        if (value) text = to_json(*value, TimeStyle::milliseconds);
    }
};

net::HttpResponse json_response(int status, std::string body);
template <class T>
net::HttpResponse json_response(int status, const T& value) {
    return json_response(status, to_json(value, TimeStyle::milliseconds));
}

net::HttpResponse no_content();  // 204

// Text as one segment of a URL's path, percent-encoded.
std::string path_segment(std::string_view text);

// {"items": [...], "next": cursor or null}; `next` is the key the next page begins after.
template <class T>
net::HttpResponse page_response(const std::vector<T>& items,
                                const std::optional<std::string>& next);

// The same for a page that db::Reader has read: `view_of` makes the view of a row.
template <class Page, class ViewOf>
net::HttpResponse page_of_rows(const Page& page, const ViewOf& view_of);

// Answers once the unit is durable, and lets the shell look at what has changed.
void respond_when_durable(const Call& call, db::Journal::Ticket ticket, net::HttpResponse response);

// 503: what the database would have answered cannot be had now.
net::HttpResponse unreadable(const db::ReadError& error);

// True if nothing more can be stored: the call has been answered with 503 then.
bool refused_as_full(const Call& call);

// True for UTF-8 without control characters: what PostgreSQL and people can read.
bool is_plain_text(std::string_view text);

// Adds a violation for text that is not plain or longer than `size_max` bytes.
void check_text(std::vector<Violation>& out, std::string_view pointer,
                const std::optional<std::string>& text, std::size_t size_max);

// A body, and what is wrong with it. With violations, the members that have one are not to be
// trusted; the others are, so that rules can be checked on them too and all is said at once.
template <class T>
struct Body {
    T value;
    std::vector<Violation> violations{};
};

// False after answering 400: the text is not JSON.
bool read_body(const Call& call, std::string_view text, const codec::TypeInfo& type, void* out,
               std::vector<Violation>& violations);
// Nothing after answering 400. `text` is the request's body, or what stands for an empty one.
template <class T>
std::optional<Body<T>> read_body(const Call& call, std::string_view text) {
    std::optional<Body<T>> body{std::in_place};
    if (!read_body(call, text, codec::type_info<T>, &body->value, body->violations)) body.reset();
    return body;
}
template <class T>
std::optional<Body<T>> read_body(const Call& call) {
    return read_body<T>(call, call.request.body);
}
// The body where none means an empty object.
inline std::string_view body_or_empty_object(const Call& call) {
    return call.request.body.empty() ? std::string_view{"{}"} : call.request.body;
}

// Takes over a member of a PATCH body that cannot be null.
template <class T>
void assign_value(T& to, const Patch<T>& from, std::string_view pointer,
                  std::vector<Violation>& violations) {
    if (!from.present) return;
    if (from.value)
        to = *from.value;
    else
        violations.push_back({Defect::wrong_type, std::string{pointer}, "must not be null"});
}
// The same for one that null clears.
template <class T>
void assign_nullable(std::optional<T>& to, const Patch<T>& from) {
    if (from.present) to = from.value;
}

// Reads the query parameters a route knows. What is wrong with them gathers in violations().
class Query {
public:
    explicit Query(const Call& call) : request_(call.request), violations_(call.query_violations) {}

    int limit();                                  // 1 to 1000, default 100
    std::optional<std::string> cursor();          // the key inside
    std::optional<std::int64_t> number_cursor();  // the same where keys are numbers
    std::optional<Timestamp> time(std::string_view name);
    std::optional<bool> flag(std::string_view name);
    std::optional<std::string> text(std::string_view name) const;

    const std::vector<Violation>& violations() const { return violations_; }
    bool is_valid() const { return violations_.empty(); }

private:
    void refuse(std::string_view name, std::string detail);

    const net::HttpRequest& request_;
    std::vector<Violation> violations_;
};

// The key as an opaque cursor.
std::string to_cursor(std::string_view key);

// A whole positive number, nothing else.
std::optional<std::int64_t> parse_id(std::string_view text);

template <class T>
net::HttpResponse page_response(const std::vector<T>& items,
                                const std::optional<std::string>& next) {
    std::string body = "{\"items\":";
    encode(body, items, TimeStyle::milliseconds);
    body += ",\"next\":";
    body += next ? '"' + to_cursor(*next) + '"' : "null";
    return json_response(200, body + '}');
}

template <class Page, class ViewOf>
net::HttpResponse page_of_rows(const Page& page, const ViewOf& view_of) {
    std::vector<decltype(view_of(page.items.front()))> items;
    items.reserve(page.items.size());
    for (const auto& row : page.items) items.push_back(view_of(row));
    std::optional<std::string> next;
    if (page.next) next = std::to_string(*page.next);
    return page_response(items, next);
}

}  // namespace busbar::api

// Written as the JSON text it holds.
template <class T>
struct busbar::codec::TypeInfoOf<busbar::api::Nullable<T>>
    : busbar::codec::Plain<busbar::codec::Kind::raw> {
    static_assert(sizeof(busbar::api::Nullable<T>) == sizeof(busbar::RawJson));
};
