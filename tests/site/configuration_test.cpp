// Comparing, planning and splitting configuration keys, without a site.
#include "site/configuration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace busbar::site::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Timestamp at = std::chrono::sys_days{std::chrono::year{2026} / 5 / 1};

ocpp::v16::KeyValue key_value(const std::string& key, std::optional<std::string> value,
                              bool readonly = false) {
    ocpp::v16::KeyValue out;
    out.key.value = key;
    out.readonly = readonly;
    if (value) out.value.emplace(*value);
    return out;
}

ChargerConfiguration reporting(const std::vector<ocpp::v16::KeyValue>& keys) {
    ChargerConfiguration out;
    take_keys(out.reported, keys, at);
    return out;
}

TEST(Configuration, ValuesAreComparedByMeaning) {
    const std::pair<const char*, const char*> same[] = {
        {"15", "15"},     {"15", " 15 "},    {"15", "15.0"},     {"15", "\"15\""},
        {"true", "True"}, {"true", "TRUE"},  {"true", "1"},      {"false", "0"},
        {"", "  "},       {"A,B", "B, A"},   {"A,B", "\"A,B\""}, {"A,B", " A , B ,"},
        {"-1", "-1"},     {"ftp", "\"ftp\""}};
    for (const auto& [a, b] : same) {
        EXPECT_TRUE(is_same_value(a, b)) << a << " and " << b;
        EXPECT_TRUE(is_same_value(b, a)) << b << " and " << a;
    }
    const std::pair<const char*, const char*> other[] = {
        {"15", "16"},   {"true", "false"},    {"true", "0"},  {"", "0"},    {"A,B", "A"},
        {"A,B", "A,C"}, {"Secret", "secret"}, {"15 s", "15"}, {"1,2", "12"}};
    for (const auto& [a, b] : other) {
        EXPECT_FALSE(is_same_value(a, b)) << a << " and " << b;
        EXPECT_FALSE(is_same_value(b, a)) << b << " and " << a;
    }
}

TEST(Configuration, AListThatMayBeLongerMustHoldAllThatIsWanted) {
    KeyWish wish{"MeterValuesSampledData", "A,B", false, true};
    EXPECT_TRUE(is_fulfilled(wish, {"k", "B, SoC, A", false, at}));
    EXPECT_FALSE(is_fulfilled(wish, {"k", "B, SoC", false, at}));
    EXPECT_FALSE(is_fulfilled(wish, {"k", std::nullopt, false, at}));
    wish.more_will_do = false;
    EXPECT_FALSE(is_fulfilled(wish, {"k", "B, SoC, A", false, at}));
}

TEST(Configuration, KeysAreKeptWithinBoundsAndPasswordsNever) {
    ReportedKeys reported;
    std::vector<ocpp::v16::KeyValue> keys{
        key_value("AuthorizationKey", "00112233445566778899AABBCCDDEEFF"),
        key_value("Long", std::string(999, 'x') + "\u00e4" + "tail"),
        key_value("Odd", std::string{"a\0b\n", 4}), key_value("", "nameless")};
    for (int i = 0; i < 600; ++i) keys.push_back(key_value("Key" + std::to_string(i), "1"));
    EXPECT_TRUE(take_keys(reported, keys, at));
    EXPECT_THAT(reported, SizeIs(reported_keys_max));
    EXPECT_FALSE(reported.at("authorizationkey").value);
    EXPECT_EQ(reported.at("Long").value, std::string(999, 'x')) << "no half characters";
    EXPECT_EQ(reported.at("Odd").value, "a b ");
    EXPECT_FALSE(take_keys(reported, keys, at + 1s)) << "nothing new";
    take_change(reported, "AuthorizationKey", "secret", at);
    EXPECT_FALSE(reported.at("AuthorizationKey").value);
    take_change(reported, "KEY1", "2", at);
    EXPECT_EQ(reported_number(reported, "key1"), 2);
    EXPECT_EQ(reported_number(reported, "Odd"), std::nullopt);
}

TEST(Configuration, QuotationMarksThatAreNotTheValuesAreTakenOff) {
    ReportedKeys reported;
    const std::vector<ocpp::v16::KeyValue> keys{key_value("Name", " \"Depot\" "),
                                                key_value("Bare", "5")};
    take_keys(reported, keys, at, true);
    EXPECT_EQ(reported.at("Name").value, "Depot");
    EXPECT_EQ(reported.at("Bare").value, "5");
    EXPECT_FALSE(take_keys(reported, keys, at + 1s, true)) << "nothing new";
    take_keys(reported, keys, at);
    EXPECT_EQ(reported.at("Name").value, " \"Depot\" ") << "they may be its own";
}

