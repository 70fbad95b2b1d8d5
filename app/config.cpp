#include "app/config.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <unistd.h>

#include <toml++/toml.h>

#include "app/config_keys.hpp"
#include "db/database_url.hpp"

namespace busbar::app {
namespace {

std::string variable_name(const ConfigKey& key) {
    std::string name = "BUSBAR_" + std::string{key.section} + "_" + std::string{key.name};
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    return name;
}

// Variables that are read elsewhere: by this program, its scripts and its tests, and what container
// managers set for a service called busbar.
bool is_read_elsewhere(std::string_view variable) {
    constexpr std::string_view names[] = {"BUSBAR_CONFIG", "BUSBAR_TOKEN", "BUSBAR_OCPP_SCHEMAS",
                                          "BUSBAR_PORT"};
    constexpr std::string_view beginnings[] = {"BUSBAR_TEST_", "BUSBAR_SIMULATION_", "BUSBAR_PORT_",
                                               "BUSBAR_SERVICE_"};
    return std::find(std::begin(names), std::end(names), variable) != std::end(names) ||
           std::any_of(std::begin(beginnings), std::end(beginnings),
                       [&](auto beginning) { return variable.starts_with(beginning); });
}

std::string bracketed(std::string_view section, std::string_view name) {
    return "[" + std::string{section} + "] " + std::string{name};
}

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// A value, or what it should have been.
struct Mismatch {
    std::string expected;
};
using Parsed = std::variant<ConfigValue, Mismatch>;

// A TOML value in the shape of the key's member, or what it should have been.
Parsed value_of(const toml::node& node, const ConfigValue& shape) {
    if (std::holds_alternative<std::string>(shape)) {
        if (const auto text = node.value_exact<std::string>()) return ConfigValue{*text};
        return Mismatch{"must be text in quotes"};
    }
    if (std::holds_alternative<std::int64_t>(shape)) {
        if (const auto integer = node.value_exact<std::int64_t>()) return ConfigValue{*integer};
        return Mismatch{"must be a whole number"};
    }
    if (std::holds_alternative<double>(shape)) {
        if (node.is_number()) return ConfigValue{*node.value<double>()};
        return Mismatch{"must be a number"};
    }
    if (std::holds_alternative<bool>(shape)) {
        if (const auto flag = node.value_exact<bool>()) return ConfigValue{*flag};
        return Mismatch{"must be true or false"};
    }
    const auto* array = node.as_array();
    std::vector<double> values;
    if (array) {
        for (const auto& item : *array) {
            if (item.is_number()) values.push_back(*item.value<double>());
        }
    }
    if (!array || values.size() != array->size())
        return Mismatch{"must be a list of numbers like [63, 63, 63]"};
    return ConfigValue{values};
}

// The same from an environment variable's text.
Parsed value_of(std::string_view text, const ConfigValue& shape) {
    if (std::holds_alternative<std::string>(shape)) return ConfigValue{std::string{text}};
    if (std::holds_alternative<std::int64_t>(shape)) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc{} && end == text.data() + text.size()) return ConfigValue{value};
        return Mismatch{"must be a whole number"};
    }
    if (std::holds_alternative<double>(shape)) {
        if (const auto value = number(text)) return ConfigValue{*value};
        return Mismatch{"must be a number"};
    }
    if (std::holds_alternative<bool>(shape)) {
        if (text == "true" || text == "false") return ConfigValue{text == "true"};
        return Mismatch{"must be true or false"};
    }
    std::vector<double> values;
    std::stringstream parts{std::string{text}};
    for (std::string part; std::getline(parts, part, ',');) {
        const auto value = number(part);
        if (!value) return Mismatch{"must be numbers with commas between them, like 63,63,63"};
        values.push_back(*value);
    }
    return ConfigValue{values};
}

class Reader {
public:
    Reader(Config& config, std::vector<ConfigProblem>& problems)
        : config_(config), problems_(problems) {}

    void read_toml(const std::string& text, const std::string& source) {
        toml::table table;
        try {
            table = toml::parse(text);
        } catch (const toml::parse_error& error) {
            const auto line = std::to_string(error.source().begin.line);
            problems_.push_back(
                {source, "", "line " + line + ": " + std::string{error.description()}});
            is_unreadable_ = true;
            return;
        }
        for (const auto& [section, content] : table) {
            const auto* keys = content.as_table();
            if (!keys) {
                problems_.push_back(
                    {source, std::string{section.str()}, "must stand below a [section]"});
                continue;
            }
            for (const auto& [name, node] : *keys)
                read_key(source, section.str(), name.str(), node);
        }
    }

    void read_environment(const Environment& environment) {
        for (const auto& key : config_keys()) {
            const auto text = environment(variable_name(key));
            if (!text) continue;
            set(key, value_of(*text, key.read(config_)), "environment", variable_name(key));
        }
    }

    // What is set but says nothing to anybody is a slip of the pen.
    void find_unknown(const std::vector<std::string>& variables) {
        for (const auto& variable : variables) {
            if (!variable.starts_with("BUSBAR_") || is_read_elsewhere(variable)) continue;
            const auto& keys = config_keys();
            const bool is_known = std::any_of(keys.begin(), keys.end(), [&](const ConfigKey& key) {
                return variable_name(key) == variable;
            });
            if (!is_known) {
                problems_.push_back({"environment", variable,
                                     "there is no such setting: correct its name or unset it"});
            }
        }
    }

