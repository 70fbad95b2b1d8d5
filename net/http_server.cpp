#include "net/http_server.hpp"

#include <unordered_set>

#include <spdlog/spdlog.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "base/text.hpp"
#include "net/byte_range.hpp"
#include "net/http_response.hpp"
#include "net/linger.hpp"
#include "net/stream_writer.hpp"
#include "net/upload.hpp"

namespace busbar::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Stream = beast::basic_stream<asio::ip::tcp, asio::io_context::executor_type>;

// For a peer that was refused in the middle of its request.
constexpr LingerLimits linger_limits{std::chrono::seconds{2}, std::uint64_t{4} << 20};
constexpr std::size_t first_read = std::size_t{4} * 1024;
constexpr std::size_t piece_bytes = std::size_t{64} * 1024;  // of a file

}  // namespace

// What all sessions of a server share. Outlives the server while handlers are pending.
class HttpServer::Core : public std::enable_shared_from_this<HttpServer::Core> {
public:
    Core(const HttpLimits& given, Handler served) : limits(given), handler(std::move(served)) {}

    void admit(LoopSocket socket);
    void stop();
    void abandon();
    void end_streams();

    const HttpLimits limits;
    const Handler handler;
    std::unordered_set<std::shared_ptr<Session>> sessions;
    std::vector<std::weak_ptr<EventStream>> streams;  // of sessions that have ended
    asio::any_io_executor worker;
    BodyJudge judge;
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

    void read_first_bytes();
    void read_head();
    void on_head(const error_code& error);
    void read_body();
    void refuse(const error_code& error);
    void refuse(const Upload::Refusal& refusal) {
        respond(problem(refusal.status, refusal.detail), false);
    }
    std::optional<HttpResponse> read_request(HttpRequest& request);
    void handle();
    void hand_over(HttpRequest request);
    // Bodies that go to files and come from files.
    template <class Work, class Done>
    void on_worker(Work work, Done done);
    void begin_file(const BodyPlan& plan);
    void read_file_piece();
    void on_file_piece(const error_code& error);
    void finish_file();
    void write(std::string_view text, void (Session::*next)());
    void send_file(HttpResponse response, bool keep_open);
    void send_file_head(const HttpResponse& response);
    void send_file_piece();
    void respond(HttpResponse response, bool reusable);
    void send_stream(const HttpResponse& response);
    void on_written(const error_code& error, bool keep_open);
    void next_request();

    std::shared_ptr<Core> core_;
    Stream stream_;
    const std::string peer_address_;
    Stage stage_ = Stage::idle;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    std::optional<http::response<http::string_body>> response_;
    bool wants_keep_alive_ = false;
    bool is_head_ = false;

    // Kept only while a file is moved.
    struct FileBody {
        HttpRequest request;
        std::optional<http::request_parser<http::buffer_body>> parser;
        std::string piece;
        Upload upload;  // the worker's while it works
        OutgoingFile outgoing;
        DownloadPlan plan;
        bool keep_open = false;
        http::response<http::empty_body> header;
        std::optional<http::response_serializer<http::empty_body>> serializer;
    };
    std::shared_ptr<FileBody> file_;
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
    end_streams();
}

void HttpServer::Core::end_streams() {
    for (const auto& weak : std::exchange(streams, {})) {
        if (const auto stream = weak.lock()) stream->end();
    }
}

void HttpServer::Core::abandon() {
    stopping = true;
    listener->close();
    const auto present = std::move(sessions);
    sessions.clear();
    for (const auto& session : present) session->end();
    end_streams();
}

void HttpServer::Session::end() {
    if (stage_ == Stage::ended) return;
    const auto self = shared_from_this();
    stage_ = Stage::ended;
    stream_.close();
    // What is half written is removed where the disk may be waited for.
    if (file_) asio::post(core_->worker, [file = std::move(file_)] {});
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
    wants_keep_alive_ = is_head_ = false;
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(core_->limits.header_bytes_max));
    parser_->body_limit(boost::none);  // on_head sets it
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, std::size_t) { self->on_head(error); });
}

