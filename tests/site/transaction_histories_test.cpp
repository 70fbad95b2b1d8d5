// The laws of transactions over random histories: physical charging sessions whose messages are
// delayed, repeated, lost and shuffled, by chargers that lose their connection, boot, are set to
// another time and have registers that roll over or start anew. The seed is the test case: a
// failure names it and the history, and it replays exactly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "site/transaction_rules.hpp"
#include "tests/site/transaction_history.hpp"

namespace busbar::site::test {
namespace {

constexpr int histories_per_seed = 5'000;

// The handlers' part without a site: hands the facts to the rules and keeps the rows.
class Recorder {
public:
    explicit Recorder(History& history) : history_(history) {
        book_.rules.power_watts_max = charger_watts;
        book_.rules.is_same_badge = [](std::string_view a, std::string_view b) { return a == b; };
    }

    void run() {
        for (const auto& message : history_.messages) {
            pass_until(message.delivered);
            take(message);
        }
        pass_until(now_.wall + hours{48});
    }

    std::map<db::TransactionKey, db::TransactionStarted> starts;
    std::map<db::TransactionKey, db::TransactionStopped> stops;  // as the database keeps them
    std::vector<db::OrphanStop> orphans;
    int doubled_keys = 0;

private:
    void record(const db::TransactionStarted& row) {
        doubled_keys += !starts.emplace(row.id, row).second;
    }
    void record(const db::TransactionStopped& row) {
        const auto it = stops.find(row.id);
        if (it == stops.end()) {
            stops.emplace(row.id, row);
        } else if (it->second.estimated && !row.estimated) {
            it->second = row;
        }
    }

    void pass_until(Timestamp at) {
        while (const auto next = next_overdue(book_)) {
            const auto then = now_.wall + std::max(milliseconds{0}, *next - now_.mono);
            if (then > at) break;
            set(then);
            const auto overdue = find_overdue(book_, now_);
            ASSERT_TRUE(overdue);
            record(*close(book_, *overdue->transaction, overdue->reason, now_.wall).stop);
        }
        set(at);
    }
    void set(Timestamp at) {
        now_.mono += at - now_.wall;
        now_.wall = at;
    }

    void take(const Message& message) {
        auto& session = history_.sessions[message.session];
        switch (message.kind) {
            case Message::Kind::start:
                return start(session);
            case Message::Kind::value:
                return value(message, session);
            case Message::Kind::stop:
                return stop(session);
            case Message::Kind::available:
                return status(session, "Available");
            case Message::Kind::charging:
                return status(session, "Charging");
            case Message::Kind::boot:
                return booted(book_, now_);
        }
    }

    void start(Session& session) {
        session.start_came = true;
        StartReceived start;
        start.row.charge_point = "CP1";
        start.row.connector_id = session.connector;
        start.row.id_tag = session.badge;
        start.row.meter_start_wh = session.meter_start;
        start.row.started_at = session.start_stamp;
        start.row.received_at = now_.wall;
        const auto* known = find_same_start(book_, start);
        if (!known) {
            const auto out = begin(book_, start, now_);
            if (out.ended) record(*out.ended->stop);
            record(out.begun->start);
            if (out.is_past) record(*out.begun->stop);
            known = out.begun;
        }
        session.answers.insert(known->start.transaction_id);
    }

    // As site/metering does it: by number, else by connector and time.
    Transaction* find(const Session& session, Timestamp at) {
        for (const auto id : session.answers) {
            for (auto& transaction : open_) {
                if (transaction.start.transaction_id == id) return &transaction;
            }
            for (auto& transaction : stopped_) {
                if (transaction.start.transaction_id == id) return &transaction;
            }
        }
        for (auto& transaction : open_) {
            if (transaction.start.connector_id == session.connector &&
                transaction.start.started_at <= at + seconds{60}) {
                return &transaction;
            }
        }
        return nullptr;
    }

