// A charger's configuration keys: read, wished for, taken back.
#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string base = "/api/v1/charge-points/CP1/configuration";

class Configuration : public Offline {
protected:
    Configuration() { link = desk.connect("CP1"); }
    // Answers the questions until all is quiet: some keys, whatever is asked.
    void answer_reading() {
        desk.answer("CP1", link, "GetConfiguration",
                    R"({"configurationKey":[)"
                    R"({"key":"heartbeatInterval","readonly":false,"value":"60"},)"
                    R"({"key":"AuthorizationKey","readonly":false,"value":"SECRET"},)"
                    R"({"key":"NumberOfConnectors","readonly":true,"value":"2"}]})");
    }
    void leave() { site::disconnected(desk.site, "CP1", link, desk.now); }

    std::shared_ptr<TestLink> link;
};

TEST_F(Configuration, IsAskedForNowAndShowsBothSides) {
    const auto reply = desk.ask_as("viewer", "GET", base);
    EXPECT_FALSE(reply.is_there());
    answer_reading();
    ASSERT_EQ(reply->status, 200);
    EXPECT_EQ(member(reply->body, "connected"), "true");
    EXPECT_EQ(member(reply->body, "problem"), "null");
    EXPECT_EQ(member(reply->body, "readAt"), "\"2026-05-01T08:00:00.000Z\"");
    EXPECT_THAT(
        reply->body,
        AllOf(HasSubstr(R"({"key":"heartbeatInterval","value":"60","readonly":false,)"
                        R"("desired":"300","desiredBy":"busbar","state":"pending","drift":true})"),
              HasSubstr(R"({"key":"NumberOfConnectors","value":"2","readonly":true,)"
                        R"("desired":null,"desiredBy":null,"state":null,"drift":false})"),
              HasSubstr(R"({"key":"MeterValueSampleInterval","value":null,"readonly":null,)"
                        R"("desired":"15","desiredBy":"busbar")"),
              Not(HasSubstr("SECRET"))));
    leave();
    for (const std::string& target : {base, base + "?cached=true"}) {
        const auto cached = desk.ask("GET", target);
        ASSERT_TRUE(cached.is_there());
        EXPECT_EQ(member(cached->body, "connected"), "false");
        EXPECT_THAT(cached->body, HasSubstr("heartbeatInterval"));
    }
}

TEST_F(Configuration, ACachedAnswerAsksNobodyAndALostLinkIsSaid) {
    EXPECT_EQ(desk.ask("GET", base + "?cached=true")->status, 200);
    EXPECT_TRUE(link->sent.empty());
    const auto reply = desk.ask("GET", base);
    leave();
    ASSERT_EQ(reply->status, 200);
    EXPECT_EQ(member(reply->body, "problem"), "\"the connection ended\"");
    EXPECT_EQ(member(reply->body, "readAt"), "null");
    EXPECT_EQ(desk.ask("GET", base + "?cached=perhaps")->status, 422);
    EXPECT_EQ(desk.ask("GET", "/api/v1/charge-points/CP9/configuration")->status, 404);
}

TEST_F(Configuration, AWishIsSentAndAnsweredWithTheChargersStatus) {
    const auto reply = desk.ask_as("installer", "PUT", base + "/ResetRetries", R"({"value":"3"})");
    EXPECT_TRUE(desk.answer("CP1", link, "ChangeConfiguration", R"({"status":"RebootRequired"})"));
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, R"({"key":"ResetRetries","value":"3","status":"RebootRequired",)"
                           R"("state":"reboot_required","detail":null})");
    EXPECT_THAT(desk.last_call, HasSubstr(R"({"key":"ResetRetries","value":"3"})"));
    EXPECT_THAT(desk.ask("GET", base + "?cached=true")->body,
                HasSubstr(R"("desired":"3","desiredBy":"operator","state":"reboot_required")"));
    const auto refused = desk.ask("PUT", base + "/ResetRetries", R"({"value":"-1"})");
    desk.answer("CP1", link, "ChangeConfiguration", R"("InternalError","no",{})", "4");
    EXPECT_EQ(refused->status, 200);
    EXPECT_EQ(member(refused->body, "status"), "null");
    EXPECT_EQ(member(refused->body, "state"), "\"refused\"");
    EXPECT_THAT(refused->body, HasSubstr("InternalError"));
    EXPECT_EQ(desk.ask("DELETE", base + "/resetretries")->status, 204);
    EXPECT_EQ(desk.ask("DELETE", base + "/resetretries")->status, 404);
    EXPECT_THAT(desk.ask("GET", base + "?cached=true")->body, Not(HasSubstr("operator")));
}

