#include "meters/profile.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "meters/profile_check.hpp"
#include "meters/profile_object.hpp"

namespace busbar::meters {
namespace {

using nlohmann::json;

constexpr std::string_view format_name = "busbar-meter-profile/1";

constexpr std::array<std::pair<std::string_view, NumberType>, 11> type_names{{
    {"u16", NumberType::u16},
    {"s16", NumberType::s16},
    {"u32", NumberType::u32},
    {"s32", NumberType::s32},
    {"u48", NumberType::u48},
    {"u64", NumberType::u64},
    {"s64", NumberType::s64},
    {"f32", NumberType::f32},
    {"f64", NumberType::f64},
    {"m16", NumberType::m16},
    {"m32", NumberType::m32},
}};
constexpr std::array<std::pair<std::string_view, WordOrder>, 2> order_names{{
    {"highFirst", WordOrder::high_first},
    {"lowFirst", WordOrder::low_first},
}};
constexpr std::array<std::pair<std::string_view, ByteOrder>, 2> byte_order_names{{
    {"highFirst", ByteOrder::high_first},
    {"lowFirst", ByteOrder::low_first},
}};
constexpr std::array<std::pair<std::string_view, Confidence>, 3> confidence_names{{
    {"twoSources", Confidence::two_sources},
    {"oneSource", Confidence::one_source},
    {"unverified", Confidence::unverified},
}};
constexpr std::array<std::pair<std::string_view, Pace>, 2> pace_names{{
    {"fast", Pace::fast},
    {"slow", Pace::slow},
}};
constexpr std::array<std::pair<std::string_view, char>, 3> parity_names{{
    {"none", 'N'},
    {"even", 'E'},
    {"odd", 'O'},
}};
constexpr std::array<std::string_view, 10> units{"V",  "A",    "W",  "var", "VA",
                                                 "Wh", "varh", "Hz", "%",   "s"};

template <class E>
std::string_view name_of(Names<E> names, E value) {
    for (const auto& [name, candidate] : names) {
        if (candidate == value) return name;
    }
    return {};
}

std::uint16_t read_address(Object& object, NumberType type) {
    const int last = 65536 - register_count(type);
    return static_cast<std::uint16_t>(object.integer("address", 0, last, std::nullopt));
}

NumberType read_type(Object& object) {
    return object.one_of<NumberType>("type", type_names, std::nullopt);
}

double read_scale(Object& object) {
    const double scale = object.number("scale", false).value_or(1);
    if (scale == 0) object.problem("scale", "must not be 0");
    return scale == 0 ? 1 : scale;
}

Ratio read_ratio(Object& object) {
    Ratio ratio;
    ratio.name = object.text("name", true);
    ratio.type = read_type(object);
    ratio.address = read_address(object, ratio.type);
    ratio.scale = read_scale(object);
    ratio.min = object.number("min", false).value_or(0);
    return ratio;
}

Identification read_identification(Object& object) {
    Identification identification;
    identification.name = object.text("name", true);
    const json* type = object.find("type", false);
    if (type != nullptr && *type == "text") {
        identification.text_registers = object.integer("registers", 1, 125, std::nullopt);
        identification.expected_texts = object.texts("contains", false);
        const int last = 65536 - identification.text_registers;
        identification.address =
            static_cast<std::uint16_t>(object.integer("address", 0, last, std::nullopt));
        return identification;
    }
    identification.type = read_type(object);
    identification.address = read_address(object, identification.type);
    identification.expected = object.bit_patterns("expected");
    return identification;
}

Condition read_condition(Object& object) {
    Condition condition;
    condition.type = read_type(object);
    condition.address = read_address(object, condition.type);
    condition.values = object.bit_patterns("values");
    return condition;
}

std::vector<ScaleStep> read_scale_steps(const json& list, const std::string& pointer,
                                        std::vector<ProfileProblem>& problems) {
    std::vector<ScaleStep> steps;
    if (!list.is_array() || list.empty()) {
        problems.push_back({pointer, "must be a list of steps that is not empty"});
        return steps;
    }
    double previous = -std::numeric_limits<double>::infinity();
    for (std::size_t index = 0; index < list.size(); ++index) {
        Object object{list[index], pointer + "/" + std::to_string(index), problems};
        const bool last = index + 1 == list.size();
        ScaleStep step;
        step.below = object.number("below", false);
        step.scale = object.number("scale", true).value_or(1);
        if (step.scale == 0) object.problem("scale", "must not be 0");
        if (last && step.below) object.problem("below", "the last step must have none");
        if (!last && !step.below) object.problem("below", "only the last step may lack it");
        if (step.below && *step.below <= previous) {
            object.problem("below", "must be greater than that of the step before");
        }
        previous = step.below.value_or(previous);
        object.refuse_unknown();
        steps.push_back(step);
    }
    return steps;
}

// What quantities refer to by name.
struct Named {
    std::map<std::string, std::vector<ScaleStep>, std::less<>> scale_rules;
    std::map<std::string, Condition, std::less<>> conditions;
    std::map<NumberType, std::vector<std::uint64_t>> invalid;
};

Named read_named(Object& object, bool has_ratios) {
    Named named;
    object.each_member(
        "scaleRules", [&](const std::string& name, const json& value, const std::string& pointer) {
            named.scale_rules[name] = read_scale_steps(value, pointer, object.problems());
        });
    if (!named.scale_rules.empty() && !has_ratios) {
        object.problem("scaleRules", "depend on /ratios, and there are none");
    }
    object.each_member("conditions",
                       [&](const std::string& name, const json& value, const std::string& pointer) {
                           Object inner{value, pointer, object.problems()};
                           if (value.is_object()) named.conditions[name] = read_condition(inner);
                           inner.refuse_unknown();
                       });
    object.object("invalid", [&](Object& inner) {
        for (const auto& [name, type] : type_names) {
            named.invalid[type] = inner.bit_patterns(std::string{name}.c_str());
        }
    });
    return named;
}

void read_meanings(Object& object, Quantity& quantity) {
    object.each_member(
        "meanings", [&](const std::string& key, const json& value, const std::string& pointer) {
            std::int64_t raw = 0;
            const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), raw);
            if (error != std::errc{} || end != key.data() + key.size()) {
                object.problems().push_back({pointer, "must have a whole number for its name"});
            } else if (!value.is_number()) {
                object.problems().push_back({pointer, "must be a number"});
            } else {
                quantity.meanings.emplace_back(raw, value.get<double>());
            }
        });
}

