#include "sim/network.hpp"

#include <algorithm>

#include "site/connections.hpp"

namespace busbar::sim {

// The site's end of a connection. Texts go out through the network that made it.
class Network::WireLink final : public site::Link,
                                public std::enable_shared_from_this<Network::WireLink> {
public:
    WireLink(Network& network, Station& station, std::uint64_t number)
        : site::Link(number, "b" + std::to_string(number) + "-"),
          network_(network),
          station_(station) {}

    void flush() override;
    void close(std::uint16_t code, std::string_view reason) override;

    bool alive = true;
    Instant last_to_site{};
    Instant last_to_charger{};

private:
    Network& network_;
    Station& station_;
};

struct Network::Station {
    Station(ChargerOptions charger_settings, DriverOptions driver_settings, std::uint64_t seed,
            Now now)
        : charger(std::move(charger_settings)),
          drivers(std::move(driver_settings), charger.connector_count(), seed, now) {}

    Charger charger;
    Drivers drivers;
    std::shared_ptr<WireLink> link;  // null: not connected
    bool connecting = false;
    std::optional<Instant> armed;
};

void Network::WireLink::flush() {
    for (auto& text : session.take_output()) {
        if (network_.on_site_text) network_.on_site_text(station_.charger, text);
        network_.to_charger(station_, shared_from_this(), std::move(text));
    }
}

void Network::WireLink::close(std::uint16_t, std::string_view) {
    network_.world_.after(Duration{0}, [self = shared_from_this(), this] {
        network_.break_connection(station_, self, true);
    });
}

Network::Network(World& world, site::Site& site, NetworkOptions options)
    : world_(world), site_(site), options_(options) {
    arm_site();
}

Network::~Network() = default;

Charger& Network::add(ChargerOptions charger, DriverOptions drivers) {
    auto& station = *stations_.emplace_back(std::make_unique<Station>(
        std::move(charger), std::move(drivers), world_.random().fork(), world_.now()));
    step(station);
    return station.charger;
}

Charger& Network::charger(std::size_t index) { return stations_.at(index)->charger; }

void Network::cut_all() {
    for (auto& station : stations_) {
        if (station->link) break_connection(*station, station->link, false);
    }
}

void Network::outage_for(Duration span) {
    outage_until_ = world_.now().mono + span;
    cut_all();
}

void Network::connect(Station& station) {
    station.connecting = false;
    const Now now = world_.now();
    if (station.link || !station.charger.wants_connection()) return step(station);
    if (now.mono < outage_until_) return step(station);
    station.link = std::make_shared<WireLink>(*this, station, ++generations_);
    site::connected(site_, station.charger.options().identity, station.link, "10.0.0.1", now);
    station.charger.connected(now);
    step(station);
    arm_site();
}

// `noticed`: the site knows already. Otherwise its pings find out, unless the charger comes back
// first: then it has two connections of one charger for a while.
void Network::break_connection(Station& station, const std::shared_ptr<WireLink>& link,
                               bool noticed) {
    if (!link->alive) return;
    link->alive = false;
    ++cuts_;
    const Duration delay = noticed ? Duration{0} : world_.pick(Duration{0}, options_.unnoticed_max);
    world_.after(delay, [this, &station, link] {
        site::disconnected(site_, station.charger.options().identity, link, world_.now());
        arm_site();
    });
    if (station.link != link) return;
    station.link.reset();
    station.charger.disconnected(world_.now());
    step(station);
}

template <class Arrive>
void Network::deliver(Station& station, const std::shared_ptr<WireLink>& link, Instant& last,
                      Arrive arrive) {
    last = std::max(last, world_.now().mono + world_.pick(options_.delay_min, options_.delay_max));
    const bool cut = world_.chance(options_.cut_percent);
    const bool arrives = !cut || world_.chance(50);
    world_.at(last, [this, &station, link, cut, arrives, arrive = std::move(arrive)] {
        if (arrives && link->alive) arrive();
        if (cut) break_connection(station, link, false);
    });
}

void Network::to_site(Station& station, std::string text) {
    const auto& link = station.link;
    deliver(station, link, link->last_to_site, [this, &station, link, text = std::move(text)] {
        site::receive(site_, station.charger.options().identity, link, text, world_.now());
        arm_site();
    });
}

void Network::to_charger(Station& station, const std::shared_ptr<WireLink>& link,
                         std::string text) {
    if (!link->alive) return;
    deliver(station, link, link->last_to_charger, [this, &station, link, text = std::move(text)] {
        if (station.link != link) return;
        station.charger.receive(world_.now(), text);
        step(station);
    });
}

// What a charger's step leads to: texts, events, a connection that is wanted or not.
void Network::step(Station& station) {
    for (auto& text : station.charger.take_output()) {
        if (station.link) to_site(station, std::move(text));
    }
    for (const auto& event : station.charger.take_events()) {
        if (event.kind == ChargerEvent::Kind::remote_start_waits_for_car) {
            station.drivers.hurry_to(world_.now(), event.connector);
        }
        if (on_event) on_event(station.charger, event);
    }
    const bool wanted = station.charger.wants_connection();
    if (!wanted && station.link) return break_connection(station, station.link, false);
    if (wanted && !station.link && !std::exchange(station.connecting, true)) {
        const Duration outage = std::max(
            Duration{0}, std::chrono::duration_cast<Duration>(outage_until_ - world_.now().mono));
        world_.after(outage + world_.pick(Duration{10}, options_.reconnect_max),
                     [this, &station] { connect(station); });
    }
    arm(station);
}

void Network::arm(Station& station) {
    Instant next = station.charger.deadline();
    if (open_to_cars_) next = std::min(next, station.drivers.deadline());
    // A timer that is too early costs nothing: it looks again.
    if (station.armed && *station.armed <= next) return;
    station.armed = next;
    world_.at(next, [this, &station, next] {
        if (station.armed != next) return;
        station.armed.reset();
        const Now now = world_.now();
        if (station.charger.deadline() <= now.mono) station.charger.on_timer(now);
        if (open_to_cars_ && station.drivers.deadline() <= now.mono) {
            station.drivers.on_timer(now, station.charger);
        }
        step(station);
    });
}

void Network::arm_site() {
    const auto wake = site_.wake_at();
    if (!wake) return;
    const Instant next = std::max(*wake, site_timer_ran_ + options_.timer_slack);
    if (site_armed_ && *site_armed_ <= next) return;
    site_armed_ = next;
    world_.at(next, [this, next] {
        if (site_armed_ != next) return;
        site_armed_.reset();
        site_timer_ran_ = world_.now().mono;
        site::on_timer(site_, world_.now());
        arm_site();
    });
}

}  // namespace busbar::sim
