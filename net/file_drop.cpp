#include "net/file_drop.hpp"

#include <algorithm>
#include <array>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include <spdlog/spdlog.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
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
#include "net/listener.hpp"
#include "net/upload.hpp"

namespace busbar::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
// The one place that names the transport: a TLS stream over it has the same members.
using Stream = beast::basic_stream<asio::ip::tcp, asio::io_context::executor_type>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t piece_bytes = std::size_t{16} * 1024;
// For a client that was refused in the middle of its upload.
constexpr LingerLimits linger_limits{std::chrono::seconds{5}, std::uint64_t{8} << 20};

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

// What all sessions share. Lives on the drop's thread, but for what `on_owner` wraps.
class FileDrop::Core : public std::enable_shared_from_this<FileDrop::Core> {
public:
    Core(const FileDropLimits& given, FileDropEvents told, asio::any_io_executor executor)
        : limits(given), events(std::move(told)), owner_(std::move(executor)) {}

    void admit(LoopSocket socket);
    void forget(const std::shared_ptr<Session>& session);
    // A newer attempt to send the same file takes the place of an older one that may be half dead.
    void begin_upload(const std::string& id, const std::shared_ptr<Session>& session);

    // Runs `act(events)` on the owner's loop, unless the drop is gone by then.
    template <class Act>
    void on_owner(Act act) {
        asio::post(owner_, [weak = weak_from_this(), act = std::move(act)]() mutable {
            const auto self = weak.lock();
            if (self && self->loop) act(*self);
        });
    }
    // The way back: `act(session)` on the drop's thread. Call on the owner's loop.
    template <class Act>
    void on_session(const std::weak_ptr<Session>& session, Act act) {
        if (!loop) return;
        asio::post(*loop, [session, act = std::move(act)]() mutable {
            if (const auto present = session.lock()) act(*present);
        });
    }

    const FileDropLimits limits;
    const FileDropEvents events;
    std::unique_ptr<asio::io_context> loop = std::make_unique<asio::io_context>(1);
    std::unique_ptr<Listener> listener;
    std::unordered_set<std::shared_ptr<Session>> sessions;
    std::unordered_map<std::string, std::weak_ptr<Session>> uploads;  // by id

private:
    asio::any_io_executor owner_;
    std::unordered_map<std::string, std::size_t> open_of_address_;
};

// One connection: reads a request, asks what its token is good for, moves the file, answers, reads
// the next.
class FileDrop::Session : public std::enable_shared_from_this<FileDrop::Session> {
public:
    Session(std::shared_ptr<Core> core, LoopSocket socket, std::string address)
        : peer_address(std::move(address)), core_(std::move(core)), stream_(std::move(socket)) {}

    void read_head();
    void refuse_connection();
    void end();
    // Another connection sends the same file.
    void be_superseded();

    const std::string peer_address;

private:
    enum class Stage { head, asking, uploading, settling, answering, sending, lingering, ended };
    using Parser = http::request_parser<http::buffer_body>;

    void on_head(const error_code& error);
    void ask();
    void on_grant(DropGrant grant);
    void begin_upload();
    void read_piece();
    void on_piece(const error_code& error);
    void finish_upload();
    void on_settled(bool kept);
    void lose(int status, std::string detail);
    void begin_download();
    void send_piece();
    void on_sent(const error_code& error);
    void answer(int status, std::string text, bool reusable, std::string_view allow = {});
    void on_answered(const error_code& error, bool keep_open);
    std::chrono::milliseconds patience(std::uint64_t bytes) const;
    std::shared_ptr<Session> self() { return shared_from_this(); }

    std::shared_ptr<Core> core_;
    Stream stream_;
    Stage stage_ = Stage::head;
    beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::array<char, piece_bytes> piece_{};
    Clock::time_point began_{};
    DropGrant grant_;
    // Upload.
    Upload upload_;
    // Download.
    OutgoingFile outgoing_;
    std::uint64_t next_byte_ = 0;
    std::uint64_t end_byte_ = 0;
    std::uint64_t sent_bytes_ = 0;
    std::string sending_;
    // Answer.
    std::optional<http::response<http::string_body>> response_;
    std::optional<http::response<http::empty_body>> header_;
    std::optional<http::response_serializer<http::empty_body>> serializer_;
};

