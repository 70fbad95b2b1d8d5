#include "site/badge_fields.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "site/opening_hours.hpp"

namespace busbar::site {
namespace {

// Bytes of the character that begins here; 0 if none does. Overlong forms, surrogates and what lies
// beyond Unicode are no characters.
std::size_t character_size(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    const auto second = byte(1);
    const bool is_bad = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    return is_bad ? 0 : size;
}

void add(std::vector<Violation>& out, std::string pointer, std::string detail) {
    out.push_back({Defect::bad_value, std::move(pointer), std::move(detail)});
}

// False if something is wrong with the text whatever its lines are.
bool has_size(std::vector<Violation>& out, const std::string& pointer, std::string_view text,
              std::size_t size_max) {
    const auto size = characters_in(text);
    if (!size) {
        add(out, pointer, "is not UTF-8");
        return false;
    }
    if (*size > size_max) {
        add(out, pointer, "longer than " + std::to_string(size_max) + " characters");
    }
    return *size <= size_max;
}

}  // namespace

std::optional<std::size_t> characters_in(std::string_view text) {
    std::size_t count = 0;
    while (!text.empty()) {
        const auto size = character_size(text);
        if (size == 0) return std::nullopt;
        text.remove_prefix(size);
        ++count;
    }
    return count;
}

void check_text(std::vector<Violation>& out, std::string pointer,
                const std::optional<std::string>& text, std::size_t size_max) {
    if (!text) return;
    has_size(out, pointer, *text, size_max);
    if (!is_printable(*text)) add(out, std::move(pointer), "holds control characters");
}

void check_id_token(std::vector<Violation>& out, std::string pointer,
                    const std::optional<std::string>& text) {
    if (!text) return;
    if (text->empty()) return add(out, std::move(pointer), "must not be empty");
    check_text(out, pointer, text, text->size());
    if (text->size() > id_tag_size_max) {
        add(out, std::move(pointer),
            "longer than " + std::to_string(id_tag_size_max) + " characters");
    }
}

void check_note(std::vector<Violation>& out, std::string pointer,
                const std::optional<std::string>& text) {
    if (!text || !has_size(out, pointer, *text, note_size_max)) return;
    const bool is_plain = std::all_of(text->begin(), text->end(), [](char c) {
        return c == '\n' || c == '\r' || c == '\t' || is_printable({&c, 1});
    });
    if (!is_plain) {
        add(out, std::move(pointer), "holds control characters other than line breaks and tabs");
    }
}

void check_email(std::vector<Violation>& out, std::string pointer,
                 const std::optional<std::string>& text) {
    check_text(out, pointer, text, badge_text_size_max);
    if (!text) return;
    const auto at = text->rfind('@');
    const auto domain = at == std::string::npos ? std::string{} : text->substr(at + 1);
    const bool is_plausible = at != std::string::npos && at > 0 && text->find('@') == at &&
                              text->find_first_of(" ,;<>\"") == std::string::npos &&
                              domain.find('.') != std::string::npos && domain.front() != '.' &&
                              domain.back() != '.' && domain.find("..") == std::string::npos;
    if (!is_plausible) {
        add(out, std::move(pointer), "must be one address such as name@example.org");
    }
}

void check_hours(std::vector<Violation>& out, std::string pointer,
                 const std::optional<std::string>& text) {
    if (!text) return;
    const auto parsed = parse_opening_hours(*text);
    if (const auto* error = std::get_if<OpeningHoursError>(&parsed)) {
        add(out, std::move(pointer), error->detail);
    }
}

}  // namespace busbar::site
