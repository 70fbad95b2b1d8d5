#include "site/badge_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/time.hpp"
#include "site/badges.hpp"

namespace busbar::site {
namespace {

using Refusal = std::optional<std::string>;  // what would be accepted, where a cell is not

// How a field stands in its cell. An empty cell is an absent field, or the value of one that cannot
// be absent as it is where nothing is said.
struct Column {
    std::string_view name;
    std::string (*text)(const Badge& badge);
    Refusal (*assign)(Badge& badge, const std::string& text);
};

constexpr char list_separator = '|';
constexpr std::string_view empty_list = "|";

// Items that hold the separator have a backslash before it.
std::string list_text(const std::optional<std::vector<std::string>>& list) {
    if (!list) return "";
    if (list->empty()) return std::string{empty_list};
    std::string text;
    for (const auto& item : *list) {
        if (&item != &list->front()) text += list_separator;
        for (const char c : item) {
            if (c == list_separator || c == '\\') text += '\\';
            text += c;
        }
    }
    return text;
}

std::optional<std::vector<std::string>> parse_list(std::string_view text) {
    if (text.empty()) return std::nullopt;
    std::vector<std::string> list;
    if (text == empty_list) return list;
    list.emplace_back();
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == list_separator) {
            list.emplace_back();
            continue;
        }
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        list.back() += text[i];
    }
    return list;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return number;
}

template <auto member>
constexpr Column text_column(std::string_view name) {
    return {name, [](const Badge& badge) { return (badge.*member).value_or(""); },
            [](Badge& badge, const std::string& text) {
                (badge.*member).reset();
                if (!text.empty()) badge.*member = text;
                return Refusal{};
            }};
}

template <auto member>
constexpr Column list_column(std::string_view name) {
    return {name, [](const Badge& badge) { return list_text(badge.*member); },
            [](Badge& badge, const std::string& text) {
                badge.*member = parse_list(text);
                return Refusal{};
            }};
}

template <auto member>
constexpr Column time_column(std::string_view name) {
    return {name,
            [](const Badge& badge) {
                return badge.*member ? to_string(*(badge.*member)) : std::string{};
            },
            [](Badge& badge, const std::string& text) -> Refusal {
                const auto parsed = parse_timestamp(text);
                (badge.*member).reset();
                if (parsed && parsed->has_offset) badge.*member = parsed->time;
                if (text.empty() || (badge.*member)) return std::nullopt;
                return "must be a date-time with its zone, such as 2027-12-31T23:59:59Z";
            }};
}

template <auto member>
constexpr Column number_column(std::string_view name) {
    return {name,
            [](const Badge& badge) {
                return badge.*member ? std::to_string(*(badge.*member)) : std::string{};
            },
            [](Badge& badge, const std::string& text) -> Refusal {
                using Number = typename std::remove_cvref_t<decltype(badge.*member)>::value_type;
                badge.*member = parse_number<Number>(text);
                if (text.empty() || (badge.*member)) return std::nullopt;
                return "must be a whole number, such as 250000";
            }};
}

// A badge as it is where nothing is said of it.
Badge plain_badge() {
    Badge badge;
    badge.status = "active";
    return badge;
}

Refusal assign_status(Badge& badge, const std::string& text) {
    badge.status = text.empty() ? plain_badge().status : text;
    return std::nullopt;
}

Refusal assign_limit(Badge& badge, const std::string& text) {
    if (text.empty()) {
        badge.max_active_transactions = plain_badge().max_active_transactions;
        return std::nullopt;
    }
    const auto number = parse_number<std::int32_t>(text);
    if (!number) return "must be a whole number from 0 to 1000";
    badge.max_active_transactions = *number;
    return std::nullopt;
}

constexpr std::string_view key_column = "idTag";

