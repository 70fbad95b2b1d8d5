#include "reports/pricing.hpp"

#include <algorithm>
#include <limits>

#include "base/quarter_hours.hpp"
#include "base/text.hpp"

namespace busbar::reports {
namespace {

bool is_for(const Tariff& tariff, const db::EndedSession& session) {
    const auto holds = [&](const std::optional<std::string>& name) {
        return name &&
               std::find(tariff.names.begin(), tariff.names.end(), *name) != tariff.names.end();
    };
    switch (tariff.scope) {
        case Scope::everybody:
            return true;
        case Scope::groups:
            return session.badge_group &&
                   std::any_of(tariff.names.begin(), tariff.names.end(), [&](const auto& name) {
                       return equal_ignoring_case(name, *session.badge_group);
                   });
        case Scope::cost_centres:
            return holds(session.cost_centre);
        case Scope::charge_points:
            return holds(session.charge_point);
    }
    return false;
}

bool goes_before(const Tariff& a, const Tariff& b) {
    if (a.scope != b.scope) return a.scope > b.scope;
    if (a.valid_from != b.valid_from) return a.valid_from > b.valid_from;
    return a.name < b.name;
}

}  // namespace

const Tariff* tariff_of(const PriceList& prices, const db::EndedSession& session) {
    const Tariff* best = nullptr;
    for (const auto& tariff : prices.tariffs) {
        if (tariff.valid_from > session.started_at || !is_for(tariff, session)) continue;
        if (!best || goes_before(tariff, *best)) best = &tariff;
    }
    return best;
}

LocalTime WeekClock::local(Timestamp at) {
    if (at < from_ || at >= until_) {
        // Times come in no order: what holds now has mostly held for a while.
        constexpr std::chrono::days before{7};
        const auto shift = zone_.next_shift(at - before);
        from_ = shift && *shift <= at ? *shift : at - before;
        until_ = zone_.next_shift(at).value_or(Timestamp::max());
        offset_ = zone_.local(at).time_since_epoch() - at.time_since_epoch();
    }
    return LocalTime{at.time_since_epoch() + offset_};
}

std::size_t WeekClock::quarter_of_week(Timestamp at) {
    using namespace std::chrono;
    // 1970-01-05 was a Monday.
    constexpr milliseconds first_monday = days{4};
    constexpr milliseconds week = weeks{1};
    auto in_week = (local(at).time_since_epoch() - first_monday) % week;
    if (in_week < milliseconds{0}) in_week += week;
    return static_cast<std::size_t>(in_week / quarter_hour);
}

Cost cost_of(const Tariff& tariff, Timestamp first_quarter,
             const std::vector<std::int64_t>& quarters_wh, WeekClock& clock) {
    // More than any price times what 32 bits of Wh can hold does not fit: absurd energies end here.
    constexpr std::int64_t worth_max = std::numeric_limits<std::int64_t>::max() / 4;
    std::int64_t worth = 0;
    auto at = first_quarter;
    auto quarter = clock.quarter_of_week(at);
    for (const auto wh : quarters_wh) {
        if (at >= clock.until()) quarter = clock.quarter_of_week(at);
        const auto price = tariff.prices[quarter];
        const auto room = price > 0 ? (worth_max - worth) / price : wh;
        worth += std::min(wh, room) * price;
        at += quarter_hour;
        quarter = quarter + 1 == quarters_of_week ? 0 : quarter + 1;
    }
    return cost_of(worth, tariff.tax_basis_points);
}

}  // namespace busbar::reports
