#include "site/meter_row.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>

namespace busbar::site {
namespace {

namespace v16 = ocpp::v16;

// --- Names

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The enumerator whose letters and digits are those of the text, in any case.
template <class E>
std::optional<E> enumerator_like(std::string_view text) {
    const auto essence = [](std::string_view name) {
        std::string out;
        std::copy_if(name.begin(), name.end(), std::back_inserter(out), is_letter_or_digit);
        return to_lower(out);
    };
    const auto wanted = essence(text);
    for (const auto& enumerator : codec::type_info<E>.enumerators) {
        if (essence(enumerator.name) == wanted) return static_cast<E>(enumerator.value);
    }
    return std::nullopt;
}

// What names a row is part of its key: an endless one would not fit the index.
std::string bounded_name(std::string_view text) {
    constexpr std::size_t size_max = 64;
    if (text.size() <= size_max) return std::string{text};
    auto size = size_max;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
    return std::string{text.substr(0, size)};
}

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

template <class E>
struct Named {
    std::optional<E> known;
    std::string text;  // the wire's name, or what was sent
};

template <class E>
Named<E> named(const std::optional<Open<E>>& sent, MeterOddity unknown, MeterFindings& findings) {
    if (!sent) return {};
    if (!sent->other) return {sent->known, enumerator_name(sent->known)};
    if (is_blank(*sent->other)) return {};
    if (const auto meant = enumerator_like<E>(*sent->other)) {
        findings.push_back({MeterOddity::misspelt, *sent->other});
        return {meant, enumerator_name(*meant)};
    }
    findings.push_back({unknown, *sent->other});
    return {std::nullopt, bounded_name(*sent->other)};
}

template <class E>
Named<E> named_or(Named<E> name, E fallback) {
    if (name.text.empty()) return {fallback, enumerator_name(fallback)};
    return name;
}

// "Current.Import.L1": some put the phase behind the measurand.
bool split_phase(std::string_view text, Named<v16::Measurand>& measurand,
                 Named<v16::Phase>& phase) {
    const auto dot = text.rfind('.');
    if (dot == std::string_view::npos) return false;
    const auto base = enumerator_like<v16::Measurand>(text.substr(0, dot));
    const auto suffix = enumerator_like<v16::Phase>(text.substr(dot + 1));
    if (!base || !suffix) return false;
    measurand = {base, enumerator_name(*base)};
    if (phase.text.empty()) phase = {suffix, enumerator_name(*suffix)};
    return true;
}

// --- Units

enum class Quantity {
    energy,
    reactive_energy,
    power,
    reactive_power,
    current,
    voltage,
    frequency,
    temperature,
    percent,
    none
};

Quantity quantity_of(v16::Measurand measurand) {
    using enum v16::Measurand;
    switch (measurand) {
        case Energy_Active_Export_Register:
        case Energy_Active_Import_Register:
        case Energy_Active_Export_Interval:
        case Energy_Active_Import_Interval:
            return Quantity::energy;
        case Energy_Reactive_Export_Register:
        case Energy_Reactive_Import_Register:
        case Energy_Reactive_Export_Interval:
        case Energy_Reactive_Import_Interval:
            return Quantity::reactive_energy;
        case Power_Active_Import:
        case Power_Active_Export:
        case Power_Offered:
            return Quantity::power;
        case Power_Reactive_Import:
        case Power_Reactive_Export:
            return Quantity::reactive_power;
        case Current_Import:
        case Current_Export:
        case Current_Offered:
            return Quantity::current;
        case Voltage:
            return Quantity::voltage;
        case SoC:
            return Quantity::percent;
        case Temperature:
            return Quantity::temperature;
        case Frequency:
            return Quantity::frequency;
        case Power_Factor:
        case RPM:
            break;
    }
    return Quantity::none;
}

struct UnitInfo {
    v16::Unit unit;
    v16::Unit base;  // that rows use
    Quantity quantity;
    double factor = 1;
    double offset = 0;  // base = (sent + offset) * factor
};

const UnitInfo& info_of(v16::Unit unit) {
    using enum v16::Unit;
    static constexpr double fahrenheit = 5.0 / 9;
    static constexpr UnitInfo units[] = {
        {Wh, Wh, Quantity::energy},
        {varh, varh, Quantity::reactive_energy},
        {W, W, Quantity::power},
        {var, var, Quantity::reactive_power},
        {A, A, Quantity::current},
        {V, V, Quantity::voltage},
        {Hertz, Hertz, Quantity::frequency},
        {Celsius, Celsius, Quantity::temperature},
        {Percent, Percent, Quantity::percent},
        {VA, VA, Quantity::power},
        {kWh, Wh, Quantity::energy, 1000},
        {kvarh, varh, Quantity::reactive_energy, 1000},
        {kW, W, Quantity::power, 1000},
        {kvar, var, Quantity::reactive_power, 1000},
        {kVA, VA, Quantity::power, 1000},
        {Celcius, Celsius, Quantity::temperature},
        {K, Celsius, Quantity::temperature, 1, -273.15},
        {Fahrenheit, Celsius, Quantity::temperature, fahrenheit, -32},
    };
    return *std::find_if(std::begin(units), std::end(units),
                         [&](const UnitInfo& info) { return info.unit == unit; });
}

// The unit a quantity has if none is said; the table starts with them, in their order.
std::optional<v16::Unit> unit_of(Quantity quantity) {
    using enum v16::Unit;
    constexpr v16::Unit units[] = {Wh, varh, W, var, A, V, Hertz, Celsius, Percent};
    if (quantity == Quantity::none) return std::nullopt;
    return units[static_cast<std::size_t>(quantity)];
}

Named<v16::Unit> unit_named(const std::optional<Open<v16::Unit>>& sent, MeterFindings& findings) {
    using enum v16::Unit;
    static const std::map<std::string_view, v16::Unit, LessIgnoringCase> others{
        {"%", Percent}, {"Hz", Hertz}, {"C", Celsius}, {"F", Fahrenheit},
        {"Amp", A},     {"Amps", A},   {"Ampere", A},  {"Volt", V},
        {"Volts", V},   {"Watt", W},   {"Watts", W},   {"Kelvin", K}};
    if (sent && sent->other) {
        if (const auto it = others.find(*sent->other); it != others.end()) {
            findings.push_back({MeterOddity::misspelt, *sent->other});
            return {it->second, enumerator_name(it->second)};
        }
    }
    return named(sent, MeterOddity::unknown_unit, findings);
}

struct Scale {
    std::string unit;
    bool known = true;  // otherwise a number would be in nobody knows what
    double factor = 1;
    double offset = 0;
    bool kilo = false;
};

Scale scale_of(const Named<v16::Measurand>& measurand, const Named<v16::Unit>& sent,
               const MeterValueQuirks& quirks, MeterFindings& findings) {
    using UnitIs = MeterValueQuirks::UnitIs;
    const auto quantity = measurand.known ? quantity_of(*measurand.known) : Quantity::none;
    const auto usual = unit_of(quantity);
    if (!sent.text.empty() && !sent.known) return {sent.text, false};
    if (!usual) {
        if (!sent.known) return {};
        const auto& info = info_of(*sent.known);
        return {enumerator_name(info.base), true, info.factor, info.offset};
    }
    UnitInfo info = info_of(sent.known.value_or(*usual));
    if (info.quantity != quantity) {
        findings.push_back(
            {MeterOddity::unit_of_other_quantity, measurand.text + " in " + sent.text});
        // "Power in kWh" is kW: the prefix was meant.
        info.factor = info.factor == 1000 ? 1000 : 1;
        info.offset = 0;
        info.base = *usual;
    }
    const auto forced = quantity == Quantity::energy  ? quirks.energy_unit
                        : quantity == Quantity::power ? quirks.power_unit
                                                      : UnitIs::as_reported;
    if (forced != UnitIs::as_reported) info.factor = forced == UnitIs::kilo ? 1000 : 1;
    return {enumerator_name(info.base), true, info.factor, info.offset, info.factor == 1000};
}

// --- Numbers

// True if the text is digits in groups of three, the first of one to three: "1.234.567".
bool is_grouped(std::string_view text, char separator) {
    if (!text.empty() && text.front() == '-') text.remove_prefix(1);
    std::size_t group = 0;
    bool first = true;
    for (const char c : text) {
        if (c == separator) {
            if (first ? group == 0 || group > 3 : group != 3) return false;
            first = false;
            group = 0;
        } else if (c >= '0' && c <= '9') {
            ++group;
        } else {
            return false;
        }
    }
    return !first && group == 3;
}

// With a point for the decimals and no separators of thousands. Some chargers format for their
// display. One comma alone is taken for the decimals': "12,345" is how a meter that shows kWh
// writes; where the later of two kinds of separators stands is where the decimals begin.
std::string plain_number(std::string_view text, bool comma_groups_digits) {
    std::string out{text};
    const auto drop = [&](char separator) { std::erase(out, separator); };
    const auto comma = text.rfind(',');
    const auto point = text.rfind('.');
    for (const char separator : {' ', '\''}) {
        const auto whole = std::string_view{out}.substr(0, out.find_first_of(",."));
        if (is_grouped(whole, separator)) drop(separator);
    }
    if (comma != std::string_view::npos && point != std::string_view::npos) {
        const char grouping = comma < point ? ',' : '.';
        const auto whole = std::string_view{out}.substr(0, out.rfind(comma < point ? '.' : ','));
        if (!is_grouped(whole, grouping)) return out;
        drop(grouping);
    } else if (comma != std::string_view::npos) {
        const bool many = text.find(',') != comma;
        if ((many || comma_groups_digits) && is_grouped(out, ',')) drop(',');
    } else if (point != std::string_view::npos && text.find('.') != point) {
        if (is_grouped(out, '.')) drop('.');
    }
    std::replace(out.begin(), out.end(), ',', '.');
    return out;
}

std::optional<double> finite_number(std::string_view text, bool comma_groups_digits) {
    constexpr std::size_t size_max = 100;
    constexpr std::string_view blanks = " \t\r\n";
    while (!text.empty() && blanks.find(text.front()) != blanks.npos) text.remove_prefix(1);
    while (!text.empty() && blanks.find(text.back()) != blanks.npos) text.remove_suffix(1);
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') return std::nullopt;
    }
    if (text.size() > size_max) return std::nullopt;
    const auto plain = plain_number(text, comma_groups_digits);
    double value = 0;
    const char* end = plain.data() + plain.size();
    const auto [last, error] = std::from_chars(plain.data(), end, value);
    if (error != std::errc{} || last != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

// --- Rows

}  // namespace

MeterRow make_meter_row(const v16::SampledValue& sent, const MeterValueQuirks& quirks,
                        MeterFindings& findings) {
    MeterRow out;
    auto& row = out.sample;
    auto phase = named(sent.phase, MeterOddity::unknown_phase, findings);
    Named<v16::Measurand> measurand;
    if (sent.measurand && sent.measurand->other &&
        split_phase(*sent.measurand->other, measurand, phase)) {
        findings.push_back({MeterOddity::phase_in_measurand, *sent.measurand->other});
    } else {
        measurand = named(sent.measurand, MeterOddity::unknown_measurand, findings);
    }
    measurand = named_or(measurand, v16::Measurand::Energy_Active_Import_Register);
    const auto unit = unit_named(sent.unit, findings);
    const auto scale = scale_of(measurand, unit, quirks, findings);
    const auto format =
        named_or(named(sent.format, MeterOddity::unknown_format, findings), v16::ValueFormat::Raw);
    row.context = named_or(named(sent.context, MeterOddity::unknown_context, findings),
                           v16::ReadingContext::Sample_Periodic)
                      .text;
    row.measurand = measurand.text;
    row.phase = phase.text;
    row.location = named_or(named(sent.location, MeterOddity::unknown_location, findings),
                            v16::Location::Outlet)
                       .text;
    row.format = format.text;
    row.unit = scale.unit;
    row.value = sent.value;
    out.says_kilo = scale.kilo;
    if (format.known != v16::ValueFormat::Raw) return out;
    const auto number = finite_number(sent.value, quirks.comma_groups_digits);
    if (!number) {
        const auto oddity =
            is_blank(sent.value) ? MeterOddity::empty_value : MeterOddity::no_number;
        findings.push_back({oddity, row.measurand + " '" + sent.value + "'"});
    } else if (scale.known) {
        const double scaled = (*number + scale.offset) * scale.factor;
        if (std::isfinite(scaled)) row.number = scaled;
    }
    return out;
}

db::MeterSample normalised(const v16::SampledValue& sample, const MeterValueQuirks& quirks,
                           MeterFindings& findings) {
    return make_meter_row(sample, quirks, findings).sample;
}

db::MeterSample normalised(const v16::SampledValue& sample, const MeterValueQuirks& quirks) {
    MeterFindings findings;
    return normalised(sample, quirks, findings);
}

}  // namespace busbar::site
