// `busbar group list|show|set|remove`: what is set for all badges of a group, through the running
// server.
#include <cstdio>
#include <functional>
#include <memory>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "app/commands/rest.hpp"

namespace busbar::app::commands {
namespace {

std::string path_of(const std::string& name) { return "/groups/" + url_segment(name); }

int list(bool json) {
    return with_server("viewer", [&](RestClient& client) {
        const auto items = ask_for_items(client, {.path = "/groups"}, 100'000);
        if (!items) return 1;
        if (json) {
            print_json(*items);
            return 0;
        }
        print_table(*items,
                    {{"name", 20},
                     {"badges", 6},
                     {"maxActiveTransactions", 4},
                     {"costCentre", 16},
                     {"label", 0}},
                    "no groups: one is there as soon as a badge names it");
        return 0;
    });
}

int show(const std::string& name, bool json) {
    return with_server("viewer", [&](RestClient& client) {
        const auto answer = client.ask_for({.path = path_of(name)});
        if (!answer) return 1;
        if (json) return print_json(*answer);
        print_members(answer->body);
        return 0;
    });
}

struct SetOptions {
    std::string name;
    std::string label;
    std::string cost_centre;
    std::string active_max;
    std::string note;
};

// What is given, where an empty text means nothing. `is_given` knows what stands on the command
// line.
int set(const SetOptions& options, const std::function<bool(const char* option)>& is_given) {
    JsonObject edit;
    const auto add_text = [&](const char* option, const char* member, const std::string& text) {
        if (is_given(option)) edit.add_raw(member, text.empty() ? "null" : to_json(text));
    };
    add_text("--label", "label", options.label);
    add_text("--cost-centre", "costCentre", options.cost_centre);
    add_text("--note", "note", options.note);
    if (is_given("--max-active-transactions")) {
        const auto& most = options.active_max;
        if (most.size() > 9 || most.find_first_not_of("0123456789") != std::string::npos) {
            return fail("--max-active-transactions: must be a whole number, or empty");
        }
        edit.add_raw("maxActiveTransactions",
                     most.empty() ? "null" : std::to_string(std::stol(most)));
    }
    return with_server("operator", [&](RestClient& client) {
        const auto known = client.ask({.path = path_of(options.name)});
        if (!known) return 1;
        RestRequest request{.method = "PATCH", .path = path_of(options.name), .body = edit.text()};
        if (known->status == 404) {
            // Nobody is in it yet.
            edit.add("name", std::optional{options.name});
            request = {.method = "POST", .path = "/groups", .body = edit.text()};
        } else if (!known->is_good()) {
            return tell_refusal(*known);
        }
        if (!client.ask_for(request)) return 1;
        std::printf("group %s set\n", options.name.c_str());
        return 0;
    });
}

int remove(const std::string& name) {
    return with_server("operator", [&](RestClient& client) {
        if (!client.ask_for({.method = "DELETE", .path = path_of(name)})) return 1;
        std::printf("nothing is set for group %s any more\n", name.c_str());
        return 0;
    });
}

}  // namespace

void add_group(CLI::App& root, int& exit_code) {
    auto* group = root.add_subcommand("group", "Groups of badges: what is set for all of them");
    group->require_subcommand(1);
    auto json = std::make_shared<bool>(false);
    auto options = std::make_shared<SetOptions>();
    auto* list_command = group->add_subcommand("list", "List all groups");
    list_command->add_flag("--json", *json, "As JSON");
    list_command->callback([json, &exit_code] { exit_code = list(*json); });

    const auto with_name = [&](const char* name, const char* help) {
        auto* command = group->add_subcommand(name, help);
        command->add_option("NAME", options->name, "The group")->required();
        return command;
    };
    auto* show_command = with_name("show", "What is set for a group");
    show_command->add_flag("--json", *json, "As JSON");
    show_command->callback([options, json, &exit_code] { exit_code = show(options->name, *json); });
    auto* set_command = with_name("set", "Set something for a group; an empty text: nothing");
    set_command->add_option("--label", options->label, "What people call it");
    set_command->add_option("--cost-centre", options->cost_centre,
                            "Who pays, for badges that do not say so");
    set_command->add_option("--max-active-transactions", options->active_max,
                            "How many at a time, all its badges together");
    set_command->add_option("--note", options->note, "Whatever else should be known");
    set_command->callback([options, set_command, &exit_code] {
        exit_code =
            set(*options, [&](const char* option) { return set_command->count(option) > 0; });
    });
    with_name("remove", "Set nothing for a group any more; its badges stay in it")
        ->callback([options, &exit_code] { exit_code = remove(options->name); });
}

}  // namespace busbar::app::commands