// What the named rules and conditions add to a quantity.
void read_references(Object& object, const Named& named, Quantity& quantity) {
    if (object.find("scaleRule", false) != nullptr) {
        const auto found = named.scale_rules.find(object.text("scaleRule", true));
        if (found == named.scale_rules.end()) {
            object.problem("scaleRule", "names no rule of /scaleRules");
        } else {
            quantity.scale_steps = found->second;
        }
    }
    if (object.find("when", false) != nullptr) {
        const auto found = named.conditions.find(object.text("when", true));
        if (found == named.conditions.end()) {
            object.problem("when", "names no condition of /conditions");
        } else {
            quantity.condition = found->second;
        }
    }
    quantity.invalid = object.bit_patterns("invalid");
    if (const auto found = named.invalid.find(quantity.type); found != named.invalid.end()) {
        quantity.invalid.insert(quantity.invalid.end(), found->second.begin(), found->second.end());
    }
}

Quantity read_quantity(Object& object, const Named& named) {
    Quantity quantity;
    quantity.name = object.text("name", true);
    quantity.unit = object.text("unit", false);
    if (!quantity.unit.empty() && std::ranges::find(units, quantity.unit) == units.end()) {
        std::string known;
        for (const auto unit : units) known += (known.empty() ? "" : ", ") + std::string{unit};
        object.problem("unit", "must be one of " + known);
    }
    quantity.type = read_type(object);
    quantity.address = read_address(object, quantity.type);
    quantity.scale = read_scale(object);
    read_references(object, named, quantity);
    if (object.find("scaleRegister", false) != nullptr) {
        quantity.scale_register =
            static_cast<std::uint16_t>(object.integer("scaleRegister", 0, 65535, std::nullopt));
    }
    quantity.times = object.texts("times", false);
    object.object("signRegister", [&](Object& inner) {
        quantity.sign_register = SignRegister{
            .address = read_address(inner, NumberType::u16),
            .negative_when =
                static_cast<std::uint16_t>(inner.integer("negativeWhen", 0, 65535, std::nullopt))};
    });
    static constexpr std::array<std::pair<std::string_view, bool>, 2> sign_names{{
        {"asRead", false},
        {"fromPhasePower", true},
    }};
    quantity.sign_from_phase_power = object.one_of<bool>("sign", sign_names, false);
    read_meanings(object, quantity);
    quantity.tenth_above = object.number("tenthAbove", false);
    if (quantity.tenth_above && *quantity.tenth_above <= 0) {
        object.problem("tenthAbove", "must be greater than 0");
    }
    if (object.find("pace", false) != nullptr) {
        quantity.pace = object.one_of<Pace>("pace", pace_names, std::nullopt);
    }
    return quantity;
}

