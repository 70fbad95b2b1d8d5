// `busbar badge add|edit|list|show|block|unblock|remove`: badges, edited in the database; a running
// server hears of it within a second. `import` and `export` are in badge_table.cpp, `erase` and
// `learn` in badge_taps.cpp.
#include <algorithm>
#include <cstdio>
#include <functional>

#include <CLI/CLI.hpp>

#include "api/badge_view.hpp"
#include "app/commands/badge_table.hpp"
#include "app/commands/badge_taps.hpp"
#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "app/commands/rest.hpp"
#include "base/codec.hpp"
#include "db/administration.hpp"
#include "site/badges.hpp"

namespace busbar::app::commands {
namespace {

struct AddOptions {
    db::BadgeSaved badge;
    std::string valid_from;
    std::string valid_until;
    std::vector<std::string> charge_points;
    std::vector<std::string> charge_point_groups;
};

// Fills in a time that was given; false after saying what is wrong with it.
bool read_time(const char* option, const std::string& text, std::optional<Timestamp>& out) {
    if (text.empty()) return true;
    const auto parsed = parse_timestamp(text);
    if (parsed && parsed->has_offset) {
        out = parsed->time;
        return true;
    }
    fail(std::string{option} + ": '" + text +
         "' is no date-time with its zone, such as 2027-12-31T23:59:59Z");
    return false;
}

const db::BadgeSaved* find(const std::vector<db::BadgeSaved>& present, const std::string& id_tag) {
    const auto it = std::find_if(present.begin(), present.end(), [&](const auto& badge) {
        return equal_ignoring_case(badge.id_tag, id_tag);
    });
    return it == present.end() ? nullptr : &*it;
}

int add(const AddOptions& options) {
    if (refused_for_token()) return 1;
    auto badge = options.badge;
    badge.status = "active";
    const bool has_times = read_time("--valid-from", options.valid_from, badge.valid_from) &&
                           read_time("--valid-until", options.valid_until, badge.valid_until);
    if (!has_times) return 1;
    if (!options.charge_points.empty()) badge.charge_points = options.charge_points;
    if (!options.charge_point_groups.empty()) {
        badge.charge_point_groups = options.charge_point_groups;
    }
    const auto violations = site::check(badge);
    for (const auto& violation : violations) fail(violation.pointer + ": " + violation.detail);
    if (!violations.empty()) return 1;
    return with_database([&](const std::string& url) {
        bool is_known = false;
        db::edit_badges(url, [&](const std::vector<db::BadgeSaved>& present) {
            is_known = find(present, badge.id_tag);
            if (is_known) return std::vector<db::Record>{};
            auto entry = db::command_line_entry("create", "badge", badge.id_tag);
            entry.after = RawJson{api::audit_json(badge)};
            return std::vector<db::Record>{badge, std::move(entry)};
        });
        if (is_known) return fail("there is a badge " + badge.id_tag + " already");
        std::printf("badge %s added\n", badge.id_tag.c_str());
        return 0;
    });
}

struct ListOptions {
    api::BadgeFilter filter;
    bool json = false;
};

int list(const ListOptions& options) {
    return with_database([&](const std::string& url) {
        std::vector<api::BadgeView> views;
        auto rows = db::badges(url);
        std::erase_if(rows, [&](const auto& row) { return !api::fits(row, options.filter); });
        for (const auto& row : rows) views.push_back(api::badge_view(row));
        if (options.json) {
            std::puts(to_json(views, TimeStyle::milliseconds).c_str());
            return 0;
        }
        for (const auto& row : rows) {
            std::printf("%-20s  %-7s  %-24s  %s\n", row.id_tag.c_str(), row.status.c_str(),
                        row.label.value_or("").c_str(), row.holder.value_or("").c_str());
        }
        if (rows.empty()) std::puts("no such badges: add one with 'busbar badge add IDTAG'");
        return 0;
    });
}

// One member a line: `  "label": "Anna",` without the punctuation.
void print_lines(const api::BadgeView& view) {
    const auto print = [](const char* name, const std::string& json) {
        if (json != "null") std::printf("%-22s  %s\n", name, json.c_str());
    };
    print("idTag", to_json(view.idTag));
    print("printedNumber", view.printedNumber.text);
    print("label", view.label.text);
    print("holder", view.holder.text);
    print("email", view.email.text);
    print("group", view.group.text);
    print("costCentre", view.costCentre.text);
    print("status", to_json(view.status));
    print("validFrom", view.validFrom.text);
    print("validUntil", view.validUntil.text);
    print("chargePoints", view.chargePoints.text);
    print("chargePointGroups", view.chargePointGroups.text);
    print("schedule", view.schedule.text);
    print("maxActiveTransactions", std::to_string(view.maxActiveTransactions));
    print("monthlyEnergyQuotaWh", view.monthlyEnergyQuotaWh.text);
    print("chargeMode", view.chargeMode.text);
    print("priorityClass", view.priorityClass.text);
    print("note", view.note.text);
}

int show(const std::string& id_tag, bool json) {
    return with_database([&](const std::string& url) {
        const auto badge = db::badge(url, id_tag);
        if (!badge) return fail("there is no badge " + id_tag);
        const auto view = api::badge_view(*badge);
        if (json)
            std::puts(to_json(view, TimeStyle::milliseconds).c_str());
        else
            print_lines(view);
        return 0;
    });
}

// Changes a badge as `change_badge` does; `done` is what is said of it then.
int change(const std::string& id_tag, const std::function<void(db::BadgeSaved&)>& change_badge,
           const char* done) {
    if (refused_for_token()) return 1;
    return with_database([&](const std::string& url) {
        bool is_known = false;
        std::vector<Violation> violations;
        db::edit_badges(url, [&](const std::vector<db::BadgeSaved>& present) {
            const auto* before = find(present, id_tag);
            is_known = before;
            if (!before) return std::vector<db::Record>{};
            auto after = *before;
            change_badge(after);
            violations = site::check(after);
            if (!violations.empty() || to_json(after) == to_json(*before)) {
                return std::vector<db::Record>{};
            }
            auto entry = db::command_line_entry("update", "badge", after.id_tag);
            entry.before = RawJson{api::audit_json(*before)};
            entry.after = RawJson{api::audit_json(after, before)};
            return std::vector<db::Record>{std::move(after), std::move(entry)};
        });
        if (!is_known) return fail("there is no badge " + id_tag);
        for (const auto& violation : violations) fail(violation.pointer + ": " + violation.detail);
        if (!violations.empty()) return 1;
        std::printf("badge %s %s\n", id_tag.c_str(), done);
        return 0;
    });
}

int set_status(const std::string& id_tag, const char* status, const char* done) {
    return change(
        id_tag, [&](db::BadgeSaved& badge) { badge.status = status; }, done);
}

int remove(const std::string& id_tag) {
    if (refused_for_token()) return 1;
    return with_database([&](const std::string& url) {
        bool is_known = false;
        db::edit_badges(url, [&](const std::vector<db::BadgeSaved>& present) {
            const auto* before = find(present, id_tag);
            is_known = before;
            if (!before) return std::vector<db::Record>{};
            auto entry = db::command_line_entry("delete", "badge", before->id_tag);
            entry.before = RawJson{api::audit_json(*before)};
            return std::vector<db::Record>{db::BadgeRemoved{before->id_tag}, std::move(entry)};
        });
        if (!is_known) return fail("there is no badge " + id_tag);
        std::printf("badge %s removed\n", id_tag.c_str());
        return 0;
    });
}

// Whether an option stands on the command line.
using IsGiven = std::function<bool(const char* option)>;

// What is given takes the place of what is there; an empty text takes it away.
void assign_given(db::BadgeSaved& badge, const AddOptions& options, const IsGiven& is_given) {
    const auto& given = options.badge;
    const auto assign = [&](const char* option, auto& to, const auto& from) {
        if (!is_given(option)) return;
        to = from;
        if constexpr (std::is_same_v<decltype(to), std::optional<std::string>&>) {
            if (to && to->empty()) to.reset();
        }
    };
    assign("--printed-number", badge.printed_number, given.printed_number);
    assign("--label", badge.label, given.label);
    assign("--holder", badge.holder, given.holder);
    assign("--email", badge.email, given.email);
    assign("--group", badge.group, given.group);
    assign("--cost-centre", badge.cost_centre, given.cost_centre);
    assign("--valid-from", badge.valid_from, given.valid_from);
    assign("--valid-until", badge.valid_until, given.valid_until);
    assign("--charge-point", badge.charge_points, options.charge_points);
    assign("--charge-point-group", badge.charge_point_groups, options.charge_point_groups);
    assign("--schedule", badge.schedule, given.schedule);
    assign("--max-active-transactions", badge.max_active_transactions,
           given.max_active_transactions);
    assign("--monthly-quota-wh", badge.monthly_energy_quota_wh, given.monthly_energy_quota_wh);
    assign("--charge-mode", badge.charge_mode, given.charge_mode);
    assign("--priority-class", badge.priority_class, given.priority_class);
    assign("--note", badge.note, given.note);
}

int edit(AddOptions options, const IsGiven& is_given) {
    auto& given = options.badge;
    const bool has_times = read_time("--valid-from", options.valid_from, given.valid_from) &&
                           read_time("--valid-until", options.valid_until, given.valid_until);
    if (!has_times) return 1;
    return change(
        given.id_tag, [&](db::BadgeSaved& badge) { assign_given(badge, options, is_given); },
        "changed");
}

// A subcommand with an option for each field of a badge.
CLI::App* with_fields(CLI::App& badge, const char* name, const char* help, AddOptions& given) {
    auto* options = &given;
    auto& row = given.badge;
    auto* command = badge.add_subcommand(name, help);
    command->add_option("IDTAG", row.id_tag, "What the reader sends")->required();
    command->add_option("--printed-number", row.printed_number, "The number printed on it");
    command->add_option("--label", row.label, "What people call it");
    command->add_option("--holder", row.holder, "Who carries it");
    command->add_option("--email", row.email, "The holder's address");
    command->add_option("--group", row.group, "Badges of one group stop each other");
    command->add_option("--cost-centre", row.cost_centre, "Who pays");
    command->add_option("--valid-from", options->valid_from, "RFC 3339 date-time");
    command->add_option("--valid-until", options->valid_until, "RFC 3339 date-time");
    command->add_option("--charge-point", options->charge_points,
                        "Where it may charge; may be repeated; without: anywhere");
    command->add_option("--charge-point-group", options->charge_point_groups,
                        "The same for a group of charge points");
    command->add_option("--schedule", row.schedule, "When: \"Mo-Fr 07:00-19:00\"");
    command->add_option("--max-active-transactions", row.max_active_transactions,
                        "How many at a time");
    command->add_option("--monthly-quota-wh", row.monthly_energy_quota_wh, "Wh a month");
    command->add_option("--charge-mode", row.charge_mode, "fast, fair, solar or off_peak");
    command->add_option("--priority-class", row.priority_class, "0 to 9");
    command->add_option("--note", row.note, "Whatever else should be known");
    return command;
}

void hang_add_and_edit(CLI::App& badge, int& exit_code) {
    auto options = std::make_shared<AddOptions>();
    with_fields(badge, "add", "Add a badge", *options)->callback([options, &exit_code] {
        exit_code = add(*options);
    });
    auto* edit_command =
        with_fields(badge, "edit", "Change what is given; an empty text: nothing", *options);
    edit_command->callback([options, edit_command, &exit_code] {
        exit_code =
            edit(*options, [&](const char* option) { return edit_command->count(option) > 0; });
    });
}

}  // namespace

void add_badge(CLI::App& root, int& exit_code) {
    auto* badge = root.add_subcommand("badge", "RFID badges: who may charge");
    badge->require_subcommand(1);
    hang_add_and_edit(*badge, exit_code);

    auto json = std::make_shared<bool>(false);
    auto options = std::make_shared<ListOptions>();
    auto* list_command = badge->add_subcommand("list", "List badges");
    list_command->add_option("--text", options->filter.text, "With this in any of their texts");
    list_command->add_option("--group", options->filter.group, "Of this group");
    list_command->add_option("--status", options->filter.status, "active or blocked")
        ->check(CLI::IsMember({"active", "blocked"}));
    list_command->add_flag("--json", options->json, "As JSON");
    list_command->callback([options, &exit_code] { exit_code = list(*options); });

    const auto with_id_tag = [&](const char* name, const char* help) {
        auto id_tag = std::make_shared<std::string>();
        auto* command = badge->add_subcommand(name, help);
        command->add_option("IDTAG", *id_tag, "The badge")->required();
        return std::pair{command, id_tag};
    };
    const auto [show_command, shown] = with_id_tag("show", "All that is known of a badge");
    show_command->add_flag("--json", *json, "As JSON");
    show_command->callback(
        [id_tag = shown, json, &exit_code] { exit_code = show(*id_tag, *json); });
    const auto [block_command, blocked] = with_id_tag("block", "Refuse a badge from now on");
    block_command->callback(
        [id_tag = blocked, &exit_code] { exit_code = set_status(*id_tag, "blocked", "blocked"); });
    const auto [unblock_command, unblocked] =
        with_id_tag("unblock", "Let a blocked badge in again");
    unblock_command->callback(
        [id_tag = unblocked, &exit_code] { exit_code = set_status(*id_tag, "active", "active"); });
    const auto [remove_command, removed] =
        with_id_tag("remove", "Forget a badge; its transactions stay");
    remove_command->callback([id_tag = removed, &exit_code] { exit_code = remove(*id_tag); });

    add_badge_table(*badge, exit_code);
    add_badge_taps(*badge, exit_code);
}

}  // namespace busbar::app::commands
