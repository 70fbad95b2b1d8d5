#include "ocpp/repair.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json_text.hpp"

namespace busbar::ocpp {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

// The numbers of OCPP that may have decimals: there, a comma may as well be the decimal one.
constexpr std::array<std::string_view, 3> with_decimals{"limit", "minChargingRate", "value"};

// The value of the four hexadecimal digits text begins with, or -1.
int hex_value(std::string_view text) {
    if (text.size() < 4) return -1;
    int value = 0;
    for (const char c : text.substr(0, 4)) {
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

class Mender {
public:
    Mender(std::string_view text, std::size_t arrays_max) : in_(text), arrays_max_(arrays_max) {}

    MendedText run() {
        out_.text.reserve(in_.size());
        if (in_.starts_with(byte_order_mark)) {
            note("byte_order_mark");
            at_ = byte_order_mark.size();
        }
        while (at_ < in_.size() && take_one()) {
        }
        if (!open_.empty()) out_.unfinished = {begin_, out_.text.size() - begin_};
        if (out_.arrays.size() + (out_.unfinished ? 1 : 0) > 1) note("several_in_one_frame");
        return std::move(out_);
    }

private:
    void note(std::string_view kind) {
        auto& kinds = out_.kinds;
        if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
    }

    // One step outside of strings; false where the rest is of no use.
    bool take_one() {
        const char c = in_[at_];
        if (c == '"' && !open_.empty()) {
            take_string();
            last_ = '"';
            return true;
        }
        ++at_;
        if (c == '\0') {
            note("nul_bytes");
            separate();
        } else if (is_control(c) && !is_blank(c)) {
            note("raw_control_characters");
            separate();
        } else if (is_blank(c)) {
            out_.text += c;
        } else if (c == ',') {
            take_comma();
        } else if (open_.empty() && (c != '[' || out_.arrays.size() == arrays_max_)) {
            if (!out_.arrays.empty()) note("trailing_garbage");
            return false;
        } else {
            take_plain(c);
        }
        return true;
    }

    // Two parts of a number must not become one where something is dropped between them.
    void separate() {
        if (!open_.empty() &&
            std::string_view{"[]{}:\" "}.find(out_.text.back()) == std::string::npos) {
            out_.text += ' ';
        }
    }

    // A comma is written once a value follows it, where it stood.
    void take_comma() {
        const bool is_due = !open_.empty() && !comma_at_ && last_ != '[' && last_ != '{';
        if (is_due && take_thousands()) return;
        if (!is_due) note("stray_comma");
        if (is_due) comma_at_ = out_.text.size();
    }
    void write_comma() {
        if (comma_at_) out_.text.insert(*comma_at_, 1, ',');
        comma_at_.reset();
    }

    // Commas within the value of a member, which a name or the object's end must follow: they
    // separate thousands if just three digits stand behind each of them.
    bool take_thousands() {
        if (open_.back() != '{' || !begins_grouped_integer()) return false;
        auto rest = in_.substr(at_);
        std::string digits;
        while (rest.size() >= 3 && is_digit(rest[0]) && is_digit(rest[1]) && is_digit(rest[2])) {
            digits += rest.substr(0, 3);
            rest.remove_prefix(3);
            if (rest.size() < 2 || rest[0] != ',' || !is_digit(rest[1])) break;
            rest.remove_prefix(1);
        }
        if (digits.empty() || !ends_member(rest)) return false;
        note("thousands_separator");
        out_.text += digits;
        at_ = in_.size() - rest.size();
        return true;
    }

    // Whether what was written last is the name of a member without decimals and one to three
    // digits of an integer that may go on.
    bool begins_grouped_integer() const {
        std::string_view text = out_.text;
        const auto behind = text.find_last_not_of("0123456789");
        if (behind == std::string_view::npos) return false;
        const auto digits = text.substr(behind + 1);
        if (digits.empty() || digits.size() > 3 || digits.front() == '0') return false;
        text.remove_suffix(digits.size());
        if (text.ends_with('-')) text.remove_suffix(1);
        while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
        if (!text.ends_with(':')) return false;
        text.remove_suffix(1);
        while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
        return std::none_of(with_decimals.begin(), with_decimals.end(), [&](std::string_view name) {
            return text.ends_with("\"" + std::string{name} + "\"");
        });
    }

    static bool ends_member(std::string_view rest) {
        const auto skip_blanks = [&] {
            while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
        };
        skip_blanks();
        if (rest.starts_with('}')) return true;
        if (!rest.starts_with(',')) return false;
        rest.remove_prefix(1);
        skip_blanks();
        return rest.starts_with('"');
    }

    void take_plain(char c) {
        const bool closes = c == ']' || c == '}';
        if (closes && std::exchange(comma_at_, std::nullopt)) note("stray_comma");
        write_comma();
        if (open_.empty()) begin_ = out_.text.size();
        out_.text += c;
        last_ = c;
        if (c == '[' || c == '{') open_ += c;
        if (!closes) return;
        open_.pop_back();
        if (open_.empty()) out_.arrays.push_back({begin_, out_.text.size() - begin_});
    }

    void take_string() {
        write_comma();
        out_.text += '"';
        ++at_;
        while (at_ < in_.size() && in_[at_] != '"') {
            if (in_[at_] == '\\') {
                take_escape();
            } else {
                const auto end = std::min(in_.find_first_of("\"\\", at_), in_.size());
                take_characters(in_.substr(at_, end - at_));
                at_ = end;
            }
        }
        if (at_ == in_.size()) return;
        out_.text += '"';
        ++at_;
    }

    void take_characters(std::string_view raw) {
        std::string plain{raw};
        if (std::erase(plain, '\0') > 0) note("nul_bytes");
        if (std::any_of(plain.begin(), plain.end(), is_control)) note("raw_control_characters");
        std::string json;
        append_json_string(json, plain);
        const auto replaced = [](std::string_view text) {
            std::size_t count = 0;
            for (auto i = text.find("\xEF\xBF\xBD"); i != std::string_view::npos;
                 i = text.find("\xEF\xBF\xBD", i + 3)) {
                ++count;
            }
            return count;
        };
        if (replaced(json) != replaced(plain)) note("invalid_utf8");
        out_.text.append(json, 1, json.size() - 2);
    }

    void take_escape() {
        const auto rest = in_.substr(at_);
        if (rest.size() > 1 && rest[1] == 'u') return take_unicode_escape(rest);
        const bool known = rest.size() > 1 &&
                           std::string_view{"\"\\/bfnrt"}.find(rest[1]) != std::string_view::npos;
        if (known) {
            out_.text += rest.substr(0, 2);
            at_ += 2;
            return;
        }
        // As of a Windows path: the backslash was meant as one.
        note("bad_escape");
        out_.text += "\\\\";
        ++at_;
    }

    void take_unicode_escape(std::string_view rest) {
        const int value = hex_value(rest.substr(2));
        if (value < 0) {
            note("bad_escape");
            out_.text += "\\\\";
            ++at_;
            return;
        }
        const bool is_high = value >= 0xD800 && value < 0xDC00;
        const int second =
            is_high && rest.substr(6).starts_with("\\u") ? hex_value(rest.substr(8)) : -1;
        if (second >= 0xDC00 && second < 0xE000) {
            out_.text += rest.substr(0, 12);
            at_ += 12;
        } else if (is_high || (value >= 0xDC00 && value < 0xE000)) {
            note("lone_surrogate");
            out_.text += "\\ufffd";
            at_ += 6;
        } else {
            out_.text += rest.substr(0, 6);
            at_ += 6;
        }
    }

    std::string_view in_;
    std::size_t arrays_max_;
    std::size_t at_ = 0;
    MendedText out_;
    std::string open_;       // brackets, the innermost at the back
    std::size_t begin_ = 0;  // of the present array
    char last_ = '\0';       // written last outside of strings, blanks and commas aside
    std::optional<std::size_t> comma_at_;  // where one belongs that was read and not written yet
};

}  // namespace

MendedText mend(std::string_view text, std::size_t arrays_max) {
    return Mender{text, arrays_max}.run();
}

std::optional<std::string> missing_brackets(std::string_view text) {
    std::string closing;  // the innermost at the back
    bool in_string = false;
    char last = '\0';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string && c == '\\') {
            ++i;
            continue;
        }
        if (c == '"') in_string = !in_string;
        if (!is_blank(c)) last = c;
        if (in_string) continue;
        if (c == '[' || c == '{') {
            closing += c == '[' ? ']' : '}';
        } else if (c == ']' || c == '}') {
            if (closing.empty() || closing.back() != c) return std::nullopt;
            closing.pop_back();
        }
    }
    const bool between_values = std::string_view{"[]{}\""}.find(last) != std::string_view::npos;
    if (in_string || !between_values || closing.empty()) return std::nullopt;
    return std::string{closing.rbegin(), closing.rend()};
}

}  // namespace busbar::ocpp
