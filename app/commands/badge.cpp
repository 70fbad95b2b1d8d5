// `busbar badge add|list|block|remove`: badges, edited in the database; a running server hears of
// it within a second.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "base/codec.hpp"
#include "db/administration.hpp"
#include "site/badges.hpp"

namespace busbar::app::commands {
namespace {

// A badge as the REST interface shows it.
struct BadgeView {
    std::string idTag;
    std::optional<std::string> label;
    std::optional<std::string> holder;
    std::string status;
    std::optional<Timestamp> validUntil;
    std::optional<std::string> group;
};
BOOST_DESCRIBE_STRUCT(BadgeView, (), (idTag, label, holder, status, validUntil, group))

struct AddOptions {
    std::string id_tag;
    std::optional<std::string> label;
    std::optional<std::string> holder;
    std::optional<std::string> group;
    std::optional<std::string> valid_until;
};

int add(const AddOptions& options) {
    db::BadgeSaved badge;
    badge.id_tag = options.id_tag;
    badge.label = options.label;
    badge.holder = options.holder;
    badge.group = options.group;
    badge.status = "active";
    if (options.valid_until) {
        const auto until = parse_timestamp(*options.valid_until);
        if (!until) {
            return fail("--valid-until: '" + *options.valid_until +
                        "' is no date-time like 2027-12-31T23:59:59Z");
        }
        badge.valid_until = until->time;
    }
    const auto violations = site::check(badge);
    for (const auto& violation : violations) fail(violation.pointer + ": " + violation.detail);
    if (!violations.empty()) return 1;
    return with_database([&](const std::string& url) {
        if (!db::add_badge(url, badge))
            return fail("there is a badge " + badge.id_tag + " already");
        std::printf("badge %s added\n", badge.id_tag.c_str());
        return 0;
    });
}

int list(bool json) {
    return with_database([&](const std::string& url) {
        std::vector<BadgeView> views;
        for (auto& row : db::badges(url)) {
            views.push_back(
                {row.id_tag, row.label, row.holder, row.status, row.valid_until, row.group});
        }
        if (json) {
            std::puts(to_json(views, TimeStyle::milliseconds).c_str());
            return 0;
        }
        for (const auto& view : views) {
            std::printf("%-20s  %-7s  %-24s  %s\n", view.idTag.c_str(), view.status.c_str(),
                        view.label.value_or("").c_str(), view.holder.value_or("").c_str());
        }
        if (views.empty()) std::puts("no badges yet: add one with 'busbar badge add IDTAG'");
        return 0;
    });
}

int change(const std::string& id_tag, bool (*edit)(const std::string&, const std::string&),
           const char* done) {
    return with_database([&](const std::string& url) {
        if (!edit(url, id_tag)) return fail("there is no badge " + id_tag);
        std::printf("badge %s %s\n", id_tag.c_str(), done);
        return 0;
    });
}

}  // namespace

void add_badge(CLI::App& root, int& exit_code) {
    auto* badge = root.add_subcommand("badge", "RFID badges: who may charge");
    badge->require_subcommand(1);

    auto options = std::make_shared<AddOptions>();
    auto* add_command = badge->add_subcommand("add", "Add a badge");
    add_command->add_option("IDTAG", options->id_tag, "What the reader sends")->required();
    add_command->add_option("--label", options->label, "What is printed on it");
    add_command->add_option("--holder", options->holder, "Who carries it");
    add_command->add_option("--group", options->group, "Badges of one group stop each other");
    add_command->add_option("--valid-until", options->valid_until, "RFC 3339 date-time");
    add_command->callback([options, &exit_code] { exit_code = add(*options); });

    auto json = std::make_shared<bool>(false);
    auto* list_command = badge->add_subcommand("list", "List all badges");
    list_command->add_flag("--json", *json, "As JSON");
    list_command->callback([json, &exit_code] { exit_code = list(*json); });

    const auto add_change = [&](const char* name, const char* help, auto edit, const char* done) {
        auto id_tag = std::make_shared<std::string>();
        auto* command = badge->add_subcommand(name, help);
        command->add_option("IDTAG", *id_tag, "The badge")->required();
        command->callback(
            [id_tag, edit, done, &exit_code] { exit_code = change(*id_tag, edit, done); });
    };
    add_change("block", "Refuse a badge from now on", &db::block_badge, "blocked");
    add_change("remove", "Forget a badge; its transactions stay", &db::remove_badge, "removed");
}

}  // namespace busbar::app::commands
