#include "net/websocket_server.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>

#include <spdlog/spdlog.h>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "base/text.hpp"
#include "net/encoding.hpp"
#include "net/websocket_link.hpp"

namespace busbar::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

// How long a refused peer may take to read its answer.
constexpr std::chrono::seconds refusal_linger{2};
// What of a malformed request is worth showing.
constexpr std::size_t shown_head_max = 200;
constexpr unsigned char tls_handshake_record = 0x16;

// The request line. What follows may hold a password, in whatever form its sender gave it.
std::string first_line(std::string_view bytes) {
    return printable(bytes.substr(0, bytes.find_first_of("\r\n")), shown_head_max);
}

LinkLimits link_limits(const WebSocketLimits& limits) {
    return {limits.message_bytes_max,    limits.send_queue_messages_max,
            limits.send_queue_bytes_max, limits.ping_interval,
            limits.idle_timeout,         limits.close_timeout};
}

std::string refusal(int status, std::string_view reason, std::string_view more_headers) {
    const auto known = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
    auto body = std::string{reason.empty() ? std::string_view{known.data(), known.size()} : reason};
    body += '\n';
    auto text = "HTTP/1.1 " + std::to_string(status) + " ";
    text.append(known.data(), known.size());
    text += "\r\nServer: Busbar\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8";
    text += "\r\nContent-Length: " + std::to_string(body.size());
    if (status == 401) text += "\r\nWWW-Authenticate: Basic realm=\"busbar\"";
    // How long after a 429 is told by its reason.
    if (status == 503) text += "\r\nRetry-After: 10";
    text += more_headers;
    text += "\r\n\r\n";
    return text + body;
}

bool lists(const std::vector<std::string>& members, std::string_view wanted) {
    return std::any_of(members.begin(), members.end(), [&](const std::string& member) {
        return equal_ignoring_case(member, wanted);
    });
}

}  // namespace

std::string_view Handshake::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (equal_ignoring_case(key, name)) return value;
    }
    return {};
}

// What all peers of a server share. Outlives the server while handlers are pending.
class WebSocketServer::Core : public std::enable_shared_from_this<WebSocketServer::Core> {
public:
    Core(asio::io_context& loop, const WebSocketLimits& given, WebSocketEvents handlers)
        : limits(given),
          events(std::move(handlers)),
          period_(tick_period(link_limits(given), given.handshake_timeout)),
          stall_(period_),
          timer_(loop) {}

    void admit(LoopSocket socket);
    void tick_later();
    void stop(std::uint16_t code);
    void abandon();

    // Counts of what is not yet open, for the limits.
    void handshake_begins(const std::string& address) {
        ++handshaking_;
        ++handshaking_by_address_[address];
    }
    void handshake_ends(const std::string& address) {
        --handshaking_;
        const auto entry = handshaking_by_address_.find(address);
        if (--entry->second == 0) handshaking_by_address_.erase(entry);
    }
    std::size_t open_count() const { return peers.size() - handshaking_; }

    void report(const Handshake& handshake, HandshakeFailure failure, std::string_view what) const {
        if (alive && events.failed) events.failed(handshake, failure, what);
    }

    const WebSocketLimits limits;
    const WebSocketEvents events;
    std::unordered_set<std::shared_ptr<Peer>> peers;
    std::unique_ptr<Listener> listener;
    bool alive = true;  // false once the server is gone: no event may be called any more

private:
    void tick();

    const std::chrono::milliseconds period_;
    StallDetector stall_;
    asio::steady_timer timer_;
    std::size_t handshaking_ = 0;
    std::map<std::string, std::size_t> handshaking_by_address_;
    bool stopped_ = false;
};

