// What the reports of energy and cost are made from, as the database has it. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace busbar::db {

// A session that has ended, as it counts: corrected where somebody has corrected it.
struct EndedSession {
    std::string charge_point;
    std::string badge;
    std::optional<std::string> badge_group;
    std::optional<std::string> cost_centre;
    Timestamp started_at;
    Timestamp stopped_at;
    std::int64_t energy_wh = 0;
    bool is_estimated = false;
    bool is_corrected = false;
    // Its energy by quarters of an hour; empty, or of another sum, where that is not worked out
    // yet.
    Timestamp first_quarter;
    std::vector<std::int64_t> quarters_wh;
};

// Names that people know things by: id and label.
using Labels = std::vector<std::pair<std::string, std::string>>;

struct EnergyData {
    std::vector<EndedSession> sessions;
    Labels badges;  // the label, else the holder
    Labels groups;
    Labels charge_points;
};

// Sessions that ended at or after `from` and before `to`.
struct EnergyFilter {
    Timestamp from;
    Timestamp to;
};

}  // namespace busbar::db
