// Giving a charger a new Basic password over OCPP (security white paper, A01 and A02) without ever
// locking it out: until the charger has agreed, or shown that it uses the new one, the old one
// holds too, over crashes and lost answers. Site loop.
#pragma once

#include <functional>
#include <string>

#include "site/commands.hpp"

namespace busbar::site {

// Makes both passwords durable, sends the new one, and keeps what the charger agreed to: Accepted
// ends the old one at once (A01.FR.03), a refusal ends the new one, silence leaves both. The
// charger must be connected, `value` be hexadecimal.
void change_authorization_key(Site& site, ChargePoint& charger, const std::string& value,
                              std::function<void(CommandResult)> done);

// The charger has connected with its new password: the one before ends.
void new_password_used(Site& site, ChargePoint& charger);

}  // namespace busbar::site
