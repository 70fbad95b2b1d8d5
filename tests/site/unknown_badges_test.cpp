#include "site/unknown_badges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/codec.hpp"
#include "site/badge_learning.hpp"
#include "site/badges.hpp"
#include "tests/site/support.hpp"

namespace busbar::site {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Taps : testing::Test, test::OneCharger {
    Taps() {
        site.on_badge_tap = [this](const BadgeTap& tap) { taps.push_back(tap); };
    }
    std::string tap(const std::string& id_tag) {
        return send("Authorize", "{\"idTag\":\"" + id_tag + "\"}").at(0);
    }
    std::string start(const std::string& id_tag, Timestamp at) {
        return send("StartTransaction", R"({"connectorId":2,"meterStart":0,"idTag":")" + id_tag +
                                            R"(","timestamp":")" + to_string(at) + "\"}")
            .at(0);
    }
    Badge badge(const std::string& id_tag) {
        Badge badge;
        badge.id_tag = id_tag;
        badge.status = "active";
        return badge;
    }
    std::size_t rows() { return journal.all<db::StateSaved>().size(); }
    std::optional<std::string> likely(const std::string& id_tag) {
        const auto like = likely_badge(site, id_tag);
        if (!like) return std::nullopt;
        return enumerator_name(like->likeness) + " " + like->idTag;
    }

    std::vector<BadgeTap> taps;
};

TEST_F(Taps, OfUnknownBadgesAreKept) {
    const auto first = now.wall;
    EXPECT_THAT(tap(R"( 04aa\u0010 )"), HasSubstr("Invalid"));
    pass(1min);
    tap("04AA");
    pass(1min);
    start("04AA", now.wall);
    ASSERT_EQ(site.unknown_badges.all().size(), 1U);
    const auto& kept = site.unknown_badges.all().at("04AA");
    EXPECT_EQ(kept.idTag, "04aa");
    EXPECT_EQ(kept.firstAt, first);
    EXPECT_EQ(kept.lastAt, now.wall);
    EXPECT_EQ(kept.chargePoint, "CP1");
    EXPECT_EQ(kept.connectorId, 2);
    EXPECT_EQ(kept.taps, 3);
    tap("TAG");
    tap("");
    EXPECT_EQ(site.unknown_badges.all().size(), 1U);
}

TEST_F(Taps, AreTold) {
    tap("TAG");
    tap("04AA");
    ASSERT_EQ(taps.size(), 2U);
    EXPECT_EQ(to_json(taps[0]),
              R"({"at":"2026-05-01T08:00:00Z","chargePoint":"CP1","idTag":"TAG","known":true,)"
              R"("accepted":true,"reason":"accepted","learned":false})");
    EXPECT_EQ(to_json(taps[1]),
              R"({"at":"2026-05-01T08:00:00Z","chargePoint":"CP1","idTag":"04AA","known":false,)"
              R"("accepted":false,"reason":"unknown_badge","learned":false})");
    start("TAG", now.wall - 1h);
    EXPECT_EQ(taps.size(), 2U) << "history is no tap";
    start("TAG", now.wall);
    ASSERT_EQ(taps.size(), 3U);
    EXPECT_EQ(taps[2].connectorId, 2);
    start("TAG", now.wall);
    EXPECT_EQ(taps.size(), 3U) << "neither is a repeat";
}

TEST_F(Taps, ThatComeAsAStormCostOneRow) {
    const auto before = rows();
    for (int i = 0; i < 500; ++i) tap("04AA");
    EXPECT_EQ(rows(), before + 1);
    pass(10s);
    tap("04AA");
    EXPECT_EQ(rows(), before + 2);
    EXPECT_THAT(journal.all<db::StateSaved>().back().body.text, HasSubstr("\"taps\":501"));
    for (int i = 0; i < 2 * UnknownBadges::rows_per_minute_max; ++i) {
        tap("B" + std::to_string(i));
    }
    EXPECT_LE(rows(), before + UnknownBadges::rows_per_minute_max);
    EXPECT_EQ(site.unknown_badges.all().size(), 1U + 2 * UnknownBadges::rows_per_minute_max);
}

