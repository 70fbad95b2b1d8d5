// `busbar meter`: the profiles this program knows, and a meter read through one of them.
//
// For installers at a terminal and for scripts; runs on the main thread and needs no server.
#pragma once

namespace CLI {
class App;
}

namespace busbar::app::commands {

// Adds `meter profiles` and `meter read` to the program. A command that ran sets exit_code: 0 done,
// 1 the meter cannot be read, 2 no such profile.
void add_meter(CLI::App& root, int& exit_code);

}  // namespace busbar::app::commands
