// All subcommands. Each add_* hangs one on the root; its callback sets the exit code: 0 done,
// 1 failed (wrong usage is CLI11's, and 2).
#pragma once

namespace CLI {
class App;
}

namespace busbar::app::commands {

void add_all(CLI::App& root, int& exit_code);

void add_serve(CLI::App& root, int& exit_code);
void add_plan(CLI::App& root, int& exit_code);
void add_badge(CLI::App& root, int& exit_code);
void add_token(CLI::App& root, int& exit_code);
void add_charge_point(CLI::App& root, int& exit_code);
void add_group(CLI::App& root, int& exit_code);
void add_unknown_badge(CLI::App& root, int& exit_code);
void add_transaction(CLI::App& root, int& exit_code);
void add_report(CLI::App& root, int& exit_code);
void add_tariff(CLI::App& root, int& exit_code);
void add_audit(CLI::App& root, int& exit_code);
void add_migrate(CLI::App& root, int& exit_code);

}  // namespace busbar::app::commands
