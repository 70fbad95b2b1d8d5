#include "reports/energy.hpp"

#include <array>
#include <map>
#include <numeric>
#include <unordered_map>

#include "base/quarter_hours.hpp"
#include "base/text.hpp"

namespace busbar::reports {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 6> names{"badge",       "group", "costCentre",
                                                "chargePoint", "day",   "month"};

std::string month_text(year_month_day day) { return day_text(day).substr(0, 7); }

// Letters' case makes no other badge and no other group.
bool ignores_case(By by) { return by == By::badge || by == By::group; }

class Summing {
public:
    Summing(const EnergyQuestion& question, const db::EnergyData& data)
        : question_{question}, data_{data}, clock_{question.zone} {}

    EnergyReport run() {
        for (const auto& session : data_.sessions) add(session);
        EnergyReport report{.period = question_.period,
                            .by = question_.by,
                            .time_zone = question_.zone.name(),
                            .currency = question_.prices.currency,
                            .created_at = question_.created_at,
                            .rows = {},
                            .total = total_,
                            .orphan_stops = question_.orphan_stops};
        const auto labels = labels_by_key();
        std::map<std::string, Row*> in_order;
        for (auto& [key, row] : rows_) in_order[key] = &row;
        for (auto& [key, row] : in_order) {
            const auto label = labels.find(key);
            if (label != labels.end()) row->label = label->second;
            report.rows.push_back(std::move(*row));
        }
        if (without_key_.sums.sessions > 0) report.rows.push_back(without_key_);
        return report;
    }

private:
    void add(const db::EndedSession& session) {
        Sums sums;
        sums.sessions = 1;
        sums.energy_wh = session.energy_wh;
        const auto duration = session.stopped_at - session.started_at;
        sums.duration_seconds =
            std::max<std::int64_t>(floor<std::chrono::seconds>(duration).count(), 0);
        sums.estimated = session.is_estimated ? 1 : 0;
        sums.corrected = session.is_corrected ? 1 : 0;
        if (const auto* tariff = tariff_of(question_.prices, session)) {
            sums.cost = cost(*tariff, session);
        } else {
            sums.without_tariff = 1;
        }
        add(total_, sums);
        add(row_of(session).sums, sums);
    }

    static void add(Sums& to, const Sums& sums) {
        to.sessions += sums.sessions;
        to.energy_wh += sums.energy_wh;
        to.duration_seconds += sums.duration_seconds;
        to.estimated += sums.estimated;
        to.corrected += sums.corrected;
        to.without_tariff += sums.without_tariff;
        to.cost.cents += sums.cost.cents;
        to.cost.tax_cents += sums.cost.tax_cents;
    }

    // Quarters that are not worked out yet, or for what the session was before it was corrected,
    // are made as if the energy had flowed evenly.
    Cost cost(const Tariff& tariff, const db::EndedSession& session) {
        const auto& quarters = session.quarters_wh;
        const auto sum = std::accumulate(quarters.begin(), quarters.end(), std::int64_t{0});
        if (!quarters.empty() && sum == session.energy_wh) {
            return cost_of(tariff, session.first_quarter, quarters, clock_);
        }
        const auto even = spread_over_quarters({.started_at = session.started_at,
                                                .stopped_at = session.stopped_at,
                                                .energy_wh = session.energy_wh});
        return cost_of(tariff, even.first, even.wh, clock_);
    }

    Row& row_of(const db::EndedSession& session) {
        const auto shown = key_of(session);
        if (!shown) return without_key_;
        auto key = ignores_case(question_.by) ? to_lower(*shown) : *shown;
        auto& row = rows_[std::move(key)];
        if (!row.key) row.key = *shown;
        return row;
    }

    std::optional<std::string> key_of(const db::EndedSession& session) {
        const auto day = [&] {
            return year_month_day{floor<days>(clock_.local(session.stopped_at))};
        };
        switch (question_.by) {
            case By::badge:
                return session.badge;
            case By::group:
                return session.badge_group;
            case By::cost_centre:
                return session.cost_centre;
            case By::charge_point:
                return session.charge_point;
            case By::day:
                return day_text(day());
            case By::month:
                return month_text(day());
        }
        return std::nullopt;
    }

    std::unordered_map<std::string, std::string> labels_by_key() const {
        std::unordered_map<std::string, std::string> out;
        const auto take = [&](const db::Labels& labels) {
            for (const auto& [id, label] : labels) {
                out[ignores_case(question_.by) ? to_lower(id) : id] = label;
            }
        };
        if (question_.by == By::badge) take(data_.badges);
        if (question_.by == By::group) take(data_.groups);
        if (question_.by == By::charge_point) take(data_.charge_points);
        return out;
    }

    const EnergyQuestion& question_;
    const db::EnergyData& data_;
    WeekClock clock_;
    std::unordered_map<std::string, Row> rows_;
    Row without_key_;
    Sums total_;
};

}  // namespace

std::optional<By> by_from_name(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == name) return static_cast<By>(i);
    }
    return std::nullopt;
}

std::string_view name_of(By by) { return names[static_cast<std::size_t>(by)]; }

db::EnergyFilter filter_of(const Period& period, const TimeZone& zone) {
    const auto midnight = [&](year_month_day day, int later) {
        return zone.at(std::chrono::local_days{day} + days{later});
    };
    return {midnight(period.first, 0), midnight(period.last, 1)};
}

EnergyReport energy_report(const EnergyQuestion& question, const db::EnergyData& data) {
    return Summing{question, data}.run();
}

}  // namespace busbar::reports
