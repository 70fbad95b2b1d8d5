// Who may do what: bearer tokens, roles, and a limit on wrong tokens. One thread at a time; time is
// a parameter.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "db/token.hpp"

namespace busbar::api {

enum class Role { admin, installer, site_operator, viewer };

// Nothing for a name that is no role.
std::optional<Role> role_from_name(std::string_view name);

// What a route demands of its caller.
enum class Access {
    everyone,   // no log-in
    read,       // any role
    staff,      // any but viewers: what chargers are told to do, and who did what
    install,    // site, meters, chargers
    operate,    // badges, transactions
    administer  // what cannot be undone
};

bool permits(Role role, Access access);

// "installer or admin": who a route is for, for its refusals and its description.
std::string_view roles_with(Access access);

// The secret of "Bearer SECRET", or nothing: another scheme, no secret.
std::optional<std::string_view> bearer_secret(std::string_view authorization);

// Who shows a token.
struct Identity {
    std::string name;  // the token's
    Role role{};
    std::int64_t token = 0;  // its id
};

class Tokens {
public:
    // Revoked tokens, and those with a role nobody knows, open nothing.
    void replace(std::vector<db::Token> tokens);

    // Whom this secret stands for; null: nobody. Takes the same time whether and where it is found.
    const Identity* find(std::string_view secret) const;

    // The role of a token by its id; nothing if it opens nothing (any more).
    std::optional<Role> role_of(std::int64_t token) const;

    // A token is used. True if that is worth writing down: once a minute.
    bool note_use(std::int64_t token, Instant now);

private:
    struct Known {
        std::string secret_hash;
        Identity identity;
        std::optional<Instant> noted_at{};
    };
    std::vector<Known> known_;
};

// Wrong tokens a peer address has shown lately. Right ones are always let in: a secret of 160 bits
// is not guessed, and on the loopback one script with an old token must not lock out its
// neighbours. What the limit keeps small is the log and the work.
class FailureLimit {
public:
    static constexpr int failures_max = 20;
    static constexpr std::chrono::seconds window{60};
    static constexpr std::size_t addresses_max = 1000;

    // Counts a failure. Nothing while within the limit, otherwise how long to wait.
    std::optional<std::chrono::seconds> count(std::string_view peer_address, Instant now);

private:
    struct Failures {
        Instant since;
        int count = 0;
    };
    void make_room(Instant now);

    std::map<std::string, Failures, std::less<>> by_address_;
};

}  // namespace busbar::api
