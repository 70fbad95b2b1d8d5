#include "net/websocket_client.hpp"

#include <charconv>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/text.hpp"
#include "net/encoding.hpp"
#include "net/websocket_link.hpp"

namespace busbar::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
    return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// "HOST", "HOST:PORT", "[V6]" or "[V6]:PORT".
bool parse_authority(std::string_view text, WebSocketUrl& url) {
    auto rest = text;
    if (!text.empty() && text.front() == '[') {
        const auto end = text.find(']');
        if (end == std::string_view::npos) return false;
        url.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
    } else {
        url.host = text.substr(0, text.find(':'));
        rest = text.substr(url.host.size());
    }
    if (url.host.empty()) return false;
    if (rest.empty()) return true;
    if (rest.front() != ':') return false;
    rest.remove_prefix(1);
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), url.port);
    return error == std::errc{} && end == rest.data() + rest.size() && url.port != 0;
}

LinkLimits link_limits(const WebSocketClientOptions& options) {
    return {options.message_bytes_max,    options.send_queue_messages_max,
            options.send_queue_bytes_max, options.ping_interval,
            options.idle_timeout,         options.close_timeout};
}

}  // namespace

std::string WebSocketUrl::authority() const {
    const auto shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == 80 ? shown : shown + ":" + std::to_string(port);
}

std::optional<WebSocketUrl> parse_ws_url(std::string_view text, std::string& problem) {
    constexpr std::string_view scheme = "ws://";
    const auto fail = [&](std::string_view why) {
        // What stands before an @ may be a password.
        const bool secret = text.find('@') != std::string_view::npos;
        problem = secret ? "The URL " : "\"" + printable(text, 200) + "\" ";
        problem += why;
        return std::nullopt;
    };
    if (starts_with_ignoring_case(text, "wss://")) {
        return fail("needs TLS, which this client does not speak yet; use a ws:// URL.");
    }
    if (!starts_with_ignoring_case(text, scheme)) {
        return fail("is not a WebSocket URL; it looks like ws://host:port/path.");
    }
    auto rest = text.substr(scheme.size());
    rest = rest.substr(0, rest.find('#'));
    const auto target_at = rest.find_first_of("/?");
    const auto authority = rest.substr(0, target_at);
    if (authority.find('@') != std::string_view::npos) {
        return fail("holds a user name; credentials are given apart from the URL.");
    }
    WebSocketUrl url;
    if (!parse_authority(authority, url)) {
        return fail("has no valid host and port; it looks like ws://host:port/path.");
    }
    if (target_at != std::string_view::npos) url.target = rest.substr(target_at);
    if (url.target.empty() || url.target.front() != '/') url.target.insert(0, 1, '/');
    for (const char c : rest) {
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) {
            return fail("holds a blank or control character; write it as %XX.");
        }
    }
    return url;
}

class WebSocketClient::Attempt final
    : public LinkObserver,
      public std::enable_shared_from_this<WebSocketClient::Attempt> {
public:
    Attempt(asio::io_context& loop, WebSocketClientOptions options, WebSocketClientEvents events)
        : loop_(loop),
          options_(std::move(options)),
          events_(std::move(events)),
          resolver_(loop),
          socket_(loop.get_executor()),
          period_(tick_period(link_limits(options_), options_.connect_timeout)),
          stall_(period_),
          timer_(loop),
          deadline_(monotonic_now() + options_.connect_timeout) {}

    void begin();
    void send(std::string text) {
        if (stage_ == Stage::open) link_->send(std::move(text));
    }
    void close(std::uint16_t code, std::string_view reason);
    void drop();
    void freeze();
    void abandon();
    bool is_open() const { return stage_ == Stage::open; }
    int http_status() const { return http_status_; }

    void on_text(std::string_view text) override {
        const auto self = shared_from_this();
        if (alive_ && stage_ == Stage::open) events_.received(text);
    }
    void on_end(std::string_view cause) override { end(cause); }

private:
    enum class Stage { connecting, upgrading, open, closing, ended };

    void on_resolved(const error_code& error, const tcp::resolver::results_type& found);
    void on_connected(const error_code& error);
    void on_upgraded(const UpgradeResult& result);
    void tick();
    void tick_later();
    void end(std::string_view reason);
    void end_later(std::string reason);
    void release();

    asio::io_context& loop_;
    const WebSocketClientOptions options_;
    const WebSocketClientEvents events_;
    WebSocketUrl url_;
    tcp::resolver resolver_;
    LoopSocket socket_;  // until the link takes it over
    const std::chrono::milliseconds period_;
    StallDetector stall_;
    asio::steady_timer timer_;
    Instant deadline_;
    Stage stage_ = Stage::connecting;
    std::shared_ptr<Link> link_;
    int http_status_ = 0;
    bool alive_ = true;  // false once the client object is gone
};

