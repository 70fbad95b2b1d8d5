#include "app/message_tap.hpp"

#include <gtest/gtest.h>

#include "app/config.hpp"

namespace busbar::app {
namespace {

using namespace std::chrono_literals;
using ocpp::Frame;

const Now now{Instant{1h}, Timestamp{5s}};

TEST(MessageTap, MakesRowsOfFrames) {
    const auto asked = message_row("CP1",
                                   {.direction = Frame::Direction::in,
                                    .type = Frame::Type::call,
                                    .action = "Heartbeat",
                                    .id = "7",
                                    .payload = "{}",
                                    .call_at = {},
                                    .violation = {}},
                                   now);
    EXPECT_EQ(asked.at, now.wall);
    EXPECT_EQ(asked.charge_point, "CP1");
    EXPECT_EQ(asked.direction, "in");
    EXPECT_EQ(asked.type, "CALL");
    EXPECT_EQ(asked.action, "Heartbeat");
    EXPECT_EQ(asked.message_id, "7");
    EXPECT_EQ(asked.payload, "{}");
    EXPECT_EQ(asked.latency_ms, std::nullopt);
    EXPECT_EQ(asked.violation, std::nullopt);
}

TEST(MessageTap, ARefusalIsAListAndHasItsLatency) {
    const auto refused = message_row("CP1",
                                     {.direction = Frame::Direction::out,
                                      .type = Frame::Type::call_error,
                                      .action = "Odd",
                                      .id = "7",
                                      .payload = R"("NotImplemented","",{})",
                                      .call_at = now.mono - 12ms,
                                      .violation = "unknown action"},
                                     now);
    EXPECT_EQ(refused.direction, "out");
    EXPECT_EQ(refused.type, "CALLERROR");
    EXPECT_EQ(refused.payload, R"(["NotImplemented","",{}])");
    EXPECT_EQ(refused.latency_ms, 12);
    EXPECT_EQ(refused.violation, "unknown action");
}

TEST(MessageTap, IsConfigured) {
    const auto read = [](const std::string& toml, const std::string& variable) {
        return read_config(toml, "busbar.toml",
                           [&](const std::string& name) -> std::optional<std::string> {
                               if (name != "BUSBAR_MESSAGE_LOG_ENABLED" || variable.empty())
                                   return std::nullopt;
                               return variable;
                           });
    };
    const auto usual = std::get<Config>(read("", ""));
    EXPECT_TRUE(usual.message_log_enabled);
    EXPECT_EQ(usual.message_log_days, 30);
    EXPECT_EQ(usual.message_log_megabytes, 1024);
    EXPECT_FALSE(
        std::get<Config>(read("[message_log]\nenabled = false\n", "")).message_log_enabled);
    EXPECT_FALSE(std::get<Config>(read("", "false")).message_log_enabled);
    EXPECT_NE(print_config(usual).find("enabled = true"), std::string::npos);
    using Problems = std::vector<ConfigProblem>;
    EXPECT_EQ(
        std::get<Problems>(read("[message_log]\ndays = 0\nmegabytes = 0\nenabled = 1\n", "no"))
            .size(),
        4U);
}

}  // namespace
}  // namespace busbar::app
