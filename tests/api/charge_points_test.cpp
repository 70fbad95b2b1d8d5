#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class ChargePoints : public Offline {};

TEST_F(ChargePoints, AreRegisteredChangedAndRemoved) {
    const auto added =
        desk.ask_as("installer", "POST", "/api/v1/charge-points", R"({"id":"CP 1","maxAmps":16})");
    EXPECT_EQ(added->status, 201);
    EXPECT_EQ(header(*added, "Location"), "/api/v1/charge-points/CP%201");
    EXPECT_EQ(
        added->body,
        R"({"id":"CP 1","state":"accepted","label":null,"location":null,"validation":"lenient",)"
        R"("maxAmps":16,"phaseMap":"RST","assumeOcpp16":false,"groups":null,"access":"badge",)"
        R"("openingHours":null,"hasPassword":false,"connected":false,"away":false,)"
        R"("peerAddress":null,"connectedAt":null,"lastSeenAt":null,"clockOffsetSeconds":null,)"
        R"("clockCorrectionSeconds":0,)"
        R"("connections":{"inLastHour":0,"flapping":false,"past":[]},)"
        R"("vendor":null,"model":null,"serialNumber":null,"firmwareVersion":null,"overall":null,)"
        R"("connectors":[],"deviations":[]})");
    EXPECT_EQ(desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP 1"})")->status, 409);

    const auto changed = desk.ask(
        "PATCH", "/api/v1/charge-points/CP%201",
        R"({"state":"rejected","label":"by the door","location":"B2","validation":"strict",)"
        R"("maxAmps":20.5,"phaseMap":"TRS","assumeOcpp16":true})");
    EXPECT_EQ(changed->status, 200);
    const auto& row = std::get<db::ChargePointSaved>(journal.units.back()[0]);
    EXPECT_EQ(row.state, "rejected");
    EXPECT_EQ(row.label, "by the door");
    EXPECT_EQ(row.location, "B2");
    EXPECT_EQ(row.validation, "strict");
    EXPECT_EQ(row.max_milliamps, 20'500);
    EXPECT_EQ(row.phase_map, "TRS");
    EXPECT_TRUE(row.assume_ocpp16);
    EXPECT_THAT(changed->body, HasSubstr(R"("maxAmps":20.5)"));
    EXPECT_EQ(desk.ask("GET", "/api/v1/charge-points/CP%201")->body, changed->body);
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/charge-points/CP%201", R"({"label":null})")->status, 200);
    EXPECT_FALSE(desk.site.find("CP 1")->settings.label);

    EXPECT_EQ(desk.ask("DELETE", "/api/v1/charge-points/CP%201")->status, 204);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/charge-points/CP%201")->status, 404);
    EXPECT_EQ(desk.ask("GET", "/api/v1/charge-points/CP%201")->status, 404);
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/charge-points/CP%201", "{}")->status, 404);
}

TEST_F(ChargePoints, PasswordsAreHashedElsewhereAndNeverShown) {
    desk.hold_passwords = true;
    const auto added =
        desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1","password":"pa55 \" wörd"})");
    EXPECT_FALSE(added.is_there());
    EXPECT_FALSE(desk.site.find("CP1"));
    ASSERT_THAT(desk.passwords, ElementsAre("pa55 \" wörd"));
    desk.hashed[0]();
    EXPECT_EQ(added->status, 201);
    EXPECT_EQ(desk.site.find("CP1")->settings.password_hash, "hash of pa55 \" wörd");
    EXPECT_THAT(added->body, HasSubstr(R"("hasPassword":true)"));
    EXPECT_THAT(added->body, Not(HasSubstr("pa55")));
    EXPECT_THAT(added->body, Not(HasSubstr("hash of")));

    const auto removed = desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"password":null})");
    EXPECT_THAT(removed->body, HasSubstr(R"("hasPassword":false)"));
    EXPECT_FALSE(desk.site.find("CP1")->settings.password_hash);
}

