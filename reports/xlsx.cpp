#include "reports/xlsx.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <vector>

#include <xlsxwriter.h>

namespace busbar::reports {
namespace {

constexpr lxw_row_t header_row = 3;
constexpr int columns = 10;

// A file that is nowhere but in memory.
class MemoryFile {
public:
    MemoryFile() : file_{::memfd_create("report", MFD_CLOEXEC)} {
        if (file_ < 0) throw std::runtime_error{"no file can be made in memory"};
    }
    ~MemoryFile() { ::close(file_); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;

    std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

    std::string content() const {
        const auto size = ::lseek(file_, 0, SEEK_END);
        std::string out(static_cast<std::size_t>(std::max<off_t>(size, 0)), '\0');
        std::size_t have = 0;
        while (have < out.size()) {
            const auto count =
                ::pread(file_, out.data() + have, out.size() - have, static_cast<off_t>(have));
            if (count <= 0) throw std::runtime_error{"the workbook cannot be read back"};
            have += static_cast<std::size_t>(count);
        }
        return out;
    }

private:
    int file_;
};

struct Formats {
    explicit Formats(lxw_workbook* book)
        : title{make(book, nullptr)},
          header{make(book, nullptr)},
          header_right{make(book, nullptr)},
          whole{make(book, "#,##0")},
          energy{make(book, "#,##0.000")},
          money{make(book, "#,##0.00")},
          hours{make(book, "[h]:mm")},
          day{make(book, "yyyy-mm-dd")},
          total{make(book, nullptr)},
          total_whole{make(book, "#,##0")},
          total_energy{make(book, "#,##0.000")},
          total_money{make(book, "#,##0.00")},
          total_hours{make(book, "[h]:mm")} {
        format_set_bold(title);
        format_set_font_size(title, 14);
        for (auto* format : {header, header_right}) {
            format_set_bold(format);
            format_set_bottom(format, LXW_BORDER_THIN);
            format_set_text_wrap(format);
        }
        format_set_align(header_right, LXW_ALIGN_RIGHT);
        format_set_align(day, LXW_ALIGN_LEFT);
        for (auto* format : {total, total_whole, total_energy, total_money, total_hours}) {
            format_set_bold(format);
            format_set_top(format, LXW_BORDER_THIN);
        }
    }

    static lxw_format* make(lxw_workbook* book, const char* number_format) {
        auto* format = workbook_add_format(book);
        if (number_format) format_set_num_format(format, number_format);
        return format;
    }

    lxw_format *title, *header, *header_right, *whole, *energy, *money, *hours, *day, *total,
        *total_whole, *total_energy, *total_money, *total_hours;
};

class Sheet {
public:
    Sheet(const EnergyReport& report, Language language, lxw_workbook* book)
        : report_{report},
          language_{language},
          words_{words_of(language)},
          formats_{book},
          sheet_{workbook_add_worksheet(book, nullptr)} {}

    void fill() {
        write_head();
        auto row = header_row + 1;
        for (const auto& each : report_.rows) write_row(row++, each);
        write_totals(row);
        worksheet_freeze_panes(sheet_, header_row + 1, 0);
        if (!report_.rows.empty()) {
            worksheet_autofilter(sheet_, header_row, 0, row - 1, columns - 1);
        }
        worksheet_repeat_rows(sheet_, header_row, header_row);
        worksheet_set_landscape(sheet_);
        worksheet_set_paper(sheet_, 9);  // A4
        worksheet_fit_to_pages(sheet_, 1, 0);
    }

private:
    void text(lxw_row_t row, lxw_col_t column, const std::string& value,
              lxw_format* format = nullptr) {
        worksheet_write_string(sheet_, row, column, value.c_str(), format);
    }
    void number(lxw_row_t row, lxw_col_t column, double value, lxw_format* format) {
        worksheet_write_number(sheet_, row, column, value, format);
    }

