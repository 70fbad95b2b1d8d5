// JSON as text: strings written safely, nesting measured before a parser sees it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace busbar {

// Appends the text as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Nesting that decode_text and ocpp::Session accept (ruling R9).
inline constexpr int json_depth_max = 16;

// The deepest nesting of brackets outside strings; cheap, and safe on text that is not JSON.
int json_depth(std::string_view text);

}  // namespace busbar
