#include "site/transaction_restore.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include "site/transaction_rules.hpp"

namespace busbar::site {
namespace {

constexpr double register_max = std::numeric_limits<std::int32_t>::max();

// The newest that a charger can have got to. One that has fallen is no such: where that was
// believed, a tally was stored.
std::optional<RegisterPoint> newest_of(const db::TransactionStarted& start,
                                       const std::vector<RegisterPoint>& registers,
                                       double power_watts_max) {
    for (const auto& point : registers) {
        const auto most = deliverable_wh(power_watts_max, start.started_at, point.at);
        const auto rise = register_rise(start.meter_start_wh, point.wh, most);
        if (rise.wh && !rise.fell && std::abs(point.wh) <= register_max) return point;
    }
    return std::nullopt;
}

Transaction begun(db::TransactionStarted start, const std::optional<RegisterPoint>& newest,
                  double power_watts_max) {
    Transaction out;
    out.register_wh = start.meter_start_wh;
    out.register_at = start.started_at;
    out.energy = begin_tally(start.meter_start_wh, start.started_at);
    if (newest) {
        out.register_wh = static_cast<std::int32_t>(newest->wh);
        out.register_at = newest->at;
        add_reading(out.energy, {.at = newest->at, .register_wh = newest->wh}, power_watts_max);
    }
    out.start = std::move(start);
    return out;
}

}  // namespace

Transaction restored(db::TransactionStarted start, const std::vector<RegisterPoint>& registers,
                     double power_watts_max, Now now) {
    const auto newest = newest_of(start, registers, power_watts_max);
    auto out = begun(std::move(start), newest, power_watts_max);
    out.charging_since = now.mono;
    return out;
}

Transaction restored(db::TransactionStarted start, db::TransactionStopped stop,
                     double power_watts_max) {
    // What a stop says that may be another's is no reading of this one's register.
    const bool is_guess = stop.estimated && stop.reason != closed_by_start &&
                          stop.reason != closed_by_available && stop.reason != closed_by_boot;
    std::optional<RegisterPoint> newest;
    if (!is_guess) newest = {static_cast<double>(stop.meter_stop_wh), stop.stopped_at};
    auto out = begun(std::move(start), newest, power_watts_max);
    out.stop = std::move(stop);
    return out;
}

void take_tally(Transaction& transaction, const EnergyTally& tally) {
    transaction.energy = tally;
    if (transaction.stop || !tally.register_wh) return;
    if (*tally.register_wh < 0 || *tally.register_wh > register_max) return;
    transaction.register_wh = static_cast<std::int32_t>(std::lround(*tally.register_wh));
    transaction.register_at = tally.register_at;
}

void restore_boot(Transaction& transaction, Timestamp booted_at, const db::ConnectorStatus* status,
                  Now now) {
    const auto began = transaction.start.received_at;
    if (booted_at <= began || transaction.register_at > booted_at) return;
    transaction.booted_at = now.mono;
    if (!status || status->received_at <= booted_at) return;
    reported(transaction, status->status, status->received_at, now);
}

}  // namespace busbar::site
