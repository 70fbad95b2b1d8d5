// The laws of transactions over random histories: physical charging sessions whose messages are
// delayed, repeated, lost and shuffled, by chargers that lose their connection, boot, are set to
// another time, have registers that roll over or start anew, send absurd values and wrong numbers
// or take two sockets for one, to a server that is restarted while its operator corrects and
// erases. The seed is the test case: a failure names it and the history, and it replays exactly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "site/pseudonym.hpp"
#include "tests/site/transaction_recorder.hpp"

namespace busbar::site::test {
namespace {

constexpr int histories_per_seed = 5'000;

// One session, and what was kept of it.
struct Kept {
    const Session& session;
    const History& history;
    const Recorder& recorder;
    std::vector<const db::TransactionStarted*> rows{};
    const db::TransactionStopped* stop = nullptr;
    const Temper& temper() const { return history.temper(); }

    bool is_stop_its_own() const {
        return stop && stop->stopped_at == session.stop_stamp &&
               (stop->meter_stop_wh == session.meter_stop || !session.stop_is_readable);
    }
};

Kept kept_of(const Session& session, const Recorder& recorder, const History& history) {
    Kept out{session, history, recorder};
    for (const auto& [key, row] : recorder.starts) {
        const bool is_badge = row.id_tag == session.badge ||
                              (!session.erased_as.empty() && row.id_tag == session.erased_as);
        const bool is_place =
            row.charge_point == charger_name(session.charger) &&
            (row.connector_id == session.connector || row.reconstructed.value_or(false));
        if (!is_badge || !is_place || row.started_at != session.start_stamp) continue;
        out.rows.push_back(&row);
        const auto stop = recorder.stops.find(key);
        if (stop != recorder.stops.end()) out.stop = &stop->second;
    }
    return out;
}

// What its socket gave out from this session on.
double energy_from(const Session& session, const History& history) {
    double sum = 0;
    for (const auto& other : history.sessions) {
        const bool is_later = other.begins >= session.begins;
        const bool is_socket = other.charger == session.charger && other.socket == session.socket;
        if (is_socket && is_later) sum += other.energy_wh;
    }
    return sum;
}

// A stop that was acknowledged is the end of a transaction, or waits for a person.
void check_nothing_is_lost(const Kept& kept) {
    const auto& session = kept.session;
    if (!session.stop_came) return;
    // One without a register says nothing of a transaction that has been closed already.
    if (!session.stop_is_readable && kept.stop) return;
    db::OrphanStop wanted;
    wanted.charge_point = charger_name(session.charger);
    wanted.stopped_at = session.stop_stamp;
    wanted.meter_stop_wh = session.meter_stop;
    const auto& orphans = kept.recorder.orphans;
    const bool is_orphan = std::any_of(orphans.begin(), orphans.end(), [&](const auto& orphan) {
        return orphan.charge_point == wanted.charge_point &&
               orphan.stopped_at == wanted.stopped_at &&
               (orphan.meter_stop_wh == wanted.meter_stop_wh || !session.stop_is_readable);
    });
    ASSERT_TRUE(is_orphan || kept.is_stop_its_own() || kept.recorder.is_end_of_any(wanted))
        << session.badge << "'s stop is lost";
}

// A session whose badge was erased when something of it was known.
void check_erased(const Kept& kept) {
    const auto& session = kept.session;
    if (session.erased_as.empty() || !session.start_came || kept.rows.empty()) return;
    if (!is_pseudonym(kept.rows[0]->id_tag)) return;
    ASSERT_TRUE(!kept.stop || kept.stop->id_tag != session.badge) << "an erased badge is back";
}

// A stop with the number of another session ends that if it still runs; one that comes before its
// start and has the same badge as all others may be another's.
bool is_undecidable(const Temper& temper) {
    const bool is_stale = temper.stop_numbers == Numbers::stale && !temper.tells_begin;
    return is_stale || (temper.one_badge && temper.mixes);
}

// True if its own stop may not have been recognised, and waits for a person.
bool may_be_orphaned(const Kept& kept) {
    const auto& temper = kept.temper();
    // A stop that came first, and by time or register cannot be its start's.
    const bool is_odd = (temper.shuffles || temper.mixes) && (temper.clock_jumps || temper.resets);
    const bool is_nameless = temper.stop_numbers != Numbers::right && !temper.tells_begin;
    return is_odd || is_nameless || kept.session.is_falsified || !kept.session.erased_as.empty();
}

// Values without a number, of two sockets that are said to be one; absurd ones where nothing is
// wrong with a register that begins anew.
bool are_values_misleading(const Temper& temper) {
    const bool are_mixed_up =
        temper.one_connector && (temper.value_numbers != Numbers::right || temper.mixes);
    return are_mixed_up || (temper.lies_in_values && temper.session_register);
}

// Of a session whose stop never came.
void check_estimate(const Kept& kept) {
    const auto& session = kept.session;
    if (!kept.stop) return;
    ASSERT_TRUE(kept.stop->estimated) << session.badge;
    if (session.is_falsified) return;
    const auto energy = static_cast<double>(*kept.stop->energy_wh);
    if (are_values_misleading(kept.temper())) return;
    // Values whose own start and stop are lost count for the one before.
    ASSERT_LE(energy, energy_from(session, kept.history) + 2) << session.badge;
    if (session.is_register_whole && !kept.temper().clock_jumps) {
        ASSERT_GE(energy, session.known_wh - 2) << session.badge;
    }
}

void check_energy(const Kept& kept) {
    const auto& session = kept.session;
    const auto& temper = kept.temper();
    const auto energy = static_cast<double>(*kept.stop->energy_wh);
    if (session.is_register_whole && !are_values_misleading(temper)) {
        ASSERT_EQ(*kept.stop->energy_wh, session.meter_stop - session.meter_start)
            << session.badge << " by " << *kept.stop->energy_source;
        ASSERT_NEAR(energy, session.energy_wh, 2) << session.badge;
    } else if (!temper.mixes && !session.was_reset && !temper.clock_jumps &&
               !temper.lies_in_values && !are_values_misleading(temper) && !temper.one_connector &&
               temper.sample_minutes > 0 && temper.value_numbers != Numbers::stale) {
        ASSERT_NEAR(energy, session.energy_wh, 3) << session.badge << " over the roll-over";
    } else if (!temper.mixes && !are_values_misleading(temper)) {
        // What a register has forgotten is lost, but nothing is added.
        ASSERT_LE(energy, session.energy_wh + 2)
            << session.badge << " by " << *kept.stop->energy_source;
    }
}

// Its stop says less than what was measured: that counts.
void check_stale(const Kept& kept) {
    const auto& session = kept.session;
    const auto& temper = kept.temper();
    if (temper.mixes || temper.clock_jumps || temper.lies_in_values) return;
    if (are_values_misleading(temper)) return;
    constexpr double trifle_wh = 52;
    const auto energy = static_cast<double>(*kept.stop->energy_wh);
    ASSERT_GE(energy, session.known_wh - trifle_wh) << session.badge << " has a stale stop";
    ASSERT_LE(energy, session.energy_wh + 2) << session.badge << " has a stale stop";
}

// What was kept of one session must be right, as far as it can be known.
void check_session(const Kept& kept) {
    const auto& session = kept.session;
    const auto& temper = kept.temper();
    // With a clock that was set back, a session can seem to end before it began.
    const bool tells_begin =
        temper.tells_begin && session.start_stamp <= session.stop_stamp && session.meter_start >= 0;
    const bool is_known = session.start_came || (session.stop_came && tells_begin);
    ASSERT_EQ(kept.rows.size(), is_known ? 1U : 0U) << session.badge << " is lost or doubled";
    ASSERT_LE(session.answers.size(), 1U) << session.badge << " was given two numbers";
    ASSERT_NO_FATAL_FAILURE(check_nothing_is_lost(kept));
    ASSERT_NO_FATAL_FAILURE(check_erased(kept));
    if (!is_known) return;
    ASSERT_EQ(kept.rows[0]->meter_start_wh, session.meter_start);
    if (is_undecidable(temper)) return;
    if (!session.stop_came || (may_be_orphaned(kept) && !kept.is_stop_its_own())) {
        return check_estimate(kept);
    }
    ASSERT_NE(kept.stop, nullptr) << session.badge << " never stops";
    ASSERT_TRUE(kept.is_stop_its_own()) << session.badge;
    const bool is_doubtful = temper.stop_numbers != Numbers::right || !session.stop_is_readable ||
                             !session.erased_as.empty();
    ASSERT_TRUE(!kept.stop->estimated || is_doubtful) << session.badge;
    if (session.is_stop_stale) return check_stale(kept);
    if (!session.is_falsified) check_energy(kept);
}

// Nothing is counted that did not flow, whoever it is counted for.
void check_sum(const History& history, const Recorder& recorder) {
    const auto& temper = history.temper();
    if (temper.lies_at_ends || temper.stale_stops || is_undecidable(temper) ||
        are_values_misleading(temper))
        return;
    if (temper.clock_jumps || temper.one_connector || temper.resets) return;
    if (temper.value_numbers != Numbers::right) return;
    // Until the start comes, what is measured counts for the session before.
    if (temper.session_register && temper.mixes) return;
    double kept = 0;
    double flowed = 0;
    for (const auto& [key, row] : recorder.stops) kept += static_cast<double>(*row.energy_wh);
    for (const auto& session : history.sessions) flowed += session.energy_wh + 2;
    ASSERT_LE(kept, flowed);
}

// Quotas are held against what counts, at any time.
void check_used(const Recorder& recorder, const History& history) {
    std::set<std::string> badges{"C"};
    for (const auto& session : history.sessions) badges.insert(session.badge);
    const auto month = history_zone().month_begin(recorder.now());
    std::map<std::string, std::int64_t> sums;
    for (const auto& [id, stop] : recorder.stops) {
        const auto correction = recorder.corrections.find(id);
        auto badge = recorder.starts.at(id).id_tag;
        auto energy = *stop.energy_wh;
        if (correction != recorder.corrections.end()) {
            badge = correction->second.badge.value_or(badge);
            energy = correction->second.energy_wh.value_or(energy);
        }
        if (stop.stopped_at >= month) sums[badge] += energy;
    }
    for (const auto& badge : badges) {
        ASSERT_EQ(recorder.used.used_wh(badge, recorder.now()), sums[badge]) << badge;
    }
}

void check(const History& history, const Recorder& recorder) {
    ASSERT_EQ(recorder.doubled_keys, 0);
    ASSERT_EQ(recorder.foreign_changes, 0);
    std::set<std::int32_t> numbers;
    for (const auto& [key, row] : recorder.starts) {
        ASSERT_TRUE(numbers.insert(row.transaction_id).second) << "a number is used twice";
    }
    for (const auto& [key, row] : recorder.stops) {
        const auto start = recorder.starts.find(key);
        ASSERT_TRUE(start != recorder.starts.end()) << "a stop of nothing";
        ASSERT_GE(*row.energy_wh, 0);
        const auto longest =
            std::max({row.stopped_at - start->second.started_at,
                      row.received_at - start->second.received_at, Timestamp::duration{hours{24}}});
        ASSERT_LE(static_cast<double>(*row.energy_wh),
                  deliverable_wh(charger_watts, Timestamp{}, Timestamp{longest}));
    }
    for (const auto& session : history.sessions) {
        ASSERT_NO_FATAL_FAILURE(check_session(kept_of(session, recorder, history)));
    }
    ASSERT_NO_FATAL_FAILURE(check_sum(history, recorder));
    ASSERT_NO_FATAL_FAILURE(check_used(recorder, history));
}

std::string describe(const History& history, const Recorder& recorder) {
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
    add(temper.lies_in_values, "lies_in_values");
    add(temper.lies_at_ends, "lies_at_ends");
    add(temper.stale_stops, "stale_stops");
    add(temper.replays, "replays");
    add(temper.one_connector, "one_connector");
    add(temper.one_badge, "one_badge");
    add(temper.echoes_numbers, "echoes_numbers");
    out += "stop_numbers=" + std::to_string(static_cast<int>(temper.stop_numbers)) +
           " value_numbers=" + std::to_string(static_cast<int>(temper.value_numbers)) + " ";
    out += "samples=" + std::to_string(temper.sample_minutes) + "\n";
    constexpr const char* kinds[] = {"start", "value",   "stop",    "available", "charging",
                                     "boot",  "restart", "correct", "erase"};
    for (const auto& session : history.sessions) {
        out += session.badge + " CP" + std::to_string(session.charger + 1) + "/" +
               std::to_string(session.socket) + " " + std::to_string(session.meter_start) + " to " +
               std::to_string(session.meter_stop) + " truly " + std::to_string(session.energy_wh) +
               "\n";
    }
    for (const auto& message : history.messages) {
        out += to_string(message.delivered) + " " + kinds[static_cast<int>(message.kind)] + " B" +
               std::to_string(message.session) + " lie " +
               std::to_string(static_cast<int>(message.lie)) + " made " + to_string(message.made) +
               " stamp " + to_string(message.stamp) + " " + std::to_string(message.register_wh) +
               "\n";
    }
    for (const auto& [id, row] : recorder.starts) out += to_json(row) + "\n";
    for (const auto& [id, row] : recorder.stops) out += to_json(row) + "\n";
    for (const auto& row : recorder.orphans) out += to_json(row) + "\n";
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
            FAIL() << "seed " << GetParam() << " history " << i << ": "
                   << describe(history, recorder);
        }
    }
    EXPECT_GT(sessions, static_cast<std::size_t>(histories_per_seed));
}

INSTANTIATE_TEST_SUITE_P(Seeds, TransactionHistories, testing::ValuesIn(seeds()));

}  // namespace
}  // namespace busbar::site::test
