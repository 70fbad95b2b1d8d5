#include "site/tariffs.hpp"

#include <algorithm>

#include "base/calendar_day.hpp"
#include "base/codec.hpp"
#include "base/decimal.hpp"
#include "base/text.hpp"
#include "site/opening_hours.hpp"

namespace busbar::site {
namespace {

constexpr std::size_t name_size_max = 50;
constexpr std::size_t scope_names_max = 1000;
constexpr std::int64_t tax_max = 100 * 100;  // with all decimals

class Check {
public:
    void name(const std::string& text) {
        if (text.empty()) refuse("/name", "must not be empty");
        plain("/name", text, name_size_max);
    }

    void currency(const std::string& text) {
        const bool fits = text.size() == 3 && std::all_of(text.begin(), text.end(), [](char c) {
                              return c >= 'A' && c <= 'Z';
                          });
        if (!fits) refuse("/currency", "must be three capital letters such as EUR (ISO 4217)");
    }

    void price(const std::string& pointer, const std::string& text) {
        const auto value = parse_decimal(text, Tariffs::price_decimals);
        if (!value || *value > Tariffs::price_max) {
            refuse(pointer, "must be a price such as \"0.3245\": 0 to 1000, at most 5 decimals");
        }
    }

    void periods(const std::vector<TariffPeriod>& all) {
        if (all.size() > Tariffs::periods_max) refuse("/periods", "more than 20 periods");
        for (std::size_t i = 0; i < all.size(); ++i) {
            const auto pointer = "/periods/" + std::to_string(i);
            const auto hours = parse_opening_hours(all[i].hours);
            if (const auto* error = std::get_if<OpeningHoursError>(&hours)) {
                refuse(pointer + "/hours", error->detail);
            }
            price(pointer + "/pricePerKwh", all[i].pricePerKwh);
        }
    }

    void tax(const std::string& text) {
        const auto value = parse_decimal(text, Tariffs::tax_decimals);
        if (!value || *value > tax_max) {
            refuse("/taxPercent",
                   "must be a percentage such as \"19\" or \"5.5\": 0 to 100, at "
                   "most 2 decimals");
        }
    }

    void scope(const TariffScope& scope) {
        int count = 0;
        const auto names = [&](const std::string& pointer, const auto& list) {
            if (!list) return;
            ++count;
            if (list->empty()) refuse(pointer, "must name at least one");
            if (list->size() > scope_names_max) refuse(pointer, "more than 1000 names");
            for (std::size_t i = 0; i < list->size(); ++i) {
                plain(pointer + "/" + std::to_string(i), (*list)[i], 200);
            }
        };
        names("/appliesTo/groups", scope.groups);
        names("/appliesTo/costCentres", scope.costCentres);
        names("/appliesTo/chargePoints", scope.chargePoints);
        if (count != 1) {
            refuse("/appliesTo",
                   "must have one of groups, costCentres and chargePoints; without it a tariff is "
                   "for everybody");
        }
    }

    void plain(const std::string& pointer, const std::string& text, std::size_t size_max) {
        if (text.size() > size_max) {
            refuse(pointer, "longer than " + std::to_string(size_max) + " characters");
        } else if (!is_printable(text)) {
            refuse(pointer, "holds control characters");
        }
    }

    void refuse(std::string pointer, std::string detail) {
        found.push_back({Defect::bad_value, std::move(pointer), std::move(detail)});
    }

    std::vector<Violation> found;
};

}  // namespace

std::vector<Violation> Tariffs::check(const Tariff& tariff) const {
    Check check;
    check.name(tariff.name);
    check.currency(tariff.currency);
    const auto other = std::find_if(tariffs_.begin(), tariffs_.end(), [&](const auto& entry) {
        return entry.first != tariff.name && entry.second.currency != tariff.currency;
    });
    if (check.found.empty() && other != tariffs_.end()) {
        check.refuse("/currency", "must be " + other->second.currency +
                                      " like that of the other tariffs: a site has one currency");
    }
    if (tariff.validFrom && !parse_day(*tariff.validFrom)) {
        check.refuse("/validFrom", "must be a day such as 2027-01-01");
    }
    check.price("/pricePerKwh", tariff.pricePerKwh);
    if (tariff.periods) check.periods(*tariff.periods);
    if (tariff.taxPercent) check.tax(*tariff.taxPercent);
    if (tariff.appliesTo) check.scope(*tariff.appliesTo);
    return std::move(check.found);
}

db::StateSaved Tariffs::save(Tariff tariff) {
    const auto name = tariff.name;
    db::StateSaved row{std::string{kind}, name, {to_json(tariff)}};
    tariffs_.insert_or_assign(name, std::move(tariff));
    return row;
}

db::StateRemoved Tariffs::remove(std::string_view name) {
    const auto it = tariffs_.find(name);
    if (it != tariffs_.end()) tariffs_.erase(it);
    return {std::string{kind}, std::string{name}};
}

void Tariffs::restore(const std::vector<db::StateSaved>& rows) {
    for (const auto& row : rows) {
        if (row.kind != kind) continue;
        DecodeReport report;
        auto tariff =
            decode_text<Tariff>(row.body.text, {.lenient = true, .empty_arrays = true}, report);
        // One that is not right any more would bill something that nobody meant.
        if (tariff && check(*tariff).empty())
            tariffs_.insert_or_assign(row.key, std::move(*tariff));
    }
}

std::array<std::int64_t, 7 * 96> week_prices(const Tariff& tariff) {
    struct Band {
        OpeningHours hours;
        std::int64_t price = 0;
    };
    const auto price_of = [](const std::string& text) {
        return parse_decimal(text, Tariffs::price_decimals).value_or(0);
    };
    std::vector<Band> bands;
    for (const auto& period : tariff.periods.value_or(std::vector<TariffPeriod>{})) {
        const auto hours = parse_opening_hours(period.hours);
        const auto* parsed = std::get_if<OpeningHours>(&hours);
        if (parsed) bands.push_back({*parsed, price_of(period.pricePerKwh)});
    }
    // Any week whose clocks are not changed will do.
    constexpr Timestamp monday = std::chrono::sys_days{std::chrono::year{2024} / 1 / 1};
    constexpr std::chrono::minutes quarter{15};
    std::array<std::int64_t, 7 * 96> prices{};
    prices.fill(price_of(tariff.pricePerKwh));
    for (std::size_t q = 0; q < prices.size(); ++q) {
        const auto at = monday + static_cast<std::int64_t>(q) * quarter;
        const auto band = std::find_if(bands.begin(), bands.end(), [&](const Band& each) {
            return each.hours.is_open(at, TimeZone::utc());
        });
        if (band != bands.end()) prices[q] = band->price;
    }
    return prices;
}

Timestamp valid_from(const Tariff& tariff, const TimeZone& zone) {
    const auto day = tariff.validFrom ? parse_day(*tariff.validFrom) : std::nullopt;
    if (!day) return Timestamp::min();
    return zone.at(LocalTime{std::chrono::local_days{*day}});
}

}  // namespace busbar::site