// One peer from accept to end.
class WebSocketServer::Peer final : public Connection,
                                    public LinkObserver,
                                    public std::enable_shared_from_this<WebSocketServer::Peer> {
public:
    Peer(std::shared_ptr<Core> core, LoopSocket socket, PeerName name)
        : core_(std::move(core)), socket_(std::move(socket)) {
        handshake_.peer_address = std::move(name.address);
        handshake_.peer_port = name.port;
        deadline_ = monotonic_now() + core_->limits.handshake_timeout;
    }

    std::string_view peer_address() const override { return handshake_.peer_address; }
    const Handshake& handshake() const override { return handshake_; }
    std::string_view end_cause() const override { return end_cause_; }

    void send(std::string text) override {
        if (link_) link_->send(std::move(text));
    }

    void close(std::uint16_t code, std::string_view reason) override {
        if (link_) link_->close(code, reason);
    }

    void probe(std::chrono::milliseconds within, std::function<void(bool alive)> done) override {
        if (!link_) return done(false);
        link_->probe(within, std::move(done));
    }

    void ping_every(std::optional<std::chrono::milliseconds> interval) override {
        if (link_) link_->ping_every(interval);
    }

    void on_text(std::string_view text) override {
        if (!core_->alive) return;
        const auto self = shared_from_this();
        try {
            core_->events.received(self, text);
        } catch (const std::exception& error) {
            // A message must not take the other connections down with its own.
            spdlog::error("message_failed peer={} error=\"{}\"", peer_address(), error.what());
            close(1011, "internal error");
        }
    }

    void on_end(std::string_view cause) override {
        const auto self = shared_from_this();
        end_cause_ = cause;
        link_.reset();
        stage_ = Stage::ended;
        core_->peers.erase(self);
        if (core_->alive) core_->events.closed(self);
    }

    void read_head();
    void decided(Verdict verdict);
    void tick(Instant now, bool stalled);
    void stop(std::uint16_t code);
    void abandon();

private:
    enum class Stage { reading, deciding, accepting, refusing, open, ended };
    struct Head {
        explicit Head(std::size_t header_bytes_max) {
            parser.header_limit(static_cast<std::uint32_t>(header_bytes_max));
        }
        beast::flat_buffer buffer;
        http::request_parser<http::empty_body> parser;
        std::array<char, 1024> discarded{};
        std::string refusal;
    };

    void on_head(const error_code& error);
    void malformed(const error_code& error);
    void describe_request();
    void judge();
    void refuse(int status, std::string_view reason, std::string_view more_headers = {});
    void discard();
    void accept();
    void on_accepted(const UpgradeResult& result);
    void end_handshake();

    std::shared_ptr<Core> core_;
    LoopSocket socket_;  // until the link takes it over
    std::unique_ptr<Head> head_ = std::make_unique<Head>(core_->limits.header_bytes_max);
    Stage stage_ = Stage::reading;
    Instant deadline_;
    Handshake handshake_;
    std::string key_;
    Verdict verdict_;
    std::shared_ptr<Link> link_;
    std::string end_cause_;
};

void WebSocketServer::Core::admit(LoopSocket socket) {
    auto name = peer_name(socket);
    if (name.address.empty()) return;
    const auto same = handshaking_by_address_.find(name.address);
    const bool too_many = handshaking_ >= limits.handshakes_max;
    if (too_many || (same != handshaking_by_address_.end() &&
                     same->second >= limits.connections_per_address_max)) {
        Handshake unread;
        unread.peer_address = name.address;
        unread.peer_port = name.port;
        return report(unread, HandshakeFailure::too_many_connections,
                      too_many ? "too many unfinished handshakes"
                               : "too many unfinished handshakes from this address");
    }
    tune(socket);
    handshake_begins(name.address);
    auto peer = std::make_shared<Peer>(shared_from_this(), std::move(socket), std::move(name));
    peers.insert(peer);
    peer->read_head();
}

void WebSocketServer::Core::tick_later() {
    timer_.expires_after(period_);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
        const auto self = weak.lock();
        if (!error && self && self->alive) self->tick();
    });
}

void WebSocketServer::Core::tick() {
    const auto now = monotonic_now();
    const bool stalled = stall_.stalled(now);
    const std::vector<std::shared_ptr<Peer>> present{peers.begin(), peers.end()};
    for (const auto& peer : present) peer->tick(now, stalled);
    if (alive && !(stopped_ && peers.empty())) tick_later();
}

void WebSocketServer::Core::stop(std::uint16_t code) {
    stopped_ = true;
    listener->close();
    const std::vector<std::shared_ptr<Peer>> present{peers.begin(), peers.end()};
    for (const auto& peer : present) peer->stop(code);
    if (peers.empty()) timer_.cancel();
}

void WebSocketServer::Core::abandon() {
    alive = false;
    listener->close();
    timer_.cancel();
    const auto present = std::move(peers);
    peers.clear();
    for (const auto& peer : present) peer->abandon();
}

void WebSocketServer::Peer::read_head() {
    http::async_read_header(
        socket_, head_->buffer, head_->parser,
        [self = shared_from_this()](error_code error, std::size_t) { self->on_head(error); });
}

