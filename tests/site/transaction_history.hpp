// Random histories of one charger: physical charging sessions, and what the charger says of them,
// by way of a network that cuts, repeats, loses and shuffles. The seed decides everything. Plain
// values.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace busbar::site::test {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

inline constexpr double charger_watts = 22'000;
inline constexpr Timestamp day_one = std::chrono::sys_days{std::chrono::year{2026} / 3 / 1};

class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    std::uint64_t next() { return engine_(); }
    int pick(int from, int to) {
        return from + static_cast<int>(next() % static_cast<std::uint64_t>(to - from + 1));
    }
    bool chance(int percent) { return pick(1, 100) <= percent; }

private:
    std::mt19937_64 engine_;  // the same everywhere
};

// How this history's charger and network are.
struct Temper {
    bool loses = false;     // messages for good
    bool shuffles = false;  // a queue that is emptied
    bool repeats = false;   // what was not answered
    bool session_register = false;
    double register_size = 0;  // it rolls over; 0: never
    bool resets = false;       // to 0, once
    bool clock_jumps = false;  // once
    bool tells_begin = false;  // transactionData of the stop
    bool mixes = false;        // old messages come between new ones
    int sample_minutes = 15;   // 0: no values
};

struct Session {
    int connector = 1;
    std::string badge;
    Timestamp begins;  // true time
    Timestamp ends;
    double energy_wh = 0;
    std::int32_t meter_start = 0;
    std::int32_t meter_stop = 0;
    Timestamp start_stamp;
    Timestamp stop_stamp;
    bool is_register_whole = true;  // neither reset nor rolled over inside
    bool was_reset = false;
    std::set<std::int32_t> answers;  // transactionIds that its start was given
    bool start_came = false;
    bool stop_came = false;
};

struct Message {
    enum class Kind { start, value, stop, available, charging, boot };
    Kind kind{};
    std::size_t session = 0;
    Timestamp made;   // true time
    Timestamp stamp;  // by the charger's clock
    double register_wh = 0;
    Timestamp delivered;
};

inline std::int32_t whole(double wh) { return static_cast<std::int32_t>(std::floor(wh)); }

// Makes the sessions and what the charger says of them.
class History {
public:
    explicit History(std::uint64_t seed) : random_(seed) {
        temper_.loses = random_.chance(25);
        temper_.shuffles = random_.chance(20);
        temper_.repeats = random_.chance(60);
        temper_.session_register = random_.chance(15);
        if (!temper_.session_register && random_.chance(15)) temper_.register_size = 1e6;
        // Near the end of a register, a reset looks like a roll-over.
        temper_.resets = temper_.register_size == 0 && random_.chance(10);
        temper_.clock_jumps = random_.chance(15);
        temper_.tells_begin = random_.chance(30);
        temper_.sample_minutes = random_.chance(20) ? 0 : random_.pick(5, 30);
        jump_at_ = day_one + minutes{random_.pick(0, 900)};
        jump_ = minutes{temper_.clock_jumps ? random_.pick(-180, 180) : 0};
        reset_at_ = day_one + minutes{random_.pick(0, 900)};
        for (const int connector : {1, 2}) charge_on(connector, random_.pick(0, 2));
        if (sessions.empty()) charge_on(1, 1);
        if (random_.chance(30)) boot();
        deliver();
    }

    std::vector<Session> sessions;
    std::vector<Message> messages;  // in the order of their delivery; repeats and all
    const Temper& temper() const { return temper_; }

private:
    Timestamp stamp(Timestamp at) const { return at >= jump_at_ ? at + jump_ : at; }

    double shown(double wh) const {
        return temper_.register_size > 0 ? std::fmod(wh, temper_.register_size) : wh;
    }

    void say(Message::Kind kind, std::size_t session, Timestamp at, double register_wh) {
        messages.push_back({kind, session, at, stamp(at), register_wh, at});
    }

