#include "meters/bus_link.hpp"

#include <fcntl.h>
#include <modbus/modbus.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace busbar::meters {
namespace {

using std::chrono::milliseconds;
using Kind = LinkFailure::Kind;

Instant clock_now() { return std::chrono::floor<milliseconds>(std::chrono::steady_clock::now()); }

int poll_timeout(Instant deadline) {
    return static_cast<int>(std::max<std::int64_t>(0, (deadline - clock_now()).count()));
}

std::string text_of(int error) { return std::system_category().message(error); }

struct FreeAddresses {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

struct Resolved {
    Addresses addresses;
    std::string error;
};

Resolved lookup(const std::string& host, std::uint16_t port, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (code != 0) return {nullptr, gai_strerror(code)};
    return {Addresses{list}, ""};
}

// Looks a name up on a thread of its own, because the resolver may take half a minute and cannot
// be interrupted. When nobody waits any more, the thread ends with the resolver's answer.
struct Lookup {
    std::mutex mutex;
    bool done = false;
    Resolved result;
    int ready = eventfd(0, EFD_CLOEXEC);
    ~Lookup() { ::close(ready); }
};

Resolved resolve(const std::string& host, std::uint16_t port, int wake, Instant deadline) {
    Resolved numeric = lookup(host, port, AI_NUMERICHOST);
    if (numeric.addresses) return numeric;
    const auto shared = std::make_shared<Lookup>();
    std::thread{[shared, host, port] {
        Resolved result = lookup(host, port, 0);
        const std::lock_guard lock{shared->mutex};
        shared->result = std::move(result);
        shared->done = true;
        eventfd_write(shared->ready, 1);
    }}.detach();
    pollfd waits[] = {{shared->ready, POLLIN, 0}, {wake, POLLIN, 0}};
    ::poll(waits, 2, poll_timeout(deadline));
    const std::lock_guard lock{shared->mutex};
    if (shared->done) return std::move(shared->result);
    return {nullptr, "no answer from the name service in time"};
}

void set_option(int socket, int level, int option, int value) {
    ::setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

// Owns a socket until libmodbus does.
struct Link::Socket {
    explicit Socket(int value) : descriptor(value) {}
    ~Socket() {
        if (descriptor >= 0) ::close(descriptor);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int release() { return std::exchange(descriptor, -1); }
    int descriptor;
};

void Link::FreeContext::operator()(_modbus* context) const {
    modbus_close(context);
    modbus_free(context);
}

Link::Link(std::string host, std::uint16_t port)
    : host_(std::move(host)), port_(port), wake_(eventfd(0, EFD_CLOEXEC)) {
    watchdog_ = std::thread{[this] { watch(); }};
}

Link::~Link() {
    {
        const std::lock_guard lock{mutex_};
        finished_ = true;
    }
    changed_.notify_one();
    watchdog_.join();
    close();
    if (wake_ >= 0) ::close(wake_);
}

void Link::close() { context_.reset(); }

void Link::cancel() {
    const std::lock_guard lock{mutex_};
    cancelled_ = true;
    if (armed_socket_ >= 0) ::shutdown(armed_socket_, SHUT_RDWR);
    if (wake_ >= 0) eventfd_write(wake_, 1);
}

void Link::watch() {
    std::unique_lock lock{mutex_};
    while (!finished_) {
        if (armed_socket_ < 0 || expired_) {
            changed_.wait(lock);
        } else if (clock_now() >= deadline_) {
            expired_ = true;
            ::shutdown(armed_socket_, SHUT_RDWR);
        } else {
            changed_.wait_until(lock, deadline_);
        }
    }
}

void Link::arm(Instant deadline) {
    const std::lock_guard lock{mutex_};
    deadline_ = deadline;
    expired_ = false;
    armed_socket_ = modbus_get_socket(context_.get());
    if (cancelled_) ::shutdown(armed_socket_, SHUT_RDWR);
    changed_.notify_one();
}

// Whether the deadline had come.
bool Link::disarm() {
    const std::lock_guard lock{mutex_};
    armed_socket_ = -1;
    return expired_;
}

std::optional<LinkFailure> Link::connect(milliseconds timeout) {
    close();
    const Instant deadline = clock_now() + timeout;
    const Resolved resolved = resolve(host_, port_, wake_, deadline);
    LinkFailure failure{Kind::link, host_ + ": " + resolved.error};
    for (const addrinfo* at = resolved.addresses.get(); at != nullptr; at = at->ai_next) {
        auto failed = connect_to(*at, deadline);
        if (!failed) return std::nullopt;
        failure = std::move(*failed);
        if (failure.kind == Kind::cancelled) break;
    }
    const std::lock_guard lock{mutex_};
    if (cancelled_) failure.kind = Kind::cancelled;
    return failure;
}

std::optional<LinkFailure> Link::connect_to(const addrinfo& address, Instant deadline) {
    Socket socket{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket.descriptor < 0) return LinkFailure{Kind::link, "no socket: " + text_of(errno)};
    // libmodbus waits by select(), which writes beyond its table for greater descriptors.
    if (socket.descriptor >= FD_SETSIZE) {
        return LinkFailure{Kind::link, "more files are open than libmodbus can handle (" +
                                           std::to_string(FD_SETSIZE) + ")"};
    }
    if (::connect(socket.descriptor, address.ai_addr, address.ai_addrlen) != 0) {
        if (errno != EINPROGRESS)
            return LinkFailure{Kind::link, "cannot connect: " + text_of(errno)};
        pollfd waits[] = {{socket.descriptor, POLLOUT, 0}, {wake_, POLLIN, 0}};
        const int ready = ::poll(waits, 2, poll_timeout(deadline));
        if (ready > 0 && waits[1].revents != 0) return LinkFailure{Kind::cancelled, "stopped"};
        if (ready <= 0) return LinkFailure{Kind::link, "cannot connect: no answer"};
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) return LinkFailure{Kind::link, "cannot connect: " + text_of(error)};
    }
    set_option(socket.descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(socket.descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);

    // The address is never used: libmodbus gets a connected socket.
    context_.reset(modbus_new_tcp("127.0.0.1", port_));
    if (!context_) return LinkFailure{Kind::link, "libmodbus: " + text_of(errno)};
    modbus_set_socket(context_.get(), socket.release());
    modbus_set_error_recovery(context_.get(), MODBUS_ERROR_RECOVERY_NONE);
    return std::nullopt;
}

std::optional<LinkFailure> Link::read(int unit_id, int function_code, Block block,
                                      std::span<std::uint16_t> words, milliseconds timeout) {
    if (!context_) return LinkFailure{Kind::link, "not connected"};
    if (modbus_set_slave(context_.get(), unit_id) != 0) {
        return LinkFailure{Kind::refused, "unit id " + std::to_string(unit_id) +
                                              " cannot be addressed (0 to 247, and 255)"};
    }
    const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
    const auto rest = std::chrono::microseconds{timeout - seconds};
    const auto whole = static_cast<std::uint32_t>(seconds.count());
    const auto micro = static_cast<std::uint32_t>(rest.count());
    modbus_set_response_timeout(context_.get(), whole, micro);
    modbus_set_byte_timeout(context_.get(), whole, micro);

    arm(clock_now() + timeout);
    const int count = block.count;
    errno = 0;
    const int read =
        function_code == 4
            ? modbus_read_input_registers(context_.get(), block.address, count, words.data())
            : modbus_read_registers(context_.get(), block.address, count, words.data());
    const int error = errno;
    const bool expired = disarm();
    if (read == count && !expired) return std::nullopt;
    if (expired) return failure(ETIMEDOUT, timeout);
    return failure(read >= 0 ? EMBBADDATA : error, timeout);
}

std::optional<LinkFailure> Link::failure(int error, milliseconds timeout) {
    {
        const std::lock_guard lock{mutex_};
        if (cancelled_) return LinkFailure{Kind::cancelled, "stopped"};
    }
    if (error == EMBXILADD) {
        return LinkFailure{Kind::bad_address, "the meter has no such registers (exception 2)"};
    }
    if (error >= EMBXILFUN && error <= EMBXGTAR) {
        return LinkFailure{Kind::refused, std::string{"the meter answers with an exception: "} +
                                              modbus_strerror(error)};
    }
    close();
    switch (error) {
        case ETIMEDOUT:
            return LinkFailure{
                Kind::link, "no complete answer within " + std::to_string(timeout.count()) + " ms"};
        case ECONNRESET:
        case EPIPE:
            return LinkFailure{Kind::peer_closed, "the meter closed the connection"};
        default:
            if (error < EMBXILFUN) return LinkFailure{Kind::link, text_of(error)};
            return LinkFailure{Kind::link,
                               std::string{"the answer is not valid: "} + modbus_strerror(error)};
    }
}

}  // namespace busbar::meters
