// What the subcommands that edit the database share.
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace busbar::app::commands {

// Runs `work` with the url of the configured database, its schema brought up to date. Returns its
// exit code, or 1 after saying on stderr why there is no usable database.
int with_database(const std::function<int(const std::string& url)>& work);

// Prints a problem on stderr; returns 1.
int fail(const std::string& what);

}  // namespace busbar::app::commands
