#include "tests/api/fixtures.hpp"

namespace busbar::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class UnknownBadges : public Offline {
protected:
    void SetUp() override { link_ = desk.connect("CP1"); }
    void tap(const std::string& id_tag) {
        now_later();
        desk.say(
            "CP1", link_,
            R"([2,"t)" + std::to_string(++taps_) + R"(","Authorize",{"idTag":")" + id_tag + "\"}]");
    }
    void now_later() {
        desk.now.mono += std::chrono::seconds{1};
        desk.now.wall += std::chrono::seconds{1};
    }

    std::shared_ptr<TestLink> link_;
    int taps_ = 0;
};

TEST_F(UnknownBadges, AreListedWithTheLastTapFirst) {
    tap("04A1");
    tap("04B2");
    tap("04a1");
    const auto body = desk.ask_as("operator", "GET", "/api/v1/unknown-badges")->body;
    EXPECT_THAT(body, HasSubstr(R"("taps":2)"));
    EXPECT_LT(body.find("04A1"), body.find("04B2"));
    const auto first = desk.ask("GET", "/api/v1/unknown-badges?limit=1")->body;
    EXPECT_EQ(member(first, "idTag"), "\"04A1\"");
    const auto next = member(first, "next");
    const auto second =
        desk.ask("GET", "/api/v1/unknown-badges?limit=1&cursor=" + next.substr(1, next.size() - 2));
    EXPECT_EQ(member(second->body, "idTag"), "\"04B2\"");
    EXPECT_EQ(member(second->body, "next"), "null");
    EXPECT_EQ(desk.ask_as("viewer", "GET", "/api/v1/unknown-badges")->status, 403);
}

