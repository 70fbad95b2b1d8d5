// Text that should be OCPP-J and cannot be parsed, mended as far as that is safe: what chargers are
// known to do wrong in framing and in JSON. For the rare frame; a valid one is never looked at.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace busbar::ocpp {

// What a text holds once it is mended.
struct MendedText {
    std::string text;
    // Its arrays, each with the part of `text` it takes, as offset and size. Blanks, commas and NUL
    // bytes stand between them, if anything does.
    struct Part {
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    std::vector<Part> arrays;
    std::optional<Part> unfinished;  // the beginning of an array, to the end of the text
    // Kinds for counting, each once: "byte_order_mark", "nul_bytes", "raw_control_characters",
    // "invalid_utf8", "lone_surrogate", "bad_escape", "stray_comma", "thousands_separator",
    // "trailing_garbage", "several_in_one_frame".
    std::vector<std::string_view> kinds;

    std::string_view part(Part part) const {
        return std::string_view{text}.substr(part.offset, part.size);
    }
};

// Drops what cannot belong to a message (byte order mark, NUL bytes, commas where no value is,
// anything behind the last array) and makes valid text of strings: raw control characters are
// escaped, what is no Unicode becomes U+FFFD. Commas between the thousands of an integer go where
// nothing else can be meant. At most `arrays_max` arrays; the rest is garbage.
// Text that does not begin with an array gives none. The result may still be no JSON.
MendedText mend(std::string_view text, std::size_t arrays_max);

// The closing brackets a text lacks that ends between two values; nothing if it ends within a text,
// a number or a name, of which more may be missing.
std::optional<std::string> missing_brackets(std::string_view text);

}  // namespace busbar::ocpp
