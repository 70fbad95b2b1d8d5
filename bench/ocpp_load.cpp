// N WebSocket connections with one unanswered message each: the next one follows the answer at once
// (a closed loop), or at a pace. It speaks through epoll and hand-made frames, so that on a core of
// its own it is faster than any server it measures. Replies are checked, calls of the server are
// accepted.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/options.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* usage =
    "ocpp_load --url ws://127.0.0.1:9000/ocpp/LOAD{n} [--connections 100] [--seconds 5]\n"
    "          [--warmup 1] [--message heartbeat|echo|transactions|TEXT] [--boot yes|no]\n"
    "          [--id-tag TAG] [--credentials PASSWORD] [--pin CORE]\n"
    "          [--pace MILLISECONDS [--probes N]]\n"
    "{n} in the URL is the number of the connection, {id} in TEXT the message id. Boot sends a\n"
    "BootNotification first (default: not with echo). With a pace, every connection sends one\n"
    "message in that time, and N further ones a Heartbeat ten times as often: the latencies are\n"
    "theirs alone. Prints answers per second.\n";

[[noreturn]] void fail(const std::string& sentence) {
    std::fprintf(stderr, "ocpp_load: %s\n", sentence.c_str());
    std::exit(1);
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
    return text;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        unsigned group = 0;
        for (std::size_t i = at; i < at + 3; ++i) {
            group = group << 8U | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
        }
        for (unsigned i = 0; i < 4; ++i) {
            text += at + i <= bytes.size() ? alphabet[group >> (18U - 6U * i) & 63U] : '=';
        }
    }
    return text;
}

std::string utc_now() {
    const auto now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text.data();
}

// Where to connect to; `path` still holds {n}.
struct Target {
    std::string host;
    std::uint16_t port = 80;
    std::string path = "/";
};

Target parse_url(const std::string& url) {
    constexpr std::string_view scheme = "ws://";
    if (url.rfind(scheme, 0) != 0) fail("--url must look like ws://127.0.0.1:9000/ocpp/LOAD{n}");
    auto rest = url.substr(scheme.size());
    Target target;
    if (const auto slash = rest.find('/'); slash != std::string::npos) {
        target.path = rest.substr(slash);
        rest.resize(slash);
    }
    if (const auto colon = rest.find(':'); colon != std::string::npos) {
        target.port = static_cast<std::uint16_t>(std::stoul(rest.substr(colon + 1)));
        rest.resize(colon);
    }
    target.host = rest == "localhost" ? "127.0.0.1" : rest;
    return target;
}

// What each connection says next. `step` counts its messages; the answer to a StartTransaction
// supplies the transactionId of the two messages after it.
struct Script {
    std::string kind;
    std::string id_tag;
    bool boot;

    bool echoes = false;  // the server is an echo: every answer is the message
    bool checks_echo() const { return echoes || kind == "echo"; }

    void next(std::string& out, std::uint64_t step, const std::string& id,
              const std::string& transaction) const {
        if (boot && step == 0) {
            return call(out, id, "BootNotification",
                        R"({"chargePointVendor":"Busbar","chargePointModel":"Load"})");
        }
        if (kind == "meter-values") {
            return call(out, id, "MeterValues",
                        R"({"connectorId":1,"meterValue":[{"timestamp":")" + utc_now() +
                            R"(","sampledValue":[{"value":")" + std::to_string(step * 10) +
                            R"("},{"value":"16.0","measurand":"Current.Import","phase":"L1",)"
                            R"("unit":"A"}]}]})");
        }
        if (kind == "heartbeat" || kind == "echo") return call(out, id, "Heartbeat", "{}");
        if (kind != "transactions") {
            out = replaced(kind, "{id}", id);
            return;
        }
        const auto meter = std::to_string(step * 10);
        const auto time = utc_now();
        switch ((boot ? step - 1 : step) % 3) {
            case 0:
                return call(out, id, "StartTransaction",
                            R"({"connectorId":1,"idTag":")" + id_tag + R"(","meterStart":)" +
                                meter + R"(,"timestamp":")" + time + "\"}");
            case 1:
                return call(out, id, "MeterValues",
                            R"({"connectorId":1,"transactionId":)" + transaction +
                                R"(,"meterValue":[{"timestamp":")" + time +
                                R"(","sampledValue":[{"value":")" + meter + R"("}]}]})");
            default:
                return call(out, id, "StopTransaction",
                            R"({"transactionId":)" + transaction + R"(,"meterStop":)" + meter +
                                R"(,"timestamp":")" + time + "\"}");
        }
    }

