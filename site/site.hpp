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
#include "base/time_zone.hpp"
#include "base/units.hpp"
#include "db/journal.hpp"
#include "dlm/engine.hpp"
#include "ocpp/v16/core.hpp"
#include "site/attempts.hpp"
#include "site/badge_learning.hpp"
#include "site/badge_likeness.hpp"
#include "site/charger_clock.hpp"
#include "site/charging_profiles.hpp"
#include "site/configuration.hpp"
#include "site/energy_used.hpp"
#include "site/files.hpp"
#include "site/firmware.hpp"
#include "site/link.hpp"
#include "site/local_list_rules.hpp"
#include "site/meter_values.hpp"
#include "site/opening_hours.hpp"
#include "site/operations.hpp"
#include "site/quirks.hpp"
#include "site/security.hpp"
#include "site/transaction.hpp"
#include "site/unknown_badges.hpp"

namespace busbar::site {

namespace v16 = ocpp::v16;

using Badge = db::BadgeSaved;
using BadgeGroup = db::BadgeGroupSaved;

// The newest lowering of a transaction whose start is not answered yet.
struct WaitingLowering {
    db::TransactionKey transaction = 0;
    dlm::Command command;
};

// What a connector has shown of how it takes limits.
struct LimitHabits {
    std::optional<ProfileShape> sent;        // of the newest limit
    std::optional<ProfileShape> taken;       // of the newest limit it accepted
    std::vector<ProfileShape> refused;       // since the last boot or connection
    std::vector<ProfileShape> safe_refused;  // the same of safe profiles
    int phases = 0;                          // that the present car has shown to use; 0: none yet
    int phases_sent = 0;  // that the newest limit in W was reckoned with; 0: it was in A
    std::chrono::seconds lag_sent{0};  // how far its clock was behind when the newest was sent
    // A limit that does not end with its transaction: the safe profile must take its place.
    std::optional<Amps> lingering;
    bool is_being_replaced = false;
    std::optional<Amps> lingering_sent;  // the same of limits without an answer as yet
    // The transaction in which it refused a shape, and nothing has come of that yet.
    std::optional<db::TransactionKey> refused_in;
    bool refused_early = false;  // the same when its transaction had just begun
    // In which it took a limit for another purpose only, and nothing is learned yet.
    std::optional<db::TransactionKey> doubted_in;
    Instant stop_asked_at = Instant::min();  // RemoteStopTransaction, by load management
    // Every profile was refused: limits are written to the key of quirk limitKey.
    bool is_by_key = false;
    std::string key_value;  // that it took last; "": none, or not certain
    Instant key_written_at = Instant::min();
    std::deque<Instant> pauses;     // limits of 0 A after others, in the last hour
    bool is_paused = false;         // the newest limit is 0 A
    std::optional<Now> resumed_at;  // accepted more than 0 A after a pause: may take it for none
};

// A profile of an operator, as far as load management must know it: from before it is sent until it
// is sure to be gone.
struct OperatorProfile {
    std::int32_t id = 0;            // chargingProfileId
    std::int32_t connector_id = 0;  // 0: for all, also those that appear later
    v16::ChargingProfilePurpose purpose = v16::ChargingProfilePurpose::TxDefaultProfile;
    std::optional<std::int32_t> stack_level;  // nothing: not known
    Amps highest;                             // that it allows on one phase
    bool is_certain = false;                  // its charger has accepted it
    int on_its_way = 0;                       // so many that are not answered yet
    friend bool operator==(const OperatorProfile&, const OperatorProfile&) = default;
};

// A connector as its charger last described it. Connectors exist from the first message on.
struct Connector {
    std::optional<db::ConnectorStatus> status;
    // `status` is a fault of the whole charger (quirk connector0FaultsInformational), and this is
    // what the connector said of itself.
    bool is_faulted_with_whole = false;
    std::optional<db::ConnectorStatus> own_status;
    std::optional<PhaseAmps> measured;  // grid phases, newest sample with current in it
    Instant measured_at{};
    std::optional<Instant> values_at;  // newest meter values of whatever kind that were live
    MeterMemory metering;              // of earlier values, to judge the next ones
    // Its plug is shown by that connector, see quirk phantomConnectors.
    std::optional<std::int32_t> shown_by;
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

// What was asked of a charger by TriggerMessage because it did not come by itself.
struct TriggerPoll {
    std::optional<Instant> asked_at;
    bool without_connector = false;  // it has refused a connectorId
    bool is_refused = false;         // all; until the next boot or connection
    int status_asked = 0;            // so often since then
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
    std::vector<Transaction> open;            // running transactions
    std::deque<Transaction> stopped;          // the newest at the back; what is at hand of them
    std::deque<db::OrphanStop> orphan_stops;  // that may belong to starts which are still to come
    std::map<std::string, Deviation, std::less<>> deviations;
    std::shared_ptr<Link> link;                 // null: not connected
    std::vector<WaitingReply> waiting_replies;  // to its present link
    std::set<db::Journal::Ticket> awaited_tickets;
    std::string peer_address;
    std::string reached_as;  // the host by which it reaches us
    std::optional<Timestamp> connected_at;
    std::optional<Instant> lost_at;  // without a connection since, or since the start
    bool is_away = false;            // for longer than its quirks allow, see offline_after_seconds
    ChargerClock clock;
    TriggerPoll poll;
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
    std::vector<OperatorProfile> operator_profiles;
    std::optional<Instant> setup_due;  // when to install profiles and ask for states
    Instant quiet_until{};             // connected or booted: told nothing before that can wait
};

inline constexpr std::int32_t connector_id_max = 1000;
inline constexpr std::size_t waiting_replies_max = 64;  // of one charge point
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
    TimeZone time_zone;                              // of schedules, days and months
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
    std::map<std::string, BadgeGroup, LessIgnoringCase> badge_groups;  // by name
    UnknownBadges unknown_badges;
    LikelyBadges likely_badges;
    HoursBook hours;  // of badges and charge points, as they were read
    BadgeLearning learning;
    EnergyUsed energy_used;
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
    std::map<db::TransactionKey, db::TransactionCorrected> corrections;  // the newest ones
    db::Journal::Ticket last_badge_edit = 0;
    db::Journal::Ticket last_badge_group_edit = 0;
    db::Journal::Ticket last_charge_point_edit = 0;
    Now now{};                 // of the event that is being handled
    bool step_wanted = false;  // load management has news to look at
    // Not before, unless a meter sample arrives; max(): since the last step nothing has happened.
    Instant next_step{};
    Instant next_tick{};                                               // not later
    std::map<std::string, std::uint64_t, std::less<>> newest_command;  // by EVSE
    dlm::Output last_step;                  // for GET /load and explanations
    std::optional<Instant> overload_since;  // what limits cannot mend, see relieve_overload
    std::optional<Timestamp> last_step_at;
    Counters counters;
    // Each badge that is held to a charger; may be empty.
    std::function<void(const BadgeTap&)> on_badge_tap;
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

// True for a number that stands for no socket (quirk hiddenConnectors). One with a transaction
// does.
bool is_hidden(const ChargePoint& charger, std::int32_t connector_id);

// The connector, made on first sight; null for 0 (the charge point itself has no state that load
// management or transactions could use), for hidden ones and for numbers no charger has.
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
