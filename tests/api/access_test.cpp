// Who may use which route, and what everybody else is told.
#include <algorithm>
#include <array>

#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Access : public Offline {};

// A path that fits the pattern; nothing of that name exists.
std::string path_for(std::string_view pattern) {
    std::string path;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '{') {
            path += pattern[i];
            continue;
        }
        path += "777";
        i = pattern.find('}', i);
    }
    return path;
}

// What chargers are told to do: they are the installer's, and commands the operator's.
bool is_told_to_chargers(const Route& route) {
    const std::array told{"/commands/", "/configuration/", "/local-list/sync", "v1/files"};
    return route.method != "GET" && std::any_of(told.begin(), told.end(), [&](const auto* part) {
               return route.pattern.find(part) != std::string_view::npos;
           });
}

bool is_for_admins(const Route& route) { return route.pattern.ends_with("/erase"); }

// The contract's own words, apart from the table's: readers read, installers have the chargers and
// the site, operators badges, transactions and commands to chargers.
bool should_be_permitted(const std::string& role, const Route& route) {
    if (role == "admin") return true;
    if (is_for_admins(route)) return false;
    if (route.pattern == "/api/v1/audit" || is_told_to_chargers(route)) return role != "viewer";
    // Who was where is for those who manage badges.
    const bool tells_of_taps = route.pattern.starts_with("/api/v1/unknown-badges") ||
                               route.pattern == "/api/v1/badges/learn";
    if (route.method == "GET" && !tells_of_taps) return true;
    const std::array plant{"charge-points", "connection-attempts", "enrolment", "quirks", "site"};
    const bool is_plant = std::any_of(plant.begin(), plant.end(), [&](const std::string& name) {
        return route.pattern.starts_with("/api/v1/" + name);
    });
    return role == (is_plant ? "installer" : "operator");
}

TEST_F(Access, EveryRouteAdmitsExactlyItsRoles) {
    int refusals = 0;
    int expected = 5;  // of reading: viewers the audit log, viewers and installers taps
    for (const auto& route : routes()) {
        if (route.method != "GET") {
            expected += is_for_admins(route) ? 3 : is_told_to_chargers(route) ? 1 : 2;
        }
        for (const std::string role : {"admin", "installer", "operator", "viewer"}) {
            SCOPED_TRACE(std::string{route.method} + " " + std::string{route.pattern} + " " + role);
            const auto reply = desk.ask_as(role, std::string{route.method},
                                           path_for(route.pattern) + "?unknown=1", "{");
            wait_for(reply);
            ASSERT_TRUE(reply.is_there());
            if (should_be_permitted(role, route)) {
                EXPECT_EQ(reply->status, 422);  // let in, and told of the unknown parameter
                continue;
            }
            ++refusals;
            EXPECT_EQ(reply->status, 403);
            EXPECT_THAT(problem_in(*reply).detail, HasSubstr("role"));
        }
    }
    EXPECT_EQ(refusals, expected);
}

TEST_F(Access, NobodyGetsInWithoutAToken) {
    for (const auto& route : routes()) {
        SCOPED_TRACE(std::string{route.method} + " " + std::string{route.pattern});
        const auto reply = desk.ask_with("", std::string{route.method}, path_for(route.pattern));
        if (route.pattern.starts_with("/api/")) {
            EXPECT_EQ(reply->status, 401);
            EXPECT_THAT(header(*reply, "WWW-Authenticate"), StartsWith("Bearer"));
            problem_in(*reply);
        } else {
            EXPECT_EQ(reply->status, 200);
        }
    }
    EXPECT_EQ(desk.ask_with("", "GET", "/api/v1/nothing")->status, 401);
}

TEST_F(Access, OtherCredentialsAreRefused) {
    for (const std::string credentials :
         {"Bearer", "Bearer ", "Bearer secret of adm", "Bearer secret of admin2", "Basic YTpi",
          "secret of admin", "Bearer  \x01\xff"}) {
        EXPECT_EQ(desk.ask_with(credentials, "GET", "/api/v1/badges")->status, 401) << credentials;
    }
    EXPECT_EQ(desk.ask_with("bearer  secret of viewer ", "GET", "/api/v1/badges")->status, 200);
}

TEST_F(Access, RevokedAndForeignTokensOpenNothing) {
    db::Token revoked;
    revoked.role = "admin";
    revoked.secret_hash = token_hash("old");
    revoked.revoked_at = desk.now.wall;
    db::Token strange;
    strange.role = "emperor";
    strange.secret_hash = token_hash("strange");
    desk.api.set_tokens({revoked, strange});
    for (const std::string secret : {"old", "strange", "secret of admin"}) {
        EXPECT_EQ(desk.ask_with("Bearer " + secret, "GET", "/api/v1/badges")->status, 401);
    }
}

TEST_F(Access, TheUseOfATokenIsToldOnceAMinute) {
    const auto use = [&](const std::string& role) { desk.ask_as(role, "GET", "/api/v1/badges"); };
    use("viewer");
    use("viewer");
    use("admin");
    desk.ask_with("Bearer wrong", "GET", "/api/v1/badges");
    const auto began = desk.now.wall;
    using Use = std::pair<std::int64_t, Timestamp>;
    EXPECT_THAT(desk.token_uses, ::testing::ElementsAre(Use{4, began}, Use{1, began}));
    desk.now.mono += std::chrono::seconds{59};
    use("viewer");
    EXPECT_EQ(desk.token_uses.size(), 2U);
    desk.now.mono += std::chrono::seconds{1};
    desk.now.wall += std::chrono::seconds{60};
    use("viewer");
    ASSERT_EQ(desk.token_uses.size(), 3U);
    EXPECT_EQ(desk.token_uses[2], (Use{4, began + std::chrono::seconds{60}}));
}

