#include "db/database_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/connection.hpp"

namespace busbar::db {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(DatabaseUrl, HidesPasswordsInUrls) {
    EXPECT_EQ(masked_url("postgresql://u:hunter2@host:5432/db?sslmode=require"),
              "postgresql://u:***@host:5432/db?sslmode=require");
    EXPECT_EQ(masked_url("postgresql://u:hun@ter2@host/db"), "postgresql://u:***@host/db");
    EXPECT_EQ(masked_url("postgresql:///db?password=hunter2&host=x&sslpassword=s3"),
              "postgresql:///db?password=***&host=x&sslpassword=***");
}

TEST(DatabaseUrl, LeavesUrlsWithoutPasswordsAlone) {
    for (const auto* url :
         {"postgresql:///busbar?host=%2Frun%2Fx&port=5432&user=busbar",
          "postgresql://[::1]:5432/db?user=a@b", "postgresql://h:5432/db?user=a@b",
          "postgresql://u@host/db", "host=x dbname='my db' user = me", ""}) {
        EXPECT_EQ(masked_url(url), url);
    }
}

TEST(DatabaseUrl, HidesPasswordsInSettings) {
    EXPECT_EQ(masked_url("host=x password=hunter2 dbname=y"), "host=x password=*** dbname=y");
    EXPECT_EQ(masked_url("password='a b' dbname=y"), "password=*** dbname=y");
    EXPECT_EQ(masked_url("password = 'a \\' b' dbname=y"), "password = *** dbname=y");
    EXPECT_EQ(masked_url("password='a b dbname=y"), "password=***") << "a quote that never ends";
    EXPECT_EQ(masked_url("password=a b c dbname = y"), "password=*** dbname = y");
}

TEST(DatabaseUrl, HidesWhatLibpqQuotes) {
    for (const auto* url : {"postgresql://u:hunter%zz2@host/db", "postgresql://u:hunter2]@[::1/db",
                            "password='hunter2 dbname=y", "password=x hunter2 host=/nowhere"}) {
        try {
            Connection{url, std::chrono::seconds{1}, "test"};
            FAIL() << url;
        } catch (const std::exception& error) {
            EXPECT_THAT(error.what(), Not(HasSubstr("hunter"))) << url;
        }
    }
    EXPECT_EQ(without_secrets(R"(failed for user "me" at "host")", "postgresql://me:me@host"),
              R"(failed for user "me" at "host")");
}

}  // namespace
}  // namespace busbar::db
