#include "reports/json.hpp"

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "base/decimal.hpp"

namespace busbar::reports {
namespace {

struct RowView {
    RawJson key;  // null: without
    std::string label;
    std::int64_t sessions = 0;
    std::int64_t energyWh = 0;
    RawJson cost;  // "12.34" or null: no tariff
    RawJson tax;
    std::int64_t durationSeconds = 0;
    std::int64_t estimated = 0;
    std::int64_t corrected = 0;
    std::int64_t withoutTariff = 0;
};
BOOST_DESCRIBE_STRUCT(RowView, (),
                      (key, label, sessions, energyWh, cost, tax, durationSeconds, estimated,
                       corrected, withoutTariff))

struct TotalView {
    std::int64_t sessions = 0;
    std::int64_t energyWh = 0;
    RawJson cost;
    RawJson tax;
    std::int64_t durationSeconds = 0;
    std::int64_t estimated = 0;
    std::int64_t corrected = 0;
    std::int64_t withoutTariff = 0;
};
BOOST_DESCRIBE_STRUCT(TotalView, (),
                      (sessions, energyWh, cost, tax, durationSeconds, estimated, corrected,
                       withoutTariff))

struct ReportView {
    std::string from;
    std::string to;
    std::string by;
    std::string timeZone;
    RawJson currency;
    Timestamp createdAt;
    std::vector<RowView> rows;
    TotalView total;
    std::int64_t orphanStops = 0;
};
BOOST_DESCRIBE_STRUCT(ReportView, (),
                      (from, to, by, timeZone, currency, createdAt, rows, total, orphanStops))

template <class View>
View view_of(const Sums& sums) {
    View view;
    view.sessions = sums.sessions;
    view.energyWh = sums.energy_wh;
    if (sums.has_cost()) {
        view.cost.text = to_json(fixed_text(sums.cost.cents, 2));
        view.tax.text = to_json(fixed_text(sums.cost.tax_cents, 2));
    }
    view.durationSeconds = sums.duration_seconds;
    view.estimated = sums.estimated;
    view.corrected = sums.corrected;
    view.withoutTariff = sums.without_tariff;
    return view;
}

}  // namespace

std::string json_of(const EnergyReport& report) {
    ReportView view;
    view.from = day_text(report.period.first);
    view.to = day_text(report.period.last);
    view.by = name_of(report.by);
    view.timeZone = report.time_zone;
    if (!report.currency.empty()) view.currency.text = to_json(report.currency);
    view.createdAt = report.created_at;
    view.rows.reserve(report.rows.size());
    for (const auto& row : report.rows) {
        auto& shown = view.rows.emplace_back(view_of<RowView>(row.sums));
        if (row.key) shown.key.text = to_json(*row.key);
        shown.label = row.label;
    }
    view.total = view_of<TotalView>(report.total);
    view.orphanStops = report.orphan_stops;
    return to_json(view, TimeStyle::milliseconds);
}

}  // namespace busbar::reports
