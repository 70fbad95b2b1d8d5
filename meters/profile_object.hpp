// A JSON object of a profile file while it is read (internal to meters/profile): hands out its
// members, notes what is wrong with them, and at the end which of them nobody asked for.
//
// Used by one thread; refers to the document and to the list of problems it is given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "meters/profile.hpp"

namespace busbar::meters {

template <class E>
using Names = std::span<const std::pair<std::string_view, E>>;

// A whole number: as such, or as a text in hexadecimal, "0x1000". Nothing for anything else.
std::optional<std::int64_t> whole_number(const nlohmann::json& value);

class Object {
public:
    using Json = nlohmann::json;

    Object(const Json& value, std::string pointer, std::vector<ProfileProblem>& problems);

    // Notes a problem with a member; "" with the object itself.
    void problem(std::string_view member, std::string detail);
    std::vector<ProfileProblem>& problems() { return problems_; }

    // The member, or null; a required one that is missing is a problem.
    const Json* find(const char* member, bool required);

    std::string text(const char* member, bool required);
    std::optional<double> number(const char* member, bool required);

    // A whole number within the bounds, or `otherwise`; required if there is none.
    int integer(const char* member, int lowest, int highest, std::optional<int> otherwise);

    // The value with the name the member gives, or `otherwise`; required if there is none.
    template <class E>
    E one_of(const char* member, Names<E> names, std::optional<E> otherwise) {
        std::vector<std::string_view> accepted;
        for (const auto& [name, value] : names) accepted.push_back(name);
        const auto index = choice(member, accepted, !otherwise);
        return index ? names[*index].second : otherwise.value_or(E{});
    }

    std::vector<std::string> texts(const char* member, bool required);
    std::vector<std::uint64_t> bit_patterns(const char* member);

    // Calls use(item, pointer of the item) for each item of a list.
    void each(const char* member, bool required,
              const std::function<void(const Json&, const std::string&)>& use);
    // Calls use(object) for each item of a list of objects.
    void each_object(const char* member, bool required, const std::function<void(Object&)>& use);
    // Calls use(key, value, pointer of the value) for each member of an object of free names.
    void each_member(
        const char* member,
        const std::function<void(const std::string&, const Json&, const std::string&)>& use);
    // Calls use(object) if there is such a member.
    void object(const char* member, const std::function<void(Object&)>& use);

    // Call last: a misspelt key must not be silently without effect.
    void refuse_unknown();

private:
    std::optional<std::size_t> choice(const char* member,
                                      const std::vector<std::string_view>& accepted, bool required);

    const Json& value_;
    std::string pointer_;
    std::vector<ProfileProblem>& problems_;
    std::set<std::string, std::less<>> known_;
};

}  // namespace busbar::meters
