#include "ocpp/repair.hpp"

#include <algorithm>
#include <utility>

#include "base/json_text.hpp"

namespace busbar::ocpp {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

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
        if (depth_ > 0) out_.unfinished = {begin_, out_.text.size() - begin_};
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
        if (c == '"' && depth_ > 0) {
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
        } else if (depth_ == 0 && (c != '[' || out_.arrays.size() == arrays_max_)) {
            if (!out_.arrays.empty()) note("trailing_garbage");
            return false;
        } else {
            take_plain(c);
        }
        return true;
    }

    // Two parts of a number must not become one where something is dropped between them.
    void separate() {
        if (depth_ > 0 &&
            std::string_view{"[]{}:\" "}.find(out_.text.back()) == std::string::npos) {
            out_.text += ' ';
        }
    }

    // A comma is written once a value follows it.
    void take_comma() {
        const bool is_due = depth_ > 0 && !comma_waits_ && last_ != '[' && last_ != '{';
        if (!is_due) note("stray_comma");
        comma_waits_ |= is_due;
    }
    void write_comma() {
        if (std::exchange(comma_waits_, false)) out_.text += ',';
    }

    void take_plain(char c) {
        const bool closes = c == ']' || c == '}';
        if (closes && std::exchange(comma_waits_, false)) note("stray_comma");
        write_comma();
        if (depth_ == 0) begin_ = out_.text.size();
        out_.text += c;
        last_ = c;
        depth_ += c == '[' || c == '{';
        if (closes && --depth_ == 0) {
            out_.arrays.push_back({begin_, out_.text.size() - begin_});
        }
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
    int depth_ = 0;
    std::size_t begin_ = 0;     // of the present array
    char last_ = '\0';          // written last outside of strings, blanks and commas aside
    bool comma_waits_ = false;  // one that was read and not written yet
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
