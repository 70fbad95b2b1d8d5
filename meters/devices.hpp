// Every meter an installer may name, and the profile or reader that Busbar has for it.
//
// Pure data (meters/devices.json, part of the program); may be called from any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

namespace busbar::meters {

// How sure it is that the profile is right for the device: confirmed by two sources, known from
// one, a table with gaps, or (candidate) the table of the device's family for want of its own.
enum class Standing { twoSources, oneSource, unverified, candidate };
BOOST_DESCRIBE_ENUM(Standing, twoSources, oneSource, unverified, candidate)

// One device, by its wire names. Without `profile` and `reader` the note says why.
struct MeterDevice {
    std::string vendor;
    std::string model;
    std::optional<std::string> profile;  // its name
    std::optional<std::string> reader;   // "p1", "speedwire": what speaks no Modbus
    Standing standing{};
    std::optional<std::string> note;

    // Whether its readings need a check and a person's confirmation before they count.
    bool needs_confirmation() const {
        return standing == Standing::unverified || standing == Standing::candidate;
    }
};
BOOST_DESCRIBE_STRUCT(MeterDevice, (), (vendor, model, profile, reader, standing, note))

// The devices of this release, in the order of the file.
std::vector<MeterDevice> known_devices();

}  // namespace busbar::meters
