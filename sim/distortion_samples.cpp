// Samples: what becomes of a MeterValues payload.
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "sim/distortion_rules.hpp"

namespace busbar::sim {
namespace {

using M = Misbehaviour;
using Memory = DistortionMemory;

std::string samples(Payload payload, const MemberEdit& edit) {
    return edit_elements(payload, "sampledValue", edit);
}

bool is_energy(std::string_view sample) {
    return sample.find("Energy.Active.Import.Register") != std::string_view::npos;
}
bool is_power(std::string_view sample) {
    return sample.find("Power.Active.Import") != std::string_view::npos;
}
bool is_current(std::string_view sample) {
    return sample.find("Current.Import") != std::string_view::npos;
}

double value_of(std::string_view sample) {
    const auto value = member_text(sample, "value");
    return value ? std::atof(std::string{unquoted(*value)}.c_str()) : 0;
}

std::string decimals(double value, int digits) {
    char text[40];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

std::string with_value(std::string_view sample, std::string_view value) {
    return set(std::string{sample}, "value", value);
}

std::string sum_of_currents(Payload payload) {
    double sum = 0;
    samples(payload, [&](std::string_view sample) {
        if (is_current(sample)) sum += value_of(sample);
        return std::string{sample};
    });
    bool first = true;
    return samples(payload, [&](std::string_view sample) -> std::optional<std::string> {
        if (!is_current(sample)) return std::string{sample};
        if (!std::exchange(first, false)) return std::nullopt;
        return remove(with_value(sample, quoted(decimals(sum, 1))), "phase");
    });
}

std::string interval_energy(Payload payload, Memory& memory) {
    const std::string connector = member_text(payload, "connectorId").value_or("0");
    return samples(payload, [&](std::string_view sample) {
        if (!is_energy(sample)) return std::string{sample};
        const double now = value_of(sample);
        const auto [last, is_first] = memory.registers.try_emplace(connector, now);
        const double energy = now - std::exchange(last->second, now);
        return set(with_value(sample, quoted(decimals(energy, 0))), "measurand",
                   quoted("Energy.Active.Import.Interval"));
    });
}

constexpr auto energy_alone = [](Payload payload, Memory&) {
    return samples(payload, [](std::string_view sample) -> std::optional<std::string> {
        if (is_energy(sample)) return std::string{sample};
        return std::nullopt;
    });
};

constexpr auto shown_phase = [](std::string_view sample) {
    return std::string{unquoted(member_text(sample, "phase").value_or(""))};
};

constexpr Rule of_meter_values[] = {
    {&M::energy_only, "MeterValues", energy_alone},
    {&M::no_measurands, "MeterValues",
     [](Payload p, Memory& memory) {
         return samples(energy_alone(p, memory), [](std::string_view sample) {
             return "{\"value\":" + member_text(sample, "value").value_or("\"0\"") + "}";
         });
     }},
    {&M::interval_energy, "MeterValues", interval_energy},
    {&M::sum_only, "MeterValues", [](Payload p, Memory&) { return sum_of_currents(p); }},
    {&M::phase_in_measurand, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             if (!is_current(s)) return std::string{s};
             return remove(
                 set(std::string{s}, "measurand", quoted("Current.Import." + shown_phase(s))),
                 "phase");
         });
     }},
    {&M::all_phases_l1, "MeterValues",
     [](Payload p, Memory&) { return set(p, "phase", quoted("L1")); }},
    {&M::neutral_phases, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             return is_current(s) ? set(std::string{s}, "phase", quoted(shown_phase(s) + "-N"))
                                  : std::string{s};
         });
     }},
    {&M::energy_in_kwh, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             if (!is_energy(s)) return std::string{s};
             return set(with_value(s, quoted(decimals(value_of(s) / 1'000, 3))), "unit", "\"kWh\"");
         });
     }},
    {&M::kwh_called_wh, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             return is_energy(s) ? with_value(s, quoted(decimals(value_of(s) / 1'000, 3)))
                                 : std::string{s};
         });
     }},
    {&M::power_in_kw, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             if (!is_power(s)) return std::string{s};
             return set(with_value(s, quoted(decimals(value_of(s) / 1'000, 1))), "unit", "\"kW\"");
         });
     }},
    {&M::power_called_wh, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             return is_power(s) ? set(std::string{s}, "unit", "\"Wh\"") : std::string{s};
         });
     }},
    {&M::no_units, "MeterValues",
     [](Payload p, Memory&) { return remove(remove(remove(p, "unit"), "context"), "location"); }},
    {&M::nan_values, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             return is_energy(s) ? std::string{s} : with_value(s, quoted("nan"));
         });
     }},
    {&M::empty_values, "MeterValues", [](Payload p, Memory&) { return set(p, "value", "\"\""); }},
    {&M::padded_values, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "value", [](std::string_view v) {
             return quoted("  " + std::string{unquoted(v)});
         });
     }},
    {&M::comma_decimals, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "value", [](std::string_view v) {
             std::string text{v};
             if (const auto dot = text.find('.'); dot != std::string::npos) text[dot] = ',';
             return text;
         });
     }},
    {&M::values_as_numbers, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "value",
                             [](std::string_view v) { return std::string{unquoted(v)}; });
     }},
    {&M::inlet_and_outlet, "MeterValues",
     [](Payload p, Memory&) {
         return samples(p, [](std::string_view s) {
             return std::string{s} + "," + set(std::string{s}, "location", quoted("Inlet"));
         });
     }},
};

