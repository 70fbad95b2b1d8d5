// `busbar simulate`: chargers, cars, a building and its meter, against any OCPP 1.6J server.
#pragma once

namespace CLI {
class App;
}

namespace busbar::app::commands {

// Adds `simulate` to the program. It runs until SIGINT, SIGTERM or --duration and sets exit_code:
// 0 done, 1 not one charger was accepted or the meter cannot listen, 2 wrong options.
void add_simulate(CLI::App& root, int& exit_code);

}  // namespace busbar::app::commands
