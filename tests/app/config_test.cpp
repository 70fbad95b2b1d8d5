#include "app/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace busbar::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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
    EXPECT_THAT(
        problems("[load_management]\nlimit_amps = [20, 20, 20]\nmargin_amps = [1, 1, 20]\n"),
        ElementsAre(HasSubstr("L3 leaves nothing")));
}

TEST(Config, KnowsTimeZones) {
    EXPECT_EQ(std::get<Config>(read("[site]\ntime_zone = \"Europe/Paris\"\n")).time_zone,
              "Europe/Paris");
    EXPECT_EQ(std::get<Config>(read("")).time_zone, "") << "this machine's";
    EXPECT_THAT(problems("[site]\ntime_zone = \"Europe/Atlantis\"\n"),
                ElementsAre(HasSubstr("a name such as Europe/Paris")));
}

TEST(Config, MasksSecretsWhenPrinted) {
    for (const auto* url :
         {"postgresql://busbar:hunter2@host/db", "host=x password=hunter2 dbname=y"}) {
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
