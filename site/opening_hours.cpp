#include "site/opening_hours.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;

constexpr int days_of_week = 7;
constexpr std::array<std::string_view, days_of_week> day_names{"Mo", "Tu", "We", "Th",
                                                               "Fr", "Sa", "Su"};
constexpr std::string_view form = "such as Mo-Fr 07:00-19:00; Sa 08:00-12:00";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
    const char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'z';
}

int minute_of_week(LocalTime local) {
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const auto weekday = std::chrono::weekday{day}.iso_encoding() - 1;
    return static_cast<int>(weekday) * 24 * 60 +
           static_cast<int>(std::chrono::floor<std::chrono::minutes>(local - day).count());
}

void append_two(std::string& out, int number) {
    out += static_cast<char>('0' + number / 10 % 10);
    out += static_cast<char>('0' + number % 10);
}

void append_clock(std::string& out, int minute) {
    append_two(out, minute / 60);
    out += ':';
    append_two(out, minute % 60);
}

}  // namespace

// Reads from left to right; the first thing that is wrong ends it.
class OpeningHoursParser {
public:
    explicit OpeningHoursParser(std::string_view text) : text_(text) {}

    std::variant<OpeningHours, OpeningHoursError> parse() {
        if (text_.size() > opening_hours_size_max) {
            fail(opening_hours_size_max, "longer than 500 characters");
        }
        hours_.windows_.reserve(16);
        while (!error_ && rule() && accept(';')) {
        }
        skip_blanks();
        if (!error_ && at_ != text_.size()) {
            fail(at_, "expected ; and another rule, or the end, " + found());
        }
        if (error_) return std::move(*error_);
        return std::move(hours_);
    }

private:
    using Days = std::array<bool, days_of_week>;
    using Window = OpeningHours::Window;
    static constexpr int day_minutes = OpeningHours::day_minutes;

    bool rule() {
        skip_blanks();
        if (text_.substr(at_).starts_with("24/7")) {
            at_ += 4;
            return set_days(every_day(), {{0, day_minutes}});
        }
        Days days{};
        const bool has_days = at_ < text_.size() && is_letter(text_[at_]) && !is_off();
        if (!has_days)
            days = every_day();
        else if (!read_days(days))
            return false;
        skip_blanks();
        if (is_off()) {
            at_ += 3;
            return set_days(days, {});
        }
        if (at_ < text_.size() && is_digit(text_[at_])) return read_windows(days);
        if (has_days && (at_ == text_.size() || text_[at_] == ';')) {
            return set_days(days, {{0, day_minutes}});
        }
        return fail(at_, has_days
                             ? "expected hours such as 07:00-19:00, or off, " + found()
                             : "expected days and hours, " + std::string{form} + ", " + found());
    }

    bool read_days(Days& days) {
        do {
            skip_blanks();
            const auto from = day();
            if (!from) return false;
            auto to = from;
            if (accept('-')) {
                skip_blanks();
                if (!(to = day())) return false;
            }
            for (int d = *from;; d = (d + 1) % days_of_week) {
                days[static_cast<std::size_t>(d)] = true;
                if (d == *to) break;
            }
        } while (accept(','));
        return true;
    }

    std::optional<int> day() {
        auto end = at_;
        while (end < text_.size() && is_letter(text_[end])) ++end;
        const auto word = text_.substr(at_, end - at_);
        for (int d = 0; d < days_of_week; ++d) {
            if (!equal_ignoring_case(word, day_names[static_cast<std::size_t>(d)])) continue;
            at_ = end;
            return d;
        }
        const bool is_holiday = equal_ignoring_case(word, "PH") || equal_ignoring_case(word, "SH");
        fail(at_, is_holiday ? "holidays are not known here; days are Mo, Tu, We, Th, Fr, Sa, Su"
                             : "expected a day (Mo, Tu, We, Th, Fr, Sa, Su), " + found());
        return std::nullopt;
    }

