#include "db/database_url.hpp"

#include <algorithm>
#include <vector>

namespace busbar::db {
namespace {

constexpr std::string_view mask = "***";
constexpr std::string_view blanks = " \t\r\n\f\v";
constexpr auto none = std::string_view::npos;

struct Masked {
    std::string text;
    std::vector<std::string> secrets;

    void hide(std::string_view secret) {
        text += mask;
        if (!secret.empty()) secrets.emplace_back(secret);
    }
};

// sslpassword is one too.
bool is_secret(std::string_view name) { return name.ends_with("password"); }

// Where the password of `user:password@` ends: with the last @ before the path, since one that was
// not encoded may be part of it. `none` where there is no password.
std::size_t end_of_password(std::string_view rest) {
    const auto first_at = rest.find('@');
    if (first_at == none || rest.starts_with('[') || rest.find(':') > first_at) return none;
    const auto path = rest.find('/');
    if (path != none && rest.find('?', path) < first_at) return none;  // that @ is of a parameter
    return rest.rfind('@', rest.find_first_of("/?", first_at));
}

Masked mask_uri(std::string_view url) {
    Masked out;
    const auto begin = url.find("://") + 3;
    out.text = url.substr(0, begin);
    auto rest = url.substr(begin);
    if (const auto end = end_of_password(rest); end != none) {
        const auto colon = rest.find(':');
        out.text += rest.substr(0, colon + 1);
        out.hide(rest.substr(colon + 1, end - colon - 1));
        rest.remove_prefix(end);
    }
    const auto question = rest.find('?');
    const auto path = question == none ? rest.size() : question + 1;
    out.text += rest.substr(0, path);
    rest.remove_prefix(path);
    while (!rest.empty()) {
        const auto part = rest.substr(0, rest.find('&'));
        const auto equals = part.find('=');
        const bool named = equals != none && is_secret(part.substr(0, equals));
        out.text += named ? part.substr(0, equals + 1) : part;
        if (named) out.hide(part.substr(equals + 1));
        rest.remove_prefix(part.size());
        if (!rest.empty()) {
            out.text += '&';
            rest.remove_prefix(1);
        }
    }
    return out;
}

// The length of a value with its quotes; one whose quote never ends is all the rest.
std::size_t value_length(std::string_view text) {
    const bool is_quoted = text.starts_with('\'');
    for (std::size_t i = is_quoted ? 1 : 0; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (is_quoted ? text[i] == '\'' : blanks.find(text[i]) != none) {
            return is_quoted ? i + 1 : i;
        }
    }
    return text.size();
}

std::size_t blanks_at(std::string_view text) {
    return std::min(text.find_first_not_of(blanks), text.size());
}

// The length of a secret and of the words behind it that are no setting: blanks in a password that
// should have been quoted.
std::size_t secret_length(std::string_view text) {
    auto length = value_length(text);
    while (length < text.size()) {
        const auto gap = blanks_at(text.substr(length));
        const auto word = text.substr(length + gap);
        const auto end = std::min(word.find_first_of(blanks), word.size());
        const auto next = word.substr(end + blanks_at(word.substr(end)));
        if (word.substr(0, end).find('=') != none || next.starts_with('=')) break;
        length += gap + end;
    }
    return length;
}

Masked mask_settings(std::string_view rest) {
    Masked out;
    const auto copy = [&](std::size_t count) {
        out.text += rest.substr(0, count);
        rest.remove_prefix(std::min(count, rest.size()));
    };
    while (!rest.empty()) {
        copy(blanks_at(rest));
        const auto name = rest.substr(0, rest.find_first_of("= \t\r\n\f\v"));
        copy(name.size());
        copy(blanks_at(rest));
        if (!rest.starts_with('=')) continue;
        copy(1);
        copy(blanks_at(rest));
        const auto length = is_secret(name) ? secret_length(rest) : value_length(rest);
        if (!is_secret(name)) {
            copy(length);
        } else {
            out.hide(rest.substr(0, length));
            rest.remove_prefix(length);
        }
    }
    return out;
}

Masked masked(std::string_view url) { return is_uri(url) ? mask_uri(url) : mask_settings(url); }

void replace_all(std::string& text, std::string_view what) {
    for (auto at = text.find(what); at != none; at = text.find(what, at + mask.size())) {
        text.replace(at, what.size(), mask);
    }
}

}  // namespace

bool is_uri(std::string_view url) {
    return url.starts_with("postgresql://") || url.starts_with("postgres://");
}

std::string masked_url(std::string_view url) { return masked(url).text; }

std::string without_secrets(std::string_view message, std::string_view url) {
    const auto shown = masked(url);
    std::string out{message};
    for (const auto& secret : shown.secrets) {
        // What stands elsewhere in the URL too, such as a user's name, is no secret.
        if (secret.size() > 2 && shown.text.find(secret) == none) replace_all(out, secret);
    }
    // Parts of a secret stand between quotes.
    for (auto open = out.find('"'); open != none;) {
        const auto close = out.find('"', open + 1);
        if (close == none) break;
        const auto quoted = out.substr(open + 1, close - open - 1);
        const bool hidden =
            !quoted.empty() && url.find(quoted) != none && shown.text.find(quoted) == none;
        if (hidden) out.replace(open + 1, quoted.size(), mask);
        open = out.find('"', (hidden ? open + 1 + mask.size() : close) + 1);
    }
    return out;
}

}  // namespace busbar::db
