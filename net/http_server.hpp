// HTTP/1.1 for the REST interface on this machine, without TLS. It refuses to bind anything but
// loopback, and requests whose Host names another machine (a web page that rebinds its DNS name to
// 127.0.0.1 cannot use it). Runs on the io_context's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "net/listener.hpp"
#include "net/stored_file.hpp"

namespace busbar::net {

class EventStream;

struct HttpRequest {
    std::string method;             // "GET"
    std::string target;             // raw: "/api/v1/badges/A%2F1?limit=5"
    std::vector<std::string> path;  // percent-decoded segments: {"api", "v1", "badges", "A/1"}
    std::vector<std::pair<std::string, std::string>> query;    // decoded: {{"limit", "5"}}
    std::vector<std::pair<std::string, std::string>> headers;  // as sent
    std::string body;
    std::string peer_address;
    std::optional<StoredBody> stored{};  // the body, where a BodyJudge sent it to a file

    // The first header of this name, in any case; "" if there is none.
    std::string_view header(std::string_view name) const;
    // The first query parameter of this name.
    std::optional<std::string_view> parameter(std::string_view name) const;
};

// Fills path and query from target: an origin ("/a?b=c") or absolute form, or "*". False if it is
// none of them or holds a malformed escape. Empty segments are dropped.
bool parse_target(HttpRequest& request);

// Whether a Host header names this machine's loopback: localhost, 127.0.0.1 or [::1], any port.
bool is_local_host(std::string_view host);

// A file sent as the body of an answer.
struct HttpFile {
    std::filesystem::path path;
    std::string etag;  // without quotes
};

struct HttpResponse {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;  // left out of the answer to HEAD, and with 204 and 304
    std::vector<std::pair<std::string, std::string>> headers;
    std::optional<HttpFile> file{};  // instead of the body; Range is heeded, the type is set
    // Instead of the body: an answer without end, into what this is called with. Not for HEAD.
    std::function<void(std::shared_ptr<EventStream>)> stream{};
};

// Where a request's body goes that is too large for memory, or why it is not taken at all.
struct BodyPlan {
    std::filesystem::path path;
    std::uint64_t bytes_max = 0;
    std::optional<HttpResponse> refusal{};
};

struct HttpLimits {
    std::size_t header_bytes_max = std::size_t{8} * 1024;   // more is a 431
    std::size_t body_bytes_max = std::size_t{1024} * 1024;  // more is a 413
    std::chrono::milliseconds read_timeout{10'000};  // for a whole request, from its first byte
    std::chrono::milliseconds write_timeout{30'000};
    std::chrono::milliseconds idle_timeout{60'000};  // between requests
    std::size_t connections_max = 128;               // further ones are cut off
};

class HttpServer {
public:
    // Answers one request: `respond` is called once, now or later, on the loop's thread. Later
    // calls are ignored; a handler that drops `respond` or throws a std::exception answers 500.
    using Respond = std::function<void(HttpResponse)>;
    using Handler = std::function<void(HttpRequest, Respond)>;

    // Listens at once; port 0 takes a free one. Throws ListenError, also if `address` is not
    // loopback.
    HttpServer(boost::asio::io_context& loop, std::string_view address, std::uint16_t port,
               const HttpLimits& limits, Handler handler);
    // Cuts everything off; the handler is not called again.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    // Judges a request with a body by its head, before the body is read. Nothing: it goes to memory
    // as ever. A handler that gets a stored body owns the file.
    using BodyJudge = std::function<std::optional<BodyPlan>(const HttpRequest& head)>;
    // Lets bodies go to files and come from files. The disk is waited for on `worker`, one thread
    // that must outlive the server.
    void serve_files(boost::asio::any_io_executor worker, BodyJudge judge);

    std::uint16_t port() const;

    // Accepts nobody any more, lets running requests finish, ends idle connections.
    void stop();

private:
    class Core;
    class Session;
    std::shared_ptr<Core> core_;
};

}  // namespace busbar::net
