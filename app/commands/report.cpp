// `busbar report`, `busbar tariff list|show|set|remove` and `busbar audit`: energy and cost, what a
// kWh costs, and who changed what, through the running server.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "app/commands/rest.hpp"

namespace busbar::app::commands {
namespace {

// A file's text, "-" for standard input; nothing after saying that it cannot be read.
std::optional<std::string> content(const std::string& path) {
    if (path == "-") return std::string{std::istreambuf_iterator<char>{std::cin}, {}};
    std::ifstream file{path, std::ios::binary};
    if (file) return std::string{std::istreambuf_iterator<char>{file}, {}};
    fail("cannot read " + path);
    return std::nullopt;
}

int write(const std::string& path, const std::string& text) {
    if (path == "-") {
        std::fwrite(text.data(), 1, text.size(), stdout);
        return 0;
    }
    std::ofstream file{path, std::ios::binary | std::ios::trunc};
    file << text;
    file.close();
    return file ? 0 : fail("cannot write " + path);
}

struct ReportOptions {
    std::optional<std::string> from;
    std::optional<std::string> to;
    std::string by = "badge";
    std::string format = "csv";
    std::string language = "en";
    std::string path = "-";
};

int report(const ReportOptions& options) {
    RestRequest request{
        .path = "/reports/energy",
        .query = {{"by", options.by}, {"format", options.format}, {"lang", options.language}}};
    if (options.from) request.query.emplace_back("from", *options.from);
    if (options.to) request.query.emplace_back("to", *options.to);
    return with_server("viewer", [&](RestClient& client) {
        auto answer = client.ask_for(request);
        if (!answer) return 1;
        if (options.format == "json") answer->body += '\n';
        return write(options.path, answer->body);
    });
}

std::string tariff_path(const std::string& name) { return "/tariffs/" + url_segment(name); }

int list_tariffs(bool json) {
    return with_server("viewer", [&](RestClient& client) {
        const auto items = ask_for_items(client, {.path = "/tariffs"}, 10'000);
        if (!items) return 1;
        if (json) {
            print_json(*items);
            return 0;
        }
        print_table(*items,
                    {{"name", 30},
                     {"currency", 3},
                     {"pricePerKwh", 9},
                     {"taxPercent", 5},
                     {"validFrom", 10}},
                    "no tariffs yet: add one with 'busbar tariff set FILE'");
        return 0;
    });
}

int show_tariff(const std::string& name) {
    return with_server("viewer", [&](RestClient& client) {
        const auto answer = client.ask_for({.path = tariff_path(name)});
        return answer ? print_json(*answer) : 1;
    });
}

int set_tariff(const std::string& path) {
    const auto text = content(path);
    if (!text) return 1;
    DecodeReport decoded;
    const auto tariff = decode_text<RawJson>(*text, {}, decoded);
    if (!tariff || !tariff->text.starts_with('{')) return fail(path + " is no JSON object");
    std::string name;
    for (const auto& [member, json] : members_of(tariff->text)) {
        if (member == "name") name = plain(json);
    }
    if (name.empty()) return fail(path + ": /name: a tariff has a name");
    return with_server("operator", [&](RestClient& client) {
        const auto answer =
            client.ask_for({.method = "PUT", .path = tariff_path(name), .body = *text});
        if (!answer) return 1;
        std::printf("tariff %s %s\n", name.c_str(), answer->status == 201 ? "added" : "replaced");
        return 0;
    });
}

int remove_tariff(const std::string& name) {
    return with_server("operator", [&](RestClient& client) {
        if (!client.ask_for({.method = "DELETE", .path = tariff_path(name)})) return 1;
        std::printf("tariff %s removed\n", name.c_str());
        return 0;
    });
}

struct AuditOptions {
    std::vector<std::pair<std::string, std::string>> query;
    std::size_t limit = 100;
    bool json = false;
};

int audit(const AuditOptions& options) {
    return with_server("operator", [&](RestClient& client) {
        const auto items =
            ask_for_items(client, {.path = "/audit", .query = options.query}, options.limit);
        if (!items) return 1;
        if (options.json) {
            print_json(*items);
            return 0;
        }
        print_table(*items,
                    {{"at", 24},
                     {"actor", 16},
                     {"action", 8},
                     {"objectKind", 16},
                     {"objectId", 20},
                     {"note", 0}},
                    "nothing was changed");
        return 0;
    });
}

}  // namespace

void add_report(CLI::App& root, int& exit_code) {
    auto options = std::make_shared<ReportOptions>();
    auto* command = root.add_subcommand("report", "Energy and cost of the sessions of some days");
    command->add_option("--from", options->from,
                        "First day, such as 2027-03-01 (default: of the running month)");
    command->add_option("--to", options->to, "Last day (default: today)");
    command->add_option("--by", options->by, "What the rows are (default badge)")
        ->check(CLI::IsMember({"badge", "group", "costCentre", "chargePoint", "day", "month"}));
    command->add_option("--format", options->format, "(default csv)")
        ->check(CLI::IsMember({"json", "csv", "xlsx", "pdf"}));
    command->add_option("--lang", options->language, "Of headings and notes (default en)")
        ->check(CLI::IsMember({"en", "fr", "nl", "de"}));
    command->add_option("FILE", options->path, "Where to; without: standard output");
    command->callback([options, &exit_code] { exit_code = report(*options); });
}

void add_tariff(CLI::App& root, int& exit_code) {
    auto* tariff = root.add_subcommand("tariff", "What a kWh costs, when and for whom");
    tariff->require_subcommand(1);
    auto json = std::make_shared<bool>(false);
    auto text = std::make_shared<std::string>();
    auto* list_command = tariff->add_subcommand("list", "List all tariffs");
    list_command->add_flag("--json", *json, "As JSON");
    list_command->callback([json, &exit_code] { exit_code = list_tariffs(*json); });
    auto* show_command = tariff->add_subcommand("show", "One tariff, as JSON");
    show_command->add_option("NAME", *text, "The tariff")->required();
    show_command->callback([text, &exit_code] { exit_code = show_tariff(*text); });
    auto* set_command = tariff->add_subcommand("set", "Add or replace a tariff");
    set_command->add_option("FILE", *text, "It as JSON, as `show` prints it; -: standard input")
        ->required();
    set_command->callback([text, &exit_code] { exit_code = set_tariff(*text); });
    auto* remove_command = tariff->add_subcommand("remove", "Remove a tariff");
    remove_command->add_option("NAME", *text, "The tariff")->required();
    remove_command->callback([text, &exit_code] { exit_code = remove_tariff(*text); });
}

void add_audit(CLI::App& root, int& exit_code) {
    auto options = std::make_shared<AuditOptions>();
    auto* command = root.add_subcommand("audit", "Who changed what, newest first");
    const auto add_filter = [&](const std::string& option, const std::string& parameter,
                                const std::string& help) {
        command->add_option_function<std::string>(
            option,
            [options, parameter](const std::string& value) {
                options->query.emplace_back(parameter, value);
            },
            help);
    };
    add_filter("--kind", "objectKind", "badge, group, transaction, charge-point, tariff ...");
    add_filter("--id", "objectId", "Of this one");
    add_filter("--actor", "actor", "Done by this token");
    add_filter("--from", "from", "Then or later, RFC 3339 date-time");
    add_filter("--to", "to", "Before");
    command->add_option("--limit", options->limit, "How many (default 100)");
    command->add_flag("--json", options->json, "As JSON");
    command->callback([options, &exit_code] { exit_code = audit(*options); });
}

}  // namespace busbar::app::commands
