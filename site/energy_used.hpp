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

// A transaction that has stopped: as its charger has it, and what an operator says instead.
struct UsedEnergy {
    db::TransactionKey transaction = 0;
    std::string badge;
    Timestamp stopped_at;
    std::int64_t energy_wh = 0;
    std::optional<db::TransactionCorrected> correction{};
};

class EnergyUsed {
public:
    // Begins anew with what the database knows of the month of `now`.
    void restore(const std::vector<UsedEnergy>& rows, const TimeZone& zone, Timestamp now);

    // Whose a running transaction is that began before a restart.
    void restore(const db::TransactionStarted& start,
                 std::optional<db::TransactionCorrected> correction = std::nullopt);

    // All that is known of a transaction about which a row is to follow: an old one may be none of
    // this month until then.
    void know(const db::TransactionStarted& start,
              const std::optional<db::TransactionStopped>& stop,
              std::optional<db::TransactionCorrected> correction, const TimeZone& zone,
              Timestamp now);

    // A row that is being recorded: starts, stops and corrections matter, repeats change nothing.
    void observe(const db::Record& row, const TimeZone& zone, Timestamp now);

    // Wh of the badge's stopped transactions in the month of `at`, whatever its letters' case.
    std::int64_t used_wh(std::string_view badge, Timestamp at) const;

private:
    // As the charger has it, and what an operator says instead.
    struct Entry {
        std::string badge{};
        std::int32_t meter_start_wh = 0;
        std::optional<Timestamp> stopped_at{};
        std::int64_t energy_wh = 0;
        std::optional<db::TransactionCorrected> correction{};
    };
    static const std::string& badge_of(const Entry& entry);
    static std::optional<Timestamp> stopped_at(const Entry& entry);
    static void end(Entry& entry, const db::TransactionStopped& row);
    void turn_month(const TimeZone& zone, Timestamp now);
    static Entry begun(const db::TransactionStarted& row);
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
