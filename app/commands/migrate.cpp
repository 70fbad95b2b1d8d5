// `busbar migrate`: brings the schema of the database up to date (the server does it by itself).
#include <cstdio>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "db/migrate.hpp"

namespace busbar::app::commands {

void add_migrate(CLI::App& root, int& exit_code) {
    auto* command = root.add_subcommand("migrate", "Bring the database schema up to date");
    command->callback([&exit_code] {
        exit_code = with_database([](const std::string& url) {
            std::printf("schema version %d\n", db::migrate(url));
            return 0;
        });
    });
}

}  // namespace busbar::app::commands
