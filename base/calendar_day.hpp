// Days of the calendar as text: "2027-03-28". Whose day it is, is up to a TimeZone. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace busbar {

// "2027-03-28", and back; nothing for what is no day.
std::optional<std::chrono::year_month_day> parse_day(std::string_view text);
std::string day_text(std::chrono::year_month_day day);

}  // namespace busbar
