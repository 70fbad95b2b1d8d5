// Configuration keys of a charger (OCPP 1.6, chapter 9): what it reported, what it is wanted to
// have, and what became of the difference. Chargers write values in their own ways, so comparing
// them is a matter of meaning, not of text. Pure: any thread. The asking and changing is in
// site/desired_state.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/text.hpp"
#include "base/time.hpp"
#include "ocpp/v16/core.hpp"
#include "site/quirk_settings.hpp"

namespace busbar::site {

inline constexpr std::size_t reported_keys_max = 500;    // of one charge point
inline constexpr std::size_t reported_value_max = 1000;  // bytes; the rest is cut off
inline constexpr std::size_t desired_keys_max = 200;     // an operator's, of one charge point

// A key as the charger last reported it.
struct ReportedKey {
    std::string key;                   // in the charger's spelling
    std::optional<std::string> value;  // may be absent (5.8)
    bool readonly = false;
    Timestamp at;  // when it said so, or agreed to the change
};
BOOST_DESCRIBE_STRUCT(ReportedKey, (), (key, value, readonly, at))
using ReportedKeys = std::map<std::string, ReportedKey, LessIgnoringCase>;

// What became of a wish.
BOOST_DEFINE_ENUM_CLASS(KeyState,
                        applied,                   // the charger reports it, or agreed
                        pending,                   // not tried yet, or not answered
                        refused,                   // Rejected, or a CALLERROR
                        not_supported,             // the charger does not know the key
                        reboot_required,           // accepted, in force after a restart
                        accepted_but_not_applied,  // accepted, but another value was read back
                        readonly)                  // differs, and the charger lets nobody write it

// The last try at a key. Tries begin anew with a boot or an edit.
struct KeyOutcome {
    KeyState state{};
    std::string value;  // that was asked for
    int tries = 0;
};

// A value a key is wanted to have.
struct KeyWish {
    std::string key;
    std::string value;
    bool by_operator = false;
    bool more_will_do = false;  // a list: the charger's may have more in it
};

// By key, in any case of its letters.
using KeyValues = std::map<std::string, std::string, LessIgnoringCase>;

struct DesiredStateWork;  // see desired_state.cpp

// Everything about the configuration and availability of one charger; part of ChargePoint.
struct ChargerConfiguration {
    ReportedKeys reported;
    std::optional<Timestamp> read_at;  // when it last told all its keys
    std::optional<Instant> asked_at;   // and when it was asked for them, whatever came of it
    KeyValues wishes;                  // an operator's
    std::map<std::string, KeyOutcome, LessIgnoringCase> outcomes;
    bool comparison_wanted = false;  // once the safe profiles are under way
    bool booted = false;             // since the keys were last read
    std::optional<Instant> due;      // when to begin
    std::optional<Instant> last_begun;
    std::shared_ptr<DesiredStateWork> work;    // under way; null: none
    std::map<std::int32_t, bool> operative;    // by connector; commanded and agreed to
    std::set<std::int32_t> availability_sent;  // again, since the last boot, connection or command
};

// The value without blanks and quotation marks around it.
std::string_view bare_value(std::string_view value);

// Whether two values mean the same: numbers by their value, "True" as "true" or "1", lists in any
// order.
bool is_same_value(std::string_view a, std::string_view b);

// Whether what the charger reports is what is wanted.
bool is_fulfilled(const KeyWish& wish, const ReportedKey& reported);

// The reported value without what surrounds it; nothing if it is not known.
std::optional<std::string_view> reported_value(const ReportedKeys& reported, std::string_view key);
// The same as a whole number.
std::optional<std::int64_t> reported_number(const ReportedKeys& reported, std::string_view key);

// Takes over what a charger answered. Values are cut to what is kept, and that of AuthorizationKey
// is never kept. `quoted`: they come in quotation marks that are not theirs. True if anything but
// the times has changed.
bool take_keys(ReportedKeys& reported, const std::vector<ocpp::v16::KeyValue>& keys, Timestamp at,
               bool quoted = false);
// The charger agreed to this value.
void take_change(ReportedKeys& reported, std::string_view key, std::string_view value,
                 Timestamp at);

// What Busbar sets by itself depends on these.
struct OwnWishes {
    std::chrono::seconds meter_sample_interval{15};
    std::chrono::seconds heartbeat_interval{300};
};

// The list of measurands to ask for: the model's, or the minimal one where the charger has no room
// for it (MeterValuesSampledDataMaxLength).
std::string measurand_list(const Quirks& quirks, std::optional<std::int64_t> length_max);
// What load management and accounts cannot do without, for a charger that refuses more.
std::string minimal_measurand_list();

// All wishes, an operator's before Busbar's own.
std::vector<KeyWish> key_wishes(const Quirks& quirks, const OwnWishes& own,
                                const ChargerConfiguration& configuration);

// A ChangeConfiguration to send, in the charger's spelling.
struct KeyChange {
    std::string key;
    std::string value;
    bool by_operator = false;
    friend bool operator==(const KeyChange&, const KeyChange&) = default;
};

// The changes that bring the charger where it is wanted, and the outcomes that can be told without
// asking it. A wish that was refused, or tried twice without an answer, is left alone.
struct Comparison {
    std::vector<KeyChange> changes;
    std::map<std::string, KeyState, LessIgnoringCase> settled;
};
Comparison compare_keys(std::span<const KeyWish> wishes, const ChargerConfiguration& present);

// What reading a changed key back says about it; `shown` is null if the charger does not show it.
KeyState state_after_read_back(const KeyChange& change, const ReportedKey* shown);

// True if an answer to "all keys" cannot be all of them: nothing, as many as the charger can give
// with one answer, or hardly any of those that every charger has.
bool is_incomplete(const std::vector<ocpp::v16::KeyValue>& keys);

// The key that says how many keys one GetConfiguration may name.
inline constexpr std::string_view max_keys_key = "GetConfigurationMaxKeys";

// The keys to ask for by name: those of OCPP 1.6 if the list was incomplete, and the wanted ones,
// as far as they have not just been `told`. max_keys_key comes first.
std::vector<std::string> keys_to_ask(bool incomplete, std::span<const KeyWish> wishes,
                                     const std::set<std::string, LessIgnoringCase>& told);

// How many keys one GetConfiguration may name: what is known of the model, what the charger says,
// or 10.
std::size_t keys_per_request(const Quirks& quirks, const ReportedKeys& reported);
// The keys in pieces of that size.
std::vector<std::vector<std::string>> in_pieces(const std::vector<std::string>& keys,
                                                std::size_t size);

// When to begin after a boot: chargers that come back together are not asked together. Between 0
// and 20 s, and less where few are connected; the same for the same charger and boot.
std::chrono::milliseconds spread(std::string_view charge_point, Timestamp booted_at,
                                 std::size_t connected);

// A key with both sides, for people to look at.
struct KeyLine {
    std::string key;
    std::optional<std::string> value;
    std::optional<bool> readonly;  // nothing: not reported
    std::optional<std::string> desired;
    bool by_operator = false;
    std::optional<KeyState> state;  // of wishes
    bool drift = false;             // the charger has another value than it is wanted to have
};
std::vector<KeyLine> key_lines(std::span<const KeyWish> wishes,
                               const ChargerConfiguration& present);

}  // namespace busbar::site
