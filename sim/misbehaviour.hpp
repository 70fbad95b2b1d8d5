// Ways in which real charge points misbehave, as switches of a simulated one. The list with its
// families and meanings is sim/misbehaviours.inc. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace busbar::sim {

// One switch a line of the list; all off is a charge point as the specification asks. With
// forget_unanswered off, a transaction message is repeated unchanged until it is answered (3.7).
struct Misbehaviour {
#define QUIRK(family, name, meaning) bool name = false;
#include "sim/misbehaviours.inc"
#undef QUIRK
    bool operator==(const Misbehaviour&) const = default;
};

// One of the ways to misbehave.
struct MisbehaviourName {
    std::string name;    // as --misbehave takes it: "cut-links"
    std::string family;  // "meter-values"
    std::string_view meaning;
    bool Misbehaviour::*flag;
    bool value;  // what naming it sets the switch to
};
// The names --misbehave knows, "repeat-unanswered" (conforming, the default) included.
const std::vector<MisbehaviourName>& misbehaviour_names();

// The switches of a comma-separated list of names, or what is wrong with it.
std::variant<Misbehaviour, std::string> parse_misbehaviour(std::string_view list);

}  // namespace busbar::sim
