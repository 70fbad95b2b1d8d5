#include "net/websocket_link.hpp"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/version.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace busbar::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;

// Compression is never offered nor granted: some chargers break when it is.
using Stream = websocket::stream<LoopSocket, false>;

// What one read may add to the buffer: memory grows with what arrives, not with what is announced.
constexpr std::size_t read_chunk = std::size_t{16} * 1024;
// A buffer that a large message has grown beyond this is given back afterwards.
constexpr std::size_t buffer_kept_max = std::size_t{64} * 1024;
// RFC 6455, 5.5: a control frame holds 125 bytes, two of them the code.
constexpr std::size_t close_reason_max = 123;
// Who asks more often than this while one probe runs learns nothing new.
constexpr std::size_t probes_max = 16;

std::string_view cut_to_characters(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0U) == 0x80) {
        --bytes_max;
    }
    return text.substr(0, bytes_max);
}

class BeastLink final : public Link, public std::enable_shared_from_this<BeastLink> {
public:
    BeastLink(LoopSocket socket, const LinkLimits& limits)
        : stream_(std::move(socket)),
          limits_(limits),
          ping_interval_(limits.ping_interval),
          idle_timeout_(limits.idle_timeout) {
        stream_.auto_fragment(false);  // small stacks mishandle continuation frames
        stream_.read_message_max(limits.message_bytes_max);
        stream_.text(true);
        stream_.control_callback([this](websocket::frame_type type, beast::string_view) {
            heard_ = true;
            answer_probes(true);
            if (type == websocket::frame_type::close) peer_closes();
        });
    }

    void accept(const std::string& key, const std::string& subprotocol,
                std::function<void(const UpgradeResult&)> done) override {
        // The peer's own request was judged leniently; Beast gets one without its oddities.
        http::request<http::empty_body> request{http::verb::get, "/", 11};
        request.set(http::field::host, "busbar");
        request.set(http::field::upgrade, "websocket");
        request.set(http::field::connection, "Upgrade");
        request.set(http::field::sec_websocket_key, key);
        request.set(http::field::sec_websocket_version, "13");
        stream_.set_option(
            websocket::stream_base::decorator([subprotocol](websocket::response_type& response) {
                response.set(http::field::server, "Busbar");
                // The case of the value that most stacks send and some chargers compare with.
                response.set(http::field::connection, "Upgrade");
                if (!subprotocol.empty()) {
                    response.set(http::field::sec_websocket_protocol, subprotocol);
                }
            }));
        stream_.async_accept(request,
                             [self = shared_from_this(), done = std::move(done)](error_code error) {
                                 done({error ? error.message() : std::string{}, 101, {}});
                             });
    }

    void connect(UpgradeRequest request, std::function<void(const UpgradeResult&)> done) override {
        const auto host = request.host;
        const auto target = request.target;
        stream_.set_option(websocket::stream_base::decorator(
            [asked = std::move(request)](websocket::request_type& wire) {
                wire.set(http::field::user_agent, "Busbar");
                if (!asked.subprotocol.empty()) {
                    wire.set(http::field::sec_websocket_protocol, asked.subprotocol);
                }
                if (!asked.authorization.empty()) {
                    wire.set(http::field::authorization, asked.authorization);
                }
                if (!asked.connection_header) wire.erase(http::field::connection);
                for (const auto& [name, value] : asked.headers) wire.set(name, value);
            }));
        stream_.async_handshake(response_, host, target,
                                [self = shared_from_this(), done = std::move(done)](
                                    error_code error) { done(self->upgraded(error)); });
    }

    void start(std::shared_ptr<LinkObserver> observer) override {
        observer_ = std::move(observer);
        state_ = State::open;
        silent_since_ = monotonic_now();
        next_ping_ = silent_since_ + ping_interval_;
        read_more();
    }

    void send(std::string text) override {
        if (state_ != State::open) return;
        if (queue_.size() >= limits_.send_queue_messages_max ||
            queue_bytes_ + text.size() > limits_.send_queue_bytes_max) {
            return drop("the peer does not read what is sent to it");
        }
        queue_bytes_ += text.size();
        queue_.push_back(std::move(text));
        if (queue_.size() == 1) write_front();
    }

