#include "app/config_keys.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "base/time_zone.hpp"
#include "meters/profile.hpp"

namespace busbar::app {
namespace {

template <auto member>
ConfigValue read(const Config& config) {
    return config.*member;
}
template <auto member>
void write(Config& config, const ConfigValue& value) {
    using T = std::remove_cvref_t<decltype(config.*member)>;
    config.*member = std::get<T>(value);
}
template <auto member>
ConfigValue read_meter(const Config& config) {
    return config.meter.*member;
}
template <auto member>
void write_meter(Config& config, const ConfigValue& value) {
    using T = std::remove_cvref_t<decltype(config.meter.*member)>;
    config.meter.*member = std::get<T>(value);
}
void write_limit(Config& config, const ConfigValue& value) {
    config.limit_amps = std::get<std::vector<double>>(value);
    config.limit_configured = true;
}

void write_files_port(Config& config, const ConfigValue& value) {
    config.files_port = std::get<std::int64_t>(value);
    config.files_port_configured = true;
}

std::string not_empty(const ConfigValue& value) {
    return std::get<std::string>(value).empty() ? "must not be empty" : "";
}
std::string anything(const ConfigValue&) { return ""; }

std::string port(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number < 0 || number > 65535 ? "must be 0 to 65535 (0 picks a free port)" : "";
}

std::string public_url(const ConfigValue& value) {
    const auto& url = std::get<std::string>(value);
    if (url.empty()) return "";
    const bool web = url.starts_with("http://") || url.starts_with("https://");
    const bool plain = url.find_first_of("?# \"@") == std::string::npos && is_printable(url);
    return web && plain && url.size() <= 200
               ? ""
               : "must be http://HOST:PORT or https://HOST:PORT, without user, query or blanks";
}
std::string mebibytes(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 1 && number <= 1'048'576 ? "" : "must be 1 to 1048576";
}

std::string log_level(const ConfigValue& value) {
    constexpr std::string_view known[] = {"debug", "info", "warning", "error"};
    const auto& text = std::get<std::string>(value);
    const bool good = std::find(std::begin(known), std::end(known), text) != std::end(known);
    return good ? "" : "must be debug, info, warning or error";
}

std::string time_zone(const ConfigValue& value) {
    const auto& name = std::get<std::string>(value);
    if (name.empty() || TimeZone::find(name)) return "";
    return "there is no such time zone: it must be a name such as Europe/Paris, or UTC";
}

bool is_between(double value, double low, double high) { return value >= low && value <= high; }

std::string phases(const ConfigValue& value, double low) {
    const auto& amps = std::get<std::vector<double>>(value);
    const bool good = amps.size() == 3 && std::all_of(amps.begin(), amps.end(), [&](double a) {
                          return is_between(a, low, 10'000);
                      });
    return good ? ""
                : "must be three currents in A for L1, L2, L3, each " +
                      std::to_string(static_cast<int>(low)) + " to 10000";
}
std::string breaker(const ConfigValue& value) { return phases(value, 1); }
std::string phases_or_none(const ConfigValue& value) {
    return std::get<std::vector<double>>(value).empty() ? "" : phases(value, 0);
}

std::string derate(const ConfigValue& value) {
    return is_between(std::get<double>(value), 0.1, 1) ? "" : "must be 0.1 to 1";
}
std::string minimum(const ConfigValue& value) {
    return is_between(std::get<double>(value), 6, 32)
               ? ""
               : "must be 6 to 32: below 6 A no car charges (IEC 61851-1)";
}
std::string lease(const ConfigValue& value) {
    const auto seconds = std::get<std::int64_t>(value);
    return seconds >= 60 && seconds <= 3600 ? "" : "must be 60 to 3600";
}
std::string unit(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 0 && number <= 255 ? "" : "must be 1 to 255 (0: the profile's)";
}
std::string poll(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 100 && number <= 60'000 ? "" : "must be 100 to 60000";
}
std::string days(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 1 && number <= 3650 ? "" : "must be 1 to 3650";
}
std::string days_or_ever(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 0 && number <= 36'500 ? "" : "must be 0 to 36500 (0 is for ever)";
}
std::string years_or_ever(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 0 && number <= 100 ? "" : "must be 0 to 100 (0 is for ever)";
}
std::string megabytes(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 1 && number <= 1'000'000 ? "" : "must be 1 to 1000000";
}
std::string profile(const ConfigValue& value) {
    const auto& name = std::get<std::string>(value);
    if (name.empty() || meters::find_profile(name)) return "";
    std::string known;
    for (const auto& p : meters::builtin_profiles()) {
        known.append(known.empty() ? "" : ", ").append(p.name);
    }
    return "there is no such profile; known are " + known;
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
    using C = Config;
    using M = MeterConfig;
    static const std::vector<ConfigKey> keys{
        {"data", "dir", read<&C::data_dir>, write<&C::data_dir>, not_empty},
        {"database", "url", read<&C::database_url>, write<&C::database_url>, anything, true},
        {"ocpp", "address", read<&C::ocpp_address>, write<&C::ocpp_address>, not_empty},
        {"ocpp", "port", read<&C::ocpp_port>, write<&C::ocpp_port>, port},
        {"web", "http_address", read<&C::web_http_address>, write<&C::web_http_address>, not_empty},
        {"web", "http_port", read<&C::web_http_port>, write<&C::web_http_port>, port},
        {"files", "address", read<&C::files_address>, write<&C::files_address>, not_empty},
        {"files", "port", read<&C::files_port>, write_files_port, port},
        {"files", "public_url", read<&C::files_public_url>, write<&C::files_public_url>,
         public_url},
        {"files", "upload_mib_max", read<&C::files_upload_mib_max>, write<&C::files_upload_mib_max>,
         mebibytes},
        {"files", "total_mib_max", read<&C::files_total_mib_max>, write<&C::files_total_mib_max>,
         mebibytes},
        {"log", "level", read<&C::log_level>, write<&C::log_level>, log_level},
        {"site", "time_zone", read<&C::time_zone>, write<&C::time_zone>, time_zone},
        {"load_management", "limit_amps", read<&C::limit_amps>, write_limit, breaker},
        {"load_management", "derate", read<&C::derate>, write<&C::derate>, derate},
        {"load_management", "margin_amps", read<&C::margin_amps>, write<&C::margin_amps>,
         phases_or_none},
        {"load_management", "reserve_blind_amps", read<&C::reserve_blind_amps>,
         write<&C::reserve_blind_amps>, phases_or_none},
        {"load_management", "blind_limit_amps", read<&C::blind_limit_amps>,
         write<&C::blind_limit_amps>, phases_or_none},
        {"load_management", "minimum_amps", read<&C::minimum_amps>, write<&C::minimum_amps>,
         minimum},
        {"load_management", "lease_seconds", read<&C::lease_seconds>, write<&C::lease_seconds>,
         lease},
        {"meter", "profile", read_meter<&M::profile>, write_meter<&M::profile>, profile},
        {"meter", "host", read_meter<&M::host>, write_meter<&M::host>, anything},
        {"meter", "port", read_meter<&M::port>, write_meter<&M::port>, port},
        {"meter", "unit", read_meter<&M::unit>, write_meter<&M::unit>, unit},
        {"meter", "poll_milliseconds", read_meter<&M::poll_milliseconds>,
         write_meter<&M::poll_milliseconds>, poll},
        {"message_log", "enabled", read<&C::message_log_enabled>, write<&C::message_log_enabled>,
         anything},
        {"message_log", "days", read<&C::message_log_days>, write<&C::message_log_days>, days},
        {"message_log", "megabytes", read<&C::message_log_megabytes>,
         write<&C::message_log_megabytes>, megabytes},
        {"retention", "samples_days", read<&C::retention_samples_days>,
         write<&C::retention_samples_days>, days_or_ever},
        {"retention", "transactions_years", read<&C::retention_transactions_years>,
         write<&C::retention_transactions_years>, years_or_ever},
        {"retention", "audit_years", read<&C::retention_audit_years>,
         write<&C::retention_audit_years>, years_or_ever},
        {"retention", "unknown_badges_days", read<&C::retention_unknown_badges_days>,
         write<&C::retention_unknown_badges_days>, days_or_ever},
    };
    return keys;
}

std::vector<std::string> contradictions(const Config& config) {
    std::vector<std::string> out;
    if (config.meter.profile.empty() != config.meter.host.empty()) {
        out.push_back("[meter] profile and host belong together: set both or neither");
    }
    for (std::size_t p = 0; p < 3; ++p) {
        const double usable = config.limit_amps[p] * config.derate;
        if (!config.margin_amps.empty() && config.margin_amps[p] >= usable) {
            out.push_back("[load_management] margin_amps: L" + std::to_string(p + 1) +
                          " leaves nothing of limit_amps");
        }
        if (!config.reserve_blind_amps.empty() && config.reserve_blind_amps[p] > usable) {
            out.push_back("[load_management] reserve_blind_amps: L" + std::to_string(p + 1) +
                          " is more than limit_amps");
        }
    }
    return out;
}

}  // namespace busbar::app
