#include "site/attempts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/codec.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct AttemptsTest : testing::Test, OneCharger {
    void note(AttemptCause cause, std::string identity, std::string address = "192.0.2.1",
              std::vector<std::pair<std::string, std::string>> headers = {}) {
        site.attempts.note(site, cause, "seen",
                           {.address = std::move(address),
                            .path = "/ocpp/" + identity,
                            .identity = identity.substr(0, identity.find('?')),
                            .headers = std::move(headers)},
                           now);
    }
    const ConnectionAttempt& newest() { return site.attempts.all().rbegin()->second; }
    std::size_t kept() { return site.attempts.all().size(); }
};

TEST_F(AttemptsTest, CountsTheSameAttemptOnce) {
    note(AttemptCause::unknown_charge_point, "NEW");
    now.wall += 5s;
    note(AttemptCause::unknown_charge_point, "NEW");
    ASSERT_EQ(kept(), 1U);
    EXPECT_EQ(newest().count, 2);
    EXPECT_EQ(newest().lastAt - newest().firstAt, 5s);
    note(AttemptCause::no_subprotocol, "NEW");
    EXPECT_EQ(kept(), 2U);
}

TEST_F(AttemptsTest, ShowsHeadersButNoSecrets) {
    note(AttemptCause::unknown_charge_point, "NEW", "192.0.2.1",
         {{"User-Agent", "charger"}, {"Cookie", "s=1"}, {"X-Api-Key", "1"}, {"X-AuthToken", "2"}});
    const auto text = to_json(newest());
    EXPECT_THAT(text, HasSubstr("User-Agent"));
    EXPECT_THAT(text, Not(HasSubstr("Cookie")));
    EXPECT_THAT(text, Not(HasSubstr("Api")));
    EXPECT_THAT(text, Not(HasSubstr("Token")));
}

TEST_F(AttemptsTest, ShowsNoQuery) {
    note(AttemptCause::unknown_charge_point, "NEW?password=hush");
    note(AttemptCause::unknown_charge_point, "NEW?password=other");
    ASSERT_EQ(kept(), 1U);
    EXPECT_EQ(newest().path, "/ocpp/NEW?***");
}

TEST_F(AttemptsTest, AScannerPushesNobodyOut) {
    note(AttemptCause::unknown_charge_point, "NEW", "192.0.2.50");
    for (int i = 0; i < 5000; ++i) {
        note(AttemptCause::unknown_charge_point, "X" + std::to_string(i), "192.0.2.66");
    }
    EXPECT_EQ(kept(), 1 + ConnectionAttempts::per_address_max);
    EXPECT_EQ(newest().count, 5001 - static_cast<int>(ConnectionAttempts::per_address_max));
    for (int i = 0; i < 5000; ++i) {
        now.wall += 1ms;
        note(AttemptCause::unknown_charge_point, "Y", "10.0." + std::to_string(i) + ".1");
    }
    EXPECT_EQ(kept(), ConnectionAttempts::kept_max);
    EXPECT_LT(journal.rows.size(), 200U) << "a flood must not fill the journal";
}

TEST_F(AttemptsTest, ChargersBehindOneAddressAreSeenOneByOne) {
    for (int i = 0; i < 100; ++i) {
        note(AttemptCause::unknown_charge_point, "SITE" + std::to_string(i));
        note(AttemptCause::no_subprotocol, "SITE" + std::to_string(i));
    }
    EXPECT_EQ(kept(), 200U);
    for (const auto& [number, attempt] : site.attempts.all()) EXPECT_EQ(attempt.count, 1);
}

TEST_F(AttemptsTest, OneIdentityWithManyPathsIsFoldedIntoItself) {
    const auto walk = [&](const std::string& identity, int paths) {
        for (int i = 0; i < paths; ++i) {
            site.attempts.note(
                site, AttemptCause::wrong_password, "seen",
                {.address = "192.0.2.1", .path = "/" + std::to_string(i), .identity = identity},
                now);
        }
    };
    walk("A", 100);
    EXPECT_EQ(kept(), ConnectionAttempts::per_identity_max);
    walk("B", 1);
    EXPECT_EQ(kept(), ConnectionAttempts::per_identity_max + 1);
    EXPECT_EQ(newest().identity, "B");
    EXPECT_EQ(newest().count, 1);
}

TEST_F(AttemptsTest, IsWrittenSeldomAndRestored) {
    for (int i = 0; i < 10; ++i) note(AttemptCause::no_subprotocol, "NEW");
    ASSERT_EQ(journal.all<db::StateSaved>().size(), 1U);
    now.mono += 61s;
    note(AttemptCause::no_subprotocol, "NEW");
    const auto saved = journal.all<db::StateSaved>();
    ASSERT_EQ(saved.size(), 2U);
    DecodeReport report;
    auto stored =
        decode_text<ConnectionAttempt>(saved.back().body.text, {.empty_arrays = true}, report);
    ASSERT_TRUE(stored);
    Site fresh{journal, settings()};
    fresh.attempts.restore(*stored);
    EXPECT_EQ(fresh.attempts.all().at(stored->number).count, 11);
    note(AttemptCause::no_subprotocol, "OTHER");
    EXPECT_GT(newest().number, stored->number);
}

TEST_F(AttemptsTest, AcceptingLetsTheChargerIn) {
    note(AttemptCause::unknown_charge_point, "NEW", "192.0.2.1",
         {{"sec-websocket-protocol", "ocpp1.6"}});
    EXPECT_TRUE(
        std::holds_alternative<db::Journal::Ticket>(accept_attempt(site, newest().number, now)));
    EXPECT_EQ(site.find("NEW")->settings.state, "accepted");
    EXPECT_FALSE(site.find("NEW")->settings.assume_ocpp16);
    connect("NEW");
    EXPECT_THAT(site.attempts.all(), IsEmpty()) << "what kept it away is history";
}

TEST_F(AttemptsTest, AcceptingOneWithoutSubprotocolAssumesOcpp16) {
    note(AttemptCause::no_subprotocol, "CP1");
    accept_attempt(site, newest().number, now);
    EXPECT_TRUE(charger().settings.assume_ocpp16);
}

TEST_F(AttemptsTest, AcceptingASecondConnectionLetsItsAddressTakeOver) {
    note(AttemptCause::second_connection, "CP1", "192.0.2.7");
    accept_attempt(site, newest().number, now);
    const Knock knock{"/ocpp/CP1", {"ocpp1.6"}, {}, "192.0.2.7"};
    EXPECT_FALSE(admit(site, knock, now).ask_incumbent);
    now.mono += 5min;
    EXPECT_TRUE(admit(site, knock, now).ask_incumbent);
}

TEST_F(AttemptsTest, SaysWhatToDoWhereThereIsNothingToAccept) {
    note(AttemptCause::wrong_password, "CP1");
    const auto result = accept_attempt(site, newest().number, now);
    EXPECT_THAT(std::get<std::string>(result), HasSubstr("password"));
    EXPECT_TRUE(std::holds_alternative<std::string>(accept_attempt(site, 999, now)));
}

}  // namespace
}  // namespace busbar::site::test
