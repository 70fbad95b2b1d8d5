// Learning a badge: an operator starts it, somebody holds the new badge to a charger, and the idTag
// is there. One at a time. Site loop; time comes in.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include <boost/describe/class.hpp>

#include "base/time.hpp"
#include "base/violation.hpp"

namespace busbar::site {

class Site;
struct BadgeTap;

// What was learned: the draft of a badge.
struct LearnedBadge {
    std::string idTag;
    std::string chargePoint;
    std::optional<std::int32_t> connectorId;
    Timestamp at;
};
BOOST_DESCRIBE_STRUCT(LearnedBadge, (), (idTag, chargePoint, connectorId, at))

// What the site is waiting for, and what it was given last. Lives in memory only.
struct BadgeLearning {
    std::optional<std::string> charge_point;  // where to tap; nothing: anywhere
    std::optional<Timestamp> until;           // nothing: not learning
    std::optional<LearnedBadge> learned;      // the newest

    bool is_active(Timestamp now) const { return until && now < *until; }
};

inline constexpr std::chrono::seconds learning_min{5};
inline constexpr std::chrono::seconds learning_max{300};

// Somebody else is learning, until then.
struct LearningBusy {
    Timestamp until;
};

// Waits for an unknown badge for so long. When it ends, or who keeps it from beginning, or what is
// wrong with the wish ("/seconds", "/chargePointId").
std::variant<Timestamp, LearningBusy, Violation> start_learning(
    Site& site, std::optional<std::string> charge_point, std::chrono::seconds length, Now now);

// Gives it up; false if nothing was under way.
bool stop_learning(Site& site, Now now);

// True if this tap is what learning was waiting for, which ends it: the draft is in
// `site.learning.learned`.
bool learn_from(Site& site, const BadgeTap& tap);

}  // namespace busbar::site