    void write_head() {
        const auto by = static_cast<std::size_t>(report_.by);
        text(0, 0, std::string{words_.title} + " " + std::string{words_.per[by]}, formats_.title);
        text(1, 0,
             date_text(language_, report_.period.first) + " – " +
                 date_text(language_, report_.period.last) + ", " + report_.time_zone);
        const auto money = report_.currency.empty() ? "" : " (" + report_.currency + ")";
        const std::array<std::string, columns> headings{std::string{words_.key[by]},
                                                        std::string{words_.label},
                                                        std::string{words_.sessions},
                                                        std::string{words_.energy} + " (kWh)",
                                                        std::string{words_.cost} + money,
                                                        std::string{words_.tax} + money,
                                                        std::string{words_.duration} + " (h:mm)",
                                                        std::string{words_.estimated},
                                                        std::string{words_.corrected},
                                                        std::string{words_.without_tariff}};
        constexpr std::array<double, columns> widths{24, 28, 13, 15, 14, 14, 14, 11, 11, 13};
        for (lxw_col_t column = 0; column < columns; ++column) {
            text(header_row, column, headings[column],
                 column < 2 ? formats_.header : formats_.header_right);
            worksheet_set_column(sheet_, column, column, widths[column], nullptr);
        }
    }

    void write_key(lxw_row_t row, const Row& each) {
        const auto day = report_.by == By::day && each.key ? parse_day(*each.key) : std::nullopt;
        if (!day) return text(row, 0, shown_key(each, words_));
        lxw_datetime date{};
        date.year = static_cast<int>(day->year());
        date.month = static_cast<int>(static_cast<unsigned>(day->month()));
        date.day = static_cast<int>(static_cast<unsigned>(day->day()));
        worksheet_write_datetime(sheet_, row, 0, &date, formats_.day);
    }

    void write_row(lxw_row_t row, const Row& each) {
        const auto& sums = each.sums;
        write_key(row, each);
        text(row, 1, each.label);
        const auto values = values_of(sums);
        const std::array<lxw_format*, columns - 2> formats{
            formats_.whole, formats_.energy, formats_.money, formats_.money,
            formats_.hours, formats_.whole,  formats_.whole, formats_.whole};
        for (lxw_col_t column = 2; column < columns; ++column) {
            const bool is_money = column == 4 || column == 5;
            if (is_money && !sums.has_cost()) continue;
            number(row, column, values[column - 2U], formats[column - 2U]);
        }
    }

    // Sums as formulas that a spreadsheet can follow, with what they come to for readers that do
    // not calculate.
    void write_totals(lxw_row_t row) {
        text(row, 0, std::string{words_.total}, formats_.total);
        text(row, 1, "", formats_.total);
        const auto values = values_of(report_.total);
        const std::array<lxw_format*, columns - 2> formats{
            formats_.total_whole, formats_.total_energy, formats_.total_money,
            formats_.total_money, formats_.total_hours,  formats_.total_whole,
            formats_.total_whole, formats_.total_whole};
        for (lxw_col_t column = 2; column < columns; ++column) {
            const auto letter = std::string(1, static_cast<char>('A' + column));
            const auto value = values[column - 2U];
            auto* format = formats[column - 2U];
            if (report_.rows.empty()) {
                number(row, column, value, format);
                continue;
            }
            const auto formula = "=SUM(" + letter + std::to_string(header_row + 2) + ":" + letter +
                                 std::to_string(row) + ")";
            worksheet_write_formula_num(sheet_, row, column, formula.c_str(), format, value);
        }
    }

    static std::array<double, columns - 2> values_of(const Sums& sums) {
        constexpr double seconds_of_day = 86'400;
        return {static_cast<double>(sums.sessions),
                static_cast<double>(sums.energy_wh) / 1000,
                static_cast<double>(sums.cost.cents) / 100,
                static_cast<double>(sums.cost.tax_cents) / 100,
                static_cast<double>(sums.duration_seconds) / seconds_of_day,
                static_cast<double>(sums.estimated),
                static_cast<double>(sums.corrected),
                static_cast<double>(sums.without_tariff)};
    }

    const EnergyReport& report_;
    const Language language_;
    const Words& words_;
    const Formats formats_;
    lxw_worksheet* const sheet_;
};

}  // namespace

std::string xlsx_of(const EnergyReport& report, Language language) {
    const MemoryFile file;
    auto* book = workbook_new(file.path().c_str());
    if (!book) throw std::runtime_error{"the workbook cannot be begun"};
    Sheet{report, language, book}.fill();
    if (const auto error = workbook_close(book); error != LXW_NO_ERROR) {
        throw std::runtime_error{std::string{"the workbook cannot be written: "} +
                                 lxw_strerror(error)};
    }
    return file.content();
}

}  // namespace busbar::reports
