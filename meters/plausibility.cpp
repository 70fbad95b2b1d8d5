#include "meters/plausibility.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

namespace busbar::meters {
namespace {

constexpr double voltage_min = 80;
constexpr double voltage_max = 290;
constexpr double frequency_min = 45;
constexpr double frequency_max = 65;
constexpr double power_sum_watts = 50;    // what the phases may differ from the total by,
constexpr double power_sum_share = 0.02;  // or this share of it
constexpr double power_factor_max = 1.05;
constexpr double power_step_watts = 20;  // meters exist that count in steps of 10 W
constexpr double ratio_max = 9999;

std::string in_words(double value, const char* unit) {
    char text[48];
    std::snprintf(text, sizeof text, "%.1f %s", value, unit);
    return text;
}

std::optional<double> find(const Values& values, const std::string& name) {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
}

class Judge {
public:
    Judge(const Values& values, Phases connected) : values_(values), connected_(connected) {}

    std::vector<std::string> run(const Values& ratios) {
        for (std::size_t phase = 0; phase < 3; ++phase) {
            if (connected_[phase]) judge_phase("L" + std::to_string(phase + 1));
        }
        judge_frequency();
        judge_sum();
        for (const auto& [name, ratio] : ratios) {
            if (ratio >= 1 && ratio <= ratio_max) continue;
            remark(name + " is " + in_words(ratio, "to 1") + " and should be 1 to 9999");
        }
        return std::move(remarks_);
    }

private:
    void remark(std::string text) { remarks_.push_back(std::move(text)); }

    void judge_phase(const std::string& phase) {
        const auto voltage = find(values_, "voltage" + phase);
        const auto current = find(values_, "current" + phase);
        const auto power = find(values_, "activePower" + phase);
        if (!current) remark("there is no current of " + phase);
        if (!voltage) {
            remark("there is no voltage of " + phase);
        } else if (*voltage < voltage_min || *voltage > voltage_max) {
            remark("the voltage of " + phase + " is " + in_words(*voltage, "V") +
                   " and should be 80 to 290 V");
        }
        if (!voltage || !current || !power) return;
        const double apparent = std::abs(*voltage * *current);
        if (std::abs(*power) <= power_factor_max * apparent + power_step_watts) return;
        remark("the power of " + phase + " is " + in_words(*power, "W") +
               ", more than voltage and current allow: " + in_words(apparent, "VA"));
    }

    void judge_frequency() {
        const auto frequency = find(values_, "frequency");
        if (!frequency || (*frequency >= frequency_min && *frequency <= frequency_max)) return;
        remark("the frequency is " + in_words(*frequency, "Hz") + " and should be 45 to 65 Hz");
    }

    void judge_sum() {
        const auto total = find(values_, "activePowerTotal");
        if (!total) return;
        double sum = 0;
        for (const char* phase : {"L1", "L2", "L3"}) {
            const auto power = find(values_, std::string{"activePower"} + phase);
            if (power) {
                sum += *power;
            } else if (connected_[static_cast<std::size_t>(phase[1] - '1')]) {
                return;
            }
        }
        const double allowed = std::max(power_sum_watts, power_sum_share * std::abs(*total));
        if (std::abs(sum - *total) <= allowed) return;
        remark("the phases draw " + in_words(sum, "W") + " together, but the total is " +
               in_words(*total, "W"));
    }

    const Values& values_;
    Phases connected_;
    std::vector<std::string> remarks_;
};

}  // namespace

std::vector<std::string> implausibilities(const Values& values, const Values& ratios,
                                          Phases connected) {
    return Judge{values, connected}.run(ratios);
}

}  // namespace busbar::meters