void FileDrop::Core::admit(LoopSocket socket) {
    auto address = peer_name(socket).address;
    tune(socket);
    const auto session = std::make_shared<Session>(shared_from_this(), std::move(socket), address);
    auto& open = open_of_address_[address];
    const bool full =
        sessions.size() >= limits.connections_max || open >= limits.connections_per_address_max;
    if (full) {
        spdlog::warn("event=file_connection_refused address={} open={}", address, sessions.size());
        if (open == 0) open_of_address_.erase(address);
        // As many again are told so; the rest is cut off.
        if (sessions.size() < 2 * limits.connections_max) session->refuse_connection();
        return;
    }
    ++open;
    sessions.insert(session);
    session->read_head();
}

void FileDrop::Core::forget(const std::shared_ptr<Session>& session) {
    if (sessions.erase(session) == 0) return;
    const auto open = open_of_address_.find(session->peer_address);
    if (open != open_of_address_.end() && --open->second == 0) open_of_address_.erase(open);
}

void FileDrop::Core::begin_upload(const std::string& id, const std::shared_ptr<Session>& session) {
    auto& present = uploads[id];
    if (const auto older = present.lock()) older->be_superseded();
    present = session;
    std::erase_if(uploads, [](const auto& entry) { return entry.second.expired(); });
}

void FileDrop::Session::end() {
    if (stage_ == Stage::ended) return;
    const auto keep_alive = self();
    stage_ = Stage::ended;
    upload_.discard();
    stream_.close();
    core_->forget(keep_alive);
}

void FileDrop::Session::be_superseded() {
    // One that has sent everything is as good as the newer one.
    if (stage_ == Stage::uploading) end();
}

void FileDrop::Session::refuse_connection() {
    static constexpr std::string_view text =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n";
    stream_.expires_after(linger_limits.time);
    asio::async_write(stream_, asio::buffer(text),
                      [self = self()](error_code, std::size_t) { self->end(); });
}

void FileDrop::Session::read_head() {
    stage_ = Stage::head;
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(core_->limits.header_bytes_max));
    parser_->body_limit(boost::none);  // the grant says how much
    stream_.expires_after(core_->limits.header_timeout);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = self()](error_code error, std::size_t) { self->on_head(error); });
}

void FileDrop::Session::on_head(const error_code& error) {
    if (stage_ != Stage::head) return;
    if (!error) return ask();
    if (!is_malformed(error)) return end();
    if (error == http::error::header_limit) return answer(431, "The header is too large.", false);
    answer(400, "The request is not valid HTTP.", false);
}

void FileDrop::Session::ask() {
    const auto& head = parser_->get();
    DropRequest request;
    request.upload = head.method() == http::verb::put || head.method() == http::verb::post;
    const bool download = head.method() == http::verb::get || head.method() == http::verb::head;
    if (!request.upload && !download) {
        return answer(405, "Files come with GET and go with PUT or POST.", false,
                      "GET, HEAD, PUT, POST");
    }
    if (request.upload && head.count(http::field::content_range) > 0) {
        return answer(400, "A file must be sent whole: leave Content-Range out.", false);
    }
    request.token = token_of_target(view(head.target()));
    request.peer_address = peer_address;
    if (const auto length = parser_->content_length()) request.announced_bytes = *length;
    stage_ = Stage::asking;
    began_ = Clock::now();
    stream_.expires_never();
    core_->on_owner([request = std::move(request), session = weak_from_this()](Core& core) {
        const auto weak = core.weak_from_this();
        core.events.admit(request, [weak, session](DropGrant grant) {
            const auto present = weak.lock();
            if (!present) return;
            present->on_session(session, [grant = std::move(grant)](Session& asked) mutable {
                asked.on_grant(std::move(grant));
            });
        });
    });
}

void FileDrop::Session::on_grant(DropGrant grant) {
    if (stage_ != Stage::asking) return;
    grant_ = std::move(grant);
    const auto method = parser_->get().method();
    const bool upload = method == http::verb::put || method == http::verb::post;
    if (grant_.status != 200) {
        const auto allow = upload ? "GET, HEAD" : "PUT, POST";
        return answer(grant_.status, grant_.detail, !upload, grant_.status == 405 ? allow : "");
    }
    upload ? begin_upload() : begin_download();
}

