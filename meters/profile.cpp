#include "meters/profile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

namespace busbar::meters {
namespace {

using nlohmann::json;

constexpr std::string_view format_name = "busbar-meter-profile/1";

template <class E>
using Names = std::span<const std::pair<std::string_view, E>>;

constexpr std::array<std::pair<std::string_view, NumberType>, 8> type_names{{
    {"u16", NumberType::u16},
    {"s16", NumberType::s16},
    {"u32", NumberType::u32},
    {"s32", NumberType::s32},
    {"u64", NumberType::u64},
    {"s64", NumberType::s64},
    {"f32", NumberType::f32},
    {"f64", NumberType::f64},
}};
constexpr std::array<std::pair<std::string_view, WordOrder>, 2> order_names{{
    {"highFirst", WordOrder::high_first},
    {"lowFirst", WordOrder::low_first},
}};
constexpr std::array<std::pair<std::string_view, Confidence>, 3> confidence_names{{
    {"twoSources", Confidence::two_sources},
    {"oneSource", Confidence::one_source},
    {"unverified", Confidence::unverified},
}};
constexpr std::array<std::string_view, 9> units{"V",  "A",    "W",  "var", "VA",
                                                "Wh", "varh", "Hz", "%"};

template <class E>
std::string_view name_of(Names<E> names, E value) {
    for (const auto& [name, candidate] : names) {
        if (candidate == value) return name;
    }
    return {};
}

// A JSON object being read: hands out its members, notes what is wrong with them, and at the end
// which members nobody asked for.
class Object {
public:
    Object(const json& value, std::string pointer, std::vector<ProfileProblem>& problems)
        : value_(value), pointer_(std::move(pointer)), problems_(problems) {
        if (!value.is_object()) problem("", "must be an object");
    }

    const std::string& pointer() const { return pointer_; }

    void problem(std::string_view member, std::string detail) {
        problems_.push_back(
            {member.empty() ? pointer_ : pointer_ + "/" + std::string{member}, std::move(detail)});
    }

    const json* find(const char* member, bool required) {
        if (!value_.is_object()) return nullptr;
        known_.insert(member);
        const auto found = value_.find(member);
        if (found != value_.end()) return &*found;
        if (required) problem(member, "is missing");
        return nullptr;
    }

    std::string text(const char* member, bool required) {
        const json* found = find(member, required);
        if (found == nullptr) return {};
        if (!found->is_string() || (required && found->get_ref<const std::string&>().empty())) {
            problem(member, "must be a text that is not empty");
            return {};
        }
        return found->get<std::string>();
    }

    // A whole number within the bounds, or `otherwise`.
    template <class T>
    T integer(const char* member, T lowest, T highest, std::optional<T> otherwise) {
        const json* found = find(member, !otherwise);
        const T fallback = otherwise.value_or(lowest);
        if (found == nullptr) return fallback;
        if (!whole(*found, static_cast<std::int64_t>(lowest), static_cast<std::int64_t>(highest))) {
            problem(member, "must be a whole number from " + std::to_string(lowest) + " to " +
                                std::to_string(highest));
            return fallback;
        }
        return static_cast<T>(found->get<std::int64_t>());
    }

    std::optional<double> number(const char* member, bool required) {
        const json* found = find(member, required);
        if (found == nullptr) return std::nullopt;
        if (!found->is_number() || !std::isfinite(found->get<double>())) {
            problem(member, "must be a number");
            return std::nullopt;
        }
        return found->get<double>();
    }

    template <class E>
    E one_of(const char* member, Names<E> names, std::optional<E> otherwise) {
        const json* found = find(member, !otherwise);
        if (found == nullptr) return otherwise.value_or(E{});
        std::string accepted;
        for (const auto& [name, value] : names) {
            if (found->is_string() && found->get_ref<const std::string&>() == name) return value;
            accepted += (accepted.empty() ? "" : ", ") + std::string{name};
        }
        problem(member, "must be one of " + accepted);
        return otherwise.value_or(E{});
    }

    std::vector<std::string> texts(const char* member, bool required) {
        std::vector<std::string> result;
        each(member, required, [&](const json& item, const std::string& pointer) {
            if (item.is_string()) {
                result.push_back(item.get<std::string>());
            } else {
                problems_.push_back({pointer, "must be a text"});
            }
        });
        return result;
    }

    std::vector<std::uint64_t> bit_patterns(const char* member) {
        std::vector<std::uint64_t> result;
        each(member, false, [&](const json& item, const std::string& pointer) {
            if (item.is_number_unsigned()) {
                result.push_back(item.get<std::uint64_t>());
            } else {
                problems_.push_back({pointer, "must be a whole number, not negative"});
            }
        });
        return result;
    }

