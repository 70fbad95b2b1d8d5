#include "site/connections.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct ConnectionsTest : testing::Test, OneCharger {
    Admission knock(std::string target, std::vector<std::string> subprotocols,
                    std::optional<std::string> credentials = {}) {
        return admit(site,
                     {.target = std::move(target),
                      .subprotocols = std::move(subprotocols),
                      .basic_credentials = std::move(credentials),
                      .peer_address = address},
                     now);
    }
    std::string address = "127.0.0.1";
};

TEST_F(ConnectionsTest, AdmitsAKnownChargerThatSpeaksOcpp16) {
    const auto admission = knock("/ocpp/CP1", {"ocpp2.0.1", "OCPP1.6"});
    EXPECT_EQ(admission.status, 101);
    EXPECT_EQ(admission.identity, "CP1");
    EXPECT_EQ(admission.subprotocol, "OCPP1.6") << "as it was offered";
    EXPECT_EQ(knock("/ocpp/CP1", {"OCPP1.6", "ocpp1.6"}).subprotocol, "ocpp1.6");
}

TEST_F(ConnectionsTest, RefusesWithTheRemedy) {
    EXPECT_EQ(knock("/ocpp/", {"ocpp1.6"}).status, 404);
    EXPECT_EQ(knock("/ocpp/NEW", {"ocpp1.6"}).status, 404);
    EXPECT_THAT(knock("/ocpp/NEW", {"ocpp1.6"}).reason, HasSubstr("charge-point accept"));
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp2.0.1"}).status, 400);
    EXPECT_EQ(knock("/ocpp/CP1", {}).status, 400);
    EXPECT_EQ(knock("/ocpp/cp1", {"ocpp1.6"}).status, 404) << "identities are case-sensitive";
}

TEST_F(ConnectionsTest, AssumesOcpp16WhereToldTo) {
    charger().settings.assume_ocpp16 = true;
    EXPECT_EQ(knock("/ocpp/CP1", {}).status, 101);
    EXPECT_EQ(knock("/ocpp/CP1", {}).subprotocol, "");
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp2.0.1"}).status, 400);
}

TEST_F(ConnectionsTest, AsksForThePassword) {
    charger().settings.password_hash = "hash";
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}).status, 401);
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}, "CP2:secret").status, 401);
    const auto admission = knock("/ocpp/CP1", {"ocpp1.6"}, "CP1:secret");
    EXPECT_EQ(admission.status, 101);
    EXPECT_EQ(admission.password, "secret");
    EXPECT_THAT(admission.password_hashes, ElementsAre("hash"));
}

TEST_F(ConnectionsTest, NamesTheIdentityThatWasMeant) {
    EXPECT_THAT(knock("/ocpp/cp1", {"ocpp1.6"}).reason, HasSubstr("did you mean 'CP1'"));
}

TEST_F(ConnectionsTest, TakesTheIdentityFromTheCredentialsWhereTheUrlHasNone) {
    EXPECT_EQ(knock("/", {"ocpp1.6"}, "CP1:").identity, "CP1");
    EXPECT_EQ(knock("/ocpp/", {"ocpp1.6"}, "CP1:x").status, 101);
    EXPECT_EQ(knock("/", {"ocpp1.6"}, ":x").cause, AttemptCause::no_identity);
}

TEST_F(ConnectionsTest, ASecondConnectionFromElsewhereMustNotPushOutALivingOne) {
    EXPECT_FALSE(knock("/ocpp/CP1", {"ocpp1.6"}).ask_incumbent) << "same address: newest wins";
    address = "192.0.2.1";
    EXPECT_TRUE(knock("/ocpp/CP1", {"ocpp1.6"}).ask_incumbent);
    charger().settings.password_hash = "hash";
    EXPECT_FALSE(knock("/ocpp/CP1", {"ocpp1.6"}, "CP1:secret").ask_incumbent)
        << "who knows the password is the charger";
    charger().settings.password_hash.reset();
    disconnected(site, "CP1", link, now);
    EXPECT_FALSE(knock("/ocpp/CP1", {"ocpp1.6"}).ask_incumbent);
}

