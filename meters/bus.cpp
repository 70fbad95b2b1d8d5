#include "meters/bus.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "meters/bus_link.hpp"
#include "meters/sunspec.hpp"

namespace busbar::meters {
namespace {

using std::chrono::milliseconds;

Now clock_now() {
    return {std::chrono::floor<milliseconds>(std::chrono::steady_clock::now()),
            std::chrono::floor<milliseconds>(std::chrono::system_clock::now())};
}

// What is known of one meter over one connection.
class Device {
public:
    Device(const Profile& profile, int unit_id)
        : described_(profile), profile_(profile), unit_id_(unit_id), plan_(plan_reads(profile)) {}

    // A new connection may lead to another device, or to other ratios.
    void forget() {
        registers_.clear();
        ratios_known_ = false;
        located_ = false;
    }

    // Ratios, if they are not known yet. A meter that refuses them is read without.
    std::optional<LinkFailure> read_once_registers(Link& link, milliseconds timeout) {
        if (ratios_known_) return std::nullopt;
        if (auto failed = locate(link, timeout)) return failed;
        ratios_known_ = true;
        return read_optional(link, plan_.once, timeout);
    }

    std::optional<LinkFailure> read_fast(Link& link, milliseconds timeout) {
        auto failed = read_all(link, plan_.fast, timeout);
        if (failed && failed->kind == LinkFailure::Kind::bad_address && !only_listed_) {
            // Some meters refuse a read that spans registers they do not have.
            only_listed_ = true;
            plan_ = plan_reads(profile_, true);
            failed = read_all(link, plan_.fast, timeout);
        }
        return failed;
    }

    // A refused ratio is asked for again here: the meter may only have been busy.
    std::optional<LinkFailure> read_slow(Link& link, milliseconds timeout) {
        if (once_refused_) ratios_known_ = false;
        return read_optional(link, plan_.slow, timeout);
    }

    // The same for a device that needs its time: one request of it. True behind the last of them.
    std::optional<LinkFailure> read_slow_step(Link& link, milliseconds timeout, bool& finished) {
        if (once_refused_) ratios_known_ = false;
        finished = slow_step_ + 1 >= plan_.slow.size();
        if (plan_.slow.empty()) return std::nullopt;
        const std::vector<Block> one{plan_.slow[slow_step_]};
        slow_step_ = finished ? 0 : slow_step_ + 1;
        return read_optional(link, one, timeout);
    }

    const Timing& timing() const { return described_.timing; }
    bool needs_time() const {
        return timing().request_gap > milliseconds{0} ||
               timing().response_timeout > milliseconds{0};
    }

    Values values() const { return decode(profile_, registers_); }
    Identity identity() const { return decode_identity(profile_, registers_); }
    std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

private:
    // A SunSpec device says itself where its registers are.
    std::optional<LinkFailure> locate(Link& link, milliseconds timeout) {
        if (located_ || !described_.sunspec) return std::nullopt;
        SunspecSearch search{described_.sunspec->ids};
        while (const auto block = search.next()) {
            std::array<std::uint16_t, 2> words{};
            const auto failed = read_words(link, *block, words, timeout);
            if (failed && !failed->connection_stays()) return failed;
            if (failed) {
                search.refuse();
            } else {
                search.take(words);
            }
        }
        if (!search.found()) {
            return LinkFailure{LinkFailure::Kind::refused,
                               "unit " + std::to_string(unit_id_) + ": " + search.failure()};
        }
        profile_ = at_model(described_, search.found()->address);
        plan_ = plan_reads(profile_, only_listed_);
        slow_step_ = 0;
        located_ = true;
        return std::nullopt;
    }

    std::optional<LinkFailure> read_words(Link& link, Block block, std::span<std::uint16_t> words,
                                          milliseconds timeout) {
        // Some devices drop what comes too close behind an answer.
        std::this_thread::sleep_until(answered_at_ + timing().request_gap);
        auto failed = link.read(unit_id_, profile_.function_code, block, words,
                                std::max(timeout, timing().response_timeout));
        answered_at_ = clock_now().mono;
        return failed;
    }

    std::optional<LinkFailure> read_block(Link& link, Block block, milliseconds timeout) {
        std::array<std::uint16_t, 125> words{};
        auto failed = read_words(link, block, words, timeout);
        if (failed) {
            registers_.erase(block);
            failed->text = "registers " + std::to_string(block.address) + " to " +
                           std::to_string(block.address + block.count - 1) + " of unit " +
                           std::to_string(unit_id_) + ": " + failed->text;
        } else {
            registers_.store(block.address, std::span{words}.first(block.count));
        }
        return failed;
    }

