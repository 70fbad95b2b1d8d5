// Keeps secrets out of the message log. Pure.
#pragma once

#include <string>
#include <string_view>

namespace busbar::db {

// The payload of a message of this action with "***" for the values of configuration keys that are
// secrets (AuthorizationKey, passwords). A payload that mentions such a key and cannot be read is
// replaced as a whole.
std::string redacted(std::string_view action, std::string payload);

}  // namespace busbar::db
