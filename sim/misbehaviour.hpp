// Ways in which real charge points misbehave, as switches of a simulated one. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace busbar::sim {

struct Misbehaviour {
    // Off: a transaction message is repeated unchanged until it is answered, as OCPP 1.6, 3.7 asks.
    // On: it is given up after the first attempt that fails.
    bool forget_unanswered = false;
    bool cut_links = false;        // the connection breaks at random, once a minute or so
    bool ignore_limits = false;    // accepts charging profiles and does not obey them
    bool no_stop = false;          // never sends StopTransaction
    bool late_answers = false;     // handles and answers calls 5 to 45 s late
    bool reject_profiles = false;  // answers SetChargingProfile with Rejected
    bool send_twice = false;       // sends each StartTransaction and StopTransaction twice
};

struct MisbehaviourName {
    std::string_view name;
    std::string_view meaning;
};
// The names --misbehave knows, "repeat-unanswered" (conforming, the default) included.
const std::vector<MisbehaviourName>& misbehaviour_names();

// The switches of a comma-separated list of names, or what is wrong with it.
std::variant<Misbehaviour, std::string> parse_misbehaviour(std::string_view list);

}  // namespace busbar::sim
