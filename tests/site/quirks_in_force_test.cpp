// The settings table, the code that acts on it and docs/quirks.md must say the same of which
// settings are in force.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "site/quirk_settings.hpp"

namespace busbar::site {
namespace {

namespace fs = std::filesystem;

fs::path root() { return fs::path{__FILE__}.parent_path().parent_path().parent_path(); }

std::string text_of(const fs::path& path) {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
}

// "{member in C++, name in JSON}" of every setting, as the table's source has them.
std::map<std::string, std::string> members_by_name() {
    std::map<std::string, std::string> out;
    const auto source = text_of(root() / "site" / "quirk_settings.cpp");
    const std::regex row{R"re(row<&Q::(\w+)>\(\s*"(\w+)")re"};
    for (std::sregex_iterator it{source.begin(), source.end(), row}, end; it != end; ++it) {
        out[(*it)[2]] = (*it)[1];
    }
    return out;
}

// Every `quirks.member` in the program's sources.
std::set<std::string> members_used() {
    std::set<std::string> out;
    const std::regex use{R"(quirks\.(\w+))"};
    for (const auto* folder : {"site", "app", "net", "api"}) {
        for (const auto& entry : fs::directory_iterator{root() / folder}) {
            if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
            const auto source = text_of(entry.path());
            for (std::sregex_iterator it{source.begin(), source.end(), use}, end; it != end; ++it) {
                out.insert((*it)[1]);
            }
        }
    }
    return out;
}

TEST(QuirksInForce, AreThoseThatSomethingActsOn) {
    const auto members = members_by_name();
    if (members.empty()) GTEST_SKIP() << "the sources are not at hand";
    ASSERT_EQ(members.size(), quirk_settings().size());
    const auto used = members_used();
    for (const auto& setting : quirk_settings()) {
        EXPECT_EQ(setting.in_force, used.contains(members.at(std::string{setting.name})))
            << setting.name
            << ": noted() in site/quirk_settings.cpp is for settings that no source "
            << "uses as quirks." << members.at(std::string{setting.name});
    }
}

TEST(QuirksInForce, AreDescribedInTheTableOfTheDocs) {
    const auto docs = text_of(root() / "docs" / "quirks.md");
    if (docs.empty()) GTEST_SKIP() << "docs/quirks.md is not at hand";
    std::vector<std::pair<std::string, bool>> described;
    std::istringstream lines{docs};
    const std::regex row{R"re(\| `(\w+)` \| .*)re"};
    for (std::string line; std::getline(lines, line);) {
        std::smatch found;
        if (!std::regex_match(line, found, row)) continue;
        described.emplace_back(found[1], line.find("noted, not acted on yet") == std::string::npos);
    }
    std::vector<std::pair<std::string, bool>> wanted;
    for (const auto& setting : quirk_settings())
        wanted.emplace_back(setting.name, setting.in_force);
    EXPECT_EQ(described, wanted);
}

}  // namespace
}  // namespace busbar::site
