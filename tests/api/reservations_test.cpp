// Reservations and local lists over the REST interface.
#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Reservations : public Offline {
protected:
    Reservations() {
        desk.ask("POST", "/api/v1/badges", R"({"idTag":"ANNA","group":"FLEET"})");
        desk.ask("POST", "/api/v1/badges", R"({"idTag":"BEN","group":"FLEET"})");
        desk.ask("POST", "/api/v1/badges", R"({"idTag":"CARL"})");
    }
    Reply reserve(const std::string& more = R"("minutes":30)", const std::string& id_tag = "ANNA") {
        return desk.ask_as(
            "operator", "POST", "/api/v1/reservations",
            R"({"chargePoint":"CP1","connectorId":1,"idTag":")" + id_tag + "\"," + more + "}");
    }
    // One that the charger has accepted.
    Reply reserved(const std::string& id_tag = "ANNA") {
        const auto reply = reserve(R"("minutes":30)", id_tag);
        EXPECT_TRUE(desk.answer("CP1", link, "ReserveNow", R"({"status":"Accepted"})"));
        EXPECT_EQ(reply->status, 201) << reply->body;
        return reply;
    }
    std::string all() { return desk.ask_as("viewer", "GET", "/api/v1/reservations")->body; }
    void pass(std::chrono::seconds time) {
        desk.now.mono += time;
        desk.now.wall += time;
        site::on_timer(desk.site, desk.now);
    }
    std::uint64_t deviations() {
        const auto& all = desk.site.find("CP1")->deviations;
        const auto it = all.find("start_on_reserved_connector");
        return it == all.end() ? 0 : it->second.count;
    }

    static constexpr const char* none = R"({"items":[],"next":null})";
    std::shared_ptr<TestLink> link = desk.connect("CP1");
};

TEST_F(Reservations, LiveFromPostToDelete) {
    const auto added = reserved();
    EXPECT_EQ(added->body,
              R"({"chargePoint":"CP1","connectorId":1,"idTag":"ANNA","reservationId":1,)"
              R"("expiresAt":"2026-05-01T08:30:00.000Z","state":"waiting","detail":"reserved",)"
              R"("operation":1})");
    EXPECT_THAT(desk.last_call,
                HasSubstr(R"({"connectorId":1,"expiryDate":"2026-05-01T08:30:00Z",)"
                          R"("idTag":"ANNA","parentIdTag":"FLEET","reservationId":1})"));
    const auto location = header(*added, "Location");
    EXPECT_EQ(location, "/api/v1/reservations/CP1/1");
    EXPECT_EQ(desk.ask("GET", location)->body, added->body);
    EXPECT_THAT(all(), HasSubstr(added->body));

    const auto refused = desk.ask("DELETE", location);
    desk.answer("CP1", link, "CancelReservation", R"({"status":"Rejected"})");
    EXPECT_EQ(refused->status, 409);
    EXPECT_THAT(problem_in(*refused).detail, HasSubstr("Rejected"));
    EXPECT_THAT(all(), Not(none));

    const auto cancelled = desk.ask_as("operator", "DELETE", location);
    desk.answer("CP1", link, "CancelReservation", R"({"status":"Accepted"})");
    EXPECT_EQ(cancelled->status, 204);
    EXPECT_THAT(desk.last_call, HasSubstr(R"({"reservationId":1})"));
    EXPECT_EQ(all(), none);
    EXPECT_EQ(desk.ask("DELETE", location)->status, 404);
    EXPECT_EQ(desk.ask("GET", location)->status, 404);
}

TEST_F(Reservations, AChargersRefusalIsAConflict) {
    for (const std::string status : {"Faulted", "Occupied", "Rejected", "Unavailable"}) {
        const auto reply = reserve();
        desk.answer("CP1", link, "ReserveNow", R"({"status":")" + status + "\"}");
        EXPECT_EQ(reply->status, 409);
        EXPECT_THAT(problem_in(*reply).detail, HasSubstr(status));
    }
    EXPECT_EQ(all(), none);
    const auto error = reserve();
    desk.answer("CP1", link, "ReserveNow", R"("NotImplemented","",{})", "4");
    EXPECT_EQ(error->status, 502);
    EXPECT_EQ(problem_in(*error).errorCode, "NotImplemented");
}

TEST_F(Reservations, NeedAConnection) {
    reserved();
    site::disconnected(desk.site, "CP1", link, desk.now);
    EXPECT_EQ(reserve()->status, 409);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/reservations/CP1/1")->status, 409);
    EXPECT_THAT(all(), Not(none)) << "it holds on the charger";
}

