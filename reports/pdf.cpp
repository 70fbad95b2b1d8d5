#include "reports/pdf.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include <hpdf.h>

namespace busbar::reports {
namespace {

// A4 in points.
constexpr float page_width = 595;
constexpr float page_height = 842;
constexpr float margin = 48;
constexpr float line_height = 16;
constexpr float text_size = 9;
constexpr float foot = 62;         // of the table
constexpr float head_first = 150;  // from the top to the table on the first page
constexpr float head_others = 86;  // and on the others

struct Document {
    Document() : handle{HPDF_New(nullptr, nullptr)} {
        if (!handle) throw std::runtime_error{"a document cannot be begun"};
    }
    ~Document() { HPDF_Free(handle); }
    Document(const Document&) = delete;
    Document& operator=(const Document&) = delete;
    HPDF_Doc handle;
};

enum class Align { left, right };

struct Column {
    std::string heading;
    float left = 0;
    float right = 0;
    Align align = Align::left;
};

class Statement {
public:
    Statement(const EnergyReport& report, Language language, LocalTime created)
        : report_{report}, language_{language}, words_{words_of(language)}, created_{created} {
        HPDF_SetCompressionMode(document_.handle, HPDF_COMP_ALL);
        regular_ = HPDF_GetFont(document_.handle, "Helvetica", "WinAnsiEncoding");
        bold_ = HPDF_GetFont(document_.handle, "Helvetica-Bold", "WinAnsiEncoding");
        const auto title = western_text(words_.title);
        HPDF_SetInfoAttr(document_.handle, HPDF_INFO_TITLE, title.c_str());
        HPDF_SetInfoAttr(document_.handle, HPDF_INFO_CREATOR, "Busbar");
        place_columns();
        count_pages();
    }

    std::string run() {
        begin_page();
        bool shaded = false;
        for (const auto& row : report_.rows) {
            if (y_ - line_height < foot) begin_page();
            write_row(row, shaded);
            shaded = !shaded;
        }
        finish_table();
        if (HPDF_GetError(document_.handle) != HPDF_OK) {
            throw std::runtime_error{"the document cannot be made (error " +
                                     std::to_string(HPDF_GetError(document_.handle)) + ")"};
        }
        return content();
    }

    // As they are numbered.
    std::size_t pages() const { return pages_; }

private:
    void place_columns() {
        const auto by = static_cast<std::size_t>(report_.by);
        const bool has_labels = std::any_of(report_.rows.begin(), report_.rows.end(),
                                            [](const Row& row) { return !row.label.empty(); });
        const auto money = report_.currency.empty() ? "" : " (" + report_.currency + ")";
        const auto add = [&](std::string heading, float left, float right, Align align) {
            columns_.push_back({std::move(heading), left, right, align});
        };
        add(std::string{words_.key[by]}, margin, has_labels ? 158.0F : 262.0F, Align::left);
        if (has_labels) add(std::string{words_.label}, 164, 264, Align::left);
        add(std::string{words_.sessions}, 268, 336, Align::right);
        add(std::string{words_.energy} + " (kWh)", 340, 410, Align::right);
        add(std::string{words_.duration} + " (h)", 414, 472, Align::right);
        add(std::string{words_.cost} + money, 476, page_width - margin, Align::right);
        has_labels_ = has_labels;
    }

    // As begin_page() and run() will break them.
    void count_pages() {
        auto room = [](float head) {
            return static_cast<std::size_t>((page_height - head - line_height - 4 - foot) /
                                            line_height);
        };
        const auto rows = report_.rows.size();
        pages_ = 1;
        if (rows > room(head_first)) {
            pages_ += (rows - room(head_first) + room(head_others) - 1) / room(head_others);
        }
        const auto on_last =
            pages_ == 1 ? rows : (rows - room(head_first) - 1) % room(head_others) + 1;
        const auto room_of_last = pages_ == 1 ? room(head_first) : room(head_others);
        if (room_of_last - on_last < 1 + notes().size()) ++pages_;
    }