    void close(std::uint16_t code, std::string_view reason) override {
        if (state_ != State::open) return;
        state_ = State::closing;
        close_reason_.code = code;
        const auto fitting = cut_to_characters(reason, close_reason_max);
        close_reason_.reason.assign(fitting.data(), fitting.size());
        close_deadline_ = monotonic_now() + limits_.close_timeout;
        cause_ = "closed by this side with " + std::to_string(code);
        if (!reason.empty()) cause_.append(": ").append(reason);
        if (queue_.empty()) close_stream();
    }

    void probe(std::chrono::milliseconds within, std::function<void(bool alive)> done) override {
        if (state_ != State::open || probes_.size() == probes_max) return done(false);
        probes_.push_back({monotonic_now() + within, std::move(done)});
        if (!pinging_) ping();
    }

    void ping_every(std::optional<std::chrono::milliseconds> interval) override {
        const auto wanted = interval.value_or(limits_.ping_interval);
        if (wanted == ping_interval_) return;
        ping_interval_ = wanted;
        next_ping_ = monotonic_now() + wanted;
        idle_timeout_ = limits_.idle_timeout;
        if (!interval || idle_timeout_.count() == 0) return;
        // Two pings and the time for the last answer. Silence without pings proves nothing.
        constexpr std::chrono::seconds answer_time{5};
        idle_timeout_ = wanted.count() == 0 ? std::chrono::milliseconds{0}
                                            : std::max(idle_timeout_, 2 * wanted + answer_time);
    }

    void frame_as(SendFraming framing) override {
        framing_ = framing;
        stream_.binary(framing.binary);
    }

    void freeze() override {
        state_ = State::frozen;
        error_code ignored;
        stream_.next_layer().cancel(ignored);
    }

    void drop(std::string_view cause) override {
        const bool running = state_ == State::open || state_ == State::closing;
        if (running) cause_ = cause;
        state_ = State::cut;
        cut();
    }

    void abandon() override {
        state_ = State::cut;
        cut();
        probes_.clear();
        observer_.reset();
    }

    void tick(Instant now, bool stalled) override {
        if (heard_ || stalled) {
            heard_ = false;
            silent_since_ = now;
        }
        if (!probes_.empty() && now >= probes_.front().deadline) answer_probes(stalled);
        const bool closing = state_ == State::closing || state_ == State::peer_closing;
        if (closing && now >= close_deadline_) return cut();
        if (state_ != State::open) return;
        if (idle_timeout_.count() > 0 && now - silent_since_ >= idle_timeout_) {
            return drop("nothing was heard from the peer for " +
                        std::to_string((now - silent_since_).count()) + " ms");
        }
        if (ping_interval_.count() > 0 && now >= next_ping_ && !pinging_) {
            next_ping_ = now + ping_interval_;
            ping();
        }
    }

private:
    enum class State { upgrading, open, closing, peer_closing, frozen, cut, ended };
    struct Probe {
        Instant deadline;
        std::function<void(bool)> done;
    };