void WebSocketClient::Attempt::begin() {
    std::string problem;
    auto url = parse_ws_url(options_.url, problem);
    if (!url) return end_later(std::move(problem));
    url_ = std::move(*url);
    tick_later();
    resolver_.async_resolve(
        url_.host, std::to_string(url_.port),
        [self = shared_from_this()](error_code error, const tcp::resolver::results_type& found) {
            self->on_resolved(error, found);
        });
}

void WebSocketClient::Attempt::on_resolved(const error_code& error,
                                           const tcp::resolver::results_type& found) {
    if (stage_ != Stage::connecting) return;
    if (error) return end("the name " + url_.host + " cannot be resolved: " + error.message());
    asio::async_connect(socket_, found,
                        [self = shared_from_this()](error_code failed, const tcp::endpoint&) {
                            self->on_connected(failed);
                        });
}

void WebSocketClient::Attempt::on_connected(const error_code& error) {
    if (stage_ != Stage::connecting) return;
    if (error) return end("cannot connect to " + url_.authority() + ": " + error.message());
    tune(socket_);
    stage_ = Stage::upgrading;
    UpgradeRequest request;
    request.host = url_.authority();
    request.target = url_.target;
    request.subprotocol = options_.subprotocol;
    request.headers = options_.headers;
    request.connection_header = options_.connection_header;
    if (options_.basic_credentials) {
        request.authorization = "Basic " + base64_encode(*options_.basic_credentials);
    }
    link_ = Link::create(std::move(socket_), link_limits(options_));
    link_->connect(std::move(request), [self = shared_from_this()](const UpgradeResult& result) {
        self->on_upgraded(result);
    });
}

void WebSocketClient::Attempt::on_upgraded(const UpgradeResult& result) {
    if (stage_ != Stage::upgrading) return;
    http_status_ = result.status;
    if (!result.error.empty()) return end(result.error);
    stage_ = Stage::open;
    const auto self = shared_from_this();
    link_->frame_as({options_.binary_frames, options_.fragment_bytes});
    link_->start(self);
    if (events_.opened) events_.opened(result.subprotocol);
}

void WebSocketClient::Attempt::close(std::uint16_t code, std::string_view reason) {
    if (stage_ == Stage::open) {
        stage_ = Stage::closing;
        link_->close(code, reason);
    } else if (stage_ == Stage::connecting || stage_ == Stage::upgrading) {
        release();
        end_later("given up before it was open");
    }
}

void WebSocketClient::Attempt::drop() {
    if (stage_ == Stage::open || stage_ == Stage::closing) {
        stage_ = Stage::closing;
        link_->drop("cut by this side");
    } else {
        close(1000, {});
    }
}

void WebSocketClient::Attempt::freeze() {
    if (stage_ != Stage::open) return;
    stage_ = Stage::ended;
    timer_.cancel();
    link_->freeze();
}

void WebSocketClient::Attempt::abandon() {
    alive_ = false;
    stage_ = Stage::ended;
    release();
}

void WebSocketClient::Attempt::release() {
    stage_ = Stage::ended;
    timer_.cancel();
    resolver_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (link_) link_->abandon();
    link_.reset();
}

void WebSocketClient::Attempt::end(std::string_view reason) {
    const auto self = shared_from_this();
    release();
    if (alive_ && events_.closed) events_.closed(reason);
}

void WebSocketClient::Attempt::end_later(std::string reason) {
    stage_ = Stage::ended;
    asio::post(loop_, [self = shared_from_this(), reason = std::move(reason)] {
        if (self->alive_) self->end(reason);
    });
}

void WebSocketClient::Attempt::tick_later() {
    timer_.expires_after(period_);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
        const auto self = weak.lock();
        if (!error && self && self->stage_ != Stage::ended) self->tick();
    });
}

void WebSocketClient::Attempt::tick() {
    const auto now = monotonic_now();
    const bool stalled = stall_.stalled(now);
    if (stage_ == Stage::open || stage_ == Stage::closing) {
        link_->tick(now, stalled);
    } else if (now >= deadline_) {
        const std::string_view waited_for = stage_ == Stage::upgrading
                                                ? "did not answer the upgrade"
                                                : "did not accept a connection";
        return end(url_.authority() + " " + std::string{waited_for} + " within " +
                   std::to_string(options_.connect_timeout.count()) + " ms");
    }
    if (stage_ != Stage::ended) tick_later();
}

WebSocketClient::WebSocketClient(asio::io_context& loop, WebSocketClientOptions options,
                                 WebSocketClientEvents events)
    : attempt_(std::make_shared<Attempt>(loop, std::move(options), std::move(events))) {
    attempt_->begin();
}

WebSocketClient::~WebSocketClient() { attempt_->abandon(); }

bool WebSocketClient::is_open() const { return attempt_->is_open(); }

void WebSocketClient::send(std::string text) { attempt_->send(std::move(text)); }

void WebSocketClient::close(std::uint16_t code, std::string_view reason) {
    attempt_->close(code, reason);
}

void WebSocketClient::drop() { attempt_->drop(); }

void WebSocketClient::freeze() { attempt_->freeze(); }

int WebSocketClient::http_status() const { return attempt_->http_status(); }

}  // namespace busbar::net
