#include "net/http_server.hpp"

#include <array>
#include <unordered_set>

#include <spdlog/spdlog.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "base/text.hpp"
#include "net/encoding.hpp"

namespace busbar::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Stream = beast::basic_stream<tcp, asio::io_context::executor_type>;

// How long, and for how much, a peer that was refused in the middle of its request is read on, so
// that the answer is not lost to a reset.
constexpr std::chrono::seconds linger_timeout{2};
constexpr std::size_t linger_bytes_max = std::size_t{4} * 1024 * 1024;
constexpr std::size_t first_read = std::size_t{4} * 1024;

std::string_view reason_of(int status) {
    const auto known = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
    return {known.data(), known.size()};
}

HttpResponse problem(int status, std::string_view detail) {
    HttpResponse response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.body = problem_json(status, reason_of(status), detail);
    return response;
}

// A header value cannot begin a new header.
std::string single_line(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < ' ' && c != '\t') c = ' ';
    }
    return text;
}

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

// What all sessions of a server share. Outlives the server while handlers are pending.
class HttpServer::Core : public std::enable_shared_from_this<HttpServer::Core> {
public:
    Core(const HttpLimits& given, Handler served) : limits(given), handler(std::move(served)) {}

    void admit(LoopSocket socket);
    void stop();
    void abandon();

    const HttpLimits limits;
    const Handler handler;
    std::unordered_set<std::shared_ptr<Session>> sessions;
    std::unique_ptr<Listener> listener;
    bool stopping = false;
};

// One connection: reads a request, waits for its answer, writes it, reads the next. Requests that
// are pipelined wait in the buffer, so answers keep their order.
class HttpServer::Session : public std::enable_shared_from_this<HttpServer::Session> {
public:
    Session(std::shared_ptr<Core> core, LoopSocket socket)
        : core_(std::move(core)),
          stream_(std::move(socket)),
          peer_address_(peer_name(stream_.socket()).address) {}

    void begin() {
        stream_.expires_after(core_->limits.read_timeout);
        read_first_bytes();
    }
    void stop() {
        if (stage_ == Stage::idle) end();
    }
    void end();

private:
    enum class Stage { idle, reading, handling, writing, lingering, ended };

    // Answers exactly once, whatever the handler does with its `respond`.
    class Answer {
    public:
        explicit Answer(std::weak_ptr<Session> session) : session_(std::move(session)) {}
        ~Answer() { give(problem(500, "The request was not answered.")); }
        Answer(const Answer&) = delete;
        Answer& operator=(const Answer&) = delete;
        void give(HttpResponse response) {
            const auto session = std::exchange(session_, {}).lock();
            if (session && session->stage_ == Stage::handling) {
                session->respond(std::move(response), true);
            }
        }

    private:
        std::weak_ptr<Session> session_;
    };

    void read_first_bytes();
    void read_head();
    void on_head(const error_code& error);
    void read_body();
    void refuse(const error_code& error);
    void handle();
    void respond(HttpResponse response, bool reusable);
    void on_written(const error_code& error, bool keep_open);
    void next_request();
    void linger(std::size_t bytes);

    std::shared_ptr<Core> core_;
    Stream stream_;
    const std::string peer_address_;
    Stage stage_ = Stage::idle;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    std::optional<http::response<http::string_body>> response_;
    std::array<char, 4096> discarded_{};
};

void HttpServer::Core::admit(LoopSocket socket) {
    if (sessions.size() >= limits.connections_max) {
        spdlog::warn("http_connection_refused open={}", sessions.size());
        return;
    }
    tune(socket);
    auto session = std::make_shared<Session>(shared_from_this(), std::move(socket));
    sessions.insert(session);
    session->begin();
}

void HttpServer::Core::stop() {
    stopping = true;
    listener->close();
    const std::vector<std::shared_ptr<Session>> present{sessions.begin(), sessions.end()};
    for (const auto& session : present) session->stop();
}

void HttpServer::Core::abandon() {
    stopping = true;
    listener->close();
    const auto present = std::move(sessions);
    sessions.clear();
    for (const auto& session : present) session->end();
}

void HttpServer::Session::end() {
    if (stage_ == Stage::ended) return;
    const auto self = shared_from_this();
    stage_ = Stage::ended;
    stream_.close();
    core_->sessions.erase(self);
}

void HttpServer::Session::read_first_bytes() {
    stage_ = Stage::idle;
    stream_.async_read_some(buffer_.prepare(first_read),
                            [self = shared_from_this()](error_code error, std::size_t size) {
                                if (error || self->stage_ != Stage::idle) return self->end();
                                self->buffer_.commit(size);
                                self->read_head();
                            });
}

void HttpServer::Session::read_head() {
    stage_ = Stage::reading;
    stream_.expires_after(core_->limits.read_timeout);
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(core_->limits.header_bytes_max));
    parser_->body_limit(core_->limits.body_bytes_max);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, std::size_t) { self->on_head(error); });
}

void HttpServer::Session::on_head(const error_code& error) {
    if (stage_ != Stage::reading) return;
    if (error) return refuse(error);
    const auto expect = parser_->get()[http::field::expect];
    if (parser_->is_done() ||
        !equal_ignoring_case({expect.data(), expect.size()}, "100-continue")) {
        return read_body();
    }
    constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(go_on),
                      [self = shared_from_this()](error_code failed, std::size_t) {
                          if (failed || self->stage_ != Stage::reading) return self->end();
                          self->read_body();
                      });
}

