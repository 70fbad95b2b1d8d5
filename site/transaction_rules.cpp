#include "site/transaction_rules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "site/pseudonym.hpp"

namespace busbar::site {
namespace {

using std::chrono::seconds;

// A message this much older than its receipt has waited somewhere.
constexpr seconds late_after{300};

bool is_same(const db::TransactionStarted& known, const db::TransactionStarted& row) {
    const bool is_badge =
        equal_ignoring_case(known.id_tag, row.id_tag) || is_pseudonym(known.id_tag);
    return is_badge && known.connector_id == row.connector_id &&
           known.started_at == row.started_at && known.meter_start_wh == row.meter_start_wh;
}

// What cannot be told by its time has one that is not the charger's, or says nothing.
bool is_time_believable(const db::TransactionStarted& start) {
    return start.started_at >= believable_from && !start.implausible_start;
}

// The start of a transaction that we only know by its stop: the times and registers come from two
// places in the charger, and its connector was not told.
bool is_start_of_reconstructed(const TransactionBook& book, const Transaction& known,
                               const StartReceived& start) {
    if (!known.start.reconstructed.value_or(false)) return false;
    const auto& row = start.row;
    const auto apart = known.start.started_at - row.started_at;
    const bool is_badge = known.start.id_tag.empty() || is_pseudonym(known.start.id_tag) ||
                          book.rules.is_same_badge(known.start.id_tag, row.id_tag);
    const bool is_connector =
        known.start.connector_id == 0 || known.start.connector_id == row.connector_id;
    return is_badge && is_connector && std::chrono::abs(apart) <= seconds{60} &&
           std::abs(std::int64_t{known.start.meter_start_wh} - row.meter_start_wh) <= 1;
}

// True if its own time and register tell it from others.
bool can_be_told(const StartReceived& start) {
    return start.meter_is_known && start.time_is_known && start.row.started_at >= believable_from;
}

// A start that came after its stop, or whose stop is still to come, may come again, however odd it
// looks beside what has ended since.
bool may_begin_again(const Transaction& stopped) {
    const auto& start = stopped.start;
    if (start.reconstructed.value_or(false)) return true;
    if (start.started_at < believable_from) return false;
    return stopped.stop->estimated || stopped.stop->received_at < start.received_at;
}

Transaction* running_on(TransactionBook& book, std::int32_t connector_id) {
    const auto it = std::find_if(book.open.begin(), book.open.end(), [&](const auto& t) {
        return t.start.connector_id == connector_id;
    });
    return it == book.open.end() ? nullptr : &*it;
}

// An erased badge is no badge any more.
bool is_nameless(const db::OrphanStop& stop) { return !stop.id_tag || is_pseudonym(*stop.id_tag); }

// A stop without a start that came before this start, and is its end.
std::optional<db::OrphanStop> take_orphan(TransactionBook& book, const StartReceived& start) {
    const auto& row = start.row;
    auto& orphans = book.orphan_stops;
    auto best = orphans.end();
    for (auto it = orphans.begin(); it != orphans.end(); ++it) {
        const bool is_later = it->stopped_at >= row.started_at &&
                              may_follow(row.meter_start_wh, row.started_at, it->meter_stop_wh,
                                         it->stopped_at, book.rules.power_watts_max);
        const bool fits =
            is_later && (is_nameless(*it) || book.rules.is_same_badge(*it->id_tag, row.id_tag));
        if (fits && (best == orphans.end() || it->stopped_at < best->stopped_at)) best = it;
    }
    if (best == orphans.end()) return std::nullopt;
    auto found = std::move(*best);
    orphans.erase(best);
    return found;
}

void put_energy(const Transaction& transaction, db::TransactionStopped& stop, bool meter_is_known,
                double power_watts_max) {
    EnergySpan span;
    const auto& start = transaction.start;
    span.start_wh = start.meter_start_wh;
    span.started_at = start.started_at;
    span.start_received_at = start.received_at;
    if (meter_is_known) span.stop_wh = stop.meter_stop_wh;
    span.stopped_at = stop.stopped_at;
    span.stop_received_at = stop.received_at;
    span.times_are_believable = is_time_believable(start);
    const auto energy = energy_of(transaction.energy, span, power_watts_max);
    stop.energy_wh = energy.wh;
    stop.energy_source = energy.source;
}

Transaction& move_to_stopped(TransactionBook& book, const Transaction& running,
                             db::TransactionStopped stop) {
    const auto at = std::find_if(book.open.begin(), book.open.end(),
                                 [&](const auto& t) { return t.start.id == running.start.id; });
    const auto received_at = stop.received_at;
    Transaction ended = std::move(*at);
    book.open.erase(at);
    ended.stop = std::move(stop);
    book.stopped.push_back(std::move(ended));
    drop_old(book.stopped, received_at);
    return book.stopped.back();
}

// Ends a transaction that is over when its start comes: by the stop that came first, or, until its
// stop comes, with nothing.
void end_past(TransactionBook& book, const Transaction& begun,
              const std::optional<db::OrphanStop>& orphan, Timestamp at) {
    if (!orphan) {
        close(book, begun, closed_by_start, at);
        return;
    }
    db::TransactionStopped stop;
    stop.id = begun.start.id;
    stop.meter_stop_wh = orphan->meter_stop_wh;
    stop.stopped_at = orphan->stopped_at;
    stop.received_at = orphan->received_at;
    stop.reason = orphan->reason;
    stop.id_tag = orphan->id_tag;
    // Without a badge it may be another's after all.
    stop.estimated = is_nameless(*orphan);
    auto& ended = move_to_stopped(book, begun, std::move(stop));
    put_energy(ended, *ended.stop, true, book.rules.power_watts_max);
}

// What was measured in the next session before its start came was taken for this one's.
void take_back_readings(Transaction& running, const StartReceived& start) {
    if (!start.meter_is_known || !start.time_is_known) return;
    auto& tally = running.energy;
    if (!take_back(tally, start.row.meter_start_wh, start.row.started_at)) return;
    running.register_wh = static_cast<std::int32_t>(std::lround(*tally.register_wh));
    running.register_at = tally.register_at;
}

}  // namespace

std::int32_t transaction_id_for(db::TransactionKey key) {
    constexpr std::int64_t span = 2'147'480'000;
    return static_cast<std::int32_t>(1000 + (key - 1) % span + 1);
}

bool is_implausible(const TransactionBook& book, const StartReceived& start) {
    const auto& row = start.row;
    if (!can_be_told(start)) return true;
    // Registers are those of connectors.
    const auto before = std::find_if(
        book.stopped.rbegin(), book.stopped.rend(),
        [&](const auto& known) { return known.start.connector_id == row.connector_id; });
    if (before == book.stopped.rend()) return false;
    const auto& last = *before->stop;
    return row.started_at <= last.stopped_at && row.received_at > last.received_at + seconds{60} &&
           row.meter_start_wh < last.meter_stop_wh && !last.estimated;
}

Transaction* find_same_start(TransactionBook& book, const StartReceived& start) {
    for (auto& transaction : book.open) {
        // What we put in for a thing that is not known is another at each repeat.
        auto row = start.row;
        if (!start.meter_is_known) row.meter_start_wh = transaction.start.meter_start_wh;
        if (!start.time_is_known) row.started_at = transaction.start.started_at;
        if (is_same(transaction.start, row)) return &transaction;
    }
    // Queues are sent again as a whole: one that says what an earlier one said is that, however
    // long ago it has stopped.
    const bool has_words = can_be_told(start);
    for (auto& transaction : book.stopped) {
        if (!has_words && !may_begin_again(transaction)) continue;
        if (is_same(transaction.start, start.row)) return &transaction;
        if (is_start_of_reconstructed(book, transaction, start)) return &transaction;
    }
    return nullptr;
}

StartOutcome begin(TransactionBook& book, const StartReceived& start, Now now) {
    StartOutcome out;
    const bool implausible = is_implausible(book, start);
    auto* running = running_on(book, start.row.connector_id);
    const bool is_late = running && !implausible && start.time_is_known &&
                         start.row.started_at < running->start.started_at &&
                         start.row.received_at - start.row.started_at > late_after;
    const bool has_time = start.time_is_known && start.row.started_at >= believable_from;
    const auto orphan = has_time ? take_orphan(book, start) : std::nullopt;
    out.is_past = is_late || orphan.has_value();
    // What is older takes nobody's place.
    if (is_late) running = nullptr;
    // No charger has that many connectors: one that pretends to must not fill our memory. What is
    // pushed out for that says nothing of its connector.
    if (!running && book.open.size() >= open_transactions_max) {
        running = &book.open.front();
        out.ended_may_draw = true;
    }
    if (running) {
        if (!out.ended_may_draw) take_back_readings(*running, start);
        out.ended =
            &close(book, *running, out.ended_may_draw ? closed_by_operator : closed_by_start,
                   start.row.received_at);
    }
    Transaction transaction;
    auto& row = transaction.start;
    row = start.row;
    row.id = book.next_key++;
    row.transaction_id = transaction_id_for(row.id);
    row.implausible_start = implausible;
    transaction.register_wh = row.meter_start_wh;
    transaction.register_at = row.started_at;
    transaction.charging_since = now.mono;
    transaction.energy = begin_tally(row.meter_start_wh, row.started_at);
    out.begun = &book.open.emplace_back(std::move(transaction));
    if (out.is_past) {
        end_past(book, *out.begun, orphan, start.row.received_at);
        out.begun = &book.stopped.back();
    }
    return out;
}

Transaction& finish(TransactionBook& book, const StopMatch& match, const StopReceived& stop) {
    auto& transaction = *match.transaction;
    auto row = stop.row;
    row.id = transaction.start.id;
    row.estimated = match.is_doubtful || !stop.meter_is_known;
    // What came late must not bring an erased badge back.
    if (row.id_tag && is_pseudonym(transaction.start.id_tag)) {
        row.id_tag = transaction.start.id_tag;
    }
    if (!stop.meter_is_known) {
        row.meter_stop_wh =
            transaction.stop ? transaction.stop->meter_stop_wh : transaction.register_wh;
    }
    put_energy(transaction, row, stop.meter_is_known, book.rules.power_watts_max);
    if (match.meaning == StopMeaning::ends) {
        return move_to_stopped(book, transaction, std::move(row));
    }
    transaction.stop = std::move(row);
    return transaction;
}

db::OrphanStop orphan_of(const StopReceived& stop, std::string_view charge_point) {
    const auto& row = stop.row;
    db::OrphanStop orphan;
    orphan.charge_point = charge_point;
    orphan.transaction_id = stop.transaction_id;
    orphan.meter_stop_wh = stop.meter_is_known ? row.meter_stop_wh : 0;
    orphan.stopped_at = row.stopped_at;
    orphan.received_at = row.received_at;
    orphan.reason = row.reason;
    orphan.id_tag = row.id_tag;
    return orphan;
}

db::OrphanStop keep_orphan(TransactionBook& book, const StopReceived& stop,
                           std::string_view charge_point) {
    auto orphan = orphan_of(stop, charge_point);
    if (stop.meter_is_known) await_start(book, orphan);
    return orphan;
}

void await_start(TransactionBook& book, const db::OrphanStop& orphan) {
    auto& orphans = book.orphan_stops;
    // Who knows the number of an earlier one has had the answer to its start.
    const bool is_known =
        is_kept(book, orphan) ||
        std::any_of(book.stopped.begin(), book.stopped.end(), [&](const Transaction& ended) {
            return ended.start.transaction_id == orphan.transaction_id;
        });
    if (is_known) return;
    if (orphans.size() == orphan_stops_max) orphans.pop_front();
    orphans.push_back(orphan);
}

bool is_kept(const TransactionBook& book, const db::OrphanStop& orphan) {
    const auto& orphans = book.orphan_stops;
    return std::any_of(orphans.begin(), orphans.end(), [&](const auto& known) {
        return known.transaction_id == orphan.transaction_id &&
               known.stopped_at == orphan.stopped_at && known.meter_stop_wh == orphan.meter_stop_wh;
    });
}

void add_reading(Transaction& transaction, const EnergyReading& reading, bool live,
                 double power_watts_max, Now now) {
    constexpr double drawing_watts = 200;
    auto& tally = transaction.energy;
    const double rises = tally.rises_wh;
    add_reading(tally, reading, power_watts_max);
    if (!live) return;
    transaction.booted_at.reset();
    const bool draws = tally.rises_wh > rises || reading.power_watts.value_or(0) > drawing_watts;
    if (draws && transaction.available_since) transaction.available_since = now.mono;
}

void reported(Transaction& transaction, std::string_view status, Timestamp received_at, Now now) {
    if (status == "Available") {
        // What was said before the start came says nothing of it.
        const bool is_after = received_at > transaction.start.received_at;
        if (is_after && !transaction.available_since) transaction.available_since = now.mono;
        return;
    }
    transaction.available_since.reset();
    const bool goes_on =
        status == "Charging" || status == "SuspendedEV" || status == "SuspendedEVSE";
    if (goes_on) transaction.booted_at.reset();
}

void booted(TransactionBook& book, Now now) {
    for (auto& transaction : book.open) transaction.booted_at = now.mono;
}

std::optional<Overdue> find_overdue(const TransactionBook& book, Now now) {
    const auto& rules = book.rules;
    for (const auto& transaction : book.open) {
        const auto& available = transaction.available_since;
        if (available && rules.close_after_available > seconds{0} &&
            now.mono >= *available + rules.close_after_available) {
            return Overdue{&transaction, closed_by_available};
        }
        if (transaction.booted_at && now.mono >= *transaction.booted_at + rules.close_after_boot) {
            return Overdue{&transaction, closed_by_boot};
        }
    }
    return std::nullopt;
}

std::optional<Instant> next_overdue(const TransactionBook& book) {
    std::optional<Instant> next;
    const auto consider = [&](Instant at) {
        if (!next || at < *next) next = at;
    };
    for (const auto& transaction : book.open) {
        if (transaction.available_since && book.rules.close_after_available > seconds{0}) {
            consider(*transaction.available_since + book.rules.close_after_available);
        }
        if (transaction.booted_at) consider(*transaction.booted_at + book.rules.close_after_boot);
    }
    return next;
}

db::TransactionStopped stop_if_closed(const TransactionBook& book, const Transaction& running,
                                      std::string_view reason, Timestamp at) {
    db::TransactionStopped row;
    row.id = running.start.id;
    row.meter_stop_wh = running.register_wh;
    row.stopped_at = std::max(running.register_at, running.start.started_at);
    row.received_at = at;
    row.reason = reason;
    row.estimated = true;
    put_energy(running, row, true, book.rules.power_watts_max);
    return row;
}

Transaction& close(TransactionBook& book, const Transaction& running, std::string_view reason,
                   Timestamp at) {
    return move_to_stopped(book, running, stop_if_closed(book, running, reason, at));
}

void drop_old(std::deque<Transaction>& stopped, Timestamp now) {
    const auto is_too_many = [&] {
        if (stopped.size() <= db::recent_transactions_min) return false;
        return stopped.size() > db::recent_transactions_max ||
               stopped.front().stop->received_at + db::recent_time <= now;
    };
    while (is_too_many()) stopped.pop_front();
}

Energy energy_of(const Transaction& transaction, Timestamp now, double power_watts_max) {
    if (transaction.stop && transaction.stop->energy_wh) {
        return {*transaction.stop->energy_wh, transaction.stop->energy_source.value_or("register")};
    }
    EnergySpan span;
    const auto& start = transaction.start;
    span.start_wh = start.meter_start_wh;
    span.started_at = start.started_at;
    span.start_received_at = start.received_at;
    span.stop_wh = transaction.stop ? transaction.stop->meter_stop_wh : transaction.register_wh;
    span.stopped_at = transaction.stop ? transaction.stop->stopped_at : now;
    span.stop_received_at = transaction.stop ? transaction.stop->received_at : now;
    span.times_are_believable = is_time_believable(start);
    return energy_of(transaction.energy, span, power_watts_max);
}

}  // namespace busbar::site
