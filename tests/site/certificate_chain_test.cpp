#include "site/certificate_chain.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "site/commands.hpp"
#include "tests/site/support.hpp"

namespace busbar::site::test {
namespace {

using testing::HasSubstr;

// As openssl wrote it: a root for the key of a curve.
const std::string certificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBqTCCAU+gAwIBAgIUeacC1KkFypghp2ikfneUIQSG0Y8wCgYIKoZIzj0EAwIw\n"
    "KTEQMA4GA1UECgwHRXhhbXBsZTEVMBMGA1UEAwwMRXhhbXBsZSBSb290MCAXDTI2\n"
    "MTEyMTE3MDU1M1oYDzIxMjYxMDI4MTcwNTUzWjApMRAwDgYDVQQKDAdFeGFtcGxl\n"
    "MRUwEwYDVQQDDAxFeGFtcGxlIFJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
    "AAQwK3RIvTaTjz4ra7bYakX51roTVgDkWm6YL6P9fCFCPd2A5L+1UfyV/QRBINgd\n"
    "KBE1PnnvZuOQnMNZp2LEv4Ivo1MwUTAdBgNVHQ4EFgQUCeIEEJQrgS9PBmM3pk6O\n"
    "8ut+yKIwHwYDVR0jBBgwFoAUCeIEEJQrgS9PBmM3pk6O8ut+yKIwDwYDVR0TAQH/\n"
    "BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAwZjYNLo6WACXBfr+mlZcMMRpdOAV\n"
    "Qr+FBzB5YnmKAjkCIF075Itz9/ySvfJQboaxN4nPXepnbMD/WCmfXiYwn6iX\n"
    "-----END CERTIFICATE-----\n";

std::string defect(const std::string& pem, std::size_t most = 10) {
    return chain_defect(pem, most).value_or("");
}
std::string without(const std::string& part) {
    auto text = certificate;
    return text.replace(text.find(part), part.size(), "");
}

TEST(CertificateChain, TakesOneOrSeveral) {
    EXPECT_EQ(defect(certificate), "");
    EXPECT_EQ(defect(certificate + "\r\n" + certificate), "");
    EXPECT_THAT(defect(certificate + certificate, 1), HasSubstr("not hold more than 1"));
}

TEST(CertificateChain, SaysWhichIsWrongAndHow) {
    EXPECT_THAT(defect(""), HasSubstr("must hold a certificate"));
    EXPECT_THAT(defect("MIIB"), HasSubstr("certificate 1 must begin with -----BEGIN"));
    EXPECT_THAT(defect(certificate + "and then some"), HasSubstr("certificate 2 must begin"));
    EXPECT_THAT(defect(without("-----END CERTIFICATE-----")), HasSubstr("1 must end with"));
    EXPECT_THAT(defect(without("-----END CERTIFICATE-----") + certificate),
                HasSubstr("1 is not base64"));
    EXPECT_THAT(defect(without("BAUw")), HasSubstr("cut off"));
    EXPECT_THAT(defect(without("BAU")), HasSubstr("not base64"));
    EXPECT_THAT(defect("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"),
                HasSubstr("no certificate"));
    EXPECT_THAT(defect("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"),
                HasSubstr("no certificate"));
}

struct CertificateSignedTest : testing::Test, OneCharger {};

TEST_F(CertificateSignedTest, IsNotSentWithMoreThanTheChargerCanTake) {
    std::string escaped;
    for (const char c : certificate) escaped += c == '\n' ? std::string{"\\n"} : std::string{c};
    const auto said = [&] {
        std::string text;
        command(site, "CP1", "CertificateSigned", R"({"certificateChain":")" + escaped + "\"}", now,
                [&](const CommandResult& result) {
                    const auto* failure = std::get_if<CommandFailure>(&result);
                    for (const auto& v : failure->violations) text += v.pointer + " " + v.detail;
                });
        return text;
    };
    link->take();
    auto& key = charger().configuration.reported["CertificateSignedMaxChainSize"];
    key.key = "CertificateSignedMaxChainSize";
    key.value = "300";
    EXPECT_THAT(said(), HasSubstr("/certificateChain must not be longer"));
    key.value = "10000";
    EXPECT_EQ(said(), "");
    EXPECT_THAT(link->take(), testing::ElementsAre(HasSubstr("CertificateSigned")));
}

}  // namespace
}  // namespace busbar::site::test