void WebSocketServer::Peer::on_head(const error_code& error) {
    if (stage_ != Stage::reading) return;
    if (error) return malformed(error);
    describe_request();
    judge();
}

void WebSocketServer::Peer::malformed(const error_code& error) {
    const auto data = head_->buffer.cdata();
    const std::string_view bytes{static_cast<const char*>(data.data()), data.size()};
    if (bytes.empty() && !head_->parser.got_some()) return end_handshake();
    if (error == asio::error::operation_aborted) return end_handshake();
    if (!bytes.empty() && static_cast<unsigned char>(bytes.front()) == tls_handshake_record) {
        core_->report(handshake_, HandshakeFailure::tls_on_plain_port,
                      "a TLS handshake arrived on the port without TLS: use ws://");
        return end_handshake();
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error == asio::error::connection_reset) {
        core_->report(handshake_, HandshakeFailure::lost,
                      "closed in the middle of its request: " + first_line(bytes));
        return end_handshake();
    }
    core_->report(handshake_, HandshakeFailure::malformed_request,
                  "malformed request (" + error.message() + "): " + first_line(bytes));
    if (error == http::error::header_limit) {
        return refuse(431, "The request header is larger than " +
                               std::to_string(core_->limits.header_bytes_max) + " bytes.");
    }
    refuse(400, "The request is not valid HTTP: " + error.message() + ".");
}

void WebSocketServer::Peer::describe_request() {
    const auto& request = head_->parser.get();
    handshake_.target.assign(request.target().data(), request.target().size());
    for (const auto& field : request) {
        const std::string_view value{field.value().data(), field.value().size()};
        switch (field.name()) {
            case http::field::authorization:
                handshake_.basic_credentials = basic_credentials(value);
                continue;
            case http::field::sec_websocket_protocol:
                append_list(handshake_.subprotocols, value);
                break;
            case http::field::sec_websocket_key:
                key_ = trimmed(value);
                break;
            default:
                break;
        }
        handshake_.headers.emplace_back(
            std::string{field.name_string().data(), field.name_string().size()}, value);
    }
}

// Lenient where chargers are known to err: Connection, Host, Origin, the HTTP version and the form
// of the target are not looked at.
void WebSocketServer::Peer::judge() {
    const auto reject = [this](int status, std::string_view what, std::string_view headers = {}) {
        core_->report(handshake_,
                      status == 503 ? HandshakeFailure::too_many_connections
                                    : HandshakeFailure::not_websocket,
                      what);
        refuse(status, what, headers);
    };
    std::vector<std::string> upgrades;
    for (const auto& [name, value] : handshake_.headers) {
        if (equal_ignoring_case(name, "Upgrade")) append_list(upgrades, value);
    }
    if (head_->parser.get().method() != http::verb::get || !lists(upgrades, "websocket")) {
        return reject(426,
                      "This port speaks WebSocket only: connect to it with a ws:// URL, or use the "
                      "HTTP port for a browser.",
                      "\r\nUpgrade: websocket");
    }
    if (key_.empty()) return reject(400, "The header Sec-WebSocket-Key is missing.");
    // 24 characters by RFC 6455; what is far longer is not a key.
    if (key_.size() > 64) return reject(400, "The header Sec-WebSocket-Key is too long.");
    const auto version = handshake_.header("Sec-WebSocket-Version");
    if (!version.empty() && version != "13") {
        return reject(426, "Only version 13 of WebSocket is spoken here.",
                      "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13");
    }
    if (head_->buffer.size() > 0) {
        return reject(400, "Data was sent before the upgrade was answered.");
    }
    if (core_->open_count() >= core_->limits.connections_max) {
        return reject(503, "The server has as many connections as it may have.");
    }
    stage_ = Stage::deciding;
    core_->events.authorize(handshake_, [weak = weak_from_this()](Verdict verdict) {
        if (const auto self = weak.lock()) self->decided(std::move(verdict));
    });
}

void WebSocketServer::Peer::decided(Verdict verdict) {
    if (stage_ != Stage::deciding || !core_->alive) return;
    if (verdict.status != 101) return refuse(verdict.status, verdict.reason);
    verdict_ = std::move(verdict);
    accept();
}