    // Nothing is said of keys that could not be read.
    void find_contradictions(const std::string& source) {
        if (is_unreadable_) return;
        for (auto& found : contradictions(config_)) {
            const bool is_known =
                std::none_of(found.keys.begin(), found.keys.end(),
                             [&](const auto& key) { return wrong_keys_.contains(key); });
            if (is_known) problems_.push_back({source, "", std::move(found.detail)});
        }
    }

private:
    void read_key(const std::string& source, std::string_view section, std::string_view name,
                  const toml::node& node) {
        const auto& keys = config_keys();
        const auto key = std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& k) {
            return k.section == section && k.name == name;
        });
        if (key == keys.end()) {
            std::string known;
            for (const auto& k : keys) {
                if (k.section != section) continue;
                known.append(known.empty() ? "" : ", ").append(k.name);
            }
            problems_.push_back({source, bracketed(section, name),
                                 known.empty() ? "there is no such section"
                                               : "unknown key; this section has " + known});
            return;
        }
        set(*key, value_of(node, key->read(config_)), source, bracketed(section, name));
    }

    void set(const ConfigKey& key, const Parsed& value, const std::string& source,
             const std::string& shown_key) {
        const auto* mismatch = std::get_if<Mismatch>(&value);
        const auto problem =
            mismatch ? mismatch->expected : key.check(std::get<ConfigValue>(value));
        if (!problem.empty()) {
            problems_.push_back({source, shown_key, problem});
            wrong_keys_.insert(bracketed(key.section, key.name));
            return;
        }
        key.write(config_, std::get<ConfigValue>(value));
    }

    Config& config_;
    std::vector<ConfigProblem>& problems_;
    std::set<std::string> wrong_keys_;
    bool is_unreadable_ = false;
};

std::string printed(const ConfigValue& value) {
    std::ostringstream out;
    if (const auto* text = std::get_if<std::string>(&value)) {
        out << toml::value<std::string>{*text};
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        out << *integer;
    } else if (const auto* real = std::get_if<double>(&value)) {
        out << toml::value<double>{*real};
    } else if (const auto* flag = std::get_if<bool>(&value)) {
        out << (*flag ? "true" : "false");
    } else {
        out << '[';
        for (const double item : std::get<std::vector<double>>(value)) {
            if (out.tellp() > 1) out << ", ";
            out << item;
        }
        out << ']';
    }
    return out.str();
}

// The whole file; nothing if it cannot be read, as a directory cannot.
std::optional<std::string> contents(const std::string& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return std::nullopt;
    std::ifstream in{path, std::ios::binary};
    if (!in) return std::nullopt;
    std::string text;
    char part[4096];
    while (in.read(part, sizeof part) || in.gcount() > 0) {
        text.append(part, static_cast<std::size_t>(in.gcount()));
    }
    if (in.bad()) return std::nullopt;
    return text;
}

std::vector<std::string> variables_of_ours() {
    std::vector<std::string> out;
    for (char** variable = environ; variable && *variable; ++variable) {
        const std::string_view text{*variable};
        const auto equals = text.find('=');
        const bool is_set = equals != std::string_view::npos && equals + 1 < text.size();
        if (is_set && text.starts_with("BUSBAR_")) out.emplace_back(text.substr(0, equals));
    }
    return out;
}

}  // namespace

std::string to_string(const ConfigProblem& problem) {
    return problem.source + ": " + (problem.key.empty() ? "" : problem.key + ": ") + problem.detail;
}

ReadConfig read_config(const std::optional<std::string>& toml, const std::string& source,
                       const Environment& environment, const std::vector<std::string>& variables) {
    Config config;
    std::vector<ConfigProblem> problems;
    Reader reader{config, problems};
    if (toml) reader.read_toml(*toml, source);
    reader.read_environment(environment);
    reader.find_unknown(variables);
    reader.find_contradictions(toml ? source : "configuration");
    if (!problems.empty()) return problems;
    return config;
}

ReadConfig read_config_file(const std::optional<std::string>& path) {
    const Environment environment = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (!value || !*value) return std::nullopt;
        return value;
    };
    const auto file = path ? path : environment("BUSBAR_CONFIG");
    const auto variables = variables_of_ours();
    if (!file) return read_config(std::nullopt, "", environment, variables);
    const auto text = contents(*file);
    if (!text) {
        return std::vector<ConfigProblem>{
            {*file, "", "cannot be read: check that it is a file, there and readable"}};
    }
    return read_config(text, *file, environment, variables);
}

std::string print_config(const Config& config) {
    std::string out;
    std::string_view section;
    for (const auto& key : config_keys()) {
        if (key.section != section) {
            out.append(out.empty() ? "[" : "\n[").append(key.section).append("]\n");
            section = key.section;
        }
        auto value = key.read(config);
        if (key.secret) value = db::masked_url(std::get<std::string>(value));
        out.append(key.name).append(" = ").append(printed(value)).append("\n");
    }
    return out;
}

PhaseAmps phase_amps(const std::vector<double>& values) {
    PhaseAmps out{};
    for (std::size_t p = 0; p < 3 && p < values.size(); ++p) out[p] = Amps::from_double(values[p]);
    return out;
}

}  // namespace busbar::app
