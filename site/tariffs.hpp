// What a kWh costs, when and for whom: documents that only reports ask for. A site has one
// currency. Pure but for recording; site loop only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe/class.hpp>

#include "base/time_zone.hpp"
#include "base/violation.hpp"
#include "db/rows.hpp"

namespace busbar::site {

// Hours at another price, in the time of the site.
struct TariffPeriod {
    std::string hours;        // as OpeningHours
    std::string pricePerKwh;  // "0.1825"
};
BOOST_DESCRIBE_STRUCT(TariffPeriod, (), (hours, pricePerKwh))

// One of them: which sessions a tariff is for.
struct TariffScope {
    std::optional<std::vector<std::string>> groups{};
    std::optional<std::vector<std::string>> costCentres{};
    std::optional<std::vector<std::string>> chargePoints{};
};
BOOST_DESCRIBE_STRUCT(TariffScope, (), (groups, costCentres, chargePoints))

// As the REST interface has it, and as it is stored (kind "tariff", its name as the key).
struct Tariff {
    std::string name;
    std::string currency;                    // ISO 4217
    std::optional<std::string> validFrom{};  // a day of the site: for sessions that start from then
    std::string pricePerKwh;                 // outside of all periods; "0.3245", without tax
    std::optional<std::vector<TariffPeriod>> periods{};  // the first whose hours it is counts
    std::optional<std::string> taxPercent{};             // "19", comes on top
    std::optional<TariffScope> appliesTo{};              // absent: to everybody
};
BOOST_DESCRIBE_STRUCT(Tariff, (),
                      (name, currency, validFrom, pricePerKwh, periods, taxPercent, appliesTo))

class Tariffs {
public:
    static constexpr std::string_view kind = "tariff";
    static constexpr std::size_t tariffs_max = 200;
    static constexpr std::size_t periods_max = 20;
    static constexpr int price_decimals = 5;
    static constexpr std::int64_t price_max = 1'000 * 100'000;  // with all decimals
    static constexpr int tax_decimals = 2;

    const std::map<std::string, Tariff, std::less<>>& all() const { return tariffs_; }
    bool is_full() const { return tariffs_.size() >= tariffs_max; }

    // What is wrong with a tariff, field by field: in itself, and beside the others that there are.
    std::vector<Violation> check(const Tariff& tariff) const;

    // Replaces the tariff of this name; it must have passed check(). The row to record.
    db::StateSaved save(Tariff tariff);
    // The same for one that is there.
    db::StateRemoved remove(std::string_view name);

    // Takes over those that were stored; rows of other kinds are left alone.
    void restore(const std::vector<db::StateSaved>& rows);

private:
    std::map<std::string, Tariff, std::less<>> tariffs_;
};

// Prices of a tariff that is right for the quarters of an hour of a week from Monday 00:00, local
// time, in hundred-thousandths of the currency's unit per kWh. What a quarter costs at its begin it
// costs as a whole.
std::array<std::int64_t, 7 * 96> week_prices(const Tariff& tariff);

// From when on it is valid: the local midnight of its day, or always.
Timestamp valid_from(const Tariff& tariff, const TimeZone& zone);

}  // namespace busbar::site