void HttpServer::Session::on_head(const error_code& error) {
    if (stage_ != Stage::reading) return;
    if (error) return refuse(error);
    wants_keep_alive_ = parser_->get().keep_alive();
    is_head_ = parser_->get().method() == http::verb::head;
    if (core_->judge && !parser_->is_done()) {
        HttpRequest head;
        if (auto refusal = read_request(head)) return respond(std::move(*refusal), false);
        if (auto plan = core_->judge(head)) {
            if (plan->refusal) return respond(std::move(*plan->refusal), false);
            file_ = std::make_shared<FileBody>();
            file_->request = std::move(head);
            return begin_file(*plan);
        }
    }
    const auto length = parser_->content_length();
    if (length && *length > core_->limits.body_bytes_max) return refuse(http::error::body_limit);
    parser_->body_limit(core_->limits.body_bytes_max);
    const auto expect = parser_->get()[http::field::expect];
    if (parser_->is_done() ||
        !equal_ignoring_case({expect.data(), expect.size()}, "100-continue")) {
        return read_body();
    }
    write(continue_text, &Session::read_body);
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
    if (!is_malformed(error)) return end();  // gone, or too slow: there is nobody to answer
    const auto& limits = core_->limits;
    if (error == http::error::header_limit) {
        return respond(too_large(431, "header", limits.header_bytes_max), false);
    }
    if (error == http::error::body_limit) {
        return respond(too_large(413, "body", limits.body_bytes_max), false);
    }
    respond(problem(400, "The request is not valid HTTP: " + error.message() + "."), false);
}

// Fills everything but the body. The answer to a request that is refused for its head.
std::optional<HttpResponse> HttpServer::Session::read_request(HttpRequest& request) {
    const auto& message = parser_->get();
    request.method.assign(message.method_string().data(), message.method_string().size());
    request.target.assign(message.target().data(), message.target().size());
    request.peer_address = peer_address_;
    for (const auto& field : message) {
        request.headers.emplace_back(
            std::string{field.name_string().data(), field.name_string().size()},
            std::string{field.value().data(), field.value().size()});
    }
    return refusal_of_head(request, message.version() >= 11);
}

void HttpServer::Session::handle() {
    HttpRequest request;
    if (auto refusal = read_request(request)) return respond(std::move(*refusal), false);
    request.body = std::move(parser_->get().body());
    hand_over(std::move(request));
}

void HttpServer::Session::hand_over(HttpRequest request) {
    stage_ = Stage::handling;
    stream_.expires_never();
    const auto method = request.method;
    auto answer = std::make_shared<OneAnswer>([weak = weak_from_this()](HttpResponse response) {
        const auto self = weak.lock();
        const bool waited_for = self && self->stage_ == Stage::handling;
        if (waited_for) self->respond(std::move(response), true);
    });
    try {
        core_->handler(std::move(request), [answer = std::move(answer)](HttpResponse response) {
            answer->give(std::move(response));
        });
    } catch (const std::exception& error) {
        spdlog::error("request_failed method={} error=\"{}\"", method, error.what());
    }
}

// Runs `work()` where the disk may be waited for and `done(session, result)` back on the loop.
template <class Work, class Done>
void HttpServer::Session::on_worker(Work work, Done done) {
    asio::post(core_->worker, [self = shared_from_this(), file = file_, work = std::move(work),
                               done = std::move(done)]() mutable {
        auto result = work(*file);
        const auto loop = self->stream_.get_executor();
        asio::post(loop, [self = std::move(self), file = std::move(file), done = std::move(done),
                          result = std::move(result)]() mutable {
            if (self->stage_ != Stage::ended) done(*self, std::move(result));
        });
    });
}

