// Badges as a table: what a CSV file would change, line by line, and the file that holds them all.
// The columns are named as the members of a badge in the REST interface. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/csv.hpp"
#include "base/text.hpp"
#include "base/violation.hpp"
#include "db/rows.hpp"

namespace busbar::site {

using BadgesByIdTag = std::map<std::string, db::BadgeSaved, LessIgnoringCase>;

// What becomes of a line.
BOOST_DEFINE_ENUM_CLASS(LineResult, created, changed, unchanged, refused)

// A field that gets another value; absent: empty.
struct FieldChange {
    std::string field;
    std::optional<std::string> from;
    std::optional<std::string> to;
};

struct TableLine {
    int line = 0;  // of the file
    std::string id_tag;
    LineResult result{};
    std::vector<FieldChange> changes;   // none where it is refused
    std::vector<Violation> violations;  // "/validUntil"; none unless it is refused
};

// What a whole table asks for. Nothing of it may be done if a line is refused.
struct BadgeImport {
    std::vector<TableLine> lines;
    std::vector<db::BadgeSaved> badges;  // those to be saved: one a created or changed line
    int created = 0;
    int changed = 0;
    int unchanged = 0;
    int refused = 0;
};

// What badges can be restricted to, as far as it is there.
struct KnownPlaces {
    std::set<std::string, LessIgnoringCase> charge_points;  // ids
    std::set<std::string, LessIgnoringCase> groups;         // of charge points

    void add(const db::ChargePointSaved& charge_point);
};

// What a line asks for and gets, though it may not be meant.
struct TableWarning {
    int line = 0;  // of the file
    std::string field;
    std::string detail;
};
BOOST_DESCRIBE_STRUCT(TableWarning, (), (line, field, detail))

// The places that are not there (yet) in created and changed lines, each where it comes first.
std::vector<TableWarning> warnings_of(const BadgeImport& import, const KnownPlaces& known);

// Reads a table over the badges that are there. Badges without a line stay as they are; so do
// fields without a column, and an empty cell empties its field. The same table once more changes
// nothing. An error where the text is no such table at all.
std::variant<BadgeImport, CsvError> plan_import(std::string_view text,
                                                const BadgesByIdTag& present);

// The begin of a table with its header, and a badge as its line: plan_import reads all of it back.
void append_table_header(std::string& out);
void append_table_line(std::string& out, const db::BadgeSaved& badge);

}  // namespace busbar::site
