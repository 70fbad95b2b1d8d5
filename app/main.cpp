// The program: one subcommand a file in commands/.
#include <cstdio>
#include <exception>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"

int main(int argc, char** argv) {
    // What a command prints on stdout is for scripts.
    spdlog::set_default_logger(spdlog::stderr_logger_mt("command"));
    CLI::App app{"Busbar: OCPP 1.6J central system and load manager for one site"};
    app.set_version_flag("--version", BUSBAR_VERSION);
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::help);
    int exit_code = 0;
    busbar::app::commands::add_all(app, exit_code);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        constexpr int wrong_usage = 2;
        // CLI11 would only say that a subcommand is required.
        const auto unknown = app.remaining(true);
        if (error.get_name() == "RequiredError" && !unknown.empty()) {
            std::fprintf(stderr, "busbar: there is no '%s' here (see --help)\n",
                         unknown.front().c_str());
            return wrong_usage;
        }
        return app.exit(error) == 0 ? 0 : wrong_usage;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "busbar: %s\n", error.what());
        return 1;
    }
    return exit_code;
}