void HttpServer::Session::begin_file(const BodyPlan& plan) {
    std::optional<std::uint64_t> announced;
    if (const auto length = parser_->content_length()) announced = *length;
    const std::string type{file_->request.header("Content-Type")};
    file_->parser.emplace(std::move(*parser_));
    file_->piece.resize(piece_bytes);
    stream_.expires_never();
    on_worker(
        [plan, announced, type](FileBody& file) {
            return file.upload.begin(plan.path, plan.bytes_max, announced, type);
        },
        [](Session& self, const std::optional<Upload::Refusal>& refusal) {
            if (refusal) return self.refuse(*refusal);
            const auto expect = self.file_->request.header("Expect");
            if (!equal_ignoring_case(expect, "100-continue")) return self.read_file_piece();
            self.write(continue_text, &Session::read_file_piece);
        });
}

// Writes text or ends, then calls `next`.
void HttpServer::Session::write(std::string_view text, void (Session::*next)()) {
    stream_.expires_after(core_->limits.write_timeout);
    asio::async_write(stream_, asio::buffer(text),
                      [self = shared_from_this(), next](error_code error, std::size_t) {
                          if (error || self->stage_ == Stage::ended) return self->end();
                          ((*self).*next)();
                      });
}

void HttpServer::Session::read_file_piece() {
    if (file_->parser->is_done()) return finish_file();
    auto& body = file_->parser->get().body();
    body.data = file_->piece.data();
    body.size = file_->piece.size();
    stream_.expires_after(core_->limits.read_timeout);
    http::async_read_some(stream_, buffer_, *file_->parser,
                          [self = shared_from_this()](error_code error, std::size_t) {
                              if (self->stage_ == Stage::reading) self->on_file_piece(error);
                          });
}

void HttpServer::Session::on_file_piece(const error_code& error) {
    if (error && error != http::error::need_buffer) return refuse(error);
    const auto size = file_->piece.size() - file_->parser->get().body().size;
    on_worker(
        [size](FileBody& file) {
            return file.upload.take({file.piece.data(), size});
        },
        [](Session& self, const std::optional<Upload::Refusal>& refusal) {
            refusal ? self.refuse(*refusal) : self.read_file_piece();
        });
}

void HttpServer::Session::finish_file() {
    stream_.expires_never();
    on_worker([](FileBody& file) { return file.upload.finish(); },
              [](Session& self, std::variant<StoredBody, Upload::Refusal> result) {
                  if (const auto* refusal = std::get_if<Upload::Refusal>(&result)) {
                      return self.refuse(*refusal);
                  }
                  auto request = std::move(self.file_->request);
                  request.stored = std::move(std::get<StoredBody>(result));
                  self.file_.reset();
                  self.hand_over(std::move(request));
              });
}

void HttpServer::Session::respond(HttpResponse response, bool reusable) {
    stage_ = Stage::writing;
    const bool keep_open = reusable && wants_keep_alive_ && !core_->stopping;
    if (response.file && core_->judge) return send_file(std::move(response), keep_open);
    if (response.stream && !is_head_) return send_stream(response);
    auto& wire = response_.emplace();
    begin_answer(wire, response.status, keep_open);
    for (auto& [name, value] : response.headers) {
        wire.insert(single_line(std::move(name)), single_line(std::move(value)));
    }
    if (!has_no_body(response.status)) {
        if (!response.content_type.empty()) {
            wire.set(http::field::content_type, single_line(std::move(response.content_type)));
        }
        wire.content_length(response.body.size());
        if (!is_head_) wire.body() = std::move(response.body);
    }
    stream_.expires_after(core_->limits.write_timeout);
    http::async_write(stream_, wire,
                      [self = shared_from_this(), keep_open](error_code error, std::size_t) {
                          self->on_written(error, keep_open);
                      });
}

// The connection is the stream's from here on.
void HttpServer::Session::send_stream(const HttpResponse& response) {
    auto stream = std::make_shared<EventStream>();
    std::erase_if(core_->streams, [](const auto& weak) { return weak.expired(); });
    core_->streams.push_back(stream);
    write_stream(stream_.release_socket(), stream_head(response), stream);
    end();
    response.stream(std::move(stream));
}