    void read_more() {
        stream_.async_read_some(
            buffer_, read_chunk,
            [self = shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
    }

    void on_read(const error_code& error) {
        if (error) return finish(error);
        heard_ = true;
        answer_probes(true);
        if (stream_.is_message_done()) {
            const auto data = buffer_.cdata();
            if (state_ == State::open) {
                observer_->on_text({static_cast<const char*>(data.data()), data.size()});
            }
            buffer_.consume(data.size());
            if (buffer_.capacity() > buffer_kept_max) buffer_.shrink_to_fit();
        }
        if (observer_) read_more();
    }

    void write_front() {
        if (framing_.fragment_bytes > 0) return write_fragments(0);
        stream_.async_write(asio::buffer(queue_.front()),
                            [self = shared_from_this()](error_code error, std::size_t) {
                                self->on_written(error);
                            });
    }

    // The front message from there on.
    void write_fragments(std::size_t at) {
        const std::string& text = queue_.front();
        const std::size_t bytes = std::min(framing_.fragment_bytes, text.size() - at);
        const bool last = at + bytes == text.size();
        stream_.async_write_some(
            last, asio::buffer(text.data() + at, bytes),
            [self = shared_from_this(), next = at + bytes, last](error_code error, std::size_t) {
                if (error || last) return self->on_written(error);
                self->write_fragments(next);
            });
    }

    void on_written(const error_code& error) {
        queue_bytes_ -= queue_.front().size();
        queue_.pop_front();
        if (state_ != State::open && state_ != State::closing) return;
        if (error) {
            // The read that cut() ends would only tell that it was ended.
            if (cause_.empty()) cause_ = "nothing can be sent: " + describe(error);
            return cut();
        }
        if (!queue_.empty()) return write_front();
        if (state_ == State::closing) close_stream();
    }

    void close_stream() {
        stream_.async_close(close_reason_, [self = shared_from_this()](error_code error) {
            if (error) self->cut();
        });
    }

    void ping() {
        pinging_ = true;
        stream_.async_ping({}, [self = shared_from_this()](error_code) { self->pinging_ = false; });
    }

    void answer_probes(bool alive) {
        for (const auto& probe : std::exchange(probes_, {})) probe.done(alive);
    }

    // Beast answers and then waits for the peer to end the TCP connection, which some never do.
    void peer_closes() {
        if (state_ != State::open) return;
        state_ = State::peer_closing;
        close_deadline_ = monotonic_now() + limits_.close_timeout;
        cause_ = closed_by_peer();
    }

    // The pending read then fails and finish() follows.
    void cut() {
        error_code ignored;
        stream_.next_layer().close(ignored);
    }

    void finish(const error_code& error) {
        if (state_ == State::frozen) return;
        if (cause_.empty()) cause_ = describe(error);
        state_ = State::ended;
        cut();
        answer_probes(false);
        const auto observer = std::move(observer_);
        observer_.reset();
        if (observer) observer->on_end(cause_);
    }

    std::string closed_by_peer() const {
        const auto& reason = stream_.reason();
        auto text = "closed by the peer with " + std::to_string(reason.code);
        if (!reason.reason.empty()) text.append(": ").append(reason.reason.c_str());
        return text;
    }

    std::string describe(const error_code& error) const {
        if (error == websocket::error::closed) return closed_by_peer();
        if (error == websocket::error::message_too_big ||
            error == websocket::error::buffer_overflow) {
            return "the peer sent a message larger than " +
                   std::to_string(limits_.message_bytes_max) + " bytes";
        }
        if (error == asio::error::eof || error == asio::error::connection_reset ||
            error == asio::error::broken_pipe) {
            return "the connection was cut without a close frame";
        }
        return error.message();
    }

    UpgradeResult upgraded(const error_code& error) const {
        UpgradeResult result;
        const bool answered = !error || error == websocket::error::upgrade_declined;
        result.status = answered ? static_cast<int>(response_.result_int()) : 0;
        if (error == websocket::error::upgrade_declined) {
            result.error =
                "the server answered the upgrade with " + std::to_string(response_.result_int());
            result.error.append(" ").append(std::string{response_.reason()});
        } else if (error) {
            result.error = error.message();
        }
        const auto subprotocol = response_[http::field::sec_websocket_protocol];
        result.subprotocol.assign(subprotocol.data(), subprotocol.size());
        return result;
    }

    Stream stream_;
    const LinkLimits limits_;
    std::chrono::milliseconds ping_interval_;
    std::chrono::milliseconds idle_timeout_;
    std::shared_ptr<LinkObserver> observer_;
    State state_ = State::upgrading;
    SendFraming framing_;
    beast::flat_buffer buffer_;
    std::deque<std::string> queue_;  // the front one is being written
    std::size_t queue_bytes_ = 0;
    bool heard_ = false;
    bool pinging_ = false;
    std::vector<Probe> probes_;  // the oldest first
    Instant silent_since_{};
    Instant next_ping_{};
    Instant close_deadline_{};
    websocket::close_reason close_reason_;
    websocket::response_type response_;
    std::string cause_;
};

}  // namespace

std::shared_ptr<Link> Link::create(LoopSocket socket, const LinkLimits& limits) {
    return std::make_shared<BeastLink>(std::move(socket), limits);
}

std::chrono::milliseconds tick_period(const LinkLimits& limits,
                                      std::chrono::milliseconds handshake) {
    auto period = std::min({std::chrono::milliseconds{4'000}, handshake, limits.close_timeout});
    if (limits.ping_interval.count() > 0) period = std::min(period, limits.ping_interval);
    if (limits.idle_timeout.count() > 0) period = std::min(period, limits.idle_timeout);
    return std::max(period / 4, std::chrono::milliseconds{2});
}

bool StallDetector::stalled(Instant now) {
    const bool late = last_ && now - *last_ > period_ + std::chrono::seconds{5};
    last_ = now;
    return late;
}

Instant monotonic_now() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now());
}

}  // namespace busbar::net
