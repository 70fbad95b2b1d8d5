// Which transaction a message means: by its number, else by what else it says.
#include <algorithm>
#include <cmath>
#include <limits>

#include "site/pseudonym.hpp"
#include "site/transaction_rules.hpp"

namespace busbar::site {
namespace {

using std::chrono::seconds;

template <class Transactions>
Transaction* find_numbered(Transactions& transactions, std::int32_t transaction_id) {
    // The newest first: ids of a CPO or of a restarted counter may recur.
    const auto it = std::find_if(
        transactions.rbegin(), transactions.rend(),
        [&](const Transaction& t) { return t.start.transaction_id == transaction_id; });
    return it == transactions.rend() ? nullptr : &*it;
}

// Some chargers put a stop together again when they repeat it, with the time of that.
bool is_repeat(const Transaction& ended, const StopReceived& stop) {
    const auto& known = *ended.stop;
    return known.stopped_at == stop.row.stopped_at || !stop.meter_is_known ||
           known.meter_stop_wh == stop.row.meter_stop_wh;
}

// True if the transaction began with what the stop says of its own begin.
bool is_begun_by(const Transaction& known, const StopReceived& stop) {
    return std::abs(stop.begin->wh - known.start.meter_start_wh) <= 1 &&
           std::chrono::abs(stop.begin->at - known.start.started_at) <= seconds{60};
}

// What a stop tells of its begin must not contradict in everything.
bool began_otherwise(const Transaction& known, const StopReceived& stop) {
    return stop.begin && std::abs(stop.begin->wh - known.start.meter_start_wh) > 1 &&
           std::chrono::abs(stop.begin->at - known.start.started_at) > seconds{60};
}

bool is_its_badge(const TransactionBook& book, const Transaction& known, const StopReceived& stop) {
    const auto& id_tag = stop.row.id_tag;
    return !id_tag || is_pseudonym(known.start.id_tag) ||
           book.rules.is_same_badge(*id_tag, known.start.id_tag);
}

// True if the stop can be the end of a transaction that has none yet, or one that we made up.
bool may_end(const TransactionBook& book, const Transaction& known, const StopReceived& stop) {
    const auto& row = stop.row;
    const auto& start = known.start;
    const bool is_newer = known.register_at <= row.stopped_at;
    // A register that is not known is no reason to fit nothing.
    const bool is_later = !stop.meter_is_known ||
                          may_follow(is_newer ? known.register_wh : start.meter_start_wh,
                                     is_newer ? known.register_at : start.started_at,
                                     row.meter_stop_wh, row.stopped_at, book.rules.power_watts_max);
    return is_its_badge(book, known, stop) && row.stopped_at >= start.started_at && is_later &&
           !began_otherwise(known, stop);
}

// The running transaction that a stop with a number we have not given must mean, if there is just
// one: some chargers count for themselves.
Transaction* find_meant(TransactionBook& book, const StopReceived& stop) {
    Transaction* meant = nullptr;
    for (auto& running : book.open) {
        if (!may_end(book, running, stop)) continue;
        if (meant) return nullptr;
        meant = &running;
    }
    return meant;
}

// True if somebody else's transaction, running or with an end that we made up, may be meant.
bool may_end_another(const TransactionBook& book, const Transaction& named,
                     const StopReceived& stop) {
    const auto is_other = [&](const Transaction& other) {
        const bool has_end = other.stop && !other.stop->estimated;
        return &other != &named && !has_end && may_end(book, other, stop);
    };
    return std::any_of(book.open.begin(), book.open.end(), is_other) ||
           std::any_of(book.stopped.begin(), book.stopped.end(), is_other);
}

// True if it has just this end.
bool is_ended_by(const Transaction& ended, const StopReceived& stop) {
    return stop.meter_is_known && ended.stop->stopped_at == stop.row.stopped_at &&
           ended.stop->meter_stop_wh == stop.row.meter_stop_wh &&
           ended.start.started_at <= stop.row.stopped_at;
}

// An end that is known: one that we have ended (errata 3.18).
Transaction* find_ended_by(TransactionBook& book, const StopReceived& stop) {
    const auto it = std::find_if(book.stopped.begin(), book.stopped.end(),
                                 [&](const auto& ended) { return is_ended_by(ended, stop); });
    return it == book.stopped.end() ? nullptr : &*it;
}

Transaction* find_by_begin(TransactionBook& book, const StopReceived& stop) {
    if (!stop.begin) return nullptr;
    const auto is_it = [&](const Transaction& known) {
        return is_begun_by(known, stop) && is_its_badge(book, known, stop);
    };
    const auto running = std::find_if(book.open.begin(), book.open.end(), is_it);
    if (running != book.open.end()) return &*running;
    const auto ended = std::find_if(book.stopped.rbegin(), book.stopped.rend(), is_it);
    return ended == book.stopped.rend() ? nullptr : &*ended;
}

// The transaction that the stop's number names, unless everything else speaks for another: chargers
// repeat the number of an earlier one, too.
Transaction* find_named(TransactionBook& book, const StopReceived& stop) {
    if (auto* running = find_numbered(book.open, stop.transaction_id)) {
        const bool is_others =
            stop.begin && !is_begun_by(*running, stop) && !is_its_badge(book, *running, stop);
        const bool is_older =
            running->start.started_at > stop.row.stopped_at && find_ended_by(book, stop);
        return is_others || is_older ? nullptr : running;
    }
    auto* ended = find_numbered(book.stopped, stop.transaction_id);
    if (!ended) return nullptr;
    if (is_ended_by(*ended, stop)) return ended;
    const bool is_its = is_its_badge(book, *ended, stop);
    if (!ended->stop->estimated) return is_its && is_repeat(*ended, stop) ? ended : nullptr;
    if (began_otherwise(*ended, stop)) return nullptr;
    // Without a register it could only be passed over.
    const bool is_others = !is_its && (!stop.meter_is_known || find_ended_by(book, stop) ||
                                       may_end_another(book, *ended, stop));
    return is_others ? nullptr : ended;
}

// True if a number of ours may be that of a transaction which is not at hand any more, and which
// began by then.
bool may_be_forgotten(const TransactionBook& book, const StopReceived& stop, Timestamp began_at) {
    if (stop.transaction_id <= 0 || !book.rules.echoes_transaction_ids) return false;
    if (book.stopped.size() < db::recent_transactions_min) return false;
    return began_at <= book.stopped.front().stop->received_at;
}

// A session of which nothing but the stop has come, and that says with which register it began. It
// gets a number of its own: the stop's may be another's, now or later.
Transaction* reconstruct(TransactionBook& book, const StopReceived& stop, Now now) {
    constexpr double register_max = std::numeric_limits<std::int32_t>::max();
    const auto& begin = stop.begin;
    if (!begin || begin->at > stop.row.stopped_at) return nullptr;
    if (begin->wh < 0 || begin->wh > register_max) return nullptr;
    if (may_be_forgotten(book, stop, begin->at)) return nullptr;
    Transaction transaction;
    auto& row = transaction.start;
    row.id = book.next_key++;
    row.transaction_id = transaction_id_for(row.id);
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

StopMatch match(TransactionBook& book, const StopReceived& stop, Now now) {
    StopMatch out;
    // One that waits for its start: its number may have been given to another since.
    if (is_kept(book, orphan_of(stop, {}))) return out;
    out.transaction = find_named(book, stop);
    if (!out.transaction) out.transaction = find_by_begin(book, stop);
    if (!out.transaction) {
        out.transaction = find_ended_by(book, stop);
        if (!out.transaction) out.transaction = find_meant(book, stop);
        out.is_guess = out.transaction != nullptr;
        // From a charger that else repeats our numbers: the stop may belong to something else after
        // all, and the real one still come.
        out.is_doubtful = out.is_guess && book.rules.echoes_transaction_ids;
    }
    if (!out.transaction) {
        out.transaction = reconstruct(book, stop, now);
        out.is_reconstructed = out.transaction != nullptr;
    }
    if (!out.transaction) return out;
    if (!out.transaction->stop) {
        out.meaning = StopMeaning::ends;
    } else {
        const bool is_news =
            out.transaction->stop->estimated && !out.is_guess && stop.meter_is_known;
        out.meaning = is_news ? StopMeaning::corrects : StopMeaning::repeats;
    }
    return out;
}

Transaction* find_measured(TransactionBook& book, const ValueOrigin& origin) {
    if (origin.transaction_id > 0) {
        if (auto* running = find_numbered(book.open, origin.transaction_id)) return running;
        if (auto* ended = find_numbered(book.stopped, origin.transaction_id)) return ended;
    }
    if (origin.connector_id <= 0) return nullptr;
    constexpr seconds clock_jitter{60};
    const auto at = origin.measured_at;
    const auto running = std::find_if(
        book.open.begin(), book.open.end(),
        [&](const Transaction& t) { return t.start.connector_id == origin.connector_id; });
    auto* const open = running == book.open.end() ? nullptr : &*running;
    if (open && open->start.started_at <= at + clock_jitter) return open;
    const seconds after_stop{origin.names_one && !open ? 300 : 0};
    const auto ended =
        std::find_if(book.stopped.rbegin(), book.stopped.rend(), [&](const Transaction& t) {
            return t.start.connector_id == origin.connector_id && t.start.started_at <= at &&
                   at <= t.stop->stopped_at + after_stop;
        });
    return ended == book.stopped.rend() ? open : &*ended;
}

}  // namespace busbar::site
