// The settings a quirk can have: one member of Quirks each, with its meaning and safe default, and
// one row of the table that reads, writes and checks it as JSON.
//
// In JSON a setting has the member's name in camelCase ("stackLevelMax"). Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe/enum.hpp>

#include "base/codec.hpp"
#include "base/violation.hpp"
#include "ocpp/v16/common.hpp"

namespace busbar::site {

BOOST_DEFINE_ENUM_CLASS(ValidationMode, lenient, strict)
// What a charger's times are: as OCPP wants them, local time without a zone, or local time that
// claims to be UTC.
BOOST_DEFINE_ENUM_CLASS(TimeQuirk, utc, local_without_zone, local_marked_utc)
// What values of connector 0 are: those of connector 1 where there is only one, or the sum.
BOOST_DEFINE_ENUM_CLASS(ConnectorZeroValues, connector_1_if_single, sum)
// When currents and powers can be expected; what is missing otherwise is no fault.
BOOST_DEFINE_ENUM_CLASS(LiveValues, always, in_transaction, on_trigger, energy_only_when_idle,
                        energy_only)
// Whether Energy.Active.Import.Register counts on for ever or starts from 0 with each transaction.
BOOST_DEFINE_ENUM_CLASS(EnergyRegister, lifetime, session)
BOOST_DEFINE_ENUM_CLASS(EnergyUnit, as_reported, Wh, kWh)
BOOST_DEFINE_ENUM_CLASS(PowerUnit, as_reported, W, kW)
// What lets the next transaction begin while the cable is still plugged in (status Finishing).
BOOST_DEFINE_ENUM_CLASS(AfterFinishing, start, replug, reset)
BOOST_DEFINE_ENUM_CLASS(ProfileKind, Absolute, Relative)
// chargingSchedulePeriod.numberPhases: left out, the phases that are wanted, or 3 always.
BOOST_DEFINE_ENUM_CLASS(NumberPhases, omit, send, three)
// What to do with a car that may have less than its minimum (6 A): a limit of 0 A, stay at the
// minimum, or end the transaction.
BOOST_DEFINE_ENUM_CLASS(MinimumAmpsPolicy, zero, hold_minimum, remote_stop)
// How a profile goes away: ClearChargingProfile with its id, or a wide profile over it.
BOOST_DEFINE_ENUM_CLASS(ClearProfiles, by_id, overwrite)

// Lists as their settings begin. Functions, because g++ 12.2 cannot count the members of a struct
// that has the lists in it.
std::vector<std::string> all_triggers();
std::vector<std::string> usual_measurands();
std::vector<ocpp::v16::ChargingProfilePurpose> all_purposes();

// The settings in force for a charger.
struct Quirks {
    // --- Connection
    bool assume_ocpp16 = false;                         // let in without a subprotocol
    std::int32_t websocket_ping_interval_seconds = 30;  // our pings; 0: none
    std::int32_t charger_ping_interval_seconds = 0;     // key WebSocketPingInterval; 0: leave it
    std::int32_t offline_after_seconds = 60;       // without a connection, until it counts as away
    bool refuse_rather_than_close = false;         // it redials sooner after a refused handshake
    std::int32_t call_timeout_seconds = 30;        // for its answers
    bool accept_answer_with_wrong_id = false;      // to the only call that waits for an answer
    std::vector<std::string> unsupported_actions;  // never send these
    ValidationMode validation = ValidationMode::lenient;
    TimeQuirk timestamps = TimeQuirk::utc;
    std::int32_t clock_tolerance_seconds = 300;  // its times may be off by that much

    // --- Boot and configuration
    std::int32_t heartbeat_interval_max_seconds = 86'400;  // whatever the site is set to
    std::int32_t setup_delay_seconds = 1;                  // from the boot answer to our first call
    std::int32_t setup_delay_without_boot_seconds = 10;    // from the connection, if no boot comes
    std::int32_t setup_interval_min_seconds = 60;  // between set-ups of one that keeps booting
    bool change_availability_at_boot = true;
    bool connector_0_availability = true;  // ChangeAvailability with connector 0
    std::vector<std::string> trigger_messages = all_triggers();  // that TriggerMessage may ask
    bool trigger_connector_id = true;                 // TriggerMessage with a connectorId
    std::int32_t trigger_poll_interval_seconds = 60;  // for stale values, at most; 0: never
    std::int32_t configuration_keys_per_request = 0;  // 0: all with one GetConfiguration
    bool read_back_configuration = true;              // after ChangeConfiguration
    bool quoted_configuration_values = false;         // values come in quotation marks
    bool local_list = true;                           // SendLocalList works
    std::vector<std::string> data_transfer_ignored;   // vendorIds or messageIds: accepted, no more

    // --- Connectors
    bool connector_0_faults_informational = true;  // they say nothing about the other connectors
    ConnectorZeroValues connector_0_values = ConnectorZeroValues::connector_1_if_single;
    bool cluster = false;             // each connector is a box with a feed of its own
    bool phantom_connectors = false;  // one plug shows as Preparing on several connectors
    std::vector<std::int32_t> hidden_connectors;  // ids that stand for no socket

