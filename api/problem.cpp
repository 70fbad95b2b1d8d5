#include "api/problem.hpp"

#include <algorithm>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"

namespace busbar::api {
namespace {

struct FieldError {
    std::string pointer;
    std::string detail;
};
BOOST_DESCRIBE_STRUCT(FieldError, (), (pointer, detail))

struct ProblemDocument {
    std::string type = "about:blank";
    std::string title;
    std::int32_t status = 0;
    std::string detail;
    std::vector<FieldError> errors;
    std::optional<std::string> errorCode;
    std::optional<std::string> errorDescription;
    std::optional<RawJson> current;
};
BOOST_DESCRIBE_STRUCT(ProblemDocument, (),
                      (type, title, status, detail, errors, errorCode, errorDescription, current))

// With the type about:blank the title is the status's own phrase (RFC 9457, 4.2.1).
std::string_view title_of(int status) {
    switch (status) {
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 409:
            return "Conflict";
        case 413:
            return "Content Too Large";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 502:
            return "Bad Gateway";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
        default:
            return "Internal Server Error";
    }
}

}  // namespace

net::HttpResponse to_response(const Problem& problem) {
    ProblemDocument document;
    document.title = title_of(problem.status);
    document.status = problem.status;
    document.detail = problem.detail;
    document.errorCode = problem.error_code;
    document.errorDescription = problem.error_description;
    document.current = problem.current;
    for (const auto& violation : problem.violations) {
        document.errors.push_back({violation.pointer, violation.detail});
    }
    net::HttpResponse response;
    response.status = problem.status;
    response.content_type = "application/problem+json";
    response.body = to_json(document, TimeStyle::milliseconds);
    response.headers = problem.headers;
    return response;
}

net::HttpResponse invalid(std::vector<Violation> violations) {
    return to_response({.status = 422,
                        .detail = "The request is well-formed but not valid: see errors.",
                        .violations = std::move(violations)});
}

net::HttpResponse not_found(const std::string& what) {
    return to_response({.status = 404, .detail = "There is no such " + what + "."});
}

net::HttpResponse unavailable(const std::string& detail) {
    return to_response({.status = 503, .detail = detail, .headers = {{"Retry-After", "5"}}});
}

std::string pointer_to(std::string_view name) {
    std::string pointer = "/";
    for (const char c : name) {
        if (c == '~')
            pointer += "~0";
        else if (c == '/')
            pointer += "~1";
        else
            pointer += c;
    }
    return pointer;
}

void add(std::vector<Violation>& all, std::vector<Violation> more) {
    for (auto& violation : more) {
        const auto same = [&](const Violation& known) {
            return known.pointer == violation.pointer ||
                   known.pointer.starts_with(violation.pointer + "/") ||
                   violation.pointer.starts_with(known.pointer + "/");
        };
        if (std::none_of(all.begin(), all.end(), same)) all.push_back(std::move(violation));
    }
}

}  // namespace busbar::api
