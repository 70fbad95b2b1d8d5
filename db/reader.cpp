#include <algorithm>

#include <boost/asio/post.hpp>

#include "db/audit_store.hpp"
#include "db/message_store.hpp"
#include "db/migrate.hpp"
#include "db/queries.hpp"
#include "db/report_store.hpp"
#include "db/select.hpp"
#include "db/transaction_store.hpp"
#include "db/worker.hpp"

namespace busbar::db {
namespace {

constexpr std::size_t waiting_max = 64;

MeterValuePage read_meter_values(Transaction& transaction, TransactionKey id,
                                 const std::optional<Timestamp>& cursor, int limit) {
    limit = std::clamp(limit, 1, 10'000);
    const auto rows = transaction.exec(
        "SELECT charge_point, connector_id, " + milliseconds_of("measured_at") + ", " +
            milliseconds_of("received_at") +
            ", context, measurand, phase, location, unit, value, number, format "
            "FROM meter_value_kept "
            "WHERE transaction = $1 AND ($2::timestamptz IS NULL OR measured_at > $2) "
            "ORDER BY measured_at FETCH FIRST $3 ROWS WITH TIES",
        Params{id, cursor, limit});
    MeterValuePage page;
    for (const auto& row : rows) {
        auto& sample = page.items.emplace_back();
        sample.charge_point = row[0].as<std::string>();
        sample.connector_id = row[1].as<std::int32_t>();
        sample.transaction = id;
        sample.measured_at = time_of(row[2]);
        sample.received_at = time_of(row[3]);
        sample.context = row[4].as<std::string>();
        sample.measurand = row[5].as<std::string>();
        sample.phase = row[6].as<std::string>();
        sample.location = row[7].as<std::string>();
        sample.unit = row[8].as<std::string>();
        sample.value = row[9].as<std::string>();
        if (!row[10].is_null()) sample.number = row[10].as<double>();
        sample.format = row[11].as<std::string>();
    }
    if (page.items.size() >= static_cast<std::size_t>(limit)) {
        page.next = page.items.back().measured_at;
    }
    return page;
}

SecurityEventPage read_security_events(Transaction& transaction, const std::string& charge_point,
                                       const std::optional<std::int64_t>& cursor, int limit) {
    limit = std::clamp(limit, 1, 1000);
    const auto rows = transaction.exec(
        "SELECT id, type, tech_info, " + milliseconds_of("at") + ", " +
            milliseconds_of("received_at") +
            " FROM security_event WHERE charge_point = $1 AND ($2::bigint IS NULL OR id < $2) "
            "ORDER BY id DESC LIMIT $3",
        Params{charge_point, cursor, limit + 1});
    SecurityEventPage page;
    for (const auto& row : rows) {
        if (page.items.size() == static_cast<std::size_t>(limit)) {
            page.next = page.items.back().id;
            break;
        }
        page.items.push_back({.id = row[0].as<std::int64_t>(),
                              .event = {.charge_point = charge_point,
                                        .type = row[1].as<std::string>(),
                                        .tech_info = optional_text_of(row[2]),
                                        .at = time_of(row[3]),
                                        .received_at = time_of(row[4])}});
    }
    return page;
}

void check_schema(Transaction& transaction) {
    const auto version =
        transaction.exec("SELECT coalesce(max(version), 0) FROM schema_version")[0][0].as<int>();
    if (version != schema_version_known()) {
        throw std::runtime_error{"the schema has version " + std::to_string(version) +
                                 ", this Busbar expects " + std::to_string(schema_version_known())};
    }
}

}  // namespace

class Reader::Impl {
public:
    Impl(std::string url, boost::asio::any_io_executor site_loop,
         std::chrono::milliseconds call_timeout)
        : url_{std::move(url)}, call_timeout_{call_timeout}, site_loop_{std::move(site_loop)} {}
    ~Impl() { *closed_ = true; }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    // Queues `read(transaction)`; its result, or why there is none, goes to `done` on the site
    // loop.
    template <class T, class Read>
    void submit(Read read, std::function<void(ReadResult<T>)> done) {
        auto answer = [this, done = std::move(done)](ReadResult<T> result) {
            boost::asio::post(site_loop_, [closed = closed_, done, result = std::move(result)] {
                if (!*closed) done(result);
            });
        };
        Job job{.run = [read, answer](Transaction& transaction) { answer(read(transaction)); },
                .fail = [answer](ReadError error) { answer(std::move(error)); }};
        const bool is_queued = worker_.change([&](auto& jobs) {
            if (jobs.size() == waiting_max) return false;
            jobs.push_back(std::move(job));
            return true;
        });
        if (is_queued) return;
        job.fail({ReadError::Kind::busy, "too many reads are waiting for the database"});
    }

private:
    struct Job {
        std::function<void(Transaction&)> run;
        std::function<void(ReadError)> fail;
    };

