// A peer made of bytes for the tests of net/: a plain socket on the same io_context as the server,
// with hand-made HTTP and WebSocket frames. Single-threaded.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

namespace busbar::net::test {

using namespace std::chrono_literals;

// Runs the loop until `done` holds; false if that takes longer than `limit`.
inline bool run_until(boost::asio::io_context& loop, const std::function<bool()>& done,
                      std::chrono::milliseconds limit = 10s) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done()) {
        if (std::chrono::steady_clock::now() >= end) return false;
        loop.restart();
        loop.run_one_for(50ms);
    }
    return true;
}

// Runs whatever is ready, and what that makes ready.
inline void run_ready(boost::asio::io_context& loop) {
    loop.restart();
    while (loop.poll() > 0) loop.restart();
}

inline constexpr unsigned text_frame = 1;
inline constexpr unsigned binary_frame = 2;
inline constexpr unsigned close_frame = 8;
inline constexpr unsigned ping_frame = 9;
inline constexpr unsigned pong_frame = 10;

struct Frame {
    unsigned opcode = 0;
    bool last = true;
    bool masked = false;
    std::string payload;

    // Of a close frame; 0 if it has none.
    unsigned close_code() const {
        if (payload.size() < 2) return 0;
        return static_cast<unsigned char>(payload[0]) * 256U +
               static_cast<unsigned char>(payload[1]);
    }
};

// A frame as a client sends it: masked.
inline std::string client_frame(unsigned opcode, std::string_view payload, bool last = true) {
    constexpr std::string_view key = "\x11\x22\x33\x44";
    std::string bytes;
    bytes += static_cast<char>(opcode | (last ? 0x80U : 0U));
    if (payload.size() < 126) {
        bytes += static_cast<char>(0x80U | payload.size());
    } else {
        const unsigned octets = payload.size() < 65536 ? 2 : 8;
        bytes += static_cast<char>(octets == 2 ? 0x80U | 126U : 0x80U | 127U);
        for (unsigned at = octets; at-- > 0;) {
            bytes += static_cast<char>(payload.size() >> (8U * at) & 255U);
        }
    }
    bytes += key;
    for (std::size_t at = 0; at < payload.size(); ++at) {
        bytes += static_cast<char>(payload[at] ^ key[at % 4]);
    }
    return bytes;
}

// A frame as a server sends it: unmasked, short.
inline std::string server_frame(unsigned opcode, std::string_view payload) {
    std::string bytes;
    bytes += static_cast<char>(opcode | 0x80U);
    bytes += static_cast<char>(payload.size());
    return bytes.append(payload);
}

// The complete frames at the beginning of `bytes`, which they are cut from.
inline std::vector<Frame> take_frames(std::string& bytes) {
    std::vector<Frame> frames;
    const auto octet = [&](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at]));
    };
    while (bytes.size() >= 2) {
        std::size_t header = 2;
        std::size_t length = octet(1) & 127U;
        const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
        if (bytes.size() < header + extra) break;
        if (extra > 0) length = 0;
        for (std::size_t at = 0; at < extra; ++at) length = length << 8U | octet(header + at);
        header += extra;
        const bool masked = (octet(1) & 128U) != 0;
        const auto key_at = header;
        if (masked) header += 4;
        if (bytes.size() < header + length) break;
        Frame frame{static_cast<unsigned>(octet(0) & 15U), (octet(0) & 128U) != 0, masked,
                    bytes.substr(header, length)};
        for (std::size_t at = 0; masked && at < length; ++at) {
            frame.payload[at] = static_cast<char>(frame.payload[at] ^ bytes[key_at + at % 4]);
        }
        frames.push_back(std::move(frame));
        bytes.erase(0, header + length);
    }
    return frames;
}

// A client of bytes. Collects what arrives in `input` from the moment read() is called.
class Peer {
public:
    Peer(boost::asio::io_context& loop, std::uint16_t port) : loop_(loop), socket_(loop) {
        socket_.connect({boost::asio::ip::address_v4::loopback(), port});
    }
    Peer(boost::asio::io_context& loop, boost::asio::ip::tcp::socket socket)
        : loop_(loop), socket_(std::move(socket)) {}
    ~Peer() { *alive_ = false; }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    void send(std::string_view bytes) {
        boost::system::error_code ignored;
        boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
    }

    // For what does not fit into the socket's buffers; `bytes` must outlive the transfer.
    void send_later(const std::string& bytes) {
        boost::asio::async_write(socket_, boost::asio::buffer(bytes), [](auto, auto) {});
    }

    void read() {
        socket_.async_read_some(boost::asio::buffer(chunk_),
                                [this, alive = alive_](auto error, std::size_t size) {
                                    if (!*alive) return;
                                    input.append(chunk_.data(), size);
                                    ended = ended || error;
                                    if (!ended) read();
                                });
    }

    // Whether `text` arrives.
    bool expect(std::string_view text) {
        return run_until(loop_, [&] { return input.find(text) != std::string::npos || ended; }) &&
               input.find(text) != std::string::npos;
    }

    bool expect_end() {
        return run_until(loop_, [&] { return ended; });
    }

    // The next frame of the server; opcode 0 if none comes.
    Frame next_frame() {
        run_until(loop_, [&] {
            if (frames_.empty()) frames_ = take_frames(input);
            return !frames_.empty() || ended;
        });
        if (frames_.empty()) return {};
        auto frame = frames_.front();
        frames_.erase(frames_.begin());
        return frame;
    }

    void upgrade(std::string_view target = "/ocpp/CP1", std::string_view more_headers = "") {
        send("GET " + std::string{target} +
             " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
             std::string{more_headers} + "\r\n");
    }

    // Waits for the end of the response header and returns it; frames follow in `input`.
    std::string head() {
        if (!expect("\r\n\r\n")) return {};
        const auto end = input.find("\r\n\r\n") + 4;
        auto text = input.substr(0, end);
        input.erase(0, end);
        return text;
    }

    void shrink_receive_buffer() {
        socket_.set_option(boost::asio::socket_base::receive_buffer_size(4096));
    }
    void close() { socket_.close(); }

    std::string input;
    bool ended = false;

private:
    boost::asio::io_context& loop_;
    boost::asio::ip::tcp::socket socket_;
    std::array<char, 65536> chunk_{};
    std::vector<Frame> frames_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace busbar::net::test