private:
    static void call(std::string& out, std::string_view id, std::string_view action,
                     std::string_view payload) {
        out.assign(R"([2,")").append(id).append(R"(",")").append(action).append(R"(",)");
        out.append(payload).append("]");
    }
};

struct Totals {
    std::uint64_t answers = 0;
    std::uint64_t measured = 0;  // of them, those whose latency counts
    std::uint64_t errors = 0;
    std::uint64_t server_calls = 0;
    std::string first_error;
    std::vector<std::uint32_t> latencies = std::vector<std::uint32_t>(200'000);  // by microsecond

    void error(std::string_view text) {
        if (errors++ == 0) first_error = text.substr(0, 300);
    }
    std::uint64_t percentile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(measured));
        std::uint64_t seen = 0;
        for (std::size_t at = 0; at < latencies.size(); ++at) {
            seen += latencies[at];
            if (seen > wanted) return at;
        }
        return latencies.size();
    }
};

class Client {
public:
    Client(const Target& target, int number, const std::string& password, const Script& script)
        : script_(script) {
        const auto shown = std::to_string(number);
        const auto path = replaced(target.path, "{n}", shown);
        connect_to(target);
        std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + target.host +
                              "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n";
        if (!password.empty()) {
            const auto user = path.substr(path.rfind('/') + 1);
            request += "Authorization: Basic " + base64(user + ":" + password) + "\r\n";
        }
        upgrade(request + "\r\n", path);
    }
    ~Client() { ::close(socket_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    int descriptor() const { return socket_; }

    // From now on it asks in this rhythm; only measured ones count in the latencies.
    void set_pace(Clock::duration pace, Clock::time_point first, bool measured) {
        pace_ = pace;
        due_ = first;
        measured_ = measured;
    }
    // Asks if it is time to, and returns when it is next.
    Clock::time_point ask_if_due(Clock::time_point now) {
        if (now >= due_ && !waiting_) {
            due_ = std::max(due_ + pace_, now);
            ask();
        }
        return waiting_ ? now + std::chrono::milliseconds{100} : due_;
    }

    void ask() {
        waiting_ = true;
        id_ = "L" + std::to_string(step_);
        script_.next(sent_, step_++, id_, transaction_);
        send_frame(0x81, sent_);
        asked_at_ = Clock::now();
    }

    // Reads what is there; false once the connection has ended.
    bool on_readable(Totals& totals) {
        const auto size = ::recv(socket_, buffer_.data() + filled_, buffer_.size() - filled_, 0);
        if (size <= 0) return false;
        filled_ += static_cast<std::size_t>(size);
        std::size_t used = 0;
        while (const auto frame = frame_at(used)) {
            used += frame;
            if (opcode_ == 8) return false;
            if (opcode_ == 9) send_frame(0x8A, payload_);
            if (opcode_ == 1 || opcode_ == 2) on_message(totals);
        }
        if (used > 0)
            std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(used),
                      buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
        filled_ -= used;
        return filled_ < buffer_.size();
    }

private:
    void connect_to(const Target& target) {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(target.port);
        if (inet_pton(AF_INET, target.host.c_str(), &address.sin_addr) != 1) {
            fail("the host must be an IPv4 address or localhost");
        }
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            fail("cannot connect to " + target.host + ":" + std::to_string(target.port));
        }
        const int yes = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }

    void upgrade(const std::string& request, const std::string& path) {
        send_all(request);
        std::string answer;
        std::array<char, 1> byte{};
        while (answer.find("\r\n\r\n") == std::string::npos) {
            if (::recv(socket_, byte.data(), 1, 0) != 1)
                fail("no answer to the upgrade of " + path);
            answer += byte[0];
        }
        if (answer.find(" 101 ") == std::string::npos) {
            fail("the upgrade of " + path + " was refused: " + answer.substr(0, answer.find('\r')));
        }
    }

    void send_all(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (size <= 0) return;  // the end is noticed by the next read
            bytes.remove_prefix(static_cast<std::size_t>(size));
        }
    }

