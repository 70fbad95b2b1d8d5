#include "db/redaction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace busbar::db {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Redaction, HidesTheAuthorizationKeyHoweverItIsWritten) {
    for (const std::string payload :
         {R"({"key":"AuthorizationKey","value":"c0ffee"})",
          R"({ "value" : "c0ffee" ,"key" :"AUTHORIZATIONKEY" })",
          R"({"key":"\u0041uthorizationKey","value":"c0ffee"})",
          R"({"key":" authorizationKey ","value":"c0ffee","extra":[1]})",
          R"({"key":"AuthorizationKey","value":["c0ffee"]})",
          R"({"key":"AuthorizationKey","key":"HeartbeatInterval","value":"c0ffee"})",
          R"({"key":"AuthorizationKey","value":"c0ffee")",
          R"({"Key":"AuthorizationKey","value":"c0ffee"})",
          R"([{"key":"AuthorizationKey","value":"c0ffee"}])",
          R"({"key":"\u0041uthorizationKey","value":"c0ffee)",
          R"({"key":"WifiPassword","value":"c0ffee"})"}) {
        for (const std::string action : {"ChangeConfiguration", "changeconfiguration"}) {
            const auto kept = redacted(action, payload);
            EXPECT_THAT(kept, Not(HasSubstr("c0ffee"))) << payload;
            EXPECT_THAT(kept, HasSubstr("***")) << payload;
        }
    }
    EXPECT_EQ(redacted("ChangeConfiguration", R"({"key":"AuthorizationKey","value":"c0ffee"})"),
              R"({"key":"AuthorizationKey","value":"***"})");
}

TEST(Redaction, LeavesOtherSettingsAsTheyWereWritten) {
    for (const std::string payload :
         {R"({ "key":"HeartbeatInterval",  "value":"60"})", R"({"status":"Accepted"})", "", "{",
          R"({"key":"Ünïcode\u00e4","value":"1"})"}) {
        EXPECT_EQ(redacted("ChangeConfiguration", payload), payload);
    }
}

TEST(Redaction, HidesWhatAChargerTellsOfItsConfiguration) {
    EXPECT_EQ(redacted("GetConfiguration",
                       R"({"configurationKey":[{"key":"A","readonly":true,"value":"1"},)"
                       R"({"key":"AuthorizationKey","readonly":"false","value":"c0ffee"}],)"
                       R"("unknownKey":["B"]})"),
              R"({"configurationKey":[{"key":"A","readonly":true,"value":"1"},)"
              R"({"key":"AuthorizationKey","readonly":"false","value":"***"}],)"
              R"("unknownKey":["B"]})");
    const std::string question = R"({"key":["AuthorizationKey"]})";
    EXPECT_EQ(redacted("GetConfiguration", question), question);
    const std::string without = R"({"configurationKey":[{"key":"AuthorizationKey"}]})";
    EXPECT_EQ(redacted("GetConfiguration", without), without);
    EXPECT_EQ(redacted("GetConfiguration", R"({"configurationKey":[{"key":"AuthorizationKey")"),
              "***");
}

TEST(Redaction, KnowsTheSecretsOfVendors) {
    for (const std::string key : {"WifiPwd", "wlan_psk", "SimPin", "PIN", "Api-Key", "AccessToken",
                                  "CpoAuthorizationKey", "ApnPassphrase"}) {
        EXPECT_EQ(redacted("ChangeConfiguration", R"({"key":")" + key + R"(","value":"hush"})"),
                  R"({"key":")" + key + R"(","value":"***"})");
    }
    const std::string ping = R"({"key":"WebSocketPingInterval","value":"30"})";
    EXPECT_EQ(redacted("ChangeConfiguration", ping), ping);
}

TEST(Redaction, HidesPasswordsAndTokensInPlaces) {
    EXPECT_EQ(redacted("GetDiagnostics", R"({"location":"ftp://me:hu@sh@host/logs","retries":1})"),
              R"({"location":"ftp://***@host/logs","retries":1})");
    EXPECT_EQ(redacted("GetLog", R"({"log":{"remoteLocation":"http://host:80/f/c0ffee"}})"),
              R"({"log":{"remoteLocation":"http://host:80/f/***"}})");
    const std::string plain = R"({"location":"http://host/a","retrieveDate":"x@y"})";
    EXPECT_EQ(redacted("UpdateFirmware", plain), plain);
}

TEST(Redaction, TakesNoChancesElsewhere) {
    EXPECT_EQ(redacted("DataTransfer", R"({"data":"AUTHORIZATIONKEY=c0ffee"})"), "***");
    EXPECT_EQ(redacted("", R"([2,"x",{"key":"AuthorizationKey","value":"c0ffee"}])"), "***");
    const std::string heartbeat = R"({"currentTime":"2026-05-01T12:00:00Z"})";
    EXPECT_EQ(redacted("Heartbeat", heartbeat), heartbeat);
}

}  // namespace
}  // namespace busbar::db
