// Datagrams that SMA energy meters and Home Managers send to a multicast group once a second.
//
// Pure; may be called from any thread. Nothing in a datagram proves who sent it: the caller takes
// only those of the serial number it was told, and only from the network of the meter.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "meters/reading.hpp"

namespace busbar::meters {

// Where they are sent to.
inline constexpr const char* speedwire_group = "239.12.255.254";
inline constexpr std::uint16_t speedwire_port = 9522;

struct SpeedwireDatagram {
    std::uint32_t serial = 0;
    // As Reading::quantities; powers are import less export, currents have their direction.
    Values values;
};

// A datagram of a meter, or why it is none (never both, never neither).
struct ParsedSpeedwire {
    std::optional<SpeedwireDatagram> datagram;
    std::string problem;  // "its length is 300 bytes, but it says 608"
};
ParsedSpeedwire parse_speedwire(std::span<const std::uint8_t> bytes);

}  // namespace busbar::meters
