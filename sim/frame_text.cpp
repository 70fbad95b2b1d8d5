#include "sim/frame_text.hpp"

#include "base/json_text.hpp"

namespace busbar::sim {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::size_t skip_blanks(std::string_view text, std::size_t at) {
    while (at < text.size() && is_blank(text[at])) ++at;
    return at;
}

// Behind the string that begins here.
std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return text.size();
}

// Behind the value that begins here.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    int depth = 0;
    while (at < text.size()) {
        const char c = text[at];
        if (c == '"') {
            at = end_of_string(text, at);
            if (depth == 0) return at;
            continue;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') {
            if (depth == 0) return at;
            if (--depth == 0) return at + 1;
        }
        if (depth == 0 && (c == ',' || is_blank(c))) return at;
        ++at;
    }
    return text.size();
}

}  // namespace

std::vector<std::string_view> array_elements(std::string_view array) {
    std::vector<std::string_view> elements;
    std::size_t at = skip_blanks(array, 0);
    if (at >= array.size() || array[at] != '[') return elements;
    at = skip_blanks(array, at + 1);
    while (at < array.size() && array[at] != ']') {
        const std::size_t end = end_of_value(array, at);
        if (end == at) return {};
        elements.push_back(array.substr(at, end - at));
        at = skip_blanks(array, end);
        if (at < array.size() && array[at] == ',') at = skip_blanks(array, at + 1);
    }
    return elements;
}

std::string edit_members(std::string_view json, std::string_view name, const MemberEdit& edit) {
    std::string out;
    out.reserve(json.size() + 16);
    std::size_t at = 0;
    while (at < json.size()) {
        if (json[at] != '"') {
            out += json[at++];
            continue;
        }
        const std::size_t end = end_of_string(json, at);
        const std::string_view token = json.substr(at, end - at);
        const std::size_t colon = skip_blanks(json, end);
        const bool is_name = colon < json.size() && json[colon] == ':';
        if (!is_name || unquoted(token) != name) {
            out += token;
            at = end;
            continue;
        }
        const std::size_t value = skip_blanks(json, colon + 1);
        at = end_of_value(json, value);
        if (const auto changed = edit(json.substr(value, at - value))) {
            out.append(token).append(":").append(*changed);
        } else if (out.ends_with(',')) {
            out.pop_back();
        } else if (const auto comma = skip_blanks(json, at);
                   comma < json.size() && json[comma] == ',') {
            at = comma + 1;
        }
    }
    return out;
}

std::optional<std::string> member_text(std::string_view json, std::string_view name) {
    std::optional<std::string> found;
    edit_members(json, name, [&](std::string_view value) {
        if (!found) found = value;
        return std::string{value};
    });
    return found;
}

std::string edit_elements(std::string_view json, std::string_view array_name,
                          const MemberEdit& edit) {
    return edit_members(json, array_name, [&](std::string_view array) {
        std::string out = "[";
        for (const auto element : array_elements(array)) {
            const auto changed = edit(element);
            if (!changed) continue;
            if (out.size() > 1) out += ',';
            out += *changed;
        }
        return out + "]";
    });
}

std::string with_members(std::string_view object, std::string_view members) {
    if (object.empty() || object.front() != '{') return std::string{object};
    std::string out = "{";
    out += members;
    if (skip_blanks(object, 1) < object.size() && object[skip_blanks(object, 1)] != '}') out += ',';
    return out.append(object.substr(1));
}

std::string_view unquoted(std::string_view value) {
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return value;
    return value.substr(1, value.size() - 2);
}

std::string quoted(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

}  // namespace busbar::sim