TEST_F(Access, ManyWrongTokensAreAnsweredWith429ForAMinute) {
    const auto wrong = [&](const std::string& address) {
        return desk.ask_with("Bearer wrong", "GET", "/api/v1/badges", "", address);
    };
    for (int i = 0; i < 20; ++i) EXPECT_EQ(wrong("192.0.2.1")->status, 401);
    desk.now.mono += std::chrono::seconds{20};
    const auto refused = wrong("192.0.2.1");
    EXPECT_EQ(refused->status, 429);
    EXPECT_EQ(header(*refused, "Retry-After"), "40");
    problem_in(*refused);
    EXPECT_EQ(wrong("192.0.2.2")->status, 401);
    EXPECT_EQ(desk.ask_with("", "GET", "/api/v1/badges", "", "192.0.2.1")->status, 401);
    EXPECT_EQ(
        desk.ask_with("Bearer secret of viewer", "GET", "/api/v1/badges", "", "192.0.2.1")->status,
        200);
    desk.now.mono += std::chrono::seconds{40};
    EXPECT_EQ(wrong("192.0.2.1")->status, 401);
}

TEST_F(Access, ManyAddressesCostNoMoreThanTheirBound) {
    FailureLimit limit;
    for (int i = 0; i < 3000; ++i) {
        EXPECT_FALSE(limit.count("address " + std::to_string(i), desk.now.mono));
        desk.now.mono += std::chrono::milliseconds{1};
    }
    // The latest is remembered, the first has made room.
    for (int i = 0; i < 19; ++i) limit.count("address 2999", desk.now.mono);
    EXPECT_TRUE(limit.count("address 2999", desk.now.mono));
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(limit.count("address 0", desk.now.mono));
}

TEST_F(Access, WrongMethodsNameTheRightOnes) {
    const auto reply = desk.ask("PUT", "/api/v1/badges/777");
    EXPECT_EQ(reply->status, 405);
    EXPECT_EQ(header(*reply, "Allow"), "GET, HEAD, PATCH, DELETE");
    problem_in(*reply);
    for (const auto& route : routes()) {
        EXPECT_EQ(desk.ask("BREW", path_for(route.pattern))->status, 405) << route.pattern;
    }
    EXPECT_EQ(desk.ask("HEAD", "/api/v1/badges")->status, 200);
    EXPECT_EQ(desk.ask("OPTIONS", "/api/v1/badges")->status, 405);
}

TEST_F(Access, WhatDoesNotExistIsNotFound) {
    for (const std::string target :
         {"/", "/api", "/api/v1", "/api/v2/badges", "/api/v1/users", "/api/v1/badges/a/b",
          "/api/v1/transactions/1/stop/now", "/healthz/x", "/%00", "/api/v1/%2e%2e/badges"}) {
        EXPECT_EQ(desk.ask("GET", target)->status, 404) << target;
    }
}

TEST_F(Access, TheTableIsConsistent) {
    for (const auto& route : routes()) {
        EXPECT_FALSE(route.summary.empty());
        const auto found = match(route.method, [&] {
            net::HttpRequest request;
            request.target = path_for(route.pattern);
            net::parse_target(request);
            return request.path;
        }());
        EXPECT_EQ(found.route, &route) << "another route stands before " << route.pattern;
    }
}

TEST_F(Access, HealthAndReadiness) {
    EXPECT_EQ(desk.ask_with("", "GET", "/healthz")->body, R"({"status":"ok"})");
    desk.readiness.maintenance_state = "normal";
    desk.readiness.maintenance_run_at = desk.now.wall;
    EXPECT_EQ(desk.ask_with("", "GET", "/readyz")->body,
              R"({"status":"ready","reasons":[],"maintenance":{"state":"normal",)"
              R"("lastRunAt":"2026-05-01T08:00:00.000Z","lastErrorAt":null,"lastError":null}})");
    desk.readiness = {.ready = false, .reasons = {"database: gone", "journal is spilling"}};
    const auto reply = desk.ask_with("", "GET", "/readyz");
    EXPECT_EQ(reply->status, 503);
    EXPECT_EQ(problem_in(*reply).detail, "database: gone; journal is spilling");
    EXPECT_EQ(desk.ask_with("", "GET", "/healthz")->status, 200);
}

TEST_F(Access, MaintenanceThatFailsDegradesWithoutMakingUnready) {
    desk.readiness.maintenance_state = "failing";
    desk.readiness.maintenance_error_at = desk.now.wall;
    desk.readiness.maintenance_error = "energy: gone";
    desk.readiness.degraded = {"maintenance: energy: gone"};
    const auto reply = desk.ask_with("", "GET", "/readyz");
    EXPECT_EQ(reply->status, 200);
    EXPECT_THAT(reply->body, HasSubstr(R"("status":"degraded","reasons":["maintenance: energy)"));
    EXPECT_THAT(reply->body, HasSubstr(R"("lastError":"energy: gone")"));
}

}  // namespace
}  // namespace busbar::api
