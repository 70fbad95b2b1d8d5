#include "base/csv.hpp"

#include <algorithm>
#include <optional>

#include "base/json_text.hpp"

namespace busbar {
namespace {

constexpr std::string_view line_ends = "\r\n";

// The first line that is not UTF-8, or 0.
int line_of_foreign_byte(std::string_view text) {
    int line = 1;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
        std::string harmless{text.substr(0, end)};
        for (char& c : harmless) {
            if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') c = ' ';
        }
        std::string written;
        append_json_string(written, harmless);
        if (written.size() != harmless.size() + 2 || written.substr(1, end) != harmless) {
            return line;
        }
        text.remove_prefix(end);
        ++line;
    }
    return 0;
}

// Comma, semicolon or tab: whichever comes first outside quotes in the first line.
char separator_of(std::string_view text) {
    bool is_quoted = false;
    for (const char c : text) {
        if (c == '"') is_quoted = !is_quoted;
        if (is_quoted) continue;
        if (c == ',' || c == ';' || c == '\t') return c;
        if (c == '\r' || c == '\n') break;
    }
    return ',';
}

// Reads one row after the other.
class CsvReader {
public:
    CsvReader(std::string_view text, char separator)
        : text_{text}, stops_{separator, '\r', '\n', '"'}, separator_{separator} {}

    // Lines without a character between here and the next row are skipped.
    bool is_at_end() {
        while (!text_.empty() && line_ends.find(text_.front()) != std::string_view::npos) {
            take_line_end();
        }
        return text_.empty();
    }

    std::optional<CsvRow> row() {
        CsvRow row{line_, {}};
        for (;;) {
            if (!cell(row.cells.emplace_back())) return std::nullopt;
            if (text_.empty()) return row;
            if (text_.front() != separator_) break;
            text_.remove_prefix(1);
        }
        take_line_end();
        return row;
    }

    const CsvError& error() const { return error_; }
    int line() const { return line_; }

private:
    void take_line_end() {
        const bool is_pair = text_.starts_with("\r\n");
        text_.remove_prefix(is_pair ? 2 : 1);
        ++line_;
    }

    bool fail(int line, std::string detail) {
        error_ = {line, std::move(detail)};
        return false;
    }

    bool cell(std::string& out) {
        if (text_.starts_with('"')) return quoted_cell(out);
        const auto end = std::min(text_.find_first_of(stops_), text_.size());
        out = text_.substr(0, end);
        text_.remove_prefix(end);
        if (!text_.starts_with('"')) return true;
        return fail(line_,
                    "a quote stands in the middle of a cell: put the whole cell in quotes "
                    "and double those in it");
    }

    bool quoted_cell(std::string& out) {
        const int begun = line_;
        text_.remove_prefix(1);
        for (;;) {
            const auto end = text_.find('"');
            if (end == std::string_view::npos) {
                return fail(begun, "the quote that opens here is never closed");
            }
            count_lines(text_.substr(0, end));
            out += text_.substr(0, end);
            text_.remove_prefix(end + 1);
            if (!text_.starts_with('"')) break;
            out += '"';
            text_.remove_prefix(1);
        }
        const bool ends = text_.empty() || stops_.find(text_.front()) != std::string::npos;
        if (ends) return true;
        return fail(line_, "text follows a closing quote");
    }

    void count_lines(std::string_view text) {
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool ends = text[i] == '\n' ||
                              (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n'));
            if (ends) ++line_;
        }
    }

    std::string_view text_;
    const std::string stops_;
    const char separator_;
    int line_ = 1;
    CsvError error_;
};

std::string cells_of(std::size_t count) {
    return std::to_string(count) + (count == 1 ? " cell" : " cells");
}

bool needs_quotes(std::string_view cell) {
    return cell.find_first_of(",;\t\"\r\n") != std::string_view::npos ||
           cell.starts_with(csv_begin) || cell.starts_with(' ') || cell.ends_with(' ');
}

// Apostrophes, then what begins a formula.
bool looks_like_formula(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of('\''), text.size()));
    return !text.empty() && std::string_view{"=+-@\t\r"}.find(text.front()) != std::string::npos;
}

}  // namespace

std::variant<CsvTable, CsvError> read_csv(std::string_view text) {
    if (text.size() > csv_bytes_max) {
        return CsvError{1, "larger than " + std::to_string(csv_bytes_max) + " bytes"};
    }
    if (text.starts_with(csv_begin)) text.remove_prefix(csv_begin.size());
    if (const int line = line_of_foreign_byte(text)) {
        return CsvError{line, "is not UTF-8: save the table as \"CSV UTF-8\""};
    }
    CsvTable table;
    // Lines without a character may stand above the header.
    table.separator =
        separator_of(text.substr(std::min(text.find_first_not_of(line_ends), text.size())));
    CsvReader reader{text, table.separator};
    if (reader.is_at_end()) return CsvError{1, "is empty: the first line names the columns"};
    auto header = reader.row();
    if (!header) return reader.error();
    table.header = std::move(*header);
    while (!reader.is_at_end()) {
        const int line = reader.line();
        if (table.rows.size() == csv_rows_max) {
            return CsvError{line, "more than " + std::to_string(csv_rows_max) + " rows"};
        }
        auto row = reader.row();
        if (!row) return reader.error();
        if (row->cells.size() != table.header.cells.size()) {
            return CsvError{line, "has " + cells_of(row->cells.size()) + ", the header " +
                                      cells_of(table.header.cells.size())};
        }
        table.rows.push_back(std::move(*row));
    }
    return table;
}

void append_csv_row(std::string& out, const std::vector<std::string>& cells, char separator) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto& cell = cells[i];
        if (i > 0) out += separator;
        const bool is_alone_and_empty = cells.size() == 1 && cell.empty();
        if (!is_alone_and_empty && !needs_quotes(cell)) {
            out += cell;
            continue;
        }
        out += '"';
        for (const char c : cell) {
            if (c == '"') out += '"';
            out += c;
        }
        out += '"';
    }
    out += "\r\n";
}

std::string guarded_cell(std::string_view text) {
    std::string cell{text};
    if (looks_like_formula(text)) cell.insert(cell.begin(), '\'');
    return cell;
}

std::string unguarded_cell(std::string_view text) {
    if (text.starts_with('\'') && looks_like_formula(text)) text.remove_prefix(1);
    return std::string{text};
}

}  // namespace busbar
