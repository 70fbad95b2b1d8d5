// JSON as text, for what a codec refuses to write: a distorted message is made from a good one by
// editing its text. Works on valid JSON; anything else comes back as it was. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace busbar::sim {

// The elements of an array as they are written, without blanks around them; nothing if it is none.
std::vector<std::string_view> array_elements(std::string_view array);

// What a member becomes: a new JSON value, or nothing to leave it out.
using MemberEdit = std::function<std::optional<std::string>(std::string_view value)>;

// The text with every member of that name, at any depth, edited.
std::string edit_members(std::string_view json, std::string_view name, const MemberEdit& edit);

// The value of the first member of that name, as it is written; nothing if there is none.
std::optional<std::string> member_text(std::string_view json, std::string_view name);

// With each element of every array of that name edited; nothing leaves one out.
std::string edit_elements(std::string_view json, std::string_view array_name,
                          const MemberEdit& edit);

// An object with `members` ("\"a\":1") put in front of its own.
std::string with_members(std::string_view object, std::string_view members);

// A JSON text without its quotes, when no escapes are in it; any other value as it is written.
std::string_view unquoted(std::string_view value);

std::string quoted(std::string_view text);

}  // namespace busbar::sim
