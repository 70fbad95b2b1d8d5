// Tables as CSV text (RFC 4180): what spreadsheets write is read, what is written any of them
// reads. Comma and semicolon are both understood, whatever the country. All pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace busbar {

struct CsvRow {
    int line = 0;  // where it begins; the first line of the text is 1
    std::vector<std::string> cells;
};

struct CsvTable {
    char separator = ',';
    CsvRow header;
    std::vector<CsvRow> rows;  // each with as many cells as the header
};

// Why a text is no table.
struct CsvError {
    int line = 0;
    std::string detail;  // "the quote that opens here is never closed"
};

inline constexpr std::size_t csv_bytes_max = std::size_t{1} << 20;
inline constexpr std::size_t csv_rows_max = 10'000;  // besides the header

// Reads UTF-8, with or without a byte order mark. What separates cells is taken from the first
// line; lines without a character are skipped.
std::variant<CsvTable, CsvError> read_csv(std::string_view text);

// What a table begins with that a spreadsheet is to open: without it some guess another encoding
// than UTF-8. Every table that we hand out does.
inline constexpr std::string_view csv_begin = "\xEF\xBB\xBF";

// Appends one row and its end (CRLF). Cells are quoted where they must be; read_csv gives them back
// as they were, also a row of one empty cell.
void append_csv_row(std::string& out, const std::vector<std::string>& cells, char separator = ',');

// A cell as a spreadsheet may open it: text that one would take for a formula, or that looks as if
// this had been done to it already, gets an apostrophe in front. unguarded_cell undoes just that.
std::string guarded_cell(std::string_view text);
std::string unguarded_cell(std::string_view text);

}  // namespace busbar
