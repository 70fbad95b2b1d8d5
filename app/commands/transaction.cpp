// `busbar transaction list|orphans|show|meter-values|correct|stop|close`: what was charged, through
// the running server, which knows what is running.
#include <algorithm>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "app/commands/rest.hpp"

namespace busbar::app::commands {
namespace {

struct ListOptions {
    std::vector<std::pair<std::string, std::string>> query;
    std::optional<std::size_t> limit;
    bool json = false;
    bool csv = false;
};

std::string path_of(std::int64_t id, const char* below = "") {
    return "/transactions/" + std::to_string(id) + below;
}

// The newest that fit the question, as the server makes a table of them.
int list_as_table(RestClient& client, const ListOptions& options) {
    RestRequest request{.path = "/transactions", .query = options.query};
    request.query.emplace_back("format", "csv");
    constexpr std::size_t rows_max = 10'000;
    request.query.emplace_back(
        "limit", std::to_string(std::min(options.limit.value_or(rows_max), rows_max)));
    const auto answer = client.ask_for(request);
    if (!answer) return 1;
    std::fwrite(answer->body.data(), 1, answer->body.size(), stdout);
    return 0;
}

int print_items(RestClient& client, const std::string& path, const ListOptions& options,
                const std::vector<Column>& columns, std::string_view nothing) {
    const auto items =
        ask_for_items(client, {.path = path, .query = options.query}, options.limit.value_or(100));
    if (!items) return 1;
    if (options.json) {
        print_json(*items);
    } else {
        print_table(*items, columns, nothing);
    }
    return 0;
}

int list(const ListOptions& options) {
    return with_server("viewer", [&](RestClient& client) {
        if (options.csv) return list_as_table(client, options);
        return print_items(client, "/transactions", options,
                           {{"id", 8},
                            {"chargePoint", 16},
                            {"connectorId", 2},
                            {"badge", 20},
                            {"startedAt", 24},
                            {"stoppedAt", 24},
                            {"energyWh", 9},
                            {"stopReason", 12}},
                           "no transactions");
    });
}

int list_orphans(const ListOptions& options) {
    return with_server("viewer", [&](RestClient& client) {
        return print_items(client, "/orphan-stops", options,
                           {{"id", 8},
                            {"chargePoint", 16},
                            {"transactionId", 10},
                            {"idTag", 20},
                            {"stoppedAt", 24},
                            {"meterStopWh", 9},
                            {"stopReason", 12}},
                           "no stops without a transaction");
    });
}

int show(std::int64_t id, bool json) {
    return with_server("viewer", [&](RestClient& client) {
        const auto answer = client.ask_for({.path = path_of(id)});
        if (!answer) return 1;
        if (json) return print_json(*answer);
        print_members(answer->body);
        return 0;
    });
}

int list_meter_values(std::int64_t id, bool json) {
    return with_server("viewer", [&](RestClient& client) {
        constexpr std::size_t values_max = 1'000'000;
        const auto items =
            ask_for_items(client, {.path = path_of(id, "/meter-values")}, values_max);
        if (!items) return 1;
        if (json) {
            print_json(*items);
            return 0;
        }
        print_table(*items,
                    {{"at", 24}, {"measurand", 32}, {"phase", 5}, {"value", 12}, {"unit", 4}},
                    "no meter values");
        return 0;
    });
}

int correct(std::int64_t id, const JsonObject& wish) {
    return with_server("operator", [&](RestClient& client) {
        const auto answer =
            client.ask_for({.method = "PATCH", .path = path_of(id), .body = wish.text()});
        if (!answer) return 1;
        std::printf("transaction %lld corrected\n", static_cast<long long>(id));
        return 0;
    });
}

int stop(std::int64_t id, bool by_force) {
    return with_server("operator", [&](RestClient& client) {
        const auto answer = client.ask_for({.method = "POST",
                                            .path = path_of(id, "/stop"),
                                            .body = by_force ? R"({"force":true})" : "{}"});
        if (!answer) return 1;
        if (by_force) {
            std::printf("transaction %lld closed with its last known register\n",
                        static_cast<long long>(id));
            return 0;
        }
        return print_json(*answer);
    });
}

// An option that narrows a list by a parameter of the question.
void hang_filter(CLI::App& command, const std::shared_ptr<ListOptions>& options,
                 const std::string& option, const std::string& parameter, const std::string& help) {
    command.add_option_function<std::string>(
        option,
        [options, parameter](const std::string& value) {
            options->query.emplace_back(parameter, value);
        },
        help);
}

void hang_list(CLI::App& transaction, int& exit_code) {
    auto options = std::make_shared<ListOptions>();
    auto* command = transaction.add_subcommand("list", "Transactions, newest first");
    const auto add_filter = [&](const std::string& option, const std::string& parameter,
                                const std::string& help) {
        hang_filter(*command, options, option, parameter, help);
    };
    command->add_flag_callback(
        "--active", [options] { options->query.emplace_back("active", "true"); },
        "Only those that run");
    add_filter("--from", "from", "Started then or later, RFC 3339 date-time");
    add_filter("--to", "to", "Started before");
    add_filter("--badge", "idTag", "Of this badge");
    add_filter("--charge-point", "chargePoint", "At this charge point");
    add_filter("--group", "group", "Of this group of badges");
    add_filter("--cost-centre", "costCentre", "Of this cost centre");
    add_filter("--text", "text", "With this in any of their texts");
    command->add_option("--limit", options->limit, "How many (default 100; as a table 10,000)");
    auto* json = command->add_flag("--json", options->json, "As JSON");
    command->add_flag("--csv", options->csv, "As a table, at most 10,000 rows")->excludes(json);
    command->callback([options, &exit_code] { exit_code = list(*options); });
}

void hang_orphans(CLI::App& transaction, int& exit_code) {
    auto options = std::make_shared<ListOptions>();
    auto* command = transaction.add_subcommand(
        "orphans", "Stops that fit no transaction, newest first: their energy is in no report");
    const auto add_filter = [&](const std::string& option, const std::string& parameter,
                                const std::string& help) {
        hang_filter(*command, options, option, parameter, help);
    };
    add_filter("--charge-point", "chargePoint", "Of this charge point");
    add_filter("--from", "from", "Received then or later, RFC 3339 date-time");
    add_filter("--to", "to", "Received before");
    command->add_option("--limit", options->limit, "How many (default 100)");
    command->add_flag("--json", options->json, "As JSON");
    command->callback([options, &exit_code] { exit_code = list_orphans(*options); });
}

void hang_correct(CLI::App& transaction, int& exit_code) {
    struct Options {
        std::int64_t id = 0;
        std::optional<std::string> badge;
        std::optional<std::string> started_at;
        std::optional<std::string> stopped_at;
        std::optional<std::int64_t> meter_start_wh;
        std::optional<std::int64_t> meter_stop_wh;
        std::optional<std::int64_t> energy_wh;
        std::optional<std::string> note;
        std::vector<std::string> taken_back;
    };
    auto options = std::make_shared<Options>();
    auto* command = transaction.add_subcommand(
        "correct", "Say what counts instead of what the charger said; that stays beside it");
    command->add_option("ID", options->id, "Its number in the list")->required();
    command->add_option("--badge", options->badge, "Whose it is");
    command->add_option("--started-at", options->started_at, "RFC 3339 date-time");
    command->add_option("--stopped-at", options->stopped_at, "RFC 3339 date-time");
    command->add_option("--meter-start-wh", options->meter_start_wh, "Register at the start");
    command->add_option("--meter-stop-wh", options->meter_stop_wh, "Register at the end");
    command->add_option("--energy-wh", options->energy_wh, "What was charged");
    command->add_option("--note", options->note, "Why");
    command
        ->add_option("--take-back", options->taken_back,
                     "Let the charger's word count again; may be repeated")
        ->check(CLI::IsMember({"badge", "startedAt", "stoppedAt", "meterStartWh", "meterStopWh",
                               "energyWh", "note"}));
    command->callback([options, &exit_code] {
        JsonObject wish;
        wish.add("badge", options->badge);
        wish.add("startedAt", options->started_at);
        wish.add("stoppedAt", options->stopped_at);
        wish.add("meterStartWh", options->meter_start_wh);
        wish.add("meterStopWh", options->meter_stop_wh);
        wish.add("energyWh", options->energy_wh);
        wish.add("note", options->note);
        for (const auto& member : options->taken_back) wish.add_raw(member, "null");
        exit_code = wish.text() == "{}" ? fail("say what to correct: see --help")
                                        : correct(options->id, wish);
    });
}

}  // namespace

void add_transaction(CLI::App& root, int& exit_code) {
    auto* transaction = root.add_subcommand("transaction", "What was charged, and corrections");
    transaction->require_subcommand(1);
    hang_list(*transaction, exit_code);
    hang_orphans(*transaction, exit_code);

    auto id = std::make_shared<std::int64_t>(0);
    auto json = std::make_shared<bool>(false);
    const auto with_id = [&](const char* name, const char* help) {
        auto* command = transaction->add_subcommand(name, help);
        command->add_option("ID", *id, "Its number in the list")->required();
        return command;
    };
    auto* show_command = with_id("show", "All that is known of a transaction");
    show_command->add_flag("--json", *json, "As JSON");
    show_command->callback([id, json, &exit_code] { exit_code = show(*id, *json); });
    auto* values_command = with_id("meter-values", "What its charger measured, oldest first");
    values_command->add_flag("--json", *json, "As JSON");
    values_command->callback([id, json, &exit_code] { exit_code = list_meter_values(*id, *json); });
    hang_correct(*transaction, exit_code);
    with_id("stop", "Ask the charger to end it")->callback([id, &exit_code] {
        exit_code = stop(*id, false);
    });
    with_id("close", "Close one that is stuck, with its last known register")
        ->callback([id, &exit_code] { exit_code = stop(*id, true); });
}

}  // namespace busbar::app::commands
