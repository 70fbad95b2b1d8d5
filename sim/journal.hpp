// A journal for simulations: commits what is appended after a random delay, in order, whole units
// only. durable() is what a crash would leave. Runs on the world's clock; one thread.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "db/journal.hpp"
#include "sim/world.hpp"

namespace busbar::sim {

class SimulatedJournal final : public db::Journal {
public:
    // More units than this waiting: full().
    static constexpr std::size_t waiting_max = 20'000;

    explicit SimulatedJournal(World& world) : world_(world) {}

    Ticket append(std::vector<db::Record> unit) override {
        gathering_.push_back(std::move(unit));
        ++appended_;
        start();
        return appended_;
    }

    void when_durable(Ticket ticket, std::function<void()> release) override {
        if (ticket <= committed_) return release();
        // Tickets are handed out in order, but a caller may ask about an older one later.
        auto place = releases_.end();
        while (place != releases_.begin() && std::prev(place)->ticket > ticket) --place;
        releases_.insert(place, {ticket, std::move(release)});
    }

    bool full() const override { return appended_ - committed_ > waiting_max; }

    // Nothing becomes durable until that much time has passed: the disk or the database is away.
    void stall_for(Duration span) { stalled_until_ = world_.now().mono + span; }

    // Called for each record at the moment it becomes durable, before anybody is told.
    void observe(std::function<void(const db::Record&)> observer) {
        observer_ = std::move(observer);
    }

    // Everything a crash now would leave, in order.
    const std::vector<db::Record>& durable() const { return durable_; }
    Ticket appended() const { return appended_; }

private:
    struct Release {
        Ticket ticket;
        std::function<void()> run;
    };

    void start() {
        if (committing_) return;
        committing_ = true;
        // Mostly a flash disk; now and then a checkpoint or a busy machine.
        Duration delay = world_.chance(2) ? world_.pick(100ms, 5'000ms) : world_.pick(1ms, 20ms);
        delay = std::max(delay,
                         std::chrono::duration_cast<Duration>(stalled_until_ - world_.now().mono));
        world_.after(delay, [this, batch = std::exchange(gathering_, {})]() mutable {
            commit(std::move(batch));
        });
    }

    void commit(std::vector<std::vector<db::Record>> batch) {
        committed_ += batch.size();
        for (auto& unit : batch) {
            for (auto& record : unit) {
                durable_.push_back(std::move(record));
                if (observer_) observer_(durable_.back());
            }
        }
        committing_ = false;
        while (!releases_.empty() && releases_.front().ticket <= committed_) {
            const auto run = std::move(releases_.front().run);
            releases_.pop_front();
            run();
        }
        if (!gathering_.empty()) start();
    }

    World& world_;
    bool committing_ = false;
    Ticket appended_ = 0;
    Ticket committed_ = 0;
    Instant stalled_until_{};
    std::vector<std::vector<db::Record>> gathering_;
    std::deque<Release> releases_;
    std::function<void(const db::Record&)> observer_;
    std::vector<db::Record> durable_;
};

}  // namespace busbar::sim
