#include "site/local_list_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/site/local_list_support.hpp"

namespace busbar::site::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = LocalListStep::Kind;
using enum v16::UpdateType;
using enum v16::UpdateStatus;

constexpr Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1} + 12h;
using Badges = decltype(Site::badges);

Badges badges(const std::vector<std::string>& id_tags) {
    Badges out;
    for (const auto& id_tag : id_tags) out[id_tag] = badge(id_tag);
    return out;
}
db::ChargePointSaved charge_point() {
    db::ChargePointSaved settings;
    settings.id = "CP1";
    return settings;
}
WantedList wanted_of(const Badges& all, std::size_t length_max = 100) {
    const auto place = charge_point();
    return wanted_list(
        {.badges = all, .charge_point = place, .now = noon, .length_max = length_max});
}
WantedList wanted(const std::vector<std::string>& id_tags, std::size_t length_max = 100) {
    return wanted_of(badges(id_tags), length_max);
}

// Brings the holder's list up to date; the messages it took.
std::vector<v16::SendLocalList::Request> bring(LocalList& list, Holder& holder,
                                               const WantedList& to,
                                               const LocalListLimits& limits = {}) {
    std::vector<v16::SendLocalList::Request> sent;
    for (int i = 0; i < 1000; ++i) {
        const auto step = next_step(list, to, limits);
        if (step.kind == Kind::nothing) return sent;
        if (step.kind == Kind::ask_version) {
            version_reported(list, holder.version);
            continue;
        }
        sent.push_back(step.request);
        const auto status = holder.take(step.request);
        if (status == Accepted)
            accepted(list, step.request);
        else
            refused(list, step.request, enumerator_name(status));
    }
    ADD_FAILURE() << "never comes to an end";
    return sent;
}

TEST(LocalList, HoldsTheBadgesThatMayChargeHere) {
    auto all = badges({"free", "blocked", "Old", "later", "elsewhere", "fleet", "none"});
    all["blocked"].status = "blocked";
    all["Old"].valid_until = noon;
    all["later"].valid_from = noon + 2h;
    all["elsewhere"].charge_points = {"CP2"};
    all["fleet"].group = "FLEET";
    all["fleet"].valid_until = noon + 1h;
    all["none"].max_active_transactions = 0;
    all["longer than 20 characters"] = badge("longer than 20 characters");
    const auto list = wanted_of(all);
    EXPECT_THAT(tags(list.entries), ElementsAre("fleet", "free"));
    EXPECT_EQ(list.entries[0].idTagInfo->parentIdTag, v16::IdToken{"FLEET"});
    EXPECT_EQ(list.entries[0].idTagInfo->expiryDate, noon + 1h);
    EXPECT_FALSE(list.entries[1].idTagInfo->expiryDate);
    EXPECT_EQ(list.left_out, 0u);
    EXPECT_EQ(list.changes_at, noon + 1h);
}

TEST(LocalList, FollowsSchedulesAndQuotasButNotOpeningHours) {
    auto all = badges({"day", "night", "used", "unused"});
    all["day"].schedule = "07:00-19:00";
    all["night"].schedule = "20:00-06:00";
    all["used"].monthly_energy_quota_wh = 1000;
    all["unused"].monthly_energy_quota_wh = 1001;
    auto place = charge_point();
    place.opening_hours = "07:00-08:00";
    const auto list = wanted_list({.badges = all,
                                   .charge_point = place,
                                   .now = noon,
                                   .length_max = 100,
                                   .energy_used_wh = [](const auto&) { return 1000; }});
    EXPECT_THAT(tags(list.entries), ElementsAre("day", "unused"));
    EXPECT_EQ(list.entries[0].idTagInfo->expiryDate, noon + 7h);
    EXPECT_EQ(list.changes_at, noon + 7h);
    all.erase("day");
    EXPECT_EQ(wanted_of(all).changes_at, noon + 8h) << "when night begins";
    all.erase("night");
    const auto quotas = wanted_list({.badges = all,
                                     .charge_point = place,
                                     .now = noon,
                                     .length_max = 100,
                                     .energy_used_wh = [](const auto&) { return 5000; }});
    EXPECT_THAT(quotas.entries, IsEmpty());
    EXPECT_EQ(quotas.changes_at, Timestamp{std::chrono::sys_days{std::chrono::year{2026} / 6 / 1}});
}

