// The small text codings of HTTP: base64, percent-encoding, comma lists and problem documents.
// All pure; peers' text is judged here and never trusted.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace busbar::net {

// RFC 4648 base64 with padding.
std::string base64_encode(std::string_view bytes);

// Reads base64 with or without padding, in the standard or the URL alphabet (both are met in
// Authorization headers). Nothing if any other character occurs.
std::optional<std::string> base64_decode(std::string_view text);

// Replaces %XX once; `plus_is_space` as in query strings. Nothing if an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// Text without blanks and tabs at its ends.
std::string_view trimmed(std::string_view text);

// Appends the trimmed, non-empty members of a comma list.
void append_list(std::vector<std::string>& out, std::string_view list);

// The credentials of "Basic ...", decoded to bytes; nothing for another scheme or bad base64.
std::optional<std::string> basic_credentials(std::string_view authorization);

// At most `length_max` bytes of what a peer sent, unprintable bytes shown as \xNN: for logs.
std::string printable(std::string_view bytes, std::size_t length_max);

// An RFC 9457 problem document. `title` and `detail` are our own text: no quotes or backslashes.
std::string problem_json(int status, std::string_view title, std::string_view detail);

}  // namespace busbar::net
