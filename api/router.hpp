// The one table of what the REST interface offers. Requests are matched against it, and the
// description of the interface is to be made from it. Site loop only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.hpp"
#include "api/call.hpp"

namespace busbar::api {

struct Route {
    std::string_view method;
    std::string_view pattern;  // "/api/v1/badges/{idTag}"
    Access access{};
    std::string_view summary;
    std::span<const std::string_view> parameters;  // of the query
    void (*handle)(const Call& call) = nullptr;
};

std::span<const Route> routes();

// The route for a request, or why there is none.
struct Match {
    const Route* route = nullptr;
    std::vector<std::string> names;  // what stands for each {...} of the pattern, decoded
    std::string allowed_methods;     // of the path, when only the method is wrong
};
Match match(std::string_view method, const std::vector<std::string>& path);

// What is wrong with the query parameters before any is read: unknown to the route, given twice, or
// no plain text.
std::vector<Violation> check_query(const Route& route, const net::HttpRequest& request);

}  // namespace busbar::api
