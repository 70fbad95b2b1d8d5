// The telegrams are those of the fuzz corpus; their checksums were computed by another program.
#include "meters/p1.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace busbar::meters {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string file(const std::string& name) {
    const auto path = std::filesystem::path{BUSBAR_SOURCE_DIR} / "tests/fuzz/corpus/p1_fuzz" / name;
    std::ifstream stream{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

P1Telegram telegram(const std::string& name) {
    const auto parsed = parse_p1(file(name));
    EXPECT_EQ(parsed.problem, "");
    return parsed.telegram.value_or(P1Telegram{});
}

Timestamp at(const char* text) { return parse_timestamp(text).value().time; }

TEST(P1, ChecksumIsThatOfTheCatalogue) {
    EXPECT_EQ(p1_checksum("123456789"), 0xBB3D);
    EXPECT_EQ(p1_checksum(""), 0);
}

TEST(P1, TimesAreLocalAndSaySummerOrWinter) {
    EXPECT_EQ(parse_p1_time("260131171442W"), at("2026-01-31T16:14:42Z"));
    EXPECT_EQ(parse_p1_time("260701120000S"), at("2026-07-01T10:00:00Z"));
    EXPECT_EQ(parse_p1_time("260101000000W"), at("2025-12-31T23:00:00Z"));
    for (const char* none : {"632525252525W", "260229000000W", "260131171442", "260131171442X",
                             "2601311714 2W", "260131246000W", ""}) {
        EXPECT_FALSE(parse_p1_time(none)) << none;
    }
}

TEST(P1, ReadsABelgianTelegram) {
    const P1Telegram read = telegram("belgian.txt");
    EXPECT_EQ(read.identification, "TST5\\253000017_A");
    EXPECT_TRUE(read.checksummed);
    EXPECT_EQ(read.at, at("2026-01-31T16:14:42Z"));
    const Values expected{
        {"energyImportTariff1", 1'234'567},
        {"energyImportTariff2", 2'000'433},
        {"energyExportTariff1", 10'000},
        {"energyExportTariff2", 20'500},
        {"energyImport", 3'235'000},
        {"energyExport", 30'500},
        {"activePowerTotal", 4'100},
        {"activePowerL1", 3'680},
        {"activePowerL2", -960},
        {"activePowerL3", 1'380},
        {"voltageL1", 230.4},
        {"voltageL2", 231.0},
        {"voltageL3", 229.9},
        {"currentL1", 16.02},
        {"currentL2", -4.16},
        {"currentL3", 6.01},
        {"demandAverage", 3'250},
        {"demandPeakMonth", 5'125},
        {"limiterThreshold", 999'900},
        {"fuseThreshold", 999},
    };
    EXPECT_EQ(read.values, expected);
    ASSERT_TRUE(read.month_peak);
    EXPECT_EQ(read.month_peak->at, at("2026-01-09T17:15:00Z"));
    EXPECT_EQ(read.month_peak->watts, 5'125);
    // A time that is none leaves the value.
    ASSERT_EQ(read.month_peaks.size(), 3u);
    EXPECT_EQ(read.month_peaks[0].at, at("2025-10-17T16:45:00Z"));
    EXPECT_FALSE(read.month_peaks[1].at);
    EXPECT_EQ(read.month_peaks[1].watts, 4'529);
    EXPECT_EQ(read.month_peaks[2].watts, 6'001);
}

TEST(P1, ReadsADutchTelegramOfOnePhase) {
    const P1Telegram read = telegram("dutch.txt");
    const Values expected{
        {"energyImportTariff1", 51'775},
        {"energyImportTariff2", 0},
        {"energyExportTariff1", 24'413},
        {"energyExportTariff2", 0},
        {"energyImport", 51'775},
        {"energyExport", 24'413},
        {"activePowerTotal", -335},
        {"activePowerL1", -335},
        {"voltageL1", 229},
        {"currentL1", -1},
    };
    EXPECT_EQ(read.values, expected);
    EXPECT_FALSE(read.month_peak);
    EXPECT_THAT(read.month_peaks, IsEmpty());
}

TEST(P1, OldTelegramsHaveNoChecksumAndValuesBelowTheirObject) {
    const P1Telegram read = telegram("without_checksum.txt");
    EXPECT_FALSE(read.checksummed);
    EXPECT_FALSE(read.at);
    EXPECT_EQ(read.values.at("activePowerTotal"), 1'010);
    EXPECT_EQ(read.values.at("energyImport"), 608'400);
}

TEST(P1, AChangedByteIsNoticed) {
    EXPECT_THAT(parse_p1(file("wrong_checksum.txt")).problem,
                "the checksum is 1234, but its bytes give E2B2");
    std::string text = file("belgian.txt");
    for (std::size_t at = 0; at < text.rfind('!'); ++at) {
        std::string changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 0x01);
        EXPECT_FALSE(parse_p1(changed).telegram) << at;
    }
}

TEST(P1, ChecksumsAsMetersInTheFieldWriteThem) {
    std::string text = file("dutch.txt");
    const auto end = text.rfind('!') + 1;
    const auto with = [&](const std::string& tail) { return parse_p1(text.substr(0, end) + tail); };
    EXPECT_TRUE(with("E2B2\r\n").telegram);
    EXPECT_TRUE(with("e2b2").telegram);
    EXPECT_TRUE(with(std::string{"E2B2\r\n\0\0", 8}).telegram);
    EXPECT_THAT(with("XYZ\r\n").problem, HasSubstr("cannot be read"));
    EXPECT_THAT(with("0E2B2\r\n").problem, HasSubstr("cannot be read"));
    // Leading zeros left out: the checksum of this telegram has two.
    std::string short_one = "/A\r\n1-0:1.7.0(00.001*kW)\r\n!";
    std::uint16_t sum = p1_checksum(short_one);
    for (int digit = 0; sum > 0x00FF; ++digit) {
        short_one = "/" + std::to_string(digit) + "\r\n1-0:1.7.0(00.001*kW)\r\n!";
        sum = p1_checksum(short_one);
    }
    constexpr std::string_view digits = "0123456789ABCDEF";
    short_one += digits[sum >> 4];
    short_one += digits[sum & 15];
    EXPECT_TRUE(parse_p1(short_one).telegram);
}

TEST(P1, WhatIsNoTelegramIsRefusedWithAReason) {
    EXPECT_THAT(parse_p1("").problem, HasSubstr("does not begin with /"));
    EXPECT_THAT(parse_p1("/ABC\r\n1-0:1.7.0(1*kW)").problem, HasSubstr("no end"));
    EXPECT_THAT(parse_p1("/!").problem, HasSubstr("no objects"));
    EXPECT_THAT(parse_p1("/" + std::string(p1_bytes_max, 'x')).problem, HasSubstr("16 KiB"));
    // Units that are not expected and brackets that do not match are no values.
    const auto parsed = parse_p1("/A\n1-0:1.7.0(1*MW)\n1-0:2.7.0(1*kW\n1-0:32.7.0(x*V)\n!");
    ASSERT_TRUE(parsed.telegram);
    EXPECT_THAT(parsed.telegram->values, IsEmpty());
}

TEST(P1Stream, JoinsAtAnyPlaceAndDropsWhatIsCutOff) {
    P1Stream stream;
    // What had begun before us is skipped; the telegram that was cut off swallows the next one, and
    // its checksum gives it away.
    const auto telegrams = stream.push(file("cut_off.txt"));
    ASSERT_EQ(telegrams.size(), 1u);
    EXPECT_THAT(parse_p1(telegrams[0]).problem, HasSubstr("the checksum is 7D43"));
    P1Stream second;
    const std::string belgian = file("belgian.txt");
    EXPECT_THAT(second.push(file("dutch.txt") + belgian), ElementsAre(file("dutch.txt"), belgian));
    EXPECT_THAT(second.push("/half a telegram\r\n" + belgian), ElementsAre(belgian));
    EXPECT_EQ(second.dropped(), 1u);
}

TEST(P1Stream, EndlessTelegramsAreDropped) {
    P1Stream stream;
    EXPECT_THAT(stream.push("/" + std::string(3 * p1_bytes_max, 'x')), IsEmpty());
    EXPECT_EQ(stream.dropped(), 1u);
    EXPECT_THAT(stream.push(file("dutch.txt")), ElementsAre(file("dutch.txt")));
}

TEST(P1Stream, TakesTheParityOff) {
    std::string text = file("without_checksum.txt");
    std::string sent = text;
    for (char& byte : sent) {
        if (__builtin_parity(static_cast<unsigned char>(byte)) != 0) {
            byte = static_cast<char>(byte | 0x80);
        }
    }
    P1Stream stream{true};
    EXPECT_THAT(stream.push(sent), ElementsAre(text));
}

RC_GTEST_PROP(P1Stream, GivesTheSameHoweverItIsCut, (std::vector<std::uint8_t> cuts)) {
    const std::string text = file("belgian.txt") + file("dutch.txt") + file("belgian.txt");
    P1Stream stream;
    std::vector<std::string> telegrams;
    std::size_t at = 0;
    const auto push = [&](std::size_t count) {
        for (auto& each : stream.push(std::string_view{text}.substr(at, count))) {
            telegrams.push_back(std::move(each));
        }
        at = std::min(at + count, text.size());
    };
    for (const std::uint8_t cut : cuts) push(cut);
    push(text.size());
    RC_ASSERT(telegrams.size() == 3u);
    RC_ASSERT(stream.dropped() == 0u);
}

}  // namespace
}  // namespace busbar::meters