    std::optional<LinkFailure> read_all(Link& link, const std::vector<Block>& blocks,
                                        milliseconds timeout) {
        for (const Block& block : blocks) {
            if (auto failed = read_block(link, block, timeout)) return failed;
        }
        return std::nullopt;
    }

    // Exceptions leave values absent; only a broken connection is a failure.
    std::optional<LinkFailure> read_optional(Link& link, const std::vector<Block>& blocks,
                                             milliseconds timeout) {
        const bool once = &blocks == &plan_.once;
        if (once) once_refused_ = false;
        for (const Block& block : blocks) {
            auto failed = read_block(link, block, timeout);
            if (!failed) continue;
            if (!failed->connection_stays()) return failed;
            if (once) once_refused_ = true;
            warnings_.push_back(std::move(failed->text));
        }
        return std::nullopt;
    }

    Profile described_;
    Profile profile_;  // the same, with the addresses of this device
    int unit_id_;
    ReadPlan plan_;
    Registers registers_;
    Instant answered_at_{};
    std::size_t slow_step_ = 0;
    bool located_ = false;
    bool ratios_known_ = false;
    bool once_refused_ = false;
    bool only_listed_ = false;
    std::vector<std::string> warnings_;
};

// The wait behind the n-th failure in a row.
milliseconds retry_wait(const BusSettings& settings, int failures) {
    milliseconds wait = settings.retry_first;
    for (int step = 1; step < failures && wait < settings.retry_max; ++step) wait *= 2;
    return std::min(wait, settings.retry_max);
}

// The next multiple of the period after `due` that is still to come.
Instant next_due(Instant due, milliseconds period, Instant now) {
    if (due + period > now) return due + period;
    return due + period * ((now - due) / period + 1);
}

}  // namespace

class Bus::Worker {
public:
    Worker(BusSettings settings, std::vector<MeterSettings> meters,
           std::function<void(PollResult)> post)
        : settings_(std::move(settings)),
          post_(std::move(post)),
          link_(settings_.host, settings_.port) {
        const Instant start = clock_now().mono;
        for (MeterSettings& meter : meters) meters_.emplace_back(std::move(meter), start);
        thread_ = std::thread{[this] { run(); }};
    }

    ~Worker() {
        {
            const std::lock_guard lock{mutex_};
            stopping_ = true;
        }
        changed_.notify_one();
        link_.cancel();
        thread_.join();
    }

    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

private:
    struct Meter {
        Meter(MeterSettings meter_settings, Instant start)
            : settings(std::move(meter_settings)),
              device(settings.profile, settings.unit_id),
              due(start),
              slow_due(start) {
            settings.poll_period = std::max(settings.poll_period, device.timing().poll_period_min);
        }
        MeterSettings settings;
        Device device;
        Instant due;
        Instant slow_due;
        int failures = 0;  // of the link, in a row
        std::optional<Now> failing_since;
    };

    void run() {
        while (!meters_.empty()) {
            Meter& meter = *std::ranges::min_element(meters_, {}, &Meter::due);
            if (!wait_until(meter.due)) return;
            if (!link_.connected() && !connect()) continue;
            poll(meter);
        }
    }

    // False when it is time to stop.
    bool wait_until(Instant due) {
        std::unique_lock lock{mutex_};
        return !changed_.wait_until(lock, due, [this] { return stopping_; });
    }

    bool connect() {
        auto failed = link_.connect(settings_.timeout);
        if (!failed) {
            for (Meter& meter : meters_) meter.device.forget();
            return settle();
        }
        ++connect_failures_;
        const Instant again = clock_now().mono + retry_wait(settings_, connect_failures_);
        for (Meter& meter : meters_) {
            meter.due = again;
            fail(meter, *failed);
        }
        return false;
    }

    // Some devices do not answer right behind a connection. False when it is time to stop.
    bool settle() {
        milliseconds delay{0};
        for (const Meter& meter : meters_) {
            delay = std::max(delay, meter.device.timing().connect_delay);
        }
        return delay == milliseconds{0} || wait_until(clock_now().mono + delay);
    }

