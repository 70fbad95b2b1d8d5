// `busbar badge erase|learn` and `busbar unknown-badge list|add|forget`: what the running server
// alone can do with badges.
#pragma once

namespace CLI {
class App;
}

namespace busbar::app::commands {

// Hangs `erase` and `learn` on the group badge.
void add_badge_taps(CLI::App& badge, int& exit_code);

}  // namespace busbar::app::commands
