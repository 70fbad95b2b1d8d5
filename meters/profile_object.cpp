#include "meters/profile_object.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace busbar::meters {
namespace {

// Whole, not negative, of up to 64 bits.
std::optional<std::uint64_t> bit_pattern(const nlohmann::json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (!value.is_string()) return std::nullopt;
    const auto& text = value.get_ref<const std::string&>();
    if (!text.starts_with("0x")) return std::nullopt;
    std::uint64_t number = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + 2, last, number, 16);
    if (error != std::errc{} || end != last) return std::nullopt;
    return number;
}

}  // namespace

std::optional<std::int64_t> whole_number(const nlohmann::json& value) {
    if (const auto bits = bit_pattern(value)) {
        if (!std::in_range<std::int64_t>(*bits)) return std::nullopt;
        return static_cast<std::int64_t>(*bits);
    }
    if (!value.is_number_integer()) return std::nullopt;
    return value.is_number_unsigned() ? std::nullopt : std::optional{value.get<std::int64_t>()};
}

Object::Object(const Json& value, std::string pointer, std::vector<ProfileProblem>& problems)
    : value_(value), pointer_(std::move(pointer)), problems_(problems) {
    if (!value.is_object()) problem("", "must be an object");
}

void Object::problem(std::string_view member, std::string detail) {
    problems_.push_back(
        {member.empty() ? pointer_ : pointer_ + "/" + std::string{member}, std::move(detail)});
}

const Object::Json* Object::find(const char* member, bool required) {
    if (!value_.is_object()) return nullptr;
    known_.insert(member);
    const auto found = value_.find(member);
    if (found != value_.end()) return &*found;
    if (required) problem(member, "is missing");
    return nullptr;
}

std::string Object::text(const char* member, bool required) {
    const Json* found = find(member, required);
    if (found == nullptr) return {};
    if (!found->is_string() || (required && found->get_ref<const std::string&>().empty())) {
        problem(member, "must be a text that is not empty");
        return {};
    }
    return found->get<std::string>();
}

std::optional<double> Object::number(const char* member, bool required) {
    const Json* found = find(member, required);
    if (found == nullptr) return std::nullopt;
    if (!found->is_number() || !std::isfinite(found->get<double>())) {
        problem(member, "must be a number");
        return std::nullopt;
    }
    return found->get<double>();
}

int Object::integer(const char* member, int lowest, int highest, std::optional<int> otherwise) {
    const Json* found = find(member, !otherwise);
    const int fallback = otherwise.value_or(lowest);
    if (found == nullptr) return fallback;
    const auto value = whole_number(*found);
    if (!value || *value < lowest || *value > highest) {
        problem(member, "must be a whole number from " + std::to_string(lowest) + " to " +
                            std::to_string(highest));
        return fallback;
    }
    return static_cast<int>(*value);
}

std::optional<std::size_t> Object::choice(const char* member,
                                          const std::vector<std::string_view>& accepted,
                                          bool required) {
    const Json* found = find(member, required);
    if (found == nullptr) return std::nullopt;
    std::string names;
    for (std::size_t index = 0; index < accepted.size(); ++index) {
        const std::string name{accepted[index]};
        if (found->is_string() && found->get_ref<const std::string&>() == name) return index;
        names += (names.empty() ? "" : ", ") + name;
    }
    problem(member, "must be one of " + names);
    return std::nullopt;
}

std::vector<std::string> Object::texts(const char* member, bool required) {
    std::vector<std::string> result;
    each(member, required, [&](const Json& item, const std::string& pointer) {
        if (item.is_string()) {
            result.push_back(item.get<std::string>());
        } else {
            problems_.push_back({pointer, "must be a text"});
        }
    });
    return result;
}

std::vector<std::uint64_t> Object::bit_patterns(const char* member) {
    std::vector<std::uint64_t> result;
    each(member, false, [&](const Json& item, const std::string& pointer) {
        if (const auto bits = bit_pattern(item)) {
            result.push_back(*bits);
        } else {
            problems_.push_back({pointer, "must be a whole number, not negative"});
        }
    });
    return result;
}

void Object::each(const char* member, bool required,
                  const std::function<void(const Json&, const std::string&)>& use) {
    const Json* found = find(member, required);
    if (found == nullptr) return;
    if (!found->is_array() || (required && found->empty())) {
        problem(member, required ? "must be a list that is not empty" : "must be a list");
        return;
    }
    std::size_t index = 0;
    for (const Json& item : *found) {
        use(item, pointer_ + "/" + member + "/" + std::to_string(index++));
    }
}

void Object::each_object(const char* member, bool required,
                         const std::function<void(Object&)>& use) {
    each(member, required, [&](const Json& item, const std::string& pointer) {
        Object inner{item, pointer, problems_};
        if (item.is_object()) use(inner);
        inner.refuse_unknown();
    });
}

void Object::each_member(
    const char* member,
    const std::function<void(const std::string&, const Json&, const std::string&)>& use) {
    const Json* found = find(member, false);
    if (found == nullptr) return;
    if (!found->is_object()) {
        problem(member, "must be an object");
        return;
    }
    for (const auto& item : found->items()) {
        use(item.key(), item.value(), pointer_ + "/" + member + "/" + item.key());
    }
}

void Object::object(const char* member, const std::function<void(Object&)>& use) {
    const Json* found = find(member, false);
    if (found == nullptr) return;
    Object inner{*found, pointer_ + "/" + member, problems_};
    if (found->is_object()) use(inner);
    inner.refuse_unknown();
}

void Object::refuse_unknown() {
    if (!value_.is_object()) return;
    for (const auto& item : value_.items()) {
        if (!known_.contains(item.key())) problem(item.key(), "is not a known key");
    }
}

}  // namespace busbar::meters
