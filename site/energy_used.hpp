// How much energy each badge has used in the present month of the site's time zone: what monthly
// quotas are held against. Learns from the rows that are recorded, so that nothing is forgotten and
// nothing counted twice. A transaction counts in the month in which it stops. Pure; site loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/text.hpp"
#include "base/time.hpp"
#include "base/time_zone.hpp"
#include "db/rows.hpp"

namespace busbar::site {

// A transaction that has stopped, as it counts (view transaction_in_force).
struct UsedEnergy {
    db::TransactionKey transaction = 0;
    std::string badge;
    Timestamp stopped_at;
    std::int64_t energy_wh = 0;
};

class EnergyUsed {
public:
    // Begins anew with what the database knows of the month of `now`.
    void restore(const std::vector<UsedEnergy>& rows, const TimeZone& zone, Timestamp now);

    // Whose a running transaction is that began before a restart.
    void restore(const db::TransactionStarted& start);

    // A row that is being recorded: starts, stops and corrections matter, repeats change nothing.
    void observe(const db::Record& row, const TimeZone& zone, Timestamp now);

    // Wh of the badge's stopped transactions in the month of `at`, whatever its letters' case.
    std::int64_t used_wh(std::string_view badge, Timestamp at) const;

private:
    // As the charger has it, and what an operator says instead.
    struct Entry {
        std::string badge;
        std::int32_t meter_start_wh = 0;
        std::optional<Timestamp> stopped_at;
        std::int64_t energy_wh = 0;
        std::optional<db::TransactionCorrected> correction;
    };
    static const std::string& badge_of(const Entry& entry);
    static std::optional<Timestamp> stopped_at(const Entry& entry);
    static void end(Entry& entry, const db::TransactionStopped& row);
    void turn_month(const TimeZone& zone, Timestamp now);
    void begin(const db::TransactionStarted& row);
    template <class Edit>
    void change(db::TransactionKey id, Edit edit);
    bool counts(const Entry& entry) const;
    void count(const Entry& entry, int sign);

    std::unordered_map<db::TransactionKey, Entry> entries_;  // running, or stopped this month
    std::map<std::string, std::int64_t, LessIgnoringCase> used_wh_;
    Timestamp month_begin_ = Timestamp::min();
    Timestamp month_end_ = Timestamp::min();
};

}  // namespace busbar::site
