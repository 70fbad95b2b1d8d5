// Any text as a table: what is read can be written so that it is read as the same table, and where
// it is refused the line is one of the text's.
#include <algorithm>

#include "base/csv.hpp"
#include "tests/fuzz/laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace busbar;
    using fuzz::law;
    const auto text = fuzz::as_text(data, size);
    const auto read = read_csv(text);
    if (const auto* error = std::get_if<CsvError>(&read)) {
        const auto ends =
            std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; });
        law(error->line >= 1 && error->line <= ends + 1 && !error->detail.empty());
        return 0;
    }
    const auto& table = std::get<CsvTable>(read);
    for (const char separator : {',', ';'}) {
        std::string written;
        append_csv_row(written, table.header.cells, separator);
        for (const auto& row : table.rows) append_csv_row(written, row.cells, separator);
        const auto again = read_csv(written);
        // Quotes can make it larger than a table may be.
        if (written.size() > csv_bytes_max) continue;
        law(std::holds_alternative<CsvTable>(again));
        const auto& same = std::get<CsvTable>(again);
        law(same.header.cells == table.header.cells && same.rows.size() == table.rows.size());
        for (std::size_t i = 0; i < table.rows.size(); ++i) {
            law(same.rows[i].cells == table.rows[i].cells);
            law(table.rows[i].line > table.header.line);
        }
    }
    law(unguarded_cell(guarded_cell(text)) == text);
    const auto guarded = guarded_cell(text);
    law(guarded.empty() ||
        std::string_view{"=+-@\t\r"}.find(guarded.front()) == std::string_view::npos);
    return 0;
}