constexpr std::array columns{
    text_column<&Badge::printed_number>("printedNumber"),
    text_column<&Badge::label>("label"),
    text_column<&Badge::holder>("holder"),
    text_column<&Badge::email>("email"),
    text_column<&Badge::group>("group"),
    text_column<&Badge::cost_centre>("costCentre"),
    Column{"status", [](const Badge& badge) { return badge.status; }, &assign_status},
    time_column<&Badge::valid_from>("validFrom"),
    time_column<&Badge::valid_until>("validUntil"),
    list_column<&Badge::charge_points>("chargePoints"),
    list_column<&Badge::charge_point_groups>("chargePointGroups"),
    text_column<&Badge::schedule>("schedule"),
    Column{"maxActiveTransactions",
           [](const Badge& badge) { return std::to_string(badge.max_active_transactions); },
           &assign_limit},
    number_column<&Badge::monthly_energy_quota_wh>("monthlyEnergyQuotaWh"),
    text_column<&Badge::charge_mode>("chargeMode"),
    number_column<&Badge::priority_class>("priorityClass"),
    text_column<&Badge::note>("note"),
};

std::string known_columns() {
    std::string text{key_column};
    for (const auto& column : columns) text.append(", ").append(column.name);
    return text;
}

// A header cell, and what it stands for; null: the idTag.
struct HeaderColumn {
    std::size_t cell;
    const Column* column;
};

std::string_view trimmed(std::string_view text) {
    const auto begin = std::min(text.find_first_not_of(' '), text.size());
    return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

std::variant<std::vector<HeaderColumn>, CsvError> read_header(const CsvRow& header) {
    std::vector<HeaderColumn> found;
    bool has_key = false;
    for (std::size_t i = 0; i < header.cells.size(); ++i) {
        const auto name = trimmed(header.cells[i]);
        const auto* column =
            std::find_if(columns.begin(), columns.end(),
                         [&](const Column& candidate) { return candidate.name == name; });
        const bool is_key = name == key_column;
        if (!is_key && column == columns.end()) {
            return CsvError{header.line, "there is no column \"" + std::string{name.substr(0, 50)} +
                                             "\": the columns are " + known_columns()};
        }
        const auto* meant = is_key ? nullptr : column;
        const bool is_repeated =
            is_key ? has_key : std::any_of(found.begin(), found.end(), [&](const auto& other) {
                return other.column == meant;
            });
        if (is_repeated) {
            return CsvError{header.line, "the column " + std::string{name} + " is there twice"};
        }
        has_key |= is_key;
        found.push_back({i, meant});
    }
    if (!has_key) return CsvError{header.line, "the column idTag is missing"};
    return found;
}

// "4.01E+12": what a spreadsheet makes of an idTag that looks like a number.
bool is_mangled_number(std::string_view text) {
    const auto exponent = text.find("E+");
    if (exponent == 0 || exponent == std::string_view::npos) return false;
    const auto is_number = [](std::string_view part) {
        return !part.empty() && part.find_first_not_of("0123456789.,") == std::string_view::npos;
    };
    return is_number(text.substr(0, exponent)) && is_number(text.substr(exponent + 2));
}

// Reads the lines of one table.
class Import {
public:
    Import(const BadgesByIdTag& present, std::vector<HeaderColumn> header)
        : present_{present}, header_{std::move(header)} {}

    void read(const CsvRow& row) {
        // Spreadsheets write such lines behind the last one.
        if (std::all_of(row.cells.begin(), row.cells.end(),
                        [](const auto& cell) { return cell.empty(); })) {
            return;
        }
        auto& line = result_.lines.emplace_back();
        line.line = row.line;
        line.id_tag = unguarded_cell(row.cells[key_cell()]);
        check_id_tag(line);
        const auto known = present_.find(line.id_tag);
        const bool is_new = known == present_.end();
        auto before = plain_badge();
        before.id_tag = line.id_tag;
        if (!is_new) before = known->second;
        auto after = before;
        for (const auto& [cell, column] : header_) {
            if (column) assign(line, after, *column, unguarded_cell(row.cells[cell]));
        }
        for (auto& violation : check(after)) note(line, std::move(violation));
        if (!line.violations.empty()) {
            line.result = LineResult::refused;
            ++result_.refused;
            return;
        }
        compare(line, is_new ? std::nullopt : std::optional{before}, after);
        if (line.result != LineResult::unchanged) result_.badges.push_back(std::move(after));
    }

    BadgeImport take() && { return std::move(result_); }

private:
    std::size_t key_cell() const {
        const auto key = std::find_if(header_.begin(), header_.end(),
                                      [](const auto& each) { return !each.column; });
        return key->cell;
    }

    // The first thing that is wrong with a field is enough.
    static void note(TableLine& line, Violation violation) {
        const auto same = [&](const Violation& other) {
            return violation.pointer == other.pointer;
        };
        if (std::none_of(line.violations.begin(), line.violations.end(), same)) {
            line.violations.push_back(std::move(violation));
        }
    }

    void check_id_tag(TableLine& line) {
        const auto refuse = [&](std::string detail) {
            note(line, {Defect::bad_value, "/idTag", std::move(detail)});
        };
        const auto [first, is_first] = lines_.emplace(line.id_tag, line.line);
        if (!line.id_tag.empty() && !is_first) {
            refuse("is in line " + std::to_string(first->second) + " already");
        }
        if (present_.contains(line.id_tag)) return;
        if (is_mangled_number(line.id_tag)) {
            refuse("a spreadsheet took it for a number: make the column one of text there");
        } else if (trimmed(line.id_tag) != line.id_tag) {
            refuse("must have no blanks around it");
        }
    }

    static void assign(TableLine& line, Badge& badge, const Column& column,
                       const std::string& text) {
        auto refusal = column.assign(badge, text);
        if (!refusal) return;
        note(line, {Defect::bad_value, "/" + std::string{column.name}, std::move(*refusal)});
    }

    void compare(TableLine& line, const std::optional<Badge>& before, const Badge& after) {
        const auto filled = [](std::string text) {
            return text.empty() ? std::nullopt : std::optional{std::move(text)};
        };
        for (const auto& column : columns) {
            auto from = before ? filled(column.text(*before)) : std::nullopt;
            auto to = filled(column.text(after));
            if (from == to) continue;
            line.changes.push_back({std::string{column.name}, std::move(from), std::move(to)});
        }
        line.result = !before                ? LineResult::created
                      : line.changes.empty() ? LineResult::unchanged
                                             : LineResult::changed;
        ++(!before ? result_.created : line.changes.empty() ? result_.unchanged : result_.changed);
    }

    const BadgesByIdTag& present_;
    const std::vector<HeaderColumn> header_;
    std::map<std::string, int, LessIgnoringCase> lines_;  // by idTag
    BadgeImport result_;
};

}  // namespace

