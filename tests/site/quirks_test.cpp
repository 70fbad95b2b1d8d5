#include "site/quirks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck.h>

#include <set>

#include "site/charge_points.hpp"
#include "tests/site/support.hpp"

namespace busbar::site {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// "setting=value" of everything that is not a default, in the order of the table.
std::string differences(const ExplainedQuirks& explained) {
    std::string out;
    for (const auto& source : explained.sources) {
        if (source.origin != "default") out += source.setting + "=" + source.value + " ";
    }
    return out;
}

struct SeededCase {
    std::string vendor;
    std::string model;
    std::string firmware;
    std::string settings;
};

constexpr const char* no_offered =
    R"(["Energy.Active.Import.Register","Power.Active.Import","Current.Import","Voltage"])";

const std::vector<SeededCase> seeded_cases{
    {"ABB", "Terra AC W22-T-R-0", "1.8.21",
     "heartbeatIntervalMaxSeconds=300 readBackConfiguration=false "
     R"(measurands=["Current.Import","Current.Offered","Energy.Active.Import.Register",)"
     R"("Power.Active.Import","Voltage"] stackLevel=0 stackLevelMax=0 )"},
    {"ABB", "TAC-W11-T-0", "V1.8.32",
     "heartbeatIntervalMaxSeconds=300 stackLevel=0 stackLevelMax=0 "},
    {"ABB", "Terra 54 CJG", "1.8.3", ""},
    {"ABL", "eMH3", "p1.9", "meterSampleIntervalMinSeconds=300 "},
    {"Alfen BV", "NG910-60003", "6.4.0-4210",
     "connector0FaultsInformational=true plugAndChargeIdTagKey=\"PlugAndChargeIdentifier\" "
     "phaseSwitching=true "},
    {"Autel", "MaxiCharger AC Wallbox", "1.35.51",
     "remoteStartNeeded=true afterFinishing=\"reset\" "},
    {"Charge Amps", "HALO", "152", "configurationKeysPerRequest=1 "},
    {"Easee", "Easee Charge", "330",
     R"(measurands=["Energy.Active.Import.Register","Power.Active.Import","Current.Import"] )"
     "meterSampleIntervalMinSeconds=30 remoteStartNeeded=true "},
    {"EN+", "AC011K-AE-25", "1.0.2501",
     R"(changeAvailabilityAtBoot=false dataTransferIgnored=["cpChargingParameterRpt"] )"
     R"(minimumAmpsPolicy="hold_minimum" )"},
    {"Etrel", "INCH Home", "5.2", "echoesTransactionIds=false "},
    {"EV-BOX", "E3160-A55062", "G3P0120B0311",
     std::string{R"(setupDelaySeconds=2 dataTransferIgnored=["evbStatusNotification"] )"} +
         "measurands=" + no_offered +
         R"( profilePurposes=["TxProfile","TxDefaultProfile"] limitKeyUnitsPerAmp=10 )"},
    {"FoxESS", "A7300S1-E-B", "1.31", "offlineAfterSeconds=1200 refuseRatherThanClose=true "},
    {"GARO", "LS4", "1.2", "setMeasurands=false "},
    {"go-e", "go-eCharger", "055.7",
     R"(setMeasurands=false stackLevel=1 rateUnit="A" numberPhases="omit" )"
     R"(reassertAfterZero=true clearProfiles="overwrite" )"},
    {"Fronius", "Wattpilot Home 11 J", "40.7",
     R"(setMeasurands=false stackLevel=1 rateUnit="A" numberPhases="omit" )"
     R"(reassertAfterZero=true clearProfiles="overwrite" )"},
    {"United Chargers", "GRIZZL-E Smart", "GWM-05.653:GCW-10.17-05.7",
     "assumeOcpp16=true energyRegister=\"session\" keepsProfilesOverReboot=false "},
    {"UnitedChargers", "Grizzl-E Mini Connect", "03.09:27",
     R"(energyRegister="session" profilePurposes=["TxProfile","TxDefaultProfile"] )"
     "keepsProfilesOverReboot=false "},
    {"Growatt", "THOR 11AS-P", "TJ-V1",
     R"(timestamps="local_without_zone" )"
     R"(triggerMessages=["BootNotification","Heartbeat","MeterValues"] )"},
    {"Hager", "witty park XEV600C", "2.1.0",
     "clockToleranceSeconds=600 phantomConnectors=true echoesTransactionIds=false "},
    {"", "SCharger-22KT-S0", "V100R023", R"(rateUnit="W" minimumAmpsPolicy="hold_minimum" )"},
    {"Keba AG", "KC-P30-EC240422-E00", "1.13.3",
     R"(connector0Values="sum" cluster=true liveValues="energy_only" idTagSuffixSeparator="_" )"
     "limitKeyUnitsPerAmp=1000 "},
    {"Legrand", "Green'Up Premium", "1.4", R"(powerUnit="kW" trustAcceptedLimit=false )"},
    {"MENNEKES", "ACU 22 Smart", "1.5.22",
     "quotedConfigurationValues=true meterSampleIntervalMinSeconds=60 "
     R"(liveValues="energy_only_when_idle" )"},
    {"MENNEKES", "AMTRON 4You 560", "1.3.4",
     "offlineAfterSeconds=900 triggerPollIntervalSeconds=60 "},
    {"MENNEKES", "AMTRON 4Business 730", "1.3.4",
     "offlineAfterSeconds=900 triggerPollIntervalSeconds=60 "},
    {"NEcharge", "Pro 22", "2.0",
     R"(allowedAmps=[6,8,10,13,16] minimumAmpsPolicy="hold_minimum" )"},
    {"Ocular", "IQ Home", "5.1",
     "callTimeoutSeconds=60 configurationKeysPerRequest=10 afterFinishing=\"replug\" "
     "minimumAmpsPolicy=\"zero\" "},
    {"Bestway", "BS-EV07", "1.0",
     "chargerPingIntervalSeconds=60 callTimeoutSeconds=60 heartbeatIntervalMaxSeconds=60 "
     "configurationKeysPerRequest=10 afterFinishing=\"replug\" minimumAmpsPolicy=\"zero\" "},
    {"openWB", "openWB series 2", "2.1.4", "offlineAfterSeconds=600 emptyIdTagAllowed=true "},
    {"Phoenix Contact", "CHARX SEC-3100", "1.5", "echoesTransactionIds=false "},
    {"Schneider Electric", "EVlink Pro AC", "2.3", "validation=\"lenient\" "},
    {"Teison", "Smart Pro", "T9", "offlineAfterSeconds=10 "},
    {"Vestel", "EVC04-AC22SW", "v3.156.0",
     R"(configurationKeysPerRequest=3 energyRegister="session" limitKey="CurrentLimiterValue" )"},
    {"Wall Box Chargers", "PLP1-M-2-4-9-001", "5.17.58",
     std::string{"measurands="} + no_offered +
         " remoteStartNeeded=true stackLevel=0 stackLevelMax=0 "
         "minimumAmpsPolicy=\"hold_minimum\" "},
    {"Wallbox", "Pulsar Plus", "6.7.38",
     "setupDelayWithoutBootSeconds=5 triggerPollIntervalSeconds=30 liveValues=\"on_trigger\" "
     "profileKind=\"Relative\" "},
    {"Zaptec", "Go 2", "1.2.3", "echoesTransactionIds=false closeAfterAvailableSeconds=60 "},
    {"ZJ Beny", "BCP-A2S-L", "V2.3", "afterFinishing=\"replug\" minimumAmpsPolicy=\"zero\" "},
    {"Unheard", "Of", "1.0", ""},
};

TEST(Quirks, SeededRowsFitTheChargersTheyAreAbout) {
    std::set<std::string> used;
    for (const auto& test : seeded_cases) {
        const auto explained =
            QuirkTable{}.explain(ChargerModel{test.vendor, test.model, test.firmware}, "");
        EXPECT_EQ(differences(explained), test.settings) << test.vendor << " " << test.model;
        used.insert(explained.rows.begin(), explained.rows.end());
    }
    const auto early = QuirkTable{}.explain(ChargerModel{"Easee", "Home", "327"}, "");
    used.insert(early.rows.begin(), early.rows.end());
    EXPECT_THAT(early.notes, ElementsAre(HasSubstr("beta"), HasSubstr("328")));
    for (const auto& row : seeded_quirks()) {
        EXPECT_TRUE(used.contains(row.name)) << row.name << " fits no charger of this test";
    }
}

TEST(Quirks, PatternsFitAsWritten) {
    const auto fits = [](const std::string& pattern, const std::string& firmware) {
        return matches({{}, {}, std::vector{pattern}}, {"v", "m", firmware});
    };
    struct Case {
        std::string pattern;
        std::string firmware;
        bool expected;
    };
    for (const auto& [pattern, firmware, expected] : std::vector<Case>{
             {"*", "", true},
             {"", "", true},
             {"", "1", false},
             {"5.*", "5.17", true},
             {"5.*", "15.17", false},
             {"*rc*", "1.0-RC2", true},
             {"a*b*c", "aXbYbZc", true},
             {"a*b*c", "aXbYbZ", false},
             {"<=1.8.21", "1.8.21", true},
             {"<=1.8.21", "1.8.3", true},
             {"<=1.8.21", "1.8.22", false},
             {"<=1.8.21", "1.10.0", false},
             {"<=1.8.21", "Terra_V1.8.9 (build 77)", true},
             {"<=1.8.21", "no number", false},
             {"<=1.8.21", "", false},
             {">=5 <6", "5", true},
             {">=5 <6", "5.99.1", true},
             {">=5 <6", "6.0", false},
             {">=5 <6", "4.9", false},
             {"=1.2", "1.2.0", true},
             {"=1.2", "1.2.1", false},
             {">1.2", "1.2", false},
             {">1.2", "1.2.0.1", true},
             {"<328", "327", true},
             {"<328", "99999999999999999999999999", false},
         }) {
        EXPECT_EQ(fits(pattern, firmware), expected) << pattern << " and " << firmware;
    }
    EXPECT_TRUE(matches({std::vector<std::string>{"x", "ab*"}, {}, {}}, {"ABB", "m", ""}));
    EXPECT_FALSE(matches({std::vector<std::string>{"ab*"}, std::vector<std::string>{"n"}, {}},
                         {"ABB", "m", ""}));
    EXPECT_TRUE(matches({}, {"any", "thing", "1"}));
}

TEST(Quirks, AStarTakesWhateverStandsThere) {
    rc::check([] {
        const auto letters =
            rc::gen::container<std::string>(rc::gen::elementOf(std::string{"aB1"}));
        const auto before = *letters;
        const auto middle = *letters;
        const auto after = *letters;
        RC_ASSERT(matches({std::vector{before + "*" + after}, {}, {}},
                          {before + middle + after, "", ""}));
        RC_ASSERT(!matches({std::vector{before + "*x" + after}, {}, {}},
                           {before + middle + after, "", ""}));
    });
}

TEST(Quirks, RowsReadBackAsTheyWereWritten) {
    for (const auto& row : seeded_quirks()) {
        std::vector<Violation> violations;
        const auto again = parse_quirk_row(row.name, quirk_row_json(row), violations);
        ASSERT_TRUE(again) << row.name << violations.front().pointer;
        EXPECT_EQ(again->settings, row.settings);
        EXPECT_EQ(quirk_row_json(*again), quirk_row_json(row));
    }
    // All settings at once: the defaults themselves.
    QuirkValues all;
    for (const auto& setting : quirk_settings()) {
        all.emplace(setting.name, quirk_json(setting, Quirks{}));
    }
    std::vector<Violation> violations;
    EXPECT_EQ(parse_quirk_values(quirk_values_json(all), "", violations), all);
    EXPECT_THAT(violations, IsEmpty());
}

std::vector<std::string> complaints(std::string_view name, std::string_view json) {
    std::vector<Violation> violations;
    EXPECT_FALSE(parse_quirk_row(name, json, violations)) << json;
    std::vector<std::string> out;
    for (const auto& violation : violations) {
        out.push_back(violation.pointer + ": " + violation.detail);
    }
    return out;
}

TEST(Quirks, WhatIsWrongWithARowIsNamed) {
    EXPECT_THAT(complaints("r", "{"), ElementsAre(HasSubstr("not JSON")));
    EXPECT_THAT(complaints("r", "{}"), ElementsAre("/settings: required field is missing"));
    EXPECT_THAT(complaints("r", R"({"settings":{},"colour":1})"),
                ElementsAre("/colour: unknown field"));
    EXPECT_THAT(complaints("r", R"({"settings":7})"), ElementsAre("/settings: must be an object"));
    EXPECT_THAT(complaints("r", R"({"settings":{"stackLevl":1}})"),
                ElementsAre("/settings/stackLevl: unknown field"));
    EXPECT_THAT(complaints("r", R"({"settings":{"stackLevel":"1","rateUnit":"kW",)"
                                R"("currentStepAmps":0,"profilePurposes":["TxProfile","Tx"],)"
                                R"("hiddenConnectors":[1,-2],"callTimeoutSeconds":4}})"),
                UnorderedElementsAre(
                    "/settings/stackLevel: must be a number, not text",
                    "/settings/rateUnit: 'kW' is not one of: A, W",
                    "/settings/currentStepAmps: must be 0.1 to 16",
                    "/settings/profilePurposes/1: 'Tx' is not one of: ChargePointMaxProfile, "
                    "TxDefaultProfile, TxProfile",
                    "/settings/hiddenConnectors/1: must be 1 to 1000",
                    "/settings/callTimeoutSeconds: must be 5 to 300"));
    EXPECT_THAT(complaints("r", R"({"match":{"vendor":[],"firmware":["5.*","<= 1.8",">=x"]},)"
                                R"("settings":{}})"),
                ElementsAre(HasSubstr("/match/vendor: needs at least one"),
                            HasSubstr("/match/firmware/1: '<=' is no condition"),
                            HasSubstr("/match/firmware/1: '1.8' is no condition"),
                            HasSubstr("/match/firmware/2: '>=x' is no condition")));
    EXPECT_THAT(complaints("", R"({"settings":{}})"), ElementsAre(HasSubstr("/name: ")));
    EXPECT_THAT(complaints("a/b", R"({"settings":{}})"), ElementsAre(HasSubstr("/name: ")));
    EXPECT_THAT(complaints("r", R"({"settings":{},"note":"a\u0000b"})"),
                ElementsAre("/note: holds control characters"));
    EXPECT_THAT(complaints("r", std::string(20'000, ' ')), ElementsAre(HasSubstr("16384")));
}

QuirkRow row(const std::string& name, const std::string& json) {
    std::vector<Violation> violations;
    auto parsed = parse_quirk_row(name, json, violations);
    EXPECT_TRUE(parsed) << json;
    return parsed.value_or(QuirkRow{});
}

const QuirkSource& source_of(const ExplainedQuirks& explained, std::string_view setting) {
    for (const auto& source : explained.sources) {
        if (source.setting == setting) return source;
    }
    static const QuirkSource none;
    ADD_FAILURE() << "no " << setting;
    return none;
}

std::string origin_of(const ExplainedQuirks& explained, std::string_view setting) {
    const auto& source = source_of(explained, setting);
    return source.value + " " + source.origin + " " + source.row;
}

TEST(Quirks, LaterRowsOverrideEarlierOnes) {
    const ChargerModel charger{"Wallbox", "Pulsar", "6.1"};
    QuirkTable table;
    EXPECT_EQ(origin_of(table.explain(charger, ""), "stackLevel"), "0 default ");
    EXPECT_EQ(origin_of(table.explain(charger, ""), "profileKind"),
              "\"Relative\" seeded wallbox-6");
    table.save(row("b", R"({"settings":{"profileKind":"Absolute","stackLevel":3}})"));
    table.save(row("a", R"({"settings":{"stackLevel":2},"note":"hint"})"));
    auto explained = table.explain(charger, "");
    EXPECT_EQ(origin_of(explained, "profileKind"), "\"Absolute\" own b");
    EXPECT_EQ(origin_of(explained, "stackLevel"), "3 own b");
    EXPECT_THAT(explained.rows, ElementsAre("wallbox-6", "a", "b"));
    EXPECT_THAT(explained.notes, ElementsAre("hint"));
    table.learn({"Wallbox", "Pulsar", "6.1", "stackLevel", {"1"}, "level 3", 0, {}});
    explained = table.explain(charger, R"({"rateUnit":"W"})");
    EXPECT_EQ(origin_of(explained, "stackLevel"), "1 learned wallbox/pulsar/6.1/stacklevel");
    EXPECT_EQ(origin_of(explained, "rateUnit"), "\"W\" charge-point ");
    EXPECT_EQ(explained.quirks.rate_unit, v16::ChargingRateUnit::W);
    EXPECT_EQ(explained.quirks.stack_level, 1);
    explained = table.explain(charger, R"({"stackLevel":8,"nonsense":1,"rateUnit":"kW"})");
    EXPECT_EQ(origin_of(explained, "stackLevel"), "8 charge-point ");
    EXPECT_EQ(origin_of(explained, "rateUnit"), "\"A\" default ");
    // Learned for one firmware: another one is asked again.
    EXPECT_EQ(table.explain(ChargerModel{"Wallbox", "Pulsar", "6.2"}, "").quirks.stack_level, 3);
    // A charger that never booted has no model, but may have settings of its own.
    EXPECT_EQ(origin_of(table.explain({}, R"({"stackLevel":8})"), "stackLevel"), "8 charge-point ");
    EXPECT_EQ(table.explain({}, "").quirks.stack_level, 0);
}

TEST(Quirks, AnOwnRowStandsInForTheSeededOneOfItsName) {
    const ChargerModel charger{"Wallbox", "Pulsar", "6.1"};
    QuirkTable table;
    table.save(row("wallbox-6", R"({"match":{"vendor":["Wallbox"]},"settings":{}})"));
    EXPECT_EQ(differences(table.explain(charger, "")), "");
    EXPECT_THAT(table.explain(charger, "").rows, ElementsAre("wallbox-6"));
    EXPECT_EQ(table.remove("wallbox-6").size(), 1U);
    EXPECT_NE(differences(table.explain(charger, "")), "");
    EXPECT_THAT(table.remove("wallbox-6"), IsEmpty());
}

TEST(Quirks, TheTableComesBackFromItsRows) {
    QuirkTable table;
    std::vector<db::Record> records;
    const auto keep = [&](std::vector<db::Record> more) {
        for (auto& record : more) records.push_back(std::move(record));
    };
    keep(table.save(row("mine", R"({"match":{"model":["X*"]},"settings":{"stackLevel":4}})")));
    keep(table.learn({"V/1", "X%", "2", "rateUnit", {"\"W\""}, "A", 0, {}}));
    QuirkTable restored;
    for (const auto& record : records) {
        EXPECT_EQ(restored.restore(std::get<db::StateSaved>(record)), std::nullopt);
    }
    const ChargerModel charger{"v/1", "x%", "2"};
    EXPECT_EQ(differences(restored.explain(charger, "")), "stackLevel=4 rateUnit=\"W\" ");
    EXPECT_TRUE(restored.learned().contains("v%2f1/x%25/2/rateunit"));
    EXPECT_TRUE(restored.restore({"quirk", "bad", {"{\"settings\":{\"x\":1}}"}}));
    EXPECT_FALSE(restored.restore(
        {"quirk", "old", {R"({"settings":{"measurandProbing":true,"rateUnit":"W"}})"}}));
    EXPECT_EQ(quirk_values_json(restored.own().at("old").settings), R"({"rateUnit":"W"})");
    restored.remove("old");
    EXPECT_TRUE(restored.restore({"learned_quirk", "bad", {"{}"}}));
    EXPECT_TRUE(restored.restore({"badge", "bad", {"{}"}}));
    EXPECT_EQ(restored.own().size(), 1U);
}

TEST(Quirks, LearnedRowsAreBounded) {
    QuirkTable table;
    const auto at = [](int second) { return Timestamp{std::chrono::seconds{second}}; };
    for (int i = 0; i < static_cast<int>(QuirkTable::learned_max) + 20; ++i) {
        const auto records = table.learn(
            {"V", "M", std::to_string(i), "localList", {"false"}, "SendLocalList", 0, at(i)});
        const bool dropped = i >= static_cast<int>(QuirkTable::learned_max);
        ASSERT_EQ(records.size(), dropped ? 2U : 1U);
        if (!dropped) continue;
        EXPECT_EQ(
            std::get<db::StateRemoved>(records[0]).key,
            "v/m/" + std::to_string(i - static_cast<int>(QuirkTable::learned_max)) + "/locallist");
    }
    EXPECT_EQ(table.learned().size(), QuirkTable::learned_max);
    // A repeat is counted, and written down once an hour.
    LearnedQuirk fact{"V", "M", "300", "localList", {"false"}, "SendLocalList", 0, at(301)};
    EXPECT_THAT(table.learn(fact), IsEmpty());
    fact.last_at = at(300 + 3600);
    EXPECT_EQ(table.learn(fact).size(), 1U);
    EXPECT_EQ(table.learned().at("v/m/300/locallist").count, 3);
}

class QuirksOfACharger : public ::testing::Test, protected test::OneCharger {
protected:
    void boot(const std::string& vendor, const std::string& model, const std::string& firmware) {
        answers = send("BootNotification", R"({"chargePointVendor":")" + vendor +
                                               R"(","chargePointModel":")" + model +
                                               R"(","firmwareVersion":")" + firmware + "\"}");
    }
    bool teach(std::string_view setting, std::string_view value) {
        return learn(site, charger(), setting, value, "it", now);
    }
    std::vector<std::string> answers;
};

TEST_F(QuirksOfACharger, AreInForceFromItsBootOn) {
    boot("ABB", "Terra AC", "1.6.6");
    EXPECT_EQ(charger().quirks.stack_level_max, 0);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_THAT(answers[0], HasSubstr(R"("interval":300)"));
    site.settings.heartbeat_interval = std::chrono::hours{1};
    boot("ABB", "Terra AC", "1.6.6");
    EXPECT_THAT(answers[0], HasSubstr(R"("interval":300)"));
    site.settings.heartbeat_interval = std::chrono::seconds{60};
    boot("ABB", "Terra AC", "1.6.6");
    EXPECT_THAT(answers[0], HasSubstr(R"("interval":60)"));
    boot("Other", "Box", "1");
    EXPECT_EQ(charger().quirks.stack_level_max, Quirks{}.stack_level_max);
}

TEST_F(QuirksOfACharger, WhatAnOperatorSetsForItComesLast) {
    boot("ABB", "Terra AC", "1.6.6");
    auto settings = charger().settings;
    settings.quirks = R"({"stackLevelMax":5,"validation":"strict"})";
    save(site, settings, now);
    EXPECT_EQ(charger().quirks.stack_level_max, 5);
    EXPECT_FALSE(is_lenient(charger()));
    EXPECT_THAT(send("Heartbeat", R"({"surplus":1})").at(0), HasSubstr("FormationViolation"));
    settings.quirks.reset();
    save(site, settings, now);
    EXPECT_TRUE(is_lenient(charger()));
    settings.validation = "strict";
    save(site, settings, now);
    EXPECT_FALSE(is_lenient(charger()));
}

TEST_F(QuirksOfACharger, KnownChatterIsAcceptedAndOtherChatterCounted) {
    boot("EN+", "AC011K", "1");
    const auto chat = [&](const std::string& message) {
        return send("DataTransfer", R"({"vendorId":"EN+","messageId":")" + message + "\"}").at(0);
    };
    EXPECT_THAT(chat("cpChargingParameterRpt"), HasSubstr("\"Accepted\""));
    EXPECT_FALSE(charger().deviations.contains("data_transfer"));
    EXPECT_THAT(chat("somethingElse"), HasSubstr("UnknownVendorId"));
    EXPECT_TRUE(charger().deviations.contains("data_transfer"));
}

TEST_F(QuirksOfACharger, RejectionsTeachAllOfTheSameModelAndFirmware) {
    add_charger("CP2");
    add_charger("CP3");
    boot("Acme", "One", "1.0");
    site.find("CP2")->boot = db::ChargePointBooted{"CP2", "ACME", "one", {}, "1.0", {}};
    site.find("CP3")->boot = db::ChargePointBooted{"CP3", "Acme", "One", {}, "1.1", {}};
    journal.rows.clear();
    EXPECT_TRUE(teach("rateUnit", "\"W\""));
    EXPECT_EQ(charger().quirks.rate_unit, v16::ChargingRateUnit::W);
    EXPECT_EQ(site.find("CP2")->quirks.rate_unit, v16::ChargingRateUnit::W);
    EXPECT_EQ(site.find("CP3")->quirks.rate_unit, v16::ChargingRateUnit::A);
    const auto saved = journal.all<db::StateSaved>();
    ASSERT_EQ(saved.size(), 1U);
    EXPECT_EQ(saved[0].kind, "learned_quirk");
    EXPECT_THAT(saved[0].body.text, HasSubstr(R"("rejected":"it")"));
    EXPECT_TRUE(learn_unsupported(site, charger(), "TriggerMessage", now));
    EXPECT_TRUE(learn_unsupported(site, charger(), "GetDiagnostics", now));
    EXPECT_FALSE(learn_unsupported(site, charger(), "GetDiagnostics", now));
    EXPECT_THAT(charger().quirks.unsupported_actions,
                ElementsAre("TriggerMessage", "GetDiagnostics"));
    EXPECT_EQ(site.quirks.learned().size(), 2U);
}

TEST_F(QuirksOfACharger, OnlyWhatIsOnTheSafeSideIsLearned) {
    EXPECT_FALSE(teach("localList", "false"));  // it has never booted
    boot("Acme", "One", "1.0");
    EXPECT_TRUE(teach("stackLevelMax", "3"));
    EXPECT_FALSE(teach("stackLevelMax", "4"));
    EXPECT_FALSE(teach("stackLevelMax", "3"));
    EXPECT_TRUE(teach("stackLevelMax", "0"));
    EXPECT_TRUE(teach("profilePurposes", R"(["TxDefaultProfile"])"));
    EXPECT_FALSE(teach("profilePurposes", R"(["TxDefaultProfile","TxProfile"])"));
    EXPECT_TRUE(teach("measurands", R"(["Energy.Active.Import.Register"])"));
    EXPECT_FALSE(teach("measurands", R"(["SoC"])"));
    EXPECT_TRUE(teach("localList", "false"));
    EXPECT_FALSE(teach("localList", "true"));
    EXPECT_FALSE(teach("trustCompositeSchedule", "true"));
    EXPECT_TRUE(teach("minProfileIntervalSeconds", "40"));
    EXPECT_FALSE(teach("minProfileIntervalSeconds", "30"));
    EXPECT_FALSE(teach("validation", "\"strict\""));  // not a charger's to teach
    EXPECT_FALSE(teach("minProfileIntervalSeconds", "\"long\""));
    EXPECT_FALSE(teach("noSuchSetting", "1"));
    const auto known = site.quirks.learned().size();
    journal.is_full = true;
    EXPECT_FALSE(teach("readBackConfiguration", "false"));
    EXPECT_EQ(site.quirks.learned().size(), known);
}

TEST_F(QuirksOfACharger, RestoredRowsAreInForceAndBadOnesLeftOutAndLogged) {
    boot("Acme", "One", "1.0");
    std::vector<std::string> logged;
    site.log = [&](std::string_view event, std::string_view) { logged.emplace_back(event); };
    restore_quirk(site, {"quirk", "mine", {R"({"settings":{"stackLevel":4}})"}});
    restore_quirk(site, {"quirk", "bad", {"[]"}});
    resolve_all_quirks(site);
    EXPECT_EQ(charger().quirks.stack_level, 4);
    EXPECT_THAT(logged, ElementsAre("quirk_left_out"));
}

TEST(Quirks, TheBadgeIsCutOutOfAnIdTag) {
    Quirks quirks;
    EXPECT_EQ(badge_within(quirks, "04A1_77;x"), "04A1_77;x");
    quirks.id_tag_suffix_separator = "_";
    quirks.id_tag_prefix_separator = ";";
    EXPECT_EQ(badge_within(quirks, "04A1_17654321"), "04A1");
    EXPECT_EQ(badge_within(quirks, "my_tag_17654321"), "my_tag");
    EXPECT_EQ(badge_within(quirks, "x;04A1"), "04A1");
    EXPECT_EQ(badge_within(quirks, "_17654321"), "_17654321");
    EXPECT_EQ(badge_within(quirks, ""), "");
}

}  // namespace
}  // namespace busbar::site