void read_device(Object& object, Profile& profile) {
    object.object("serial", [&](Object& inner) {
        SerialDefaults serial;
        serial.baud = inner.integer("baud", 300, 921'600, 9600);
        serial.parity = inner.one_of<char>("parity", parity_names, 'N');
        serial.stop_bits = inner.integer("stopBits", 1, 2, 1);
        profile.serial = serial;
    });
    object.object("timing", [&](Object& inner) {
        using std::chrono::milliseconds;
        Timing& timing = profile.timing;
        timing.response_timeout = milliseconds{inner.integer("responseTimeoutMs", 0, 60'000, 0)};
        timing.connect_delay = milliseconds{inner.integer("connectDelayMs", 0, 60'000, 0)};
        timing.request_gap = milliseconds{inner.integer("requestGapMs", 0, 2'000, 0)};
        timing.poll_period_min = milliseconds{inner.integer("pollPeriodMs", 0, 60'000, 0)};
        timing.clients_max = inner.integer("clientsMax", 0, 100, 0);
    });
    object.object("sunspec", [&](Object& inner) {
        SunspecModels sunspec;
        inner.each("models", true, [&](const json& item, const std::string& pointer) {
            const auto id = whole_number(item);
            if (id && *id > 0 && *id < 65535) {
                sunspec.ids.push_back(static_cast<int>(*id));
            } else {
                inner.problems().push_back({pointer, "must be the number of a SunSpec model"});
            }
        });
        sunspec.registers = inner.integer("registers", 3, 65535, std::nullopt);
        profile.sunspec = sunspec;
    });
    object.each_object("neverRead", false, [&](Object& item) {
        RegisterRange range;
        range.first = static_cast<std::uint16_t>(item.integer("first", 0, 65535, std::nullopt));
        range.last =
            static_cast<std::uint16_t>(item.integer("last", range.first, 65535, std::nullopt));
        profile.never_read.push_back(range);
    });
}

void read_header(Object& object, Profile& profile) {
    if (object.text("format", true) != format_name) {
        object.problem("format", "must be " + std::string{format_name});
    }
    profile.name = object.text("name", true);
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (!std::ranges::all_of(profile.name, plain)) {
        object.problem("name", "may contain only a-z, 0-9 and -");
    }
    profile.vendor = object.text("vendor", true);
    profile.models = object.texts("models", true);
    profile.candidate_models = object.texts("candidateModels", false);
    profile.transports = object.texts("transports", true);
    for (const std::string& transport : profile.transports) {
        if (transport == "tcp" || transport == "rtu") continue;
        object.problem("transports", "may list only tcp and rtu, not " + transport);
    }
    profile.roles = object.texts("roles", false);
    if (profile.roles.empty()) profile.roles = {"grid"};
    for (const std::string& role : profile.roles) {
        if (role == "grid" || role == "production" || role == "battery") continue;
        object.problem("roles", "may list only grid, production and battery, not " + role);
    }
    profile.tcp_port = static_cast<std::uint16_t>(object.integer("tcpPort", 1, 65535, 502));
    profile.unit_id = object.integer("unitId", 0, 255, 1);
    profile.function_code = object.integer("functionCode", 3, 4, 3);
    profile.word_order = object.one_of<WordOrder>("wordOrder", order_names, WordOrder::high_first);
    profile.byte_order =
        object.one_of<ByteOrder>("byteOrder", byte_order_names, ByteOrder::high_first);
    profile.registers_per_read_max = object.integer("registersPerReadMax", 4, 125, 125);
    profile.unlisted_registers_max = object.integer("unlistedRegistersMax", 0, 125, 0);
    profile.confidence = object.one_of<Confidence>("confidence", confidence_names, std::nullopt);
    profile.source = object.text("source", true);
    profile.notes = object.texts("notes", false);
}

void read_registers(Object& object, Profile& profile) {
    object.each_object("identification", false, [&](Object& item) {
        profile.identification.push_back(read_identification(item));
    });
    object.each_object("ratios", false,
                       [&](Object& item) { profile.ratios.push_back(read_ratio(item)); });
    const Named named = read_named(object, !profile.ratios.empty());
    object.each_object("quantities", true, [&](Object& item) {
        profile.quantities.push_back(read_quantity(item, named));
    });
    object.each_object("sums", false, [&](Object& item) {
        profile.sums.push_back(
            {item.text("name", true), item.texts("of", true), item.texts("minus", false)});
    });
}

}  // namespace

int register_count(NumberType type) {
    switch (type) {
        case NumberType::u16:
        case NumberType::s16:
        case NumberType::m16:
            return 1;
        case NumberType::u32:
        case NumberType::s32:
        case NumberType::f32:
        case NumberType::m32:
            return 2;
        case NumberType::u48:
            return 3;
        case NumberType::u64:
        case NumberType::s64:
        case NumberType::f64:
            return 4;
    }
    return 1;
}

std::string_view to_string(NumberType type) { return name_of<NumberType>(type_names, type); }

std::string_view to_string(Confidence confidence) {
    return name_of<Confidence>(confidence_names, confidence);
}

ParsedProfile parse_profile(std::string_view json_text) {
    ParsedProfile parsed;
    if (json_text.size() > profile_bytes_max) {
        parsed.problems.push_back({"", "is larger than 1 MiB"});
        return parsed;
    }
    json document;
    try {
        document = json::parse(json_text);
    } catch (const json::exception& error) {
        const auto* syntax = dynamic_cast<const json::parse_error*>(&error);
        const std::size_t byte = syntax == nullptr || syntax->byte == 0 ? 0 : syntax->byte - 1;
        parsed.problems.push_back({"", "is not JSON", line_of_byte(json_text, byte)});
        return parsed;
    }
    Profile profile;
    Object object{document, "", parsed.problems};
    if (!parsed.problems.empty()) return parsed;
    read_header(object, profile);
    read_device(object, profile);
    read_registers(object, profile);
    object.refuse_unknown();
    for (ProfileProblem& problem : check_profile(profile)) {
        parsed.problems.push_back(std::move(problem));
    }
    for (ProfileProblem& problem : parsed.problems) {
        problem.line = line_of(json_text, problem.pointer);
    }
    if (parsed.problems.empty()) parsed.profile = std::move(profile);
    return parsed;
}

}  // namespace busbar::meters