    void run() {
        while (const auto job = worker_.take()) execute(*job);
    }

    void execute(const Job& job) {
        // A connection that has lain idle may have died unnoticed: that is no reason to fail.
        const bool reused = connection_ != nullptr;
        auto error = attempt(job);
        if (error && reused && !connection_) error = attempt(job);
        if (error) job.fail({ReadError::Kind::unavailable, *error});
    }

    std::optional<std::string> attempt(const Job& job) {
        try {
            if (!connection_) {
                connection_ = std::make_unique<Connection>(url_, call_timeout_, "busbar-read");
            }
            Transaction transaction{*connection_};
            transaction.read_snapshot();
            job.run(transaction);
            return std::nullopt;
        } catch (const pqxx::sql_error& error) {
            if (error.sqlstate().starts_with("57")) connection_.reset();
            return one_line(error);
        } catch (const pqxx::failure& error) {
            connection_.reset();
            return one_line(error);
        } catch (const std::exception& error) {
            return one_line(error);
        }
    }

    const std::string url_;
    const std::chrono::milliseconds call_timeout_;
    boost::asio::any_io_executor site_loop_;
    std::shared_ptr<bool> closed_ = std::make_shared<bool>(false);  // site loop only
    std::unique_ptr<Connection> connection_;                        // the thread's own
    Worker<Job> worker_{[this] { run(); }};
};

Reader::Reader(std::string url, boost::asio::any_io_executor site_loop,
               std::chrono::milliseconds call_timeout)
    : impl_{std::make_unique<Impl>(std::move(url), std::move(site_loop), call_timeout)} {}
Reader::~Reader() = default;

void Reader::transactions(TransactionFilter filter,
                          std::function<void(ReadResult<TransactionPage>)> done) {
    impl_->submit<TransactionPage>(
        [filter = std::move(filter)](Transaction& transaction) {
            return read_transactions(transaction, filter);
        },
        std::move(done));
}

void Reader::transaction(TransactionKey id,
                         std::function<void(ReadResult<std::optional<TransactionRow>>)> done) {
    impl_->submit<std::optional<TransactionRow>>(
        [id](Transaction& transaction) { return read_transaction(transaction, id); },
        std::move(done));
}

void Reader::meter_values(TransactionKey id, std::optional<Timestamp> cursor, int limit,
                          std::function<void(ReadResult<MeterValuePage>)> done) {
    impl_->submit<MeterValuePage>(
        [id, cursor, limit](Transaction& transaction) {
            return read_meter_values(transaction, id, cursor, limit);
        },
        std::move(done));
}

void Reader::security_events(std::string charge_point, std::optional<std::int64_t> cursor,
                             int limit, std::function<void(ReadResult<SecurityEventPage>)> done) {
    impl_->submit<SecurityEventPage>(
        [charge_point = std::move(charge_point), cursor, limit](Transaction& transaction) {
            return read_security_events(transaction, charge_point, cursor, limit);
        },
        std::move(done));
}

void Reader::messages(MessageFilter filter, std::function<void(ReadResult<MessagePage>)> done) {
    impl_->submit<MessagePage>(
        [filter = std::move(filter)](Transaction& transaction) {
            return read_messages(transaction, filter);
        },
        std::move(done));
}

void Reader::orphan_stops(OrphanStopFilter filter,
                          std::function<void(ReadResult<OrphanStopPage>)> done) {
    impl_->submit<OrphanStopPage>(
        [filter = std::move(filter)](Transaction& transaction) {
            return read_orphan_stops(transaction, filter);
        },
        std::move(done));
}

void Reader::audit(AuditFilter filter, std::function<void(ReadResult<AuditPage>)> done) {
    impl_->submit<AuditPage>(
        [filter = std::move(filter)](Transaction& transaction) {
            return read_audit(transaction, filter);
        },
        std::move(done));
}

void Reader::energy(EnergyFilter filter, std::function<std::string(EnergyData)> render,
                    std::function<void(ReadResult<std::string>)> done) {
    impl_->submit<std::string>(
        [filter, render = std::move(render)](Transaction& transaction) {
            return render(read_energy(transaction, filter));
        },
        std::move(done));
}

void Reader::ping(std::function<void(std::optional<ReadError>)> done) {
    impl_->submit<std::monostate>(
        [](Transaction& transaction) {
            check_schema(transaction);
            return std::monostate{};
        },
        [done = std::move(done)](const ReadResult<std::monostate>& result) {
            const auto* error = std::get_if<ReadError>(&result);
            done(error ? std::optional{*error} : std::nullopt);
        });
}

}  // namespace busbar::db
