// The state of one site and what its handlers share. Synchronous, single-threaded (the site loop),
// no I/O: rows go to the journal, text to links, time comes in.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "base/units.hpp"
#include "db/journal.hpp"
#include "dlm/engine.hpp"
#include "ocpp/v16/core.hpp"
#include "site/attempts.hpp"
#include "site/charging_profiles.hpp"
#include "site/configuration.hpp"
#include "site/files.hpp"
#include "site/firmware.hpp"
#include "site/link.hpp"
#include "site/local_list_rules.hpp"
#include "site/meter_values.hpp"
#include "site/operations.hpp"
#include "site/quirks.hpp"
#include "site/security.hpp"

namespace busbar::site {

namespace v16 = ocpp::v16;

using Badge = db::BadgeSaved;

// A transaction, from StartTransaction until it leaves memory.
struct Transaction {
    db::TransactionStarted start;
    db::Journal::Ticket recorded = 0;  // the unit that holds its newest row
    std::int32_t register_wh = 0;      // last reading of the charger's energy register
    Timestamp register_at;             // and when it was taken
    Instant charging_since{};          // start, or load after a restart
    std::optional<db::TransactionStopped> stop;
};

// The newest lowering of a transaction whose start is not answered yet.
struct WaitingLowering {
    db::TransactionKey transaction = 0;
    dlm::Command command;
};

// False for a transaction whose badge was refused: its charger may run it all the same, and ends
// it.
bool is_authorized(const Transaction& transaction);

// What a connector has shown of how it takes limits.
struct LimitHabits {
    std::optional<ProfileShape> sent;        // of the newest limit
    std::optional<ProfileShape> taken;       // of the newest limit it accepted
    std::vector<ProfileShape> refused;       // since the last boot or connection
    std::vector<ProfileShape> safe_refused;  // the same of safe profiles
    int phases = 0;                          // that the present car has shown to use; 0: none yet
    int phases_sent = 0;  // that the newest limit in W was reckoned with; 0: it was in A
    // A limit that does not end with its transaction: the safe profile must take its place.
    std::optional<Amps> lingering;
    bool is_being_replaced = false;
    Instant stop_asked_at = Instant::min();     // RemoteStopTransaction, by load management
    std::map<std::int32_t, Amps> by_operators;  // what their TxDefaultProfiles allow, by id
};

// A connector as its charger last described it. Connectors exist from the first message on.
struct Connector {
    std::optional<db::ConnectorStatus> status;
    std::optional<PhaseAmps> measured;  // grid phases, newest sample with current in it
    Instant measured_at{};
    MeterMemory metering;  // of earlier values, to judge the next ones
    // The safe TxDefaultProfile: sent since the last boot or connection, and what came of it. One
    // that was accepted stays on the charger over reboots (errata 3.37).
    std::optional<Amps> safe_profile_sent;
    bool safe_profile_accepted = false;
    bool safe_profile_refused = false;
    std::optional<Amps> safe_recorded;  // the highest it may hold, by the newest row
    bool limit_refused = false;         // the last limit, in every shape
    LimitHabits limits;
    std::optional<WaitingLowering> waiting_lowering;
};

// One kind of deviation from OCPP, counted.
struct Deviation {
    std::uint64_t count = 0;
    std::string last_example;
    Timestamp last_at;
};

// A connection that has ended.
struct PastConnection {
    Timestamp began_at;
    Timestamp ended_at;
    std::string cause;  // in words
};

// An answer that leaves once what it acknowledges is durable.
struct WaitingReply {
    db::Journal::Ticket ticket = 0;
    std::weak_ptr<Link> link;
    std::function<void(Link&)> send;
};

struct ChargePoint {
    // A second address that may take the identity over (see ruling R6), and until when.
    struct Takeover {
        std::string address;
        Instant until{};
    };