TEST_F(ConnectionsTest, SlowsDownWhoGuessesPasswords) {
    charger().settings.password_hash = "hash";
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}, "CP1:guess").status, 101);
        site.password_throttle.failed(address, "CP1", now.mono);
    }
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}, "CP1:guess").status, 429);
    const auto guesser = std::exchange(address, "192.0.2.9");
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}, "CP1:secret").status, 101)
        << "the charger itself, from its own address, is not locked out";
    address = guesser;
    now.mono += 2s;
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}, "CP1:secret").status, 101);
    for (int i = 0; i < 20; ++i) site.password_throttle.failed(address, "CP1", now.mono);
    EXPECT_EQ(site.password_throttle.wait(address, "CP1", now.mono), 60s);
    site.password_throttle.succeeded(address, "CP1");
    EXPECT_FALSE(site.password_throttle.wait(address, "CP1", now.mono));
}

TEST_F(ConnectionsTest, AnEnrolmentWindowClosesByItself) {
    open_enrolment(site, std::chrono::minutes{10}, now);
    EXPECT_EQ(knock("/ocpp/NEW", {"ocpp1.6"}).status, 101);
    now.mono += 10min;
    now.wall += 10min;
    EXPECT_EQ(knock("/ocpp/NEW", {"ocpp1.6"}).status, 404);
    open_enrolment(site, std::chrono::minutes{10}, now);
    open_enrolment(site, std::chrono::minutes{0}, now);
    EXPECT_EQ(knock("/ocpp/NEW", {"ocpp1.6"}).status, 404);
}

TEST_F(ConnectionsTest, SeesAChargerThatComesAndGoes) {
    EXPECT_FALSE(is_flapping(charger(), now.wall));
    for (int i = 0; i < 4; ++i) {
        disconnected(site, "CP1", link, now, "cut");
        link = connect("CP1");
    }
    EXPECT_TRUE(is_flapping(charger(), now.wall));
    EXPECT_EQ(connections_within(charger(), 1h, now.wall), 5);
    EXPECT_EQ(charger().past_connections.back().cause, "cut");
    EXPECT_FALSE(is_flapping(charger(), now.wall + 10min));
}

TEST_F(ConnectionsTest, TheNewestConnectionWinsAndTheOldOnesEndTouchesNothing) {
    const auto old = link;
    link = connect("CP1");
    EXPECT_EQ(old->closed_with, 1001);
    receive(site, "CP1", old, R"([2,"x","Heartbeat",{}])", now);
    EXPECT_THAT(old->take(), IsEmpty());
    disconnected(site, "CP1", old, now);
    EXPECT_EQ(charger().link, link);
    disconnected(site, "CP1", link, now);
    EXPECT_EQ(charger().link, nullptr);
}

TEST_F(ConnectionsTest, AnUnknownChargerIsPendingWhileEnrolmentIsOpen) {
    site.settings.enrolment_always_open = true;
    EXPECT_EQ(knock("/ocpp/NEW", {"ocpp1.6"}).status, 101);
    const auto fresh = connect("NEW");
    const auto call = [&](const std::string& action, const std::string& payload) {
        receive(site, "NEW", fresh, R"([2,"x",")" + action + "\"," + payload + "]", now);
        return fresh->take();
    };
    EXPECT_THAT(call("Heartbeat", "{}"), ElementsAre(HasSubstr("SecurityError")));
    EXPECT_THAT(call("BootNotification", R"({"chargePointVendor":"V","chargePointModel":"M"})"),
                ElementsAre(HasSubstr(R"("status":"Pending")")));
    EXPECT_EQ(journal.all<db::ChargePointSaved>().at(0).state, "pending");
}

TEST_F(ConnectionsTest, OneAddressCannotFillTheSiteWhileEnrolmentIsOpen) {
    site.settings.enrolment_always_open = true;
    for (int i = 0; i < 100; ++i) {
        const auto id = "NEW" + std::to_string(i);
        ASSERT_EQ(knock("/ocpp/" + id, {"ocpp1.6"}).status, 101) << i;
        connect(id);
    }
    auto refusal = knock("/ocpp/MORE", {"ocpp1.6"});
    EXPECT_EQ(refusal.status, 503);
    EXPECT_EQ(refusal.cause, AttemptCause::too_many_charge_points);
    EXPECT_THAT(refusal.reason, HasSubstr("100 new charge points of this address"));
    EXPECT_EQ(knock("/ocpp/NEW7", {"ocpp1.6"}).status, 101) << "it is there already";
    site.find("NEW7")->settings.state = "accepted";
    EXPECT_EQ(knock("/ocpp/MORE", {"ocpp1.6"}).status, 101);
    address = "192.0.2.9";
    EXPECT_EQ(knock("/ocpp/ELSEWHERE", {"ocpp1.6"}).status, 101);
    for (int i = 0; i < 1000; ++i) site.charge_points["X" + std::to_string(i)];
    refusal = knock("/ocpp/ELSEWHERE", {"ocpp1.6"});
    EXPECT_EQ(refusal.status, 503);
    EXPECT_THAT(refusal.reason, HasSubstr("as many as there may be"));
}