TEST(LocalList, ReadsEachScheduleOnceHoweverManyBadgesHaveIt) {
    auto all = badges({"a", "b", "c", "d"});
    for (auto& [id_tag, badge] : all) badge.schedule = "07:00-19:00";
    all["d"].schedule = "no hours at all";
    const HoursBook hours;
    const auto place = charge_point();
    for (int build = 0; build < 3; ++build) {
        const auto list = wanted_list({.badges = all,
                                       .charge_point = place,
                                       .now = noon + build * 1min,
                                       .length_max = 100,
                                       .hours = &hours});
        EXPECT_THAT(tags(list.entries), ElementsAre("a", "b", "c"));
        EXPECT_EQ(hours.readings(), 2U);
    }
    all["a"].schedule = "08:00-19:00";
    EXPECT_THAT(tags(wanted_of(all).entries), ElementsAre("a", "b", "c"));
}

TEST(LocalList, SaysHowManyFindNoRoom) {
    const auto list = wanted({"c", "A", "b"}, 2);
    EXPECT_THAT(tags(list.entries), ElementsAre("A", "b"));
    EXPECT_EQ(list.left_out, 1u);
}

TEST(LocalList, DifferencesRemoveFirstAndDisregardCase) {
    const auto held = wanted({"a", "B", "d"});
    auto fresh = wanted({"b", "c", "D"});
    EXPECT_THAT(tags(difference(held.entries, fresh.entries)), ElementsAre("-a", "c"));
    fresh.entries[0].idTagInfo->parentIdTag = v16::IdToken{"G"};
    EXPECT_THAT(tags(difference(held.entries, fresh.entries)), ElementsAre("-a", "b", "c"));
    EXPECT_THAT(difference(held.entries, held.entries), IsEmpty());
}

TEST(LocalList, AsksThenSendsFullThenDifferences) {
    LocalList list;
    Holder holder;
    holder.version = 7;
    EXPECT_EQ(next_step(list, wanted({"a"}), {}).kind, Kind::ask_version);
    auto sent =
        bring(list, holder, wanted({"a", "b", "c", "d", "e"}), {.entries_per_message_max = 2});
    ASSERT_THAT(sent, SizeIs(3));
    EXPECT_EQ(sent[0].updateType, Full);
    EXPECT_EQ(sent[0].listVersion, 8);
    EXPECT_EQ(sent[1].updateType, Differential);
    EXPECT_THAT(tags(*sent[2].localAuthorizationList), ElementsAre("e"));
    EXPECT_THAT(holder.id_tags(), ElementsAre("a", "b", "c", "d", "e"));
    sent = bring(list, holder, wanted({"a", "c", "d", "e", "f"}));
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_THAT(tags(*sent[0].localAuthorizationList), ElementsAre("-b", "f"));
    EXPECT_EQ(state_of(list, wanted({"a", "c", "d", "e", "f"})), LocalListState::synchronised);
    EXPECT_EQ(state_of(list, wanted({"a"})), LocalListState::outdated);
}

TEST(LocalList, MessagesKeepToTheirSize) {
    LocalList list;
    version_reported(list, 0);
    const auto step = next_step(list, wanted({"a", "b", "c", "d"}), {.message_bytes_max = 100});
    EXPECT_LE(to_json(*step.request.localAuthorizationList).size(), 102u);
    EXPECT_THAT(*step.request.localAuthorizationList, SizeIs(2));
    EXPECT_THAT(*next_step(list, wanted({"a", "b"}), {.message_bytes_max = 1})
                     .request.localAuthorizationList,
                SizeIs(1))
        << "something must be sent";
}

TEST(LocalList, AChargerThatLostItsListGetsAllOfIt) {
    LocalList list;
    Holder holder;
    bring(list, holder, wanted({"a", "b"}));
    holder = Holder{};
    begin_round(list);
    const auto sent = bring(list, holder, wanted({"a", "b"}));
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].updateType, Full);
    EXPECT_GT(sent[0].listVersion, 1);
    begin_round(list);
    EXPECT_THAT(bring(list, holder, wanted({"a", "b"})), IsEmpty());
}

TEST(LocalList, AVersionMismatchLeadsToAFullList) {
    LocalList list;
    Holder holder;
    bring(list, holder, wanted({"a"}));
    holder.forgets = true;
    const auto sent = bring(list, holder, wanted({"a", "b"}));
    ASSERT_THAT(sent, SizeIs(2));
    EXPECT_EQ(sent[0].updateType, Differential);
    EXPECT_EQ(sent[1].updateType, Full);
    EXPECT_GT(sent[1].listVersion, sent[0].listVersion);
    EXPECT_THAT(holder.id_tags(), ElementsAre("a", "b"));
}

