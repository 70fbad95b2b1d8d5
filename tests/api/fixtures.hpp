// The REST interface over a real site, with a journal, clock and charger that a test controls.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/describe/class.hpp>

#include "api/api.hpp"
#include "api/audit.hpp"
#include "api/events.hpp"
#include "api/router.hpp"
#include "base/codec.hpp"
#include "base/secrets.hpp"
#include "site/charge_points.hpp"
#include "site/connections.hpp"

namespace busbar::api {

// What a problem document must hold, and may.
struct ErrorEntry {
    std::string pointer;
    std::string detail;
};
BOOST_DESCRIBE_STRUCT(ErrorEntry, (), (pointer, detail))
struct ParsedProblem {
    std::string type;
    std::string title;
    std::int32_t status = 0;
    std::string detail;
    std::vector<ErrorEntry> errors;
    std::optional<std::string> errorCode;
    std::optional<std::string> errorDescription;
    std::optional<RawJson> current;
};
BOOST_DESCRIBE_STRUCT(ParsedProblem, (),
                      (type, title, status, detail, errors, errorCode, errorDescription, current))

inline std::string header(const net::HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
        if (key == name) return value;
    }
    return "";
}

inline ParsedProblem problem_in(const net::HttpResponse& response) {
    EXPECT_EQ(response.content_type, "application/problem+json");
    DecodeReport report;
    auto problem = decode_text<ParsedProblem>(response.body, {.empty_arrays = true}, report);
    EXPECT_TRUE(problem.has_value()) << response.body;
    if (!problem) return {};
    EXPECT_EQ(problem->status, response.status);
    EXPECT_FALSE(problem->title.empty());
    EXPECT_FALSE(problem->type.empty());
    EXPECT_FALSE(problem->detail.empty());
    return *problem;
}

// The pointers of a 422, in their order.
inline std::vector<std::string> pointers_in(const net::HttpResponse& response) {
    EXPECT_EQ(response.status, 422) << response.body;
    std::vector<std::string> pointers;
    for (auto& error : problem_in(response).errors) pointers.push_back(std::move(error.pointer));
    return pointers;
}

inline bool is_json(const std::string& text) {
    DecodeReport report;
    return decode_text<RawJson>(text, {}, report).has_value();
}

// The JSON text of a top-level member; "" if there is none. Members are scalars in our tests.
inline std::string member(const std::string& json, const std::string& name) {
    const auto at = json.find("\"" + name + "\":");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 3;
    return json.substr(begin, json.find_first_of(",}]", begin) - begin);
}

// Durable at once, or when the test says so.
class TestJournal final : public db::Journal {
public:
    Ticket append(std::vector<db::Record> unit) override {
        units.push_back(std::move(unit));
        return units.size();
    }
    void when_durable(Ticket, std::function<void()> release) override {
        if (!held) return release();
        waiting_.push_back(std::move(release));
    }
    bool full() const override { return is_full; }

    void release_all() {
        held = false;
        while (!waiting_.empty()) {
            const auto release = std::move(waiting_.front());
            waiting_.pop_front();
            release();
        }
    }

    std::vector<std::vector<db::Record>> units;
    bool held = false;
    bool is_full = false;

private:
    std::deque<std::function<void()>> waiting_;
};

class TestLink final : public site::Link {
public:
    TestLink() : Link(1, "t") {}
    void flush() override {
        for (auto& text : session.take_output()) sent.push_back(std::move(text));
    }
    void close(std::uint16_t, std::string_view why) override { closed_because = why; }

    std::deque<std::string> sent;
    std::string closed_because;
};

// A request's answer, once it is there.
struct Reply {
    std::shared_ptr<std::vector<net::HttpResponse>> answers =
        std::make_shared<std::vector<net::HttpResponse>>();
    bool is_there() const { return !answers->empty(); }
    const net::HttpResponse& operator*() const {
        EXPECT_EQ(answers->size(), 1U);
        static const net::HttpResponse none{.status = 0};
        return answers->empty() ? none : answers->front();
    }
    const net::HttpResponse* operator->() const { return &**this; }
};

inline site::Settings test_settings() {
    site::Settings settings;
    settings.load_management.limit = {63_A, 63_A, 63_A};
    settings.load_management.metered = false;
    return settings;
}

