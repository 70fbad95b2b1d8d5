// The life of a charger's transactions, as a state machine over facts: a start or stop has been
// received, a connector has reported, the charger has booted, something was measured, time has
// passed. Whatever order, loss or repetition the network made of them, a session is kept once.
// Pure: the handlers (site/transactions) hand the facts in and record the rows that come out.
//
// A transaction runs (TransactionBook::open) until its stop, and is then kept at hand for a while
// (stopped). One whose stop has not come is closed by what follows, with the last register we know,
// and flagged as estimated: its real stop takes the place of that whenever it comes.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "site/meter_register.hpp"
#include "site/transaction.hpp"

namespace busbar::site {

// What of the charger's settings the rules depend on.
struct TransactionRules {
    std::chrono::seconds close_after_available{300};  // 0: never
    std::chrono::seconds close_after_boot{900};       // without a sign of life of it
    bool echoes_transaction_ids = true;               // a positive number is one that we have given
    double power_watts_max = 0;                       // of the charger; 0: not known
    // Whether two idTags stand for the same badge.
    std::function<bool(std::string_view, std::string_view)> is_same_badge;
};

// The transactions of one charger that are at hand, and the next key of all.
struct TransactionBook {
    std::vector<Transaction>& open;
    std::deque<Transaction>& stopped;          // the newest at the back
    std::deque<db::OrphanStop>& orphan_stops;  // stops whose start may still come
    db::TransactionKey& next_key;
    TransactionRules rules{};
};

inline constexpr std::size_t orphan_stops_max = 20;

// Clocks before this were never set.
inline constexpr Timestamp believable_from = std::chrono::sys_days{std::chrono::year{2020} / 1 / 1};

// Why a transaction was closed here, as it is stored instead of the charger's reason.
inline constexpr std::string_view closed_by_operator = "Other";
inline constexpr std::string_view closed_by_start = "superseded";
inline constexpr std::string_view closed_by_available = "available";
inline constexpr std::string_view closed_by_boot = "booted";

// The transactionId a charger is told for our own key: positive, above 1000 (0 and small numbers
// mean "none" to some chargers), and for 2^31 transactions different from all others.
std::int32_t transaction_id_for(db::TransactionKey key);

// --- Start

struct StartReceived {
    db::TransactionStarted row;  // without id, transaction_id and what the rules find out
    bool meter_is_known = true;  // else meter_start_wh is our guess
    bool time_is_known = true;   // else started_at is the time of receipt
};

// True if the start's time is to be doubted (ruling R7): before 2020 or none, or not after the last
// stop on its connector and received more than a minute after it with a lower register than it
// ended with. A start with a guessed register cannot be told from an earlier, stopped one, either.
bool is_implausible(const TransactionBook& book, const StartReceived& start);

// The transaction that this start repeats, ended or not (ruling R7): connector, idTag in any case,
// time and register agree; or whose stop came before it, with what it had measured at its begin.
Transaction* find_same_start(TransactionBook& book, const StartReceived& start);

struct StartOutcome {
    Transaction* begun = nullptr;
    // It was over when its start came: it is among the stopped ones, see begun->stop.
    bool is_past = false;
    Transaction* ended = nullptr;  // by this start; estimated
    bool ended_may_draw = false;   // it only had to make room
};

// A start that repeats none: a new transaction. It takes the place of the one that runs on its
// connector, whose stop is lost; unless it is older than that, a late message: then it is the one
// that is over. Pointers hold until the next change.
StartOutcome begin(TransactionBook& book, const StartReceived& start, Now now);

// --- Stop

struct StopReceived {
    std::int32_t transaction_id = 0;     // as sent
    db::TransactionStopped row;          // without id, energy and what the rules find out
    bool meter_is_known = true;          // else meter_stop_wh says nothing
    std::optional<RegisterPoint> begin;  // Transaction.Begin, from its transactionData
    std::int32_t connector_id = 0;       // the charger's only one, or 0
};

enum class StopMeaning {
    ends,      // a running transaction
    corrects,  // the end of one that we had closed ourselves
    repeats,   // an end that is known
    orphan     // nothing that we know
};

struct StopMatch {
    StopMeaning meaning = StopMeaning::orphan;
    Transaction* transaction = nullptr;  // until the next change; null for an orphan
    bool is_guess = false;               // it is not named by its number
    // A guess that a later stop must be able to replace; what it is about is kept (orphan_of).
    bool is_doubtful = false;
    bool is_reconstructed = false;  // made up from the stop alone: its start is to be recorded
};

// What a stop means. The number decides; else what it fits alone; else, if it tells how it began,
// it is a transaction of its own, and runs until finish().
StopMatch match(TransactionBook& book, const StopReceived& stop, Now now);

// Carries out a match that ends or corrects: the row to record is the transaction's stop. What was
// measured with the stop must have been added before.
Transaction& finish(TransactionBook& book, const StopMatch& match, const StopReceived& stop);

// The row of a stop that fits nothing, or whose meaning is doubtful.
db::OrphanStop orphan_of(const StopReceived& stop, std::string_view charge_point);
// Keeps a stop that fits nothing, for the start that may follow.
db::OrphanStop keep_orphan(TransactionBook& book, const StopReceived& stop,
                           std::string_view charge_point);
void await_start(TransactionBook& book, const db::OrphanStop& orphan);
bool is_kept(const TransactionBook& book, const db::OrphanStop& orphan);

// --- Everything else

// What a meter value says of where it was measured.
struct ValueOrigin {
    std::int32_t connector_id = 0;    // 0: not told
    std::int32_t transaction_id = 0;  // as sent; 0: none
    bool names_one = false;           // whatever number it was: it was measured in a transaction
    Timestamp measured_at;
};

// The transaction it belongs to. Chargers leave the number out, send 0, -1 or one of their own:
// then connector and time tell. What names a transaction, if none we know, belongs to one: that
// which has just ended, if none runs. Valid until the next change.
Transaction* find_measured(TransactionBook& book, const ValueOrigin& origin);

// Something was measured in a transaction. `live`: now, not some time ago.
void add_reading(Transaction& transaction, const EnergyReading& reading, bool live,
                 double power_watts_max, Now now);

// A connector has reported this status; asked again with an unchanged one, nothing changes.
void reported(Transaction& transaction, std::string_view status, Timestamp received_at, Now now);

// The charger has booted. What ran may go on: it is settled by what follows.
void booted(TransactionBook& book, Now now);

// A transaction that time has ended, and by which rule.
struct Overdue {
    const Transaction* transaction = nullptr;
    std::string_view reason;
};
std::optional<Overdue> find_overdue(const TransactionBook& book, Now now);
// When find_overdue may find something next.
std::optional<Instant> next_overdue(const TransactionBook& book);

// Closes a running transaction with its last known register: moves it to the stopped ones.
Transaction& close(TransactionBook& book, const Transaction& running, std::string_view reason,
                   Timestamp at);

// What close() would record.
db::TransactionStopped stop_if_closed(const TransactionBook& book, const Transaction& running,
                                      std::string_view reason, Timestamp at);

// Forgets stopped transactions that are too old to be repeated (db/rows.hpp says which).
void drop_old(std::deque<Transaction>& stopped, Timestamp now);

// What the transaction has used until now, or until its stop.
Energy energy_of(const Transaction& transaction, Timestamp now, double power_watts_max);

}  // namespace busbar::site
