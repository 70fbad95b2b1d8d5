// `busbar token create|list|revoke`: bearer tokens of the REST interface.
#include <cstdio>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "base/codec.hpp"
#include "base/secrets.hpp"
#include "db/administration.hpp"

namespace busbar::app::commands {
namespace {

struct CreatedToken {
    std::int64_t id = 0;
    std::string name;
    std::string role;
    std::string secret;
};
BOOST_DESCRIBE_STRUCT(CreatedToken, (), (id, name, role, secret))

struct TokenView {
    std::int64_t id = 0;
    std::string name;
    std::string role;
    Timestamp createdAt;
    std::optional<Timestamp> lastUsedAt;
    std::optional<Timestamp> revokedAt;
};
BOOST_DESCRIBE_STRUCT(TokenView, (), (id, name, role, createdAt, lastUsedAt, revokedAt))

int create(const std::string& name, const std::string& role, bool json) {
    return with_database([&](const std::string& url) {
        CreatedToken token{.name = name, .role = role, .secret = new_token_secret()};
        token.id = db::create_token(url, name, role, token_hash(token.secret));
        if (json) {
            std::puts(to_json(token).c_str());
        } else {
            std::fputs("This is shown once; keep it safe:\n", stderr);
            std::puts(token.secret.c_str());
        }
        return 0;
    });
}

int list(bool json) {
    return with_database([&](const std::string& url) {
        std::vector<TokenView> views;
        for (const auto& row : db::tokens(url)) {
            views.push_back(
                {row.id, row.name, row.role, row.created_at, row.last_used_at, row.revoked_at});
        }
        if (json) {
            std::puts(to_json(views, TimeStyle::milliseconds).c_str());
            return 0;
        }
        for (const auto& view : views) {
            const auto used =
                view.lastUsedAt ? "last used " + to_string(*view.lastUsedAt) : "never used";
            std::printf("%4lld  %-9s  %-24s  %-7s  %s\n", static_cast<long long>(view.id),
                        view.role.c_str(), view.name.c_str(), view.revokedAt ? "revoked" : "valid",
                        used.c_str());
        }
        if (views.empty()) std::puts("no tokens yet: 'busbar token create --name N --role R'");
        return 0;
    });
}

int revoke(std::int64_t id) {
    return with_database([&](const std::string& url) {
        if (!db::revoke_token(url, id)) {
            return fail("there is no valid token " + std::to_string(id));
        }
        std::printf("token %lld revoked\n", static_cast<long long>(id));
        return 0;
    });
}

}  // namespace

void add_token(CLI::App& root, int& exit_code) {
    auto* token = root.add_subcommand("token", "Bearer tokens for scripts");
    token->require_subcommand(1);

    struct Options {
        std::string name;
        std::string role;
        bool json = false;
        std::int64_t id = 0;
    };
    auto options = std::make_shared<Options>();
    auto* create_command =
        token->add_subcommand("create", "Make a token; its secret is shown once");
    create_command->add_option("--name", options->name, "What it is for")->required();
    create_command->add_option("--role", options->role, "What it may do")
        ->required()
        ->check(CLI::IsMember({"admin", "installer", "operator", "viewer"}));
    create_command->add_flag("--json", options->json, "As JSON");
    create_command->callback(
        [options, &exit_code] { exit_code = create(options->name, options->role, options->json); });

    auto* list_command = token->add_subcommand("list", "List all tokens, without their secrets");
    list_command->add_flag("--json", options->json, "As JSON");
    list_command->callback([options, &exit_code] { exit_code = list(options->json); });

    auto* revoke_command = token->add_subcommand("revoke", "End a token");
    revoke_command->add_option("ID", options->id, "Its number in the list")->required();
    revoke_command->callback([options, &exit_code] { exit_code = revoke(options->id); });
}

}  // namespace busbar::app::commands
