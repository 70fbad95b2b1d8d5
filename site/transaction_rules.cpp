#include "site/transaction_rules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "site/pseudonym.hpp"

namespace busbar::site {
namespace {

using std::chrono::seconds;

constexpr Timestamp plausible_from = std::chrono::sys_days{std::chrono::year{2020} / 1 / 1};

// A message this much older than its receipt has waited somewhere.
constexpr seconds late_after{300};

bool is_same(const db::TransactionStarted& known, const db::TransactionStarted& row) {
    const bool is_badge =
        equal_ignoring_case(known.id_tag, row.id_tag) || is_pseudonym(known.id_tag);
    return is_badge && known.connector_id == row.connector_id &&
           known.started_at == row.started_at && known.meter_start_wh == row.meter_start_wh;
}

// The start of a transaction that we only know by its stop: the times and registers come from two
// places in the charger, and its connector was not told.
bool is_start_of_reconstructed(const TransactionBook& book, const Transaction& known,
                               const StartReceived& start) {
    if (!known.start.reconstructed.value_or(false)) return false;
    const auto& row = start.row;
    const auto apart = known.start.started_at - row.started_at;
    const bool is_badge =
        known.start.id_tag.empty() || book.rules.is_same_badge(known.start.id_tag, row.id_tag);
    const bool is_connector =
        known.start.connector_id == 0 || known.start.connector_id == row.connector_id;
    return is_badge && is_connector && std::chrono::abs(apart) <= seconds{60} &&
           std::abs(std::int64_t{known.start.meter_start_wh} - row.meter_start_wh) <= 1;
}

// A start that came after its stop, or whose stop is still to come, may come again, however odd it
// looks beside what has ended since.
bool may_begin_again(const Transaction& stopped) {
    const auto& start = stopped.start;
    if (start.reconstructed.value_or(false)) return true;
    if (start.started_at < plausible_from) return false;
    return stopped.stop->estimated || stopped.stop->received_at < start.received_at;
}

Transaction* running_on(TransactionBook& book, std::int32_t connector_id) {
    const auto it = std::find_if(book.open.begin(), book.open.end(), [&](const auto& t) {
        return t.start.connector_id == connector_id;
    });
    return it == book.open.end() ? nullptr : &*it;
}

// True if the register may have come from one reading to the other.
bool may_follow(const TransactionRules& rules, double earlier_wh, Timestamp earlier_at,
                double later_wh, Timestamp later_at) {
    if (later_wh >= earlier_wh) return true;
    const auto most = deliverable_wh(rules.power_watts_max, earlier_at, later_at);
    return register_rise(earlier_wh, later_wh, most).rolled_over;
}

// A stop without a start that came before this start, and is its end.
std::optional<db::OrphanStop> take_orphan(TransactionBook& book, const StartReceived& start) {
    const auto& row = start.row;
    auto& orphans = book.orphan_stops;
    auto best = orphans.end();
    for (auto it = orphans.begin(); it != orphans.end(); ++it) {
        const bool is_later = it->stopped_at >= row.started_at &&
                              may_follow(book.rules, row.meter_start_wh, row.started_at,
                                         it->meter_stop_wh, it->stopped_at);
        const bool fits =
            is_later && (!it->id_tag || book.rules.is_same_badge(*it->id_tag, row.id_tag));
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
    span.times_are_believable = start.started_at >= plausible_from;
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
    stop.estimated = !orphan->id_tag;
    auto& ended = move_to_stopped(book, begun, std::move(stop));
    put_energy(ended, *ended.stop, true, book.rules.power_watts_max);
}

Transaction* find_stopped(TransactionBook& book, std::int32_t transaction_id) {
    // The newest first: ids of a CPO or of a restarted counter may recur.
    const auto it = std::find_if(
        book.stopped.rbegin(), book.stopped.rend(),
        [&](const Transaction& t) { return t.start.transaction_id == transaction_id; });
    return it == book.stopped.rend() ? nullptr : &*it;
}

// The transaction that a stop with a number we have not given must mean: one that it has ended
// before, or the only running one that it fits. Chargers that never got a number say 0 or -1
// (errata 3.18), some count for themselves.
Transaction* find_meant(TransactionBook& book, const StopReceived& stop) {
    const auto& row = stop.row;
    for (auto& ended : book.stopped) {
        const bool is_repeat = stop.meter_is_known && ended.stop->stopped_at == row.stopped_at &&
                               ended.stop->meter_stop_wh == row.meter_stop_wh;
        if (is_repeat && ended.start.started_at <= row.stopped_at) return &ended;
    }
    Transaction* meant = nullptr;
    for (auto& running : book.open) {
        const auto& start = running.start;
        const bool is_newer = running.register_at <= row.stopped_at;
        const bool is_badge = !row.id_tag || book.rules.is_same_badge(*row.id_tag, start.id_tag);
        // A register that is not known is no reason to fit nothing.
        const bool is_later =
            !stop.meter_is_known ||
            may_follow(book.rules, is_newer ? running.register_wh : start.meter_start_wh,
                       is_newer ? running.register_at : start.started_at, row.meter_stop_wh,
                       row.stopped_at);
        const bool fits = is_badge && row.stopped_at >= start.started_at && is_later;
        // What it tells of its begin must not contradict in everything.
        const bool began_otherwise =
            stop.begin && std::abs(stop.begin->wh - start.meter_start_wh) > 1 &&
            std::chrono::abs(stop.begin->at - start.started_at) > seconds{60};
        if (!fits || began_otherwise) continue;
        if (meant) return nullptr;
        meant = &running;
    }
    return meant;
}

// True if the transaction began with what the stop says of its own begin.
bool is_begun_by(const Transaction& known, const StopReceived& stop) {
    return std::abs(stop.begin->wh - known.start.meter_start_wh) <= 1 &&
           std::chrono::abs(stop.begin->at - known.start.started_at) <= seconds{60};
}

Transaction* find_by_begin(TransactionBook& book, const StopReceived& stop) {
    if (!stop.begin) return nullptr;
    const auto is_it = [&](const Transaction& known) {
        const auto& id_tag = stop.row.id_tag;
        return is_begun_by(known, stop) &&
               (!id_tag || book.rules.is_same_badge(*id_tag, known.start.id_tag));
    };
    const auto running = std::find_if(book.open.begin(), book.open.end(), is_it);
    if (running != book.open.end()) return &*running;
    const auto ended = std::find_if(book.stopped.rbegin(), book.stopped.rend(), is_it);
    return ended == book.stopped.rend() ? nullptr : &*ended;
}

// A session of which nothing but the stop has come, and that says with which register it began.
Transaction* reconstruct(TransactionBook& book, const StopReceived& stop, Now now) {
    constexpr double register_max = std::numeric_limits<std::int32_t>::max();
    const auto& begin = stop.begin;
    if (!begin || begin->at > stop.row.stopped_at) return nullptr;
    if (begin->wh < 0 || begin->wh > register_max) return nullptr;
    Transaction transaction;
    auto& row = transaction.start;
    row.id = book.next_key++;
    row.transaction_id = stop.transaction_id > 0 ? stop.transaction_id : transaction_id_for(row.id);
    row.connector_id = stop.connector_id;
    row.id_tag = stop.row.id_tag.value_or("");
    row.meter_start_wh = static_cast<std::int32_t>(std::lround(begin->wh));
    row.started_at = begin->at;
    row.received_at = stop.row.received_at;
    row.reconstructed = true;
    transaction.register_wh = row.meter_start_wh;
    transaction.register_at = row.started_at;
    transaction.charging_since = now.mono;
    transaction.energy = begin_tally(row.meter_start_wh, row.started_at);
    return &book.open.emplace_back(std::move(transaction));
}

}  // namespace

std::int32_t transaction_id_for(db::TransactionKey key) {
    constexpr std::int64_t span = 2'147'480'000;
    return static_cast<std::int32_t>(1000 + (key - 1) % span + 1);
}

bool is_implausible(const TransactionBook& book, const StartReceived& start) {
    const auto& row = start.row;
    if (!start.meter_is_known || row.started_at < plausible_from) return true;
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
    const bool implausible = is_implausible(book, start);
    for (auto& transaction : book.stopped) {
        if (implausible && !may_begin_again(transaction)) continue;
        if (is_same(transaction.start, start.row)) return &transaction;
        if (is_start_of_reconstructed(book, transaction, start)) return &transaction;
    }
    return nullptr;
}

StartOutcome begin(TransactionBook& book, const StartReceived& start, Now now) {
    StartOutcome out;
    const bool implausible = is_implausible(book, start);
    const auto* running = running_on(book, start.row.connector_id);
    const bool is_late = running && !implausible && start.time_is_known &&
                         start.row.started_at < running->start.started_at &&
                         start.row.received_at - start.row.started_at > late_after;
    const bool has_time = start.time_is_known && start.row.started_at >= plausible_from;
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

StopMatch match(TransactionBook& book, const StopReceived& stop, Now now) {
    const auto running = std::find_if(
        book.open.begin(), book.open.end(),
        [&](const Transaction& t) { return t.start.transaction_id == stop.transaction_id; });
    StopMatch out;
    if (running != book.open.end()) {
        out.transaction = &*running;
    } else {
        out.transaction = find_stopped(book, stop.transaction_id);
    }
    if (!out.transaction) out.transaction = find_by_begin(book, stop);
    if (!out.transaction) {
        out.transaction = find_meant(book, stop);
        out.is_guess = out.transaction != nullptr;
        // A number that could be ours, from a charger that repeats ours: the stop may belong to
        // something else after all.
        out.is_doubtful =
            out.is_guess && stop.transaction_id > 0 && book.rules.echoes_transaction_ids;
    }
    if (!out.transaction) {
        out.transaction = reconstruct(book, stop, now);
        out.is_reconstructed = out.transaction != nullptr;
    }
    if (!out.transaction) return out;
    if (!out.transaction->stop) {
        out.meaning = StopMeaning::ends;
    } else {
        const bool is_news = out.transaction->stop->estimated && !out.is_guess;
        out.meaning = is_news ? StopMeaning::corrects : StopMeaning::repeats;
    }
    return out;
}

Transaction& finish(TransactionBook& book, const StopMatch& match, const StopReceived& stop) {
    auto& transaction = *match.transaction;
    auto row = stop.row;
    row.id = transaction.start.id;
    row.estimated = match.is_doubtful || !stop.meter_is_known;
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

db::OrphanStop keep_orphan(TransactionBook& book, const StopReceived& stop,
                           std::string_view charge_point) {
    const auto& row = stop.row;
    db::OrphanStop orphan;
    orphan.charge_point = charge_point;
    orphan.transaction_id = stop.transaction_id;
    orphan.meter_stop_wh = stop.meter_is_known ? row.meter_stop_wh : 0;
    orphan.stopped_at = row.stopped_at;
    orphan.received_at = row.received_at;
    orphan.reason = row.reason;
    orphan.id_tag = row.id_tag;
    auto& orphans = book.orphan_stops;
    const bool is_known = std::any_of(orphans.begin(), orphans.end(), [&](const auto& known) {
        return known.transaction_id == orphan.transaction_id &&
               known.stopped_at == orphan.stopped_at && known.meter_stop_wh == orphan.meter_stop_wh;
    });
    if (is_known || !stop.meter_is_known) return orphan;
    if (orphans.size() == orphan_stops_max) orphans.pop_front();
    orphans.push_back(orphan);
    return orphan;
}

void add_reading(Transaction& transaction, const EnergyReading& reading, bool live,
                 double power_watts_max, Now now) {
    constexpr double drawing_watts = 200;
    auto& tally = transaction.energy;
    if (!tally.register_wh) {
        // From before a restart: what the database remembers of it.
        tally = begin_tally(transaction.start.meter_start_wh, transaction.start.started_at);
        EnergyReading known;
        known.at = transaction.register_at;
        known.register_wh = transaction.register_wh;
        if (transaction.register_at > transaction.start.started_at) {
            add_reading(tally, known, power_watts_max);
        }
    }
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
    span.times_are_believable = start.started_at >= plausible_from;
    return energy_of(transaction.energy, span, power_watts_max);
}

}  // namespace busbar::site