constexpr Rule of_meter_messages[] = {
    {&M::nonsense_phases, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "sampledValue", [](std::string_view array) {
             return "[{\"value\":\"99\",\"measurand\":\"Current.Import\",\"phase\":\"L4\"," +
                    std::string{"\"unit\":\"A\"}"} + (array.size() > 2 ? "," : "") +
                    std::string{array.substr(1)};
         });
     }},
    {&M::unknown_measurands, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "sampledValue", [](std::string_view array) {
             return "[{\"value\":\"50\",\"measurand\":\"Frequency\",\"unit\":\"Hz\"}," +
                    std::string{"{\"value\":\"1\",\"measurand\":\"X.Cable\",\"unit\":\"turns\"}"} +
                    (array.size() > 2 ? "," : "") + std::string{array.substr(1)};
         });
     }},
    {&M::signed_data, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "sampledValue", [](std::string_view array) {
             return "[{\"value\":" + quoted(std::string(2'000, 'A')) +
                    ",\"format\":\"SignedData\"}" + (array.size() > 2 ? "," : "") +
                    std::string{array.substr(1)};
         });
     }},
    {&M::empty_sampled_value, "MeterValues",
     [](Payload p, Memory& memory) {
         return memory.calls % 2 == 0 ? set(p, "sampledValue", "[]") : p;
     }},
    {&M::no_sample_time, "MeterValues", [](Payload p, Memory&) { return remove(p, "timestamp"); }},
    {&M::no_transaction_id, "MeterValues",
     [](Payload p, Memory&) { return remove(p, "transactionId"); }},
    {&M::samples_of_whole, "MeterValues",
     [](Payload p, Memory&) { return set(p, "connectorId", "0"); }},
    {&M::huge_meter_values, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "meterValue", [](std::string_view array) {
             return "[" + repeated(array.substr(1, array.size() - 2), 200) + "]";
         });
     }},
    {&M::value_not_in_array, "MeterValues",
     [](Payload p, Memory&) {
         return edit_members(p, "meterValue", [](std::string_view array) {
             const auto values = array_elements(array);
             return std::string{values.empty() ? array : values.front()};
         });
     }},
};

}  // namespace

void distort_samples(const Misbehaviour& misbehaviour, std::string& payload,
                     DistortionMemory& memory) {
    constexpr std::string_view action = "MeterValues";
    apply(of_meter_values, misbehaviour, action, payload, memory);
    apply(of_meter_messages, misbehaviour, action, payload, memory);
}

}  // namespace busbar::sim
