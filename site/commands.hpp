// What an operator or a program asks a charger to do: validated, checked against the state of the
// site, sent, and its answer passed on. Site loop.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/violation.hpp"
#include "site/site.hpp"

namespace busbar::site {

// Why a command brought no answer of the charger's own.
struct CommandFailure {
    enum class Kind {
        unknown_charge_point,
        unknown_action,   // `detail` lists the known ones
        invalid_payload,  // see `violations`
        not_connected,
        not_allowed_now,  // the state of the charger forbids it
        refused,          // CALLERROR: see error_code and detail
        timeout,
        busy,  // not sent: the charger has not answered what it was asked before
        disconnected
    };
    Kind kind{};
    std::string detail;
    std::vector<Violation> violations;
    std::string error_code;
};

// What the charger answered.
struct CommandAnswer {
    std::string payload;                    // its response payload as JSON text
    std::optional<std::int64_t> operation;  // the one that follows what comes after
};

using CommandResult = std::variant<CommandFailure, CommandAnswer>;

// So long a command may wait to be sent: whoever asked has gone by then, or has asked again.
inline constexpr std::chrono::seconds command_queue_timeout{60};

// The configuration key that holds the charger's Basic password (security white paper, A02).
inline constexpr std::string_view authorization_key = "AuthorizationKey";

// Sends `action` with this JSON payload to the charger. `done` runs once, now or later.
void command(Site& site, std::string_view charge_point, std::string_view action,
             std::string_view payload, Now now, std::function<void(CommandResult)> done);

}  // namespace busbar::site
