// What an idle charger costs the server: the whole path from socket to site in this process,
// without a database, and chargers in a child process, each of which has connected, booted and
// reported its two connectors. Prints how much the server's resident memory has grown, per charger.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <malloc.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>

#include "app/charger_listener.hpp"
#include "bench/options.hpp"
#include "site/charge_points.hpp"

namespace {

using namespace busbar;

constexpr const char* usage = "idle_memory [--chargers 1000]\n";

[[noreturn]] void fail(const std::string& sentence) {
    std::fprintf(stderr, "idle_memory: %s\n", sentence.c_str());
    std::exit(1);
}

// Everything is durable at once.
class InstantJournal final : public db::Journal {
public:
    Ticket append(std::vector<db::Record>) override { return ++last_; }
    void when_durable(Ticket, std::function<void()> release) override { release(); }
    bool full() const override { return false; }

private:
    Ticket last_ = 0;
};

Now clock_now() {
    using namespace std::chrono;
    return {floor<milliseconds>(steady_clock::now()), floor<milliseconds>(system_clock::now())};
}

std::size_t resident_bytes() {
    std::ifstream statm{"/proc/self/statm"};
    std::size_t total = 0;
    std::size_t resident = 0;
    statm >> total >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void send_text(int socket, const std::string& text) {
    std::string frame{"\x81"};
    if (text.size() < 126) {
        frame += static_cast<char>(0x80U | text.size());
    } else {
        frame += static_cast<char>(0x80U | 126U);
        frame += static_cast<char>(text.size() >> 8U);
        frame += static_cast<char>(text.size() & 255U);
    }
    frame.append(4, '\0').append(text);
    if (::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL) < 0) fail("cannot send");
}

void await(int socket, const char* what, const std::string& sign) {
    std::string seen;
    std::array<char, 512> buffer{};
    while (seen.find(sign) == std::string::npos) {
        const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (size <= 0) fail(std::string{"no answer to "} + what);
        seen.append(buffer.data(), static_cast<std::size_t>(size));
    }
}

int connect_charger(std::uint16_t port, int number) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        fail("cannot connect");
    }
    const auto request = "GET /ocpp/IDLE" + std::to_string(number) +
                         " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n";
    if (::send(socket, request.data(), request.size(), MSG_NOSIGNAL) < 0) fail("cannot send");
    await(socket, "the upgrade", "\r\n\r\n");
    send_text(
        socket,
        R"([2,"1","BootNotification",{"chargePointVendor":"Busbar","chargePointModel":"Idle"}])");
    await(socket, "BootNotification", "Accepted");
    for (const char* connector : {"1", "2"}) {
        send_text(socket, std::string{R"([2,"s","StatusNotification",{"connectorId":)"} +
                              connector + R"(,"errorCode":"NoError","status":"Available"}])");
        await(socket, "StatusNotification", R"([3,"s",{}])");
    }
    return socket;
}

// The chargers' process: connects them all, tells so by one byte, and stays until `done` closes.
void run_chargers(std::uint16_t port, int chargers, int ready, int done) {
    std::vector<int> sockets;
    for (int number = 0; number < chargers; ++number) {
        sockets.push_back(connect_charger(port, number));
    }
    if (::write(ready, "r", 1) != 1) fail("cannot tell that all are connected");
    char byte = 0;
    while (::read(done, &byte, 1) > 0) continue;
}

}  // namespace

int main(int count, char** arguments) {
    auto options = bench::parse_options(count, arguments, {{"chargers", "1000"}}, usage);
    const int chargers = std::stoi(options["chargers"]);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < static_cast<rlim_t>(chargers) + 100)
        fail("too few open files are allowed");

    InstantJournal journal;
    site::Settings settings;
    settings.load_management.limit = {63_A, 63_A, 63_A};
    site::Site site{journal, settings};
    for (int number = 0; number < chargers; ++number) {
        site::apply_settings(site, site::default_settings("IDLE" + std::to_string(number)),
                             clock_now());
    }
    boost::asio::io_context loop{1};
    app::PasswordWorker passwords{loop.get_executor()};
    app::ChargerListener::Options listening{
        .address = "127.0.0.1", .port = 0, .now = clock_now, .after_event = [] {}};
    listening.limits.connections_max = static_cast<std::size_t>(chargers) + 10;
    app::ChargerListener listener{loop, site, passwords, listening};

    std::array<int, 2> ready{};
    std::array<int, 2> done{};
    if (pipe(ready.data()) != 0 || pipe(done.data()) != 0) fail("no pipes");
    malloc_trim(0);
    const auto before = resident_bytes();
    const auto child = fork();
    if (child == 0) {
        ::close(done[1]);
        run_chargers(listener.port(), chargers, ready[1], done[0]);
        _exit(0);
    }
    ::close(ready[1]);
    boost::asio::posix::stream_descriptor sign{loop, ready[0]};
    std::array<char, 1> byte{};
    bool all = false;
    sign.async_read_some(boost::asio::buffer(byte),
                         [&](const boost::system::error_code& error, std::size_t size) {
                             all = !error && size == 1;
                             loop.stop();
                         });
    loop.run();
    if (!all) fail("the chargers could not connect");
    const auto grown = resident_bytes() - before;
    ::close(done[1]);
    waitpid(child, nullptr, 0);
    std::printf("chargers=%d resident_bytes=%zu bytes_per_charger=%zu\n", chargers, grown,
                grown / static_cast<std::size_t>(chargers));
    return 0;
}
