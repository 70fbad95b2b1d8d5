// What the tests of the bus share: results collected across threads, and a server that answers
// with bytes of the test's choice.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "meters/bus.hpp"

namespace busbar::meters::testing_support {

using namespace std::chrono_literals;

// Takes in what a bus posts; the test waits for what it expects.
class Results {
public:
    std::function<void(PollResult)> post() {
        return [this](PollResult result) {
            const std::lock_guard lock{mutex_};
            results_.push_back(std::move(result));
            changed_.notify_all();
        };
    }

    // The first result from number `from` on that matches, waited for if need be.
    std::optional<PollResult> wait(const std::function<bool(const PollResult&)>& matches,
                                   std::size_t from = 0, std::chrono::milliseconds timeout = 10s) {
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        std::unique_lock lock{mutex_};
        while (true) {
            for (; from < results_.size(); ++from) {
                if (matches(results_[from])) return results_[from];
            }
            if (changed_.wait_until(lock, deadline) == std::cv_status::timeout &&
                from >= results_.size()) {
                return std::nullopt;
            }
        }
    }

    std::size_t count() {
        const std::lock_guard lock{mutex_};
        return results_.size();
    }

    std::vector<PollResult> all() {
        const std::lock_guard lock{mutex_};
        return results_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<PollResult> results_;
};

inline bool is_reading(const PollResult& result) { return result.reading.has_value(); }
inline bool is_failure(const PollResult& result) { return !result.reading; }

using Bytes = std::vector<std::uint8_t>;

// A request for registers, and the answers to it a test may build.
struct RawRequest {
    Bytes frame;
    int number = 0;      // of the request, from 0, over all connections
    int connection = 0;  // of the connection, from 0

    int address() const { return frame[8] << 8 | frame[9]; }
    int count() const { return frame[10] << 8 | frame[11]; }

    // The right answer with every register at `word`.
    Bytes answer(std::uint16_t word) const {
        Bytes out{frame[0], frame[1], 0, 0};
        const int length = 3 + 2 * count();
        out.insert(out.end(),
                   {static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length),
                    frame[6], frame[7], static_cast<std::uint8_t>(2 * count())});
        for (int index = 0; index < count(); ++index) {
            out.push_back(static_cast<std::uint8_t>(word >> 8));
            out.push_back(static_cast<std::uint8_t>(word));
        }
        return out;
    }
    Bytes exception(std::uint8_t code) const {
        return {frame[0], frame[1], 0,        0,
                0,        3,        frame[6], static_cast<std::uint8_t>(frame[7] | 0x80),
                code};
    }
};

// What a raw server does with a request.
struct RawReply {
    Bytes bytes;
    bool close = false;                  // close the connection then
    std::chrono::milliseconds delay{0};  // before the first byte
    std::chrono::milliseconds pause{0};  // between one byte and the next
};

// Serves one connection after the other; requests without a reply stay unanswered.
class RawServer {
public:
    explicit RawServer(std::function<RawReply(const RawRequest&)> behave)
        : behave_(std::move(behave)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
        ::listen(listener_, 8);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { run(); }};
    }
    ~RawServer() {
        stopping_ = true;
        thread_.join();
        ::close(listener_);
    }
    RawServer(const RawServer&) = delete;
    RawServer& operator=(const RawServer&) = delete;

    std::uint16_t port() const { return port_; }
    int connections() const { return connections_; }

private:
    // False when stopping.
    bool wait_readable(int socket) const {
        while (!stopping_) {
            pollfd wait{socket, POLLIN, 0};
            if (::poll(&wait, 1, 20) > 0) return true;
        }
        return false;
    }

    void run() {
        while (wait_readable(listener_)) {
            const int socket = ::accept(listener_, nullptr, nullptr);
            const int connection = connections_++;
            Bytes frame(260);
            while (wait_readable(socket)) {
                const auto size = ::recv(socket, frame.data(), frame.size(), 0);
                if (size < 12) break;
                const RawReply reply = behave_({frame, requests_++, connection});
                if (!send(socket, reply) || reply.close) break;
            }
            ::close(socket);
        }
    }

    bool send(int socket, const RawReply& reply) const {
        pollfd gone{socket, POLLRDHUP, 0};
        if (reply.delay > 0ms && ::poll(&gone, 1, static_cast<int>(reply.delay.count())) > 0) {
            return false;
        }
        if (reply.pause == 0ms) {
            return ::send(socket, reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL) >= 0;
        }
        for (const std::uint8_t byte : reply.bytes) {
            if (stopping_ || ::send(socket, &byte, 1, MSG_NOSIGNAL) != 1) return false;
            pollfd closed{socket, POLLRDHUP, 0};
            if (::poll(&closed, 1, static_cast<int>(reply.pause.count())) > 0) return false;
        }
        return true;
    }

    std::function<RawReply(const RawRequest&)> behave_;
    int listener_;
    std::uint16_t port_ = 0;
    int requests_ = 0;
    std::atomic<int> connections_{0};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace busbar::meters::testing_support
