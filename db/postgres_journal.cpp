#include "db/postgres_journal.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>
#include <boost/asio/post.hpp>

#include "db/releases.hpp"
#include "db/spill.hpp"
#include "db/writer.hpp"

namespace busbar::db {
namespace {

using Clock = std::chrono::steady_clock;
using State = PostgresJournal::State;
using Health = PostgresJournal::Health;
using Ticket = Journal::Ticket;

// The longest pause for more units to join a commit.
constexpr auto gather_max = std::chrono::milliseconds{4};
constexpr auto never = std::numeric_limits<std::size_t>::max();
constexpr auto spill_retry_wait = std::chrono::milliseconds{250};

Timestamp wall_now() {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now());
}

}  // namespace

class PostgresJournal::Impl {
public:
    Impl(Options options, boost::asio::any_io_executor site_loop)
        : options_{std::move(options)}, site_loop_{std::move(site_loop)} {
        health_.since = wall_now();
        begin();
        thread_ = std::thread{[this] { run(); }};
    }
    ~Impl() {
        stop();
        waiting_->closed = true;
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Ticket append(std::vector<Record> records) {
        Unit unit{
            .sequence = base_ + ++last_ticket_, .records = std::move(records), .unreadable = {}};
        unit.bytes = size_in_bytes(unit.records);
        pending_records_ += unit.records.size();
        pending_bytes_ += unit.bytes;
        bool wake = false;
        {
            const std::lock_guard lock{mutex_};
            gathering_.push_back(std::move(unit));
            wake = gathering_.size() >= wake_at_;
        }
        if (wake) changed_.notify_one();
        return last_ticket_;
    }

    void when_durable(Ticket ticket, std::function<void()> release) {
        if (waiting_->may_run_now(ticket)) return release();
        waiting_->add(ticket, std::move(release));
        // It may have become durable since, and nothing be posted any more.
        if (ticket <= waiting_->durable.load()) post_releases();
    }

    bool full() const {
        return pending_records_ >= options_.pending_records_max ||
               pending_bytes_ >= options_.pending_bytes_max;
    }

    bool includes(std::uint64_t journal_sequence, Ticket ticket) const {
        return journal_sequence >= base_ + ticket;
    }

    Health health() const {
        const std::lock_guard lock{mutex_};
        auto out = health_;
        out.pending_records = pending_records_;
        return out;
    }

    Stats stats() const {
        const std::lock_guard lock{mutex_};
        return stats_;
    }

    void stop() {
        {
            const std::lock_guard lock{mutex_};
            stopping_ = true;
            stop_deadline_ = Clock::now() + options_.stop_timeout;
        }
        changed_.notify_one();
        if (thread_.joinable()) thread_.join();
    }

private:
    void begin();
    void run();
    bool take();
    void gather(std::unique_lock<std::mutex>& lock);
    void wait(std::unique_lock<std::mutex>& lock, Clock::time_point until, std::size_t wake_at);
    Clock::time_point next_event() const;
    void write_through();
    void write_to_spill();
    void open_spill();
    void reconnect();
    void accept(std::unique_ptr<Writer> writer);
    void drain();
    void lost(const std::string& why);
    void retry_later(const std::string& why);
    void publish(std::uint64_t sequence);
    void post_releases();
    void enter(State state, const std::string& detail);
    void count(Writer& writer);
    bool writing_through() const { return writer_ && spilled_ == 0; }
    bool stopping_now() const {
        const std::lock_guard lock{mutex_};
        return stopping_;
    }

    const Options options_;
    boost::asio::any_io_executor site_loop_;
    std::shared_ptr<Releases> waiting_ = std::make_shared<Releases>();
    Ticket last_ticket_ = 0;  // site loop
    std::uint64_t base_ = 0;  // sequence = base_ + ticket
    std::atomic<std::size_t> pending_records_{0};
    std::atomic<std::size_t> pending_bytes_{0};

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Unit> gathering_;
    std::size_t wake_at_ = never;  // that many gathered units wake the thread
    bool stopping_ = false;
    bool connected_ = false;  // an attempt to connect has ended
    Clock::time_point stop_deadline_;
    Health health_;
    Stats stats_;

    // The thread's own.
    std::vector<Unit> batch_;  // taken, not yet durable
    std::unique_ptr<Writer> writer_;
    std::unique_ptr<Spill> spill_;
    std::size_t last_batch_units_ = 0;
    Clock::duration last_batch_took_{};
    std::uint64_t spilled_ = 0;        // units in the spill that are not in PostgreSQL
    std::uint64_t last_sequence_ = 0;  // the last that was given to the writer or the spill
    std::string identity_;
    std::future<std::unique_ptr<Writer>> connecting_;
    Clock::time_point reconnect_at_;
    Clock::time_point spill_at_;
    Clock::time_point drain_at_;
    State state_ = State::normal;
    std::chrono::milliseconds reconnect_wait_{};
    std::thread thread_;
};

void PostgresJournal::Impl::begin() {
    writer_ = writer_or_explain(options_.url, options_.call_timeout, options_.lock_wait);
    identity_ = writer_->identity();
    try {
        open_spill();
        if (spilled_ > 0) {
            spdlog::info("journal draining spilled_units={}", spilled_);
            explained([&] {
                while (drain_some(*writer_, *spill_) > 0) {
                }
            });
            spill_.reset();
            Spill::remove(options_.spill_path);
            open_spill();
        }
    } catch (const SpillError& error) {
        throw DatabaseError{"the spill file " + options_.spill_path + " cannot be used (" +
                            one_line(error) + "): make its folder writable and free space there"};
    }
    base_ = writer_->position();
    last_sequence_ = base_;
    reconnect_wait_ = options_.reconnect_wait;
}

void PostgresJournal::Impl::run() {
    while (take()) {
        const auto begun = Clock::now();
        const auto units = batch_.size();
        if (writing_through()) {
            write_through();
        } else {
            write_to_spill();
            if (!writer_) reconnect();
            if (writer_ && spilled_ > 0) drain();
        }
        last_batch_units_ = units - batch_.size();
        last_batch_took_ = Clock::now() - begun;
    }
    if (!batch_.empty()) {
        spdlog::error(
            "journal stopped with units={} that are neither in PostgreSQL nor in the "
            "spill: none of them was acknowledged",
            batch_.size());
    }
}

// Waits until there is something to do; false when all is done or the time to stop is over.
bool PostgresJournal::Impl::take() {
    std::unique_lock lock{mutex_};
    for (;;) {
        if (batch_.empty() && !gathering_.empty()) {
            gather(lock);
            batch_.swap(gathering_);
            return true;
        }
        if (stopping_ && (batch_.empty() || Clock::now() >= stop_deadline_)) return false;
        const auto until = next_event();
        if (connected_ || Clock::now() >= until) return true;
        wait(lock, until, 1);
    }
}

// Those whose wait has just ended are likely to append again at once, and a moment later their
// units would miss this commit: without a pause two halves of the load take turns, and each commit
// carries but one of them. Who appends alone is never kept waiting.
void PostgresJournal::Impl::gather(std::unique_lock<std::mutex>& lock) {
    const auto expected = gathering_.size() + last_batch_units_;
    if (gathering_.size() < 2 || last_batch_units_ < 2) return;
    const auto until = Clock::now() + std::min<Clock::duration>(last_batch_took_ / 2, gather_max);
    while (!stopping_ && gathering_.size() < expected && Clock::now() < until) {
        wait(lock, until, expected);
    }
}

void PostgresJournal::Impl::wait(std::unique_lock<std::mutex>& lock, Clock::time_point until,
                                 std::size_t wake_at) {
    wake_at_ = wake_at;
    if (until == Clock::time_point::max()) {
        changed_.wait(lock);
    } else {
        changed_.wait_until(lock, until);
    }
    wake_at_ = never;
}

// When the thread has something to do although nothing is appended.
Clock::time_point PostgresJournal::Impl::next_event() const {
    auto out = Clock::time_point::max();
    if (!batch_.empty()) out = writing_through() ? Clock::time_point::min() : spill_at_;
    if (writer_ && spilled_ > 0) out = std::min(out, drain_at_);
    if (!writer_ && !connecting_.valid() && !stopping_) out = std::min(out, reconnect_at_);
    if (stopping_) out = std::min(out, stop_deadline_);
    return out;
}

void PostgresJournal::Impl::write_through() {
    if (batch_.empty()) return;
    last_sequence_ = batch_.back().sequence;
    try {
        writer_->write_first(batch_);
        count(*writer_);
        publish(writer_->position());
        reconnect_wait_ = options_.reconnect_wait;
        enter(State::normal, {});
    } catch (const std::exception& error) {
        lost(one_line(error));
    }
}

void PostgresJournal::Impl::write_to_spill() {
    if (batch_.empty() || Clock::now() < spill_at_) return;
    try {
        if (!spill_) open_spill();
        spill_->append(batch_);
        last_sequence_ = batch_.back().sequence;
        spilled_ += batch_.size();
        {
            const std::lock_guard lock{mutex_};
            stats_.spilled += batch_.size();
            health_.spilled_units = spilled_;
        }
        publish(last_sequence_);
        if (state_ == State::failing) {
            enter(writer_ ? State::draining : State::spilling, "the spill can be written again");
        }
    } catch (const SpillError& error) {
        // What failed half-way is settled by opening the file anew; appending again replaces.
        spill_.reset();
        spill_at_ = Clock::now() + spill_retry_wait;
        enter(State::failing,
              "neither PostgreSQL nor the spill file can be written (" + one_line(error) + ")");
    }
}

void PostgresJournal::Impl::open_spill() {
    auto spill = std::make_unique<Spill>(options_.spill_path, options_.spill_pages_max);
    const auto written = writer_ ? writer_->position() : base_;
    spill->adopt(identity_, written);
    spilled_ = spill->count(written);
    spill_ = std::move(spill);
}

// Connecting may take seconds, during which units must become durable: a thread of its own.
void PostgresJournal::Impl::reconnect() {
    if (!connecting_.valid()) {
        if (stopping_now() || Clock::now() < reconnect_at_) return;
        connecting_ = std::async(std::launch::async, [this] {
            std::unique_ptr<Writer> writer;
            std::exception_ptr failure;
            try {
                writer = std::make_unique<Writer>(options_.url, options_.call_timeout);
            } catch (const std::exception&) {
                failure = std::current_exception();
            }
            {
                const std::lock_guard lock{mutex_};
                connected_ = true;
            }
            changed_.notify_one();
            if (failure) std::rethrow_exception(failure);
            return writer;
        });
        return;
    }
    {
        const std::lock_guard lock{mutex_};
        if (!std::exchange(connected_, false)) return;
    }
    try {
        accept(connecting_.get());
    } catch (const std::exception& error) {
        retry_later(one_line(error));
    }
}

void PostgresJournal::Impl::accept(std::unique_ptr<Writer> writer) {
    if (writer->identity() != identity_ || writer->position() > last_sequence_) {
        return retry_later("this is not the database that Busbar started with: restart Busbar");
    }
    writer_ = std::move(writer);
    if (spilled_ > 0) {
        if (state_ != State::failing) {
            enter(State::draining, "PostgreSQL is back, the spill is being written to it");
        }
    } else if (batch_.empty()) {
        enter(State::normal, {});
    }
}

void PostgresJournal::Impl::drain() {
    if (Clock::now() < drain_at_) return;
    try {
        if (!spill_) open_spill();
        const auto drained = drain_some(*writer_, *spill_);
        count(*writer_);
        reconnect_wait_ = options_.reconnect_wait;
        spilled_ -= std::min<std::uint64_t>(spilled_, drained);
        if (drained == 0) spilled_ = 0;
        if (spilled_ == 0) {
            // All of it is in PostgreSQL: the next units find a new and small file.
            spill_.reset();
            Spill::remove(options_.spill_path);
            enter(State::normal, {});
        }
    } catch (const SpillError& error) {
        spill_.reset();
        drain_at_ = Clock::now() + spill_retry_wait;
        if (spilled_ > 0) {
            enter(State::failing, "the spill file cannot be read (" + one_line(error) + ")");
        }
    } catch (const std::exception& error) {
        lost(one_line(error));
    }
    const std::lock_guard lock{mutex_};
    health_.spilled_units = spilled_;
}

// The connection is of no use any more. What is in doubt goes to the spill like everything else:
// the position that the next connection reads decides whether it is written.
void PostgresJournal::Impl::lost(const std::string& why) {
    const auto written = writer_->position();
    count(*writer_);
    writer_.reset();
    if (!batch_.empty() && batch_.front().sequence <= written) publish(written);
    const bool first_time = reconnect_wait_ == options_.reconnect_wait;
    retry_later(why);
    if (first_time) reconnect_at_ = Clock::now();
}

void PostgresJournal::Impl::retry_later(const std::string& why) {
    reconnect_at_ = Clock::now() + reconnect_wait_;
    reconnect_wait_ = std::min(2 * reconnect_wait_, options_.reconnect_wait_max);
    if (state_ != State::failing) enter(State::spilling, "PostgreSQL is away (" + why + ")");
}

void PostgresJournal::Impl::count(Writer& writer) {
    const auto counts = writer.take_counts();
    const std::lock_guard lock{mutex_};
    stats_.records += counts.records;
    stats_.commits += counts.commits;
    stats_.quarantined += counts.quarantined;
}

// Units of the batch up to this sequence are durable.
void PostgresJournal::Impl::publish(std::uint64_t sequence) {
    std::size_t records = 0;
    std::size_t bytes = 0;
    const auto end = std::find_if(batch_.begin(), batch_.end(), [&](const Unit& unit) {
        if (unit.sequence > sequence) return true;
        records += unit.records.size();
        bytes += unit.bytes;
        return false;
    });
    batch_.erase(batch_.begin(), end);
    pending_records_ -= records;
    pending_bytes_ -= bytes;
    waiting_->durable = sequence - base_;
    post_releases();
}

void PostgresJournal::Impl::post_releases() {
    if (waiting_->posted.exchange(true)) return;
    boost::asio::post(site_loop_, [waiting = waiting_] { waiting->run(); });
}

void PostgresJournal::Impl::enter(State state, const std::string& detail) {
    if (state == State::normal && state_ == State::normal) return;
    Health now;
    {
        const std::lock_guard lock{mutex_};
        health_.spilled_units = spilled_;
        health_.detail = detail;
        if (state_ == state) return;
        state_ = state;
        health_.state = state;
        health_.since = wall_now();
        now = health_;
        now.pending_records = pending_records_;
    }
    if (state == State::normal) {
        spdlog::info("journal state=normal");
    } else {
        spdlog::warn("journal state={} detail=\"{}\"", to_string(state), detail);
    }
    if (!options_.on_state_change) return;
    boost::asio::post(site_loop_, [waiting = waiting_, now, run = options_.on_state_change] {
        if (!waiting->closed) run(now);
    });
}

PostgresJournal::PostgresJournal(Options options, boost::asio::any_io_executor site_loop)
    : impl_{std::make_unique<Impl>(std::move(options), std::move(site_loop))} {}
PostgresJournal::~PostgresJournal() = default;

Ticket PostgresJournal::append(std::vector<Record> unit) { return impl_->append(std::move(unit)); }
void PostgresJournal::when_durable(Ticket ticket, std::function<void()> release) {
    impl_->when_durable(ticket, std::move(release));
}
bool PostgresJournal::full() const { return impl_->full(); }
bool PostgresJournal::includes(std::uint64_t journal_sequence, Ticket ticket) const {
    return impl_->includes(journal_sequence, ticket);
}
Health PostgresJournal::health() const { return impl_->health(); }
PostgresJournal::Stats PostgresJournal::stats() const { return impl_->stats(); }
void PostgresJournal::stop() { impl_->stop(); }

std::string_view to_string(PostgresJournal::State state) {
    switch (state) {
        case State::normal:
            return "normal";
        case State::spilling:
            return "spilling";
        case State::draining:
            return "draining";
        case State::failing:
            return "failing";
    }
    return "unknown";
}

}  // namespace busbar::db
