// Random histories of one or two chargers: physical charging sessions, and what the chargers say of
// them, by way of a network that cuts, repeats, loses and shuffles; what a server that restarts and
// an operator who corrects and erases do meanwhile. The seed decides everything. Plain values.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
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
// Some sessions end in this month, some in the next one.
inline constexpr Timestamp day_one = std::chrono::sys_days{std::chrono::year{2026} / 3 / 31};

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

// The transactionIds of stops and values.
enum class Numbers {
    right,
    none,      // 0
    negative,  // -1
    unknown,   // one that nobody has
    foreign,   // that of another charger
    stale      // that of an earlier session
};

// How this history's chargers and network are.
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
    Numbers stop_numbers = Numbers::right;
    Numbers value_numbers = Numbers::right;
    bool echoes_numbers = true;   // what is known of its model
    bool lies_in_values = false;  // some are absurd
    bool lies_at_ends = false;    // some starts and stops are
    bool stale_stops = false;     // some repeat the start's register, or an earlier one
    bool replays = false;         // what was sent and answered is sent again, much later
    bool one_connector = false;   // both sockets are said to be connector 1
    bool one_badge = false;       // everybody has the same
};

// What is wrong with a register that is sent.
enum class Lie { none, negative, zero, huge, in_kwh, unreadable };

struct Session {
    int charger = 0;
    int socket = 1;     // that has the register
    int connector = 1;  // as the charger says
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
    bool is_falsified = false;  // one of its ends
    bool is_stop_stale = false;
    bool stop_is_readable = true;
    std::set<std::int32_t> answers;  // transactionIds that its start was given
    bool start_came = false;
    bool stop_came = false;
    double known_wh = 0;    // the least that is known of its energy, from what was believed
    std::string erased_as;  // its badge is; "": it is not
};

struct Message {
    enum class Kind {
        start,
        value,
        stop,
        available,
        charging,
        boot,
        restart,  // of the server
        correct,  // an operator does, what is kept of the session
        erase     // an operator does, its badge
    };
    Kind kind{};
    std::size_t session = 0;
    Timestamp made;   // true time
    Timestamp stamp;  // by the charger's clock
    double register_wh = 0;
    Timestamp delivered;
    Lie lie = Lie::none;
    bool is_replay = false;
};

inline std::int32_t whole(double wh) { return static_cast<std::int32_t>(std::floor(wh)); }

// What a register of so much becomes.
inline double told(double wh, Lie lie) {
    switch (lie) {
        case Lie::negative:
            return -5;
        case Lie::zero:
        case Lie::unreadable:
            return 0;
        case Lie::huge:
            return 1e12;
        case Lie::in_kwh:
            return std::floor(wh / 1000);
        case Lie::none:
            break;
    }
    return wh;
}

// Makes the sessions and what the chargers say of them.
class History {
public:
    explicit History(std::uint64_t seed) : random_(seed), rare_(~seed) {
        choose_network();
        choose_faults();
        // Else nothing but a register may tell whose stop it is.
        temper_.stale_stops =
            rare_.chance(8) && !temper_.lies_at_ends && temper_.stop_numbers == Numbers::right;
        temper_.replays = rare_.chance(15);
        const int chargers = random_.chance(25) ? 2 : 1;
        for (int charger = 0; charger < chargers; ++charger) {
            for (const int socket : {1, 2}) charge_on(charger, socket, random_.pick(0, 2));
        }
        if (sessions.empty()) charge_on(0, 1, 1);
        lie_at_ends();
        make_stops_stale();
        if (random_.chance(30)) happen(Message::Kind::boot);
        if (random_.chance(40)) happen(Message::Kind::restart);
        if (random_.chance(20)) happen(Message::Kind::restart);
        while (random_.chance(25)) happen(Message::Kind::correct);
        if (random_.chance(20)) happen(Message::Kind::erase);
        deliver();
    }

