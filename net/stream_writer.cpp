#include "net/stream_writer.hpp"

#include <array>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "net/http_response.hpp"

namespace busbar::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::string_view heartbeat_text = ":\n\n";

class StreamWriter : public std::enable_shared_from_this<StreamWriter> {
public:
    StreamWriter(LoopSocket socket, std::string head, std::shared_ptr<EventStream> stream,
                 const StreamLimits& limits)
        : socket_{std::move(socket)},
          timer_{socket_.get_executor()},
          stream_{std::move(stream)},
          limits_{limits},
          text_{std::move(head)} {}

    void begin() {
        stream_->attach([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->woken();
        });
        watch();
        write();
    }

private:
    // The client has nothing to say: what comes is thrown away, until it goes.
    void watch() {
        socket_.async_read_some(asio::buffer(discarded_),
                                [self = shared_from_this()](error_code error, std::size_t) {
                                    error ? self->close() : self->watch();
                                });
    }

    void woken() {
        if (stream_->has_ended()) return close();
        if (!is_writing_) take();
    }

    void take() {
        text_ = stream_->take();
        if (!text_.empty()) return write();
        wait(limits_.heartbeat, [](StreamWriter& self) {
            self.text_ = heartbeat_text;
            self.write();
        });
    }

    void write() {
        is_writing_ = true;
        wait(limits_.write_timeout, [](StreamWriter& self) { self.close(); });
        asio::async_write(socket_, asio::buffer(text_),
                          [self = shared_from_this()](error_code error, std::size_t) {
                              self->is_writing_ = false;
                              if (error || self->stream_->has_ended()) return self->close();
                              self->take();
                          });
    }

    // Whatever the timer was for before is forgotten.
    void wait(std::chrono::milliseconds length, void (*then)(StreamWriter&)) {
        timer_.expires_after(length);
        timer_.async_wait([weak = weak_from_this(), then](error_code error) {
            const auto self = weak.lock();
            if (error || !self || self->stream_->has_ended()) return;
            // Called for a time that has been replaced since.
            if (self->timer_.expiry() > asio::steady_timer::clock_type::now()) return;
            then(*self);
        });
    }

    void close() {
        timer_.cancel();
        error_code ignored;
        socket_.shutdown(asio::socket_base::shutdown_both, ignored);
        socket_.close(ignored);
        stream_->end();
    }

    LoopSocket socket_;
    asio::steady_timer timer_;
    const std::shared_ptr<EventStream> stream_;
    const StreamLimits limits_;
    std::string text_;  // being written
    bool is_writing_ = false;
    std::array<char, 512> discarded_{};
};

}  // namespace

std::string stream_head(const HttpResponse& response) {
    std::string head = "HTTP/1.1 200 OK\r\nServer: Busbar\r\nConnection: close\r\nContent-Type: ";
    head += single_line(response.content_type);
    for (const auto& [name, value] : response.headers) {
        head.append("\r\n").append(single_line(name)).append(": ").append(single_line(value));
    }
    return head + "\r\n\r\n";
}

void write_stream(LoopSocket socket, std::string head, std::shared_ptr<EventStream> stream,
                  const StreamLimits& limits) {
    std::make_shared<StreamWriter>(std::move(socket), std::move(head), std::move(stream), limits)
        ->begin();
}

}  // namespace busbar::net