TEST_F(Taps, AreForgottenOldestFirst) {
    tap("OLDEST");
    for (std::size_t i = 1; i < UnknownBadges::kept_max; ++i) {
        now.wall += 1s;
        tap("B" + std::to_string(i));
    }
    EXPECT_TRUE(site.unknown_badges.all().contains("OLDEST"));
    now.wall += 1s;
    tap("NEWEST");
    EXPECT_EQ(site.unknown_badges.all().size(), UnknownBadges::kept_max);
    EXPECT_FALSE(site.unknown_badges.all().contains("OLDEST"));
    EXPECT_THAT(journal.all<db::StateRemoved>().at(0).key, "oldest");
    tap(std::string(300, 'x'));
    EXPECT_FALSE(site.unknown_badges.all().contains(std::string(300, 'x')));
}

TEST_F(Taps, OfNewBadgesAreNoMoreUnknown) {
    for (const auto* id_tag : {"04aa", "04bb", "04cc", "04dd"}) tap(id_tag);
    journal.appended = 0;
    save(site, badge("04AA"));
    EXPECT_EQ(journal.appended, 1U);
    EXPECT_THAT(journal.all<db::StateRemoved>().at(0).key, "04aa");
    replace_badges(site, {badge("04AA"), badge("04BB")});
    EXPECT_EQ(site.unknown_badges.all().size(), 2U);
    EXPECT_TRUE(site.unknown_badges.forget(site, "04CC"));
    EXPECT_FALSE(site.unknown_badges.forget(site, "04CC"));
    EXPECT_EQ(site.unknown_badges.all().size(), 1U);
}

TEST_F(Taps, OutliveARestart) {
    tap("04AA");
    tap("04BB");
    test::HeldJournal other;
    Site fresh{other, test::settings()};
    fresh.badges["04bb"] = badge("04bb");
    for (const auto& row : journal.all<db::StateSaved>()) restore_unknown_badge(fresh, row);
    ASSERT_EQ(fresh.unknown_badges.all().size(), 1U);
    EXPECT_EQ(to_json(fresh.unknown_badges.all().at("04AA")),
              to_json(site.unknown_badges.all().at("04AA")));
}

TEST_F(Taps, OfABadgeThatWasReadInAnotherWay) {
    for (const auto* id_tag : {"04A1B2C3", "11223344556677", "SHORT"}) {
        site.badges[id_tag] = badge(id_tag);
    }
    EXPECT_EQ(likely("c3b2a104"), "reversed 04A1B2C3");
    EXPECT_EQ(likely("77665544332211"), "reversed 11223344556677");
    EXPECT_EQ(likely("04a1b2c3_17654321"), "longer 04A1B2C3");
    EXPECT_EQ(likely("x;04A1B2C3"), "longer 04A1B2C3");
    EXPECT_EQ(likely("112233445566"), "shorter 11223344556677");
    EXPECT_EQ(likely("2233445566"), std::nullopt) << "the middle says nothing";
    EXPECT_EQ(likely("SHORTER"), std::nullopt) << "five letters are no card's number";
    EXPECT_EQ(likely("04A1B2C3"), std::nullopt);
    EXPECT_EQ(reversed_bytes("ABC"), std::nullopt);
    EXPECT_EQ(reversed_bytes("AG"), std::nullopt);
    EXPECT_EQ(reversed_bytes("A1b2"), "b2A1");
}

// What likely_badge() says in one look through all badges.
std::optional<BadgeLikeness> likeness_by_search(const Site& site, const std::string& id_tag) {
    const auto reversed = reversed_bytes(id_tag);
    if (reversed && site.badges.contains(*reversed) && !equal_ignoring_case(*reversed, id_tag)) {
        return BadgeLikeness::reversed;
    }
    const auto holds = [](const std::string& whole, const std::string& part) {
        if (part.size() < 6 || part.size() >= whole.size()) return false;
        const auto lower = to_lower(whole);
        return lower.starts_with(to_lower(part)) || lower.ends_with(to_lower(part));
    };
    std::optional<BadgeLikeness> found;
    for (const auto& [known, badge] : site.badges) {
        if (holds(id_tag, known)) return BadgeLikeness::longer;
        if (holds(known, id_tag)) found = BadgeLikeness::shorter;
    }
    return found;
}