    std::vector<Session> sessions;
    std::vector<Message> messages;  // in the order of their delivery; repeats and all
    const Temper& temper() const { return temper_; }
    std::uint64_t random() { return random_.next(); }

private:
    void choose_network() {
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
    }

    void choose_faults() {
        const auto numbers = [&] { return static_cast<Numbers>(random_.pick(1, 5)); };
        if (random_.chance(15)) temper_.stop_numbers = numbers();
        if (random_.chance(15)) temper_.value_numbers = numbers();
        temper_.echoes_numbers = random_.chance(70);
        temper_.lies_in_values = random_.chance(15);
        temper_.lies_at_ends = random_.chance(8);
        temper_.one_connector = random_.chance(8);
        // Whose stop comes without its start must be told by its badge.
        const bool is_orderly = !temper_.loses && !temper_.shuffles && !temper_.clock_jumps &&
                                !temper_.one_connector && temper_.stop_numbers == Numbers::right;
        temper_.one_badge = is_orderly && random_.chance(20);
    }

    Timestamp stamp(Timestamp at) const { return at >= jump_at_ ? at + jump_ : at; }

    double shown(double wh) const {
        return temper_.register_size > 0 ? std::fmod(wh, temper_.register_size) : wh;
    }

    void say(Message::Kind kind, std::size_t session, Timestamp at, double register_wh) {
        Message message{kind, session, at, stamp(at), register_wh, at};
        if (kind == Message::Kind::value && temper_.lies_in_values && random_.chance(15)) {
            message.lie = static_cast<Lie>(random_.pick(1, 5));
        }
        messages.push_back(message);
    }

