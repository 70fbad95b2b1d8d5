#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/csv.hpp"
#include "reports/csv.hpp"
#include "reports/json.hpp"
#include "reports/pdf.hpp"
#include "reports/xlsx.hpp"
#include "tests/reports/support.hpp"

namespace busbar::reports::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

EnergyReport report_of(int badges) {
    db::EnergyData data;
    for (int i = 0; i < badges; ++i) {
        auto one = session(paris_at(year{2027} / 3 / 3, 8h), 61min + 1s, 12'345 + i);
        one.badge = "TAG" + std::to_string(1000 + i);
        one.is_estimated = i == 0;
        data.sessions.push_back(std::move(one));
    }
    data.badges = {{"TAG1000", "=HYPERLINK(\"x\")"}, {"TAG1001", "Zoë, \"Z\" Müller"}};
    auto asked = question(By::badge);
    asked.prices = {.currency = "EUR", .tariffs = {flat_tariff("t", 32'450)}};
    asked.prices.tariffs[0].tax_basis_points = 2000;
    return energy_report(asked, data);
}

int count_of(const std::string& text, const std::string& part) {
    int count = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
    return count;
}

TEST(Documents, JsonSaysEverythingInWhBothCentsAndSeconds) {
    const auto json = json_of(report_of(1));
    EXPECT_EQ(
        json,
        R"j({"from":"2027-03-01","to":"2027-03-31","by":"badge","timeZone":"Europe/Paris",)j"
        R"j("currency":"EUR","createdAt":"2027-04-01T06:05:00.000Z","rows":[{"key":"TAG1000",)j"
        R"j("label":"=HYPERLINK(\"x\")","sessions":1,"energyWh":12345,"cost":"4.81",)j"
        R"j("tax":"0.80","durationSeconds":3661,"estimated":1,"corrected":0,)j"
        R"j("withoutTariff":0}],"total":{"sessions":1,"energyWh":12345,"cost":"4.81",)j"
        R"j("tax":"0.80","durationSeconds":3661,"estimated":1,"corrected":0,)j"
        R"j("withoutTariff":0},"orphanStops":0})j");
    EXPECT_THAT(json_of(energy_report(question(By::group), {})),
                HasSubstr(R"("currency":null,"createdAt":"2027-04-01T06:05:00.000Z","rows":[],)"));
}

TEST(Documents, TellOfStopsThatNoStartWasFoundFor) {
    auto asked = question(By::badge);
    asked.orphan_stops = 3;
    const auto report = energy_report(asked, {});
    EXPECT_THAT(json_of(report), testing::EndsWith(R"("orphanStops":3})"));
    // The words themselves are compressed: the note is a line more, and takes its room.
    auto full = report_of(1);
    for (; pages_of(full, Language::german) == 1; full.rows.push_back(full.rows.back())) {
    }
    full.rows.pop_back();
    ASSERT_EQ(pages_of(full, Language::german), 1);
    full.orphan_stops = 3;
    EXPECT_EQ(pages_of(full, Language::german), 2);
    for (const auto language :
         {Language::english, Language::french, Language::dutch, Language::german}) {
        EXPECT_THAT(filled(words_of(language).note_orphans, "17"), HasSubstr(": 17."));
    }
}

TEST(Documents, CsvIsReadBackAndHoldsNoFormulas) {
    const auto text = csv_of(report_of(2), Language::german);
    EXPECT_THAT(text, StartsWith("\xEF\xBB\xBFKarte,Name,Ladevorgänge,Energie (Wh),Kosten (EUR),"));
    const auto table = std::get<CsvTable>(read_csv(text));
    ASSERT_EQ(table.rows.size(), 2U);
    EXPECT_THAT(table.rows[0].cells, ElementsAre("TAG1000", "'=HYPERLINK(\"x\")", "1", "12345",
                                                 "4.81", "0.80", "3661", "1", "0", "0"));
    EXPECT_EQ(table.rows[1].cells[1], "Zoë, \"Z\" Müller");
}

TEST(Documents, XlsxIsAnArchiveOfOneSheet) {
    const auto text = xlsx_of(report_of(3), Language::dutch);
    EXPECT_THAT(text, StartsWith("PK"));
    EXPECT_THAT(text, HasSubstr("xl/worksheets/sheet1.xml"));
    EXPECT_THAT(xlsx_of(energy_report(question(By::day), {}), Language::english), StartsWith("PK"));
}

TEST(Documents, PdfHasAsManyPagesAsItSays) {
    for (const int badges : {0, 1, 33, 34, 35, 36, 37, 38, 39, 40, 75, 77, 78, 80, 81, 500}) {
        const auto report = report_of(badges);
        const auto created = paris.local(paris_at(year{2027} / 4 / 1, 8h + 5min));
        const auto text = pdf_of(report, Language::french, created);
        EXPECT_THAT(text, StartsWith("%PDF-"));
        const auto pages = count_of(text, "/Type /Page\n") + count_of(text, "/Type /Page ");
        EXPECT_EQ(pages, pages_of(report, Language::french)) << badges;
    }
}

TEST(Documents, WesternTextHasTheLettersOfTheFonts) {
    EXPECT_EQ(western_text("Énergie 5 € – Zoë"), "\xC9nergie 5 \x80 \x96 Zo\xEB");
    EXPECT_EQ(western_text("Łódź\n"),
              "?\xF3"
              "d? ");
}

}  // namespace
}  // namespace busbar::reports::test
