#include "base/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace busbar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CsvTable table_of(std::string_view text) {
    auto read = read_csv(text);
    if (const auto* error = std::get_if<CsvError>(&read)) {
        ADD_FAILURE() << "line " << error->line << ": " << error->detail;
        return {};
    }
    return std::get<CsvTable>(std::move(read));
}

void expect_refused(std::string_view text, int line, const std::string& detail) {
    const auto read = read_csv(text);
    const auto* error = std::get_if<CsvError>(&read);
    ASSERT_TRUE(error) << text;
    EXPECT_EQ(error->line, line) << text;
    EXPECT_THAT(error->detail, HasSubstr(detail)) << text;
}

TEST(Csv, ReadsWhatSpreadsheetsWrite) {
    for (const std::string text : {"idTag,label\r\n04A1,\"Anna, \"\"A\"\"\"\r\n",
                                   "\xEF\xBB\xBF\"idTag\";\"label\"\r\n04A1;\"Anna, \"\"A\"\"\"",
                                   "\n\nidTag\tlabel\n04A1\t\"Anna, \"\"A\"\"\"\n\n"}) {
        const auto table = table_of(text);
        EXPECT_THAT(table.header.cells, ElementsAre("idTag", "label")) << text;
        ASSERT_EQ(table.rows.size(), 1U) << text;
        EXPECT_THAT(table.rows[0].cells, ElementsAre("04A1", "Anna, \"A\"")) << text;
    }
    EXPECT_EQ(table_of("a;b,c\n1;2\n").separator, ';');
    EXPECT_EQ(table_of("\"a;b\",c\n1,2\n").separator, ',');
    EXPECT_THAT(table_of("a\n\"\"\n").rows.at(0).cells, ElementsAre(""));
    EXPECT_TRUE(table_of("a,b").rows.empty());
}

TEST(Csv, KeepsLinesInQuotesAndCountsThem) {
    const auto table = table_of("a,b\r\n1,\"x\r\ny\rz\n\"\r\n3,4\r5,6\n");
    ASSERT_EQ(table.rows.size(), 3U);
    EXPECT_EQ(table.rows[0].cells[1], "x\r\ny\rz\n");
    EXPECT_EQ(table.rows[0].line, 2);
    EXPECT_EQ(table.rows[1].line, 6);
    EXPECT_EQ(table.rows[2].line, 7);
}

TEST(Csv, SaysWhereAndWhyNot) {
    expect_refused("", 1, "empty");
    expect_refused("\xEF\xBB\xBF\r\n\r\n", 1, "empty");
    expect_refused("a,b\n1,2\n1,2,3\n", 3, "3 cells, the header 2 cells");
    expect_refused("a,b\n\n1\n", 3, "1 cell, the header");
    expect_refused("a,b\n1,2\"3\n", 2, "middle");
    expect_refused("a,b\n1,\"2\"3\n", 2, "closing quote");
    expect_refused("a,b\n1,2\n\"3,\n4\n", 3, "never closed");
    expect_refused("a,b\nJ\xFCrgen,2\n", 2, "UTF-8");
    expect_refused(
        "\xFF\xFE"
        "a\0,\0",
        1, "UTF-8");
    expect_refused(std::string(csv_bytes_max + 1, 'a'), 1, "larger");
    std::string rows = "a\n";
    for (std::size_t i = 0; i <= csv_rows_max; ++i) rows += "1\n";
    expect_refused(rows, static_cast<int>(csv_rows_max) + 2, "more than 10000 rows");
}

// Text in which everything that could go wrong is frequent.
rc::Gen<std::string> cell_text() {
    return rc::gen::map(
        rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(
            std::vector<std::string>{",", ";", "\t", "\"", "\r", "\n", " ", "'", "=", "+", "-", "@",
                                     "a", "\xC3\xBC", "\xEF\xBB\xBF", "\\", "0"})),
        [](const std::vector<std::string>& parts) {
            std::string text;
            for (const auto& part : parts) text += part;
            return text;
        });
}

TEST(Csv, ReadsBackWhatItWrites) {
    const bool holds = rc::check("read after write is the identity", [] {
        const auto width = static_cast<std::size_t>(*rc::gen::inRange(1, 5));
        const auto row = rc::gen::container<std::vector<std::string>>(width, cell_text());
        const auto rows =
            *rc::gen::nonEmpty(rc::gen::container<std::vector<std::vector<std::string>>>(row));
        for (const char separator : {',', ';'}) {
            std::string text;
            for (const auto& cells : rows) append_csv_row(text, cells, separator);
            const auto read = read_csv(text);
            RC_ASSERT(std::holds_alternative<CsvTable>(read));
            const auto& table = std::get<CsvTable>(read);
            RC_ASSERT(table.header.cells == rows[0]);
            RC_ASSERT(table.rows.size() + 1 == rows.size());
            for (std::size_t i = 1; i < rows.size(); ++i) {
                RC_ASSERT(table.rows[i - 1].cells == rows[i]);
            }
        }
    });
    EXPECT_TRUE(holds);
}

TEST(Csv, GuardedCellsAreNoFormulasAndComeBack) {
    EXPECT_EQ(guarded_cell("=1+1"), "'=1+1");
    EXPECT_EQ(guarded_cell("'=1+1"), "''=1+1");
    EXPECT_EQ(guarded_cell("'quoted'"), "'quoted'");
    EXPECT_EQ(unguarded_cell("'quoted'"), "'quoted'");
    EXPECT_EQ(unguarded_cell("'+49"), "+49");
    EXPECT_EQ(unguarded_cell("+49"), "+49");
    const bool holds = rc::check("unguarded after guarded is the identity", [] {
        const auto text = *cell_text();
        const auto guarded = guarded_cell(text);
        RC_ASSERT(unguarded_cell(guarded) == text);
        RC_ASSERT(guarded.empty() ||
                  std::string_view{"=+-@\t\r"}.find(guarded[0]) == std::string_view::npos);
    });
    EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace busbar