void FileDrop::Session::begin_upload() {
    const auto& head = parser_->get();
    core_->begin_upload(grant_.id, self());
    stage_ = Stage::uploading;
    std::optional<std::uint64_t> announced;
    if (const auto length = parser_->content_length()) announced = *length;
    if (auto refusal = upload_.begin(grant_.path, grant_.bytes_max, announced,
                                     view(head[http::field::content_type]))) {
        return lose(refusal->status, std::move(refusal->detail));
    }
    if (!equal_ignoring_case(view(head[http::field::expect]), "100-continue")) return read_piece();
    stream_.expires_after(core_->limits.idle_timeout);
    asio::async_write(stream_, asio::buffer(continue_text),
                      [self = self()](error_code error, std::size_t) {
                          if (self->stage_ != Stage::uploading) return;
                          if (error) return self->lose(0, "the connection ended");
                          self->read_piece();
                      });
}

// What is left of the time that this many bytes may take.
std::chrono::milliseconds FileDrop::Session::patience(std::uint64_t bytes) const {
    using std::chrono::milliseconds;
    const auto& limits = core_->limits;
    const milliseconds earned{
        static_cast<std::int64_t>(bytes * 1000 / limits.bytes_per_second_min)};
    const auto spent = std::chrono::duration_cast<milliseconds>(Clock::now() - began_);
    const auto left = limits.transfer_grace + earned - spent;
    return std::clamp(left, milliseconds{1}, limits.idle_timeout);
}

void FileDrop::Session::read_piece() {
    if (parser_->is_done()) return finish_upload();
    auto& body = parser_->get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    stream_.expires_after(patience(upload_.body_bytes()));
    http::async_read_some(
        stream_, buffer_, *parser_,
        [self = self()](error_code error, std::size_t) { self->on_piece(error); });
}

void FileDrop::Session::on_piece(const error_code& error) {
    if (stage_ != Stage::uploading) return;
    const auto size = piece_.size() - parser_->get().body().size;
    if (error && error != http::error::need_buffer) {
        if (error == beast::error::timeout) return lose(0, "the upload was too slow");
        if (is_malformed(error)) return lose(400, "The body is not valid HTTP.");
        return lose(0, "the connection ended");
    }
    if (auto refusal = upload_.take({piece_.data(), size})) {
        return lose(refusal->status, std::move(refusal->detail));
    }
    read_piece();
}

void FileDrop::Session::finish_upload() {
    auto result = upload_.finish();
    if (auto* refusal = std::get_if<Upload::Refusal>(&result)) {
        return lose(refusal->status, std::move(refusal->detail));
    }
    stage_ = Stage::settling;
    stream_.expires_never();
    DropUpload upload{grant_.id, std::move(std::get<StoredBody>(result)), peer_address};
    core_->on_owner([upload = std::move(upload), session = weak_from_this()](Core& core) {
        const auto weak = core.weak_from_this();
        core.events.received(upload, [weak, session, path = upload.file.path](bool kept) {
            const auto present = weak.lock();
            if (!present || !present->loop) return;
            // Also where the charger has gone meanwhile.
            asio::post(*present->loop, [session, path, kept] {
                std::error_code ignored;
                if (!kept) std::filesystem::remove(path, ignored);
                if (const auto asked = session.lock()) asked->on_settled(kept);
            });
        });
    });
}

void FileDrop::Session::on_settled(bool kept) {
    if (stage_ != Stage::settling) return;
    if (kept) return answer(201, "Received.", true);
    answer(409, "The file is no longer wanted.", true);
}

// The upload ends without a file; with status 0 there is nobody to answer.
void FileDrop::Session::lose(int status, std::string detail) {
    DropLoss loss{grant_.id, upload_.file_bytes(), detail};
    upload_.discard();
    core_->on_owner([loss = std::move(loss)](Core& core) { core.events.failed(loss); });
    if (status == 0) return end();
    answer(status, std::move(detail), false);
}