    db::ChargePointSaved settings;
    std::optional<db::ChargePointBooted> boot;
    Quirks quirks;  // in force, see resolve_quirks
    std::map<std::int32_t, Connector> connectors;
    std::vector<Transaction> open;    // running transactions
    std::deque<Transaction> stopped;  // the newest at the back; what is at hand of them
    std::map<std::string, Deviation, std::less<>> deviations;
    std::shared_ptr<Link> link;                 // null: not connected
    std::vector<WaitingReply> waiting_replies;  // to its present link
    std::set<db::Journal::Ticket> awaited_tickets;
    std::string peer_address;
    std::string reached_as;  // the host by which it reaches us
    std::optional<Timestamp> connected_at;
    std::deque<PastConnection> past_connections;  // the newest at the back
    std::optional<Takeover> takeover;
    std::deque<Operation> operations;  // by number; commands with a second act
    std::optional<ProgressStatus> firmware_status;
    std::optional<ProgressStatus> diagnostics_status;
    std::optional<ProgressStatus> log_status;
    std::deque<SecurityEvent> security_events;  // the newest at the back
    std::optional<CertificateRequest> certificate_request;
    LocalList local_list;
    std::optional<Timestamp> last_seen_at;
    ChargerConfiguration configuration;  // and availability: as reported, as wanted
    std::optional<Instant> setup_due;    // when to install profiles and ask for states
    Instant quiet_until{};               // connected or booted: told nothing before that can wait
};

inline constexpr std::int32_t connector_id_max = 1000;
inline constexpr std::size_t waiting_replies_max = 64;     // of one charge point
inline constexpr std::size_t open_transactions_max = 100;  // of one charge point
inline constexpr std::size_t deviation_kinds_max = 100;
inline constexpr std::size_t past_connections_max = 50;

// Figures for /readyz, logs and benches.
struct Counters {
    std::uint64_t calls = 0;
    std::uint64_t refused_calls = 0;
    std::uint64_t load_management_steps = 0;
    std::uint64_t limits_sent = 0;
    std::uint64_t overload_stops = 0;  // transactions that load management asked to end
};

// Settings that a restart may change.
struct Settings {
    dlm::Settings load_management;
    Amps minimum_current = 6_A;
    std::chrono::seconds heartbeat_interval{300};
    std::chrono::seconds meter_sample_interval{15};  // of chargers, see key_wishes
    bool enrolment_always_open = false;  // a demonstration lets everybody in (ruling R5)
};

class Site {
public:
    Site(db::Journal& site_journal, Settings site_settings)
        : journal(site_journal),
          settings(std::move(site_settings)),
          engine(settings.load_management) {}

    ChargePoint* find(std::string_view id);
    // The transaction this charger means by `transaction_id`: ids are another charger's business
    // otherwise. Open ones only.
    Transaction* find_open(ChargePoint& charger, std::int32_t transaction_id);
    Transaction* find_open_on(ChargePoint& charger, std::int32_t connector_id);
    // Running transactions of this idTag, in any case of its letters; refused ones do not count
    // (ruling R12).
    int open_transactions_of(std::string_view id_tag) const;

    // Appends one unit to the journal.
    db::Journal::Ticket record(std::vector<db::Record> unit);

    // True if load management has commanded this EVSE again since.
    bool is_superseded(std::string_view evse, std::uint64_t sequence) const;

    // Asks to be woken (on_timer) not later than this.
    void wake_by(Instant at);
    std::optional<Instant> wake_at() const { return wake_at_; }
    void woken() { wake_at_.reset(); }

    db::Journal& journal;
    Settings settings;
    dlm::Engine engine;
    std::map<std::string, Badge, LessIgnoringCase> badges;
    std::map<std::string, ChargePoint, std::less<>> charge_points;
    QuirkTable quirks;
    ConnectionAttempts attempts;
    PasswordThrottle password_throttle;
    Files files;
    std::int64_t next_operation = 1;
    std::int32_t last_reservation_id = 0;     // that new_reservation_id() has given
    std::optional<Timestamp> enrolment_ends;  // of the window an operator has opened
    std::optional<dlm::MeterInput> meter;     // newest sample of the main meter
    db::TransactionKey next_transaction_key = 1;
    db::Journal::Ticket last_badge_edit = 0;
    db::Journal::Ticket last_charge_point_edit = 0;
    Now now{};                 // of the event that is being handled
    bool step_wanted = false;  // load management has news to look at
    Instant next_step{};       // not before, unless a meter sample arrives
    Instant next_tick{};       // not later
    std::map<std::string, std::uint64_t, std::less<>> newest_command;  // by EVSE
    dlm::Output last_step;                  // for GET /load and explanations
    std::optional<Instant> overload_since;  // what limits cannot mend, see relieve_overload
    std::optional<Timestamp> last_step_at;
    Counters counters;
    // What happened, one line each, for the log; set by the shell.
    std::function<void(std::string_view event, std::string_view details)> log;
    // Hashes a password elsewhere and answers later, "" if it cannot now; set by the shell.
    std::function<void(std::string password, std::function<void(std::string hash)> done)>
        hash_password;

private:
    std::optional<Instant> wake_at_;
};

// What a handler may use: where the message came from, when, and what its answer waits for.
struct Context {
    Site& site;
    ChargePoint& charger;
    Now now;
    db::Journal::Ticket reply_after = 0;  // the answer leaves once this unit is durable

    void wait_for(db::Journal::Ticket ticket) {
        if (ticket > reply_after) reply_after = ticket;
    }
};

// The connector, made on first sight; null for 0 (the charge point itself has no state that load
// management or transactions could use) and for numbers no charger has.
Connector* connector_of(ChargePoint& charger, std::int32_t connector_id);

// The number rows are kept under: there is no connector below 0, but what a charger says of one is
// kept all the same.
constexpr std::int32_t stored_connector_id(std::int32_t sent) { return sent < 0 ? 0 : sent; }

// "CP1/2": how load management names a connector.
std::string evse_id(std::string_view charge_point, std::int32_t connector_id);

// Counts a deviation of this charger.
void count_deviation(ChargePoint& charger, std::string_view kind, std::string_view example,
                     Timestamp at);

}  // namespace busbar::site