    // Somebody else than a charger, or it starts anew.
    void happen(Message::Kind kind) {
        const auto session = static_cast<std::size_t>(random_.next() % sessions.size());
        say(kind, session, day_one + minutes{random_.pick(1, 2'000)}, 0);
    }

    // The register of one socket.
    struct Socket {
        double total = 0;
        bool was_reset = false;
        Timestamp until;
    };

    // Until then it draws so much.
    void advance(Socket& socket, Session& session, double watts, Timestamp to) {
        const auto hours_passed =
            std::chrono::duration<double, std::ratio<3600>>(to - socket.until).count();
        socket.total += watts * hours_passed;
        session.energy_wh += watts * hours_passed;
        if (temper_.resets && !socket.was_reset && reset_at_ >= socket.until && reset_at_ < to) {
            socket.was_reset = true;
            session.was_reset = true;
            socket.total = 0;
        }
        socket.until = to;
    }

    void charge_on(int charger, int number, int count) {
        Socket socket;
        socket.total = temper_.register_size > 0 ? temper_.register_size - random_.pick(1, 40'000)
                                                 : random_.pick(1'200'000, 5'000'000);
        Timestamp at = day_one + minutes{random_.pick(1, 120)};
        for (int i = 0; i < count; ++i) {
            const auto index = sessions.size();
            Session session;
            session.charger = charger;
            session.socket = number;
            session.connector = temper_.one_connector ? 1 : number;
            session.badge = temper_.one_badge ? "B" : "B" + std::to_string(index);
            session.begins = at;
            session.ends = at + minutes{random_.pick(10, 480)};
            if (temper_.session_register) socket.total = 0;
            socket.until = at;
            charge(socket, session, index);
            at = session.ends + minutes{random_.pick(1, 120)};
            sessions.push_back(std::move(session));
        }
    }

    void charge(Socket& socket, Session& session, std::size_t index) {
        const double watts = random_.pick(1'400, 21'000);
        const double begin = socket.total;
        session.meter_start = whole(shown(begin));
        session.start_stamp = stamp(session.begins);
        say(Message::Kind::start, index, session.begins, shown(begin));
        say(Message::Kind::charging, index, session.begins + seconds{5}, 0);
        const auto step = minutes{temper_.sample_minutes > 0 ? temper_.sample_minutes : 60};
        for (auto t = session.begins + step; t < session.ends; t += step) {
            advance(socket, session, watts, t);
            if (temper_.sample_minutes == 0) continue;
            say(Message::Kind::value, index, t, shown(socket.total));
        }
        advance(socket, session, watts, session.ends);
        session.meter_stop = whole(shown(socket.total));
        session.stop_stamp = stamp(session.ends);
        const double size = temper_.register_size;
        const bool rolled = size > 0 && std::floor(begin / size) != std::floor(socket.total / size);
        session.is_register_whole = !session.was_reset && !rolled;
        say(Message::Kind::stop, index, session.ends, shown(socket.total));
        say(Message::Kind::available, index, session.ends + seconds{20}, 0);
    }

    void lie_at_ends() {
        if (!temper_.lies_at_ends) return;
        const auto falsify = [&](std::int32_t& wh, Lie lie) {
            constexpr double most = std::numeric_limits<std::int32_t>::max();
            wh = static_cast<std::int32_t>(std::min(told(wh, lie), most));
        };
        for (auto& session : sessions) {
            const auto lie = static_cast<Lie>(random_.pick(0, 5));
            if (lie == Lie::none) continue;
            session.is_falsified = true;
            if (lie == Lie::unreadable) {
                session.stop_is_readable = false;
            } else {
                falsify(random_.chance(50) ? session.meter_start : session.meter_stop, lie);
            }
        }
    }

    void make_stops_stale() {
        if (!temper_.stale_stops) return;
        for (auto& session : sessions) {
            const auto risen = session.meter_stop - session.meter_start;
            if (!session.is_register_whole || risen <= 0 || rare_.chance(40)) continue;
            session.is_falsified = true;
            session.is_stop_stale = true;
            const bool is_echo = rare_.chance(50);
            session.meter_stop = session.meter_start + (is_echo ? 0 : rare_.pick(0, risen));
        }
    }

    static bool is_fact(const Message& message) {
        return message.kind == Message::Kind::start || message.kind == Message::Kind::value ||
               message.kind == Message::Kind::stop;
    }

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
            const bool is_ours = message.kind >= Message::Kind::restart;
            const bool is_queued =
                !is_ours && is_cut && message.made >= cut_from && message.made < cut_to;
            if (!is_fact(message) && is_queued) continue;
            if (is_fact(message) && temper_.loses && random_.chance(8)) continue;
            auto& list = is_queued ? queued : live;
            list.push_back(message);
            while (is_fact(message) && temper_.repeats && random_.chance(20)) {
                list.push_back(message);
            }
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
        if (temper_.replays) replay();
    }

    // A charger that has forgotten what was answered, and sends some hours again.
    void replay() {
        const auto from = day_one + minutes{rare_.pick(0, 900)};
        const auto to = from + minutes{rare_.pick(60, 1'200)};
        const int charger = rare_.pick(0, 1);
        std::vector<Message> again;
        Timestamp at = to;
        for (const auto& message : messages) {
            const bool is_its = sessions[message.session].charger == charger;
            if (!is_fact(message) || !is_its) continue;
            if (message.made < from || message.made >= to) continue;
            at = std::max(at, message.delivered);
            again.push_back(message);
        }
        std::stable_sort(again.begin(), again.end(),
                         [](const auto& a, const auto& b) { return a.made < b.made; });
        at += minutes{rare_.pick(1, 300)};
        for (auto& message : again) {
            at += milliseconds{rare_.pick(50, 20'000)};
            message.delivered = at;
            message.is_replay = true;
        }
        messages.insert(messages.end(), again.begin(), again.end());
        std::stable_sort(messages.begin(), messages.end(),
                         [](const auto& a, const auto& b) { return a.delivered < b.delivered; });
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
    Random rare_;  // of its own: what came later has not changed the histories before
    Temper temper_;
    Timestamp jump_at_;
    minutes jump_{0};
    Timestamp reset_at_;
};

}  // namespace busbar::site::test
