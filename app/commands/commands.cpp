#include "app/commands/commands.hpp"

#include "app/commands/meter.hpp"
#include "app/commands/simulate.hpp"

namespace busbar::app::commands {

void add_all(CLI::App& root, int& exit_code) {
    add_serve(root, exit_code);
    add_simulate(root, exit_code);
    add_plan(root, exit_code);
    add_badge(root, exit_code);
    add_unknown_badge(root, exit_code);
    add_group(root, exit_code);
    add_transaction(root, exit_code);
    add_report(root, exit_code);
    add_tariff(root, exit_code);
    add_audit(root, exit_code);
    add_token(root, exit_code);
    add_charge_point(root, exit_code);
    add_meter(root, exit_code);
    add_migrate(root, exit_code);
}

}  // namespace busbar::app::commands
