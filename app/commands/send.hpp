// `busbar charge-point send`: an OCPP request to a charger through the running server.
#pragma once

namespace CLI {
class App;
}

namespace busbar::app::commands {

// Hangs `send` on the group charge-point.
void add_charge_point_send(CLI::App& group, int& exit_code);

}  // namespace busbar::app::commands
