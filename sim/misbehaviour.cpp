#include "sim/misbehaviour.hpp"

namespace busbar::sim {
namespace {

struct Switch {
    MisbehaviourName name;
    bool Misbehaviour::*flag;
    bool value;
};

constexpr Switch switches[] = {
    {{"repeat-unanswered", "repeats transaction messages until they are answered (the default)"},
     &Misbehaviour::forget_unanswered,
     false},
    {{"forget-unanswered", "gives up a transaction message after one failed attempt"},
     &Misbehaviour::forget_unanswered,
     true},
    {{"cut-links", "loses its connection at random, about once a minute"},
     &Misbehaviour::cut_links,
     true},
    {{"ignore-limits", "accepts charging profiles and does not obey them"},
     &Misbehaviour::ignore_limits,
     true},
    {{"no-stop", "never sends StopTransaction"}, &Misbehaviour::no_stop, true},
    {{"late-answers", "handles calls 5 to 45 s late"}, &Misbehaviour::late_answers, true},
    {{"reject-profiles", "refuses charging profiles"}, &Misbehaviour::reject_profiles, true},
    {{"send-twice", "sends StartTransaction and StopTransaction twice"},
     &Misbehaviour::send_twice,
     true},
};

}  // namespace

const std::vector<MisbehaviourName>& misbehaviour_names() {
    static const std::vector<MisbehaviourName> names = [] {
        std::vector<MisbehaviourName> result;
        for (const auto& entry : switches) result.push_back(entry.name);
        return result;
    }();
    return names;
}

std::variant<Misbehaviour, std::string> parse_misbehaviour(std::string_view list) {
    Misbehaviour result;
    while (!list.empty()) {
        const auto comma = list.find(',');
        const std::string_view name = list.substr(0, comma);
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
        bool known = false;
        for (const auto& entry : switches) {
            if (entry.name.name != name) continue;
            result.*entry.flag = entry.value;
            known = true;
        }
        if (known) continue;
        std::string problem = "unknown misbehaviour \"" + std::string{name} + "\"; known are";
        for (const auto& entry : switches) problem += " " + std::string{entry.name.name};
        return problem;
    }
    return result;
}

}  // namespace busbar::sim
