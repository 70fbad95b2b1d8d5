// What shows in a profile only when its parts are looked at together (internal to meters/profile).
//
// Pure; may be called from any thread.
#pragma once

#include <string_view>
#include <vector>

#include "meters/profile.hpp"

namespace busbar::meters {

// Names used twice or not known, directions that nothing tells, registers that must not be read.
std::vector<ProfileProblem> check_profile(const Profile& profile);

// The line of a valid JSON text, from 1, that a JSON pointer leads to. Where there is no such
// member: the line of what should contain it.
int line_of(std::string_view json_text, std::string_view pointer);

// The line that holds the byte with this number.
int line_of_byte(std::string_view text, std::size_t byte);

}  // namespace busbar::meters
