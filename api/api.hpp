// The REST interface: from a request to its answer. Who asks and may they (api/auth), which route
// is it (api/router), then that route's handler. Site loop only.
#pragma once

#include <functional>
#include <vector>

#include "api/auth.hpp"
#include "api/dependencies.hpp"
#include "db/token.hpp"
#include "net/http_server.hpp"

namespace busbar::api {

class Api {
public:
    // Must outlive the answers that are still to come: end the loop, the reader and the links
    // first.
    explicit Api(Dependencies dependencies);
    Api(const Api&) = delete;
    Api& operator=(const Api&) = delete;

    // The tokens that open the interface from now on. What others have opened for good ends: event
    // streams.
    void set_tokens(std::vector<db::Token> tokens);

    // Where a request's body goes that is a file, or why it is not even read; nothing for all other
    // requests.
    std::optional<net::BodyPlan> judge_body(const net::HttpRequest& head);

    // Answers a request, now or later, exactly once.
    void handle(net::HttpRequest request, std::function<void(net::HttpResponse)> respond);

private:
    struct Caller;
    Caller authenticate(const net::HttpRequest& request);
    void note_use(const Identity& identity);

    Dependencies dependencies_;
    Tokens tokens_;
    FailureLimit failures_;
};

}  // namespace busbar::api