std::vector<std::string> texts(const std::vector<KeyWish>& wishes) {
    std::vector<std::string> out;
    for (const auto& wish : wishes) {
        out.push_back((wish.by_operator ? "!" : "") + wish.key + "=" + wish.value);
    }
    return out;
}

TEST(Configuration, BusbarWantsLittleAndOperatorsWin) {
    Quirks quirks;
    ChargerConfiguration present;
    const std::string usual =
        "MeterValuesSampledData=Energy.Active.Import.Register,Power.Active.Import,Current.Import,"
        "Voltage,Current.Offered";
    EXPECT_THAT(texts(key_wishes(quirks, {}, present)),
                ElementsAre("MeterValueSampleInterval=15", usual, "HeartbeatInterval=300"));
    quirks.meter_sample_interval_min_seconds = 60;
    quirks.set_measurands = false;
    quirks.charger_ping_interval_seconds = 20;
    present.wishes["heartbeatinterval"] = "900";
    EXPECT_THAT(texts(key_wishes(quirks, {}, present)),
                ElementsAre("!heartbeatinterval=900", "MeterValueSampleInterval=60",
                            "WebSocketPingInterval=20"));
}

TEST(Configuration, TheListOfMeasurandsFitsIntoTheCharger) {
    const Quirks quirks;
    const auto all = measurand_list(quirks, std::nullopt);
    EXPECT_EQ(measurand_list(quirks, 5), all);
    EXPECT_EQ(measurand_list(quirks, 0), all) << "no sensible limit";
    EXPECT_EQ(measurand_list(quirks, 4), minimal_measurand_list());
    EXPECT_EQ(measurand_list(quirks, 2), minimal_measurand_list());
    EXPECT_EQ(measurand_list(quirks, 1), "Energy.Active.Import.Register");
}

TEST(Configuration, OnlyWhatDiffersIsChangedInTheChargersSpelling) {
    auto present = reporting({key_value("metervaluesampleinterval", "60"),
                              key_value("Locked", "1", true), key_value("Same", " True ")});
    const std::vector<KeyWish> wishes{{"MeterValueSampleInterval", "15"},
                                      {"Locked", "2"},
                                      {"Same", "true"},
                                      {"Hidden", "x", true},
                                      {"WebSocketPingInterval", "20"}};
    auto result = compare_keys(wishes, present);
    EXPECT_THAT(result.changes, ElementsAre(KeyChange{"metervaluesampleinterval", "15", false},
                                            KeyChange{"Hidden", "x", true}));
    EXPECT_EQ(result.settled.at("Locked"), KeyState::readonly);
    EXPECT_EQ(result.settled.at("Same"), KeyState::applied);
    EXPECT_EQ(result.settled.at("WebSocketPingInterval"), KeyState::not_supported);
    EXPECT_THAT(compare_keys(wishes, {}).changes, SizeIs(5)) << "nothing is known: try";
}

TEST(Configuration, WhatWasTriedIsNotTriedAgainUntilTheWishChanges) {
    auto present = reporting({key_value("A", "1")});
    std::vector<KeyWish> wishes{{"A", "2"}};
    for (const auto state : {KeyState::refused, KeyState::not_supported, KeyState::reboot_required,
                             KeyState::accepted_but_not_applied, KeyState::readonly}) {
        present.outcomes["A"] = {state, "2", 1};
        EXPECT_THAT(compare_keys(wishes, present).changes, IsEmpty()) << enumerator_name(state);
    }
    wishes[0].value = "3";
    EXPECT_THAT(compare_keys(wishes, present).changes, SizeIs(1));
    // Without an answer it is tried twice. What held once and does not any more is put right.
    present.outcomes["A"] = {KeyState::pending, "3", 1};
    EXPECT_THAT(compare_keys(wishes, present).changes, SizeIs(1));
    present.outcomes["A"] = {KeyState::pending, "3", 2};
    EXPECT_THAT(compare_keys(wishes, present).changes, IsEmpty());
    present.outcomes["A"] = {KeyState::applied, "3", 1};
    EXPECT_THAT(compare_keys(wishes, present).changes, SizeIs(1));
}

