// `busbar charge-point list|accept|reject|send`: which chargers may connect. An accepted one that
// the site does not know yet is registered ahead.
#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>

#include "api/settings_view.hpp"
#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "app/commands/send.hpp"
#include "base/codec.hpp"
#include "base/secrets.hpp"
#include "db/administration.hpp"
#include "site/charge_points.hpp"

namespace busbar::app::commands {
namespace {

struct ChargePointView {
    std::string id;
    std::string state;
    std::optional<std::string> label;
    bool hasPassword = false;
    double maxAmps = 0;
    std::string phaseMap;
};
BOOST_DESCRIBE_STRUCT(ChargePointView, (), (id, state, label, hasPassword, maxAmps, phaseMap))

struct AcceptOptions {
    std::string id;
    std::optional<std::string> label;
    std::optional<double> max_amps;
    std::optional<std::string> phase_map;
    bool password_from_input = false;
};

// The row of a charge point that is changed, and the entry that says so.
std::vector<db::Record> change(const std::optional<db::ChargePointSaved>& before,
                               const db::ChargePointSaved& after) {
    auto entry = db::command_line_entry(before ? "update" : "create", "charge-point", after.id);
    if (before) entry.before = RawJson{api::settings_json(*before)};
    entry.after = RawJson{api::settings_json(after)};
    return {after, std::move(entry)};
}

std::optional<db::ChargePointSaved> find(const std::vector<db::ChargePointSaved>& present,
                                         const std::string& id) {
    for (const auto& known : present) {
        if (known.id == id) return known;
    }
    return std::nullopt;
}

int accept(const AcceptOptions& options) {
    std::optional<std::string> password_hash;
    if (options.password_from_input) {
        // Not an argument: arguments show in process lists and shell histories.
        std::string password;
        if (!std::getline(std::cin, password) || password.empty()) {
            return fail("no password came on standard input");
        }
        password_hash = hash_password(password);
    }
    return with_database([&](const std::string& url) {
        std::vector<Violation> violations;
        db::edit_charge_points(url, [&](const std::vector<db::ChargePointSaved>& present) {
            const auto before = find(present, options.id);
            auto settings = before.value_or(site::default_settings(options.id));
            settings.state = "accepted";
            if (options.label) settings.label = options.label;
            if (options.max_amps)
                settings.max_milliamps = Amps::from_double(*options.max_amps).milliamps;
            if (options.phase_map) settings.phase_map = *options.phase_map;
            if (password_hash) settings.password_hash = password_hash;
            violations = site::check(settings);
            return violations.empty() ? change(before, settings) : std::vector<db::Record>{};
        });
        for (const auto& violation : violations) fail(violation.pointer + ": " + violation.detail);
        if (!violations.empty()) return 1;
        std::printf("charge point %s accepted\n", options.id.c_str());
        return 0;
    });
}

int reject(const std::string& id) {
    return with_database([&](const std::string& url) {
        bool is_known = false;
        db::edit_charge_points(url, [&](const std::vector<db::ChargePointSaved>& present) {
            const auto before = find(present, id);
            is_known = before.has_value();
            if (!before) return std::vector<db::Record>{};
            auto settings = *before;
            settings.state = "rejected";
            return change(before, settings);
        });
        if (!is_known) return fail("there is no charge point " + id);
        std::printf("charge point %s rejected\n", id.c_str());
        return 0;
    });
}

int list(bool json) {
    return with_database([&](const std::string& url) {
        std::vector<ChargePointView> views;
        for (const auto& row : db::charge_points(url)) {
            views.push_back({row.id, row.state, row.label, row.password_hash.has_value(),
                             Amps::from_milliamps(row.max_milliamps).to_double(), row.phase_map});
        }
        if (json) {
            std::puts(to_json(views).c_str());
            return 0;
        }
        for (const auto& view : views) {
            std::printf("%-24s  %-8s  %5.1f A  %-3s  %s\n", view.id.c_str(), view.state.c_str(),
                        view.maxAmps, view.phaseMap.c_str(), view.label.value_or("").c_str());
        }
        if (views.empty()) {
            std::puts("no charge points yet: register one with 'busbar charge-point accept ID'");
        }
        return 0;
    });
}

}  // namespace

void add_charge_point(CLI::App& root, int& exit_code) {
    auto* group = root.add_subcommand("charge-point", "Chargers: which may connect");
    group->require_subcommand(1);

    auto options = std::make_shared<AcceptOptions>();
    auto* accept_command = group->add_subcommand("accept", "Let a charger in; registers it if new");
    accept_command->add_option("ID", options->id, "Its identity: the end of its URL")->required();
    accept_command->add_option("--label", options->label, "What people call it");
    accept_command->add_option("--max-amps", options->max_amps, "Its breaker, A per phase");
    accept_command->add_option("--phase-map", options->phase_map,
                               "How its L1 L2 L3 are wired to the grid: RST, STR, ..., L1, L2, L3");
    accept_command->add_flag("--password-stdin", options->password_from_input,
                             "Read its Basic password from standard input");
    accept_command->callback([options, &exit_code] { exit_code = accept(*options); });

    auto id = std::make_shared<std::string>();
    auto* reject_command = group->add_subcommand("reject", "Keep a charger out");
    reject_command->add_option("ID", *id, "Its identity")->required();
    reject_command->callback([id, &exit_code] { exit_code = reject(*id); });

    auto json = std::make_shared<bool>(false);
    auto* list_command = group->add_subcommand("list", "List all chargers");
    list_command->add_flag("--json", *json, "As JSON");
    list_command->callback([json, &exit_code] { exit_code = list(*json); });

    add_charge_point_send(*group, exit_code);
}

}  // namespace busbar::app::commands
