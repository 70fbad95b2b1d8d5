// A Modbus TCP server that answers as a meter of a given profile would, from values set by name.
// The simulated building meter.
//
// One thread of its own serves all clients; set() and the queries may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "meters/profile.hpp"
#include "meters/reading.hpp"

namespace busbar::meters {

class MeterServer {
public:
    // Listens at host (a name or an address) and port, 0 for one that is free. Until set, every
    // quantity is 0 and every ratio 1. Registers the profile does not list are refused like a real
    // meter does (exception 2), but for gaps the profile allows a read to span. Any unit id is
    // answered. Throws std::system_error where it cannot listen.
    MeterServer(const Profile& profile, const std::string& host, std::uint16_t port);
    // Closes the port and every connection.
    ~MeterServer();
    MeterServer(const MeterServer&) = delete;
    MeterServer& operator=(const MeterServer&) = delete;

    // The port it listens at.
    std::uint16_t port() const;

    // Changes these values and keeps the others, all in one step for whoever reads. Named as in
    // Reading::quantities; currents take their direction from the active power of the phase. NaN
    // becomes the profile's "no value". Names the profile does not have are ignored.
    void set(const Values& values);

    // Reads answered so far.
    std::uint64_t requests() const;

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

}  // namespace busbar::meters