void HttpServer::Session::send_file(HttpResponse response, bool keep_open) {
    file_ = std::make_shared<FileBody>();
    file_->keep_open = keep_open;
    read_request(file_->request);
    on_worker([path = response.file->path](FileBody& file) { return file.outgoing.open(path); },
              [response](Session& self, bool opened) {
                  if (opened) return self.send_file_head(response);
                  self.respond(problem(404, "The file is gone."), self.file_->keep_open);
              });
}

void HttpServer::Session::send_file_head(const HttpResponse& response) {
    const auto& request = file_->request;
    file_->plan = plan_download(request.header("Range"), request.header("If-Range"),
                                response.file->etag, file_->outgoing.bytes());
    auto& wire = file_->header;
    for (const auto& [name, value] : response.headers) {
        wire.insert(single_line(name), single_line(value));
    }
    begin_answer(wire, file_->plan, file_->keep_open);
    if (is_head_) file_->plan.first = file_->plan.end;
    file_->serializer.emplace(wire);
    stream_.expires_after(core_->limits.write_timeout);
    http::async_write_header(stream_, *file_->serializer,
                             [self = shared_from_this()](error_code error, std::size_t) {
                                 if (error || self->stage_ == Stage::ended) return self->end();
                                 self->send_file_piece();
                             });
}

void HttpServer::Session::send_file_piece() {
    if (file_->plan.first == file_->plan.end) {
        const auto keep_open = file_->keep_open;
        asio::post(core_->worker, [file = std::move(file_)] {});
        return on_written({}, keep_open);
    }
    on_worker(
        [](FileBody& file) {
            const auto left = file.plan.end - file.plan.first;
            const auto size = std::min<std::uint64_t>(left, piece_bytes);
            return file.outgoing.read(file.plan.first, static_cast<std::size_t>(size));
        },
        [](Session& self, std::string piece) {
            // The length has been promised: only cutting off tells that the disk fails.
            if (piece.empty()) return self.end();
            self.file_->plan.first += piece.size();
            self.file_->piece = std::move(piece);
            self.write(self.file_->piece, &Session::send_file_piece);
        });
}

void HttpServer::Session::on_written(const error_code& error, bool keep_open) {
    if (error || stage_ != Stage::writing) return end();
    if (keep_open && !core_->stopping) return next_request();
    stage_ = Stage::lingering;
    stream_.expires_never();
    linger(stream_.socket(), linger_limits, [self = shared_from_this()] { self->end(); });
}

void HttpServer::Session::next_request() {
    response_.reset();
    parser_.reset();
    if (buffer_.size() > 0) return read_head();
    if (buffer_.capacity() > 4 * first_read) buffer_.shrink_to_fit();
    stream_.expires_after(core_->limits.idle_timeout);
    read_first_bytes();
}

HttpServer::HttpServer(asio::io_context& loop, std::string_view address, std::uint16_t port,
                       const HttpLimits& limits, Handler handler)
    : core_(std::make_shared<Core>(limits, std::move(handler))) {
    if (!is_loopback(address)) {
        throw ListenError("Cannot listen on " + std::string{address} + ":" + std::to_string(port) +
                          ": HTTP without TLS serves its own machine only; configure 127.0.0.1 or "
                          "::1.");
    }
    core_->listener = std::make_unique<Listener>(loop, address, port, admitted_by(core_));
}

void HttpServer::serve_files(asio::any_io_executor worker, BodyJudge judge) {
    core_->worker = std::move(worker);
    core_->judge = std::move(judge);
}

HttpServer::~HttpServer() { core_->abandon(); }

std::uint16_t HttpServer::port() const { return core_->listener->port(); }

void HttpServer::stop() { core_->stop(); }

}  // namespace busbar::net
