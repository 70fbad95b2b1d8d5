#include "db/redaction.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "base/text.hpp"

namespace busbar::db {
namespace {

constexpr std::string_view hidden = "***";
constexpr std::string_view authorization_key = "authorizationkey";
// Vendors have passwords of their own: of the WLAN, the modem, the file server.
constexpr std::array<std::string_view, 5> secret_words{authorization_key, "password", "passwd",
                                                       "passphrase", "secret"};

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

bool is_secret(std::string_view text) {
    return std::any_of(secret_words.begin(), secret_words.end(),
                       [&](std::string_view word) { return holds(text, word); });
}

// A key spelt with escapes is not found in the text: whoever wrote it that way is not trusted.
bool may_hide_a_secret(std::string_view payload) {
    return is_secret(payload) || payload.find("\\u") != std::string_view::npos;
}

bool hide(Setting& setting) {
    if (!setting.key || !setting.value || !is_secret(*setting.key)) return false;
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

}  // namespace

std::string redacted(std::string_view action, std::string payload) {
    if (equal_ignoring_case(action, "ChangeConfiguration")) {
        return redacted_change(std::move(payload));
    }
    if (equal_ignoring_case(action, "GetConfiguration")) {
        return redacted_configuration(std::move(payload));
    }
    return holds(payload, authorization_key) ? std::string{hidden} : std::move(payload);
}

}  // namespace busbar::db