// --- Quirks of connections -----------------------------------------------------------------------

TEST_F(ConnectionsTest, CountsAsAwayOnlyAfterAWhile) {
    std::vector<std::string> events;
    site.log = [&](std::string_view event, std::string_view) { events.emplace_back(event); };
    charger().quirks.offline_after_seconds = 600;
    disconnected(site, "CP1", link, now, "cut");
    EXPECT_LE(site.wake_at(), now.mono + 600s);
    pass(599s);
    EXPECT_FALSE(charger().is_away);
    link = connect("CP1");
    pass(600s);
    EXPECT_FALSE(charger().is_away);
    disconnected(site, "CP1", link, now, "cut");
    pass(600s);
    EXPECT_TRUE(charger().is_away);
    pass(1h);
    EXPECT_EQ(std::count(events.begin(), events.end(), "away"), 1);
    connect("CP1");
    EXPECT_FALSE(charger().is_away);
}

TEST_F(ConnectionsTest, OneThatHasNotComeSinceTheStartIsAwayAfterTheSameWhile) {
    add_charger("CP2");
    pass(1s);
    EXPECT_FALSE(site.find("CP2")->is_away);
    pass(60s);
    EXPECT_TRUE(site.find("CP2")->is_away);
}

TEST_F(ConnectionsTest, RefusesRatherThanClosesWhereThatIsBetter) {
    journal.is_full = true;
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}).status, 101);
    charger().quirks.refuse_rather_than_close = true;
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}).status, 503);
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}).cause, AttemptCause::busy);
    journal.is_full = false;
    EXPECT_EQ(knock("/ocpp/CP1", {"ocpp1.6"}).status, 101);
}

TEST_F(ConnectionsTest, AssumesOcpp16OfModelsThatNeverSaySo) {
    charger().quirks.assume_ocpp16 = true;
    EXPECT_EQ(knock("/ocpp/CP1", {}).status, 101);
}

TEST_F(ConnectionsTest, PingsAsOftenAsTheModelNeeds) {
    EXPECT_THAT(link->pings, ElementsAre(std::nullopt));
    charger().settings.quirks = R"({"websocketPingIntervalSeconds":0})";
    resolve_quirks(site, charger());
    EXPECT_EQ(link->pings.back(), 0s);
    link = connect("CP1");
    EXPECT_THAT(link->pings, ElementsAre(std::optional{0s})) << "known from the start";
    charger().settings.quirks.reset();
    resolve_quirks(site, charger());
    EXPECT_EQ(link->pings.back(), std::nullopt);
}

TEST_F(ConnectionsTest, WaitsForABootAsLongAsTheModelNeeds) {
    charger().quirks.setup_delay_without_boot_seconds = 40;
    connect("CP1");
    EXPECT_EQ(charger().setup_due, now.mono + 40s);
}

TEST_F(ConnectionsTest, AnAcceptedChargerIsServedWithoutBoot) {
    EXPECT_THAT(send("Heartbeat", "{}"),
                ElementsAre(R"([3,"x",{"currentTime":"2026-05-01T08:00:00Z"}])"));
}

TEST_F(ConnectionsTest, RefusesWhatItDoesNotKnowAndCountsIt) {
    EXPECT_THAT(send("FlyToTheMoon", "{}"), ElementsAre(HasSubstr("NotImplemented")));
    EXPECT_THAT(send("Authorize", "{}"), ElementsAre(HasSubstr("ProtocolError")));
    EXPECT_THAT(send("Authorize", "[]"), ElementsAre(HasSubstr("FormationViolation")));
    EXPECT_EQ(charger().deviations.at("unknown_action").count, 1u);
    EXPECT_EQ(charger().deviations.at("Authorize:missing_field").count, 1u);
    receive(site, "CP1", link, "garbage", now);
    EXPECT_THAT(link->take(), IsEmpty());
    EXPECT_EQ(charger().deviations.at("not_ocpp_j").last_example, "garbage");
}

TEST_F(ConnectionsTest, StrictMeansStrict) {
    const std::string extra = R"({"idTag":"TAG","connectorId":1})";
    EXPECT_THAT(send("Authorize", extra), ElementsAre(HasSubstr("Accepted")));
    charger().settings.validation = "strict";
    EXPECT_THAT(send("Authorize", extra), ElementsAre(HasSubstr("FormationViolation")));
}

}  // namespace
}  // namespace busbar::site::test
