#include "sim/socket_runner.hpp"

#include <algorithm>
#include <deque>

#include "meters/bus_server.hpp"
#include "net/websocket_client.hpp"
#include "sim/socket_handshake.hpp"

namespace busbar::sim {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds meter_period{200};
constexpr milliseconds back_off_min{1'000};
constexpr milliseconds back_off_max{30'000};
constexpr milliseconds stop_patience{5'000};
constexpr milliseconds close_patience{1'000};
// Connections that are kept open without a word; the oldest goes first.
constexpr std::size_t silent_max = 2;
constexpr milliseconds twin_pause_min{2'000};
constexpr milliseconds twin_pause_max{6'000};

// SIM001, and SIM0001 where there are more than 999 of them.
std::string identity_of(const std::string& prefix, int number, int count) {
    std::string digits = std::to_string(number);
    const std::size_t width = std::max<std::size_t>(3, std::to_string(count).size());
    digits.insert(0, width - digits.size(), '0');
    return prefix + digits;
}

ChargerOptions charger_options(const SocketRunnerOptions& options, int index, Random& random) {
    constexpr std::string_view rotations[] = {"RST", "STR", "TRS"};
    ChargerOptions charger;
    charger.identity = identity_of(options.prefix, index + 1, options.chargers);
    charger.connectors = options.connectors;
    charger.current_max = options.charger_max;
    charger.sample_interval = options.sample_interval;
    if (options.rotate_phases) charger.phase_map = rotations[index % 3];
    charger.misbehaviour = options.misbehaviour;
    charger.initial_register_wh = random.pick(0, 5'000'000);
    charger.seed = random.fork();
    return charger;
}

// A charge point with its drivers and its connection.
struct Station {
    Station(ChargerOptions charger_settings, const DriverOptions& drivers_of_site,
            std::uint64_t seed, Now now, asio::io_context& loop)
        : charger(std::move(charger_settings)),
          drivers(drivers_of_site, charger.connector_count(), seed, now),
          timer(loop),
          connect_at(now.mono + milliseconds{seed % 1'000}) {}

    const std::string& identity() const { return charger.options().identity; }

    Charger charger;
    Drivers drivers;
    asio::steady_timer timer;
    std::unique_ptr<net::WebSocketClient> client;
    std::deque<std::unique_ptr<net::WebSocketClient>> silent;  // left behind, half open
    std::unique_ptr<net::WebSocketClient> twin;  // another charge point of the same identity
    std::optional<Instant> twin_at;
    Instant connect_at;
    milliseconds back_off = back_off_min;
    std::string last_failure;  // told already
    bool ever_accepted = false;
};

}  // namespace

struct SocketRunner::Plant : std::enable_shared_from_this<Plant> {
    Plant(SocketRunnerOptions plant_options, asio::io_context& plant_loop,
          std::function<Now()> plant_clock, RunnerEvents plant_events)
        : options(std::move(plant_options)),
          loop(plant_loop),
          clock(std::move(plant_clock)),
          events(std::move(plant_events)),
          random(options.seed),
          building(options.building),
          meter_timer(loop),
          stop_timer(loop) {
        if (options.meter) {
            meter = std::make_unique<meters::MeterServer>(options.meter->profile,
                                                          options.meter->host, options.meter->port);
        }
        const Now now = clock();
        for (int i = 0; i < options.chargers; ++i) {
            auto charger = charger_options(options, i, random);
            stations.push_back(std::make_unique<Station>(std::move(charger), options.drivers,
                                                         random.fork(), now, loop));
        }
    }

    void begin() {
        for (auto& station : stations) pump(*station);
        if (meter) update_meter();
    }

    void connect(Station& station);
    void on_opened(Station& station);
    void leave_half_open(Station& station);
    void send_twin(Station& station);
    void on_closed(Station& station, std::string_view reason);
    void pump(Station& station);
    void arm(Station& station);
    void tell(Station& station);
    void update_meter();
    void stop();
    void wait_until_drained(Instant give_up_at);
    void close_all();
    void cut_off();
    PhaseAmps drawn() const;

    SocketRunnerOptions options;
    asio::io_context& loop;
    std::function<Now()> clock;
    RunnerEvents events;
    Random random;
    Building building;
    std::unique_ptr<meters::MeterServer> meter;
    std::vector<std::unique_ptr<Station>> stations;
    asio::steady_timer meter_timer;
    asio::steady_timer stop_timer;
    RunnerTotals totals;
    bool stopping = false;
    bool closed = false;
};

void SocketRunner::Plant::connect(Station& station) {
    const auto settings =
        handshake_of(options.url, station.identity(), options.password, options.misbehaviour);
    net::WebSocketClientEvents callbacks;
    callbacks.opened = [this, &station](std::string_view) { on_opened(station); };
    callbacks.received = [this, &station](std::string_view text) {
        station.charger.receive(clock(), text);
        pump(station);
    };
    callbacks.closed = [this, &station](std::string_view reason) { on_closed(station, reason); };
    station.client = std::make_unique<net::WebSocketClient>(loop, settings, std::move(callbacks));
}

void SocketRunner::Plant::on_opened(Station& station) {
    station.back_off = back_off_min;
    station.last_failure.clear();
    if (events.link) events.link(station.identity(), true, {});
    const Now now = clock();
    if (options.misbehaviour.double_connection) {
        station.twin_at =
            now.mono + milliseconds{random.pick(static_cast<int>(twin_pause_min.count()),
                                                static_cast<int>(twin_pause_max.count()))};
    }
    station.charger.connected(now);
    pump(station);
}

// Its network is gone and nobody has noticed: the old connection stays, a new one will come.
void SocketRunner::Plant::leave_half_open(Station& station) {
    station.client->freeze();
    station.silent.push_back(std::move(station.client));
    if (station.silent.size() > silent_max) station.silent.pop_front();
    on_closed(station, "left half open");
}

// A charge point that somebody gave the same identity says hello.
void SocketRunner::Plant::send_twin(Station& station) {
    station.twin_at.reset();
    const auto settings =
        handshake_of(options.url, station.identity(), options.password, options.misbehaviour);
    net::WebSocketClientEvents callbacks;
    callbacks.opened = [&station](std::string_view) {
        station.twin->send(R"([2,"twin","Heartbeat",{}])");
    };
    callbacks.received = [](std::string_view) {};
    station.twin = std::make_unique<net::WebSocketClient>(loop, settings, std::move(callbacks));
}

void SocketRunner::Plant::on_closed(Station& station, std::string_view reason) {
    const std::string why{reason};
    // The client may be destroyed from within its own event.
    station.client.reset();
    const Now now = clock();
    const bool was_up = station.charger.is_connected();
    if (was_up) station.charger.disconnected(now);
    // Half of the pause is random, so that a hundred chargers do not come back at once.
    const auto half = station.back_off / 2;
    station.connect_at =
        now.mono + half + milliseconds{random.pick(0, static_cast<int>(half.count()))};
    station.back_off = std::min(station.back_off * 2, back_off_max);
    if (events.link && (was_up || station.last_failure != why)) {
        events.link(station.identity(), false, why);
    }
    station.last_failure = why;
    pump(station);
}

// Does what is due at a station, moves its text, keeps its connection as it wants it.
void SocketRunner::Plant::pump(Station& station) {
    if (closed) return;
    const Now now = clock();
    if (station.charger.deadline() <= now.mono) station.charger.on_timer(now);
    if (!stopping && station.drivers.deadline() <= now.mono) {
        station.drivers.on_timer(now, station.charger);
    }
    tell(station);
    for (auto& text : station.charger.take_output()) {
        if (station.client) station.client->send(std::move(text));
    }
    if (!station.charger.wants_connection()) {
        station.back_off = back_off_min;
        if (station.client && station.client->is_open()) {
            if (options.misbehaviour.half_open) return leave_half_open(station);
            // As a power failure would: `closed` follows.
            station.client->drop();
        }
    } else if (!station.client && station.connect_at <= now.mono) {
        connect(station);
    }
    if (!stopping && station.twin_at && *station.twin_at <= now.mono) send_twin(station);
    arm(station);
}

void SocketRunner::Plant::arm(Station& station) {
    Instant next = station.charger.deadline();
    if (!stopping) next = std::min(next, station.drivers.deadline());
    if (!station.client && station.charger.wants_connection()) {
        next = std::min(next, station.connect_at);
    }
    if (!stopping && station.twin_at) next = std::min(next, *station.twin_at);
    const auto pause = std::max(next - clock().mono, milliseconds{1});
    station.timer.expires_after(pause);
    station.timer.async_wait([self = weak_from_this(), &station](const auto& error) {
        const auto plant = self.lock();
        if (!error && plant) plant->pump(station);
    });
}

void SocketRunner::Plant::tell(Station& station) {
    using Kind = ChargerEvent::Kind;
    for (const auto& event : station.charger.take_events()) {
        if (event.kind == Kind::session_started) ++totals.sessions_begun;
        if (event.kind == Kind::session_ended) {
            ++totals.sessions_ended;
            totals.energy_wh += event.energy_wh;
        }
        if (event.kind == Kind::stop_answered) ++totals.stops_answered;
        if (event.kind == Kind::limit_received) ++totals.limits_received;
        if (event.kind == Kind::protocol_problem) ++totals.protocol_problems;
        if (event.kind == Kind::boot_answered && station.charger.accepted()) {
            totals.ever_accepted += !std::exchange(station.ever_accepted, true);
        }
        if (event.kind == Kind::remote_start_waits_for_car) {
            station.drivers.hurry_to(clock(), event.connector);
        }
        if (events.happened) events.happened(station.identity(), event);
    }
}

PhaseAmps SocketRunner::Plant::drawn() const {
    PhaseAmps sum{};
    for (const auto& station : stations) {
        const auto amps = to_grid(station->charger.drawn(), station->charger.options().phase_map);
        for (std::size_t phase = 0; phase < 3; ++phase) sum[phase] += amps[phase];
    }
    return sum;
}

void SocketRunner::Plant::update_meter() {
    meter->set(building.meter(clock(), drawn()));
    meter_timer.expires_after(meter_period);
    meter_timer.async_wait([self = weak_from_this()](const auto& error) {
        const auto plant = self.lock();
        if (!error && plant) plant->update_meter();
    });
}

void SocketRunner::Plant::stop() {
    if (std::exchange(stopping, true)) return;
    const Now now = clock();
    for (auto& station : stations) {
        for (int id = 1; id <= station->charger.connector_count(); ++id) {
            station->charger.unplug(now, id);
        }
        pump(*station);
    }
    wait_until_drained(now.mono + stop_patience);
}

void SocketRunner::Plant::wait_until_drained(Instant give_up_at) {
    const bool drained = std::all_of(stations.begin(), stations.end(), [](const auto& station) {
        return !station->client || station->charger.waiting_messages() == 0;
    });
    if (drained || clock().mono >= give_up_at) return close_all();
    stop_timer.expires_after(50ms);
    stop_timer.async_wait([self = weak_from_this(), give_up_at](const auto& error) {
        const auto plant = self.lock();
        if (!error && plant) plant->wait_until_drained(give_up_at);
    });
}

void SocketRunner::Plant::close_all() {
    closed = true;
    meter_timer.cancel();
    for (auto& station : stations) {
        station->timer.cancel();
        if (station->client) station->client->close();
    }
    stop_timer.expires_after(close_patience);
    stop_timer.async_wait([self = weak_from_this()](const auto& error) {
        const auto plant = self.lock();
        if (error || !plant) return;
        plant->cut_off();
        if (plant->events.stopped) plant->events.stopped();
    });
}

void SocketRunner::Plant::cut_off() {
    closed = true;
    meter_timer.cancel();
    stop_timer.cancel();
    for (auto& station : stations) {
        station->timer.cancel();
        station->client.reset();
        station->twin.reset();
        station->silent.clear();
    }
    meter.reset();
}

SocketRunner::SocketRunner(SocketRunnerOptions options, asio::io_context& loop,
                           std::function<Now()> clock, RunnerEvents events)
    : plant_(
          std::make_shared<Plant>(std::move(options), loop, std::move(clock), std::move(events))) {
    plant_->begin();
}

SocketRunner::~SocketRunner() { plant_->cut_off(); }

void SocketRunner::stop() { plant_->stop(); }

std::vector<std::string> SocketRunner::identities() const {
    std::vector<std::string> names;
    for (const auto& station : plant_->stations) names.push_back(station->identity());
    return names;
}

std::vector<ConnectorRow> SocketRunner::table() const {
    std::vector<ConnectorRow> rows;
    for (const auto& station : plant_->stations) {
        for (int id = 1; id <= station->charger.connector_count(); ++id) {
            rows.push_back({station->identity(), station->charger.is_connected(),
                            station->charger.connector(id)});
        }
    }
    return rows;
}

RunnerTotals SocketRunner::totals() const {
    RunnerTotals result = plant_->totals;
    result.chargers = static_cast<int>(plant_->stations.size());
    for (const auto& station : plant_->stations)
        result.connected += station->charger.is_connected();
    result.drawn = plant_->drawn();
    if (plant_->meter) result.connection = plant_->building.connection();
    return result;
}

std::optional<std::uint16_t> SocketRunner::meter_port() const {
    if (!plant_->meter) return std::nullopt;
    return plant_->meter->port();
}

}  // namespace busbar::sim