TEST(LocalList, AChargerThatTakesNoDifferencesIsNotPesteredForEver) {
    LocalList list;
    Holder holder;
    holder.forgets = true;
    const auto sent = bring(list, holder, wanted({"a", "b", "c"}), {.entries_per_message_max = 1});
    EXPECT_THAT(sent, SizeIs(4));  // Full, Differential, Full, Differential
    EXPECT_EQ(state_of(list, wanted({"a", "b", "c"})), LocalListState::failed);
    try_again(list);
    EXPECT_NE(next_step(list, wanted({"a"}), {}).kind, Kind::nothing);
}

TEST(LocalList, ARefusedFullListIsLeftAlone) {
    LocalList list;
    version_reported(list, 0);
    const auto step = next_step(list, wanted({"a"}), {});
    refused(list, step.request, "Failed");
    EXPECT_EQ(next_step(list, wanted({"a"}), {}).kind, Kind::nothing);
    begin_round(list);
    EXPECT_EQ(next_step(list, wanted({"a"}), {}).kind, Kind::ask_version);
    version_reported(list, 0);
    EXPECT_GT(next_step(list, wanted({"a"}), {}).request.listVersion, step.request.listVersion);
}

TEST(LocalList, NothingIsSentWhereThereAreNoListsOrNothingToSay) {
    LocalList list;
    version_reported(list, -1);
    EXPECT_EQ(next_step(list, wanted({"a"}), {}).kind, Kind::nothing);
    EXPECT_EQ(state_of(list, wanted({"a"})), LocalListState::unsupported);
    version_reported(list, 0);
    EXPECT_EQ(next_step(list, wanted({}), {}).kind, Kind::nothing);
    // A list of somebody else's is emptied.
    version_reported(list, 3);
    const auto step = next_step(list, wanted({}), {});
    EXPECT_EQ(step.request.updateType, Full);
    EXPECT_FALSE(step.request.localAuthorizationList);
}

TEST(LocalList, VersionsBeginAgainBeforeTheyOverflow) {
    LocalList list;
    Holder holder;
    holder.version = std::numeric_limits<std::int32_t>::max() - 1;
    bring(list, holder, wanted({"a"}));
    ASSERT_EQ(holder.version, std::numeric_limits<std::int32_t>::max());
    const auto sent = bring(list, holder, wanted({"b"}));
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].updateType, Full);
    EXPECT_EQ(sent[0].listVersion, 1);
}

TEST(LocalList, EndsUpLikeTheBadgesWhateverHappens) {
    EXPECT_TRUE(rc::check([] {
        LocalList list;
        Holder holder;
        holder.version = *rc::gen::inRange(0, 5);
        for (const int act : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4))) {
            if (act == 0) begin_round(list);
            if (act == 1) {  // it has lost its list, which takes a reboot at least
                holder = Holder{};
                begin_round(list);
            }
            if (act == 2) holder.forgets = !holder.forgets;
            try_again(list);
            const LocalListLimits limits{
                .length_max = 30,
                .entries_per_message_max = static_cast<std::size_t>(*rc::gen::inRange(1, 8)),
                .message_bytes_max = 400};
            Badges all;
            for (const int n : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 60))) {
                auto& one = all[(n % 2 ? "t" : "T") + std::to_string(n)];
                one = badge((n % 2 ? "t" : "T") + std::to_string(n));
                if (*rc::gen::inRange(0, 4) == 0) one.group = "G";
            }
            const auto to = wanted_of(all, limits.length_max);
            const auto before = list.reported.value_or(0);
            std::int32_t last = std::max(before, 0);
            for (const auto& request : bring(list, holder, to, limits)) {
                RC_ASSERT(request.listVersion > last);
                last = request.listVersion;
                const auto entries = request.localAuthorizationList.value_or(LocalListEntries{});
                RC_ASSERT(entries.size() <= limits.entries_per_message_max);
                RC_ASSERT(to_json(entries).size() <= limits.message_bytes_max + 2);
            }
            if (list.has_given_up) continue;
            RC_ASSERT(holder.list.size() == to.entries.size());
            for (const auto& entry : to.entries) {
                const auto it = holder.list.find(entry.idTag.value);
                RC_ASSERT(it != holder.list.end());
                RC_ASSERT(it->second.parentIdTag == entry.idTagInfo->parentIdTag);
            }
        }
    }));
}

}  // namespace
}  // namespace busbar::site::test
