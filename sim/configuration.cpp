#include "sim/configuration.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>

namespace busbar::sim {
namespace {

namespace v16 = ocpp::v16;

// Parts of a comma-separated list without surrounding blanks.
std::vector<std::string_view> split(std::string_view list) {
    std::vector<std::string_view> parts;
    while (!list.empty()) {
        const auto comma = list.find(',');
        std::string_view part = list.substr(0, comma);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        if (!part.empty()) parts.push_back(part);
    }
    return parts;
}

bool simulated(v16::Measurand measurand) {
    const auto& known = simulated_measurands();
    return std::find(known.begin(), known.end(), measurand) != known.end();
}

std::optional<int> parse_number(std::string_view text) {
    int value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || rest != end || value < 0) return std::nullopt;
    return value;
}

}  // namespace

const std::vector<v16::Measurand>& simulated_measurands() {
    using enum v16::Measurand;
    static const std::vector<v16::Measurand> measurands{Energy_Active_Import_Register,
                                                        Current_Import, Power_Active_Import,
                                                        Voltage, Current_Offered};
    return measurands;
}

std::vector<v16::Measurand> parse_measurands(std::string_view list) {
    std::vector<v16::Measurand> measurands;
    for (const auto part : split(list)) {
        if (const auto measurand = enumerator_from_name<v16::Measurand>(part)) {
            measurands.push_back(*measurand);
        }
    }
    return measurands;
}

void Configuration::add(std::string_view key, std::string value, Type type, bool readonly) {
    entries_.push_back({std::string{key}, std::move(value), type, readonly, {}});
}

Configuration::Configuration(int connectors, std::string_view phase_rotation,
                             const ProfileCapacity& profiles, const Misbehaviour& misbehaviour)
    : misbehaviour_(misbehaviour) {
    std::string rotation;
    for (int connector = 0; connector <= connectors; ++connector) {
        rotation += (connector > 0 ? "," : "") + std::to_string(connector) + "." +
                    std::string{phase_rotation};
    }
    add("AllowOfflineTxForUnknownId", "false", Type::flag);
    add("AuthorizationCacheEnabled", "true", Type::flag);
    add("AuthorizeRemoteTxRequests", "true", Type::flag);
    add("ClockAlignedDataInterval", "0", Type::number, true);
    add("ConnectionTimeOut", "60", Type::number);
    add("ConnectorPhaseRotation", rotation, Type::text, true);
    add("GetConfigurationMaxKeys", misbehaviour_.configuration_one_key ? "1" : "64", Type::number,
        true);
    add("HeartbeatInterval", "300", Type::number);
    add("LocalAuthListEnabled", "true", Type::flag);
    add("LocalAuthListMaxLength", "100", Type::number, true);
    add("LocalAuthorizeOffline", "true", Type::flag);
    add("LocalPreAuthorize", "false", Type::flag);
    add("MeterValuesAlignedData", "", Type::measurands, true);
    add("MeterValuesSampledData",
        "Energy.Active.Import.Register,Current.Import,Power.Active.Import,Voltage,Current.Offered",
        Type::measurands);
    add("MeterValueSampleInterval", "60", Type::number);
    add("NumberOfConnectors", std::to_string(connectors), Type::number, true);
    add("ReserveConnectorZeroSupported", "true", Type::flag, true);
    add("ResetRetries", "0", Type::number, true);
    add("SendLocalListMaxLength", "20", Type::number, true);
    add("StopTransactionOnEVSideDisconnect", "true", Type::flag, true);
    add("StopTransactionOnInvalidId", "true", Type::flag);
    add("StopTxnAlignedData", "", Type::measurands, true);
    add("StopTxnSampledData", "", Type::measurands, true);
    add("SupportedFeatureProfiles",
        "Core,SmartCharging,RemoteTrigger,Reservation,LocalAuthListManagement,FirmwareManagement",
        Type::text, true);
    add("TransactionMessageAttempts", "3", Type::number);
    add("TransactionMessageRetryInterval", "20", Type::number);
    add("UnlockConnectorOnEVSideDisconnect", "true", Type::flag, true);
    add("WebSocketPingInterval", "0", Type::number, true);
    add("ChargeProfileMaxStackLevel", std::to_string(profiles.stack_level_max), Type::number, true);
    add("ChargingScheduleAllowedChargingRateUnit", "Current,Power", Type::text, true);
    add("ChargingScheduleMaxPeriods", std::to_string(profiles.periods_max), Type::number, true);
    add("ConnectorSwitch3to1PhaseSupported", "false", Type::flag, true);
    add("MaxChargingProfilesInstalled", std::to_string(profiles.profiles_max), Type::number, true);
    for (int number = 1; misbehaviour_.configuration_huge && number <= 300; ++number) {
        add("Vendor.Setting." + std::to_string(number), std::string(100, 'v'), Type::text, true);
    }
}