TEST_F(Taps, AreLikenedAsASearchThroughAllBadgesWould) {
    const bool holds = rc::check("the index finds what a search finds", [this] {
        const auto pick = [&] {
            const auto size = *rc::gen::inRange<std::size_t>(4, 9);
            return *rc::gen::container<std::string>(size, rc::gen::element('a', 'A', '0', 'z'));
        };
        site.badges.clear();
        const int count = *rc::gen::inRange(0, 12);
        for (int i = 0; i < count; ++i) {
            const auto id_tag = pick();
            site.badges[id_tag] = badge(id_tag);
        }
        site.likely_badges.badges_changed();
        for (int i = 0; i < 5; ++i) {
            auto id_tag = pick();
            if (!site.badges.empty() && *rc::gen::arbitrary<bool>()) {
                const auto known = site.badges.begin()->first;
                id_tag = *rc::gen::element(known + "zz", "0" + known, known.substr(1),
                                           known.substr(0, known.size() - 1));
            }
            const auto like = likely_badge(site, id_tag);
            const auto expected = likeness_by_search(site, id_tag);
            RC_ASSERT(like.has_value() == expected.has_value());
            if (!like) continue;
            RC_ASSERT(like->likeness == *expected);
            RC_ASSERT(site.badges.contains(like->idTag));
        }
    });
    EXPECT_TRUE(holds);
}

TEST_F(Taps, AreLikenedToTheBadgesOfNow) {
    EXPECT_EQ(likely("04A1B2C3_1"), std::nullopt);
    save(site, badge("04A1B2C3"));
    EXPECT_EQ(likely("04A1B2C3_1"), "longer 04A1B2C3");
    EXPECT_EQ(likely("A1B2C3"), "shorter 04A1B2C3");
    save(site, badge("a1b2c3FF"));
    EXPECT_EQ(likely("A1B2C3"), "shorter a1b2c3FF");
    remove_badge(site, "04A1B2C3");
    EXPECT_EQ(likely("04A1B2C3_1"), std::nullopt);
    replace_badges(site, {badge("B2C3_1")});
    EXPECT_EQ(likely("04A1B2C3_1"), "longer B2C3_1");
    EXPECT_EQ(likely("a1b2c3"), std::nullopt);
}

// --- Learning -----------------------------------------------------------------------------------
TEST_F(Taps, OfAnUnknownBadgeAreLearned) {
    const auto result = start_learning(site, std::nullopt, 60s, now);
    EXPECT_EQ(std::get<Timestamp>(result), now.wall + 60s);
    tap("TAG");
    EXPECT_TRUE(site.learning.is_active(now.wall)) << "a known one is not what was meant";
    pass(5s);
    EXPECT_THAT(tap("04AA"), HasSubstr("Invalid")) << "the driver is refused as ever";
    EXPECT_FALSE(site.learning.is_active(now.wall));
    ASSERT_TRUE(site.learning.learned);
    EXPECT_EQ(site.learning.learned->idTag, "04AA");
    EXPECT_EQ(site.learning.learned->chargePoint, "CP1");
    EXPECT_EQ(site.learning.learned->at, now.wall);
    EXPECT_TRUE(taps.back().learned);
    tap("04BB");
    EXPECT_EQ(site.learning.learned->idTag, "04AA");
    EXPECT_FALSE(taps.back().learned);
}

TEST_F(Taps, AreLearnedOneAtATime) {
    start_learning(site, std::nullopt, 60s, now);
    const auto busy = start_learning(site, std::nullopt, 5s, now);
    EXPECT_EQ(std::get<LearningBusy>(busy).until, now.wall + 60s);
    EXPECT_TRUE(stop_learning(site, now));
    EXPECT_FALSE(stop_learning(site, now));
    EXPECT_TRUE(std::holds_alternative<Timestamp>(start_learning(site, std::nullopt, 5s, now)));
    pass(5s);
    tap("04AA");
    EXPECT_FALSE(site.learning.learned) << "too late";
    EXPECT_TRUE(std::holds_alternative<Timestamp>(start_learning(site, std::nullopt, 300s, now)));
}

TEST_F(Taps, AreLearnedWhereThatWasWanted) {
    add_charger("CP2");
    for (const auto length : {4s, 301s}) {
        const auto wrong = std::get<Violation>(start_learning(site, "CP1", length, now));
        EXPECT_EQ(wrong.pointer, "/seconds");
    }
    const auto wrong = std::get<Violation>(start_learning(site, "CP3", 60s, now));
    EXPECT_EQ(wrong.pointer, "/chargePointId");
    start_learning(site, "CP2", 60s, now);
    tap("04AA");
    EXPECT_TRUE(site.learning.is_active(now.wall));
    link = connect("CP2");
    receive(site, "CP2", link, R"([2,"y","Authorize",{"idTag":"04BB"}])", now);
    EXPECT_EQ(site.learning.learned->idTag, "04BB");
    EXPECT_EQ(site.learning.learned->chargePoint, "CP2");
}

}  // namespace
}  // namespace busbar::site
