#include "sim/misbehaviour.hpp"

#include <algorithm>

namespace busbar::sim {
namespace {

std::string spelled(std::string_view field) {
    std::string name{field};
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

}  // namespace

const std::vector<MisbehaviourName>& misbehaviour_names() {
    static const std::vector<MisbehaviourName> names{
        {"repeat-unanswered", "transactions",
         "repeats transaction messages until they are answered (the default)",
         &Misbehaviour::forget_unanswered, false},
#define QUIRK(family, name, meaning) \
    {spelled(#name), spelled(#family), meaning, &Misbehaviour::name, true},
#include "sim/misbehaviours.inc"
#undef QUIRK
    };
    return names;
}

std::variant<Misbehaviour, std::string> parse_misbehaviour(std::string_view list) {
    Misbehaviour result;
    while (!list.empty()) {
        const auto comma = list.find(',');
        const std::string_view name = list.substr(0, comma);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        bool known = false;
        for (const auto& entry : misbehaviour_names()) {
            if (entry.name != name) continue;
            result.*entry.flag = entry.value;
            known = true;
        }
        if (known) continue;
        std::string problem = "unknown misbehaviour \"" + std::string{name} + "\"; known are";
        for (const auto& entry : misbehaviour_names()) problem += " " + entry.name;
        return problem;
    }
    return result;
}

}  // namespace busbar::sim
