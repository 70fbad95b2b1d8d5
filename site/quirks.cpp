// Rows of quirks: reading, matching, the ones that come with the program.
#include "site/quirks.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>

#include "site/site.hpp"

namespace busbar::site {

// Written by the build from site/quirks.json (cmake/embed.cmake).
std::span<const std::pair<std::string_view, std::string_view>> quirk_files();

namespace {

constexpr std::size_t pattern_size_max = 100;
constexpr std::size_t patterns_max = 50;
constexpr std::size_t note_size_max = 1000;
constexpr std::size_t name_size_max = 100;

// Settings of earlier releases that nothing could act on; rows may still have them.
constexpr std::array<std::string_view, 2> retired{"/settings/measurandProbing",
                                                  "/settings/trustCompositeSchedule"};

struct RowText {
    std::optional<QuirkMatch> match;
    RawJson settings;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(RowText, (), (match, settings, note))

struct SeededRow {
    std::string name;
    QuirkMatch match;
    RawJson settings;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(SeededRow, (), (name, match, settings, note))

struct SeededRows {
    std::vector<SeededRow> quirks;
};
BOOST_DESCRIBE_STRUCT(SeededRows, (), (quirks))

// `*` is any text, everything else itself. Linear in the text for each star.
bool glob(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;  // the last one met, and how far it reaches
    std::size_t reached = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            reached = t;
        } else if (p < pattern.size() && ascii_lower(pattern[p]) == ascii_lower(text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++reached;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

using Version = std::vector<std::uint64_t>;

// Numbers joined by single dots, from `text[at]` on; moves `at` behind them.
Version version_at(std::string_view text, std::size_t& at) {
    constexpr std::uint64_t part_max = std::numeric_limits<std::uint64_t>::max() / 100;
    Version parts;
    while (at < text.size() && is_digit(text[at])) {
        std::uint64_t part = 0;
        for (; at < text.size() && is_digit(text[at]); ++at) {
            part = std::min(part, part_max) * 10 + static_cast<std::uint64_t>(text[at] - '0');
        }
        parts.push_back(part);
        if (at + 1 >= text.size() || text[at] != '.' || !is_digit(text[at + 1])) break;
        ++at;
    }
    return parts;
}

// The version in a firmware's name: its first number with a dot in it, else its first number.
// Empty if there is no number.
Version version_in(std::string_view firmware) {
    Version first;
    for (std::size_t at = 0; at < firmware.size(); ++at) {
        if (!is_digit(firmware[at])) continue;
        auto found = version_at(firmware, at);
        if (found.size() > 1) return found;
        if (first.empty()) first = std::move(found);
    }
    return first;
}

std::strong_ordering compare(Version a, Version b) {
    const auto size = std::max(a.size(), b.size());
    a.resize(size);
    b.resize(size);
    return a <=> b;
}

// One condition of a range. `operation` is "<", "<=", ">", ">=" or "=".
struct Condition {
    std::string_view operation;
    Version bound;
};

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const auto begin = text.find_first_not_of(' ');
        if (begin == std::string_view::npos) return words;
        text.remove_prefix(begin);
        words.push_back(text.substr(0, text.find(' ')));
        text.remove_prefix(words.back().size());
    }
}

std::optional<Condition> parse_condition(std::string_view word) {
    const auto operation = word.substr(0, word.find_first_not_of("<>="));
    constexpr std::array<std::string_view, 5> known{"<", "<=", ">", ">=", "="};
    if (std::find(known.begin(), known.end(), operation) == known.end()) return std::nullopt;
    std::size_t at = operation.size();
    auto bound = version_at(word, at);
    if (bound.empty() || at != word.size()) return std::nullopt;
    return Condition{operation, std::move(bound)};
}

bool is_range(std::string_view pattern) {
    return pattern.find_first_of("<>=") != std::string_view::npos;
}

bool meets(const Version& version, const Condition& condition) {
    const auto order = compare(version, condition.bound);
    const bool equal = order == std::strong_ordering::equal;
    if (equal) return condition.operation.back() == '=';
    return order == std::strong_ordering::less ? condition.operation.front() == '<'
                                               : condition.operation.front() == '>';
}

bool firmware_fits(std::string_view pattern, std::string_view firmware) {
    if (!is_range(pattern)) return glob(pattern, firmware);
    const auto version = version_in(firmware);
    if (version.empty()) return false;
    for (const auto word : words_of(pattern)) {
        const auto condition = parse_condition(word);
        if (!condition || !meets(version, *condition)) return false;
    }
    return true;
}

bool any_fits(const std::optional<std::vector<std::string>>& patterns, std::string_view text,
              bool (*fits)(std::string_view, std::string_view)) {
    if (!patterns) return true;
    return std::any_of(patterns->begin(), patterns->end(),
                       [&](const std::string& pattern) { return fits(pattern, text); });
}

void check_patterns(const std::optional<std::vector<std::string>>& patterns,
                    const std::string& pointer, bool ranges, std::vector<Violation>& out) {
    if (!patterns) return;
    const auto refuse = [&](const std::string& at, std::string detail) {
        out.push_back({Defect::bad_value, at, std::move(detail)});
    };
    if (patterns->empty()) refuse(pointer, "needs at least one pattern: leave it out for any");
    if (patterns->size() > patterns_max) refuse(pointer, "has more than 50 patterns");
    for (std::size_t i = 0; i < patterns->size(); ++i) {
        const auto& pattern = (*patterns)[i];
        const auto at = pointer + "/" + std::to_string(i);
        if (pattern.size() > pattern_size_max) refuse(at, "longer than 100 characters");
        if (!is_printable(pattern)) refuse(at, "holds control characters");
        if (!ranges || !is_range(pattern)) continue;
        for (const auto word : words_of(pattern)) {
            if (parse_condition(word)) continue;
            refuse(at, "'" + std::string{word} +
                           "' is no condition such as <=1.8.21 (after <, <=, >, >= or = comes a "
                           "version without a space)");
        }
    }
}

void check_row(const QuirkRow& row, std::vector<Violation>& out) {
    // Names of learned rows have a '/' in them.
    if (row.name.empty() || row.name.size() > name_size_max || !is_printable(row.name) ||
        row.name.find('/') != std::string::npos) {
        out.push_back(
            {Defect::bad_value, "/name", "must be 1 to 100 printable characters without '/'"});
    }
    check_patterns(row.match.vendor, "/match/vendor", false, out);
    check_patterns(row.match.model, "/match/model", false, out);
    check_patterns(row.match.firmware, "/match/firmware", true, out);
    if (row.note && row.note->size() > note_size_max) {
        out.push_back({Defect::bad_value, "/note", "longer than 1000 bytes"});
    }
    if (row.note && !is_printable(*row.note)) {
        out.push_back({Defect::bad_value, "/note", "holds control characters"});
    }
}

// What can be read of a row that is wrong is checked as well, so that all is said at once.
QuirkRow read_row(std::string_view name, std::string_view json,
                  std::vector<Violation>& violations) {
    DecodeReport report;
    RowText text;
    codec::decode_text(json, codec::type_info<RowText>, &text, {}, report);
    violations.insert(violations.end(), report.errors.begin(), report.errors.end());
    QuirkRow row{std::string{name}, text.match.value_or(QuirkMatch{}), {}, text.note};
    if (text.settings.text != "null") {
        row.settings = parse_quirk_values(text.settings.text, "/settings", violations);
    }
    check_row(row, violations);
    return row;
}

std::vector<QuirkRow> read_seeded() {
    std::vector<QuirkRow> rows;
    for (const auto& [file, text] : quirk_files()) {
        std::vector<Violation> violations;
        DecodeReport report;
        const auto parsed = decode_text<SeededRows>(text, {}, report);
        violations = std::move(report.errors);
        for (const auto& seeded : parsed ? parsed->quirks : std::vector<SeededRow>{}) {
            QuirkRow row{seeded.name, seeded.match, {}, seeded.note};
            row.settings = parse_quirk_values(seeded.settings.text, "/settings", violations);
            check_row(row, violations);
            rows.push_back(std::move(row));
        }
        // Ours to keep right: the tests read the embedded rows.
        if (!violations.empty()) {
            const auto& first = violations.front();
            throw std::logic_error(std::string{file} + ": " +
                                   (rows.empty() ? "" : rows.back().name) + first.pointer + ": " +
                                   first.detail);
        }
    }
    return rows;
}

}  // namespace

std::optional<ChargerModel> ChargerModel::of(const ChargePoint& charger) {
    if (!charger.boot) return std::nullopt;
    return ChargerModel{charger.boot->vendor, charger.boot->model,
                        charger.boot->firmware_version.value_or("")};
}

bool matches(const QuirkMatch& match, const ChargerModel& charger) {
    return any_fits(match.vendor, charger.vendor, &glob) &&
           any_fits(match.model, charger.model, &glob) &&
           any_fits(match.firmware, charger.firmware, &firmware_fits);
}

std::string quirk_row_json(const QuirkRow& row) {
    RowText text{row.match, {quirk_values_json(row.settings)}, row.note};
    return busbar::to_json(text);
}

std::optional<QuirkRow> parse_quirk_row(std::string_view name, std::string_view json,
                                        std::vector<Violation>& violations) {
    if (json.size() > QuirkTable::row_bytes_max) {
        violations.push_back({Defect::wrong_shape, "", "longer than 16384 bytes"});
        return std::nullopt;
    }
    std::vector<Violation> found;
    auto row = read_row(name, json, found);
    const bool is_right = found.empty();
    std::move(found.begin(), found.end(), std::back_inserter(violations));
    return is_right ? std::optional{std::move(row)} : std::nullopt;
}

std::optional<QuirkRow> parse_stored_quirk_row(std::string_view name, std::string_view json,
                                               std::vector<Violation>& violations) {
    std::vector<Violation> found;
    auto row = read_row(name, json, found);
    std::erase_if(found, [](const Violation& violation) {
        return std::find(retired.begin(), retired.end(), violation.pointer) != retired.end();
    });
    const bool is_right = found.empty();
    std::move(found.begin(), found.end(), std::back_inserter(violations));
    return is_right ? std::optional{std::move(row)} : std::nullopt;
}

const std::vector<QuirkRow>& seeded_quirks() {
    static const std::vector<QuirkRow> rows = read_seeded();
    return rows;
}

std::vector<Violation> check_quirk_settings(std::string_view json) {
    std::vector<Violation> violations;
    if (json.size() > QuirkTable::row_bytes_max) {
        return {{Defect::wrong_shape, "", "longer than 16384 bytes"}};
    }
    parse_quirk_values(json, "", violations);
    return violations;
}

}  // namespace busbar::site