void HttpServer::Session::read_body() {
    if (parser_->is_done()) return handle();
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                         if (self->stage_ != Stage::reading) return;
                         if (error) return self->refuse(error);
                         self->handle();
                     });
}

void HttpServer::Session::refuse(const error_code& error) {
    static const error_code example = http::error::bad_method;
    const bool peers_fault = error.category() == example.category() &&
                             error != http::error::end_of_stream &&
                             error != http::error::partial_message;
    if (!peers_fault) return end();  // gone, or too slow: there is nobody to answer
    if (error == http::error::header_limit) {
        return respond(problem(431, "The request header is larger than " +
                                        std::to_string(core_->limits.header_bytes_max) + " bytes."),
                       false);
    }
    if (error == http::error::body_limit) {
        return respond(problem(413, "The request body is larger than " +
                                        std::to_string(core_->limits.body_bytes_max) + " bytes."),
                       false);
    }
    respond(problem(400, "The request is not valid HTTP: " + error.message() + "."), false);
}

void HttpServer::Session::handle() {
    auto& message = parser_->get();
    HttpRequest request;
    request.method.assign(message.method_string().data(), message.method_string().size());
    request.target.assign(message.target().data(), message.target().size());
    request.peer_address = peer_address_;
    for (const auto& field : message) {
        request.headers.emplace_back(
            std::string{field.name_string().data(), field.name_string().size()},
            std::string{field.value().data(), field.value().size()});
    }
    request.body = std::move(message.body());
    const auto host_count = message.count(http::field::host);
    if (host_count > 1 || (host_count == 0 && message.version() >= 11)) {
        return respond(problem(400, "The request needs exactly one Host header."), false);
    }
    if (host_count == 1 && !is_local_host(request.header("Host"))) {
        return respond(problem(403,
                               "This interface serves its own machine only: address it as "
                               "localhost, 127.0.0.1 or [::1]."),
                       false);
    }
    if (!parse_target(request)) {
        return respond(problem(400, "The request target is malformed."), false);
    }
    stage_ = Stage::handling;
    stream_.expires_never();
    const auto self = shared_from_this();
    try {
        auto answer = std::make_shared<Answer>(self);
        core_->handler(std::move(request), [answer = std::move(answer)](HttpResponse response) {
            answer->give(std::move(response));
        });
    } catch (const std::exception& error) {
        spdlog::error(
            "request_failed method={} error=\"{}\"",
            std::string_view{message.method_string().data(), message.method_string().size()},
            error.what());
    }
}

void HttpServer::Session::respond(HttpResponse response, bool reusable) {
    stage_ = Stage::writing;
    const auto& request = parser_->get();
    const bool keep_open = reusable && request.keep_alive() && !core_->stopping;
    auto& wire = response_.emplace();
    wire.version(11);
    wire.result(static_cast<unsigned>(response.status));
    wire.set(http::field::server, "Busbar");
    for (auto& [name, value] : response.headers) {
        wire.insert(single_line(std::move(name)), single_line(std::move(value)));
    }
    wire.keep_alive(keep_open);
    if (!has_no_body(response.status)) {
        if (!response.content_type.empty()) {
            wire.set(http::field::content_type, single_line(std::move(response.content_type)));
        }
        wire.content_length(response.body.size());
        if (request.method() != http::verb::head) wire.body() = std::move(response.body);
    }
    stream_.expires_after(core_->limits.write_timeout);
    http::async_write(stream_, wire,
                      [self = shared_from_this(), keep_open](error_code error, std::size_t) {
                          self->on_written(error, keep_open);
                      });
}

void HttpServer::Session::on_written(const error_code& error, bool keep_open) {
    if (error || stage_ != Stage::writing) return end();
    if (keep_open && !core_->stopping) return next_request();
    error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    stage_ = Stage::lingering;
    stream_.expires_after(linger_timeout);
    linger(0);
}

void HttpServer::Session::next_request() {
    response_.reset();
    parser_.reset();
    if (buffer_.size() > 0) return read_head();
    if (buffer_.capacity() > 4 * first_read) buffer_.shrink_to_fit();
    stream_.expires_after(core_->limits.idle_timeout);
    read_first_bytes();
}

void HttpServer::Session::linger(std::size_t bytes) {
    if (bytes > linger_bytes_max) return end();
    stream_.async_read_some(asio::buffer(discarded_),
                            [self = shared_from_this(), bytes](error_code error, std::size_t size) {
                                if (error || self->stage_ != Stage::lingering) return self->end();
                                self->linger(bytes + size);
                            });
}

HttpServer::HttpServer(asio::io_context& loop, std::string_view address, std::uint16_t port,
                       const HttpLimits& limits, Handler handler)
    : core_(std::make_shared<Core>(limits, std::move(handler))) {
    if (!is_loopback(address)) {
        throw ListenError("Cannot listen on " + std::string{address} + ":" + std::to_string(port) +
                          ": HTTP without TLS serves its own machine only; configure 127.0.0.1 or "
                          "::1.");
    }
    core_->listener = std::make_unique<Listener>(loop, address, port,
                                                 [weak = std::weak_ptr{core_}](LoopSocket socket) {
                                                     if (const auto core = weak.lock())
                                                         core->admit(std::move(socket));
                                                 });
}

HttpServer::~HttpServer() { core_->abandon(); }

std::uint16_t HttpServer::port() const { return core_->listener->port(); }

void HttpServer::stop() { core_->stop(); }

}  // namespace busbar::net
