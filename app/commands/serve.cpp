// `busbar serve`: the server.
#include <cstdio>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/compose.hpp"
#include "app/config.hpp"

namespace busbar::app::commands {
namespace {

struct Options {
    std::optional<std::string> config;
    bool demo = false;
    bool print_config = false;
};

// Listeners go to stdout, everything else to stderr.
void set_up_log(const std::string& level) {
    auto log = spdlog::stderr_color_mt("busbar");
    log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    log->set_level(spdlog::level::from_str(level));
    spdlog::set_default_logger(std::move(log));
}

int serve(const Options& options) {
    auto read = read_config_file(options.config);
    if (const auto* problems = std::get_if<std::vector<ConfigProblem>>(&read)) {
        for (const auto& problem : *problems) {
            std::fprintf(stderr, "busbar: %s\n", to_string(problem).c_str());
        }
        return 1;
    }
    const auto& config = std::get<Config>(read);
    if (options.print_config) {
        std::fputs(print_config(config).c_str(), stdout);
        return 0;
    }
    if (config.database_url.empty()) {
        std::fputs(
            "busbar: no database: set [database] url or BUSBAR_DATABASE_URL, or start "
            "Busbar with script/server, which keeps a database of its own\n",
            stderr);
        return 1;
    }
    set_up_log(config.log_level);
    Server server{config, {.demo = options.demo}};
    server.run();
    return 0;
}

}  // namespace

void add_serve(CLI::App& root, int& exit_code) {
    auto* command = root.add_subcommand("serve", "Run the server");
    auto options = std::make_shared<Options>();
    command->add_option("--config", options->config, "TOML file (default: BUSBAR_CONFIG)")
        ->type_name("FILE");
    command->add_flag("--demo", options->demo,
                      "Simulated chargers and a simulated building meter beside the server");
    command->add_flag("--print-config", options->print_config,
                      "Show what is in force, secrets masked, and end");
    command->callback([options, &exit_code] { exit_code = serve(*options); });
}

}  // namespace busbar::app::commands
