#include "app/commands/send.hpp"

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>

#include "app/commands/rest.hpp"

namespace busbar::app::commands {
namespace {

struct SendOptions {
    std::string id;
    std::string action;
    std::string payload = "{}";
    std::string url;
};

int send(RestClient& client, const SendOptions& options) {
    const auto answer = client.ask_for({.method = "POST",
                                        .path = "/charge-points/" + url_segment(options.id) +
                                                "/commands/" + url_segment(options.action),
                                        .body = options.payload});
    if (!answer) return 1;
    if (!answer->location.empty()) {
        std::fprintf(stderr, "it goes on: GET %s shows how far it is\n", answer->location.c_str());
    }
    return print_json(*answer);
}

int run(SendOptions options) {
    if (options.payload == "-") {
        options.payload.assign(std::istreambuf_iterator<char>{std::cin}, {});
    }
    return with_server(options.url, "charge-point send", "operator",
                       [&](RestClient& client) { return send(client, options); });
}

}  // namespace

void add_charge_point_send(CLI::App& group, int& exit_code) {
    auto options = std::make_shared<SendOptions>();
    auto* command = group.add_subcommand(
        "send", "Send an OCPP request to a connected charger and print its answer");
    command->add_option("ID", options->id, "The charger's identity")->required();
    command->add_option("ACTION", options->action, "Such as Reset or UnlockConnector")->required();
    command->add_option("PAYLOAD", options->payload,
                        "The request as JSON; - reads it from standard input (default {})");
    command->add_option("--url", options->url,
                        "The server's web address (default: the one that runs here)");
    command->footer("BUSBAR_TOKEN in the environment is used where it is set.");
    command->callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace busbar::app::commands
