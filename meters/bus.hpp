// Polls the meters behind one Modbus TCP host, on one thread of its own.
//
// A Bus connects, reads each meter every poll period, and hands every result to its callback, on
// the bus thread. It reconnects by itself. Construct and destroy it from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "meters/profile.hpp"
#include "meters/reading.hpp"
#include "meters/registers.hpp"

namespace busbar::meters {

// One meter on a bus. Periods count from start to start, however long a read takes.
struct MeterSettings {
    std::string name;
    Profile profile;
    int unit_id = 1;
    std::chrono::milliseconds poll_period{1'000};
};

struct BusSettings {
    std::string host;  // a name or an address
    std::uint16_t port = 502;
    std::chrono::milliseconds timeout{1'000};  // of connecting, and of each request
    std::chrono::milliseconds retry_first{1'000};
    std::chrono::milliseconds retry_max{30'000};    // waits double up to this
    std::chrono::milliseconds slow_period{10'000};  // of energies and other slow quantities
};

// What one attempt to read a meter gave: a reading, or the reason why not.
struct PollResult {
    std::string meter;
    std::optional<Reading> reading;
    std::string error;  // "" with a reading
    Now at{};
    std::optional<Now> failing_since;  // the first failure of an unbroken row of them
};

class Bus {
public:
    // Starts polling. `post` is called on the bus thread, must not throw, and must not block.
    Bus(BusSettings settings, std::vector<MeterSettings> meters,
        std::function<void(PollResult)> post);
    // Stops as stop() does.
    ~Bus();
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    // Ends polling within a moment, whatever the network does. Nothing is posted afterwards.
    void stop();

private:
    class Worker;
    std::unique_ptr<Worker> worker_;
};

// One reading, on the calling thread: ratios, identification and every quantity.
struct ReadOutcome {
    std::optional<Reading> reading;
    Identity identity;
    std::string error;                  // why there is no reading
    std::vector<std::string> warnings;  // what is missing in it
};

// Connects, reads once and disconnects. `timeout` bounds connecting, and then each request.
ReadOutcome read_once(const Profile& profile, const std::string& host, std::uint16_t port,
                      int unit_id, std::chrono::milliseconds timeout);

}  // namespace busbar::meters
