// The datagrams are those of the fuzz corpus, put together by another program.
#include "meters/speedwire.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace busbar::meters {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

Bytes file(const std::string& name) {
    const auto path =
        std::filesystem::path{BUSBAR_SOURCE_DIR} / "tests/fuzz/corpus/speedwire_fuzz" / name;
    std::ifstream stream{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

TEST(Speedwire, ReadsADatagramOfAMeter) {
    const auto parsed = parse_speedwire(file("energy_meter.bin"));
    ASSERT_TRUE(parsed.datagram) << parsed.problem;
    EXPECT_EQ(parsed.datagram->serial, 1'900'123'456u);
    const Values expected{
        {"activePowerTotal", 2600},  {"activePowerL1", 3600},  {"activePowerL2", -1800},
        {"activePowerL3", 800},      {"voltageL1", 230.1},     {"voltageL2", 231.2},
        {"voltageL3", 229.4},        {"currentL1", 16.02},     {"currentL2", -8.1},
        {"currentL3", 3.5},          {"energyImport", 12'345}, {"energyExport", 678},
        {"energyImportL1", 5000},    {"energyExportL1", 0},    {"energyImportL2", 4000},
        {"energyExportL2", 678},     {"energyImportL3", 3345}, {"energyExportL3", 0},
        {"powerFactorTotal", 0.987}, {"frequency", 49.98},
    };
    EXPECT_EQ(parsed.datagram->values, expected);
}

TEST(Speedwire, PaddingBehindTheEndIsNotRead) {
    Bytes bytes = file("energy_meter.bin");
    bytes.resize(bytes.size() + 100, 0xFF);
    EXPECT_TRUE(parse_speedwire(bytes).datagram);
    EXPECT_TRUE(parse_speedwire(file("no_end.bin")).datagram);
}

TEST(Speedwire, WhatIsNoDatagramOfAMeterIsRefusedWithAReason) {
    EXPECT_THAT(parse_speedwire({}).problem, HasSubstr("too short"));
    EXPECT_THAT(parse_speedwire(file("cut_off.bin")).problem,
                "its length is 200 bytes, but it says 264");
    EXPECT_THAT(parse_speedwire(file("inverter.bin")).problem, HasSubstr("not of a meter"));
    EXPECT_THAT(parse_speedwire(file("unknown_type.bin")).problem,
                HasSubstr("cannot be read from byte 56 on"));
    Bytes other = file("energy_meter.bin");
    other[1] = 'X';
    EXPECT_THAT(parse_speedwire(other).problem, HasSubstr("does not begin with SMA"));
    Bytes empty = file("energy_meter.bin");
    empty[28] = empty[29] = empty[30] = 0;
    EXPECT_THAT(parse_speedwire(empty).problem, HasSubstr("no values"));
}

TEST(Speedwire, EveryCutIsRefusedOrComplete) {
    const Bytes bytes = file("energy_meter.bin");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const Bytes copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(parse_speedwire(copy).datagram) << size;
    }
}

}  // namespace
}  // namespace busbar::meters
