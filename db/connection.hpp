// A connection to PostgreSQL whose every call ends in bounded time, and transactions on it. libpq
// can wait for ever on a frozen server whatever its own timeouts say: a watchdog shuts the socket
// down when a call overstays. After an exception other than a statement's own error the connection
// is to be destroyed and built anew; it never reconnects by itself.
// Includes libpqxx: for db/*.cpp only. One thread at a time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <pqxx/pqxx>

#include "base/time.hpp"
#include "db/array.hpp"
#include "db/error.hpp"

namespace busbar::db {

// Shuts a socket down when armed for too long. Owns a duplicate of the descriptor, so that it can
// never hit another socket that got the same number.
class Watchdog {
public:
    explicit Watchdog(int socket);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    void arm(std::chrono::milliseconds limit);
    // True if the socket was shut down.
    bool disarm();
    int socket() const { return socket_; }

private:
    using Clock = std::chrono::steady_clock;
    void run();

    int socket_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<Clock::time_point> deadline_;
    bool sleeping_long_ = false;
    bool fired_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

// Parameters of one statement, all as text.
class Params {
public:
    Params() = default;
    template <class... T>
    explicit Params(const T&... values) {
        values_.reserve(sizeof...(T));
        (add(values), ...);
    }

    void add(std::string_view text) { values_.emplace_back(clean_text(text)); }
    void add(const std::string& text) { add(std::string_view{text}); }
    void add(const char* text) { add(std::string_view{text}); }
    void add(std::int64_t value) { values_.emplace_back(std::to_string(value)); }
    void add(std::uint64_t value) { values_.emplace_back(std::to_string(value)); }
    void add(std::int32_t value) { values_.emplace_back(std::to_string(value)); }
    void add(bool value) { values_.emplace_back(value ? "t" : "f"); }
    void add(Timestamp time) { values_.emplace_back(time_text(time)); }
    void add(ArrayLiteral&& array) { values_.emplace_back(std::move(array).finish()); }
    template <class T>
    void add(const std::optional<T>& value) {
        if (value) {
            add(*value);
        } else {
            values_.emplace_back(std::nullopt);
        }
    }

    std::vector<const char*> pointers() const;

private:
    std::vector<std::optional<std::string>> values_;
};

class Connection {
public:
    // Connects; throws what libpqxx throws. `purpose` is seen in pg_stat_activity.
    Connection(const std::string& url, std::chrono::milliseconds call_timeout,
               std::string_view purpose);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Registers a statement; it is sent when first used.
    void prepare(const char* name, const std::string& sql);

    pqxx::connection& pqxx() { return *connection_; }
    int socket() const { return watchdog_->socket(); }

    // Runs `call` and shuts the socket down if it takes longer than the call timeout.
    template <class Call>
    auto guarded(const Call& call) {
        const Guard guard{*watchdog_, call_timeout_};
        return call();
    }

private:
    struct Guard {
        Guard(Watchdog& watchdog, std::chrono::milliseconds limit) : watchdog_{watchdog} {
            watchdog_.arm(limit);
        }
        ~Guard() { watchdog_.disarm(); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
        Watchdog& watchdog_;
    };

    std::chrono::milliseconds call_timeout_;
    std::unique_ptr<pqxx::connection> connection_;
    std::unique_ptr<pqxx::errorhandler> notices_;
    std::unique_ptr<Watchdog> watchdog_;
};

// A transaction, rolled back unless committed. Each call is guarded.
class Transaction {
public:
    explicit Transaction(Connection& connection);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    pqxx::result exec(const std::string& sql, const Params& params = {});
    pqxx::result exec_prepared(const char* name, const Params& params);
    // Several statements at once, without parameters or results.
    void exec_script(const std::string& sql);
    // What is read from here on is one snapshot; nothing can be written. First of all calls.
    void read_snapshot();
    void commit();

private:
    Connection& connection_;
    std::optional<pqxx::work> work_;
};

// Whether PostgreSQL refused a statement for the values in it (SQLSTATE classes 22, 23, 54), which
// no repetition will change. Everything else may pass.
bool refused_for_content(const pqxx::sql_error& error);

// The error's text in one line.
std::string one_line(const std::exception& error);

// "(extract(epoch ...)) AS column": a timestamptz as integer milliseconds, as time_of reads it.
std::string milliseconds_of(std::string_view column);
Timestamp time_of(const pqxx::field& field);
std::optional<Timestamp> optional_time_of(const pqxx::field& field);
std::optional<std::string> optional_text_of(const pqxx::field& field);

// Connects for the command line or at start and runs `work`; what goes wrong becomes a
// DatabaseError with the remedy.
std::unique_ptr<Connection> connect_or_explain(const std::string& url,
                                               std::chrono::milliseconds call_timeout,
                                               std::string_view purpose);
template <class Work>
auto explained(const Work& work) {
    try {
        return work();
    } catch (const DatabaseError&) {
        throw;
    } catch (const std::exception& error) {
        throw DatabaseError{"PostgreSQL did not do what it was asked (" + one_line(error) +
                            "): see its log, and try again"};
    }
}

}  // namespace busbar::db
