// `busbar badge import|export`: all badges as a CSV file. Part of the subcommand badge.
#pragma once

namespace CLI {
class App;
}

namespace busbar::app::commands {

void add_badge_table(CLI::App& badge, int& exit_code);

}  // namespace busbar::app::commands
