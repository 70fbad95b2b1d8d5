// The report of energy and cost: ended sessions summed up by badge, group, cost centre, charge
// point, day or month. A session counts as a whole on the local day on which it ended, so that
// every report's rows add up to the same sessions (docs/decisions/0005). Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/calendar_day.hpp"
#include "base/time.hpp"
#include "base/time_zone.hpp"
#include "db/queries.hpp"
#include "reports/pricing.hpp"

namespace busbar::reports {

enum class By { badge, group, cost_centre, charge_point, day, month };

// "badge", "group", "costCentre", "chargePoint", "day", "month"; nothing for other names.
std::optional<By> by_from_name(std::string_view name);
std::string_view name_of(By by);

// What is asked for. Days of the site, both included.
struct Period {
    std::chrono::year_month_day first;
    std::chrono::year_month_day last;
};

// The sessions that ended in the period: from its first local midnight to the one behind it.
db::EnergyFilter filter_of(const Period& period, const TimeZone& zone);

struct Sums {
    std::int64_t sessions = 0;
    std::int64_t energy_wh = 0;
    std::int64_t duration_seconds = 0;
    std::int64_t estimated = 0;       // of the sessions
    std::int64_t corrected = 0;       // of the sessions
    std::int64_t without_tariff = 0;  // of the sessions: they are not in the cost
    Cost cost;

    // Nothing while none of the sessions has a tariff.
    bool has_cost() const { return sessions > without_tariff; }
};

struct Row {
    std::optional<std::string> key;  // absent: sessions without a group or cost centre
    std::string label;               // what people call it; may be empty
    Sums sums;
};

struct EnergyReport {
    Period period;
    By by{};
    std::string time_zone;
    std::string currency;  // empty: there is no tariff
    Timestamp created_at;
    std::vector<Row> rows;  // by key; the one without a key last
    Sums total;
    std::int64_t orphan_stops = 0;  // see EnergyQuestion
};

// What a report is made with besides the sessions.
struct EnergyQuestion {
    Period period;
    By by{};
    TimeZone zone;
    Timestamp created_at;
    PriceList prices;
    // Stops that came in the period and fit no transaction: what they are about is in no row.
    std::int64_t orphan_stops = 0;
};

EnergyReport energy_report(const EnergyQuestion& question, const db::EnergyData& data);

}  // namespace busbar::reports
