// A charger with configuration keys of its own, and what is asked of it and changed.
#include "site/desired_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/availability.hpp"
#include "site/charge_points.hpp"
#include "site/charger_keys.hpp"
#include "site/commands.hpp"
#include "tests/site/configured_charger.hpp"

namespace busbar::site::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

struct DesiredState : ConfiguredCharger {};

TEST_F(DesiredState, AChargerThatIsRightIsOnlyRead) {
    boot();
    EXPECT_THAT(seconds(30), ElementsAre("GetConfiguration{}"));
    EXPECT_EQ(configuration_number(charger(), "connectiontimeout"), 100);
    EXPECT_EQ(state("HeartbeatInterval"), KeyState::applied);
    ASSERT_THAT(rows(configuration_kind), SizeIs(1));
    boot();
    charger().configuration.last_begun.reset();
    EXPECT_THAT(seconds(30), SizeIs(1));
    EXPECT_THAT(rows(configuration_kind), SizeIs(1)) << "nothing new";
}

TEST_F(DesiredState, WhatDiffersIsChangedOneByOneAndReadBackOnce) {
    keys["MeterValueSampleInterval"] = "60";
    keys["HeartbeatInterval"] = "3600";
    boot();
    EXPECT_THAT(
        seconds(30),
        ElementsAre("GetConfiguration{}", set("MeterValueSampleInterval", "15"),
                    set("HeartbeatInterval", "300"),
                    R"(GetConfiguration{"key":["MeterValueSampleInterval","HeartbeatInterval"]})"));
    EXPECT_EQ(state("MeterValueSampleInterval"), KeyState::applied);
    EXPECT_EQ(configuration_value(charger(), "HeartbeatInterval"), "300");
}

TEST_F(DesiredState, ALieIsShownAndNotRepeatedBeforeTheNextBoot) {
    keys["MeterValueSampleInterval"] = "60";
    liar = true;
    boot();
    seconds(30);
    EXPECT_EQ(state("MeterValueSampleInterval"), KeyState::accepted_but_not_applied);
    disconnected(site, "CP1", link, now);
    link = connect("CP1");
    EXPECT_THAT(seconds(120), IsEmpty());
    liar = false;
    boot();
    EXPECT_THAT(seconds(30), SizeIs(3));
    EXPECT_EQ(state("MeterValueSampleInterval"), KeyState::applied);
}

TEST_F(DesiredState, WithoutABootKeysAreReadOnceAnHour) {
    boot();
    EXPECT_THAT(seconds(30), SizeIs(1));
    const auto come_back = [&](std::chrono::milliseconds away) {
        disconnected(site, "CP1", link, now);
        pass(away);
        link = connect("CP1");
        return seconds(30);
    };
    EXPECT_THAT(come_back(10min), IsEmpty());
    EXPECT_THAT(come_back(60min), SizeIs(1));
}

TEST_F(DesiredState, MeasurandsStepDownOnceAndAreRemembered) {
    keys["MeterValuesSampledData"] = "Voltage";
    statuses["MeterValuesSampledData=" + all_measurands] = "Rejected";
    boot();
    EXPECT_THAT(seconds(30),
                ElementsAre("GetConfiguration{}", set("MeterValuesSampledData", all_measurands),
                            set("MeterValuesSampledData", minimal_measurand_list()),
                            R"(GetConfiguration{"key":["MeterValuesSampledData"]})"));
    EXPECT_THAT(charger().quirks.measurands, SizeIs(2));
    EXPECT_EQ(state("MeterValuesSampledData"), KeyState::applied);
    boot();
    EXPECT_THAT(seconds(90), SizeIs(1)) << "learned";
}

TEST_F(DesiredState, MeasurandsThatAreRefusedTwiceAreLeftAlone) {
    keys["MeterValuesSampledData"] = "Voltage";
    statuses["MeterValuesSampledData=" + all_measurands] = "Rejected";
    statuses["MeterValuesSampledData=" + minimal_measurand_list()] = "Rejected";
    boot();
    EXPECT_THAT(seconds(30), SizeIs(3));
    EXPECT_FALSE(charger().quirks.set_measurands);
    boot();
    EXPECT_THAT(seconds(90), ElementsAre("GetConfiguration{}"));
}

TEST_F(DesiredState, AChargerWithoutAListIsAskedByName) {
    no_list = true;
    keys["GetConfigurationMaxKeys"] = "7";
    boot();
    const auto asked = seconds(30);
    ASSERT_GT(asked.size(), 6U);
    EXPECT_EQ(asked[0], "GetConfiguration{}");
    EXPECT_EQ(asked[1], R"(GetConfiguration{"key":["GetConfigurationMaxKeys"]})");
    EXPECT_EQ(std::count(asked[2].begin(), asked[2].end(), ','), 6) << "seven names";
    EXPECT_EQ(charger().configuration.reported.size(), keys.size());
    EXPECT_EQ(charger().quirks.configuration_keys_per_request, 7);
    boot();
    EXPECT_THAT(seconds(90), AllOf(Not(IsEmpty()), Not(Contains("GetConfiguration{}"))));
}

