// Two operators, one badge: versions of resources, and edits that are refused because somebody else
// was faster (RFC 9110, 13.1.1). Pure but for reading the call.
#pragma once

#include <string>
#include <string_view>

#include "api/call.hpp"

namespace busbar::api {

// The entity tag, quotes included, of what an edit can change of a resource, as JSON text.
std::string etag_of(std::string_view version);

// The answer with the resource's ETag.
net::HttpResponse tagged(net::HttpResponse response, std::string_view version);

// True if the call names, by If-Match, a version other than this one: it has been answered with 409
// then, with the present version as the member `current`. `body` is what GET answers.
bool refused_as_stale(const Call& call, std::string_view version, const std::string& body);

}  // namespace busbar::api
