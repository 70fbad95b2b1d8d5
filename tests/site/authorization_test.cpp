#include "site/authorization.hpp"

#include <gtest/gtest.h>

namespace busbar::site {
namespace {

using Status = ocpp::v16::AuthorizationStatus;
using namespace std::chrono_literals;

const Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 12h;

db::BadgeSaved active() {
    db::BadgeSaved badge;
    badge.id_tag = "TAG";
    badge.status = "active";
    return badge;
}
Status ask(const db::BadgeSaved* badge, int active_transactions = 0) {
    return authorize({.badge = badge,
                      .charge_point = "CP1",
                      .at = noon,
                      .active_transactions = active_transactions})
        .id_tag_info.status;
}

TEST(Authorization, KnowsItsBadges) {
    EXPECT_EQ(ask(nullptr), Status::Invalid);
    auto badge = active();
    EXPECT_EQ(ask(&badge), Status::Accepted);
    badge.status = "blocked";
    EXPECT_EQ(ask(&badge), Status::Blocked);
}

TEST(Authorization, LooksAtTheClock) {
    auto badge = active();
    badge.valid_until = noon;
    EXPECT_EQ(ask(&badge), Status::Expired);
    badge.valid_until = noon + 1ms;
    EXPECT_EQ(ask(&badge), Status::Accepted);
    badge.valid_from = noon + 1ms;
    EXPECT_EQ(ask(&badge), Status::Invalid);
    badge.valid_from = noon;
    EXPECT_EQ(ask(&badge), Status::Accepted);
}

TEST(Authorization, LooksAtThePlace) {
    auto badge = active();
    badge.charge_points = {"CP2"};
    EXPECT_EQ(ask(&badge), Status::Invalid);
    badge.charge_points = {"CP2", "CP1"};
    EXPECT_EQ(ask(&badge), Status::Accepted);
}

TEST(Authorization, CountsTransactions) {
    auto badge = active();
    EXPECT_EQ(ask(&badge, 1), Status::ConcurrentTx);
    badge.max_active_transactions = 2;
    EXPECT_EQ(ask(&badge, 1), Status::Accepted);
    badge.max_active_transactions = 0;
    EXPECT_EQ(ask(&badge, 0), Status::ConcurrentTx);
}

TEST(Authorization, TellsTheChargerGroupAndExpiry) {
    auto badge = active();
    badge.group = "FLEET";
    badge.valid_until = noon + 1h;
    const auto info = authorize({.badge = &badge, .charge_point = "CP1", .at = noon}).id_tag_info;
    EXPECT_EQ(info.parentIdTag, ocpp::v16::IdToken{"FLEET"});
    EXPECT_EQ(info.expiryDate, noon + 1h);
}

}  // namespace
}  // namespace busbar::site
