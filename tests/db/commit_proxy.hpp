// Stands between the journal and PostgreSQL, and when told to, cuts the connection around a COMMIT:
// before the server sees it, or after the server has done it but before the client hears of it.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace busbar::db::test {

class CommitProxy {
public:
    enum class Cut { none, before_commit, after_commit };

    // `server` is PostgreSQL's socket folder; this proxy listens in `folder` on port 5499.
    CommitProxy(const std::string& server, const std::string& folder)
        : server_{server + "/.s.PGSQL.5432"}, path_{folder + "/.s.PGSQL.5499"} {
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = address_of(path_);
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, 8) != 0) {
            throw std::runtime_error{"the proxy cannot listen"};
        }
        thread_ = std::thread{[this] { run(); }};
    }
    ~CommitProxy() {
        stopping_ = true;
        thread_.join();
        for (auto& thread : connections_) thread.join();
        ::close(listener_);
        ::unlink(path_.c_str());
    }
    CommitProxy(const CommitProxy&) = delete;
    CommitProxy& operator=(const CommitProxy&) = delete;

    // The next COMMIT is cut so; then nothing any more.
    void cut_next(Cut cut) { cut_ = cut; }
    int cuts() const { return cuts_; }

private:
    static sockaddr_un address_of(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        return address;
    }

    void run() {
        while (!stopping_) {
            pollfd file{listener_, POLLIN, 0};
            if (::poll(&file, 1, 20) != 1) continue;
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) continue;
            connections_.emplace_back([this, client] { carry(client); });
        }
    }

    void carry(int client) {
        const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = address_of(server_);
        bool open =
            ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        bool swallowing = false;
        std::vector<char> buffer(1 << 16);
        while (open && !stopping_) {
            pollfd files[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
            if (::poll(files, 2, 20) <= 0) continue;
            if (files[0].revents != 0) open = from_client(client, server, buffer, swallowing);
            if (open && files[1].revents != 0)
                open = from_server(client, server, buffer, swallowing);
        }
        ::close(server);
        ::close(client);
    }

    bool from_client(int client, int server, std::vector<char>& buffer, bool& swallowing) {
        const auto count = ::read(client, buffer.data(), buffer.size());
        if (count <= 0) return false;
        const std::string_view data{buffer.data(), static_cast<std::size_t>(count)};
        if (data.find("COMMIT") != std::string_view::npos) {
            const auto cut = cut_.exchange(Cut::none);
            if (cut != Cut::none) ++cuts_;
            if (cut == Cut::before_commit) return false;
            swallowing = cut == Cut::after_commit;
        }
        return write_all(server, data);
    }

    static bool from_server(int client, int server, std::vector<char>& buffer, bool swallowing) {
        const auto count = ::read(server, buffer.data(), buffer.size());
        if (count <= 0) return false;
        const std::string_view data{buffer.data(), static_cast<std::size_t>(count)};
        if (swallowing) return data.find("COMMIT") == std::string_view::npos;
        return write_all(client, data);
    }

    static bool write_all(int file, std::string_view data) {
        while (!data.empty()) {
            const auto count = ::send(file, data.data(), data.size(), MSG_NOSIGNAL);
            if (count <= 0) return false;
            data.remove_prefix(static_cast<std::size_t>(count));
        }
        return true;
    }

    std::string server_;
    std::string path_;
    int listener_ = -1;
    std::atomic<bool> stopping_{false};
    std::atomic<Cut> cut_{Cut::none};
    std::atomic<int> cuts_{0};
    std::vector<std::thread> connections_;
    std::thread thread_;
};

}  // namespace busbar::db::test
