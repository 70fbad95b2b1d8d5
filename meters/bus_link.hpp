// One Modbus TCP connection to one host, as a client (internal to meters/bus).
//
// Every call blocks its thread for at most the time it is given: libmodbus waits anew for each
// chunk of an answer, so a second thread here closes the socket at the deadline. All calls come
// from one thread, but cancel(), which any thread may call.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/time.hpp"
#include "meters/registers.hpp"

struct _modbus;
struct addrinfo;

namespace busbar::meters {

// Why something could not be read.
struct LinkFailure {
    enum class Kind {
        link,         // no connection, no answer, or garbage: the connection is closed
        peer_closed,  // the meter closed a connection that was open: reconnect at once
        bad_address,  // exception 2: these registers do not exist; the connection stays
        refused,      // any other exception; the connection stays
        cancelled
    };
    Kind kind{};
    std::string text;  // "no complete answer within 1000 ms"

    bool connection_stays() const { return kind == Kind::bad_address || kind == Kind::refused; }
};

class Link {
public:
    Link(std::string host, std::uint16_t port);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    // Resolves the host and connects. Nothing on success.
    std::optional<LinkFailure> connect(std::chrono::milliseconds timeout);

    // Reads block.count registers by function 3 or 4 into `words` (at least as long). Nothing on
    // success. Closes the connection unless the failure says that it stays.
    std::optional<LinkFailure> read(int unit_id, int function_code, Block block,
                                    std::span<std::uint16_t> words,
                                    std::chrono::milliseconds timeout);

    bool connected() const { return context_ != nullptr; }
    void close();

    // Makes the call in progress and every later one fail at once.
    void cancel();

private:
    struct FreeContext {
        void operator()(_modbus* context) const;
    };
    struct Socket;

    std::optional<LinkFailure> connect_to(const addrinfo& address, Instant deadline);
    std::optional<LinkFailure> failure(int error, std::chrono::milliseconds timeout);
    void arm(Instant deadline);
    bool disarm();
    void watch();

    const std::string host_;
    const std::uint16_t port_;
    std::unique_ptr<_modbus, FreeContext> context_;
    int wake_ = -1;  // readable once cancelled

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    int armed_socket_ = -1;
    Instant deadline_{};
    bool expired_ = false;
    bool cancelled_ = false;
    bool finished_ = false;
    std::thread watchdog_;
};

}  // namespace busbar::meters