    bool read_windows(const Days& days) {
        std::vector<Window> windows;
        const auto first_at = at_;
        do {
            skip_blanks();
            const auto begin_at = at_;
            const auto begin = clock();
            if (!begin) return false;
            if (*begin == day_minutes) return fail(begin_at, "a day begins at 00:00");
            skip_blanks();
            if (!accept('-')) return fail(at_, "expected - and the end of the hours, " + found());
            skip_blanks();
            auto end = clock();
            if (!end) return false;
            if (*end == *begin) {
                return fail(begin_at, "begins when it ends: write 00:00-24:00 for a whole day");
            }
            windows.push_back({*begin, *end < *begin ? *end + day_minutes : *end});
        } while (accept(','));
        windows = joined(std::move(windows));
        const bool is_too_long = std::any_of(windows.begin(), windows.end(), [](const auto& w) {
            return w.end - w.begin >= day_minutes && w != Window{0, day_minutes};
        });
        if (is_too_long) {
            return fail(first_at,
                        "a day or more without a break: write 00:00-24:00, for each such day");
        }
        return set_days(days, windows);
    }

    // Minutes since midnight, at most a day.
    std::optional<int> clock() {
        const auto begin = at_;
        const auto hour = number();
        if (hour && at_ < text_.size() && text_[at_] == ':') {
            const auto minute_at = ++at_;
            const auto minute = number();
            const bool is_exact = minute && at_ == minute_at + 2;
            if (is_exact && *minute < 60 && *hour * 60 + *minute <= day_minutes) {
                return *hour * 60 + *minute;
            }
            const bool is_late = is_exact && *minute < 60 && *hour >= 24;
            fail(begin, is_late ? "later than 24:00: hours past midnight are written 22:00-06:00"
                                : "expected a time of day from 00:00 to 24:00");
            return std::nullopt;
        }
        at_ = begin;
        fail(begin, "expected a time of day from 00:00 to 24:00, " + found());
        return std::nullopt;
    }

    // One or two digits.
    std::optional<int> number() {
        const auto begin = at_;
        int value = 0;
        while (at_ < text_.size() && at_ < begin + 3 && is_digit(text_[at_])) {
            value = value * 10 + (text_[at_++] - '0');
        }
        if (at_ == begin || at_ == begin + 3) return std::nullopt;
        return value;
    }

    // In order, with what overlaps or touches made one.
    static std::vector<Window> joined(std::vector<Window> windows) {
        std::sort(windows.begin(), windows.end(),
                  [](const auto& a, const auto& b) { return a.begin < b.begin; });
        std::vector<Window> out;
        for (const auto& window : windows) {
            if (!out.empty() && window.begin <= out.back().end) {
                out.back().end = std::max(out.back().end, window.end);
            } else {
                out.push_back(window);
            }
        }
        return out;
    }

    bool set_days(const Days& days, const std::vector<Window>& windows) {
        auto& all = hours_.windows_;
        std::erase_if(all, [&](const Window& window) {
            return days[static_cast<std::size_t>(window.begin / day_minutes)];
        });
        for (int d = 0; d < days_of_week; ++d) {
            if (!days[static_cast<std::size_t>(d)]) continue;
            for (const auto& window : windows) {
                all.push_back({window.begin + d * day_minutes, window.end + d * day_minutes});
            }
        }
        std::sort(all.begin(), all.end(),
                  [](const auto& a, const auto& b) { return a.begin < b.begin; });
        return true;
    }

    static Days every_day() {
        Days days;
        days.fill(true);
        return days;
    }

    bool is_off() const {
        const auto rest = text_.substr(at_);
        return equal_ignoring_case(rest.substr(0, 3), "off") &&
               (rest.size() == 3 || !is_letter(rest[3]));
    }

    void skip_blanks() {
        while (at_ < text_.size() && text_[at_] == ' ') ++at_;
    }

    bool accept(char c) {
        const auto before = at_;
        skip_blanks();
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        at_ = before;
        return false;
    }

    std::string found() const {
        if (at_ >= text_.size()) return "found the end";
        if (!is_printable(text_.substr(at_, 1))) return "found a control character";
        auto end = at_ + 1;
        // Whole words, and whole characters of more than one byte.
        const bool is_word = is_letter(text_[at_]);
        while (end < text_.size() && end < at_ + 12 &&
               ((is_word && is_letter(text_[end])) || (text_[end] & 0xC0) == 0x80)) {
            ++end;
        }
        return "found " + std::string{text_.substr(at_, end - at_)};
    }

