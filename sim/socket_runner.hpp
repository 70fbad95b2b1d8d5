// Simulated chargers over real sockets and in real time: any number of charge points, their cars
// and drivers, a building and its Modbus TCP meter, on one io_context. Talks to any OCPP 1.6J
// server. Everything runs on the thread of the io_context; the clock is the owner's.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "meters/profile.hpp"
#include "sim/building.hpp"
#include "sim/charger.hpp"
#include "sim/drivers.hpp"

namespace busbar::sim {

// The building meter to play.
struct SimulatedMeter {
    meters::Profile profile;
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: one that is free
};

struct SocketRunnerOptions {
    std::string url;  // ws://host:port/path; "/" and the identity are appended
    int chargers = 10;
    int connectors = 1;                   // of each charger
    std::string prefix = "SIM";           // identities are SIM001, SIM002 ...
    std::optional<std::string> password;  // Basic authentication, the same for all
    bool rotate_phases = false;           // wire them RST, STR, TRS in turn; otherwise all RST
    Amps charger_max = 32_A;
    std::chrono::seconds sample_interval{60};  // of MeterValues
    DriverOptions drivers;
    Misbehaviour misbehaviour;
    BuildingOptions building;
    std::optional<SimulatedMeter> meter;
    std::uint64_t seed = 1;
};

// One connector for a status table.
struct ConnectorRow {
    std::string charge_point;
    bool connected = false;
    ConnectorView view;
};

// What happened so far.
struct RunnerTotals {
    int chargers = 0;
    int connected = 0;      // now
    int ever_accepted = 0;  // charge points whose boot was accepted at least once
    std::uint64_t sessions_begun = 0;
    std::uint64_t sessions_ended = 0;
    std::uint64_t stops_answered = 0;
    std::uint64_t limits_received = 0;
    std::uint64_t protocol_problems = 0;
    double energy_wh = 0;
    PhaseAmps drawn{};       // by all chargers, grid phases
    PhaseAmps connection{};  // with the building's load; zero without a meter
};

// What the runner tells its owner.
struct RunnerEvents {
    std::function<void(std::string_view charge_point, const ChargerEvent& event)> happened;
    // Connected, or not and why; told when it changes.
    std::function<void(std::string_view charge_point, bool up, std::string_view reason)> link;
    // stop() has done its work.
    std::function<void()> stopped;
};

class SocketRunner {
public:
    // Begins at once. Throws std::system_error if the meter cannot listen.
    SocketRunner(SocketRunnerOptions options, boost::asio::io_context& loop,
                 std::function<Now()> clock, RunnerEvents events);
    // Cuts everything off.
    ~SocketRunner();
    SocketRunner(const SocketRunner&) = delete;
    SocketRunner& operator=(const SocketRunner&) = delete;

    // Lets the drivers take their cars, waits up to 5 s for the answers, closes the connections and
    // then tells `stopped`.
    void stop();

    std::vector<std::string> identities() const;
    std::vector<ConnectorRow> table() const;
    RunnerTotals totals() const;
    // The port of the meter, if there is one.
    std::optional<std::uint16_t> meter_port() const;

private:
    struct Plant;
    std::shared_ptr<Plant> plant_;
};

}  // namespace busbar::sim
