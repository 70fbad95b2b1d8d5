#include "app/config_keys.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <boost/asio/ip/address.hpp>

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

// As the listeners take it: an IP address, in brackets or not, or localhost.
std::optional<boost::asio::ip::address> ip_address(std::string_view text) {
    if (text == "localhost") text = "127.0.0.1";
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
        text = text.substr(1, text.size() - 2);
    }
    boost::system::error_code error;
    const auto found = boost::asio::ip::make_address(std::string{text}, error);
    if (error) return std::nullopt;
    return found;
}

std::string address(const ConfigValue& value) {
    return ip_address(std::get<std::string>(value))
               ? ""
               : "must be an IP address of this machine, or 0.0.0.0 for all of them";
}

std::string loopback(const ConfigValue& value) {
    const auto found = ip_address(std::get<std::string>(value));
    return found && found->is_loopback()
               ? ""
               : "must be 127.0.0.1 or ::1: without TLS it is for this machine only";
}

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
std::string meter_sample(const ConfigValue& value) {
    const auto number = std::get<std::int64_t>(value);
    return number >= 5 && number <= 900 ? "" : "must be 5 to 900";
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
// A profile that load management may live on. What nobody has compared with a meter's display might
// read a tenth of the current.
bool is_fit_to_limit(const meters::Profile& profile) {
    return profile.confidence != meters::Confidence::unverified &&
           profile.measures_phase_currents();
}
std::string profile(const ConfigValue& value) {
    const auto& name = std::get<std::string>(value);
    const auto found = meters::find_profile(name);
    if (name.empty() || (found && is_fit_to_limit(*found))) return "";
    std::string known;
    for (const auto& p : meters::builtin_profiles()) {
        if (is_fit_to_limit(p)) known.append(known.empty() ? "" : ", ").append(p.name);
    }
    if (!found) return "there is no such profile; known are " + known;
    const std::string why = found->measures_phase_currents() ? "its registers are not verified"
                                                             : "it has no current for each phase";
    return why + ", so limits must not rest on it; those that may are " + known;
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
    using C = Config;
    using M = MeterConfig;
    static const std::vector<ConfigKey> keys{
        {"data", "dir", read<&C::data_dir>, write<&C::data_dir>, not_empty},
        {"database", "url", read<&C::database_url>, write<&C::database_url>, anything, true},
        {"ocpp", "address", read<&C::ocpp_address>, write<&C::ocpp_address>, address},
        {"ocpp", "port", read<&C::ocpp_port>, write<&C::ocpp_port>, port},
        {"ocpp", "meter_sample_seconds", read<&C::meter_sample_seconds>,
         write<&C::meter_sample_seconds>, meter_sample},
        {"web", "http_address", read<&C::web_http_address>, write<&C::web_http_address>, loopback},
        {"web", "http_port", read<&C::web_http_port>, write<&C::web_http_port>, port},
        {"files", "address", read<&C::files_address>, write<&C::files_address>, address},
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
        {"retention", "limits_days", read<&C::retention_limits_days>,
         write<&C::retention_limits_days>, days_or_ever},
        {"retention", "security_events_days", read<&C::retention_security_events_days>,
         write<&C::retention_security_events_days>, days_or_ever},
        {"retention", "transactions_years", read<&C::retention_transactions_years>,
         write<&C::retention_transactions_years>, years_or_ever},
        {"retention", "audit_years", read<&C::retention_audit_years>,
         write<&C::retention_audit_years>, years_or_ever},
        {"retention", "unknown_badges_days", read<&C::retention_unknown_badges_days>,
         write<&C::retention_unknown_badges_days>, days_or_ever},
    };
    return keys;
}

namespace {

struct Place {
    std::string section;
    std::string address_name;
    std::string address;
    std::string port_name;
    std::int64_t port = 0;
};

// Whether both cannot listen at once.
bool collide(const Place& one, const Place& other) {
    if (one.port != other.port || one.port == 0) return false;
    const auto first = ip_address(one.address);
    const auto second = ip_address(other.address);
    if (!first || !second) return false;
    return *first == *second || first->is_unspecified() || second->is_unspecified();
}

void find_collisions(const Config& config, std::vector<Contradiction>& out) {
    std::vector<Place> places{
        {"[ocpp] ", "address", config.ocpp_address, "port", config.ocpp_port},
        {"[web] ", "http_address", config.web_http_address, "http_port", config.web_http_port}};
    if (config.files_port_configured) {
        places.push_back({"[files] ", "address", config.files_address, "port", config.files_port});
    }
    for (auto one = places.begin(); one != places.end(); ++one) {
        for (auto other = std::next(one); other != places.end(); ++other) {
            if (!collide(*one, *other)) continue;
            const auto port = one->section + one->port_name;
            const auto same = other->section + other->port_name;
            out.push_back({{port, same, one->section + one->address_name,
                            other->section + other->address_name},
                           port + " and " + same + " are both " + std::to_string(one->port) +
                               ": choose another one"});
        }
    }
}

void find_meter_contradictions(const MeterConfig& meter, std::vector<Contradiction>& out) {
    if (meter.profile.empty() != meter.host.empty()) {
        out.push_back({{"[meter] profile", "[meter] host"},
                       "[meter] profile and host belong together: set both or neither"});
    }
    if (!meter.host.empty() || !meter.profile.empty()) return;
    for (const auto& [name, value] : {std::pair{"port", meter.port}, {"unit", meter.unit}}) {
        if (value == 0) continue;
        const auto key = std::string{"[meter] "} + name;
        out.push_back({{key, "[meter] profile", "[meter] host"},
                       key + " is set but there is no meter: set profile and host too"});
    }
}

void find_current_contradictions(const Config& config, std::vector<Contradiction>& out) {
    const std::string section = "[load_management] ";
    const auto keys = [&](const char* name) {
        return std::vector{section + name, section + "limit_amps", section + "derate"};
    };
    for (std::size_t p = 0; p < 3; ++p) {
        const double usable = config.limit_amps[p] * config.derate;
        const auto phase = ": L" + std::to_string(p + 1);
        if (!config.margin_amps.empty() && config.margin_amps[p] >= usable) {
            out.push_back({keys("margin_amps"),
                           section + "margin_amps" + phase + " leaves nothing of limit_amps"});
        }
        if (!config.reserve_blind_amps.empty() && config.reserve_blind_amps[p] > usable) {
            out.push_back({keys("reserve_blind_amps"),
                           section + "reserve_blind_amps" + phase + " is more than limit_amps"});
        }
    }
}

}  // namespace

std::vector<Contradiction> contradictions(const Config& config) {
    std::vector<Contradiction> out;
    find_collisions(config, out);
    find_meter_contradictions(config.meter, out);
    find_current_contradictions(config, out);
    return out;
}

}  // namespace busbar::app
