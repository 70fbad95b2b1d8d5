// Tariffs as the reports apply them: a price for every quarter of an hour of the week, and which
// sessions a tariff is for. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/time_zone.hpp"
#include "db/queries.hpp"
#include "reports/money.hpp"

namespace busbar::reports {

inline constexpr std::size_t quarters_of_week = 7 * 96;

// Which sessions a tariff is for; the narrower one wins.
enum class Scope { everybody, groups, cost_centres, charge_points };

struct Tariff {
    std::string name;
    Timestamp valid_from;  // sessions that start from then on
    Scope scope = Scope::everybody;
    std::vector<std::string> names;  // groups (letters' case aside), cost centres or charge points
    std::array<Price, quarters_of_week> prices{};  // per kWh; from Monday 00:00, local time
    std::int64_t tax_basis_points = 0;             // hundredths of a per cent
};

struct PriceList {
    std::string currency;  // of all of them; ISO 4217
    std::vector<Tariff> tariffs;
};

// The tariff of a session: of those for it that were valid at its start the narrowest, and of these
// the one that is valid since the latest (then the first by name). Null if there is none.
const Tariff* tariff_of(const PriceList& prices, const db::EndedSession& session);

// When which local quarter of an hour is, looked up once for as long as clocks are not changed. One
// thread at a time.
class WeekClock {
public:
    explicit WeekClock(TimeZone zone) : zone_{zone} {}

    LocalTime local(Timestamp at);

    // The quarter of the local week that begins at `at`; 0 is Monday 00:00.
    std::size_t quarter_of_week(Timestamp at);

    // Until when quarters follow each other as they do now: clocks are changed then.
    Timestamp until() const { return until_; }

private:
    TimeZone zone_;
    Timestamp from_{};  // the offset holds from here
    Timestamp until_{};
    std::chrono::milliseconds offset_{};
};

// What a session costs: each quarter's energy at the price of its time.
Cost cost_of(const Tariff& tariff, Timestamp first_quarter,
             const std::vector<std::int64_t>& quarters_wh, WeekClock& clock);

}  // namespace busbar::reports
