// A deterministic world for tests: virtual time, a queue of events and one seeded source of
// randomness. Events of the same moment run in the order in which they were planned.
// One thread; nothing here waits for real time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "sim/random.hpp"

namespace busbar::sim {

using namespace std::chrono_literals;
using Duration = std::chrono::milliseconds;

class World {
public:
    explicit World(std::uint64_t seed) : random_(seed) {}

    // The steady clock starts away from zero, so that a default Instant is never "now".
    Now now() const {
        constexpr Timestamp start =
            std::chrono::sys_days{std::chrono::year{2026} / std::chrono::May / 4};
        return {Instant{24h + elapsed_}, start + 6h + elapsed_};
    }

    // Runs `event` once, that much later; in this very moment if the delay is not positive.
    void after(Duration delay, std::function<void()> event) {
        events_.push({elapsed_ + std::max(delay, Duration{0}), order_++, std::move(event)});
    }
    // The same at a moment of the steady clock.
    void at(Instant moment, std::function<void()> event) {
        after(moment - now().mono, std::move(event));
    }

    Random& random() { return random_; }
    int pick(int low, int high) { return random_.pick(low, high); }
    bool chance(double percent) { return random_.chance(percent); }
    Duration pick(Duration low, Duration high) {
        return Duration{
            random_.pick(static_cast<int>(low.count()), static_cast<int>(high.count()))};
    }

    // Runs every event of this span, those that are planned on the way included.
    void run_for(Duration span) {
        const Duration end = elapsed_ + span;
        while (!events_.empty() && events_.top().at <= end) {
            // The event is moved out of the heap before it leaves it: order and time stay valid.
            Event event = std::move(const_cast<Event&>(events_.top()));
            events_.pop();
            elapsed_ = event.at;
            ++steps_;
            event.run();
        }
        elapsed_ = end;
    }

    // Events that have run.
    std::uint64_t steps() const { return steps_; }

private:
    struct Event {
        Duration at;
        std::uint64_t order;
        std::function<void()> run;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    Random random_;
    std::priority_queue<Event> events_;
    Duration elapsed_{0};
    std::uint64_t order_ = 0;
    std::uint64_t steps_ = 0;
};

}  // namespace busbar::sim
