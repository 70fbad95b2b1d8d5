#include "app/commands/meter.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/describe/class.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/codec.hpp"
#include "base/time.hpp"
#include "meters/bus.hpp"
#include "meters/profile.hpp"

namespace busbar::app::commands {
namespace {

// One line of `meter profiles --json`, by its wire names.
struct ProfileLine {
    std::string name;
    std::string vendor;
    std::vector<std::string> models;
    std::vector<std::string> transports;
    std::vector<std::string> quantities;
    std::string confidence;
    std::string source;
};
BOOST_DESCRIBE_STRUCT(ProfileLine, (),
                      (name, vendor, models, transports, quantities, confidence, source))

struct Options {
    std::string profiles_folder;
    std::string profile;
    std::string host;
    std::optional<std::uint16_t> port;
    std::optional<int> unit_id;
    double timeout_seconds = 2;
    bool json = false;
};

// The profiles to choose from; files that cannot be used are named on stderr.
std::vector<meters::Profile> known_profiles(const Options& options) {
    if (options.profiles_folder.empty()) return meters::builtin_profiles();
    meters::LoadedProfiles loaded = meters::load_profiles(options.profiles_folder);
    for (const std::string& problem : loaded.problems) std::cerr << "busbar: " << problem << '\n';
    return std::move(loaded.profiles);
}

std::string join(const std::vector<std::string>& texts) {
    std::string joined;
    for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
    return joined;
}

std::string_view words_for(meters::Confidence confidence) {
    switch (confidence) {
        case meters::Confidence::two_sources:
            return "confirmed by two sources";
        case meters::Confidence::one_source:
            return "from one source";
        case meters::Confidence::unverified:
            break;
    }
    return "not verified: compare with the display of the meter";
}

// At most three decimals: thousandths of a volt or ampere are the finest any meter counts in.
std::string number_text(double value) {
    if (!std::isfinite(value)) return "null";
    std::array<char, 400> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, 3);
    std::string shortened{text.data(), end.ptr};
    shortened.erase(shortened.find_last_not_of('0') + 1);
    if (shortened.ends_with('.')) shortened.pop_back();
    return shortened == "-0" ? "0" : shortened;
}

void append_values(std::string& out, const meters::Values& values) {
    out += '{';
    bool first = true;
    for (const auto& [name, value] : values) {
        if (!std::exchange(first, false)) out += ',';
        append_json_string(out, name);
        out += ':' + number_text(value);
    }
    out += '}';
}

int list_profiles(const Options& options) {
    std::string out = options.json ? "[" : "";
    bool first = true;
    for (const meters::Profile& profile : known_profiles(options)) {
        const ProfileLine line{.name = profile.name,
                               .vendor = profile.vendor,
                               .models = profile.models,
                               .transports = profile.transports,
                               .quantities = profile.quantity_names(),
                               .confidence = std::string{to_string(profile.confidence)},
                               .source = profile.source};
        if (options.json) {
            out += std::exchange(first, false) ? "" : ",";
            encode(out, line);
        } else {
            out += line.name + "\n    " + line.vendor + ": " + join(line.models) + "\n    over " +
                   join(line.transports) + ", " + std::to_string(line.quantities.size()) +
                   " quantities, " + std::string{words_for(profile.confidence)} + "\n    " +
                   line.source + "\n";
        }
    }
    std::cout << out << (options.json ? "]\n" : "");
    return 0;
}

std::string padded(const std::string& text, std::size_t width) {
    return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

// One row with a column a phase, for quantities named PREFIX + L1, L2, L3.
void append_phases(std::string& out, const std::string& title, const std::string& prefix,
                   const std::string& unit, const meters::Values& values) {
    std::string row = padded(title, 16);
    bool any = false;
    for (const char* phase : {"L1", "L2", "L3"}) {
        const auto found = values.find(prefix + phase);
        any = any || found != values.end();
        row += padded(found == values.end() ? "-" : number_text(found->second) + " " + unit, 16);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    if (any) out += row + "\n";
}

std::string table(const meters::Profile& profile, const meters::ReadOutcome& outcome) {
    const meters::Values& values = outcome.reading->quantities;
    std::string out = padded("", 16) + padded("L1", 16) + padded("L2", 16) + "L3\n";
    append_phases(out, "Voltage", "voltage", "V", values);
    append_phases(out, "Current", "current", "A", values);
    append_phases(out, "Active power", "activePower", "W", values);
    append_phases(out, "Reactive power", "reactivePower", "var", values);
    append_phases(out, "Apparent power", "apparentPower", "VA", values);
    append_phases(out, "Power factor", "powerFactor", "", values);
    out += '\n';
    const auto in_table = [](const std::string& name) {
        const bool per_phase = name.ends_with("L1") || name.ends_with("L2") || name.ends_with("L3");
        const std::string kind =
            name.substr(0, name.size() - std::min<std::size_t>(name.size(), 2));
        return per_phase &&
               (kind == "voltage" || kind == "current" || kind == "activePower" ||
                kind == "reactivePower" || kind == "apparentPower" || kind == "powerFactor");
    };
    for (const std::string& name : profile.quantity_names()) {
        const auto found = values.find(name);
        if (found == values.end() || in_table(name)) continue;
        const meters::Quantity* quantity = profile.quantity(name);
        // A sum has the unit of its parts.
        for (const meters::Sum& sum : profile.sums) {
            if (sum.name == name) quantity = profile.quantity(sum.of.front());
        }
        const std::string unit = quantity != nullptr ? quantity->unit : "";
        out +=
            padded(name, 26) + number_text(found->second) + (unit.empty() ? "" : " " + unit) + "\n";
    }
    return out;
}

std::string reading_json(const meters::Profile& profile, const meters::ReadOutcome& outcome) {
    std::string out = "{\"profile\":";
    append_json_string(out, profile.name);
    out += ",\"identity\":";
    if (outcome.identity.values.empty()) {
        out += "null";
    } else {
        append_values(out, outcome.identity.values);
    }
    out += ",\"at\":\"" + to_string_milliseconds(outcome.reading->wall) + "\",\"quantities\":";
    append_values(out, outcome.reading->quantities);
    return out + "}\n";
}

int read_meter(const Options& options) {
    const auto profiles = known_profiles(options);
    const auto profile = std::ranges::find(profiles, options.profile, &meters::Profile::name);
    if (profile == profiles.end()) {
        std::vector<std::string> names;
        names.reserve(profiles.size());
        for (const meters::Profile& each : profiles) names.push_back(each.name);
        std::cerr << "busbar: there is no meter profile \"" << options.profile
                  << "\"; known are: " << join(names) << '\n';
        return 2;
    }
    const std::uint16_t port = options.port.value_or(profile->tcp_port);
    const int unit_id = options.unit_id.value_or(profile->unit_id);
    const std::chrono::milliseconds timeout{std::lround(options.timeout_seconds * 1000)};
    const auto outcome = meters::read_once(*profile, options.host, port, unit_id, timeout);
    if (!outcome.reading) {
        std::cerr << "busbar: no reading from " << options.host << " port " << port << ": "
                  << outcome.error << '\n';
        return 1;
    }
    for (const std::string& warning : outcome.warnings) {
        std::cerr << "busbar: some quantities are missing: " << warning << '\n';
    }
    for (const std::string& mismatch : outcome.identity.mismatches) {
        std::cerr << "busbar: this is another device: " << mismatch << '\n';
    }
    if (options.json) {
        std::cout << reading_json(*profile, outcome);
    } else {
        std::cout << profile->name << " at " << options.host << " port " << port << " unit "
                  << unit_id << ", " << to_string_milliseconds(outcome.reading->wall) << "\n\n"
                  << table(*profile, outcome);
    }
    return 0;
}

}  // namespace

void add_meter(CLI::App& root, int& exit_code) {
    // Shared with the callbacks, which run after this function has returned.
    const auto options = std::make_shared<Options>();
    CLI::App* meter = root.add_subcommand("meter", "Read meters and list the known kinds");
    meter->require_subcommand(1);

    CLI::App* profiles = meter->add_subcommand("profiles", "List the kinds of meters known");
    profiles->add_flag("--json", options->json, "Print JSON");
    profiles->add_option("--profiles", options->profiles_folder,
                         "Folder with further profiles (*.json)");
    profiles->callback([options, &exit_code] { exit_code = list_profiles(*options); });

    CLI::App* read = meter->add_subcommand("read", "Read a meter once and print its values");
    read->add_option("PROFILE", options->profile, "Kind of meter, of `busbar meter profiles`")
        ->required();
    read->add_option("--host", options->host, "Name or address of the meter or its gateway")
        ->required();
    read->add_option("--port", options->port, "TCP port (default: the profile's, mostly 502)")
        ->check(CLI::Range(1, 65535));
    read->add_option("--unit", options->unit_id, "Modbus unit id (default: the profile's)")
        ->check(CLI::Range(0, 255));
    read->add_option("--timeout", options->timeout_seconds, "Seconds to wait for each answer")
        ->check(CLI::Range(0.05, 60.0))
        ->capture_default_str();
    read->add_flag("--json", options->json, "Print JSON");
    read->add_option("--profiles", options->profiles_folder,
                     "Folder with further profiles (*.json)");
    read->callback([options, &exit_code] { exit_code = read_meter(*options); });
}

}  // namespace busbar::app::commands