TEST_F(DesiredState, AChargerThatTellsOneKeyAtATimeIsReadToTheEnd) {
    keys_max = 1;
    boot();
    EXPECT_THAT(seconds(60), Not(Contains(StartsWith("ChangeConfiguration"))));
    EXPECT_EQ(charger().configuration.reported.size(), keys.size());
    EXPECT_FALSE(charger().configuration.work);
}

TEST_F(DesiredState, SilenceAndALostLinkEndEverything) {
    silent = true;
    boot();
    EXPECT_THAT(seconds(90), SizeIs(2)) << "all keys, then one by name";
    boot();
    seconds(10);
    ASSERT_TRUE(charger().configuration.work);
    std::optional<std::string> problem;
    read_configuration(site, charger(), now, [&](auto why) { problem = why; });
    disconnected(site, "CP1", link, now);
    EXPECT_FALSE(charger().configuration.work);
    EXPECT_EQ(problem, "the connection ended");
    for (int i = 0; i < 100; ++i) pass(1s);
    silent = false;
    link = connect("CP1");
    EXPECT_THAT(seconds(90), SizeIs(1));
}

TEST_F(DesiredState, ReadonlyUnknownAndRebootAreTold) {
    keys["MeterValueSampleInterval"] = "60";
    readonly = "MeterValueSampleInterval";
    keys["HeartbeatInterval"] = "5";
    statuses["HeartbeatInterval=300"] = "RebootRequired";
    keys.erase("MeterValuesSampledData");
    boot();
    EXPECT_THAT(seconds(30), ElementsAre("GetConfiguration{}",
                                         R"(GetConfiguration{"key":["MeterValuesSampledData"]})",
                                         set("HeartbeatInterval", "300")));
    EXPECT_EQ(state("MeterValueSampleInterval"), KeyState::readonly);
    EXPECT_EQ(state("HeartbeatInterval"), KeyState::reboot_required);
    EXPECT_EQ(state("MeterValuesSampledData"), KeyState::not_supported);
}

TEST_F(DesiredState, AnOperatorsWishIsDurableBeforeItIsSentAndOutlastsARestart) {
    boot();
    seconds(30);
    journal.held = true;
    std::optional<WishAnswer> told;
    set_wish(site, charger(), "connectiontimeout", "90", now, [&](auto answer) { told = answer; });
    EXPECT_THAT(link->take(), IsEmpty());
    EXPECT_FALSE(told);
    journal.held = false;
    journal.commit();
    EXPECT_THAT(seconds(1), ElementsAre(set("ConnectionTimeOut", "90"),
                                        R"(GetConfiguration{"key":["ConnectionTimeOut"]})"));
    ASSERT_TRUE(told);
    EXPECT_EQ(told->status, "Accepted");
    EXPECT_EQ(told->state, KeyState::applied);

    HeldJournal later;
    Site again{later, settings()};
    again.charge_points["CP1"].settings.id = "CP1";
    for (const auto& row : journal.all<db::StateSaved>()) restore_configuration(again, row);
    const auto* restored = again.find("CP1");
    EXPECT_EQ(restored->configuration.wishes.at("ConnectionTimeOut"), "90");
    EXPECT_EQ(configuration_value(*restored, "ConnectionTimeOut"), "90");
    EXPECT_TRUE(restored->configuration.read_at);
    restore_configuration(again, {std::string{configuration_kind}, "CP9", {"{}"}});
    restore_configuration(again, {std::string{configuration_kind}, "CP1", {"[]"}});
}

TEST_F(DesiredState, AWishWaitsForTheConnectionAndItsEndLetsBusbarsOwnCount) {
    boot();
    seconds(30);
    disconnected(site, "CP1", link, now);
    std::optional<WishAnswer> told;
    set_wish(site, charger(), "HeartbeatInterval", "900", now, [&](auto answer) { told = answer; });
    ASSERT_TRUE(told);
    EXPECT_FALSE(told->status);
    EXPECT_EQ(told->state, KeyState::pending);
    link = connect("CP1");
    EXPECT_THAT(seconds(90), ElementsAre(set("HeartbeatInterval", "900"),
                                         R"(GetConfiguration{"key":["HeartbeatInterval"]})"));
    EXPECT_TRUE(remove_wish(site, charger(), "heartbeatinterval", now));
    EXPECT_FALSE(remove_wish(site, charger(), "heartbeatinterval", now));
    EXPECT_THAT(seconds(90), ElementsAre(set("HeartbeatInterval", "300"),
                                         R"(GetConfiguration{"key":["HeartbeatInterval"]})"));
}