    // --- Meter values
    std::vector<std::string> measurands = usual_measurands();
    bool set_measurands = true;  // MeterValuesSampledData can be written
    std::int32_t meter_sample_interval_min_seconds = 1;
    LiveValues live_values = LiveValues::always;
    EnergyRegister energy_register = EnergyRegister::lifetime;
    EnergyUnit energy_unit = EnergyUnit::as_reported;  // whatever the unit says
    PowerUnit power_unit = PowerUnit::as_reported;

    // --- Badges and transactions
    std::string id_tag_suffix_separator;     // it and what follows is not the badge's; "": none
    std::string id_tag_prefix_separator;     // it and what precedes is not the badge's; "": none
    bool empty_id_tag_allowed = false;       // stands for somebody without a badge
    std::string plug_and_charge_id_tag_key;  // configuration key with the idTag for remote starts
    bool echoes_transaction_ids = true;      // false: match by connector, badge and time
    std::int32_t close_after_available_seconds = 300;  // a transaction without Stop; 0: never
    bool remote_start_needed = false;        // it only charges after RemoteStartTransaction
    bool remote_start_with_profile = false;  // RemoteStartTransaction may carry a profile
    AfterFinishing after_finishing = AfterFinishing::start;

    // --- Smart charging
    std::vector<ocpp::v16::ChargingProfilePurpose> profile_purposes =
        all_purposes();                      // that work, best first
    bool tx_default_on_connector_0 = false;  // rather than on each connector
    ProfileKind profile_kind = ProfileKind::Absolute;
    std::int32_t start_schedule_seconds_ago = 60;  // startSchedule of Absolute profiles
    std::int32_t stack_level = 0;
    std::int32_t stack_level_max = 999;
    std::int32_t charging_profile_id_max = 2'147'483'647;
    ocpp::v16::ChargingRateUnit rate_unit = ocpp::v16::ChargingRateUnit::A;
    double current_step_amps = 0.1;    // limits are rounded down to it
    std::vector<double> allowed_amps;  // not empty: limits are rounded down to one of these
    bool limit_as_integer = false;     // whole limits are written 16, not 16.0
    NumberPhases number_phases = NumberPhases::omit;
    bool phase_switching = false;  // it can change between one and three phases
    MinimumAmpsPolicy minimum_amps_policy = MinimumAmpsPolicy::zero;
    bool reassert_after_zero = false;  // send the limit again when charging resumes after 0 A
    std::int32_t pauses_per_hour_max = 6;
    std::int32_t min_profile_interval_seconds = 20;  // between raises; lowerings never wait
    double profile_dead_band_amps = 1;               // smaller raises are not worth a message
    bool trust_accepted_limit = true;        // false: a limit counts once it has been measured
    bool duration_then_default = false;      // after `duration` the lower profile applies
    bool keeps_profiles_over_reboot = true;  // TxDefaultProfile is there after a reboot
    ClearProfiles clear_profiles = ClearProfiles::by_id;
    std::string limit_key;                     // configuration key that limits; "": none known
    std::int32_t limit_key_units_per_amp = 1;  // 10: in dA; 1000: in mA
    std::int32_t limit_key_interval_min_seconds = 60;  // between writes: they wear out the flash
};

// Which values a rejection may teach: only those that ask less of the charger, or are safer.
enum class Learning { never, any, to_true, to_false, lower, higher, fewer, more };

// The texts that a list may hold.
using KnownNames = std::span<const std::string_view> (*)();

// Settings by their JSON name, each as JSON text.
using QuirkValues = std::map<std::string, std::string, std::less<>>;

struct QuirkSetting {
    std::string_view name;  // in JSON
    Learning learning{};
    double min = 0;  // of numbers
    double max = 0;
    KnownNames known = nullptr;  // null: any text will do
    bool in_force = true;        // false: kept and shown, but nothing acts on it yet
    // Reads JSON into the setting's member; leaves it alone and reports why if it does not fit.
    bool (*read)(const QuirkSetting& setting, std::string_view json, Quirks& out,
                 DecodeReport& report) = nullptr;
    // Appends the member as JSON.
    void (*write)(std::string& out, const Quirks& quirks) = nullptr;
    // Whether `wanted` may be learned where `present` is in force; false if they are equal.
    bool (*is_lesson)(Learning learning, const Quirks& present, const Quirks& wanted) = nullptr;
};

// The setting's value as JSON.
inline std::string quirk_json(const QuirkSetting& setting, const Quirks& quirks) {
    std::string out;
    setting.write(out, quirks);
    return out;
}

// All settings, in the order of the members.
std::span<const QuirkSetting> quirk_settings();
// By JSON name; null if there is none.
const QuirkSetting* find_quirk_setting(std::string_view name);

// The members of a JSON object of settings, checked one by one. Violations are at
// `pointer`/name; the values that fit are returned all the same. null is as good as absent.
QuirkValues parse_quirk_values(std::string_view json, std::string_view pointer,
                               std::vector<Violation>& violations);
// The object again.
std::string quirk_values_json(const QuirkValues& values);

// Puts values in; those that do not fit (only possible if they were never checked) are left out.
void apply_quirks(const QuirkValues& values, Quirks& quirks);

// The badge within an idTag as the charger sends it: without the suffix and prefix that its
// settings name. Never empty unless the idTag is.
std::string_view badge_within(const Quirks& quirks, std::string_view id_tag);

}  // namespace busbar::site