    void charge_on(int connector, int count) {
        double total = temper_.register_size > 0 ? temper_.register_size - random_.pick(1, 40'000)
                                                 : random_.pick(1'200'000, 5'000'000);
        bool is_reset = false;
        Timestamp at = day_one + minutes{random_.pick(1, 120)};
        for (int i = 0; i < count; ++i) {
            const auto index = sessions.size();
            Session session;
            session.connector = connector;
            session.badge = "B" + std::to_string(index);
            session.begins = at;
            session.ends = at + minutes{random_.pick(10, 480)};
            if (temper_.session_register) total = 0;
            const double watts = random_.pick(1'400, 21'000);
            const double begin = total;
            session.meter_start = whole(shown(total));
            session.start_stamp = stamp(session.begins);
            say(Message::Kind::start, index, at, shown(total));
            say(Message::Kind::charging, index, at + seconds{5}, 0);
            const auto step = minutes{temper_.sample_minutes > 0 ? temper_.sample_minutes : 60};
            Timestamp last = at;
            double lost = 0;  // what the register has forgotten
            const auto advance = [&](Timestamp to) {
                const double used =
                    watts * std::chrono::duration<double, std::ratio<3600>>(to - last).count();
                total += used;
                session.energy_wh += used;
                if (temper_.resets && !is_reset && reset_at_ >= last && reset_at_ < to) {
                    is_reset = true;
                    session.was_reset = true;
                    lost += total;
                    total = 0;
                }
                last = to;
            };
            for (auto t = at + step; t < session.ends; t += step) {
                advance(t);
                if (temper_.sample_minutes > 0) say(Message::Kind::value, index, t, shown(total));
            }
            advance(session.ends);
            session.meter_stop = whole(shown(total));
            session.stop_stamp = stamp(session.ends);
            const bool rolled =
                temper_.register_size > 0 && std::floor(begin / temper_.register_size) !=
                                                 std::floor(total / temper_.register_size);
            session.is_register_whole = !session.was_reset && !rolled;
            say(Message::Kind::stop, index, session.ends, shown(total));
            say(Message::Kind::available, index, session.ends + seconds{20}, 0);
            at = session.ends + minutes{random_.pick(1, 120)};
            sessions.push_back(std::move(session));
        }
    }

    void boot() { say(Message::Kind::boot, 0, day_one + minutes{random_.pick(1, 900)}, 0); }

    // When each message arrives, how often, and whether at all.
    void deliver() {
        std::stable_sort(messages.begin(), messages.end(),
                         [](const auto& a, const auto& b) { return a.made < b.made; });
        const bool is_cut = random_.chance(50);
        temper_.mixes = is_cut || temper_.loses;
        const auto cut_from = day_one + minutes{random_.pick(0, 900)};
        const auto cut_to = cut_from + minutes{random_.pick(1, 1'200)};
        std::vector<Message> live;
        std::vector<Message> queued;
        for (const auto& message : messages) {
            const bool is_fact = message.kind == Message::Kind::start ||
                                 message.kind == Message::Kind::value ||
                                 message.kind == Message::Kind::stop;
            const bool is_queued = is_cut && message.made >= cut_from && message.made < cut_to;
            if (!is_fact && is_queued) continue;
            if (is_fact && temper_.loses && random_.chance(8)) continue;
            (is_queued ? queued : live).push_back(message);
            auto& list = is_queued ? queued : live;
            while (is_fact && temper_.repeats && random_.chance(20)) list.push_back(message);
        }
        if (temper_.shuffles) {
            for (std::size_t i = queued.size(); i > 1; --i) {
                const auto j = random_.next() % i;
                std::swap(queued[i - 1], queued[j]);
            }
        }
        auto at = cut_to;
        for (auto& message : queued) {
            at += milliseconds{random_.pick(50, 20'000)};
            message.delivered = at;
        }
        messages = std::move(live);
        messages.insert(messages.end(), queued.begin(), queued.end());
        std::stable_sort(messages.begin(), messages.end(),
                         [](const auto& a, const auto& b) { return a.delivered < b.delivered; });
        drop_answered_starts();
    }

    // A charger that has sent the stop has long had the answer to a start that came before it.
    void drop_answered_starts() {
        std::set<std::size_t> started;
        std::set<std::size_t> over;
        std::erase_if(messages, [&](const Message& message) {
            if (message.kind == Message::Kind::stop && started.contains(message.session)) {
                over.insert(message.session);
            }
            if (message.kind != Message::Kind::start) return false;
            started.insert(message.session);
            return over.contains(message.session);
        });
    }

    Random random_;
    Temper temper_;
    Timestamp jump_at_;
    minutes jump_{0};
    Timestamp reset_at_;
};

}  // namespace busbar::site::test
