// The read side of the database: what the site knows at its start, and the lists of the REST
// interface. load_site blocks (before the server starts); a Reader belongs to the site loop, reads
// on a thread of its own and calls back on the site loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "db/audit_row.hpp"
#include "db/error.hpp"
#include "db/message_row.hpp"
#include "db/report_row.hpp"
#include "db/rows.hpp"
#include "db/token.hpp"

namespace busbar::db {

struct RegisterReading {
    double wh = 0;
    Timestamp at;
};

struct OpenTransaction {
    TransactionStarted start;
    // Its Energy.Active.Import.Register of the whole, the newest first, not more than 20.
    std::vector<RegisterReading> registers{};
};

struct StoppedTransaction {
    TransactionStarted start;
    TransactionStopped stop;
};

// A limit that a charger may still obey.
struct KnownLimit {
    LimitCommanded commanded;
    std::optional<LimitAnswered> answered;
};

// A transaction that has stopped not long ago, as its charger has it.
struct UsedEnergy {
    TransactionKey transaction = 0;
    std::string badge;
    Timestamp stopped_at;
    std::int64_t energy_wh = 0;
};

inline constexpr int orphan_stops_loaded = 20;

// All of the site's state that is kept, read in one snapshot.
struct SiteSnapshot {
    std::vector<BadgeSaved> badges;
    std::vector<BadgeGroupSaved> badge_groups;
    std::vector<ChargePointSaved> charge_points;
    std::vector<ChargePointBooted> boots;  // the last of each charge point
    std::vector<ConnectorStatus> connectors;
    std::vector<OpenTransaction> open_transactions;  // oldest first
    // Of each known charge point those that are kept at hand (db/rows.hpp). Oldest first.
    std::vector<StoppedTransaction> recent_transactions;
    // Of each charge point the newest (orphan_stops_loaded) that fit no transaction to this day and
    // came within recent_time. Oldest first.
    std::vector<OrphanStop> orphan_stops;
    std::vector<UsedEnergy> used_energy;  // of those stopped in the last 32 days, corrected or not
    // Of these and of the running ones. Oldest first.
    std::vector<TransactionCorrected> corrections;
    // Of each EVSE the newest command and, before it, those back to the last accepted one, oldest
    // first: what the charger may obey is among them.
    std::vector<KnownLimit> limits;
    std::vector<Token> tokens;       // those not revoked
    std::vector<StateSaved> states;  // by kind and key
    TransactionKey next_transaction_key = 1;
    std::int64_t next_limit_sequence = 1;
    std::uint64_t journal_sequence = 0;  // for PostgresJournal::includes
};

// Reads the site. What an earlier run left in the spill is drained into the database first (which
// a PostgresJournal made before has done already). Throws DatabaseError.
SiteSnapshot load_site(const std::string& url, const std::string& spill_path);

// Writes what an earlier run left in the spill to the database and empties it. Returns the number
// of units. Throws DatabaseError; what was not written stays in the spill.
std::uint64_t drain_spill(const std::string& url, const std::string& spill_path);

inline constexpr int transaction_limit_max = 10'000;

struct TransactionFilter {
    std::optional<bool> active;
    std::optional<Timestamp> from;      // started_at >= from
    std::optional<Timestamp> to;        // started_at < to
    std::optional<std::string> id_tag;  // of the badge that counts, whatever its case
    std::optional<std::string> charge_point;
    std::optional<std::string> group{};        // the badge's, whatever its case
    std::optional<std::string> cost_centre{};  // whatever its case
    std::optional<std::string> text{};         // in any of its texts
    int limit = 100;                           // rows a page, 1 to transaction_limit_max
    std::optional<TransactionKey> cursor;      // `next` of the page before
};

// A transaction as its charger told it, and what an operator says instead.
struct TransactionRow {
    TransactionStarted start;
    std::optional<TransactionStopped> stop;
    std::optional<TransactionCorrected> correction{};
    // As they count; once it has stopped.
    std::string badge{};
    std::optional<std::int64_t> energy_wh{};
    std::optional<std::string> energy_source{};
};

// Newest first.
struct TransactionPage {
    std::vector<TransactionRow> items;
    std::optional<TransactionKey> next;
};

// A stop that fits no transaction; `id` in the order of receipt.
struct OrphanStopRow {
    std::int64_t id = 0;
    OrphanStop stop;
};

struct OrphanStopFilter {
    std::optional<std::string> charge_point;
    std::optional<Timestamp> from;       // received_at >= from
    std::optional<Timestamp> to;         // received_at < to
    int limit = 100;                     // rows a page, 1 to 1000
    std::optional<std::int64_t> cursor;  // `next` of the page before
};

// Newest first.
struct OrphanStopPage {
    std::vector<OrphanStopRow> items;
    std::optional<std::int64_t> next;
};

// Oldest first. Samples taken at one moment are never split over two pages, so a page may exceed
// the limit.
struct MeterValuePage {
    std::vector<MeterSample> items;
    std::optional<Timestamp> next;
};

struct SecurityEventRow {
    std::int64_t id = 0;
    SecurityEventReceived event;
};

// Newest first, in the order of receipt.
struct SecurityEventPage {
    std::vector<SecurityEventRow> items;
    std::optional<std::int64_t> next;
};

struct ReadError {
    enum class Kind { busy, unavailable };
    Kind kind{};
    std::string detail;
};

template <class T>
using ReadResult = std::variant<T, ReadError>;

class Reader {
public:
    // Connects when it is first asked. Each call to PostgreSQL ends after `call_timeout`.
    Reader(std::string url, boost::asio::any_io_executor site_loop,
           std::chrono::milliseconds call_timeout = std::chrono::milliseconds{2000});
    // Waits for the read under way; callbacks not run by then never run.
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    // Every callback runs once, on the site loop. More than 64 waiting reads: ReadError busy.
    void transactions(TransactionFilter filter,
                      std::function<void(ReadResult<TransactionPage>)> done);
    // Nothing if there is no such transaction.
    void transaction(TransactionKey id,
                     std::function<void(ReadResult<std::optional<TransactionRow>>)> done);
    // The stops that fit no transaction to this day.
    void orphan_stops(OrphanStopFilter filter,
                      std::function<void(ReadResult<OrphanStopPage>)> done);
    // The samples of a transaction after `cursor`, `limit` (1 to 10000) or a few more.
    void meter_values(TransactionKey id, std::optional<Timestamp> cursor, int limit,
                      std::function<void(ReadResult<MeterValuePage>)> done);
    // The security events of a charge point before `cursor`, at most `limit` (1 to 1000).
    void security_events(std::string charge_point, std::optional<std::int64_t> cursor, int limit,
                         std::function<void(ReadResult<SecurityEventPage>)> done);
    // The message log, searched for about a second at most.
    void messages(MessageFilter filter, std::function<void(ReadResult<MessagePage>)> done);
    // The audit log.
    void audit(AuditFilter filter, std::function<void(ReadResult<AuditPage>)> done);
    // What `render` makes of the ended sessions; it runs on the thread of the reader.
    void energy(EnergyFilter filter, std::function<std::string(EnergyData)> render,
                std::function<void(ReadResult<std::string>)> done);
    // Nothing when the database answers and its schema is the one this program knows.
    void ping(std::function<void(std::optional<ReadError>)> done);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace busbar::db
