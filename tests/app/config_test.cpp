#include "app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

namespace busbar::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

using Variables = std::map<std::string, std::string>;

ReadConfig read(const std::string& toml, const Variables& variables = {}) {
    return read_config(toml, "busbar.toml",
                       [&](const std::string& name) -> std::optional<std::string> {
                           const auto it = variables.find(name);
                           if (it == variables.end()) return std::nullopt;
                           return it->second;
                       });
}
std::vector<std::string> problems(const std::string& toml, const Variables& variables = {}) {
    std::vector<std::string> out;
    const auto result = read(toml, variables);
    if (const auto* list = std::get_if<std::vector<ConfigProblem>>(&result)) {
        for (const auto& problem : *list) out.push_back(to_string(problem));
    }
    return out;
}

TEST(Config, HasDefaultsThatNeedNoFile) {
    const auto config = std::get<Config>(read(""));
    EXPECT_EQ(config.ocpp_port, 9000);
    EXPECT_EQ(config.web_http_address, "127.0.0.1");
    EXPECT_FALSE(config.limit_configured);
}

TEST(Config, TheEnvironmentOverridesTheFile) {
    const auto config = std::get<Config>(
        read("[ocpp]\nport = 9001\n[load_management]\nlimit_amps = [63, 63, 63]\n",
             {{"BUSBAR_OCPP_PORT", "0"}, {"BUSBAR_LOAD_MANAGEMENT_LIMIT_AMPS", "80,81,82.5"}}));
    EXPECT_EQ(config.ocpp_port, 0);
    EXPECT_THAT(config.limit_amps, ElementsAre(80, 81, 82.5));
    EXPECT_TRUE(config.limit_configured);
}

TEST(Config, ListsEveryProblemWithItsKeyAndFile) {
    EXPECT_THAT(
        problems("[ocpp]\nport = 70000\ncolour = 1\n[mars]\nx = 1\n"
                 "[load_management]\nlimit_amps = [63, 63]\nminimum_amps = 5\n",
                 {{"BUSBAR_WEB_HTTP_PORT", "eighty"}}),
        testing::UnorderedElementsAre(
            HasSubstr("busbar.toml: [ocpp] port: must be 0 to 65535"),
            HasSubstr("busbar.toml: [ocpp] colour: unknown key; this section has address, port"),
            HasSubstr("busbar.toml: [mars] x: there is no such section"),
            HasSubstr("busbar.toml: [load_management] limit_amps: must be three currents"),
            HasSubstr("busbar.toml: [load_management] minimum_amps: must be 6 to 32"),
            HasSubstr("environment: BUSBAR_WEB_HTTP_PORT: must be a whole number")));
}

TEST(Config, SetsHowOftenChargersSample) {
    EXPECT_EQ(std::get<Config>(read("")).meter_sample_seconds, 15);
    EXPECT_EQ(std::get<Config>(read("[ocpp]\nmeter_sample_seconds = 60\n")).meter_sample_seconds,
              60);
    EXPECT_THAT(problems("[ocpp]\nmeter_sample_seconds = 4\n"),
                ElementsAre(HasSubstr("[ocpp] meter_sample_seconds: must be 5 to 900")));
    EXPECT_THAT(problems("", {{"BUSBAR_OCPP_METER_SAMPLE_SECONDS", "901"}}),
                ElementsAre(HasSubstr("must be 5 to 900")));
}

TEST(Config, SaysWhereTheTomlIsBroken) {
    EXPECT_THAT(problems("[ocpp]\nport = = 1\n"), ElementsAre(HasSubstr("busbar.toml: line 2")));
    EXPECT_THAT(problems("port = 1\n"), ElementsAre(HasSubstr("must stand below a [section]")));
    EXPECT_THAT(problems("[ocpp]\nport = \"9000\"\n"),
                ElementsAre(HasSubstr("must be a whole number")));
}

TEST(Config, FindsContradictions) {
    EXPECT_THAT(problems("[meter]\nhost = \"10.0.0.1\"\n"),
                ElementsAre(HasSubstr("belong together")));
    EXPECT_THAT(problems("[meter]\nprofile = \"abacus\"\n"), ElementsAre(HasSubstr("known are")));
    EXPECT_THAT(problems("[meter]\nprofile = \"phoenix-eem-em3xx\"\nhost = \"127.0.0.1\"\n"),
                ElementsAre(HasSubstr("not verified")));
    EXPECT_THAT(problems("[meter]\nprofile = \"ime-conto-d2\"\nhost = \"127.0.0.1\"\n"),
                ElementsAre(HasSubstr("no current for each phase")));
    EXPECT_THAT(
        problems("[load_management]\nlimit_amps = [20, 20, 20]\nmargin_amps = [1, 1, 20]\n"),
        ElementsAre(HasSubstr("L3 leaves nothing")));
}

TEST(Config, ListsContradictionsBesideOtherProblems) {
    EXPECT_THAT(problems("[ocpp]\ncolour = 1\n[meter]\nhost = \"10.0.0.1\"\n"),
                UnorderedElementsAre(HasSubstr("colour"), HasSubstr("belong together")));
    EXPECT_THAT(problems("[load_management]\nlimit_amps = [1]\nmargin_amps = [40, 40, 40]\n"),
                ElementsAre(HasSubstr("limit_amps: must be")))
        << "nothing is known of what limit_amps should have been";
    EXPECT_THAT(problems("[meter]\nport = 502\n"),
                ElementsAre(HasSubstr("[meter] port is set but there is no meter")));
}

