// Local lists on a site, with a charger that keeps one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/badge_reading.hpp"
#include "site/badges.hpp"
#include "site/charge_points.hpp"
#include "site/commands.hpp"
#include "tests/site/local_list_support.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using enum v16::UpdateStatus;
using enum v16::UpdateType;

struct LocalListOnSite : testing::Test, OneCharger {
    LocalListOnSite() { told("LocalAuthListMaxLength", "100"); }
    // A configuration key as the charger has reported it.
    void told(const std::string& key, const std::string& value) {
        charger().configuration.reported[key] = {key, value, true, now.wall};
    }
    // Answers all calls, those about the list as `holder` does; the messages with lists.
    std::vector<v16::SendLocalList::Request> answer_all() {
        std::vector<v16::SendLocalList::Request> out;
        for (auto texts = link->take(); !texts.empty(); texts = link->take()) {
            for (const auto& text : texts) {
                if (!text.starts_with("[2,")) continue;
                const auto id = text.substr(4, text.find('"', 4) - 4);
                receive(site, "CP1", link, reply_to(text, id, out), now);
            }
        }
        return out;
    }
    std::string reply_to(const std::string& text, const std::string& id,
                         std::vector<v16::SendLocalList::Request>& out) {
        const auto result = [&](const std::string& payload) {
            return "[3,\"" + id + "\"," + payload + "]";
        };
        const bool asks = text.find("\"GetLocalListVersion\"") != std::string::npos;
        const bool sends = text.find("\"SendLocalList\"") != std::string::npos;
        asked += asks;
        if ((asks || sends) && !error.empty())
            return "[4,\"" + id + "\",\"" + error + "\",\"\",{}]";
        if (asks && !version_error.empty()) {
            return "[4,\"" + id + "\",\"" + version_error + "\",\"\",{}]";
        }
        if (asks) return result(R"({"listVersion":)" + std::to_string(holder.version) + "}");
        if (!sends) return result(R"({"status":"Accepted"})");
        DecodeReport report;
        const auto begin = text.find('{');
        const auto request = decode_text<v16::SendLocalList::Request>(
            text.substr(begin, text.size() - begin - 1), {}, report);
        EXPECT_TRUE(request) << text;
        out.push_back(*request);
        return result(R"({"status":")" + enumerator_name(status ? *status : holder.take(*request)) +
                      "\"}");
    }
    std::vector<v16::SendLocalList::Request> seconds(int count) {
        std::vector<v16::SendLocalList::Request> out;
        for (int i = 0; i < count; ++i) {
            pass(1s);
            for (auto& request : answer_all()) out.push_back(std::move(request));
        }
        return out;
    }
    void boot(const std::string& firmware = "1") {
        send("BootNotification",
             R"({"chargePointVendor":"V","chargePointModel":"M","firmwareVersion":")" + firmware +
                 "\"}");
    }
    LocalListStatus status_now() { return local_list_status(site, charger(), now.wall); }
    CommandResult by_hand(const std::string& action, const std::string& payload) {
        CommandResult result = CommandFailure{};
        command(site, "CP1", action, payload, now, [&](CommandResult given) { result = given; });
        answer_all();
        return result;
    }
    std::vector<db::StateSaved> rows() const {
        std::vector<db::StateSaved> out;
        for (const auto& row : journal.all<db::StateSaved>()) {
            if (row.kind == local_list_kind) out.push_back(row);
        }
        return out;
    }

    Holder holder;
    int asked = 0;
    std::string version_error;                // the same for GetLocalListVersion alone
    std::string error;                        // the CALLERROR to answer with
    std::optional<v16::UpdateStatus> status;  // instead of the holder's
};

TEST_F(LocalListOnSite, NamesGroupsAsAuthorizeIsAnswered) {
    site.badges["TAG"].group = "fleet";
    site.badge_groups["FLEET"].name = "FLEET";
    const auto sent = seconds(30);
    ASSERT_THAT(sent, SizeIs(1));
    const auto& info = sent[0].localAuthorizationList->at(0).idTagInfo;
    EXPECT_EQ(info->parentIdTag->value, "FLEET");
    const auto asked_now = authorize(site, charger(), "TAG", now.wall);
    EXPECT_EQ(asked_now.id_tag_info.parentIdTag->value, "FLEET");
}

TEST_F(LocalListOnSite, ComesBehindSetUpAndIsNotSentAgain) {
    EXPECT_EQ(status_now().state, LocalListState::unknown);
    EXPECT_FALSE(status_now().supported);
    const auto sent = seconds(30);
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_THAT(tags(*sent[0].localAuthorizationList), ElementsAre("TAG"));
    EXPECT_EQ(status_now().state, LocalListState::synchronised);
    EXPECT_EQ(status_now().version, 1);
    EXPECT_EQ(status_now().entries, 1u);
    EXPECT_EQ(status_now().supported, true);
    EXPECT_THAT(seconds(120), IsEmpty());
    boot();
    EXPECT_THAT(seconds(30), IsEmpty());
    EXPECT_EQ(asked, 2) << "once after the connection, once after the boot";
    ASSERT_THAT(rows(), SizeIs(1));
    EXPECT_EQ(rows()[0].key, "CP1");
}