// Site and interface over any journal and reader.
class Desk {
public:
    Desk(db::Journal& journal, db::Reader& reader)
        : trail(journal),
          site(trail, test_settings()),
          api({.site = site,
               .reader = reader,
               .audit = trail,
               .events = events,
               .now = [this] { return now; },
               .readiness = [this](auto done) { done(readiness); },
               .hash_password =
                   [this](std::string password, auto done) {
                       passwords.push_back(password);
                       const auto hash = hashing_works ? "hash of " + password : "";
                       if (!hold_passwords) return done(hash);
                       hashed.push_back([done, hash] { done(hash); });
                   },
               .after_change = [this] { ++changes; },
               .token_used = [this](std::int64_t token,
                                    Timestamp at) { token_uses.emplace_back(token, at); }}) {
        std::vector<db::Token> tokens;
        for (const std::string role : {"admin", "installer", "operator", "viewer"}) {
            db::Token token;
            token.id = static_cast<std::int64_t>(tokens.size() + 1);
            token.name = token.role = role;
            token.secret_hash = token_hash("secret of " + role);
            tokens.push_back(token);
        }
        api.set_tokens(tokens);
    }

    Reply ask_as(const std::string& role, const std::string& method, const std::string& target,
                 std::string body = "") {
        return ask_with("Bearer secret of " + role, method, target, std::move(body));
    }
    Reply ask(const std::string& method, const std::string& target, std::string body = "") {
        return ask_as("admin", method, target, std::move(body));
    }
    Reply ask_with(const std::string& authorization, const std::string& method,
                   const std::string& target, std::string body = "",
                   const std::string& peer_address = "127.0.0.1",
                   const std::vector<std::pair<std::string, std::string>>& headers = {}) {
        net::HttpRequest request;
        request.method = method;
        request.target = target;
        request.body = std::move(body);
        request.peer_address = peer_address;
        if (!authorization.empty()) request.headers = {{"Authorization", authorization}};
        request.headers.insert(request.headers.end(), headers.begin(), headers.end());
        EXPECT_TRUE(net::parse_target(request)) << target;
        Reply reply;
        api.handle(std::move(request), [answers = reply.answers](net::HttpResponse response) {
            answers->push_back(std::move(response));
        });
        return reply;
    }

    // A registered, connected charger.
    std::shared_ptr<TestLink> connect(const std::string& id) {
        if (!site.find(id)) site::save(site, site::default_settings(id), now);
        auto link = std::make_shared<TestLink>();
        site::connected(site, id, link, "192.0.2.7", now);
        link->session.hold_calls(now.mono);
        return link;
    }
    // Text from the charger.
    void say(const std::string& id, const std::shared_ptr<TestLink>& link,
             const std::string& text) {
        site::receive(site, id, link, text, now);
    }
    // The charger answers `action` with this and accepts everything else. False if it was not asked
    // for the action.
    bool answer(const std::string& id, const std::shared_ptr<TestLink>& link,
                const std::string& action, const std::string& payload,
                const std::string& kind = "3") {
        bool asked = false;
        for (int step = 0; step < 100 && !link->sent.empty(); ++step) {
            const auto text = std::move(link->sent.front());
            link->sent.pop_front();
            if (!text.starts_with("[2,")) continue;
            const auto call = split(text);
            const bool wanted = call[3] == action;
            if (wanted) last_call = text;
            asked |= wanted;
            say(id, link,
                wanted ? "[" + kind + ",\"" + call[1] + "\"," + payload + "]"
                       : "[3,\"" + call[1] + "\",{\"status\":\"Accepted\"}]");
        }
        return asked;
    }

    static std::vector<std::string> split(const std::string& text) {
        std::vector<std::string> parts{""};
        for (const char c : text) {
            if (c == '"')
                parts.emplace_back();
            else
                parts.back() += c;
        }
        return parts;
    }

    void start_transaction(const std::string& id, const std::shared_ptr<TestLink>& link,
                           const std::string& id_tag = "A1", int meter_start = 100,
                           const std::string& at = "2026-05-01T08:00:00Z") {
        say(id, link,
            R"([2,"s","StartTransaction",{"connectorId":1,"idTag":")" + id_tag +
                R"(","meterStart":)" + std::to_string(meter_start) + R"(,"timestamp":")" + at +
                R"("}])");
    }

    Now now{
        Instant{std::chrono::hours{1}},
        Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + std::chrono::hours{8}}};
    Readiness readiness{true, {}};
    bool hold_passwords = false;
    bool hashing_works = true;
    std::vector<std::string> passwords;
    std::vector<std::function<void()>> hashed;
    int changes = 0;
    std::string last_call;
    std::vector<std::pair<std::int64_t, Timestamp>> token_uses;
    AuditTrail trail;
    Events events{now.wall};
    site::Site site;
    Api api;
};

// A desk without a database: its reader can never connect.
class Offline : public ::testing::Test {
protected:
    // Runs what the reader answers until the reply is there.
    void wait_for(const Reply& reply) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!reply.is_there() && std::chrono::steady_clock::now() < give_up) {
            loop.restart();
            loop.run_one_for(std::chrono::milliseconds{100});
        }
    }

    boost::asio::io_context loop;
    TestJournal journal;
    db::Reader reader{"postgresql:///none?host=/nonexistent/socket", loop.get_executor()};
    Desk desk{journal, reader};
};

}  // namespace busbar::api
