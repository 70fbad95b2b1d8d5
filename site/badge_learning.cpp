#include "site/badge_learning.hpp"

#include "site/site.hpp"

namespace busbar::site {

std::variant<Timestamp, LearningBusy, Violation> start_learning(
    Site& site, std::optional<std::string> charge_point, std::chrono::seconds length, Now now) {
    auto& learning = site.learning;
    if (length < learning_min || length > learning_max) {
        return Violation{Defect::bad_value, "/seconds", "must be 5 to 300"};
    }
    if (charge_point && !site.find(*charge_point)) {
        return Violation{Defect::bad_value, "/chargePointId",
                         "there is no such charge point; leave it out for all of them"};
    }
    if (learning.is_active(now.wall)) return LearningBusy{*learning.until};
    learning.charge_point = std::move(charge_point);
    learning.until = now.wall + length;
    learning.learned.reset();
    return *learning.until;
}

bool stop_learning(Site& site, Now now) {
    const bool was_active = site.learning.is_active(now.wall);
    site.learning.until.reset();
    return was_active;
}

bool learn_from(Site& site, const BadgeTap& tap) {
    auto& learning = site.learning;
    if (tap.known || tap.idTag.empty() || !learning.is_active(tap.at)) return false;
    if (learning.charge_point && *learning.charge_point != tap.chargePoint) return false;
    learning.learned = LearnedBadge{tap.idTag, tap.chargePoint, tap.connectorId, tap.at};
    learning.until.reset();
    return true;
}

}  // namespace busbar::site
