#include "db/message_log.hpp"

#include <algorithm>
#include <atomic>
#include <vector>

#include <spdlog/spdlog.h>

#include "db/message_batch.hpp"
#include "db/message_store.hpp"
#include "db/redaction.hpp"
#include "db/worker.hpp"

namespace busbar::db {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t batch_rows_max = 1000;
constexpr std::size_t batch_bytes_max = std::size_t{4} << 20;
// Retention works in steps of so many rows, one a batch: short locks, little at a time.
constexpr int measured_rows_max = 20'000;
constexpr int deleted_rows_max = 5'000;

std::string cut(std::string_view payload) {
    return std::string{payload.substr(0, MessageLog::payload_bytes_max)} +
           " ... cut here, it had " + std::to_string(payload.size()) + " bytes";
}

Timestamp wall_now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace

class MessageLog::Impl {
public:
    explicit Impl(Options options) : options_{std::move(options)} {}

    void add(MessageView row) {
        std::string shorter;
        if (row.payload.size() > payload_bytes_max) {
            shorter = cut(row.payload);
            row.payload = shorter;
        }
        worker_.change([&](auto& waiting) {
            const bool sleeps = waiting.empty();
            if (sleeps || is_full(waiting.back())) waiting.push_back(std::exchange(spare_, {}));
            auto& batch = waiting.back();
            waiting_bytes_ -= batch.stored_bytes();
            batch.add(row);
            waiting_bytes_ += batch.stored_bytes();
            ++waiting_rows_;
            drop_excess(waiting);
            return sleeps;
        });
    }

    void leave_out() { ++dropped_; }

    std::uint64_t dropped() const { return dropped_; }
    std::uint64_t written() const { return written_; }

private:
    void run() {
        while (!worker_.stopping()) {
            try {
                Connection connection{options_.url, options_.call_timeout, "busbar-messages"};
                prepare_message_log(connection);
                begin(connection);
                work(connection);
                return;
            } catch (const std::exception& error) {
                if (!is_away_) spdlog::warn("message_log away detail=\"{}\"", one_line(error));
                is_away_ = true;
            }
            worker_.wait_until(Clock::now() + wait_, [](const auto&) { return false; });
            wait_ = std::min(2 * wait_, options_.reconnect_wait_max);
        }
    }

    // Only what was written proves it: a database on a full disk lets everybody in.
    void is_back() {
        if (is_away_) spdlog::info("message_log back dropped={}", dropped_.load());
        is_away_ = false;
        wait_ = options_.reconnect_wait;
    }

    void begin(Connection& connection) {
        Transaction transaction{connection};
        // The last moments of the log may go with a crash of the database; in return it costs the
        // disk nothing that the journal waits for.
        transaction.exec("SET synchronous_commit = off");
        measured_until_ = last_message_id(transaction);
        transaction.commit();
        last_id_ = std::max(last_id_, measured_until_);
        measured_to_ = 0;
        stored_bytes_ = 0;
        retention_due_ = {};
    }

    void work(Connection& connection) {
        while (gather()) {
            const bool wrote = write_one(connection);
            retain(connection);
            if (wrote) is_back();
        }
        while (write_one(connection)) {
        }
    }

    // Waits until there is something to do; false at the end.
    bool gather() {
        const bool retaining = measured_to_ < measured_until_ || Clock::now() >= retention_due_;
        const auto has_rows = [&](const auto& waiting) {
            return !waiting.empty() || !batch_.empty();
        };
        if (!retaining) worker_.wait_until(retention_due_, has_rows);
        worker_.wait_until(Clock::now() + options_.batch_wait, [](const auto&) { return false; });
        return !worker_.stopping();
    }

    // One batch; false if there was none.
    bool write_one(Connection& connection) {
        if (!take_batch()) return false;
        try {
            Transaction transaction{connection};
            write_messages(transaction, batch_);
            transaction.commit();
            for (const auto& message : batch_) stored_bytes_ += stored_bytes(message.row);
            written_ += batch_.size();
        } catch (const pqxx::sql_error& error) {
            if (!refused_for_content(error)) throw;
            spdlog::error("message_log refused rows={} detail=\"{}\"", batch_.size(),
                          one_line(error));
            dropped_ += batch_.size();
        }
        batch_.clear();
        return true;
    }

