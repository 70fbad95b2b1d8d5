// Errors as RFC 9457 problem documents. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/codec.hpp"
#include "base/violation.hpp"
#include "net/http_server.hpp"

namespace busbar::api {

// An error and what its receiver should know: the status, one sentence, and each offending field.
struct Problem {
    int status = 500;
    std::string detail{};
    std::vector<Violation> violations{};
    // What a charger's CALLERROR said.
    std::optional<std::string> error_code{};
    std::optional<std::string> error_description{};
    std::vector<std::pair<std::string, std::string>> headers{};
    // The resource as it is now, where an edit was made from an older version.
    std::optional<RawJson> current{};
};

net::HttpResponse to_response(const Problem& problem);

// 422 with every violation.
net::HttpResponse invalid(std::vector<Violation> violations);
// 404; `what` is a noun with its article: "badge".
net::HttpResponse not_found(const std::string& what);
// 503: nothing can be stored or read at the moment; with Retry-After.
net::HttpResponse unavailable(const std::string& detail);

// The JSON pointer of a member of the whole: "/" and "~" escaped (RFC 6901).
std::string pointer_to(std::string_view name);

// Appends the violations of fields that have not been complained about yet, neither themselves nor
// what is above or in them.
void add(std::vector<Violation>& all, std::vector<Violation> more);

}  // namespace busbar::api