    void value(const Message& message, const Session& session) {
        auto* transaction = find(session, message.stamp);
        RegisterReading reading;
        reading.point = {message.register_wh, message.stamp};
        // Else a register that begins anew could be taken for one in kWh.
        reading.unit_is_known = history_.temper().register_size > 0;
        RegisterBounds bounds;
        bounds.power_watts_max = charger_watts;
        bounds.session = history_.temper().session_register;
        if (transaction) {
            bounds.transaction_start =
                RegisterPoint{static_cast<double>(transaction->start.meter_start_wh),
                              transaction->start.started_at};
        }
        const auto verdict = judge(memory_[session.connector], reading, bounds);
        if (!transaction) return;
        if (verdict.wh && !transaction->stop && message.stamp >= transaction->register_at) {
            transaction->register_wh = whole(*verdict.wh);
            transaction->register_at = message.stamp;
        }
        EnergyReading measured;
        measured.at = message.stamp;
        measured.register_wh = verdict.wh;
        const bool live = now_.wall - message.made < minutes{5};
        add_reading(*transaction, measured, live, charger_watts, now_);
    }

    void stop(Session& session) {
        session.stop_came = true;
        StopReceived stop;
        stop.transaction_id = session.answers.empty() ? -1 : *session.answers.rbegin();
        stop.row.meter_stop_wh = session.meter_stop;
        stop.row.stopped_at = session.stop_stamp;
        stop.row.received_at = now_.wall;
        stop.row.reason = "Local";
        stop.row.id_tag = session.badge;
        if (history_.temper().tells_begin) {
            stop.begin =
                RegisterPoint{static_cast<double>(session.meter_start), session.start_stamp};
        }
        const auto matched = match(book_, stop, now_);
        if (matched.is_reconstructed) record(matched.transaction->start);
        if (matched.meaning == StopMeaning::orphan) {
            orphans.push_back(keep_orphan(book_, stop, "CP1"));
        } else if (matched.meaning != StopMeaning::repeats) {
            record(*finish(book_, matched, stop).stop);
        }
    }

    void status(const Session& session, std::string_view status) {
        for (auto& transaction : open_) {
            if (transaction.start.connector_id != session.connector) continue;
            reported(transaction, status, now_.wall, now_);
        }
    }