    bool fail(std::size_t position, std::string detail) {
        if (!error_) {
            error_ = {position,
                      "at character " + std::to_string(position + 1) + ": " + std::move(detail)};
        }
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    OpeningHours hours_;
    std::optional<OpeningHoursError> error_;
};

std::variant<OpeningHours, OpeningHoursError> parse_opening_hours(std::string_view text) {
    return OpeningHoursParser{text}.parse();
}

bool OpeningHours::is_open_in_minute(int minute) const {
    return std::any_of(windows_.begin(), windows_.end(), [&](const Window& window) {
        const bool is_in = window.begin <= minute && minute < window.end;
        // Sunday's night goes on in Monday.
        return is_in || minute + week_minutes < window.end;
    });
}

// Nothing if all minutes of the week are alike.
std::optional<int> OpeningHours::minutes_until_change(int minute) const {
    const bool is_open = is_open_in_minute(minute);
    std::optional<int> soonest;
    const auto consider = [&](int boundary) {
        const int ahead = (boundary - minute + 2 * week_minutes - 1) % week_minutes + 1;
        if (soonest && *soonest <= ahead) return;
        if (is_open_in_minute(boundary % week_minutes) != is_open) soonest = ahead;
    };
    for (const auto& window : windows_) {
        consider(window.begin);
        consider(window.end);
    }
    return soonest;
}

bool OpeningHours::is_open(Timestamp at, const TimeZone& zone) const {
    return is_open_in_minute(minute_of_week(zone.local(at)));
}

std::optional<Timestamp> OpeningHours::until(Timestamp at, const TimeZone& zone) const {
    return state(at, zone).until;
}

HoursState OpeningHours::state(Timestamp at, const TimeZone& zone) const {
    auto local = zone.local(at);
    HoursState out{is_open_in_minute(minute_of_week(local)), std::nullopt};
    // Between two shifts of the clocks the minutes of the week follow each other. A change is found
    // in the first week that has none; no zone shifts its clocks more often than that for long.
    constexpr int shifts_max = 8;
    for (int shifts = 0; shifts < shifts_max; ++shifts) {
        const auto ahead = minutes_until_change(minute_of_week(local));
        if (!ahead) return out;
        const auto part = local - std::chrono::floor<std::chrono::minutes>(local);
        const auto change = at - part + std::chrono::minutes{*ahead};
        const auto shift = zone.next_shift(at);
        if (!shift || change < *shift) {
            out.until = change;
            return out;
        }
        at = *shift;
        local = zone.local(at);
        if (is_open_in_minute(minute_of_week(local)) != out.is_open) {
            out.until = at;
            return out;
        }
    }
    return out;
}

std::string OpeningHours::format() const {
    std::array<std::string, days_of_week> hours;
    for (const auto& window : windows_) {
        const int day = window.begin / day_minutes;
        auto& text = hours[static_cast<std::size_t>(day)];
        if (!text.empty()) text += ',';
        append_clock(text, window.begin % day_minutes);
        text += '-';
        const int end = window.end - day * day_minutes;
        append_clock(text, end > day_minutes ? end - day_minutes : end);
    }
    const bool is_uniform = std::equal(hours.begin() + 1, hours.end(), hours.begin());
    if (is_uniform && hours[0] == "00:00-24:00") return "24/7";
    if (is_uniform) return hours[0].empty() ? "off" : hours[0];
    std::string out;
    for (std::size_t day = 0; day < hours.size();) {
        auto last = day;
        while (last + 1 < hours.size() && hours[last + 1] == hours[day]) ++last;
        if (!hours[day].empty()) {
            if (!out.empty()) out += "; ";
            out += day_names[day];
            if (last > day) out.append(last == day + 1 ? "," : "-").append(day_names[last]);
            out.append(" ").append(hours[day]);
        }
        day = last + 1;
    }
    return out;
}

HoursState hours_at(std::string_view text, Timestamp at, const TimeZone& zone) {
    const auto parsed = parse_opening_hours(text);
    const auto* hours = std::get_if<OpeningHours>(&parsed);
    if (!hours) return {};
    return hours->state(at, zone);
}

HoursState HoursBook::at(std::string_view text, Timestamp at, const TimeZone& zone) const {
    // Longer ones cannot be read, and need not be kept.
    if (text.size() > opening_hours_size_max) return {};
    auto known = known_.find(text);
    if (known == known_.end()) {
        ++readings_;
        auto parsed = parse_opening_hours(text);
        auto* hours = std::get_if<OpeningHours>(&parsed);
        // All at once: those that are still in use come back by themselves.
        if (known_.size() >= texts_max) known_.clear();
        known = known_.emplace(text, hours ? std::move(*hours) : OpeningHours{}).first;
    }
    return known->second.state(at, zone);
}

}  // namespace busbar::site