TEST_F(ChargePoints, AnEditWhileAPasswordIsHashedIsNotLost) {
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1"})");
    desk.hold_passwords = true;
    const auto slow =
        desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"password":"x","label":"slow"})");
    desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"location":"quick"})");
    desk.hashed[0]();
    EXPECT_EQ(slow->status, 200);
    EXPECT_EQ(desk.site.find("CP1")->settings.location, "quick");
    EXPECT_EQ(desk.site.find("CP1")->settings.label, "slow");

    const auto late = desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"password":"y"})");
    desk.ask("DELETE", "/api/v1/charge-points/CP1");
    desk.hashed[1]();
    EXPECT_EQ(late->status, 404);
    EXPECT_FALSE(desk.site.find("CP1"));

    const auto first = desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP2","password":"x"})");
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP2"})");
    desk.hashed[2]();
    EXPECT_EQ(first->status, 409);
    EXPECT_FALSE(desk.site.find("CP2")->settings.password_hash);
}

TEST_F(ChargePoints, AreLeftAloneWhenNothingCanBeHashedOrStored) {
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1"})");
    desk.hashing_works = false;
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"password":"x"})")->status, 503);
    EXPECT_EQ(desk.ask("POST", "/api/v1/charge-points", R"({"id":"C2","password":"x"})")->status,
              503);
    journal.is_full = true;
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"label":"x"})")->status, 503);
    EXPECT_EQ(desk.ask("POST", "/api/v1/charge-points", R"({"id":"C2"})")->status, 503);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/charge-points/CP1")->status, 503);
    EXPECT_EQ(journal.units.size(), 1U);
    EXPECT_FALSE(desk.site.find("CP1")->settings.label);
    EXPECT_EQ(desk.site.charge_points.size(), 1U);
}

TEST_F(ChargePoints, SayWhoMayChargeThereAndWhen) {
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1"})");
    const auto changed = desk.ask_as(
        "installer", "PATCH", "/api/v1/charge-points/CP1",
        R"({"groups":["north","fast"],"access":"free","openingHours":"Mo-Fr 07:00-19:00"})");
    EXPECT_EQ(changed->status, 200);
    EXPECT_THAT(changed->body, HasSubstr(R"("groups":["north","fast"],"access":"free",)"
                                         R"("openingHours":"Mo-Fr 07:00-19:00")"));
    const auto& row = std::get<db::ChargePointSaved>(journal.units.back()[0]);
    EXPECT_THAT(row.groups, ::testing::Optional(ElementsAre("north", "fast")));
    EXPECT_EQ(row.access, "free");
    EXPECT_EQ(row.opening_hours, "Mo-Fr 07:00-19:00");
    EXPECT_THAT(pointers_in(*desk.ask("PATCH", "/api/v1/charge-points/CP1",
                                      R"({"groups":["a",""],"access":"open",)"
                                      R"("openingHours":"early"})")),
                UnorderedElementsAre("/groups/1", "/access", "/openingHours"));
    EXPECT_THAT(pointers_in(*desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"access":null})")),
                ElementsAre("/access"));
    desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"groups":null,"openingHours":null})");
    EXPECT_FALSE(desk.site.find("CP1")->settings.groups);
    EXPECT_FALSE(desk.site.find("CP1")->settings.opening_hours);
}

TEST_F(ChargePoints, EditsAreRefusedWhereSomebodyElseWasFaster) {
    const auto added = desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1"})");
    const auto tag = header(*added, "ETag");
    const auto edit = [&](const std::string& method, const std::string& body) {
        return desk.ask_with("Bearer secret of admin", method, "/api/v1/charge-points/CP1", body,
                             "127.0.0.1", {{"If-Match", tag}});
    };
    desk.connect("CP1");
    EXPECT_EQ(header(*desk.ask("GET", "/api/v1/charge-points/CP1"), "ETag"), tag)
        << "what it reports is no edit";
    EXPECT_EQ(edit("PATCH", R"({"label":"one"})")->status, 200);
    for (const auto& refused : {edit("PATCH", R"({"label":"two"})"), edit("DELETE", "")}) {
        EXPECT_EQ(refused->status, 409);
        EXPECT_THAT(problem_in(*refused).current->text, HasSubstr(R"("label":"one")"));
    }
}

