// `busbar plan`: one load-management decision from a file (load-management.md chapter 16).
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>

#include "app/commands/commands.hpp"
#include "app/commands/database.hpp"
#include "dlm/plan_file.hpp"
#include "dlm/solver.hpp"

namespace busbar::app::commands {
namespace {

int plan(const std::string& path) {
    std::ostringstream text;
    if (path == "-") {
        text << std::cin.rdbuf();
    } else {
        std::ifstream file{path, std::ios::binary};
        if (!file) return fail("'" + path + "' cannot be read");
        text << file.rdbuf();
    }
    const auto parsed = dlm::parse_problem(text.str());
    if (const auto* problems = std::get_if<dlm::PlanProblems>(&parsed)) {
        const std::string name = path == "-" ? "standard input" : path;
        // What is wrong with the whole file has no place in it.
        for (const auto& problem : *problems) {
            const auto place = problem.starts_with(':') ? name : std::string{};
            std::fprintf(stderr, "busbar: %s%s\n", place.c_str(), problem.c_str());
        }
        return 1;
    }
    std::puts(dlm::to_json(dlm::solve(std::get<dlm::Problem>(parsed))).c_str());
    return 0;
}

}  // namespace

void add_plan(CLI::App& root, int& exit_code) {
    auto* command = root.add_subcommand("plan", "Print one load-management decision as JSON");
    auto path = std::make_shared<std::string>();
    command->add_option("PROBLEM", *path, "JSON file; - is standard input")->required();
    command->callback([path, &exit_code] { exit_code = plan(*path); });
}

}  // namespace busbar::app::commands
