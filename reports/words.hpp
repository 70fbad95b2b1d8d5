// The words, numbers and dates of reports in the languages they come in. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reports/energy.hpp"

namespace busbar::reports {

enum class Language { english, french, dutch, german };

// "en", "fr", "nl" or "de"; nothing for others.
std::optional<Language> language_from_name(std::string_view name);

struct Words {
    std::string_view title;
    std::string_view per[6];  // "by badge" ...: in the order of By
    std::string_view key[6];  // the heading of the first column: in the order of By
    std::string_view label;   // heading
    std::string_view sessions;
    std::string_view energy;
    std::string_view cost;
    std::string_view tax;
    std::string_view duration;
    std::string_view estimated;
    std::string_view corrected;
    std::string_view without_tariff;
    std::string_view total;
    std::string_view none;  // stands for a key that is not there
    std::string_view created;
    std::string_view page;  // "page {} of {}"
    std::string_view time_zone;
    // Sentences below the table; {} is a number.
    std::string_view tax_included;
    std::string_view note_estimated;
    std::string_view note_corrected;
    std::string_view note_without_tariff;
    std::string_view note_orphans;
    std::string_view note_day;
    char decimal_point;
    std::string_view thousands;
};

const Words& words_of(Language language);

// "1,234.50", "1 234,50", "1.234,50": a whole number of the last decimal, not negative.
std::string number_text(const Words& words, std::int64_t value, int decimals);

// "26:05" hours and minutes, rounded down to the minute.
std::string hours_text(std::int64_t seconds);

// "28 March 2027" as the language writes it in figures: 28/03/2027, 28.03.2027 ...
std::string date_text(Language language, std::chrono::year_month_day day);

// The text with the first {} replaced, and so on.
std::string filled(std::string_view pattern, std::string_view first, std::string_view second = "");

// What stands in the first column.
std::string shown_key(const Row& row, const Words& words);

}  // namespace busbar::reports
