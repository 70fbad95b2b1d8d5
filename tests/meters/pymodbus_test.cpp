// Our client against a Modbus server that is not ours: python3-pymodbus.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus_fixtures.hpp"
#include "meters/bus.hpp"

namespace busbar::meters {
namespace {

using namespace testing_support;

constexpr const char* python = "/usr/bin/python3";

// The meter program of the integration tests, as a child process.
class PymodbusMeter {
public:
    explicit PymodbusMeter(const std::string& profile) {
        const auto script = std::filesystem::path{BUSBAR_SOURCE_DIR} / "tests" / "integration" /
                            "pymodbus_meter.py";
        int to_child[2];
        int from_child[2];
        if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0) return;
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(to_child[0], STDIN_FILENO);
            ::dup2(from_child[1], STDOUT_FILENO);
            ::execl(python, python, script.c_str(), "--control", "--profile", profile.c_str(),
                    static_cast<char*>(nullptr));
            ::_exit(127);
        }
        ::close(to_child[0]);
        ::close(from_child[1]);
        commands_ = ::fdopen(to_child[1], "w");
        answers_ = ::fdopen(from_child[0], "r");
        int number = 0;
        const std::string line = answer();
        if (std::sscanf(line.c_str(), "ready %d", &number) == 1) {
            port_ = static_cast<std::uint16_t>(number);
        }
    }
    // The program ends with its input.
    ~PymodbusMeter() {
        std::fclose(commands_);
        std::fclose(answers_);
        ::waitpid(child_, nullptr, 0);
    }
    PymodbusMeter(const PymodbusMeter&) = delete;
    PymodbusMeter& operator=(const PymodbusMeter&) = delete;

    std::uint16_t port() const { return port_; }

    bool set(const std::string& line) {
        std::fprintf(commands_, "%s\n", line.c_str());
        std::fflush(commands_);
        return answer() == "done\n";
    }

private:
    std::string answer() {
        char line[200] = {};
        return std::fgets(line, sizeof line, answers_) != nullptr ? line : "";
    }

    pid_t child_ = -1;
    std::FILE* commands_ = nullptr;
    std::FILE* answers_ = nullptr;
    std::uint16_t port_ = 0;
};

bool pymodbus_is_installed() {
    return std::system((std::string{python} + " -c 'import pymodbus' 2>/dev/null").c_str()) == 0;
}

class Pymodbus : public testing::TestWithParam<std::pair<const char*, const char*>> {
protected:
    void SetUp() override {
        if (!pymodbus_is_installed()) GTEST_SKIP() << "python3-pymodbus is not installed";
    }
    Profile profile() const { return find_profile(GetParam().second).value(); }
};

TEST_P(Pymodbus, IsReadOnce) {
    PymodbusMeter meter{GetParam().first};
    ASSERT_NE(meter.port(), 0);
    ASSERT_TRUE(
        meter.set("voltageL2=231.5 currentL1=40.5 activePowerL1=9300 currentL2=16 "
                  "activePowerL2=-3680 activePowerTotal=5620 energyImport=123400"));
    const auto outcome = read_once(profile(), "127.0.0.1", meter.port(), 1, 5s);
    ASSERT_TRUE(outcome.reading) << outcome.error;
    const Reading& reading = *outcome.reading;
    EXPECT_EQ(reading.voltage_volts[0], 230);
    EXPECT_EQ(reading.voltage_volts[1], 231.5);
    EXPECT_EQ(reading.current_amps[0], 40.5);
    EXPECT_EQ(reading.current_amps[1], -16);
    EXPECT_EQ(reading.active_power_watts[1], -3680);
    EXPECT_EQ(reading.active_power_watts_total, 5620);
    EXPECT_EQ(reading.frequency_hz, 50);
    EXPECT_EQ(reading.energy_import_wh, 123'400);
}

TEST_P(Pymodbus, IsPolled) {
    PymodbusMeter meter{GetParam().first};
    ASSERT_NE(meter.port(), 0);
    Results results;
    BusSettings settings;
    settings.host = "127.0.0.1";
    settings.port = meter.port();
    settings.timeout = 5s;
    const Bus bus{settings, {{"main", profile(), 1, 20ms}}, results.post()};
    ASSERT_TRUE(results.wait(is_reading));
    ASSERT_TRUE(meter.set("currentL1=40.5 activePowerL1=9300"));
    EXPECT_TRUE(results.wait([](const PollResult& result) {
        return result.reading && result.reading->current_amps[0] == 40.5;
    }));
    EXPECT_FALSE(meter.set("currentL9=1"));
    for (const PollResult& result : results.all()) EXPECT_EQ(result.error, "");
}

INSTANTIATE_TEST_SUITE_P(Meters, Pymodbus,
                         testing::Values(std::pair{"pac2200", "siemens-pac2200"},
                                         std::pair{"nemo", "ime-nemo-d4-le"}),
                         [](const auto& meter) { return std::string{meter.param.first}; });

}  // namespace
}  // namespace busbar::meters