TEST_F(ChargePoints, EveryOffendingFieldIsListedAtOnce) {
    EXPECT_THAT(
        pointers_in(*desk.ask("POST", "/api/v1/charge-points",
                              R"({"id":"a/b","state":"maybe","label":5,"location":"\u0000",)"
                              R"("password":"","validation":"none","maxAmps":1e300,)"
                              R"("phaseMap":"XYZ","assumeOcpp16":"yes","mode":"gateway"})")),
        UnorderedElementsAre("/id", "/state", "/label", "/location", "/password", "/validation",
                             "/maxAmps", "/phaseMap", "/assumeOcpp16", "/mode"));
    desk.ask("POST", "/api/v1/charge-points", R"({"id":"CP1"})");
    EXPECT_THAT(
        pointers_in(*desk.ask("PATCH", "/api/v1/charge-points/CP1",
                              R"({"id":"CP1","state":null,"validation":null,"maxAmps":null,)"
                              R"("phaseMap":null,"assumeOcpp16":null,"serialNumber":"1"})")),
        UnorderedElementsAre("/id", "/state", "/validation", "/maxAmps", "/phaseMap",
                             "/assumeOcpp16", "/serialNumber"));
    for (const std::string amps : {"5.9", "1000.5", "-32", "\"32\"", "1e999", "0"}) {
        const auto reply =
            desk.ask("PATCH", "/api/v1/charge-points/CP1", "{\"maxAmps\":" + amps + "}");
        EXPECT_TRUE(reply->status == 422 || (amps == "1e999" && reply->status == 400)) << amps;
    }
    EXPECT_EQ(journal.units.size(), 1U);
}

TEST_F(ChargePoints, ShowWhatTheChargerSaysAndDoes) {
    const auto link = desk.connect("CP1");
    desk.say("CP1", link,
             R"([2,"b","BootNotification",{"chargePointVendor":"Ve\"ndor",)"
             R"("chargePointModel":"Mo","firmwareVersion":"1.2"}])");
    desk.say("CP1", link,
             R"([2,"0","StatusNotification",{"connectorId":0,"errorCode":"NoError",)"
             R"("status":"Available","timestamp":"2026-05-01T07:00:00Z"}])");
    desk.say("CP1", link,
             R"([2,"1","StatusNotification",{"connectorId":1,"errorCode":"GroundFailure",)"
             R"("info":"wet","status":"Faulted","timestamp":"2026-05-01T07:00:01Z","odd":1}])");
    desk.start_transaction("CP1", link);
    desk.now.wall += std::chrono::minutes{10};
    desk.say("CP1", link,
             R"([2,"m","MeterValues",{"connectorId":1,"transactionId":)" +
                 std::to_string(desk.site.find("CP1")->open.at(0).start.transaction_id) +
                 R"(,"meterValue":[{"timestamp":"2026-05-01T08:10:00Z","sampledValue":[)"
                 R"({"value":"2100"},{"value":"6.5","measurand":"Current.Import","unit":"A",)"
                 R"("phase":"L1"},{"value":"7.5","measurand":"Current.Import","unit":"A",)"
                 R"("phase":"L2"}]}]}])");
    const auto body = desk.ask_as("viewer", "GET", "/api/v1/charge-points/CP1")->body;
    EXPECT_TRUE(is_json(body)) << body;
    for (const std::string part :
         {R"("connected":true,"away":false,"peerAddress":"192.0.2.7",)"
          R"("connectedAt":"2026-05-01T08:00:00.000Z","lastSeenAt":"2026-05-01T08:10:00.000Z",)"
          R"("clockOffsetSeconds":null,"clockCorrectionSeconds":0,)"
          R"("connections":{"inLastHour":1,"flapping":false,"past":[]},)"
          R"("vendor":"Ve\"ndor","model":"Mo",)"
          R"("serialNumber":null,"firmwareVersion":"1.2","overall":{"status":"Available",)"
          R"("errorCode":"NoError","info":null,"at":"2026-05-01T07:00:00.000Z"})",
          R"("connectors":[{"connectorId":1,"status":"Faulted","errorCode":"GroundFailure",)"
          R"("info":"wet","at":"2026-05-01T07:00:01.000Z","transaction":{"id":1,"idTag":"A1",)"
          R"("startedAt":"2026-05-01T08:00:00.000Z","energyWh":2000},"measuredAmps":7.5,)",
          R"({"kind":"StatusNotification:unknown_field","count":1,)"}) {
        EXPECT_THAT(body, HasSubstr(part));
    }
    const auto list = desk.ask("GET", "/api/v1/charge-points")->body;
    EXPECT_EQ(list, "{\"items\":[" + body + "],\"next\":null}");

    EXPECT_EQ(desk.ask("DELETE", "/api/v1/charge-points/CP1")->status, 409);
    EXPECT_TRUE(desk.site.find("CP1"));
    EXPECT_EQ(desk.ask("PATCH", "/api/v1/charge-points/CP1", R"({"state":"rejected"})")->status,
              200);
    EXPECT_NE(link->closed_because, "");
}

