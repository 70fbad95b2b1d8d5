#include "base/secrets.hpp"

#include <gtest/gtest.h>

namespace busbar {
namespace {

TEST(Secrets, TokensAreLongDistinctAndHashedAlikeEachTime) {
    const auto a = new_token_secret();
    const auto b = new_token_secret();
    EXPECT_EQ(a.size(), 36u);
    EXPECT_NE(a, b);
    EXPECT_EQ(token_hash(a), token_hash(a));
    EXPECT_NE(token_hash(a), token_hash(b));
}

TEST(Secrets, APasswordFitsItsHashOnly) {
    const auto hash = hash_password("correct horse");
    EXPECT_TRUE(hash.starts_with("$argon2id$"));
    EXPECT_TRUE(verify_password(hash, "correct horse"));
    EXPECT_FALSE(verify_password(hash, "wrong horse"));
    EXPECT_FALSE(verify_password("not a hash", "correct horse"));
}

TEST(Secrets, MemoryDependsOnHashPasswordAndProcess) {
    const PasswordMemory memory;
    const PasswordMemory other;
    EXPECT_EQ(memory.remember("h", "p"), memory.remember("h", "p"));
    EXPECT_NE(memory.remember("h", "p"), memory.remember("h", "q"));
    EXPECT_NE(memory.remember("h", "p"), other.remember("h", "p"));
}

}  // namespace
}  // namespace busbar
