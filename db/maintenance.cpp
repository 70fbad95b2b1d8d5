#include "db/maintenance.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "db/connection.hpp"
#include "db/retention.hpp"
#include "db/time_series.hpp"
#include "db/worker.hpp"

namespace busbar::db {
namespace {

using Clock = std::chrono::steady_clock;

Timestamp machine_time() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Timestamp days_before(Timestamp now, std::int64_t days) { return now - std::chrono::days{days}; }

Timestamp years_before(Timestamp now, std::int64_t years) {
    return days_before(now, years * 366);  // rather a day too long
}

// Whether an error says that the connection is gone, and not that a statement failed.
bool lost_connection(const pqxx::failure& error) {
    const auto* refusal = dynamic_cast<const pqxx::sql_error*>(&error);
    return !refusal || refusal->sqlstate().starts_with("57P") ||
           refusal->sqlstate().starts_with("08");
}

// Without the details, which name rows, idTags included.
std::string reason_of(const std::exception& error) {
    const auto text = one_line(error);
    return text.substr(0, text.find(" DETAIL:"));
}

// One kind of work. A piece of it returns true if there may be more to do at once.
struct Job {
    std::string name;
    std::chrono::milliseconds interval;
    std::function<bool(Connection&, Timestamp now)> piece;
    Clock::time_point due{};
    std::chrono::milliseconds retry_wait{};  // 0: the last piece went well
};

}  // namespace

class Maintenance::Impl {
public:
    explicit Impl(Options options) : options_{with_clock(std::move(options))}, jobs_{make_jobs()} {}

    Health health() const {
        const std::lock_guard lock{health_mutex_};
        return health_;
    }

private:
    static Options with_clock(Options options) {
        if (!options.now) options.now = machine_time;
        return options;
    }

    std::vector<Job> make_jobs() const {
        std::vector<Job> jobs;
        const auto& keep = options_.retention;
        const auto add = [&](std::string name, std::chrono::milliseconds interval, auto piece) {
            jobs.push_back({std::move(name), interval, std::move(piece)});
        };
        const auto old = [&](std::string name, std::int64_t days, auto* piece) {
            if (days == 0) return;
            add(std::move(name), options_.rare, [days, piece](Connection& connection, auto now) {
                return piece(connection, days_before(now, days));
            });
        };
        const auto very_old = [&](std::string name, std::int64_t years, auto* piece) {
            if (years == 0) return;
            add(std::move(name), options_.rare, [years, piece](Connection& connection, auto now) {
                return piece(connection, years_before(now, years));
            });
        };
        add("months", options_.rare, &add_sample_month);
        add("energy", options_.soon,
            [](Connection& connection, auto) { return spread_energy(connection); });
        add("messages", options_.soon,
            [](Connection& connection, auto) { return scrub_messages(connection); });
        if (options_.token_uses) {
            add("token_uses", options_.soon, [uses = options_.token_uses](auto& connection, auto) {
                return write_token_uses(connection, *uses);
            });
        }
        old("samples", keep.samples_days, &roll_up_samples);
        old("samples_without_month", keep.samples_days, &roll_up_rest);
        old("limits", keep.limits_days, &delete_old_limits);
        old("security_events", keep.security_events_days, &delete_old_security_events);
        very_old("transactions", keep.transactions_years, &anonymise_transactions);
        very_old("audit", keep.audit_years, &delete_old_audit);
        return jobs;
    }

    void run() {
        auto wait = options_.reconnect_wait;
        while (!worker_.stopping()) {
            try {
                Connection connection{options_.url, options_.call_timeout, "busbar-maintenance"};
                begin(connection);
                wait = options_.reconnect_wait;
                problems_.erase("database");
                tell();
                work(connection);
            } catch (const std::exception& error) {
                failed("database", reason_of(error));
            }
            sleep_until(Clock::now() + wait);
            wait = std::min(2 * wait, options_.reconnect_wait_max);
        }
    }

    void begin(Connection& connection) const {
        Transaction transaction{connection};
        // All of it can be done again: the journal need not share the disk with it.
        transaction.exec("SET synchronous_commit = off");
        transaction.exec("SET lock_timeout = " + std::to_string(options_.lock_timeout.count()));
        transaction.commit();
    }

    // Does what is due, a piece of each kind in turn, until the connection is lost.
    void work(Connection& connection) {
        while (!worker_.stopping()) {
            auto next = Clock::time_point::max();
            for (auto& job : jobs_) {
                if (worker_.stopping()) return;
                if (job.due <= Clock::now()) run_piece(connection, job);
                next = std::min(next, job.due);
            }
            sleep_until(std::max(next, Clock::now() + options_.pause));
        }
    }

    void run_piece(Connection& connection, Job& job) {
        try {
            const bool more = job.piece(connection, options_.now());
            job.due = Clock::now() + (more ? options_.pause : job.interval);
            job.retry_wait = {};
            note_run();
            if (problems_.erase(job.name) > 0) tell();
        } catch (const pqxx::failure& error) {
            if (lost_connection(error)) throw;
            put_off(job);
            // Somebody else had a lock: no problem as long as it stays with that.
            const auto* refusal = dynamic_cast<const pqxx::sql_error*>(&error);
            const bool is_lock = refusal && refusal->sqlstate() == "55P03";
            if (is_lock && job.retry_wait < options_.reconnect_wait_max) return;
            failed(job.name, reason_of(error));
        } catch (const std::exception& error) {
            // What one job cannot do keeps none of the others waiting.
            put_off(job);
            failed(job.name, error.what());
        }
    }

    void put_off(Job& job) const {
        job.retry_wait = std::min(std::max(2 * job.retry_wait, options_.reconnect_wait),
                                  options_.reconnect_wait_max);
        job.due = Clock::now() + job.retry_wait;
    }

    void sleep_until(Clock::time_point time) {
        worker_.wait_until(time, [](const auto&) { return false; });
    }

    void note_run() {
        const auto now = options_.now();
        const std::lock_guard lock{health_mutex_};
        health_.last_run_at = now;
    }

    void failed(const std::string& name, const std::string& reason) {
        problems_[name] = reason;
        {
            const auto now = options_.now();
            const std::lock_guard lock{health_mutex_};
            health_.last_error_at = now;
            health_.last_error = name + ": " + reason;
        }
        tell();
    }

    // Makes what is known of problems public, and says so when it changes.
    void tell() {
        const auto state = problems_.empty() ? State::normal : State::failing;
        std::string details;
        for (const auto& [name, detail] : problems_) {
            details += (details.empty() ? "" : "; ") + name + ": " + detail;
        }
        Health health;
        {
            const std::lock_guard lock{health_mutex_};
            if (state == health_.state && details == health_.detail) return;
            health_.state = state;
            health_.detail = std::move(details);
            health = health_;
        }
        if (options_.on_state_change) options_.on_state_change(health);
    }

    Options options_;
    mutable std::mutex health_mutex_;
    Health health_;
    // The thread's own.
    std::vector<Job> jobs_;
    std::map<std::string, std::string> problems_;  // by kind of work, or "database"
    Worker<int> worker_{[this] { run(); }};        // its queue is not used
};

Maintenance::Maintenance(Options options) : impl_{std::make_unique<Impl>(std::move(options))} {}
Maintenance::~Maintenance() = default;
Maintenance::Health Maintenance::health() const { return impl_->health(); }

std::string_view to_string(Maintenance::State state) {
    switch (state) {
        case Maintenance::State::starting:
            return "starting";
        case Maintenance::State::normal:
            return "normal";
        case Maintenance::State::failing:
            return "failing";
    }
    return "";
}

}  // namespace busbar::db
