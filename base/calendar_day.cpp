#include "base/calendar_day.hpp"

#include <charconv>

namespace busbar {
namespace {

using std::chrono::year_month_day;

// Two digits at least, four for a year.
void append_number(std::string& out, int value, std::size_t width) {
    const auto digits = std::to_string(value);
    if (digits.size() < width) out.append(width - digits.size(), '0');
    out += digits;
}

}  // namespace

std::optional<year_month_day> parse_day(std::string_view text) {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    const auto read = [&](std::size_t begin, std::size_t size, auto& value) {
        const char* first = text.data() + begin;
        const auto result = std::from_chars(first, first + size, value);
        return result.ec == std::errc{} && result.ptr == first + size;
    };
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || text[0] == '-')
        return std::nullopt;
    if (!read(0, 4, year) || !read(5, 2, month) || !read(8, 2, day)) return std::nullopt;
    const year_month_day out{std::chrono::year{year}, std::chrono::month{month},
                             std::chrono::day{day}};
    if (!out.ok()) return std::nullopt;
    return out;
}

std::string day_text(year_month_day day) {
    std::string out;
    append_number(out, static_cast<int>(day.year()), 4);
    out += '-';
    append_number(out, static_cast<int>(static_cast<unsigned>(day.month())), 2);
    out += '-';
    append_number(out, static_cast<int>(static_cast<unsigned>(day.day())), 2);
    return out;
}

}  // namespace busbar