const Configuration::Entry* Configuration::find(std::string_view key) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return equal_ignoring_case(entry.key, key);
    });
    return found == entries_.end() ? nullptr : &*found;
}

bool Configuration::valid(Type type, std::string_view value) {
    switch (type) {
        case Type::text:
            return true;
        case Type::number:
            return parse_number(value).has_value();
        case Type::flag:
            return value == "true" || value == "false";
        case Type::measurands:
            break;
    }
    // One measurand that is not supported refuses the whole list (3.16.4).
    const auto parts = split(value);
    return std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
        const auto measurand = enumerator_from_name<v16::Measurand>(part);
        return measurand && simulated(*measurand);
    });
}

v16::GetConfiguration::Response Configuration::read(
    const v16::GetConfiguration::Request& request) const {
    v16::GetConfiguration::Response response;
    auto& known = response.configurationKey.emplace();
    const auto add = [&](const Entry& entry) {
        known.push_back({entry.key, entry.readonly, CiString<500>{entry.value}});
    };
    if (!request.key || request.key->empty()) {
        for (const Entry& entry : entries_) {
            if (known.empty() || !misbehaviour_.configuration_one_key) add(entry);
        }
        return response;
    }
    // It answers as many as it says in GetConfigurationMaxKeys, and nothing about the rest.
    const auto keys_max = static_cast<std::size_t>(number("GetConfigurationMaxKeys"));
    for (std::size_t i = 0; i < std::min(keys_max, request.key->size()); ++i) {
        const auto& key = (*request.key)[i];
        if (const Entry* entry = find(key.value)) {
            add(*entry);
        } else {
            if (!response.unknownKey) response.unknownKey.emplace();
            response.unknownKey->push_back(key);
        }
    }
    return response;
}

v16::ChangeConfigurationStatus Configuration::change(std::string_view key, std::string_view value) {
    using enum v16::ChangeConfigurationStatus;
    const Entry* entry = find(key);
    if (!entry) return NotSupported;
    std::string text{value};
    if (entry->type == Type::flag) text = to_lower(value);
    if (misbehaviour_.change_rejected) return Rejected;
    if (entry->readonly || !valid(entry->type, text)) return Rejected;
    if (misbehaviour_.change_not_applied) return Accepted;
    if (misbehaviour_.change_needs_reboot) {
        const auto at = static_cast<std::size_t>(entry - entries_.data());
        entries_[at].after_reboot = std::move(text);
        return RebootRequired;
    }
    assign(entry->key, std::move(text));
    return Accepted;
}

void Configuration::apply_changes() {
    for (Entry& entry : entries_) {
        if (entry.after_reboot) entry.value = *std::exchange(entry.after_reboot, std::nullopt);
    }
}

void Configuration::assign(std::string_view key, std::string value) {
    for (Entry& entry : entries_) {
        if (equal_ignoring_case(entry.key, key)) entry.value = std::move(value);
    }
}

const std::string& Configuration::text(std::string_view key) const {
    const Entry* entry = find(key);
    assert(entry && "only keys that exist are asked for");
    return entry->value;
}

int Configuration::number(std::string_view key) const { return *parse_number(text(key)); }

std::chrono::seconds Configuration::seconds(std::string_view key) const {
    return std::chrono::seconds{number(key)};
}

}  // namespace busbar::sim