    // RFC 6455 wants clients to mask; with a key of zeros the masked text is the text.
    void send_frame(unsigned first_byte, std::string_view payload) {
        frame_.assign(1, static_cast<char>(first_byte));
        if (payload.size() < 126) {
            frame_ += static_cast<char>(0x80U | payload.size());
        } else {
            frame_ += static_cast<char>(0x80U | 126U);
            frame_ += static_cast<char>(payload.size() >> 8U & 255U);
            frame_ += static_cast<char>(payload.size() & 255U);
        }
        frame_.append(4, '\0').append(payload);
        send_all(frame_);
    }

    // The size of the frame that begins at `at`, 0 if it is not complete; sets opcode_, payload_.
    std::size_t frame_at(std::size_t at) {
        const auto byte = [&](std::size_t i) {
            return static_cast<std::size_t>(static_cast<unsigned char>(buffer_[at + i]));
        };
        const auto available = filled_ - at;
        if (available < 2) return 0;
        std::size_t header = 2;
        std::size_t length = byte(1) & 127U;
        if (length == 126) {
            if (available < 4) return 0;
            header = 4;
            length = byte(2) << 8U | byte(3);
        } else if (length == 127) {
            fail("the server sent a message larger than this program reads");
        }
        if (available < header + length) return 0;
        opcode_ = static_cast<unsigned>(byte(0)) & 15U;
        payload_ = {buffer_.data() + at + header, length};
        return header + length;
    }

    void on_message(Totals& totals) {
        constexpr std::string_view call = "[2,\"";
        const bool is_call = payload_.substr(0, call.size()) == call;
        if (is_call && payload_.substr(call.size(), 1) != "L") {
            ++totals.server_calls;
            const auto id_end = payload_.find('"', call.size());
            std::string reply = "[3,\"";
            reply += payload_.substr(call.size(), id_end - call.size());
            return send_frame(0x81, reply + R"(",{"status":"Accepted"}])");
        }
        const auto wrong =
            script_.checks_echo()
                ? payload_ != sent_
                : payload_.substr(0, 2) == "[4" ||
                      payload_.substr(std::min(call.size(), payload_.size()), id_.size()) != id_;
        if (wrong) totals.error(payload_);
        note_transaction();
        waiting_ = false;
        ++totals.answers;
        if (!measured_) return;
        const auto waited = Clock::now() - asked_at_;
        const auto microseconds = static_cast<std::size_t>(waited / std::chrono::microseconds{1});
        ++totals.latencies[std::min(microseconds, totals.latencies.size() - 1)];
        ++totals.measured;
        if (pace_ == Clock::duration{}) ask();
    }

    void note_transaction() {
        constexpr std::string_view name = "\"transactionId\":";
        const auto at = payload_.find(name);
        if (at == std::string_view::npos) return;
        const auto digits = payload_.substr(at + name.size());
        transaction_ = digits.substr(0, digits.find_first_not_of("-0123456789"));
    }

    const Script& script_;
    int socket_ = -1;
    std::vector<char> buffer_ = std::vector<char>(256 * 1024);
    std::size_t filled_ = 0;
    unsigned opcode_ = 0;
    std::string_view payload_;
    std::string frame_;
    std::string sent_;
    std::string id_;
    std::string transaction_ = "0";
    std::uint64_t step_ = 0;
    Clock::time_point asked_at_;
    Clock::duration pace_{};  // 0: at once
    Clock::time_point due_{};
    bool waiting_ = false;
    bool measured_ = true;
};

using Clients = std::vector<std::unique_ptr<Client>>;