TEST_F(LocalListOnSite, SchedulesAreReadOnceForAllListsAndTaps) {
    for (const std::string id_tag : {"ANNA", "BEN", "CARA"}) {
        auto scheduled = badge(id_tag);
        scheduled.schedule = "06:00-22:00";
        save(site, scheduled);
        EXPECT_THAT(seconds(30), SizeIs(1));
    }
    EXPECT_TRUE(authorize(site, charger(), "BEN", now.wall).accepted());
    EXPECT_EQ(site.hours.readings(), 1U);
}

TEST_F(LocalListOnSite, FollowsTheBadgesOnceTheyRest) {
    seconds(30);
    save(site, badge("ANNA"));
    EXPECT_THAT(seconds(3), IsEmpty());
    remove_badge(site, "TAG");
    EXPECT_THAT(seconds(4), IsEmpty());
    const auto sent = seconds(3);
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].updateType, Differential);
    EXPECT_THAT(tags(*sent[0].localAuthorizationList), ElementsAre("-TAG", "ANNA"));
    replace_badges(site, {badge("ANNA")});
    EXPECT_THAT(seconds(10), IsEmpty()) << "nothing has changed";
    replace_badges(site, {badge("ANNA"), badge("BEN")});
    EXPECT_THAT(seconds(10), SizeIs(1));
}

TEST_F(LocalListOnSite, KnowsWhenABadgeBecomesValid) {
    auto later = badge("LATER");
    later.valid_from = now.wall + 10min;
    save(site, later);
    seconds(30);
    EXPECT_THAT(holder.id_tags(), ElementsAre("TAG"));
    seconds(600);
    EXPECT_THAT(holder.id_tags(), ElementsAre("LATER", "TAG"));
}

TEST_F(LocalListOnSite, SurvivesARestart) {
    seconds(30);
    const auto row = rows().at(0);
    charger().local_list = LocalList{};
    restore_local_list(site, {std::string{local_list_kind}, "CP9", row.body});
    restore_local_list(site, {std::string{local_list_kind}, "CP1", {"[]"}});
    EXPECT_EQ(charger().local_list.version, 0);
    restore_local_list(site, row);
    EXPECT_EQ(charger().local_list.version, 1);
    link = connect("CP1");
    EXPECT_THAT(seconds(30), IsEmpty()) << "the charger has what we remember";
    remove_charge_point(site, "CP1");
    int removed = 0;
    for (const auto& gone : journal.all<db::StateRemoved>())
        removed += gone.kind == local_list_kind;
    EXPECT_EQ(removed, 1);
}

TEST_F(LocalListOnSite, WhatIsNotImplementedIsNeverAskedForAgain) {
    boot();
    error = "NotImplemented";
    seconds(30);
    EXPECT_EQ(asked, 1);
    EXPECT_FALSE(charger().quirks.local_list);
    EXPECT_EQ(status_now().supported, false);
    EXPECT_EQ(status_now().state, LocalListState::unsupported);
    save(site, badge("ANNA"));
    link = connect("CP1");
    seconds(60);
    EXPECT_EQ(asked, 1);
    error.clear();
    boot("2");
    seconds(30);
    EXPECT_EQ(asked, 2) << "another firmware may know it";
}

TEST_F(LocalListOnSite, NotSupportedIsALesson) {
    boot();
    status = NotSupported;
    EXPECT_THAT(seconds(30), SizeIs(1));
    EXPECT_FALSE(charger().quirks.local_list);
    status.reset();
    save(site, badge("ANNA"));
    EXPECT_THAT(seconds(30), IsEmpty());
}

TEST_F(LocalListOnSite, AFailedListWaitsForTheNextBootOrEdit) {
    status = Failed;
    EXPECT_THAT(seconds(60), SizeIs(1));
    EXPECT_EQ(status_now().state, LocalListState::failed);
    EXPECT_THAT(status_now().last_error, HasSubstr("Failed"));
    save(site, badge("ANNA"));
    EXPECT_THAT(seconds(60), SizeIs(1));
    status.reset();
    boot();
    EXPECT_THAT(seconds(60), SizeIs(1));
    EXPECT_EQ(status_now().state, LocalListState::synchronised);
    EXPECT_EQ(status_now().last_error, "");
}

