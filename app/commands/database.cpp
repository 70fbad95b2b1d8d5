#include "app/commands/database.hpp"

#include <cstdio>

#include "app/config.hpp"
#include "db/error.hpp"
#include "db/migrate.hpp"

namespace busbar::app::commands {

int fail(const std::string& what) {
    std::fprintf(stderr, "busbar: %s\n", what.c_str());
    return 1;
}

int with_database(const std::function<int(const std::string& url)>& work) {
    const auto read = read_config_file(std::nullopt);
    if (const auto* problems = std::get_if<std::vector<ConfigProblem>>(&read)) {
        for (const auto& problem : *problems) fail(to_string(problem));
        return 1;
    }
    const auto& url = std::get<Config>(read).database_url;
    if (url.empty()) {
        return fail("no database: run this through script/busbar, or set BUSBAR_DATABASE_URL");
    }
    try {
        db::migrate(url);
        return work(url);
    } catch (const db::DatabaseError& error) {
        return fail(error.what());
    }
}

}  // namespace busbar::app::commands