TEST_F(Reservations, SayWhatIsWrong) {
    const auto post = [&](const std::string& body) {
        return desk.ask("POST", "/api/v1/reservations", body);
    };
    EXPECT_THAT(pointers_in(*post(R"({"chargePoint":"CP9","connectorId":-1,"idTag":"X"})")),
                ElementsAre("/chargePoint", "/connectorId", "/idTag", "/minutes"));
    EXPECT_THAT(pointers_in(*post("{}")),
                ::testing::IsSupersetOf({"/chargePoint", "/connectorId", "/idTag"}));
    EXPECT_THAT(pointers_in(*reserve(R"("minutes":0)")), ElementsAre("/minutes"));
    EXPECT_THAT(pointers_in(*reserve(R"("minutes":5,"expiresAt":"2026-05-01T09:00:00Z")")),
                ElementsAre("/minutes"));
    EXPECT_THAT(pointers_in(*reserve(R"("expiresAt":"2026-05-01T07:00:00Z")")),
                ElementsAre("/expiresAt"));
    desk.ask("PATCH", "/api/v1/badges/ANNA", R"({"status":"blocked"})");
    EXPECT_EQ(reserve()->status, 409);
    EXPECT_EQ(desk.ask_as("viewer", "POST", "/api/v1/reservations", "{}")->status, 403);
    for (const std::string id : {"0", "-1", "x", "99999999999", "2"}) {
        EXPECT_EQ(desk.ask("DELETE", "/api/v1/reservations/CP1/" + id)->status, 404);
    }
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/reservations/CP9/1")->status, 404);
}

TEST_F(Reservations, HaveIdsOfTheirOwn) {
    const auto first = reserve();
    const auto second = reserve();
    desk.answer("CP1", link, "ReserveNow", R"({"status":"Accepted"})");
    EXPECT_EQ(member(first->body, "reservationId"), "1");
    EXPECT_EQ(member(second->body, "reservationId"), "2");
    // Whatever somebody has used by hand is not used again.
    const auto by_hand =
        desk.ask("POST", "/api/v1/charge-points/CP1/commands/ReserveNow",
                 R"({"connectorId":1,"idTag":"ANNA","expiryDate":"2026-05-01T09:00:00Z",)"
                 R"("reservationId":2147483647})");
    desk.answer("CP1", link, "ReserveNow", R"({"status":"Accepted"})");
    EXPECT_EQ(by_hand->status, 200);
    EXPECT_EQ(member(reserved()->body, "reservationId"), "3");
    EXPECT_EQ(member(desk.ask("GET", "/api/v1/reservations?limit=1")->body, "reservationId"), "3");
}

TEST_F(Reservations, Expire) {
    reserved();
    pass(std::chrono::minutes{29});
    EXPECT_THAT(all(), Not(none));
    pass(std::chrono::minutes{1});
    EXPECT_EQ(all(), none);
}

TEST_F(Reservations, EndWithTheTransactionTheyWereFor) {
    reserved();
    desk.start_transaction("CP1", link, "anna");
    EXPECT_EQ(all(), none);
    EXPECT_EQ(deviations(), 0U);
}

TEST_F(Reservations, AnotherBadgeOnTheConnectorIsRefusedAndNoted) {
    reserved();
    desk.start_transaction("CP1", link, "CARL");
    EXPECT_EQ(desk.site.find("CP1")->open.size(), 1U);
    EXPECT_THAT(link->sent.back(), HasSubstr(R"("status":"Invalid")"));
    EXPECT_EQ(deviations(), 1U);
    // The same start again is no news.
    desk.start_transaction("CP1", link, "CARL");
    EXPECT_EQ(deviations(), 1U);
}

TEST_F(Reservations, ABadgeOfTheSameGroupMayUseThem) {
    reserved();
    desk.start_transaction("CP1", link, "BEN");
    EXPECT_EQ(deviations(), 0U);
}

TEST_F(Reservations, AddWhatTheChargerAddsToABadge) {
    desk.site.find("CP1")->quirks.id_tag_suffix_separator = "_";
    reserved();
    desk.start_transaction("CP1", link, "ANNA_7");
    EXPECT_EQ(deviations(), 0U);
    EXPECT_EQ(all(), none);
}

TEST_F(Reservations, LocalListsShowHowTheyStand) {
    const std::string path = "/api/v1/charge-points/CP1/local-list";
    EXPECT_EQ(desk.ask_as("viewer", "GET", path)->body,
              R"({"supported":null,"version":0,"entries":0,"wantedEntries":3,"leftOut":0,)"
              R"("state":"unknown","lastError":null,"manual":false})");
    desk.site.find("CP1")->configuration.reported["LocalAuthListMaxLength"] = {
        "LocalAuthListMaxLength", "2", true, desk.now.wall};
    EXPECT_EQ(desk.ask_as("installer", "POST", path + "/sync")->status, 202);
    pass(std::chrono::seconds{1});
    EXPECT_TRUE(desk.answer("CP1", link, "GetLocalListVersion", R"({"listVersion":4})"));
    EXPECT_EQ(desk.ask("GET", path)->body,
              R"({"supported":true,"version":5,"entries":2,"wantedEntries":2,"leftOut":1,)"
              R"("state":"synchronised","lastError":null,"manual":false})");
    EXPECT_EQ(desk.ask_as("viewer", "POST", path + "/sync")->status, 403);
    EXPECT_EQ(desk.ask("GET", "/api/v1/charge-points/CP9/local-list")->status, 404);
    EXPECT_EQ(desk.ask("POST", "/api/v1/charge-points/CP9/local-list/sync")->status, 404);
    desk.site.find("CP1")->quirks.local_list = false;
    EXPECT_EQ(desk.ask("POST", path + "/sync")->status, 409);
    EXPECT_EQ(member(desk.ask("GET", path)->body, "supported"), "false");
    site::disconnected(desk.site, "CP1", link, desk.now);
    EXPECT_EQ(desk.ask("POST", path + "/sync")->status, 409);
}

}  // namespace
}  // namespace busbar::api
