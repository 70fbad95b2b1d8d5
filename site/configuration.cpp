#include "site/configuration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "site/commands.hpp"

namespace busbar::site {
namespace {

// The keys of OCPP 1.6 (chapter 9) and of the security white paper that can be read, the required
// ones of the Core profile first.
constexpr std::array<std::string_view, 48> known_keys{"AuthorizeRemoteTxRequests",
                                                      "ClockAlignedDataInterval",
                                                      "ConnectionTimeOut",
                                                      "ConnectorPhaseRotation",
                                                      "GetConfigurationMaxKeys",
                                                      "HeartbeatInterval",
                                                      "LocalAuthorizeOffline",
                                                      "LocalPreAuthorize",
                                                      "MeterValuesAlignedData",
                                                      "MeterValuesSampledData",
                                                      "MeterValueSampleInterval",
                                                      "NumberOfConnectors",
                                                      "ResetRetries",
                                                      "StopTransactionOnEVSideDisconnect",
                                                      "StopTransactionOnInvalidId",
                                                      "StopTxnAlignedData",
                                                      "StopTxnSampledData",
                                                      "SupportedFeatureProfiles",
                                                      "TransactionMessageAttempts",
                                                      "TransactionMessageRetryInterval",
                                                      "UnlockConnectorOnEVSideDisconnect",
                                                      "AllowOfflineTxForUnknownId",
                                                      "AuthorizationCacheEnabled",
                                                      "BlinkRepeat",
                                                      "ConnectorPhaseRotationMaxLength",
                                                      "LightIntensity",
                                                      "MaxEnergyOnInvalidId",
                                                      "MeterValuesAlignedDataMaxLength",
                                                      "MeterValuesSampledDataMaxLength",
                                                      "MinimumStatusDuration",
                                                      "StopTxnAlignedDataMaxLength",
                                                      "StopTxnSampledDataMaxLength",
                                                      "SupportedFeatureProfilesMaxLength",
                                                      "WebSocketPingInterval",
                                                      "LocalAuthListEnabled",
                                                      "LocalAuthListMaxLength",
                                                      "SendLocalListMaxLength",
                                                      "ReserveConnectorZeroSupported",
                                                      "ChargeProfileMaxStackLevel",
                                                      "ChargingScheduleAllowedChargingRateUnit",
                                                      "ChargingScheduleMaxPeriods",
                                                      "ConnectorSwitch3to1PhaseSupported",
                                                      "MaxChargingProfilesInstalled",
                                                      "SupportedFileTransferProtocols",
                                                      "CpoName",
                                                      "SecurityProfile",
                                                      "AdditionalRootCertificateCheck",
                                                      "CertificateSignedMaxChainSize"};
constexpr std::size_t required_keys = 21;
constexpr std::string_view sampled_data = "MeterValuesSampledData";

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<bool> parse_flag(std::string_view text) {
    if (equal_ignoring_case(text, "true") || text == "1") return true;
    if (equal_ignoring_case(text, "false") || text == "0") return false;
    return std::nullopt;
}

std::vector<std::string> parse_list(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto item = bare_value(text.substr(0, comma));
        if (!item.empty()) items.emplace_back(item);
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    std::sort(items.begin(), items.end());
    return items;
}

// As PostgreSQL can keep it: bounded, whole characters only, no control characters.
std::string kept_value(std::string_view value) {
    auto size = std::min(value.size(), reported_value_max);
    const auto is_inside = [&](std::size_t at) {
        return at < value.size() && (static_cast<unsigned char>(value[at]) & 0xC0U) == 0x80U;
    };
    while (size > 0 && is_inside(size)) --size;
    std::string kept{value.substr(0, size)};
    std::replace_if(
        kept.begin(), kept.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
    return kept;
}

std::string joined(const std::vector<std::string>& items) {
    std::string out;
    for (const auto& item : items) out.append(out.empty() ? "" : ",").append(item);
    return out;
}

// A try that needs no repetition until something has changed.
bool is_tried(const KeyOutcome& outcome, const KeyWish& wish) {
    constexpr int tries_max = 2;
    if (outcome.value != wish.value) return false;
    return (outcome.state != KeyState::pending && outcome.state != KeyState::applied) ||
           (outcome.state == KeyState::pending && outcome.tries >= tries_max);
}

const ReportedKey* find_reported(const ReportedKeys& reported, std::string_view key) {
    const auto it = reported.find(key);
    return it == reported.end() ? nullptr : &it->second;
}

KeyState state_of(const KeyWish& wish, const ReportedKey* reported,
                  const ChargerConfiguration& present) {
    const auto tried = present.outcomes.find(wish.key);
    const bool is_told = tried != present.outcomes.end() && tried->second.value == wish.value;
    const bool is_shown = reported && reported->value;
    if (is_shown && is_fulfilled(wish, *reported)) {
        const bool waits = is_told && tried->second.state == KeyState::reboot_required;
        return waits ? KeyState::reboot_required : KeyState::applied;
    }
    if (!is_told) return reported && reported->readonly ? KeyState::readonly : KeyState::pending;
    // Agreed to once, and changed by somebody since.
    if (is_shown && tried->second.state == KeyState::applied) return KeyState::pending;
    return tried->second.state;
}

}  // namespace

std::string_view bare_value(std::string_view value) {
    value = trimmed(value);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = trimmed(value.substr(1, value.size() - 2));
    }
    return value;
}

bool is_same_value(std::string_view a, std::string_view b) {
    a = bare_value(a);
    b = bare_value(b);
    if (a == b) return true;
    const auto first = parse_number<double>(a);
    const auto second = parse_number<double>(b);
    if (first && second) return std::abs(*first - *second) < 1e-9;
    const auto flag = parse_flag(a);
    if (flag && flag == parse_flag(b)) return true;
    const bool is_list =
        a.find(',') != std::string_view::npos || b.find(',') != std::string_view::npos;
    return is_list && parse_list(a) == parse_list(b);
}

bool is_fulfilled(const KeyWish& wish, const ReportedKey& reported) {
    if (!reported.value) return false;
    if (is_same_value(wish.value, *reported.value)) return true;
    if (!wish.more_will_do) return false;
    const auto wanted = parse_list(wish.value);
    const auto present = parse_list(bare_value(*reported.value));
    return std::includes(present.begin(), present.end(), wanted.begin(), wanted.end());
}

std::optional<std::string_view> reported_value(const ReportedKeys& reported, std::string_view key) {
    const auto* found = find_reported(reported, key);
    if (!found || !found->value) return std::nullopt;
    return bare_value(*found->value);
}

std::optional<std::int64_t> reported_number(const ReportedKeys& reported, std::string_view key) {
    const auto value = reported_value(reported, key);
    return value ? parse_number<std::int64_t>(*value) : std::nullopt;
}

bool take_keys(ReportedKeys& reported, const std::vector<ocpp::v16::KeyValue>& keys, Timestamp at,
               bool quoted) {
    constexpr std::size_t key_size_max = 200;
    bool changed = false;
    for (const auto& told : keys) {
        const auto& name = told.key.value;
        if (name.empty() || name.size() > key_size_max || !is_printable(name)) continue;
        const bool is_new = reported.find(name) == reported.end();
        if (is_new && reported.size() >= reported_keys_max) continue;
        std::optional<std::string> value;
        if (told.value && !equal_ignoring_case(name, authorization_key)) {
            const std::string_view text = told.value->value;
            value = kept_value(quoted ? bare_value(text) : text);
        }
        auto& kept = reported[name];
        changed |=
            is_new || kept.key != name || kept.value != value || kept.readonly != told.readonly;
        kept = {name, std::move(value), told.readonly, at};
    }
    return changed;
}

void take_change(ReportedKeys& reported, std::string_view key, std::string_view value,
                 Timestamp at) {
    if (equal_ignoring_case(key, authorization_key)) return;
    const auto it = reported.find(key);
    if (it == reported.end()) return;
    it->second.value = kept_value(value);
    it->second.at = at;
}

std::string minimal_measurand_list() { return "Energy.Active.Import.Register,Current.Import"; }

std::string measurand_list(const Quirks& quirks, std::optional<std::int64_t> length_max) {
    const auto& wanted = quirks.measurands;
    if (!length_max || *length_max <= 0 ||
        static_cast<std::int64_t>(wanted.size()) <= *length_max) {
        return joined(wanted);
    }
    return *length_max >= 2 ? minimal_measurand_list() : "Energy.Active.Import.Register";
}

// Only what load management and accounts need. Left as they are, among others:
// - StopTransactionOnInvalidId: either way a refused badge gets no more energy than
//   MaxEnergyOnInvalidId (4.8), and which of the two is right is a matter of the house;
// - AuthorizeRemoteTxRequests: the badge of a remote start has been judged before it is sent;
// - ClockAlignedDataInterval and the StopTxn lists: the samples between say it all.
std::vector<KeyWish> key_wishes(const Quirks& quirks, const OwnWishes& own,
                                const ChargerConfiguration& configuration) {
    std::vector<KeyWish> wishes;
    for (const auto& [key, value] : configuration.wishes) {
        // That one is load management's, however it came to be wished for.
        if (!quirks.limit_key.empty() && equal_ignoring_case(key, quirks.limit_key)) continue;
        wishes.push_back({key, value, true});
    }
    const auto add = [&](std::string_view key, std::string value, bool more_will_do = false) {
        if (configuration.wishes.find(key) != configuration.wishes.end()) return;
        wishes.push_back({std::string{key}, std::move(value), false, more_will_do});
    };
    const auto interval = std::max<std::int64_t>(own.meter_sample_interval.count(),
                                                 quirks.meter_sample_interval_min_seconds);
    add("MeterValueSampleInterval", std::to_string(interval));
    if (quirks.set_measurands && !quirks.measurands.empty()) {
        // What a charger samples beyond this is nobody's harm.
        add(sampled_data,
            measurand_list(
                quirks, reported_number(configuration.reported, "MeterValuesSampledDataMaxLength")),
            true);
    }
    // The answer to its boot says the same, but not every charger listens.
    add("HeartbeatInterval", std::to_string(own.heartbeat_interval.count()));
    if (quirks.charger_ping_interval_seconds > 0) {
        add("WebSocketPingInterval", std::to_string(quirks.charger_ping_interval_seconds));
    }
    return wishes;
}

Comparison compare_keys(std::span<const KeyWish> wishes, const ChargerConfiguration& present) {
    Comparison out;
    const bool is_anything_known = !present.reported.empty();
    for (const auto& wish : wishes) {
        const auto* reported = find_reported(present.reported, wish.key);
        if (reported && is_fulfilled(wish, *reported)) {
            out.settled[wish.key] = KeyState::applied;
            continue;
        }
        const auto tried = present.outcomes.find(wish.key);
        if (tried != present.outcomes.end() && is_tried(tried->second, wish)) continue;
        if (reported && reported->readonly) {
            out.settled[wish.key] = KeyState::readonly;
        } else if (!reported && is_anything_known && !wish.by_operator) {
            // An operator may know of a key that the charger does not show.
            out.settled[wish.key] = KeyState::not_supported;
        } else {
            out.changes.push_back(
                {reported ? reported->key : wish.key, wish.value, wish.by_operator});
        }
    }
    return out;
}

KeyState state_after_read_back(const KeyChange& change, const ReportedKey* shown) {
    // A key that can only be written shows nothing: its word must do.
    if (!shown || !shown->value) return KeyState::applied;
    return is_same_value(change.value, *shown->value) ? KeyState::applied
                                                      : KeyState::accepted_but_not_applied;
}

bool is_incomplete(const std::vector<ocpp::v16::KeyValue>& keys) {
    std::size_t required = 0;
    for (const auto& told : keys) {
        const auto end = known_keys.begin() + required_keys;
        required += std::find_if(known_keys.begin(), end, [&](std::string_view known) {
                        return equal_ignoring_case(known, told.key.value);
                    }) != end;
        if (!equal_ignoring_case(told.key.value, max_keys_key) || !told.value) continue;
        const auto most = parse_number<std::size_t>(bare_value(told.value->value));
        if (most && *most > 0 && keys.size() == *most) return true;
    }
    return required < required_keys / 2;
}

std::vector<std::string> keys_to_ask(bool incomplete, std::span<const KeyWish> wishes,
                                     const std::set<std::string, LessIgnoringCase>& told) {
    std::vector<std::string> keys;
    auto seen = told;
    const auto add = [&](std::string_view key) {
        if (seen.insert(std::string{key}).second) keys.emplace_back(key);
    };
    // It says how many of the others fit into one question.
    if (incomplete) add(max_keys_key);
    for (const auto& wish : wishes) {
        // What cannot be read need not be asked for.
        if (!equal_ignoring_case(wish.key, authorization_key)) add(wish.key);
    }
    if (incomplete) {
        for (const auto key : known_keys) add(key);
    }
    return keys;
}

std::size_t keys_per_request(const Quirks& quirks, const ReportedKeys& reported) {
    constexpr std::size_t usual = 10;
    if (quirks.configuration_keys_per_request > 0) {
        return static_cast<std::size_t>(quirks.configuration_keys_per_request);
    }
    const auto most = reported_number(reported, max_keys_key);
    return most && *most > 0 ? static_cast<std::size_t>(*most) : usual;
}

std::vector<std::vector<std::string>> in_pieces(const std::vector<std::string>& keys,
                                                std::size_t size) {
    std::vector<std::vector<std::string>> pieces;
    for (std::size_t begin = 0; begin < keys.size(); begin += size) {
        const auto count = std::min(size, keys.size() - begin);
        const auto first = keys.begin() + static_cast<std::ptrdiff_t>(begin);
        pieces.emplace_back(first, first + static_cast<std::ptrdiff_t>(count));
    }
    return pieces;
}

std::chrono::milliseconds spread(std::string_view charge_point, Timestamp booted_at,
                                 std::size_t connected) {
    constexpr std::uint64_t most = 20'000;
    constexpr std::uint64_t per_charger = 200;
    const std::uint64_t span = std::min(most, per_charger * connected);
    if (span == 0) return {};
    // FNV-1a: neighbours in name and time end up far apart.
    std::uint64_t hash = 14695981039346656037U;
    const auto mix = [&](std::string_view text) {
        for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    };
    mix(charge_point);
    mix(std::to_string(booted_at.time_since_epoch().count()));
    return std::chrono::milliseconds{static_cast<std::int64_t>(hash % span)};
}

std::vector<KeyLine> key_lines(std::span<const KeyWish> wishes,
                               const ChargerConfiguration& present) {
    std::map<std::string, KeyLine, LessIgnoringCase> lines;
    for (const auto& [name, reported] : present.reported) {
        auto& line = lines[name];
        line.key = reported.key;
        line.value = reported.value;
        line.readonly = reported.readonly;
    }
    for (const auto& wish : wishes) {
        const auto* reported = find_reported(present.reported, wish.key);
        auto& line = lines[wish.key];
        if (!reported) line.key = wish.key;
        line.desired = wish.value;
        line.by_operator = wish.by_operator;
        line.state = state_of(wish, reported, present);
        line.drift = reported && reported->value ? !is_fulfilled(wish, *reported)
                                                 : line.state != KeyState::applied;
    }
    std::vector<KeyLine> out;
    for (auto& [name, line] : lines) out.push_back(std::move(line));
    return out;
}

}  // namespace busbar::site
