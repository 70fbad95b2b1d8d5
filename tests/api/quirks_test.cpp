#include "site/quirks.hpp"

#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class Quirks : public Offline {
protected:
    // A charger of a model that no seeded row is about.
    void boot(const std::string& id, const std::string& vendor = "Acme") {
        link = desk.connect(id);
        desk.say(id, link,
                 R"([2,"b","BootNotification",{"chargePointVendor":")" + vendor +
                     R"(","chargePointModel":"One","firmwareVersion":"1.0"}])");
        journal.units.clear();
    }

    std::shared_ptr<TestLink> link;
};

const std::string own_row =
    R"({"match":{"vendor":["Acme*"]},"settings":{"stackLevel":2,"rateUnit":"W"},"note":"hint"})";
const std::string own_view =
    R"({"name":"acme","origin":"own","match":{"vendor":["Acme*"]},)"
    R"("settings":{"stackLevel":2,"rateUnit":"W"},"inForce":{"rateUnit":true,"stackLevel":true},)"
    R"("note":"hint","rejected":null,"count":null,)"
    R"("lastAt":null})";

TEST_F(Quirks, OwnRowsLiveFromPutToDelete) {
    boot("CP1");
    const auto added = desk.ask("PUT", "/api/v1/quirks/acme", own_row);
    EXPECT_EQ(added->status, 201);
    EXPECT_EQ(header(*added, "Location"), "/api/v1/quirks/acme");
    EXPECT_EQ(added->body, own_view);
    EXPECT_EQ(desk.ask("GET", "/api/v1/quirks/acme")->body, own_view);
    EXPECT_EQ(desk.site.find("CP1")->quirks.stack_level, 2);
    EXPECT_EQ(desk.ask("PUT", "/api/v1/quirks/acme", R"({"settings":{"stackLevel":3}})")->status,
              200);
    EXPECT_EQ(desk.site.find("CP1")->quirks.stack_level, 3);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/quirks/acme")->status, 204);
    EXPECT_EQ(desk.site.find("CP1")->quirks.stack_level, 0);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/quirks/acme")->status, 404);
    EXPECT_EQ(desk.ask("GET", "/api/v1/quirks/acme")->status, 404);
    ASSERT_EQ(journal.units.size(), 3U);
    EXPECT_EQ(std::get<db::StateSaved>(journal.units[0][0]).kind, "quirk");
    EXPECT_EQ(std::get<db::StateSaved>(journal.units[0][0]).key, "acme");
    EXPECT_EQ(std::get<db::StateRemoved>(journal.units[2][0]).key, "acme");
    EXPECT_EQ(desk.changes, 3);
}

TEST_F(Quirks, SeededRowsAreReplacedRatherThanRemoved) {
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/quirks/wallbox-6")->status, 409);
    EXPECT_EQ(desk.ask("PUT", "/api/v1/quirks/wallbox-6", R"({"settings":{}})")->status, 201);
    EXPECT_THAT(desk.ask("GET", "/api/v1/quirks/wallbox-6")->body, HasSubstr(R"("origin":"own")"));
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/quirks/wallbox-6")->status, 204);
    EXPECT_THAT(desk.ask("GET", "/api/v1/quirks/wallbox-6")->body,
                HasSubstr(R"("origin":"seeded")"));
}

TEST_F(Quirks, LearnedRowsAreShownAndForgotten) {
    boot("CP1");
    EXPECT_TRUE(site::learn(desk.site, *desk.site.find("CP1"), "stackLevelMax", "0",
                            "SetChargingProfile with stackLevel 1", desk.now));
    const std::string target = "/api/v1/quirks/acme%2Fone%2F1.0%2Fstacklevelmax";
    EXPECT_EQ(desk.ask("GET", target)->body,
              R"({"name":"acme/one/1.0/stacklevelmax","origin":"learned",)"
              R"("match":{"vendor":["Acme"],"model":["One"],"firmware":["1.0"]},)"
              R"("settings":{"stackLevelMax":0},"inForce":{"stackLevelMax":true},)"
              R"("note":null,"rejected":"SetChargingProfile with stackLevel 1","count":1,)"
              R"("lastAt":"2026-05-01T08:00:00.000Z"})");
    EXPECT_EQ(desk.ask("DELETE", target)->status, 204);
    EXPECT_EQ(desk.ask("GET", target)->status, 404);
    EXPECT_EQ(desk.site.find("CP1")->quirks.stack_level_max, 999);
}

TEST_F(Quirks, AreListedInThePagesOfTheirOrder) {
    desk.ask("PUT", "/api/v1/quirks/zz", R"({"settings":{}})");
    desk.ask("PUT", "/api/v1/quirks/abl", R"({"settings":{}})");
    std::vector<std::string> seen;
    std::string target = "/api/v1/quirks?limit=10";
    for (int pages = 0; !target.empty() && pages < 10; ++pages) {
        const auto reply = desk.ask("GET", target);
        ASSERT_EQ(reply->status, 200);
        for (auto at = reply->body.find("\"name\":"); at != std::string::npos;
             at = reply->body.find("\"name\":", at + 1)) {
            seen.push_back(member(reply->body.substr(at), "name"));
        }
        const auto next = member(reply->body, "next");
        target.clear();
        if (next != "null") {
            target = "/api/v1/quirks?limit=10&cursor=" + next.substr(1, next.size() - 2);
        }
    }
    ASSERT_EQ(seen.size(), site::seeded_quirks().size() + 1);
    EXPECT_EQ(seen.front(), "\"abb-terra-ac\"");
    EXPECT_EQ(seen[seen.size() - 2], "\"abl\"");
    EXPECT_EQ(seen.back(), "\"zz\"");
}

