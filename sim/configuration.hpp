// The configuration keys of a simulated charge point (OCPP 1.6, chapter 9) with the rules for
// changing them. They survive a reboot. Pure; one thread at a time.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ocpp/v16/core.hpp"
#include "sim/charging_schedule.hpp"
#include "sim/misbehaviour.hpp"

namespace busbar::sim {

class Configuration {
public:
    // The keys of a charge point with this many connectors, wired with this rotation ("RST").
    Configuration(int connectors, std::string_view phase_rotation, const ProfileCapacity& profiles,
                  const Misbehaviour& misbehaviour = {});

    // Answers GetConfiguration (5.8): the keys asked for, or all of them.
    ocpp::v16::GetConfiguration::Response read(
        const ocpp::v16::GetConfiguration::Request& request) const;
    // Answers ChangeConfiguration (5.3): unknown keys are NotSupported, bad values Rejected.
    ocpp::v16::ChangeConfigurationStatus change(std::string_view key, std::string_view value);

    // What waited for a restart counts from now on.
    void apply_changes();

    // The value of a key that exists: as text, as seconds, as a flag.
    const std::string& text(std::string_view key) const;
    std::chrono::seconds seconds(std::string_view key) const;
    int number(std::string_view key) const;
    bool flag(std::string_view key) const { return text(key) == "true"; }
    // Sets a key from inside, read-only or not.
    void assign(std::string_view key, std::string value);

private:
    enum class Type { text, number, flag, measurands };
    struct Entry {
        std::string key;
        std::string value;
        Type type = Type::text;
        bool readonly = false;
        std::optional<std::string> after_reboot;
    };

    void add(std::string_view key, std::string value, Type type, bool readonly = false);
    const Entry* find(std::string_view key) const;
    static bool valid(Type type, std::string_view value);

    std::vector<Entry> entries_;
    Misbehaviour misbehaviour_;
};

// The measurands a simulated charge point can sample, in the order in which it sends them.
const std::vector<ocpp::v16::Measurand>& simulated_measurands();

// A list of measurands as configuration keys write it: "Voltage,Current.Import". Unknown names are
// left out.
std::vector<ocpp::v16::Measurand> parse_measurands(std::string_view list);

}  // namespace busbar::sim