TEST_F(Configuration, AWishIsDurableFirstAndWaitsForTheConnection) {
    leave();
    journal.held = true;
    const auto reply = desk.ask("PUT", base + "/ResetRetries", R"({"value":"3"})");
    EXPECT_FALSE(reply.is_there());
    journal.release_all();
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(member(reply->body, "status"), "null");
    EXPECT_EQ(member(reply->body, "state"), "\"pending\"");
    const auto& row = std::get<db::StateSaved>(journal.units.back().front());
    EXPECT_EQ(row.kind, "desired_configuration");
    EXPECT_EQ(row.body.text, R"({"keys":[{"key":"ResetRetries","value":"3"}]})");
    journal.is_full = true;
    EXPECT_EQ(desk.ask("PUT", base + "/ResetRetries", R"({"value":"4"})")->status, 503);
    EXPECT_EQ(desk.ask("DELETE", base + "/ResetRetries")->status, 503);
}

TEST_F(Configuration, WhatCannotBeIsRefused) {
    EXPECT_EQ(desk.ask_as("viewer", "PUT", base + "/A", R"({"value":"1"})")->status, 403);
    EXPECT_EQ(desk.ask_as("viewer", "DELETE", base + "/A")->status, 403);
    EXPECT_EQ(desk.ask("PUT", base + "/A", "{")->status, 400);
    EXPECT_THAT(pointers_in(*desk.ask("PUT", base + "/A", "{}")), ElementsAre("/value"));
    EXPECT_THAT(pointers_in(*desk.ask("PUT", base + "/" + std::string(51, 'k'),
                                      R"({"value":")" + std::string(501, 'v') + "\"}")),
                ElementsAre("/key", "/value"));
    EXPECT_EQ(
        desk.ask("PUT", "/api/v1/charge-points/CP9/configuration/A", R"({"value":"1"})")->status,
        404);
    for (int i = 0; i < 250; ++i) {
        const auto reply = desk.ask("PUT", base + "/K" + std::to_string(i), R"({"value":"1"})");
        desk.answer("CP1", link, "ChangeConfiguration", R"({"status":"RebootRequired"})");
        EXPECT_EQ(reply->status, i < 200 ? 200 : 409) << i;
    }
}

TEST_F(Configuration, TheKeyOfLoadManagementIsNotForOperators) {
    auto& charger = *desk.site.find("CP1");
    charger.quirks.limit_key = "CurrentLimiterValue";
    const auto reply = desk.ask("PUT", base + "/currentlimitervalue", R"({"value":"32"})");
    EXPECT_EQ(reply->status, 409);
    EXPECT_THAT(reply->body, HasSubstr("limitKey"));
    EXPECT_TRUE(charger.configuration.wishes.empty());
}

TEST_F(Configuration, PasswordsGoTheirOwnWayAndAreNeverShown) {
    EXPECT_THAT(pointers_in(*desk.ask("PUT", base + "/authorizationkey", R"({"value":"short"})")),
                ElementsAre("/value"));
    leave();
    const std::string key = "00112233445566778899AABBCCDDEEFF";
    EXPECT_EQ(desk.ask("PUT", base + "/AuthorizationKey", R"({"value":")" + key + "\"}")->status,
              409);
    EXPECT_TRUE(desk.site.find("CP1")->configuration.wishes.empty());
    EXPECT_THAT(desk.ask("GET", base)->body, Not(HasSubstr(key)));
}

}  // namespace
}  // namespace busbar::api