TEST_F(Quirks, WrongRowsAreRefusedWithEveryFault) {
    EXPECT_EQ(desk.ask("PUT", "/api/v1/quirks/x", "{")->status, 400);
    EXPECT_THAT(
        pointers_in(*desk.ask(
            "PUT", "/api/v1/quirks/x",
            R"({"match":{"firmware":["<=x"]},"settings":{"stackLevel":-1,"no":1},"k":1})")),
        UnorderedElementsAre("/match/firmware/0", "/settings/stackLevel", "/settings/no", "/k"));
    EXPECT_THAT(pointers_in(*desk.ask("PUT", "/api/v1/quirks/a%2Fb", R"({"settings":{}})")),
                ElementsAre("/name"));
    EXPECT_TRUE(journal.units.empty());
}

TEST_F(Quirks, OnlyInstallersEditWhatEveryoneReads) {
    for (const std::string role : {"operator", "viewer"}) {
        EXPECT_EQ(desk.ask_as(role, "GET", "/api/v1/quirks")->status, 200);
        EXPECT_EQ(desk.ask_as(role, "PUT", "/api/v1/quirks/x", R"({"settings":{}})")->status, 403);
        EXPECT_EQ(desk.ask_as(role, "DELETE", "/api/v1/quirks/abl")->status, 403);
    }
    EXPECT_EQ(desk.ask_as("installer", "PUT", "/api/v1/quirks/x", R"({"settings":{}})")->status,
              201);
}

TEST_F(Quirks, OfAChargePointAreExplainedAndOverridden) {
    boot("CP1", "Teison");
    const std::string target = "/api/v1/charge-points/CP1/quirks";
    auto reply = desk.ask("GET", target);
    EXPECT_EQ(reply->status, 200);
    EXPECT_THAT(reply->body, HasSubstr(R"({"setting":"offlineAfterSeconds","value":10,)"
                                       R"("inForce":true,"origin":"seeded","row":"teison"})"));
    EXPECT_THAT(reply->body, HasSubstr(R"({"setting":"stackLevel","value":0,)"
                                       R"("inForce":true,"origin":"default","row":null})"));
    EXPECT_THAT(reply->body, HasSubstr(R"({"setting":"phaseSwitching","value":false,)"
                                       R"("inForce":false,"origin":"default","row":null})"));
    EXPECT_THAT(reply->body, HasSubstr(R"("rows":["teison"],"notes":["It does not come back)"));
    reply = desk.ask("PUT", target, R"({"offlineAfterSeconds":20,"stackLevel":null})");
    EXPECT_EQ(reply->status, 200);
    EXPECT_THAT(reply->body, HasSubstr(R"("own":{"offlineAfterSeconds":20})"));
    EXPECT_THAT(reply->body, HasSubstr(R"({"setting":"offlineAfterSeconds","value":20,)"
                                       R"("inForce":true,"origin":"charge-point","row":null})"));
    EXPECT_EQ(desk.site.find("CP1")->quirks.offline_after_seconds, 20);
    EXPECT_THAT(pointers_in(*desk.ask("PUT", target, R"({"stackLevel":"x","y":1})")),
                UnorderedElementsAre("/stackLevel", "/y"));
    EXPECT_THAT(desk.ask("PUT", target, "{}")->body, HasSubstr(R"("own":{})"));
    EXPECT_EQ(desk.site.find("CP1")->settings.quirks, std::nullopt);
    EXPECT_EQ(desk.ask("GET", "/api/v1/charge-points/none/quirks")->status, 404);
    EXPECT_EQ(desk.ask("PUT", "/api/v1/charge-points/none/quirks", "{}")->status, 404);
    ASSERT_EQ(journal.units.size(), 2U);
    EXPECT_EQ(std::get<db::ChargePointSaved>(journal.units[0][0]).quirks,
              R"({"offlineAfterSeconds":20})");
}

TEST_F(Quirks, ActionsAndTriggersMustBeKnownOnes) {
    boot("CP1");
    const std::string target = "/api/v1/charge-points/CP1/quirks";
    const auto reply = desk.ask("PUT", target, R"({"unsupportedActions":["Reset","reset"]})");
    EXPECT_EQ(reply->status, 422);
    EXPECT_THAT(pointers_in(*reply), ElementsAre("/unsupportedActions/1"));
    EXPECT_THAT(reply->body, HasSubstr("must be one of CancelReservation, "));
    EXPECT_THAT(pointers_in(*desk.ask("PUT", "/api/v1/quirks/x",
                                      R"({"settings":{"triggerMessages":["Boot"]}})")),
                ElementsAre("/settings/triggerMessages/0"));
    EXPECT_EQ(desk.ask("PUT", target, R"({"unsupportedActions":["Reset","GetLog"]})")->status, 200);
    EXPECT_THAT(desk.site.find("CP1")->quirks.unsupported_actions, ElementsAre("Reset", "GetLog"));
}

TEST_F(Quirks, NothingIsChangedWhileNothingCanBeStored) {
    boot("CP1");
    desk.ask("PUT", "/api/v1/quirks/acme", own_row);
    journal.is_full = true;
    EXPECT_EQ(desk.ask("PUT", "/api/v1/quirks/x", R"({"settings":{}})")->status, 503);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/quirks/acme")->status, 503);
    EXPECT_EQ(desk.ask("PUT", "/api/v1/charge-points/CP1/quirks", "{}")->status, 503);
    EXPECT_EQ(desk.site.quirks.own().size(), 1U);
    EXPECT_EQ(journal.units.size(), 1U);
}

}  // namespace
}  // namespace busbar::api
