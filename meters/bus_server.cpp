#include "meters/bus_server.hpp"

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
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "meters/registers.hpp"
#include "meters/sunspec.hpp"

namespace busbar::meters {
namespace {

constexpr std::size_t clients_max = 32;
constexpr int registers_max = 65536;

class Descriptor {
public:
    explicit Descriptor(int value) : value_(value) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    int value() const { return value_; }
    int release() { return std::exchange(value_, -1); }

private:
    int value_;
};

[[noreturn]] void refuse(int error, const std::string& host, std::uint16_t port) {
    throw std::system_error(error, std::system_category(),
                            "cannot listen at " + host + " port " + std::to_string(port));
}

Descriptor listen_at(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) {
        refuse(EADDRNOTAVAIL, host, port);
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner{list, &freeaddrinfo};
    int error = EADDRNOTAVAIL;
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
        Descriptor socket{::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        const int on = 1;
        ::setsockopt(socket.value(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (::bind(socket.value(), at->ai_addr, at->ai_addrlen) == 0 &&
            ::listen(socket.value(), 16) == 0) {
            return socket;
        }
        error = errno;
    }
    refuse(error, host, port);
}

std::uint16_t port_of(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
    if (address.ss_family == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
    }
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

struct FreeContext {
    void operator()(modbus_t* context) const {
        modbus_close(context);
        modbus_free(context);
    }
};
struct FreeMapping {
    void operator()(modbus_mapping_t* mapping) const { modbus_mapping_free(mapping); }
};
using Client = std::unique_ptr<modbus_t, FreeContext>;

// What a request asks for: function code, first register, number of registers.
struct ReadRequest {
    int function = 0;
    int address = 0;
    int count = 0;
};

ReadRequest parse_request(modbus_t* client, const std::uint8_t* request, int length) {
    const int at = modbus_get_header_length(client);
    if (length < at + 5) return {};
    return {request[at], request[at + 1] << 8 | request[at + 2],
            request[at + 3] << 8 | request[at + 4]};
}

// Where the model of a SunSpec profile begins: right behind the marker.
constexpr std::uint16_t model_address = 40002;

// The profile with the addresses it is served at.
Profile served_profile(const Profile& profile) {
    return profile.sunspec ? at_model(profile, model_address) : profile;
}

// Every quantity of the profile at 0, so that all its registers exist.
Values zeros(const Profile& profile) {
    Values values;
    for (const Quantity& quantity : profile.quantities) values[quantity.name] = 0;
    return values;
}

}  // namespace

class MeterServer::Worker {
public:
    Worker(const Profile& profile, const std::string& host, std::uint16_t port)
        : profile_(served_profile(profile)),
          listener_(listen_at(host, port)),
          port_(port_of(listener_.value())),
          wake_(eventfd(0, EFD_CLOEXEC)),
          mapping_(modbus_mapping_new(0, 0, registers_max, registers_max)),
          values_(zeros(profile_)) {
        if (!mapping_ || wake_.value() < 0) refuse(ENOMEM, host, port);
        const ReadPlan plan = plan_reads(profile_);
        if (profile.sunspec) write_sunspec(*profile.sunspec);
        for (const auto* blocks : {&plan.once, &plan.fast, &plan.slow}) {
            blocks_.insert(blocks_.end(), blocks->begin(), blocks->end());
        }
        // Registers side by side in two blocks may be read as one.
        std::ranges::sort(blocks_, {}, &Block::address);
        for (std::size_t at = 1; at < blocks_.size();) {
            Block& before = blocks_[at - 1];
            const int end = before.address + before.count;
            if (blocks_[at].address > end) {
                ++at;
                continue;
            }
            const int last = std::max(end, blocks_[at].address + blocks_[at].count);
            before.count = static_cast<std::uint16_t>(last - before.address);
            blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(at));
        }
        write_registers();
        thread_ = std::thread{[this] { run(); }};
    }

    ~Worker() {
        eventfd_write(wake_.value(), 1);
        thread_.join();
    }

    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    std::uint16_t port() const { return port_; }
    std::uint64_t requests() const { return requests_; }

    void set(const Values& values) {
        const std::lock_guard lock{mutex_};
        for (const auto& [name, value] : values) values_[name] = value;
        // A total and its parts replace each other.
        for (const Sum& sum : profile_.sums) {
            const bool total = values.contains(sum.name);
            for (const std::string& part : sum.of) {
                const bool given = values.contains(part);
                if (total && !given) values_.erase(part);
                if (!total && given) values_.erase(sum.name);
            }
        }
        write_registers();
    }

private:
    // The marker, one model, and the end of the list of models.
    void write_sunspec(const SunspecModels& sunspec) {
        const int end = model_address + sunspec.registers;
        const std::map<int, int> words{{model_address - 2, 0x5375},
                                       {model_address - 1, 0x6E53},
                                       {model_address, sunspec.ids.front()},
                                       {model_address + 1, sunspec.registers - 2},
                                       {end, 0xFFFF},
                                       {end + 1, 0}};
        for (const auto& [address, word] : words) {
            mapping_->tab_registers[address] = static_cast<std::uint16_t>(word);
            mapping_->tab_input_registers[address] = static_cast<std::uint16_t>(word);
        }
        blocks_.push_back({model_address - 2, static_cast<std::uint16_t>(sunspec.registers + 4)});
    }

    void write_registers() {
        const Registers registers = encode(profile_, values_);
        for (const auto& [address, word] : registers.words()) {
            mapping_->tab_registers[address] = word;
            mapping_->tab_input_registers[address] = word;
        }
    }

    void run() {
        std::vector<pollfd> waits;
        while (true) {
            waits = {{wake_.value(), POLLIN, 0}, {listener_.value(), POLLIN, 0}};
            for (const Client& client : clients_) {
                waits.push_back({modbus_get_socket(client.get()), POLLIN, 0});
            }
            if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
            if (waits[0].revents != 0) return;
            for (std::size_t index = clients_.size(); index-- > 0;) {
                if (waits[index + 2].revents != 0 && !serve(clients_[index].get())) {
                    clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(index));
                }
            }
            if (waits[1].revents != 0) accept();
        }
    }

    void accept() {
        Descriptor socket{
            ::accept4(listener_.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        // libmodbus waits by select(), which writes beyond its table for greater descriptors.
        if (socket.value() < 0 || socket.value() >= FD_SETSIZE) return;
        if (clients_.size() >= clients_max) return;
        const int on = 1;
        ::setsockopt(socket.value(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        // The address is never used: libmodbus gets a connected socket.
        Client client{modbus_new_tcp("127.0.0.1", port_)};
        if (!client) return;
        modbus_set_socket(client.get(), socket.release());
        // A request comes in one piece; a client that sends half of one must not hold up others.
        modbus_set_byte_timeout(client.get(), 0, 100'000);
        clients_.push_back(std::move(client));
    }

    // False to drop the client.
    bool serve(modbus_t* client) {
        std::array<std::uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> request{};
        const int length = modbus_receive(client, request.data());
        if (length < 0) return false;
        if (length == 0) return true;
        const ReadRequest asked = parse_request(client, request.data(), length);
        ++requests_;
        if (asked.function != MODBUS_FC_READ_HOLDING_REGISTERS &&
            asked.function != MODBUS_FC_READ_INPUT_REGISTERS) {
            return reply_exception(client, request.data(), MODBUS_EXCEPTION_ILLEGAL_FUNCTION);
        }
        if (asked.count < 1 || asked.count > profile_.registers_per_read_max) {
            return reply_exception(client, request.data(), MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
        }
        const bool known = std::ranges::any_of(blocks_, [&](const Block& block) {
            return asked.address >= block.address &&
                   asked.address + asked.count <= block.address + block.count;
        });
        if (!known) {
            return reply_exception(client, request.data(), MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
        }
        const std::lock_guard lock{mutex_};
        return modbus_reply(client, request.data(), length, mapping_.get()) >= 0;
    }

    static bool reply_exception(modbus_t* client, const std::uint8_t* request, unsigned code) {
        return modbus_reply_exception(client, request, code) >= 0;
    }

    const Profile profile_;
    const Descriptor listener_;
    const std::uint16_t port_;
    const Descriptor wake_;
    std::vector<Block> blocks_;
    std::vector<Client> clients_;
    std::atomic<std::uint64_t> requests_{0};

    std::mutex mutex_;  // guards what follows
    std::unique_ptr<modbus_mapping_t, FreeMapping> mapping_;
    Values values_;
    std::thread thread_;
};

MeterServer::MeterServer(const Profile& profile, const std::string& host, std::uint16_t port)
    : worker_(std::make_unique<Worker>(profile, host, port)) {}

MeterServer::~MeterServer() = default;

std::uint16_t MeterServer::port() const { return worker_->port(); }
void MeterServer::set(const Values& values) { worker_->set(values); }
std::uint64_t MeterServer::requests() const { return worker_->requests(); }

}  // namespace busbar::meters
