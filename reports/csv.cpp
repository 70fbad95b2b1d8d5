#include "reports/csv.hpp"

#include "base/csv.hpp"
#include "base/decimal.hpp"

namespace busbar::reports {

std::string csv_of(const EnergyReport& report, Language language) {
    const auto& words = words_of(language);
    const auto in_currency = [&](std::string_view heading) {
        const auto suffix = report.currency.empty() ? "" : " (" + report.currency + ")";
        return std::string{heading} + suffix;
    };
    const auto with_unit = [](std::string_view heading, std::string_view unit) {
        return std::string{heading}.append(" (").append(unit).append(")");
    };
    std::string out{csv_begin};
    append_csv_row(
        out, {std::string{words.key[static_cast<std::size_t>(report.by)]}, std::string{words.label},
              std::string{words.sessions}, with_unit(words.energy, "Wh"), in_currency(words.cost),
              in_currency(words.tax), with_unit(words.duration, "s"), std::string{words.estimated},
              std::string{words.corrected}, std::string{words.without_tariff}});
    for (const auto& row : report.rows) {
        const auto& sums = row.sums;
        const auto money = [&](std::int64_t cents) {
            return sums.has_cost() ? fixed_text(cents, 2) : std::string{};
        };
        append_csv_row(out, {guarded_cell(row.key.value_or("")), guarded_cell(row.label),
                             std::to_string(sums.sessions), std::to_string(sums.energy_wh),
                             money(sums.cost.cents), money(sums.cost.tax_cents),
                             std::to_string(sums.duration_seconds), std::to_string(sums.estimated),
                             std::to_string(sums.corrected), std::to_string(sums.without_tariff)});
    }
    return out;
}

}  // namespace busbar::reports
