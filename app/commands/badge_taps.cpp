#include "app/commands/badge_taps.hpp"

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "app/commands/rest.hpp"

namespace busbar::app::commands {
namespace {

std::string member_of(const RestAnswer& answer, std::string_view name) {
    for (const auto& [member, json] : members_of(answer.body)) {
        if (member == name) return plain(json);
    }
    return "";
}

int erase_badge(const std::string& id_tag, bool is_certain) {
    if (!is_certain) return fail("this cannot be undone: say --yes if that is what you want");
    return with_server("admin", [&](RestClient& client) {
        const auto answer =
            client.ask_for({.method = "POST", .path = "/badges/" + url_segment(id_tag) + "/erase"});
        if (!answer) return 1;
        std::printf("erased; what it charged stays under %s\n",
                    member_of(*answer, "pseudonym").c_str());
        return 0;
    });
}

struct LearnOptions {
    std::optional<std::string> charge_point;
    std::optional<std::int32_t> seconds;
    bool json = false;
};

int learn(const LearnOptions& options) {
    JsonObject wish;
    wish.add("chargePointId", options.charge_point);
    wish.add("seconds", options.seconds);
    return with_server("operator", [&](RestClient& client) {
        const auto started =
            client.ask_for({.method = "POST", .path = "/badges/learn", .body = wish.text()});
        if (!started) return 1;
        std::fputs("hold the badge to the charger now\n", stderr);
        const auto before = member_of(*started, "learned");
        for (;;) {
            const auto state = client.ask_for({.path = "/badges/learn"});
            if (!state) return 1;
            const auto learned = member_of(*state, "learned");
            if (learned != before && !learned.empty()) {
                if (options.json) {
                    std::puts(learned.c_str());
                } else {
                    print_members(learned);
                }
                return 0;
            }
            if (member_of(*state, "active") == "false") return fail("no unknown badge was tapped");
            wait_between_questions();
        }
    });
}

int list_unknown(bool json) {
    return with_server("operator", [&](RestClient& client) {
        const auto items = ask_for_items(client, {.path = "/unknown-badges"}, 100'000);
        if (!items) return 1;
        if (json) {
            print_json(*items);
            return 0;
        }
        print_table(
            *items,
            {{"idTag", 20}, {"taps", 5}, {"lastAt", 24}, {"chargePoint", 16}, {"likely", 0}},
            "no unknown badges");
        return 0;
    });
}

std::string unknown_path(const std::string& id_tag) {
    return "/unknown-badges/" + url_segment(id_tag);
}

struct AdoptOptions {
    std::string id_tag;
    std::optional<std::string> label;
    std::optional<std::string> holder;
    std::optional<std::string> group;
};

int adopt(const AdoptOptions& options) {
    JsonObject badge;
    badge.add("label", options.label);
    badge.add("holder", options.holder);
    badge.add("group", options.group);
    return with_server("operator", [&](RestClient& client) {
        const auto answer = client.ask_for(
            {.method = "POST", .path = unknown_path(options.id_tag), .body = badge.text()});
        if (!answer) return 1;
        std::printf("badge %s added\n", member_of(*answer, "idTag").c_str());
        return 0;
    });
}

int forget(const std::string& id_tag) {
    return with_server("operator", [&](RestClient& client) {
        if (!client.ask_for({.method = "DELETE", .path = unknown_path(id_tag)})) return 1;
        std::printf("%s forgotten\n", id_tag.c_str());
        return 0;
    });
}

}  // namespace

void add_badge_taps(CLI::App& badge, int& exit_code) {
    auto id_tag = std::make_shared<std::string>();
    auto is_certain = std::make_shared<bool>(false);
    auto* erase_command = badge.add_subcommand(
        "erase", "Forget whose a badge was, for ever; what it charged stays under a pseudonym");
    erase_command->add_option("IDTAG", *id_tag, "The badge")->required();
    erase_command->add_flag("--yes", *is_certain, "It cannot be undone");
    erase_command->callback(
        [id_tag, is_certain, &exit_code] { exit_code = erase_badge(*id_tag, *is_certain); });

    auto options = std::make_shared<LearnOptions>();
    auto* learn_command =
        badge.add_subcommand("learn", "Wait for the next unknown badge that is held to a charger");
    learn_command->add_option("--charge-point", options->charge_point,
                              "Only at this charger (default: any)");
    learn_command->add_option("--seconds", options->seconds, "For so long (default 60)");
    learn_command->add_flag("--json", options->json, "As JSON");
    learn_command->callback([options, &exit_code] { exit_code = learn(*options); });
}

void add_unknown_badge(CLI::App& root, int& exit_code) {
    auto* unknown =
        root.add_subcommand("unknown-badge", "Badges that were tapped and that nobody knows");
    unknown->require_subcommand(1);
    auto json = std::make_shared<bool>(false);
    auto* list_command = unknown->add_subcommand("list", "List them, the last tap first");
    list_command->add_flag("--json", *json, "As JSON");
    list_command->callback([json, &exit_code] { exit_code = list_unknown(*json); });

    auto options = std::make_shared<AdoptOptions>();
    auto* add_command = unknown->add_subcommand("add", "Make a badge of one");
    add_command->add_option("IDTAG", options->id_tag, "As it is in the list")->required();
    add_command->add_option("--label", options->label, "What people call it");
    add_command->add_option("--holder", options->holder, "Who carries it");
    add_command->add_option("--group", options->group, "Badges of one group stop each other");
    add_command->callback([options, &exit_code] { exit_code = adopt(*options); });
    auto* forget_command = unknown->add_subcommand("forget", "Forget its taps");
    forget_command->add_option("IDTAG", options->id_tag, "As it is in the list")->required();
    forget_command->callback([options, &exit_code] { exit_code = forget(options->id_tag); });
}

}  // namespace busbar::app::commands
