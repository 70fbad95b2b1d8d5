// The configuration: a TOML file, every key of which an environment variable BUSBAR_SECTION_KEY
// overrides. Reading finds every problem before anything is started. Pure but for read_file.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/units.hpp"

namespace busbar::app {

// The main meter; without one load management is static.
struct MeterConfig {
    std::string profile;
    std::string host;
    std::int64_t port = 0;  // 0: the profile's
    std::int64_t unit = 0;  // 0: the profile's
    std::int64_t poll_milliseconds = 1000;
};

struct Config {
    std::string data_dir = "var";
    std::string database_url;
    std::string ocpp_address = "0.0.0.0";
    std::int64_t ocpp_port = 9000;
    std::int64_t meter_sample_seconds = 15;  // how often chargers are asked to send meter values
    std::string web_http_address = "127.0.0.1";
    std::int64_t web_http_port = 8080;
    std::string files_address = "0.0.0.0";
    std::int64_t files_port = 9080;
    bool files_port_configured = false;  // false: another one will do where 9080 is taken
    std::string files_public_url;        // "" derives it from how a charger reaches us
    std::int64_t files_upload_mib_max = 100;
    std::int64_t files_total_mib_max = 2048;
    std::string log_level = "info";
    std::string time_zone;  // "" is this machine's

    std::vector<double> limit_amps{32, 32, 32};  // the breaker, L1 to L3
    double derate = 1.0;
    std::vector<double> margin_amps;         // empty: max(1 A, 2 %)
    std::vector<double> reserve_blind_amps;  // empty: half of the limit with a meter, else 0
    std::vector<double> blind_limit_amps;    // empty: all that reserve_blind leaves
    double minimum_amps = 6;
    std::int64_t lease_seconds = 600;
    bool limit_configured = false;  // false: limit_amps is only our cautious guess
    MeterConfig meter;
    bool message_log_enabled = true;
    std::int64_t message_log_days = 30;
    std::int64_t message_log_megabytes = 1024;
    // How long what is kept; 0: for ever.
    std::int64_t retention_samples_days = 90;
    std::int64_t retention_limits_days = 30;
    std::int64_t retention_security_events_days = 730;
    std::int64_t retention_transactions_years = 0;
    std::int64_t retention_audit_years = 0;
    std::int64_t retention_unknown_badges_days = 90;
};

// One thing that is wrong: "busbar.toml: [ocpp] port: must be 0 to 65535".
struct ConfigProblem {
    std::string source;  // the file, or "environment"
    std::string key;     // "[ocpp] port", "BUSBAR_OCPP_PORT" or ""
    std::string detail;
};
std::string to_string(const ConfigProblem& problem);

using ReadConfig = std::variant<Config, std::vector<ConfigProblem>>;
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// `toml` is the text of the file called `source`; nothing means no file. `variables` are the names
// of what is in the environment: one that looks like ours but is none is a problem.
ReadConfig read_config(const std::optional<std::string>& toml, const std::string& source,
                       const Environment& environment,
                       const std::vector<std::string>& variables = {});

// The same with the file's text read from disk. No path: BUSBAR_CONFIG, else defaults.
ReadConfig read_config_file(const std::optional<std::string>& path);

// What is in force, as TOML with secrets masked.
std::string print_config(const Config& config);

// Lists of three as amperes per phase.
PhaseAmps phase_amps(const std::vector<double>& values);

}  // namespace busbar::app