    History& history_;
    std::vector<Transaction> open_;
    std::deque<Transaction> stopped_;
    std::deque<db::OrphanStop> orphan_stops_;
    db::TransactionKey next_key_ = 1;
    TransactionBook book_{open_, stopped_, orphan_stops_, next_key_};
    std::map<int, RegisterMemory> memory_;
    Now now_{Instant{hours{1}}, day_one};
};

// What its connector gave out from this session on.
double energy_from(const Session& session, const History& history) {
    double sum = 0;
    for (const auto& other : history.sessions) {
        const bool is_later = other.begins >= session.begins;
        if (other.connector == session.connector && is_later) sum += other.energy_wh;
    }
    return sum;
}

// What was kept of one session must be right, as far as it can be known.
void check_session(const Session& session, const Recorder& recorder, const History& history) {
    const auto& temper = history.temper();
    std::vector<const db::TransactionStarted*> rows;
    for (const auto& [key, row] : recorder.starts) {
        if (row.id_tag == session.badge) rows.push_back(&row);
    }
    // With a clock that was set back, a session can seem to end before it began.
    const bool tells_begin = temper.tells_begin && session.start_stamp <= session.stop_stamp;
    const bool is_known = session.start_came || (session.stop_came && tells_begin);
    ASSERT_EQ(rows.size(), is_known ? 1U : 0U) << session.badge << " is lost or doubled";
    ASSERT_LE(session.answers.size(), 1U) << session.badge << " was given two numbers";
    const bool is_orphan =
        std::any_of(recorder.orphans.begin(), recorder.orphans.end(),
                    [&](const auto& orphan) { return orphan.id_tag == session.badge; });
    if (!is_known) {
        ASSERT_EQ(is_orphan, session.stop_came) << session.badge << "'s stop is lost";
        return;
    }
    ASSERT_EQ(rows[0]->meter_start_wh, session.meter_start);
    ASSERT_EQ(rows[0]->started_at, session.start_stamp);
    const auto stop = recorder.stops.find(rows[0]->id);
    if (!session.stop_came) {
        if (stop == recorder.stops.end()) return;
        ASSERT_TRUE(stop->second.estimated) << session.badge;
        // Values whose own start and stop are lost count for the one before.
        ASSERT_LE(*stop->second.energy_wh, energy_from(session, history) + 2) << session.badge;
        return;
    }
    // A stop that came first, and by time or register cannot be its start's, is for a person.
    const bool is_odd = temper.shuffles && (temper.clock_jumps || temper.resets);
    if (is_odd && is_orphan) return;
    ASSERT_NE(stop, recorder.stops.end()) << session.badge << " never stops";
    ASSERT_FALSE(stop->second.estimated) << session.badge;
    ASSERT_EQ(stop->second.meter_stop_wh, session.meter_stop) << session.badge;
    ASSERT_EQ(stop->second.stopped_at, session.stop_stamp) << session.badge;
    const auto energy = static_cast<double>(*stop->second.energy_wh);
    if (session.is_register_whole && !temper.clock_jumps) {
        ASSERT_EQ(*stop->second.energy_wh, session.meter_stop - session.meter_start)
            << session.badge << " by " << *stop->second.energy_source;
        ASSERT_NEAR(energy, session.energy_wh, 2) << session.badge;
    } else if (!temper.mixes && !session.was_reset && !temper.clock_jumps &&
               temper.sample_minutes > 0) {
        ASSERT_NEAR(energy, session.energy_wh, 3) << session.badge << " over the roll-over";
    } else if (!temper.mixes) {
        // What a register has forgotten is lost, but nothing is added.
        ASSERT_LE(energy, session.energy_wh + 2)
            << session.badge << " by " << *stop->second.energy_source;
    }
}

void check(const History& history, const Recorder& recorder) {
    ASSERT_EQ(recorder.doubled_keys, 0);
    std::set<std::int32_t> numbers;
    for (const auto& [key, row] : recorder.starts) {
        ASSERT_TRUE(numbers.insert(row.transaction_id).second) << "a number is used twice";
    }
    for (const auto& [key, row] : recorder.stops) {
        ASSERT_TRUE(recorder.starts.contains(key)) << "a stop of nothing";
        ASSERT_GE(*row.energy_wh, 0);
    }
    for (const auto& session : history.sessions) {
        ASSERT_NO_FATAL_FAILURE(check_session(session, recorder, history));
    }
}

std::string describe(const History& history) {
    const auto& temper = history.temper();
    std::string out;
    const auto add = [&](bool is, const char* what) {
        if (is) out.append(what).append(" ");
    };
    add(temper.loses, "loses");
    add(temper.shuffles, "shuffles");
    add(temper.repeats, "repeats");
    add(temper.session_register, "session_register");
    add(temper.register_size > 0, "rolls_over");
    add(temper.resets, "resets");
    add(temper.clock_jumps, "clock_jumps");
    add(temper.tells_begin, "tells_begin");
    out += "samples=" + std::to_string(temper.sample_minutes) + "\n";
    constexpr const char* kinds[] = {"start", "value", "stop", "available", "charging", "boot"};
    for (const auto& message : history.messages) {
        out += to_string(message.delivered) + " " + kinds[static_cast<int>(message.kind)] + " B" +
               std::to_string(message.session) + " made " + to_string(message.made) + " stamp " +
               to_string(message.stamp) + " " + std::to_string(message.register_wh) + "\n";
    }
    return out;
}

std::vector<std::uint64_t> seeds() {
    const char* wanted = std::getenv("BUSBAR_SIMULATION_SEEDS");
    const int count = wanted ? std::atoi(wanted) : 20;
    std::vector<std::uint64_t> out;
    for (int seed = 1; seed <= count; ++seed) out.push_back(static_cast<std::uint64_t>(seed));
    return out;
}

class TransactionHistories : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TransactionHistories, KeepEverySessionOnceWithItsEnergy) {
    std::size_t sessions = 0;
    for (int i = 0; i < histories_per_seed; ++i) {
        History history{GetParam() * 1'000'000 + static_cast<std::uint64_t>(i)};
        Recorder recorder{history};
        recorder.run();
        check(history, recorder);
        sessions += history.sessions.size();
        if (HasFatalFailure()) {
            FAIL() << "seed " << GetParam() << " history " << i << ": " << describe(history);
        }
    }
    EXPECT_GT(sessions, static_cast<std::size_t>(histories_per_seed));
}

INSTANTIATE_TEST_SUITE_P(Seeds, TransactionHistories, testing::ValuesIn(seeds()));

}  // namespace
}  // namespace busbar::site::test
