#include "ocpp/identity.hpp"

#include <gtest/gtest.h>

namespace busbar::ocpp {
namespace {

TEST(Identity, IsTheLastSegmentHoweverTheUrlIsWritten) {
    for (const auto* target :
         {"/ocpp/CP1", "/CP1", "//ocpp///CP1/", "/ocpp/CP1?token=1", "ws://host:9000/ocpp/CP1",
          "/ws://host:9000/ocpp/CP1", "/steve/websocket/CP1", "/ocpp/C%501"}) {
        EXPECT_EQ(identity_from_target(target), "CP1") << target;
    }
    EXPECT_EQ(identity_from_target("/ocpp/Bay%207%20left"), "Bay 7 left");
    EXPECT_EQ(identity_from_target("/ocpp/%C3%A9"), "\xC3\xA9");
    EXPECT_EQ(identity_from_target("/ocpp/ocpp"), "ocpp");
}

TEST(Identity, IsRefusedWhereThereIsNoneOrItIsDangerous) {
    for (const auto* target :
         {"", "/", "/ocpp", "/ocpp/", "ws://host:9000", "/ocpp/%2e%2e", "/ocpp/CP1%00",
          "/ocpp/a%2Fb", "/ocpp/%", "/ocpp/%4", "/ocpp/%zz", "/ocpp/%ff", "/ocpp/%0a"}) {
        EXPECT_FALSE(identity_from_target(target)) << target;
    }
    EXPECT_FALSE(identity_from_target("/ocpp/" + std::string(49, 'x')));
    EXPECT_TRUE(identity_from_target("/ocpp/" + std::string(48, 'x')));
}

TEST(Credentials, AreSplitBehindTheKnownIdentity) {
    EXPECT_EQ(password_for("CP1", "CP1:secret"), "secret");
    EXPECT_EQ(password_for("CP1", "cp1:secret"), "secret");
    EXPECT_EQ(password_for("a:b", "a:b:c:d"), "c:d");
    EXPECT_EQ(password_for("CP1", "CP1:"), "");
    EXPECT_FALSE(password_for("CP1", "CP1"));
    EXPECT_FALSE(password_for("CP1", "CP2:secret"));
    EXPECT_FALSE(password_for("CP1", "CP12:secret"));
    using namespace std::string_literals;
    EXPECT_EQ(password_for("CP1", "CP1:a\0b"s), "a\0b"s);
}

TEST(Credentials, RawKeysHaveAHexForm) {
    EXPECT_EQ(hex_of_raw_key(std::string(16, '\xAB')), "ABABABABABABABABABABABABABABABAB");
    EXPECT_FALSE(hex_of_raw_key("short"));
}

}  // namespace
}  // namespace busbar::ocpp