// Lets everyone ask whose time has come; milliseconds until the next one's.
int ask_due(const Clients& clients) {
    const auto now = Clock::now();
    auto next = now + std::chrono::milliseconds{100};
    for (const auto& client : clients) next = std::min(next, client->ask_if_due(now));
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(next - now).count());
}

void run_until(Clock::time_point end, int poll, const Clients& clients, bool paced,
               std::size_t& open, Totals& totals) {
    std::array<epoll_event, 128> ready{};
    while (open > 0 && Clock::now() < end) {
        const int wait = paced ? ask_due(clients) : 100;
        const int count = epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), wait);
        for (int at = 0; at < count; ++at) {
            auto* client = static_cast<Client*>(ready.at(static_cast<std::size_t>(at)).data.ptr);
            if (client->on_readable(totals)) continue;
            epoll_ctl(poll, EPOLL_CTL_DEL, client->descriptor(), nullptr);
            totals.error("the server closed a connection");
            --open;
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    auto options = busbar::bench::parse_options(count, arguments,
                                                {{"url", ""},
                                                 {"connections", "100"},
                                                 {"seconds", "5"},
                                                 {"warmup", "1"},
                                                 {"message", "heartbeat"},
                                                 {"boot", ""},
                                                 {"id-tag", "LOADTAG"},
                                                 {"credentials", ""},
                                                 {"pace", "0"},
                                                 {"probes", "0"},
                                                 {"pin", ""}},
                                                usage);
    busbar::bench::pin(options["pin"]);
    const auto target = parse_url(options["url"]);
    const auto& kind = options["message"];
    const bool boot = options["boot"].empty() ? kind != "echo" : options["boot"] == "yes";
    const Script script{kind, options["id-tag"], boot};
    const Script probe{"heartbeat", options["id-tag"], boot, kind == "echo"};
    const std::chrono::milliseconds pace{std::stoi(options["pace"])};
    const bool paced = pace.count() > 0;

    const int poll = epoll_create1(EPOLL_CLOEXEC);
    Clients clients;
    const auto chargers = std::stoi(options["connections"]);
    const auto connections = chargers + std::stoi(options["probes"]);
    const auto begun = Clock::now();
    for (int number = 1; number <= connections; ++number) {
        const bool probes = number > chargers;
        clients.push_back(std::make_unique<Client>(target, number, options["credentials"],
                                                   probes ? probe : script));
        if (paced) {
            const auto own_pace = probes ? pace / 10 : pace;
            clients.back()->set_pace(own_pace, begun + own_pace * number / connections, probes);
        }
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = clients.back().get();
        epoll_ctl(poll, EPOLL_CTL_ADD, clients.back()->descriptor(), &event);
    }
    for (const auto& client : clients) {
        if (!paced) client->ask();
    }

    const auto seconds = [&](const char* name) {
        return std::chrono::duration_cast<Clock::duration>(
            std::chrono::duration<double>(std::stod(options[name])));
    };
    auto open = clients.size();
    Totals warming;
    run_until(Clock::now() + seconds("warmup"), poll, clients, paced, open, warming);
    Totals totals;
    const auto begin = Clock::now();
    run_until(begin + seconds("seconds"), poll, clients, paced, open, totals);
    const auto elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    std::printf(
        "answers=%llu seconds=%.2f per_second=%.0f p50_us=%llu p99_us=%llu "
        "server_calls=%llu errors=%llu\n",
        static_cast<unsigned long long>(totals.answers), elapsed,
        static_cast<double>(totals.answers) / elapsed,
        static_cast<unsigned long long>(totals.percentile(0.5)),
        static_cast<unsigned long long>(totals.percentile(0.99)),
        static_cast<unsigned long long>(totals.server_calls + warming.server_calls),
        static_cast<unsigned long long>(totals.errors + warming.errors));
    const auto& first = warming.errors > 0 ? warming.first_error : totals.first_error;
    if (!first.empty()) std::fprintf(stderr, "first error: %s\n", first.c_str());
    ::close(poll);
    return totals.errors + warming.errors == 0 && totals.answers > 0 ? 0 : 1;
}