TEST_F(DesiredState, ACommandThatWasAcceptedIsAWish) {
    boot();
    seconds(30);
    statuses["ResetRetries=-1"] = "Rejected";
    const auto change = [&](const std::string& key, const std::string& value) {
        command_status("ChangeConfiguration",
                       R"({"key":")" + key + R"(","value":")" + value + "\"}");
    };
    change("ResetRetries", "-1");
    EXPECT_THAT(charger().configuration.wishes, IsEmpty());
    change("ResetRetries", "3");
    EXPECT_EQ(charger().configuration.wishes.at("resetretries"), "3");
    EXPECT_THAT(rows(desired_configuration_kind), ElementsAre(HasSubstr("ResetRetries")));
    keys["ResetRetries"] = "0";
    boot();
    EXPECT_THAT(seconds(90), Contains(set("ResetRetries", "3")));
}

TEST_F(DesiredState, ARemoteStartWaitsAsLongAsTheChargerDoes) {
    boot();
    seconds(30);
    command_status("RemoteStartTransaction", R"({"connectorId":1,"idTag":"TAG"})");
    ASSERT_THAT(charger().operations, SizeIs(1));
    EXPECT_EQ(charger().operations[0].deadline, now.wall + 110s);
}

struct Availability : DesiredState {
    void status(int connector, const std::string& status) {
        send("StatusNotification", R"({"connectorId":)" + std::to_string(connector) +
                                       R"(,"errorCode":"NoError","status":")" + status + "\"}");
    }
    std::vector<std::string> told(int count) {
        auto asked = seconds(count);
        std::erase_if(asked, [](const auto& text) { return !text.starts_with("ChangeAvail"); });
        return asked;
    }
    void command_to(int connector, const std::string& type) {
        command_status("ChangeAvailability", R"({"connectorId":)" + std::to_string(connector) +
                                                 R"(,"type":")" + type + "\"}");
    }
    static std::string call(int connector, const std::string& type) {
        return R"(ChangeAvailability{"connectorId":)" + std::to_string(connector) + R"(,"type":")" +
               type + "\"}";
    }
};

TEST_F(Availability, IsToldAgainOnceWhereTheStatusContradictsIt) {
    boot();
    seconds(30);
    status(1, "Available");
    EXPECT_THAT(told(30), IsEmpty()) << "nobody wants anything";
    command_to(1, "Inoperative");
    status(1, "Unavailable");
    EXPECT_THAT(told(30), IsEmpty());
    boot();
    EXPECT_THAT(told(30), IsEmpty()) << "not just because it has booted";
    status(1, "Available");
    EXPECT_THAT(told(8), IsEmpty()) << "a moment";
    EXPECT_THAT(told(10), ElementsAre(call(1, "Inoperative")));
    EXPECT_THAT(told(120), IsEmpty()) << "once";
    boot();
    EXPECT_THAT(told(30), ElementsAre(call(1, "Inoperative")));
    command_to(1, "Operative");
    status(1, "Unavailable");
    EXPECT_THAT(told(30), ElementsAre(call(1, "Operative")));
}

TEST_F(Availability, ARefusedWholeIsToldConnectorByConnector) {
    boot();
    seconds(30);
    command_to(0, "Inoperative");
    for (const int connector : {1, 2}) status(connector, "Available");
    availability = "Rejected";
    EXPECT_THAT(told(60), ElementsAre(call(0, "Inoperative"), call(1, "Inoperative"),
                                      call(2, "Inoperative")));
    EXPECT_FALSE(charger().quirks.connector_0_availability);
    EXPECT_THAT(rows(availability_kind),
                ElementsAre(R"({"connectors":[{"connectorId":0,"operative":false}]})"));
    HeldJournal later;
    Site again{later, settings()};
    again.charge_points["CP1"].settings.id = "CP1";
    for (const auto& row : journal.all<db::StateSaved>()) restore_availability(again, row);
    EXPECT_EQ(is_wanted_operative(again.find("CP1")->configuration, 2), false);
}

TEST_F(Availability, ARefusedCommandIsNoWish) {
    boot();
    seconds(30);
    availability = "Rejected";
    command_to(1, "Inoperative");
    EXPECT_FALSE(is_wanted_operative(charger().configuration, 1));
    EXPECT_THAT(rows(availability_kind), IsEmpty());
}

TEST_F(Availability, GoesWithTheChargePoint) {
    boot();
    seconds(30);
    command_to(1, "Inoperative");
    command_status("ChangeConfiguration", R"({"key":"ResetRetries","value":"3"})");
    remove_charge_point(site, "CP1");
    std::set<std::string> removed;
    for (const auto& row : journal.all<db::StateRemoved>()) removed.insert(row.kind);
    EXPECT_THAT(removed,
                testing::IsSupersetOf({"configuration", "desired_configuration", "availability"}));
}

}  // namespace
}  // namespace busbar::site::test