TEST_F(LocalListOnSite, SilenceIsNotTakenForARefusal) {
    // It answers nothing about its list.
    for (int i = 0; i < 16; ++i) {
        pass(1s);
        link->take();
    }
    EXPECT_TRUE(charger().local_list.is_waiting);
    for (int i = 0; i < 300 && charger().local_list.is_waiting; ++i) pass(1s);
    link->take();
    EXPECT_FALSE(charger().local_list.is_waiting);
    EXPECT_THAT(seconds(90), SizeIs(1));
    EXPECT_EQ(status_now().state, LocalListState::synchronised);
}

TEST_F(LocalListOnSite, WaitsForTheAnswerAsLongAsTheModelNeeds) {
    charger().quirks.call_timeout_seconds = 120;
    // It answers all but what is about its list.
    while (!charger().local_list.is_waiting) {
        for (const auto& text : link->take()) {
            const auto id = text.substr(4, text.find('"', 4) - 4);
            receive(site, "CP1", link, "[3,\"" + id + R"(",{"status":"Accepted"}])", now);
        }
        pass(1s);
    }
    pass(119s);
    EXPECT_TRUE(charger().local_list.is_waiting);
    pass(1s);
    EXPECT_FALSE(charger().local_list.is_waiting);
}

TEST_F(LocalListOnSite, ALostLinkEndsWhatWasUnderWay) {
    for (int i = 0; i < 14; ++i) seconds(1);
    pass(1s);
    pass(1s);
    disconnected(site, "CP1", link, now);
    EXPECT_FALSE(charger().local_list.is_waiting);
    save(site, badge("ANNA"));
    for (int i = 0; i < 20; ++i) pass(1s);
    link = connect("CP1");
    EXPECT_THAT(seconds(30), SizeIs(1));
    EXPECT_THAT(holder.id_tags(), ElementsAre("ANNA", "TAG"));
}

TEST_F(LocalListOnSite, KeepsToWhatTheChargerSaysItCanTake) {
    told("LocalAuthListMaxLength", "3");
    told("SendLocalListMaxLength", "2");
    for (const auto* id_tag : {"A", "B", "C"}) save(site, badge(id_tag));
    const auto sent = seconds(30);
    ASSERT_THAT(sent, SizeIs(2));
    EXPECT_THAT(*sent[0].localAuthorizationList, SizeIs(2));
    EXPECT_THAT(holder.id_tags(), ElementsAre("A", "B", "C"));
    EXPECT_EQ(status_now().left_out, 1u);
    EXPECT_EQ(status_now().wanted, 3u);
}

TEST_F(LocalListOnSite, AChargerThatCannotTellItsVersionIsBelievedWhatItClaims) {
    told("SupportedFeatureProfiles", "Core, LocalAuthListManagement");
    version_error = "InternalError";
    EXPECT_THAT(seconds(30), SizeIs(1));
    EXPECT_EQ(status_now().state, LocalListState::synchronised);
    boot();
    EXPECT_THAT(seconds(30), IsEmpty());
    told("SupportedFeatureProfiles", "Core");
    boot();
    seconds(30);
    EXPECT_EQ(status_now().state, LocalListState::failed);
    EXPECT_THAT(status_now().last_error, HasSubstr("InternalError"));
}

TEST_F(LocalListOnSite, AListSentByHandIsLeftAlone) {
    seconds(30);
    by_hand("SendLocalList", R"({"listVersion":50,"updateType":"Full","localAuthorizationList":)"
                             R"([{"idTag":"GUEST","idTagInfo":{"status":"Accepted"}}]})");
    EXPECT_TRUE(status_now().manual);
    EXPECT_EQ(status_now().state, LocalListState::manual);
    EXPECT_EQ(status_now().version, 50);
    boot();
    EXPECT_THAT(seconds(60), IsEmpty());
    EXPECT_THAT(holder.id_tags(), ElementsAre("GUEST"));
    synchronise_local_list(site, charger(), now);
    const auto sent = seconds(2);
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].updateType, Full);
    EXPECT_EQ(sent[0].listVersion, 51);
    EXPECT_FALSE(status_now().manual);
    EXPECT_THAT(rows().back().body.text, HasSubstr(R"("manual":false)"));
}

TEST_F(LocalListOnSite, ABadgeEditEndsAListSentByHand) {
    seconds(30);
    by_hand("SendLocalList", R"({"listVersion":50,"updateType":"Full"})");
    EXPECT_THAT(rows().back().body.text, HasSubstr(R"("manual":true)"));
    save(site, badge("ANNA"));
    EXPECT_THAT(seconds(10), SizeIs(1));
    EXPECT_THAT(holder.id_tags(), ElementsAre("ANNA", "TAG"));
}

TEST_F(LocalListOnSite, AVersionToldByHandCounts) {
    seconds(30);
    holder = Holder{};
    by_hand("GetLocalListVersion", "{}");
    EXPECT_THAT(seconds(10), SizeIs(1));
    EXPECT_THAT(holder.id_tags(), ElementsAre("TAG"));
}

}  // namespace
}  // namespace busbar::site::test