std::variant<BadgeImport, CsvError> plan_import(std::string_view text,
                                                const BadgesByIdTag& present) {
    auto read = read_csv(text);
    if (auto* error = std::get_if<CsvError>(&read)) return std::move(*error);
    const auto& table = std::get<CsvTable>(read);
    auto header = read_header(table.header);
    if (auto* error = std::get_if<CsvError>(&header)) return std::move(*error);
    Import import{present, std::get<std::vector<HeaderColumn>>(std::move(header))};
    for (const auto& row : table.rows) import.read(row);
    return std::move(import).take();
}

void KnownPlaces::add(const db::ChargePointSaved& charge_point) {
    charge_points.insert(charge_point.id);
    const auto& own = charge_point.groups;
    if (own) groups.insert(own->begin(), own->end());
}

std::vector<TableWarning> warnings_of(const BadgeImport& import, const KnownPlaces& known) {
    std::vector<TableWarning> out;
    auto told = known;
    auto badge = import.badges.begin();
    for (const auto& line : import.lines) {
        if (line.result != LineResult::created && line.result != LineResult::changed) continue;
        const auto look = [&](const char* field, const auto& names, auto& there, const char* what) {
            if (!names) return;
            for (const auto& name : *names) {
                if (!there.insert(name).second) continue;
                out.push_back({line.line, field, std::string{what} + name + " yet"});
            }
        };
        look("chargePoints", badge->charge_points, told.charge_points, "there is no charge point ");
        look("chargePointGroups", badge->charge_point_groups, told.groups,
             "no charge point is in the group ");
        ++badge;
    }
    return out;
}

void append_table_header(std::string& out) {
    out += csv_begin;
    std::vector<std::string> cells{std::string{key_column}};
    for (const auto& column : columns) cells.emplace_back(column.name);
    append_csv_row(out, cells);
}

void append_table_line(std::string& out, const Badge& badge) {
    std::vector<std::string> cells{guarded_cell(badge.id_tag)};
    for (const auto& column : columns) cells.push_back(guarded_cell(column.text(badge)));
    append_csv_row(out, cells);
}

}  // namespace busbar::site