TEST_F(UnknownBadges, AreListedWithoutHoldingTheSiteUp) {
    const auto number = [](int n) {
        char text[20];
        std::snprintf(text, sizeof text, "04%012X", static_cast<unsigned>(n) * 2'654'435'761U);
        return std::string{text};
    };
    for (int n = 0; n < 10'000; ++n) {
        db::BadgeSaved badge;
        badge.id_tag = number(n);
        badge.status = "active";
        desk.site.badges.emplace(number(n), badge);
    }
    for (int n = 0; n < 1000; ++n) {
        site::UnknownBadge unknown;
        unknown.idTag = n % 2 ? number(n) + "_17" : number(20'000 + n).substr(0, 12);
        unknown.firstAt = unknown.lastAt = desk.now.wall;
        unknown.chargePoint = "CP1";
        unknown.taps = 1;
        desk.site.unknown_badges.restore(unknown);
    }
    // The best of some: others use this machine too. A search through all badges for each of them
    // takes more than ten times as long as this allows.
    auto best = std::chrono::steady_clock::duration::max();
    std::string body;
    for (int run = 0; run < 5; ++run) {
        const auto begin = std::chrono::steady_clock::now();
        body = desk.ask("GET", "/api/v1/unknown-badges?limit=1000")->body;
        best = std::min(best, std::chrono::steady_clock::now() - begin);
    }
    EXPECT_THAT(body, HasSubstr(R"("likely":{"idTag":")" + number(1)));
    EXPECT_LT(best, std::chrono::milliseconds{100});
    RecordProperty("microseconds", static_cast<int>(best / std::chrono::microseconds{1}));
}

TEST_F(UnknownBadges, BecomeBadgesInOneStep) {
    tap("04A1");
    tap("04B2");
    const auto adopted = desk.ask_as("operator", "POST", "/api/v1/unknown-badges/04a1",
                                     R"({"label":"Anna","group":"Staff"})");
    EXPECT_EQ(adopted->status, 201);
    EXPECT_EQ(header(*adopted, "Location"), "/api/v1/badges/04A1");
    EXPECT_EQ(desk.site.badges.at("04A1").label, "Anna");
    EXPECT_EQ(desk.ask("POST", "/api/v1/badges", R"({"idTag":"04B2"})")->status, 201);
    EXPECT_EQ(desk.ask("GET", "/api/v1/unknown-badges")->body, R"({"items":[],"next":null})");
    EXPECT_EQ(desk.ask("POST", "/api/v1/unknown-badges/04A1")->status, 404);
    tap("04C3");
    EXPECT_THAT(
        pointers_in(*desk.ask("POST", "/api/v1/unknown-badges/04C3", R"({"idTag":"x","label":7})")),
        ::testing::UnorderedElementsAre("/idTag", "/label"));
    EXPECT_EQ(desk.ask("POST", "/api/v1/unknown-badges/04C3")->status, 201) << "no body needed";
}

TEST_F(UnknownBadges, AreForgottenWhereNobodyWantsThem) {
    tap("04A1");
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/unknown-badges/04a1")->status, 204);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/unknown-badges/04A1")->status, 404);
    const auto entry = std::get<db::AuditEntry>(journal.units.back().back());
    EXPECT_EQ(entry.object_kind, "unknown-badge");
}

TEST_F(UnknownBadges, ALearnedOneIsTold) {
    EXPECT_THAT(desk.ask("GET", "/api/v1/badges/learn")->body, HasSubstr(R"("active":false)"));
    const auto started = desk.ask_as("operator", "POST", "/api/v1/badges/learn",
                                     R"({"chargePointId":"CP1","seconds":30})");
    EXPECT_EQ(started->status, 202);
    EXPECT_EQ(started->body,
              R"({"active":true,"until":"2026-05-01T08:00:30.000Z","chargePointId":"CP1",)"
              R"("learned":null})");
    EXPECT_EQ(desk.ask("POST", "/api/v1/badges/learn", R"({"seconds":30})")->status, 409);
    tap("04A1");
    const auto state = desk.ask("GET", "/api/v1/badges/learn")->body;
    EXPECT_THAT(state, HasSubstr(R"("active":false)"));
    EXPECT_THAT(state, HasSubstr(R"("learned":{"idTag":"04A1","chargePoint":"CP1")"));
    // Its result also arrives as an event.
    auto stream = std::make_shared<net::EventStream>();
    desk.events.add(stream, 3, Role::site_operator, 0, desk.now.wall);
    EXPECT_THAT(stream->take(), HasSubstr(R"("learned":true)"));
}

TEST_F(UnknownBadges, LearningEndsWhenItIsGivenUp) {
    EXPECT_EQ(desk.ask("POST", "/api/v1/badges/learn")->status, 202) << "anywhere, for a minute";
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/badges/learn")->status, 204);
    EXPECT_EQ(desk.ask("DELETE", "/api/v1/badges/learn")->status, 204);
    tap("04A1");
    EXPECT_THAT(desk.ask("GET", "/api/v1/badges/learn")->body, HasSubstr(R"("learned":null)"));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/badges/learn", R"({"seconds":3000})")),
                ElementsAre("/seconds"));
    EXPECT_THAT(
        pointers_in(*desk.ask("POST", "/api/v1/badges/learn", R"({"chargePointId":"CP9"})")),
        ElementsAre("/chargePointId"));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/badges/learn",
                                      R"({"seconds":1,"chargePointId":"CP9","colour":"red"})")),
                ::testing::UnorderedElementsAre("/seconds", "/chargePointId", "/colour"));
    EXPECT_THAT(pointers_in(*desk.ask("POST", "/api/v1/badges/learn",
                                      R"({"seconds":"long","chargePointId":"CP9"})")),
                ::testing::UnorderedElementsAre("/seconds", "/chargePointId"));
    EXPECT_THAT(desk.ask("GET", "/api/v1/badges/learn")->body, HasSubstr(R"("active":false)"));
    for (const std::string method : {"POST", "GET", "DELETE"}) {
        EXPECT_EQ(desk.ask_as("viewer", method, "/api/v1/badges/learn")->status, 403);
    }
}

}  // namespace
}  // namespace busbar::api
