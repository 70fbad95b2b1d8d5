// What the tests of reports share: sessions, tariffs and questions.
#pragma once

#include <string>

#include "reports/energy.hpp"

namespace busbar::reports::test {

using namespace std::chrono_literals;
using std::chrono::year;

inline const TimeZone paris = TimeZone::find("Europe/Paris").value();

inline Timestamp paris_at(std::chrono::year_month_day day, std::chrono::milliseconds time) {
    return paris.at(LocalTime{std::chrono::local_days{day}} + time);
}

inline db::EndedSession session(Timestamp started_at, std::chrono::milliseconds duration,
                                std::int64_t energy_wh) {
    db::EndedSession out;
    out.charge_point = "CP1";
    out.badge = "TAG1";
    out.started_at = started_at;
    out.stopped_at = started_at + duration;
    out.energy_wh = energy_wh;
    return out;
}

inline EnergyQuestion question(By by) {
    EnergyQuestion out;
    out.period = {year{2027} / 3 / 1, year{2027} / 3 / 31};
    out.by = by;
    out.zone = paris;
    out.created_at = paris_at(year{2027} / 4 / 1, 8h + 5min);
    return out;
}

// The same price at all times.
inline Tariff flat_tariff(const std::string& name, Price price) {
    Tariff tariff;
    tariff.name = name;
    tariff.prices.fill(price);
    return tariff;
}

}  // namespace busbar::reports::test
