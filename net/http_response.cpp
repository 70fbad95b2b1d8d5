#include "net/http_response.hpp"

#include <algorithm>

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>

#include "base/text.hpp"
#include "net/encoding.hpp"

namespace busbar::net {
namespace http = boost::beast::http;

OneAnswer::~OneAnswer() { give(problem(500, "The request was not answered.")); }

void OneAnswer::give(HttpResponse response) {
    if (const auto pass_on = std::exchange(pass_on_, {})) pass_on(std::move(response));
}

bool is_malformed(const boost::system::error_code& error) {
    static const boost::system::error_code example = http::error::bad_method;
    return error.category() == example.category() && error != http::error::end_of_stream &&
           error != http::error::partial_message;
}

HttpResponse problem(int status, std::string_view detail) {
    const auto title = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
    HttpResponse response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.body = problem_json(status, {title.data(), title.size()}, detail);
    return response;
}

HttpResponse too_large(int status, std::string_view part, std::size_t bytes_max) {
    return problem(status, "The request " + std::string{part} + " is larger than " +
                               std::to_string(bytes_max) + " bytes.");
}

std::string single_line(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < ' ' && c != '\t') c = ' ';
    }
    return text;
}

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

std::optional<HttpResponse> refusal_of_head(HttpRequest& request, bool host_required) {
    const auto hosts =
        std::count_if(request.headers.begin(), request.headers.end(),
                      [](const auto& header) { return equal_ignoring_case(header.first, "Host"); });
    if (hosts > 1 || (hosts == 0 && host_required)) {
        return problem(400, "The request needs exactly one Host header.");
    }
    if (hosts == 1 && !is_local_host(request.header("Host"))) {
        return problem(403,
                       "This interface serves its own machine only: address it as localhost, "
                       "127.0.0.1 or [::1].");
    }
    if (!parse_target(request)) return problem(400, "The request target is malformed.");
    return std::nullopt;
}

}  // namespace busbar::net
