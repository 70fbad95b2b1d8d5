#include "app/message_tap.hpp"

#include <gtest/gtest.h>

#include "app/config.hpp"

namespace busbar::app {
namespace {

using namespace std::chrono_literals;
using ocpp::Frame;

const Now now{Instant{1h}, Timestamp{5s}};

TEST(MessageTap, MakesRowsOfFrames) {
    std::string made;
    const auto asked = message_row("CP1",
                                   {.direction = Frame::Direction::in,
                                    .type = Frame::Type::call,
                                    .action = "Heartbeat",
                                    .id = "7",
                                    .payload = "{}",
                                    .call_at = {},
                                    .violation = {}},
                                   now, made);
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
    std::string made;
    const auto refused = message_row("CP1",
                                     {.direction = Frame::Direction::out,
                                      .type = Frame::Type::call_error,
                                      .action = "Odd",
                                      .id = "7",
                                      .payload = R"("NotImplemented","",{})",
                                      .call_at = now.mono - 12ms,
                                      .violation = "unknown action"},
                                     now, made);
    EXPECT_EQ(refused.direction, "out");
    EXPECT_EQ(refused.type, "CALLERROR");
    EXPECT_EQ(refused.payload, R"(["NotImplemented","",{}])");
    EXPECT_EQ(refused.latency_ms, 12);
    EXPECT_EQ(refused.violation, "unknown action");
}

TEST(LogAllowance, ABurstIsKeptAndThenAShare) {
    LogAllowance allowance;
    Instant at{1h};
    const auto kept_of = [&](int frames) {
        int kept = 0;
        for (int i = 0; i < frames; ++i) kept += allowance.take(at) ? 1 : 0;
        return kept;
    };
    EXPECT_EQ(kept_of(6'000), 5'000);
    at += 10s;
    EXPECT_EQ(kept_of(6'000), 500);
    at -= 5s;
    EXPECT_EQ(kept_of(1), 0);
    at += 1h;
    EXPECT_EQ(kept_of(6'000), 5'000);
}

TEST(LogAllowance, AChargerThatReportsEverySecondIsKeptWhole) {
    LogAllowance allowance;
    Instant at{1h};
    for (int second = 0; second < 10'000; ++second) {
        at += 1s;
        for (int frame = 0; frame < 8; ++frame) ASSERT_TRUE(allowance.take(at));
    }
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
