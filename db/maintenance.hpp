// What the database needs done now and then: months of samples made ahead and rolled up when they
// are old, the energy of ended transactions by quarters of an hour, retention, and the message log
// without erased badges. One thread with a connection of its own, little pieces of work with short
// locks: the journal never waits long for it, and nobody waits for it at all. What fails is tried
// again, and health() says so.
//
// Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "db/token_uses.hpp"

namespace busbar::db {

// How long what is kept. 0: for ever.
struct Retention {
    std::int64_t samples_days = 90;  // in full; then by quarters of an hour, for ever
    std::int64_t limits_days = 30;
    std::int64_t security_events_days = 730;
    std::int64_t transactions_years = 0;  // with the badge; then "anonymous"
    std::int64_t audit_years = 0;
};

class Maintenance {
public:
    enum class State {
        starting,  // no connection yet
        normal,
        failing  // the database is away, or a kind of work fails; both are tried again
    };

    struct Health {
        State state = State::starting;
        std::string detail;                      // which work, and why; empty when normal
        std::optional<Timestamp> last_run_at;    // when some work was last done, or found done
        std::optional<Timestamp> last_error_at;  // also of one that is over
        std::string last_error;                  // which work, and why
    };

    struct Options {
        std::string url;
        Retention retention;
        std::shared_ptr<TokenUses> token_uses{};  // to be written; null: none
        std::function<Timestamp()> now;           // the wall clock; absent: the machine's
        std::chrono::milliseconds pause{100};     // between two pieces of work
        std::chrono::milliseconds soon{2'000};    // how often to look for ended transactions
        std::chrono::milliseconds rare{600'000};  // how often to look for anything old
        std::chrono::milliseconds lock_timeout{200};
        std::chrono::milliseconds call_timeout{10'000};   // of each call to PostgreSQL
        std::chrono::milliseconds reconnect_wait{1'000};  // doubled up to reconnect_wait_max
        std::chrono::milliseconds reconnect_wait_max{60'000};
        std::function<void(const Health&)> on_state_change;  // run on the thread
    };

    // Connects on its own thread and keeps trying. The schema must be current (migrate).
    explicit Maintenance(Options options);
    // Ends with the piece of work that is under way.
    ~Maintenance();
    Maintenance(const Maintenance&) = delete;
    Maintenance& operator=(const Maintenance&) = delete;

    Health health() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

// The state's name for logs and metrics.
std::string_view to_string(Maintenance::State state);

}  // namespace busbar::db
