#include "db/redaction.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "base/secret_names.hpp"
#include "base/text.hpp"

namespace busbar::db {
namespace {

constexpr std::string_view hidden = hidden_secret;
constexpr std::string_view authorization_key = "authorizationkey";
// Their requests name a place for a file, which may hold a password or stand for one.
constexpr std::array<std::string_view, 4> actions_with_places{"GetDiagnostics", "UpdateFirmware",
                                                              "GetLog", "SignedUpdateFirmware"};

struct Setting {
    std::optional<std::string> key;
    std::optional<RawJson> readonly;
    std::optional<RawJson> value;
};
BOOST_DESCRIBE_STRUCT(Setting, (), (key, readonly, value))

struct Configuration {
    std::optional<std::vector<Setting>> configurationKey;
    std::optional<std::vector<RawJson>> unknownKey;
};
BOOST_DESCRIBE_STRUCT(Configuration, (), (configurationKey, unknownKey))

bool holds(std::string_view text, std::string_view lower_word) {
    const auto found = std::search(text.begin(), text.end(), lower_word.begin(), lower_word.end(),
                                   [](char c, char lower) { return ascii_lower(c) == lower; });
    return found != text.end();
}

// A key spelt with escapes is not found in the text: whoever wrote it that way is not trusted.
bool may_hide_a_secret(std::string_view payload) {
    return names_a_secret(payload) || holds(payload, "pin") ||
           payload.find("\\u") != std::string_view::npos;
}

bool hide(Setting& setting) {
    if (!setting.key || !setting.value || !names_a_secret(*setting.key)) return false;
    setting.value->text = '"' + std::string{hidden} + '"';
    return true;
}

template <class T>
std::optional<T> parsed(std::string_view payload) {
    DecodeReport report;
    DecodeOptions options;
    options.lenient = true;
    options.empty_arrays = true;
    auto out = decode_text<T>(payload, options, report);
    // What is not understood might be the secret under another name.
    const bool whole =
        std::all_of(report.deviations.begin(), report.deviations.end(),
                    [](const Violation& v) { return v.defect == Defect::unknown_field; });
    return whole ? std::move(out) : std::nullopt;
}

std::string redacted_change(std::string payload) {
    auto setting = parsed<Setting>(payload);
    if (setting && hide(*setting)) return to_json(*setting);
    const bool readable = setting && setting->key;
    if (!readable && may_hide_a_secret(payload)) return std::string{hidden};
    // Readable and no secret, but the word is there: in a name that stands twice, for instance.
    if (holds(payload, authorization_key)) return std::string{hidden};
    return payload;
}

std::string redacted_configuration(std::string payload) {
    if (!may_hide_a_secret(payload)) return payload;
    auto configuration = parsed<Configuration>(payload);
    if (!configuration) return std::string{hidden};
    bool changed = false;
    if (configuration->configurationKey) {
        for (auto& setting : *configuration->configurationKey) changed |= hide(setting);
    }
    return changed ? to_json(*configuration) : payload;
}

// What stands before the last @ of a URL: a password may hold any character, the @ too.
std::string without_passwords(std::string_view payload) {
    std::string out;
    while (true) {
        const auto scheme = payload.find("://");
        if (scheme == std::string_view::npos) return out.append(payload);
        out.append(payload.substr(0, scheme + 3));
        payload.remove_prefix(scheme + 3);
        const auto url = payload.substr(0, payload.find('"'));
        const auto at = url.rfind('@');
        if (at == std::string_view::npos) continue;
        out.append(hidden);
        payload.remove_prefix(at);
    }
}

// Whoever knows the token of a file may fetch or replace it.
std::string without_file_tokens(std::string_view payload) {
    constexpr std::string_view files = "/f/";
    std::string out;
    while (true) {
        const auto found = payload.find(files);
        if (found == std::string_view::npos) return out.append(payload);
        out.append(payload.substr(0, found + files.size())).append(hidden);
        payload.remove_prefix(found + files.size());
        payload.remove_prefix(std::min(payload.find_first_of("\"/?"), payload.size()));
    }
}

}  // namespace

std::string redacted(std::string_view action, std::string payload) {
    if (equal_ignoring_case(action, "ChangeConfiguration")) {
        return redacted_change(std::move(payload));
    }
    if (equal_ignoring_case(action, "GetConfiguration")) {
        return redacted_configuration(std::move(payload));
    }
    const bool names_a_place =
        std::any_of(actions_with_places.begin(), actions_with_places.end(),
                    [&](std::string_view known) { return equal_ignoring_case(action, known); });
    if (names_a_place) payload = without_file_tokens(without_passwords(payload));
    return holds(payload, authorization_key) ? std::string{hidden} : std::move(payload);
}

}  // namespace busbar::db