TEST_F(ChargePoints, TheLimitIsShownOnceTheChargerHasAcknowledgedIt) {
    const auto link = desk.connect("CP1");
    desk.start_transaction("CP1", link);
    for (int tick = 0; tick < 300; ++tick) {
        desk.now.mono += std::chrono::seconds{1};
        desk.now.wall += std::chrono::seconds{1};
        site::on_timer(desk.site, desk.now);
        desk.answer("CP1", link, "SetChargingProfile", R"({"status":"Accepted"})");
    }
    EXPECT_NE(desk.last_call, "");
    const auto charger = desk.ask("GET", "/api/v1/charge-points/CP1")->body;
    EXPECT_THAT(charger, HasSubstr(R"("limitAmps":32})"));
    const auto load = desk.ask_as("viewer", "GET", "/api/v1/load");
    EXPECT_EQ(load->status, 200);
    EXPECT_THAT(load->body,
                HasSubstr(R"("nodes":[{"id":"main","limitAmps":[63,63,63],"measuredAmps":null,)"));
    EXPECT_THAT(
        load->body,
        HasSubstr(R"("evses":[{"id":"CP1/1","amps":32,"offeredAmps":32,"measuredAmps":null,)"
                  R"("reason":{"code":)"));
    EXPECT_TRUE(is_json(load->body));
}

TEST_F(ChargePoints, AreListedInPages) {
    for (int i = 0; i < 5; ++i) desk.connect("CP" + std::to_string(i));
    const auto first = desk.ask("GET", "/api/v1/charge-points?limit=3");
    EXPECT_THAT(first->body, HasSubstr(R"("id":"CP2")"));
    EXPECT_THAT(first->body, Not(HasSubstr(R"("id":"CP3")")));
    const auto next = member(first->body, "next");
    const auto second =
        desk.ask("GET", "/api/v1/charge-points?cursor=" + next.substr(1, next.size() - 2));
    EXPECT_THAT(second->body, Not(HasSubstr(R"("id":"CP2")")));
    EXPECT_THAT(second->body, HasSubstr(R"("id":"CP3")"));
    EXPECT_THAT(second->body, HasSubstr(R"("next":null})"));
}

}  // namespace
}  // namespace busbar::api
