#include "base/time.hpp"

#include <charconv>

namespace busbar {
namespace {

bool digits(std::string_view& text, std::size_t count, int& out) {
    if (text.size() < count) return false;
    for (const char c : text.substr(0, count)) {
        if (c < '0' || c > '9') return false;
    }
    std::from_chars(text.data(), text.data() + count, out);
    text.remove_prefix(count);
    return true;
}

bool literal(std::string_view& text, char upper, char other) {
    if (text.empty() || (text.front() != upper && text.front() != other)) return false;
    text.remove_prefix(1);
    return true;
}
bool literal(std::string_view& text, char c) { return literal(text, c, c); }

// ".123456" as milliseconds; false if a point is not followed by a digit.
bool fraction(std::string_view& text, std::chrono::milliseconds& out) {
    if (!literal(text, '.', ',')) return true;
    if (text.empty() || text.front() < '0' || text.front() > '9') return false;
    int scale = 100;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        out += std::chrono::milliseconds{(text.front() - '0') * scale};
        scale /= 10;
        text.remove_prefix(1);
    }
    return true;
}

// "Z", "+02:00", "-0530", "+02" as what to subtract from local time.
std::optional<std::chrono::minutes> offset(std::string_view text) {
    if (text == "Z" || text == "z") return std::chrono::minutes{0};
    const bool east = !text.empty() && text.front() == '+';
    if (!east && (text.empty() || text.front() != '-')) return std::nullopt;
    text.remove_prefix(1);
    int hours = 0;
    int minutes = 0;
    if (!digits(text, 2, hours)) return std::nullopt;
    literal(text, ':');
    if (!text.empty() && (!digits(text, 2, minutes) || !text.empty())) return std::nullopt;
    if (hours > 15 || minutes > 59) return std::nullopt;
    const auto size = std::chrono::minutes{hours * 60 + minutes};
    return east ? size : -size;
}

void two_digits(std::string& out, unsigned value) {
    out += static_cast<char>('0' + value / 10);
    out += static_cast<char>('0' + value % 10);
}

void append(std::string& out, Timestamp time, bool always_milliseconds) {
    using namespace std::chrono;
    const auto midnight = floor<days>(time);
    const year_month_day date{midnight};
    const hh_mm_ss clock{time - midnight};
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    two_digits(out, year / 100);
    two_digits(out, year % 100);
    out += '-';
    two_digits(out, static_cast<unsigned>(date.month()));
    out += '-';
    two_digits(out, static_cast<unsigned>(date.day()));
    out += 'T';
    two_digits(out, static_cast<unsigned>(clock.hours().count()));
    out += ':';
    two_digits(out, static_cast<unsigned>(clock.minutes().count()));
    out += ':';
    two_digits(out, static_cast<unsigned>(clock.seconds().count()));
    const auto ms = static_cast<unsigned>(clock.subseconds().count());
    if (ms != 0 || always_milliseconds) {
        out += '.';
        out += static_cast<char>('0' + ms / 100);
        two_digits(out, ms % 100);
    }
    out += 'Z';
}

}  // namespace

std::optional<ParsedTimestamp> parse_timestamp(std::string_view text) {
    using namespace std::chrono;
    int y = 0, mo = 0, d = 0, h = 0, mi = 0, s = 0;
    if (!digits(text, 4, y) || !literal(text, '-') || !digits(text, 2, mo) || !literal(text, '-') ||
        !digits(text, 2, d) || !(literal(text, 'T', 't') || literal(text, ' ')) ||
        !digits(text, 2, h) || !literal(text, ':') || !digits(text, 2, mi) || !literal(text, ':') ||
        !digits(text, 2, s)) {
        return std::nullopt;
    }
    const year_month_day date{year{y}, month(static_cast<unsigned>(mo)),
                              day(static_cast<unsigned>(d))};
    if (!date.ok() || h > 23 || mi > 59 || s > 60) return std::nullopt;
    milliseconds part{0};
    if (!fraction(text, part)) return std::nullopt;
    const Timestamp local = sys_days{date} + hours{h} + minutes{mi} + seconds{s} + part;
    const bool has_offset = !text.empty();
    const auto east = has_offset ? offset(text) : minutes{0};
    if (!east) return std::nullopt;
    // What an offset pushes out of the years 1 to 9999 has no RFC 3339 form.
    const Timestamp time = local - *east;
    if (time < sys_days{year{1} / 1 / 1} || time >= sys_days{year{10000} / 1 / 1}) {
        return std::nullopt;
    }
    return ParsedTimestamp{time, has_offset};
}

void append_timestamp(std::string& out, Timestamp time) { append(out, time, false); }

std::string to_string(Timestamp time) {
    std::string out;
    append(out, time, false);
    return out;
}

std::string to_string_milliseconds(Timestamp time) {
    std::string out;
    append(out, time, true);
    return out;
}

}  // namespace busbar
