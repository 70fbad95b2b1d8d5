// English sentences for the reasons of load management, for logs, the command line and the REST
// interface. Pure functions.
#pragma once

#include <string>

#include "dlm/model.hpp"

namespace busbar::dlm {

// One sentence without a full stop; a reason with an unknown code is printed with its parameters.
std::string explain(const Reason& reason);

// "7.5 A": as many decimals as needed, at most three.
std::string to_text(Amps amps);

}  // namespace busbar::dlm
