#include "db/migrate.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/db/support.hpp"

namespace busbar::db::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const std::function<void()>& call) {
    try {
        call();
    } catch (const DatabaseError& error) {
        return error.what();
    }
    return "nothing was refused";
}

TEST(Migrate, FreshAndAgain) {
    const auto url = cluster().create_database("migrate_fresh");
    EXPECT_EQ(migrate(url), schema_version_known());
    EXPECT_EQ(migrate(url), schema_version_known());
    EXPECT_GE(schema_version_known(), 1);
    EXPECT_EQ(
        cluster().sql("SELECT count(*), max(version) FROM schema_version", "migrate_fresh"),
        std::to_string(schema_version_known()) + "|" + std::to_string(schema_version_known()));
    EXPECT_EQ(cluster().sql("SELECT count(*) FROM transaction", "migrate_fresh"), "0");
}

TEST(Migrate, RefusesANewerSchemaNamingBoth) {
    const auto url = migrated_database("migrate_newer");
    cluster().sql("INSERT INTO schema_version (version, name) VALUES (4711, 'later')",
                  "migrate_newer");
    EXPECT_THAT(
        refusal([&] { migrate(url); }),
        AllOf(HasSubstr("4711"), HasSubstr("up to " + std::to_string(schema_version_known()))));
}

TEST(Migrate, TwoProcessesAtOnce) {
    const auto url = cluster().create_database("migrate_twice");
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        const auto pid = ::fork();
        if (pid == 0) {
            int code = 1;
            try {
                code = migrate(url) == schema_version_known() ? 0 : 2;
            } catch (const std::exception&) {
                code = 3;
            }
            ::_exit(code);
        }
        children.push_back(pid);
    }
    for (const auto pid : children) {
        int status = 0;
        ::waitpid(pid, &status, 0);
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
}

TEST(Migrate, ExplainsAnUnreachableServer) {
    EXPECT_THAT(refusal([] { migrate("postgresql:///x?host=/nowhere"); }),
                AllOf(HasSubstr("cannot be reached"), HasSubstr("[database]")));
}

TEST(Migrate, RefusesADatabaseThatIsNotUtf8) {
    cluster().sql("CREATE DATABASE migrate_latin TEMPLATE template0 ENCODING 'LATIN1'");
    EXPECT_THAT(refusal([&] { migrate(cluster().url("migrate_latin")); }),
                AllOf(HasSubstr("LATIN1"), HasSubstr("UTF8")));
}

}  // namespace
}  // namespace busbar::db::test