    void begin_page() {
        ++page_number_;
        page_ = HPDF_AddPage(document_.handle);
        HPDF_Page_SetSize(page_, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
        const auto by = static_cast<std::size_t>(report_.by);
        const auto title = std::string{words_.title} + " " + std::string{words_.per[by]};
        const auto period = date_text(language_, report_.period.first) + " – " +
                            date_text(language_, report_.period.last);
        if (page_number_ == 1) {
            write(title, margin, page_height - 70, bold_, 18);
            write(period, margin, page_height - 94, regular_, 12);
            write(filled(words_.time_zone, report_.time_zone), margin, page_height - 112, regular_,
                  text_size, 0.4F);
            y_ = page_height - head_first;
        } else {
            write(title + ", " + period, margin, page_height - 56, bold_, 10);
            y_ = page_height - head_others;
        }
        write_foot();
        write_header();
    }

    void write_foot() {
        using std::chrono::days;
        using std::chrono::floor;
        const auto day = floor<days>(created_);
        const auto time = std::chrono::duration_cast<std::chrono::seconds>(created_ - day).count();
        const auto moment = date_text(language_, std::chrono::year_month_day{day}) + " " +
                            (time < 36'000 ? "0" : "") + hours_text(time);
        const auto page = filled(words_.page, std::to_string(page_number_), std::to_string(pages_));
        write(filled(words_.created, moment), margin, 34, regular_, 8, 0.4F);
        write_right(page, page_width - margin, 34, regular_, 8, 0.4F);
    }

    void write_header() {
        for (const auto& column : columns_) cell(column, column.heading, bold_);
        line(y_ - 5);
        y_ -= line_height + 4;
    }

    void write_row(const Row& row, bool shaded) {
        if (shaded) {
            HPDF_Page_SetGrayFill(page_, 0.95F);
            HPDF_Page_Rectangle(page_, margin - 3, y_ - 4.5F, page_width - 2 * margin + 6,
                                line_height);
            HPDF_Page_Fill(page_);
        }
        write_cells(shown_key(row, words_), row.label, row.sums, regular_);
        y_ -= line_height;
    }

    void write_cells(const std::string& key, const std::string& label, const Sums& sums,
                     HPDF_Font font) {
        auto column = columns_.begin();
        cell(*column++, key, font);
        if (has_labels_) cell(*column++, label, font);
        cell(*column++, number_text(words_, sums.sessions, 0), font);
        cell(*column++, number_text(words_, sums.energy_wh, 3), font);
        cell(*column++, hours_text(sums.duration_seconds), font);
        cell(*column, sums.has_cost() ? number_text(words_, sums.cost.cents, 2) : "–", font);
    }

    // The total and the notes below it stay together.
    void finish_table() {
        const auto lines = notes();
        if (y_ - line_height * static_cast<float>(1 + lines.size()) < foot) begin_page();
        line(y_ + line_height - 5);
        write_cells(std::string{words_.total}, "", report_.total, bold_);
        y_ -= line_height;
        for (const auto& note : lines) {
            write(note, margin, y_, regular_, 8, 0.3F);
            y_ -= line_height - 3;
        }
    }

    std::vector<std::string> notes() const {
        const auto& total = report_.total;
        std::vector<std::string> out;
        const auto count = [&](std::int64_t value) { return number_text(words_, value, 0); };
        if (total.cost.tax_cents > 0) {
            out.push_back(filled(words_.tax_included, number_text(words_, total.cost.tax_cents, 2) +
                                                          " " + report_.currency));
        }
        if (total.estimated > 0) {
            out.push_back(filled(words_.note_estimated, count(total.estimated)));
        }
        if (total.corrected > 0) {
            out.push_back(filled(words_.note_corrected, count(total.corrected)));
        }
        if (total.without_tariff > 0 && !report_.currency.empty()) {
            out.push_back(filled(words_.note_without_tariff, count(total.without_tariff)));
        }
        if (report_.orphan_stops > 0) {
            out.push_back(filled(words_.note_orphans, count(report_.orphan_stops)));
        }
        out.emplace_back(words_.note_day);
        return out;
    }

    void cell(const Column& column, const std::string& text, HPDF_Font font) {
        const auto fitting = fitted(text, column.right - column.left, font);
        if (column.align == Align::right) {
            write_western(fitting, column.right - width_of(fitting, font, text_size), y_, font,
                          text_size, 0);
        } else {
            write_western(fitting, column.left, y_, font, text_size, 0);
        }
    }

    // The text as far as it fits, with an ellipsis where it does not.
    std::string fitted(const std::string& text, float width, HPDF_Font font) {
        auto western = western_text(text);
        if (width_of(western, font, text_size) <= width) return western;
        while (!western.empty() && width_of(western + '\x85', font, text_size) > width) {
            western.pop_back();
        }
        return western + '\x85';
    }

    float width_of(const std::string& western, HPDF_Font font, float size) {
        HPDF_Page_SetFontAndSize(page_, font, size);
        return HPDF_Page_TextWidth(page_, western.c_str());
    }

    void write_western(const std::string& western, float x, float y, HPDF_Font font, float size,
                       float gray) {
        HPDF_Page_SetGrayFill(page_, gray);
        HPDF_Page_BeginText(page_);
        HPDF_Page_SetFontAndSize(page_, font, size);
        HPDF_Page_TextOut(page_, x, y, western.c_str());
        HPDF_Page_EndText(page_);
    }
    void write(const std::string& text, float x, float y, HPDF_Font font, float size,
               float gray = 0) {
        write_western(western_text(text), x, y, font, size, gray);
    }
    void write_right(const std::string& text, float right, float y, HPDF_Font font, float size,
                     float gray) {
        const auto western = western_text(text);
        write_western(western, right - width_of(western, font, size), y, font, size, gray);
    }

    void line(float y) {
        HPDF_Page_SetLineWidth(page_, 0.6F);
        HPDF_Page_MoveTo(page_, margin - 3, y);
        HPDF_Page_LineTo(page_, page_width - margin + 3, y);
        HPDF_Page_Stroke(page_);
    }

    std::string content() const {
        if (HPDF_SaveToStream(document_.handle) != HPDF_OK) {
            throw std::runtime_error{"the document cannot be written"};
        }
        std::string out;
        std::array<HPDF_BYTE, 65'536> buffer{};
        for (;;) {
            auto size = static_cast<HPDF_UINT32>(buffer.size());
            HPDF_ReadFromStream(document_.handle, buffer.data(), &size);
            if (size == 0) break;
            out.append(buffer.begin(), buffer.begin() + size);
        }
        return out;
    }

    const EnergyReport& report_;
    const Language language_;
    const Words& words_;
    const LocalTime created_;
    Document document_;
    HPDF_Font regular_ = nullptr;
    HPDF_Font bold_ = nullptr;
    HPDF_Page page_ = nullptr;
    std::vector<Column> columns_;
    bool has_labels_ = false;
    std::size_t pages_ = 0;
    std::size_t page_number_ = 0;
    float y_ = 0;
};

// The letters that Windows-1252 has between 0x80 and 0x9F; 0: none.
constexpr std::array<std::uint16_t, 32> special{
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

char western_letter(std::uint32_t letter) {
    if (letter < 0x80 || (letter >= 0xA0 && letter <= 0xFF)) return static_cast<char>(letter);
    const auto found = std::find(special.begin(), special.end(), letter);
    if (found == special.end()) return '?';
    return static_cast<char>(0x80 + (found - special.begin()));
}

}  // namespace

std::string western_text(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto first = static_cast<unsigned char>(text[i]);
        const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        std::uint32_t letter = size == 1 ? first : first & (0xFFU >> (size + 1));
        for (std::size_t k = 1; k < size && i + k < text.size(); ++k) {
            letter = letter << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
        }
        out += letter < 0x20 ? ' ' : western_letter(letter);
        i += size;
    }
    return out;
}

int pages_of(const EnergyReport& report, Language language) {
    return static_cast<int>(Statement{report, language, LocalTime{}}.pages());
}

std::string pdf_of(const EnergyReport& report, Language language, LocalTime local_creation) {
    return Statement{report, language, local_creation}.run();
}

}  // namespace busbar::reports