TEST(Configuration, ReadingBackTellsWhatAnAcceptanceIsWorth) {
    const KeyChange change{"A", "true", false};
    const ReportedKey done{"A", "True", false, at};
    const ReportedKey lie{"A", "false", false, at};
    const ReportedKey silent{"A", std::nullopt, false, at};
    EXPECT_EQ(state_after_read_back(change, &done), KeyState::applied);
    EXPECT_EQ(state_after_read_back(change, &lie), KeyState::accepted_but_not_applied);
    EXPECT_EQ(state_after_read_back(change, &silent), KeyState::applied);
    EXPECT_EQ(state_after_read_back(change, nullptr), KeyState::applied);
}

std::vector<ocpp::v16::KeyValue> whole_list() {
    std::vector<ocpp::v16::KeyValue> keys;
    for (const auto& name : keys_to_ask(true, {}, {})) keys.push_back(key_value(name, "1000"));
    return keys;
}

TEST(Configuration, APieceOfTheListIsKnownAsOne) {
    EXPECT_FALSE(is_incomplete(whole_list()));
    EXPECT_TRUE(is_incomplete({}));
    auto cut = whole_list();
    cut.resize(5);
    EXPECT_TRUE(is_incomplete(cut));
    auto full = whole_list();
    for (auto& key : full) {
        if (key.key.value == max_keys_key) key.value = std::to_string(full.size());
    }
    EXPECT_TRUE(is_incomplete(full)) << "there may be more than it can tell at once";
}

TEST(Configuration, KeysAreAskedForByNameInPieces) {
    const std::vector<KeyWish> wishes{{"Mine", "1"}, {"AuthorizationKey", "x"}, {"Told", "2"}};
    EXPECT_THAT(keys_to_ask(false, wishes, {"told"}), ElementsAre("Mine"));
    const auto all = keys_to_ask(true, wishes, {"told"});
    EXPECT_EQ(all.front(), max_keys_key);
    EXPECT_GT(all.size(), 40U);
    EXPECT_THAT(in_pieces({"a", "b", "c", "d", "e"}, 2),
                ElementsAre(SizeIs(2), SizeIs(2), ElementsAre("e")));
    EXPECT_THAT(in_pieces({}, 3), IsEmpty());
    Quirks quirks;
    EXPECT_EQ(keys_per_request(quirks, {}), 10U);
    const auto present = reporting({key_value("getconfigurationmaxkeys", " 3 ")});
    EXPECT_EQ(keys_per_request(quirks, present.reported), 3U);
    quirks.configuration_keys_per_request = 1;
    EXPECT_EQ(keys_per_request(quirks, present.reported), 1U);
}

TEST(Configuration, ChargersThatComeBackTogetherAreSpread) {
    std::set<std::int64_t> seen;
    for (int i = 0; i < 100; ++i) {
        const auto id = "CP" + std::to_string(i);
        const auto wait = spread(id, at, 100);
        EXPECT_GE(wait, 0ms);
        EXPECT_LT(wait, 20s);
        EXPECT_EQ(wait, spread(id, at, 100));
        EXPECT_LT(spread(id, at, 1), 200ms) << "alone, it need not wait";
        seen.insert(wait.count() / 1000);
    }
    EXPECT_GT(seen.size(), 15U);
    EXPECT_EQ(spread("CP1", at, 0), 0ms);
    EXPECT_NE(spread("CP1", at, 100), spread("CP1", at + 1s, 100));
}

TEST(Configuration, LinesShowBothSidesAndDrift) {
    auto present = reporting({key_value("A", "1"), key_value("B", "2"), key_value("C", "3", true)});
    present.outcomes["A"] = {KeyState::accepted_but_not_applied, "9", 1};
    const std::vector<KeyWish> wishes{{"A", "9"}, {"c", "4", true}, {"D", "5", true}};
    const auto lines = key_lines(wishes, present);
    ASSERT_THAT(lines, SizeIs(4));
    EXPECT_EQ(lines[0].state, KeyState::accepted_but_not_applied);
    EXPECT_TRUE(lines[0].drift);
    EXPECT_FALSE(lines[1].desired);
    EXPECT_FALSE(lines[1].state);
    EXPECT_FALSE(lines[1].drift);
    EXPECT_EQ(lines[2].key, "C");
    EXPECT_EQ(lines[2].state, KeyState::readonly);
    EXPECT_TRUE(lines[2].by_operator);
    EXPECT_EQ(lines[3].key, "D");
    EXPECT_FALSE(lines[3].readonly);
    EXPECT_EQ(lines[3].state, KeyState::pending);
    EXPECT_TRUE(lines[3].drift);
}

}  // namespace
}  // namespace busbar::site::test
