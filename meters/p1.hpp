// Telegrams of the P1 port of Dutch and Belgian meters (DSMR 2.2 to 5, eMUCS-P1): the stream cut
// into telegrams, their checksum, their objects as values.
//
// Pure: bytes come in, telegrams go out. A P1Stream belongs to one connection and one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "meters/reading.hpp"

namespace busbar::meters {

// Longer telegrams are dropped.
inline constexpr std::size_t p1_bytes_max = 16'384;

// CRC-16/ARC, which telegrams since DSMR 4 carry over all from '/' to '!'.
std::uint16_t p1_checksum(std::string_view bytes);

// A time as meters write it, "250131171500W": local time and whether it is summer. Nothing for
// what is no time. Both countries keep Central European Time.
std::optional<Timestamp> parse_p1_time(std::string_view text);

// The highest quarter-hour of a month. `at`: the end of that quarter, where it can be read.
struct MonthPeak {
    std::optional<Timestamp> at;
    double watts = 0;
};

struct P1Telegram {
    std::string identification;  // the first line, without '/'
    bool checksummed = false;    // telegrams before DSMR 4 carry nothing to check
    std::optional<Timestamp> at;
    // As Reading::quantities: per phase where the meter has it; energyImport and energyExport are
    // the sums of the tariffs. Belgium: demandAverage, the running mean of the quarter, and
    // demandPeakMonth, the peak of the month so far, both in W; fuseThreshold in A.
    Values values;
    std::optional<MonthPeak> month_peak;
    std::vector<MonthPeak> month_peaks;  // of up to 13 months before
};

// A telegram from '/' to behind the checksum, or why it is none (never both, never neither).
struct ParsedP1 {
    std::optional<P1Telegram> telegram;
    std::string problem;  // "the checksum is 12AB, but its bytes give 34CD"
};
ParsedP1 parse_p1(std::string_view text);

// Cuts a stream of bytes into telegrams.
class P1Stream {
public:
    // `seven_bits`: the line carries a parity bit that the port did not take off.
    explicit P1Stream(bool seven_bits = false) : seven_bits_(seven_bits) {}

    // Takes bytes in as they arrive, and gives the telegrams that they completed.
    std::vector<std::string> push(std::string_view bytes);

    // Telegrams dropped so far: too long, or cut off by the beginning of another.
    std::uint64_t dropped() const { return dropped_; }

private:
    bool seven_bits_;
    std::string pending_;  // from '/' on, or empty
    bool at_end_ = false;  // '!' was seen: up to the end of the line
    std::uint64_t dropped_ = 0;
};

}  // namespace busbar::meters