    // Calls use(item, pointer of the item) for each item of a list.
    template <class Use>
    void each(const char* member, bool required, const Use& use) {
        const json* found = find(member, required);
        if (found == nullptr) return;
        if (!found->is_array() || (required && found->empty())) {
            problem(member, required ? "must be a list that is not empty" : "must be a list");
            return;
        }
        std::size_t index = 0;
        for (const json& item : *found) {
            use(item, pointer_ + "/" + member + "/" + std::to_string(index++));
        }
    }

    template <class Use>
    void each_object(const char* member, bool required, const Use& use) {
        each(member, required, [&](const json& item, const std::string& pointer) {
            Object object{item, pointer, problems_};
            if (item.is_object()) use(object);
            object.refuse_unknown();
        });
    }

    // Call last: a misspelt key must not be silently without effect.
    void refuse_unknown() {
        if (!value_.is_object()) return;
        for (const auto& item : value_.items()) {
            if (!known_.contains(item.key())) problem(item.key(), "is not a known key");
        }
    }

    std::vector<ProfileProblem>& problems() { return problems_; }

private:
    static bool whole(const json& value, std::int64_t lowest, std::int64_t highest) {
        if (!value.is_number_integer()) return false;
        if (value.is_number_unsigned() &&
            value.get<std::uint64_t>() > static_cast<std::uint64_t>(highest)) {
            return false;
        }
        const auto number = value.get<std::int64_t>();
        return number >= lowest && number <= highest;
    }

