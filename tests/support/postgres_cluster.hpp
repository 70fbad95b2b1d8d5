// A PostgreSQL cluster of a test's own: made in a temporary folder, reached by a unix socket only,
// ended and deleted with the object. As root it runs as user postgres, which may not own what root
// may. fsync stays on, so that what is acknowledged survives a kill.
#pragma once

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace busbar::test {

// Waits until the condition holds; false after the deadline. For conditions of other processes,
// which can only be polled.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds deadline = std::chrono::seconds{20}) {
    const auto give_up = std::chrono::steady_clock::now() + deadline;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > give_up) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return true;
}

class PostgresCluster {
public:
    PostgresCluster() : programs_{find_programs()} {
        char name[] = "/tmp/busbar-pg-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error{"mkdtemp failed"};
        folder_ = name;
        if (::geteuid() == 0) {
            const auto* user = ::getpwnam("postgres");
            if (!user) throw std::runtime_error{"there is no user postgres"};
            uid_ = user->pw_uid;
            gid_ = user->pw_gid;
            if (::chown(name, uid_, gid_) != 0) throw std::runtime_error{"chown failed"};
        }
        const auto pid =
            spawn({programs_ + "/initdb", "-D", folder_ + "/data", "-U", "busbar", "-A", "trust",
                   "--no-sync", "--no-locale", "-E", "UTF8", "--wal-segsize=1"},
                  folder_ + "/initdb.log");
        if (wait_for(pid) != 0) throw std::runtime_error{"initdb failed: " + folder_};
        start();
    }

    ~PostgresCluster() {
        if (postmaster_ > 0) {
            thaw();
            stop();
        }
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    PostgresCluster(const PostgresCluster&) = delete;
    PostgresCluster& operator=(const PostgresCluster&) = delete;

    const std::string& folder() const { return folder_; }
    const std::string& programs() const { return programs_; }
    std::string url(const std::string& database = "postgres") const {
        return "postgresql:///" + database + "?host=" + folder_ + "&user=busbar";
    }

    // A new, empty database; returns its url.
    std::string create_database(const std::string& name) {
        sql("CREATE DATABASE " + name + " TEMPLATE template0");
        return url(name);
    }

    void start() {
        postmaster_ = spawn({programs_ + "/postgres", "-D", folder_ + "/data", "-k", folder_, "-c",
                             "listen_addresses=", "-c", "max_wal_size=64MB", "-c",
                             "shared_buffers=32MB", "-c", "fsync=on"},
                            folder_ + "/server.log");
        if (!eventually([&] { return run_sql("SELECT 1", "postgres", nullptr) == 0; })) {
            throw std::runtime_error{"PostgreSQL does not start: " + folder_ + "/server.log"};
        }
    }

    // Fast shutdown: connections are cut, data is written.
    void stop() { end(SIGINT); }

    // As a power cut for the server's processes: SIGKILL to all of them.
    void kill() {
        const auto children = descendants();
        ::kill(postmaster_, SIGKILL);
        for (const auto child : children) ::kill(child, SIGKILL);
        wait_for(postmaster_);
        postmaster_ = -1;
        // A dead postmaster's file is not trusted while one of its children lives.
        eventually([&] {
            for (const auto child : children) {
                const auto state = status_of(child).state;
                if (state != '\0' && state != 'Z') return false;
            }
            return true;
        });
    }

    // Stops every process without ending it: connections hang.
    void freeze() {
        ::kill(postmaster_, SIGSTOP);
        for (const auto child : descendants()) ::kill(child, SIGSTOP);
    }
    void thaw() {
        for (const auto child : descendants()) ::kill(child, SIGCONT);
        ::kill(postmaster_, SIGCONT);
    }

    // Runs SQL with psql; the output without headers, columns separated by '|'. Throws on errors.
    std::string sql(const std::string& query, const std::string& database = "postgres") const {
        std::string out;
        if (run_sql(query, database, &out) != 0) throw std::runtime_error{query + ": " + out};
        if (!out.empty() && out.back() == '\n') out.pop_back();
        return out;
    }

    // Cuts the connections whose application_name is this; returns how many.
    std::string terminate(const std::string& application) const {
        return sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = '" +
            application + "'");
    }

private:
    static std::string find_programs() {
        if (const char* given = std::getenv("PG_BINDIR")) return given;
        for (int version = 30; version >= 15; --version) {
            const auto folder = "/usr/lib/postgresql/" + std::to_string(version) + "/bin";
            if (::access((folder + "/initdb").c_str(), X_OK) == 0) return folder;
        }
        throw std::runtime_error{"PostgreSQL 15 or newer is not installed"};
    }

    pid_t spawn(const std::vector<std::string>& command, const std::string& log) const {
        std::vector<char*> arguments;
        for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        const auto pid = ::fork();
        if (pid != 0) return pid;
        if (uid_ != 0 &&
            (::setgroups(0, nullptr) != 0 || ::setgid(gid_) != 0 || ::setuid(uid_) != 0)) {
            ::_exit(126);
        }
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
        // In a group of its own: Ctrl-C is for the test, which then stops the server.
        ::setpgid(0, 0);
        if (!std::freopen(log.c_str(), "a", stdout) || !std::freopen(log.c_str(), "a", stderr)) {
            ::_exit(125);
        }
        if (::chdir(folder_.c_str()) != 0) ::_exit(124);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }

    static int wait_for(pid_t pid) {
        int status = 0;
        while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    }

    void end(int signal) {
        if (postmaster_ <= 0) return;
        ::kill(postmaster_, signal);
        wait_for(postmaster_);
        postmaster_ = -1;
    }

    struct Status {
        char state = '\0';  // none: there is no such process
        int parent = 0;
    };
    static Status status_of(pid_t pid) {
        Status out;
        std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
        // Its process may end between the opening and the reading: getline takes that for an end.
        std::string text;
        std::getline(file, text);
        const auto end_of_name = text.rfind(')');
        if (end_of_name != std::string::npos) {
            std::sscanf(text.c_str() + end_of_name + 1, " %c %d", &out.state, &out.parent);
        }
        return out;
    }

    std::vector<pid_t> descendants() const {
        std::vector<pid_t> out;
        for (const auto& entry : std::filesystem::directory_iterator{"/proc"}) {
            const auto name = entry.path().filename().string();
            if (name.find_first_not_of("0123456789") != std::string::npos) continue;
            const auto pid = static_cast<pid_t>(std::stol(name));
            if (status_of(pid).parent == postmaster_) out.push_back(pid);
        }
        return out;
    }

    int run_sql(const std::string& query, const std::string& database, std::string* out) const {
        std::string quoted;
        for (const char c : query) quoted += c == '\'' ? std::string{"'\\''"} : std::string{c};
        const auto command = "'" + programs_ + "/psql' -XAtq -v ON_ERROR_STOP=1 '" + url(database) +
                             "' -c '" + quoted + "' 2>&1";
        auto* pipe = ::popen(command.c_str(), "r");
        if (!pipe) return -1;
        char buffer[4096];
        std::size_t count = 0;
        while ((count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0) {
            if (out) out->append(buffer, count);
        }
        return ::pclose(pipe);
    }

    std::string programs_;
    std::string folder_;
    uid_t uid_ = 0;
    gid_t gid_ = 0;
    pid_t postmaster_ = -1;
};

// The cluster of this test program, made when it is first asked for.
inline PostgresCluster& cluster() {
    static PostgresCluster instance;
    return instance;
}

}  // namespace busbar::test
