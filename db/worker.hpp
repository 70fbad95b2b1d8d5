// A thread with a queue in front of it: other threads put items in, it waits for them and takes
// them out. How long the queue may grow is up to those who put in. The members of a worker's owner
// that the thread uses stand before the worker, which ends the thread when it goes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace busbar::db {

template <class Item>
class Worker {
public:
    using Clock = std::chrono::steady_clock;
    using Queue = std::deque<Item>;

    // Runs `body` on the thread: it returns soon once stopping() is true.
    explicit Worker(std::function<void()> body) : thread_{std::move(body)} {}
    ~Worker() {
        {
            const std::lock_guard lock{mutex_};
            stopping_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Any thread: lets `change` have the queue, and wakes the thread if it returns true. Returns
    // what it returned.
    template <class Change>
    bool change(const Change& change) {
        const std::lock_guard lock{mutex_};
        const bool wake = change(queue_);
        if (wake) changed_.notify_one();
        return wake;
    }

    // Any thread.
    bool stopping() const {
        const std::lock_guard lock{mutex_};
        return stopping_;
    }

    // The thread: the oldest item, waiting for one; nothing once the worker stops.
    std::optional<Item> take() {
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
        if (stopping_) return std::nullopt;
        std::optional<Item> item{std::move(queue_.front())};
        queue_.pop_front();
        return item;
    }

    // The thread: waits until `due(queue)` holds, the time has come or the worker stops.
    template <class Due>
    void wait_until(Clock::time_point time, const Due& due) {
        std::unique_lock lock{mutex_};
        changed_.wait_until(lock, time, [&] { return stopping_ || due(std::as_const(queue_)); });
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Queue queue_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace busbar::db