TEST(Config, KnowsWhatCanBeListenedOn) {
    EXPECT_THAT(
        problems("[ocpp]\naddress = \"nope\"\n[web]\nhttp_address = \"0.0.0.0\"\n"
                 "[files]\naddress = \"\"\n"),
        UnorderedElementsAre(HasSubstr("busbar.toml: [ocpp] address: must be an IP address"),
                             HasSubstr("[web] http_address: must be 127.0.0.1"),
                             HasSubstr("[files] address: must be an IP address")));
    for (const auto* good : {"localhost", "127.0.0.1", "::1", "[::1]"}) {
        EXPECT_THAT(problems("", {{"BUSBAR_WEB_HTTP_ADDRESS", good}}), IsEmpty()) << good;
    }
    EXPECT_THAT(problems("[ocpp]\nport = 8080\n"),
                ElementsAre(HasSubstr("[ocpp] port and [web] http_port are both 8080")));
    EXPECT_THAT(problems("[ocpp]\nport = 9080\n"), IsEmpty())
        << "files then take another one than their default";
    EXPECT_THAT(problems("[files]\nport = 9000\n"), SizeIs(1));
    EXPECT_THAT(problems("[ocpp]\naddress = \"10.0.0.1\"\nport = 8080\n"), IsEmpty());
    EXPECT_THAT(problems("[ocpp]\nport = 0\n[web]\nhttp_port = 0\n"), IsEmpty());
}

TEST(Config, KnowsItsVariables) {
    const Environment nothing = [](const std::string&) { return std::nullopt; };
    const auto result =
        read_config(std::nullopt, "", nothing,
                    {"BUSBAR_OCPP_PROT", "BUSBAR_OCPP_PORT", "BUSBAR_CONFIG", "BUSBAR_DATA_DIR",
                     "BUSBAR_TEST_SEED", "BUSBAR_TOKEN", "HOME"});
    const auto& list = std::get<std::vector<ConfigProblem>>(result);
    ASSERT_THAT(list, SizeIs(1));
    EXPECT_THAT(to_string(list[0]), HasSubstr("BUSBAR_OCPP_PROT: there is no such setting"));
}

TEST(Config, TakesOnlyWhatItCanReadAsAFile) {
    for (const std::string& path : {testing::TempDir(), testing::TempDir() + "/busbar-not-there"}) {
        const auto result = read_config_file(path);
        const auto* list = std::get_if<std::vector<ConfigProblem>>(&result);
        ASSERT_TRUE(list) << path;
        EXPECT_THAT(to_string(list->at(0)), HasSubstr("cannot be read"));
    }
    const auto empty = testing::TempDir() + "/busbar-empty.toml";
    std::ofstream{empty}.close();
    EXPECT_TRUE(std::holds_alternative<Config>(read_config_file(empty)));
    std::ofstream{empty} << std::string(5000, '#') << "\n[ocpp]\nport = 9001\n";
    EXPECT_EQ(std::get<Config>(read_config_file(empty)).ocpp_port, 9001);
}

TEST(Config, KnowsTimeZones) {
    EXPECT_EQ(std::get<Config>(read("[site]\ntime_zone = \"Europe/Paris\"\n")).time_zone,
              "Europe/Paris");
    EXPECT_EQ(std::get<Config>(read("")).time_zone, "") << "this machine's";
    EXPECT_THAT(problems("[site]\ntime_zone = \"Europe/Atlantis\"\n"),
                ElementsAre(HasSubstr("a name such as Europe/Paris")));
}

TEST(Config, SaysHowLongWhatIsKept) {
    const auto config = std::get<Config>(
        read("[retention]\nlimits_days = 7\n", {{"BUSBAR_RETENTION_SECURITY_EVENTS_DAYS", "0"}}));
    EXPECT_EQ(config.retention_limits_days, 7);
    EXPECT_EQ(config.retention_security_events_days, 0) << "for ever";
    const auto defaults = std::get<Config>(read(""));
    EXPECT_EQ(defaults.retention_limits_days, 30);
    EXPECT_EQ(defaults.retention_security_events_days, 730);
    EXPECT_THAT(problems("[retention]\nlimits_days = -1\n"), testing::SizeIs(1));
}

TEST(Config, MasksSecretsWhenPrinted) {
    for (const auto* url :
         {"postgresql://busbar:hunter2@host/db", "host=x password=hunter2 dbname=y",
          "host=x password='hard hunter2' dbname=y"}) {
        const auto text = print_config(std::get<Config>(read("", {{"BUSBAR_DATABASE_URL", url}})));
        EXPECT_THAT(text, testing::Not(HasSubstr("hunter2")));
        EXPECT_THAT(text, HasSubstr("***"));
    }
}

TEST(Config, WhatIsPrintedCanBeReadBack) {
    const auto printed = print_config(std::get<Config>(read("[log]\nlevel = \"debug\"\n")));
    EXPECT_THAT(problems(printed), testing::IsEmpty()) << printed;
    EXPECT_EQ(print_config(std::get<Config>(read(printed))), printed);
}

}  // namespace
}  // namespace busbar::app
