#include "db/connection.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include <spdlog/spdlog.h>

#include "db/database_url.hpp"

namespace busbar::db {
namespace {

constexpr auto long_ago = std::chrono::hours{24};

// The server's notices ("table exists already") are of no interest beyond debugging, and libpqxx
// would print them on stderr.
class NoticeLogger : public pqxx::errorhandler {
public:
    explicit NoticeLogger(pqxx::connection_base& connection) : pqxx::errorhandler{connection} {}
    bool operator()(const char message[]) noexcept override {
        spdlog::debug("postgresql notice=\"{}\"", message);
        return false;
    }
};

// What every connection of ours wants, behind what the operator wrote: the last mention wins.
std::string with_options(const std::string& url, std::string_view purpose) {
    std::string out = url;
    const bool uri = is_uri(url);
    const char* separator = !uri ? " " : url.find('?') == std::string::npos ? "?" : "&";
    const auto option = [&](std::string_view name, std::string_view value) {
        out += separator;
        out += name;
        out += '=';
        out += value;
        separator = uri ? "&" : " ";
    };
    option("connect_timeout", "3");
    option("client_encoding", "UTF8");
    option("application_name", purpose);
    return out;
}

std::string settings(std::chrono::milliseconds call_timeout) {
    // The server gives up a little before the watchdog does: an error is cheaper than a connection.
    const auto limit = std::to_string(std::max<std::int64_t>(call_timeout.count() * 9 / 10, 1));
    return "SET statement_timeout = " + limit + "; SET lock_timeout = " + limit +
           "; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET standard_conforming_strings = on; "
           "SET extra_float_digits = 1; SET jit = off; SELECT set_config('synchronous_commit', "
           "'on', false) "
           "WHERE current_setting('synchronous_commit') = 'off'";
}

// What goes wrong is told and logged: without the password.
std::unique_ptr<pqxx::connection> open(const std::string& url) {
    try {
        return std::make_unique<pqxx::connection>(url);
    } catch (const pqxx::broken_connection& error) {
        throw pqxx::broken_connection{without_secrets(error.what(), url)};
    }
}

}  // namespace

Watchdog::Watchdog(int socket) : socket_{::fcntl(socket, F_DUPFD_CLOEXEC, 0)} {
    if (socket_ < 0) throw std::runtime_error{"no file descriptor is free for the watchdog"};
    thread_ = std::thread{[this] { run(); }};
}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
    ::close(socket_);
}

void Watchdog::arm(std::chrono::milliseconds limit) {
    const std::lock_guard lock{mutex_};
    deadline_ = Clock::now() + limit;
    // A thread that sleeps towards an earlier deadline looks again when it wakes: only one that
    // sleeps without any must be woken, so that a busy connection costs no wake-ups.
    if (sleeping_long_) {
        sleeping_long_ = false;
        changed_.notify_one();
    }
}

bool Watchdog::disarm() {
    const std::lock_guard lock{mutex_};
    deadline_.reset();
    return fired_;
}

void Watchdog::run() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        const auto now = Clock::now();
        if (!deadline_) {
            sleeping_long_ = true;
            changed_.wait_until(lock, now + long_ago);
        } else if (*deadline_ > now) {
            changed_.wait_until(lock, Clock::time_point{*deadline_});
        } else {
            ::shutdown(socket_, SHUT_RDWR);
            fired_ = true;
            deadline_.reset();
        }
    }
}

std::vector<const char*> Params::pointers() const {
    std::vector<const char*> out;
    out.reserve(values_.size());
    for (const auto& value : values_) out.push_back(value ? value->c_str() : nullptr);
    return out;
}

Connection::Connection(const std::string& url, std::chrono::milliseconds call_timeout,
                       std::string_view purpose)
    : call_timeout_{call_timeout}, connection_{open(with_options(url, purpose))} {
    notices_ = std::make_unique<NoticeLogger>(*connection_);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection_->inhibit_reactivation(true);
#pragma GCC diagnostic pop
    watchdog_ = std::make_unique<Watchdog>(connection_->sock());
    guarded([&] {
        pqxx::nontransaction work{*connection_};
        work.exec(settings(call_timeout));
    });
}

Connection::~Connection() {
    // libpq says good-bye, which may block like any other call.
    if (watchdog_) watchdog_->arm(std::chrono::milliseconds{200});
    notices_.reset();
    connection_.reset();
}

void Connection::prepare(const char* name, const std::string& sql) {
    connection_->prepare(name, sql);
}

Transaction::Transaction(Connection& connection) : connection_{connection} {
    connection_.guarded([&] { work_.emplace(connection_.pqxx()); });
}

Transaction::~Transaction() {
    connection_.guarded([&] { work_.reset(); });
}

pqxx::result Transaction::exec(const std::string& sql, const Params& params) {
    const auto pointers = params.pointers();
    return connection_.guarded(
        [&] { return work_->exec_params(sql, pqxx::prepare::make_dynamic_params(pointers)); });
}

pqxx::result Transaction::exec_prepared(const char* name, const Params& params) {
    const auto pointers = params.pointers();
    return connection_.guarded(
        [&] { return work_->exec_prepared(name, pqxx::prepare::make_dynamic_params(pointers)); });
}

void Transaction::exec_script(const std::string& sql) {
    connection_.guarded([&] { work_->exec(sql); });
}

void Transaction::read_snapshot() {
    exec("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY");
}

void Transaction::commit() {
    connection_.guarded([&] { work_->commit(); });
}

bool refused_for_content(const pqxx::sql_error& error) {
    const auto& state = error.sqlstate();
    return state.starts_with("22") || state.starts_with("23") || state.starts_with("54");
}

std::string one_line(const std::exception& error) {
    // libpqxx's words for a connection that ended between two statements.
    if (std::string_view{error.what()}.find("client encoding") != std::string_view::npos) {
        return "the connection to PostgreSQL was lost";
    }
    std::string out;
    for (const char* c = error.what(); *c != '\0'; ++c) {
        const bool space = *c == '\n' || *c == '\r' || *c == '\t' || *c == ' ';
        if (!space) {
            out += *c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

std::string milliseconds_of(std::string_view column) {
    return "(extract(epoch FROM " + std::string{column} + ") * 1000)::bigint";
}

Timestamp time_of(const pqxx::field& field) {
    return Timestamp{std::chrono::milliseconds{field.as<std::int64_t>()}};
}

std::optional<Timestamp> optional_time_of(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return time_of(field);
}

std::optional<std::string> optional_text_of(const pqxx::field& field) {
    if (field.is_null()) return std::nullopt;
    return field.as<std::string>();
}

std::unique_ptr<Connection> connect_or_explain(const std::string& url,
                                               std::chrono::milliseconds call_timeout,
                                               std::string_view purpose) {
    try {
        return std::make_unique<Connection>(url, call_timeout, purpose);
    } catch (const std::exception& error) {
        throw DatabaseError{"PostgreSQL cannot be reached (" + one_line(error) +
                            "): start it, or correct url in [database] of the configuration"};
    }
}

}  // namespace busbar::db