void WebSocketServer::Peer::refuse(int status, std::string_view reason,
                                   std::string_view more_headers) {
    if (stage_ == Stage::ended) return;  // an event handler has stopped or destroyed the server
    stage_ = Stage::refusing;
    deadline_ = monotonic_now() + refusal_linger;
    head_->refusal = refusal(status, reason, more_headers);
    asio::async_write(socket_, asio::buffer(head_->refusal),
                      [self = shared_from_this()](error_code error, std::size_t) {
                          if (error || self->stage_ != Stage::refusing) {
                              return self->end_handshake();
                          }
                          error_code ignored;
                          self->socket_.shutdown(asio::socket_base::shutdown_send, ignored);
                          self->discard();
                      });
}

// Closing with unread input would reset the connection and lose the answer on its way.
void WebSocketServer::Peer::discard() {
    socket_.async_read_some(asio::buffer(head_->discarded),
                            [self = shared_from_this()](error_code error, std::size_t) {
                                if (error || self->stage_ != Stage::refusing) {
                                    return self->end_handshake();
                                }
                                self->discard();
                            });
}

void WebSocketServer::Peer::accept() {
    stage_ = Stage::accepting;
    link_ = Link::create(std::move(socket_), link_limits(core_->limits));
    link_->accept(
        key_, verdict_.subprotocol,
        [self = shared_from_this()](const UpgradeResult& result) { self->on_accepted(result); });
}

void WebSocketServer::Peer::on_accepted(const UpgradeResult& result) {
    if (stage_ != Stage::accepting) return;
    if (!result.error.empty()) {
        core_->report(handshake_, HandshakeFailure::lost,
                      "lost while the upgrade was answered: " + result.error);
        return end_handshake();
    }
    core_->handshake_ends(handshake_.peer_address);
    head_.reset();
    stage_ = Stage::open;
    const auto self = shared_from_this();
    link_->start(self);
    core_->events.opened(self, verdict_);
}

// Forgets a peer that has not become a connection. May be called more than once.
void WebSocketServer::Peer::end_handshake() {
    if (stage_ == Stage::ended) return;
    const auto self = shared_from_this();
    stage_ = Stage::ended;
    core_->handshake_ends(handshake_.peer_address);
    core_->peers.erase(self);
    error_code ignored;
    socket_.close(ignored);
    if (link_) link_->abandon();
    link_.reset();
}

void WebSocketServer::Peer::tick(Instant now, bool stalled) {
    if (stage_ == Stage::open) return link_->tick(now, stalled);
    if (stage_ == Stage::ended || now < deadline_) return;
    if (stage_ == Stage::deciding) {
        core_->report(handshake_, HandshakeFailure::undecided,
                      "no decision about the upgrade was made in time");
        return refuse(503, "The server could not decide about this connection in time.");
    }
    if (stage_ == Stage::reading) {
        core_->report(handshake_, HandshakeFailure::timeout, "sent no complete request in time");
    } else if (stage_ == Stage::accepting) {
        core_->report(handshake_, HandshakeFailure::lost,
                      "did not read the answer to its upgrade in time");
    }
    end_handshake();
}

void WebSocketServer::Peer::stop(std::uint16_t code) {
    if (stage_ == Stage::open) return close(code, "the server is stopping");
    if (stage_ == Stage::deciding) return refuse(503, "The server is stopping.");
    if (stage_ != Stage::refusing) end_handshake();
}

void WebSocketServer::Peer::abandon() {
    if (stage_ != Stage::open) return end_handshake();
    stage_ = Stage::ended;
    end_cause_ = "the server is gone";
    if (link_) link_->abandon();
    link_.reset();
}

WebSocketServer::WebSocketServer(asio::io_context& loop, std::string_view address,
                                 std::uint16_t port, const WebSocketLimits& limits,
                                 WebSocketEvents events)
    : core_(std::make_shared<Core>(loop, limits, std::move(events))) {
    core_->listener = std::make_unique<Listener>(loop, address, port,
                                                 [weak = std::weak_ptr{core_}](LoopSocket socket) {
                                                     const auto core = weak.lock();
                                                     if (core && core->alive)
                                                         core->admit(std::move(socket));
                                                 });
    core_->tick_later();
}

WebSocketServer::~WebSocketServer() { core_->abandon(); }

std::uint16_t WebSocketServer::port() const { return core_->listener->port(); }

std::size_t WebSocketServer::connection_count() const { return core_->open_count(); }

void WebSocketServer::stop(std::uint16_t code) { core_->stop(code); }

}  // namespace busbar::net