void FileDrop::Session::begin_download() {
    if (!outgoing_.open(grant_.path)) return answer(404, "The file is gone.", true);
    const auto& head = parser_->get();
    const auto plan =
        plan_download(view(head[http::field::range]), view(head[http::field::if_range]),
                      grant_.etag, outgoing_.bytes());
    auto& wire = header_.emplace();
    begin_answer(wire, plan, head.keep_alive());
    next_byte_ = head.method() == http::verb::head ? plan.end : plan.first;
    end_byte_ = plan.end;
    sent_bytes_ = 0;
    stage_ = Stage::sending;
    serializer_.emplace(wire);
    stream_.expires_after(core_->limits.idle_timeout);
    http::async_write_header(stream_, *serializer_, [self = self()](error_code error, std::size_t) {
        if (self->stage_ != Stage::sending) return;
        if (error) return self->on_sent(error);
        self->send_piece();
    });
}

void FileDrop::Session::send_piece() {
    if (next_byte_ == end_byte_) return on_sent({});
    const auto wanted = std::min<std::uint64_t>(piece_bytes, end_byte_ - next_byte_);
    sending_ = outgoing_.read(next_byte_, static_cast<std::size_t>(wanted));
    // The length has been promised: only cutting off tells that the disk fails.
    if (sending_.empty()) return on_sent(asio::error::eof);
    stream_.expires_after(patience(sent_bytes_));
    asio::async_write(stream_, asio::buffer(sending_),
                      [self = self()](error_code error, std::size_t size) {
                          if (self->stage_ != Stage::sending) return;
                          self->next_byte_ += size;
                          self->sent_bytes_ += size;
                          if (error) return self->on_sent(error);
                          self->send_piece();
                      });
}

void FileDrop::Session::on_sent(const error_code& error) {
    if (parser_->get().method() == http::verb::get) {
        DropSent sent{grant_.id, sent_bytes_,
                      !error && sent_bytes_ > 0 && end_byte_ == outgoing_.bytes()};
        core_->on_owner([sent = std::move(sent)](Core& core) { core.events.sent(sent); });
    }
    stage_ = Stage::answering;
    on_answered(error, parser_->get().keep_alive());
}

void FileDrop::Session::answer(int status, std::string text, bool reusable,
                               std::string_view allow) {
    stage_ = Stage::answering;
    const auto& request = parser_->get();
    const bool keep_open = reusable && parser_->is_done() && request.keep_alive();
    auto& wire = response_.emplace();
    begin_answer(wire, status, keep_open);
    wire.set(http::field::content_type, "text/plain");
    if (!allow.empty())
        wire.set(http::field::allow, beast::string_view{allow.data(), allow.size()});
    text += '\n';
    wire.content_length(text.size());
    if (request.method() != http::verb::head) wire.body() = std::move(text);
    stream_.expires_after(core_->limits.idle_timeout);
    http::async_write(stream_, wire, [self = self(), keep_open](error_code error, std::size_t) {
        self->on_answered(error, keep_open);
    });
}

void FileDrop::Session::on_answered(const error_code& error, bool keep_open) {
    if (error || stage_ != Stage::answering) return end();
    if (keep_open) return read_head();
    stage_ = Stage::lingering;
    stream_.expires_never();
    linger(stream_.socket(), linger_limits, [self = self()] { self->end(); });
}

struct FileDrop::Thread {
    explicit Thread(asio::io_context& loop)
        : work(loop.get_executor()), runner([&loop] { loop.run(); }) {}

    asio::executor_work_guard<asio::io_context::executor_type> work;
    std::thread runner;
};

FileDrop::FileDrop(asio::io_context& owner_loop, std::string_view address, std::uint16_t port,
                   const FileDropLimits& limits, FileDropEvents events)
    : core_(std::make_shared<Core>(limits, std::move(events), owner_loop.get_executor())) {
    core_->listener = std::make_unique<Listener>(*core_->loop, address, port, admitted_by(core_));
    thread_ = std::make_unique<Thread>(*core_->loop);
}

FileDrop::~FileDrop() {
    core_->loop->stop();
    thread_->runner.join();
    thread_.reset();
    // From here on the core belongs to this thread. Sessions go before the loop they live on.
    core_->listener.reset();
    core_->uploads.clear();
    core_->sessions.clear();
    core_->loop.reset();
}

std::uint16_t FileDrop::port() const { return core_->listener->port(); }

}  // namespace busbar::net