    void poll(Meter& meter) {
        const bool worked = meter.failures == 0 && connect_failures_ == 0;
        auto failed = read(meter);
        if (failed && failed->kind == LinkFailure::Kind::peer_closed && worked) {
            // Meters close idle connections; that alone is no failure.
            failed = link_.connect(settings_.timeout);
            if (!failed) {
                for (Meter& each : meters_) each.device.forget();
                if (!settle()) return;
                failed = read(meter);
            }
        }
        const Instant now = clock_now().mono;
        if (failed && !failed->connection_stays()) {
            link_.close();
            meter.due = now + retry_wait(settings_, ++meter.failures);
        } else {
            meter.due = next_due(meter.due, meter.settings.poll_period, now);
        }
        if (failed) {
            fail(meter, *failed);
            return;
        }
        succeed(meter);
        read_slow(meter, now);
    }

    std::optional<LinkFailure> read(Meter& meter) {
        if (auto failed = meter.device.read_once_registers(link_, settings_.timeout)) {
            return failed;
        }
        return meter.device.read_fast(link_, settings_.timeout);
    }

    // Behind the posted reading, so that nothing slow delays the currents. What is read here is
    // part of the next reading; a connection lost here shows at the next poll.
    void read_slow(Meter& meter, Instant now) {
        if (now >= meter.slow_due) {
            bool finished = true;
            const bool lost = (meter.device.needs_time()
                                   ? meter.device.read_slow_step(link_, settings_.timeout, finished)
                                   : meter.device.read_slow(link_, settings_.timeout))
                                  .has_value();
            if (finished) meter.slow_due = next_due(meter.slow_due, settings_.slow_period, now);
            if (lost) link_.close();
        }
        for (const std::string& warning : meter.device.take_warnings()) {
            spdlog::debug("meter value missing meter={} reason=\"{}\"", meter.settings.name,
                          warning);
        }
    }

    void succeed(Meter& meter) {
        const Now now = clock_now();
        if (meter.failing_since) {
            spdlog::info("meter answers again meter={} after_seconds={}", meter.settings.name,
                         (now.mono - meter.failing_since->mono).count() / 1000);
        }
        meter.failures = 0;
        meter.failing_since.reset();
        connect_failures_ = 0;
        PollResult result;
        result.meter = meter.settings.name;
        result.at = now;
        result.reading = make_reading(meter.settings.name, meter.device.values(), now);
        post_(std::move(result));
    }

    void fail(Meter& meter, const LinkFailure& failure) {
        if (failure.kind == LinkFailure::Kind::cancelled) return;
        PollResult result;
        result.meter = meter.settings.name;
        result.at = clock_now();
        result.error = failure.text;
        if (!meter.failing_since) {
            meter.failing_since = result.at;
            spdlog::warn("meter fails meter={} host={} port={} error=\"{}\"", meter.settings.name,
                         settings_.host, settings_.port, failure.text);
        }
        result.failing_since = meter.failing_since;
        post_(std::move(result));
    }

    const BusSettings settings_;
    const std::function<void(PollResult)> post_;
    std::vector<Meter> meters_;
    Link link_;
    int connect_failures_ = 0;  // in a row, without a reading between them

    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;  // guarded by mutex_
    std::thread thread_;
};

Bus::Bus(BusSettings settings, std::vector<MeterSettings> meters,
         std::function<void(PollResult)> post)
    : worker_(std::make_unique<Worker>(std::move(settings), std::move(meters), std::move(post))) {}

Bus::~Bus() = default;

void Bus::stop() { worker_.reset(); }

ReadOutcome read_once(const Profile& profile, const std::string& host, std::uint16_t port,
                      int unit_id, milliseconds timeout) {
    ReadOutcome outcome;
    Link link{host, port};
    Device device{profile, unit_id};
    auto failed = link.connect(timeout);
    if (!failed) std::this_thread::sleep_for(profile.timing.connect_delay);
    if (!failed) failed = device.read_once_registers(link, timeout);
    if (!failed) failed = device.read_fast(link, timeout);
    if (failed) {
        outcome.error = failed->text;
        return outcome;
    }
    const Now read_at = clock_now();
    failed = device.read_slow(link, timeout);
    outcome.warnings = device.take_warnings();
    if (failed) outcome.warnings.push_back(failed->text);
    outcome.reading = make_reading(profile.name, device.values(), read_at);
    outcome.identity = device.identity();
    return outcome;
}

}  // namespace busbar::meters
