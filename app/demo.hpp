// The demonstration: simulated chargers and a simulated building meter in front of the real server,
// on a thread and sockets of their own. Site loop only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/config.hpp"
#include "site/site.hpp"

namespace busbar::app {

class Demo {
public:
    Demo();
    ~Demo();

    // A configuration in which there is something to see: a small breaker for all chargers.
    static void adapt(Config& config);

    // Whether a demonstration has furnished this database before.
    static bool is_own(const std::vector<db::ChargePointSaved>& charge_points);

    // Registers the simulated chargers and their badges where they are missing.
    void furnish(site::Site& site, Now now) const;

    // Lets the chargers connect to `url` (ws://host:port/ocpp) and the building use current.
    // Afterwards meter_port() is where its meter listens.
    void start(const std::string& url);
    std::uint16_t meter_port() const;

    // Ends the thread.
    void stop();

private:
    class Thread;
    std::unique_ptr<Thread> thread_;
};

}  // namespace busbar::app