    // The next rows to write, or those that an earlier attempt has left. False if there are none.
    bool take_batch() {
        if (!batch_.empty()) return true;
        MessageBatch taken;
        worker_.change([&](auto& waiting) {
            if (!waiting.empty()) taken = take_front(waiting);
            return false;
        });
        for (auto& row : taken.rows()) {
            row.payload = redacted(row.action, std::move(row.payload));
            batch_.push_back({++last_id_, std::move(row)});
        }
        taken.clear();
        worker_.change([&](auto&) {
            spare_ = std::move(taken);
            return false;
        });
        return !batch_.empty();
    }

    // With the queue's lock, as all that follows.
    using Waiting = Worker<MessageBatch>::Queue;

    MessageBatch take_front(Waiting& waiting) {
        auto front = std::move(waiting.front());
        waiting.pop_front();
        waiting_rows_ -= front.size();
        waiting_bytes_ -= front.stored_bytes();
        return front;
    }

    bool is_full(const MessageBatch& batch) const {
        // What is dropped is dropped by the batch: no more than a part of what may wait.
        return batch.size() >= std::min(batch_rows_max, options_.waiting_rows_max / 10) ||
               batch.stored_bytes() >= std::min(batch_bytes_max, options_.waiting_bytes_max / 4);
    }

    void drop_excess(Waiting& waiting) {
        while (!waiting.empty() && (waiting_rows_ > options_.waiting_rows_max ||
                                    waiting_bytes_ > options_.waiting_bytes_max)) {
            auto dropped = take_front(waiting);
            dropped_ += dropped.size();
            dropped.clear();
            spare_ = std::move(dropped);
        }
    }

    // One step: measuring what an earlier run left, then deleting what is too old or too much.
    void retain(Connection& connection) {
        if (measured_to_ < measured_until_) return measure(connection);
        if (Clock::now() < retention_due_) return;
        Transaction transaction{connection};
        auto gone =
            delete_messages_before(transaction, wall_now() - options_.age_max, deleted_rows_max);
        const auto excess = stored_bytes_ - gone.bytes - options_.size_max;
        if (gone.rows == 0 && excess > 0) {
            gone = delete_oldest_messages(transaction, excess, deleted_rows_max);
            // Somebody else has deleted rows: what is there is not what was counted.
            if (gone.rows == 0) gone.bytes = stored_bytes_;
        }
        transaction.commit();
        stored_bytes_ = std::max<std::int64_t>(stored_bytes_ - gone.bytes, 0);
        if (gone.rows == 0) retention_due_ = Clock::now() + options_.retention_interval;
    }

    void measure(Connection& connection) {
        Transaction transaction{connection};
        const auto part =
            measure_messages(transaction, measured_to_, measured_until_, measured_rows_max);
        stored_bytes_ += part.bytes;
        measured_to_ = part.rows < measured_rows_max ? measured_until_ : part.last_id;
    }

    const Options options_;
    std::size_t waiting_rows_ = 0;  // of the queue; changed only with its lock, as
    std::size_t waiting_bytes_ = 0;
    MessageBatch spare_;  // memory for the next batch
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> written_{0};
    // The thread's own.
    bool is_away_ = false;
    std::chrono::milliseconds wait_ = options_.reconnect_wait;
    std::vector<NumberedMessage> batch_;
    std::int64_t last_id_ = 0;
    std::int64_t measured_until_ = 0;  // rows up to this id were there before
    std::int64_t measured_to_ = 0;
    std::int64_t stored_bytes_ = 0;
    Clock::time_point retention_due_{};
    Worker<MessageBatch> worker_{[this] { run(); }};  // the oldest rows first
};

MessageLog::MessageLog(Options options) : impl_{std::make_unique<Impl>(std::move(options))} {}
MessageLog::~MessageLog() = default;
void MessageLog::add(const MessageView& row) { impl_->add(row); }
void MessageLog::leave_out() { impl_->leave_out(); }
std::uint64_t MessageLog::dropped() const { return impl_->dropped(); }
std::uint64_t MessageLog::written() const { return impl_->written(); }

}  // namespace busbar::db