    const json& value_;
    std::string pointer_;
    std::vector<ProfileProblem>& problems_;
    std::set<std::string, std::less<>> known_;
};

std::uint16_t read_address(Object& object, NumberType type) {
    const int last = 65536 - register_count(type);
    return static_cast<std::uint16_t>(object.integer<int>("address", 0, last, std::nullopt));
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
    identification.type = read_type(object);
    identification.address = read_address(object, identification.type);
    identification.expected = object.bit_patterns("expected");
    return identification;
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

using ScaleRules = std::map<std::string, std::vector<ScaleStep>, std::less<>>;

Quantity read_quantity(Object& object, const ScaleRules& rules) {
    Quantity quantity;
    quantity.name = object.text("name", true);
    quantity.unit = object.text("unit", false);
    if (!quantity.unit.empty() && std::ranges::find(units, quantity.unit) == units.end()) {
        object.problem("unit", "must be one of V, A, W, var, VA, Wh, varh, Hz, %");
    }
    quantity.type = read_type(object);
    quantity.address = read_address(object, quantity.type);
    quantity.scale = read_scale(object);
    if (object.find("scaleRule", false) != nullptr) {
        const std::string rule = object.text("scaleRule", true);
        const auto found = rules.find(rule);
        if (found == rules.end()) {
            object.problem("scaleRule", "names no rule of /scaleRules");
        } else {
            quantity.scale_steps = found->second;
        }
    }
    if (const json* sign = object.find("signRegister", false)) {
        Object inner{*sign, object.pointer() + "/signRegister", object.problems()};
        if (sign->is_object()) {
            quantity.sign_register =
                SignRegister{.address = read_address(inner, NumberType::u16),
                             .negative_when = static_cast<std::uint16_t>(
                                 inner.integer<int>("negativeWhen", 0, 65535, std::nullopt))};
        }
        inner.refuse_unknown();
    }
    static constexpr std::array<std::pair<std::string_view, bool>, 2> sign_names{{
        {"asRead", false},
        {"fromPhasePower", true},
    }};
    quantity.sign_from_phase_power = object.one_of<bool>("sign", sign_names, false);
    quantity.invalid = object.bit_patterns("invalid");
    return quantity;
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
    profile.transports = object.texts("transports", true);
    for (const std::string& transport : profile.transports) {
        if (transport == "tcp" || transport == "rtu") continue;
        object.problem("transports", "may list only tcp and rtu, not " + transport);
    }
    profile.tcp_port = static_cast<std::uint16_t>(object.integer<int>("tcpPort", 1, 65535, 502));
    profile.unit_id = object.integer<int>("unitId", 0, 255, 1);
    profile.function_code = object.integer<int>("functionCode", 3, 4, 3);
    profile.word_order = object.one_of<WordOrder>("wordOrder", order_names, WordOrder::high_first);
    profile.registers_per_read_max = object.integer<int>("registersPerReadMax", 4, 125, 125);
    profile.unlisted_registers_max = object.integer<int>("unlistedRegistersMax", 0, 125, 0);
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
    ScaleRules rules;
    if (const json* found = object.find("scaleRules", false)) {
        if (found->is_object()) {
            for (const auto& item : found->items()) {
                rules[item.key()] =
                    read_scale_steps(item.value(), "/scaleRules/" + item.key(), object.problems());
            }
        } else {
            object.problem("scaleRules", "must be an object");
        }
        if (profile.ratios.empty()) {
            object.problem("scaleRules", "depend on /ratios, and there are none");
        }
    }
    object.each_object("quantities", true, [&](Object& item) {
        profile.quantities.push_back(read_quantity(item, rules));
    });
    object.each_object("sums", false, [&](Object& item) {
        profile.sums.push_back({item.text("name", true), item.texts("of", true)});
    });
}

// What only shows when the parts are looked at together.
void check_names(Object& object, const Profile& profile) {
    std::set<std::string, std::less<>> names;
    for (std::size_t index = 0; index < profile.quantities.size(); ++index) {
        const Quantity& quantity = profile.quantities[index];
        const std::string pointer = "quantities/" + std::to_string(index);
        if (!names.insert(quantity.name).second) {
            object.problem(pointer + "/name", "is used twice: " + quantity.name);
        }
        if (!quantity.sign_from_phase_power) continue;
        const bool has_phase = quantity.name.ends_with("L1") || quantity.name.ends_with("L2") ||
                               quantity.name.ends_with("L3");
        if (!has_phase) {
            object.problem(pointer + "/sign",
                           "fromPhasePower needs a name that ends in L1, L2, L3");
            continue;
        }
        const std::string power = "activePower" + quantity.name.substr(quantity.name.size() - 2);
        if (profile.quantity(power) == nullptr) {
            object.problem(pointer + "/sign", "fromPhasePower needs the quantity " + power);
        }
    }
    for (std::size_t index = 0; index < profile.sums.size(); ++index) {
        const Sum& sum = profile.sums[index];
        const std::string pointer = "sums/" + std::to_string(index);
        if (!names.insert(sum.name).second) {
            object.problem(pointer + "/name", "is used twice: " + sum.name);
        }
        for (const std::string& part : sum.of) {
            if (profile.quantity(part) == nullptr) {
                object.problem(pointer + "/of", "names no quantity: " + part);
            }
        }
    }
    for (std::size_t index = 0; index < profile.ratios.size(); ++index) {
        if (!names.insert(profile.ratios[index].name).second) {
            object.problem("ratios/" + std::to_string(index) + "/name",
                           "is used twice: " + profile.ratios[index].name);
        }
    }
}

}  // namespace

int register_count(NumberType type) {
    switch (type) {
        case NumberType::u16:
        case NumberType::s16:
            return 1;
        case NumberType::u32:
        case NumberType::s32:
        case NumberType::f32:
            return 2;
        case NumberType::u64:
        case NumberType::s64:
        case NumberType::f64:
            return 4;
    }
    return 1;
}

std::string to_string(const ProfileProblem& problem) {
    return (problem.pointer.empty() ? "the file" : problem.pointer) + ": " + problem.detail;
}

std::string_view to_string(NumberType type) { return name_of<NumberType>(type_names, type); }

std::string_view to_string(Confidence confidence) {
    return name_of<Confidence>(confidence_names, confidence);
}

const Quantity* Profile::quantity(std::string_view quantity_name) const {
    const auto found = std::ranges::find(quantities, quantity_name, &Quantity::name);
    return found == quantities.end() ? nullptr : &*found;
}

std::vector<std::string> Profile::quantity_names() const {
    std::vector<std::string> names;
    for (const Quantity& item : quantities) names.push_back(item.name);
    for (const Sum& sum : sums) names.push_back(sum.name);
    return names;
}

ParsedProfile parse_profile(std::string_view json_text) {
    ParsedProfile parsed;
    if (json_text.size() > profile_bytes_max) {
        parsed.problems.push_back({"", "is larger than 1 MiB"});
        return parsed;
    }
    const json document = json::parse(json_text, nullptr, false);
    if (document.is_discarded()) {
        parsed.problems.push_back({"", "is not JSON"});
        return parsed;
    }
    Profile profile;
    Object object{document, "", parsed.problems};
    if (!parsed.problems.empty()) return parsed;
    read_header(object, profile);
    read_registers(object, profile);
    object.refuse_unknown();
    check_names(object, profile);
    if (parsed.problems.empty()) parsed.profile = std::move(profile);
    return parsed;
}

}  // namespace busbar::meters
