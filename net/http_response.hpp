// Answers of our own and the shape every answer has. Internal to the HTTP server. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>

#include "net/byte_range.hpp"
#include "net/http_server.hpp"

namespace busbar::net {

// Passes one answer on; a 500 if none has come when it goes.
class OneAnswer {
public:
    explicit OneAnswer(std::function<void(HttpResponse)> pass_on) : pass_on_(std::move(pass_on)) {}
    ~OneAnswer();
    OneAnswer(const OneAnswer&) = delete;
    OneAnswer& operator=(const OneAnswer&) = delete;
    void give(HttpResponse response);

private:
    std::function<void(HttpResponse)> pass_on_;
};

// Whether reading ended because the peer's bytes are no HTTP; otherwise it is gone, or too slow.
bool is_malformed(const boost::system::error_code& error);

// A problem document with the status' standard title.
HttpResponse problem(int status, std::string_view detail);
// A problem document about a part of the request that is larger than it may be.
HttpResponse too_large(int status, std::string_view part, std::size_t bytes_max);

// What every answer begins with. `Wire` is a response of the HTTP library.
template <class Wire>
void begin_answer(Wire& wire, int status, bool keep_open) {
    wire.version(11);
    wire.result(static_cast<unsigned>(status));
    wire.set("Server", "Busbar");
    wire.keep_alive(keep_open);
}
template <class Wire>
void begin_answer(Wire& wire, const DownloadPlan& plan, bool keep_open) {
    begin_answer(wire, plan.status, keep_open);
    for (const auto& [name, value] : plan.headers) wire.set(name, value);
    wire.content_length(plan.end - plan.first);
}

// The answer to "Expect: 100-continue".
inline constexpr std::string_view continue_text = "HTTP/1.1 100 Continue\r\n\r\n";

// A header value that cannot begin a new header.
std::string single_line(std::string text);

// Whether answers with this status have none (RFC 9110, 6.4.1).
bool has_no_body(int status);

// Fills path and query of a request whose target and headers are there. The answer to one that is
// refused for its head: no Host, another machine's, or a malformed target.
std::optional<HttpResponse> refusal_of_head(HttpRequest& request, bool host_required);

}  // namespace busbar::net
