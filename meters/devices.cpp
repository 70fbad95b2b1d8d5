#include "meters/devices.hpp"

#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/codec.hpp"

namespace busbar::meters {

// Written by the build from meters/devices.json (cmake/embed.cmake).
std::span<const std::pair<std::string_view, std::string_view>> device_files();

std::vector<MeterDevice> known_devices() {
    DecodeReport report;
    auto devices = decode_text<std::vector<MeterDevice>>(device_files().front().second, {}, report);
    // Ours to keep right: the tests read the embedded list.
    if (!devices) throw std::logic_error("meters/devices.json cannot be read");
    return std::move(*devices);
}

}  // namespace busbar::meters
