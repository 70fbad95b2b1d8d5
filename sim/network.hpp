// A simulated network between simulated chargers and the production site core: texts take their
// time but keep their order, connections break at any moment, either end may notice late. Runs on
// the world's clock; one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/charger.hpp"
#include "sim/drivers.hpp"
#include "sim/world.hpp"
#include "site/site.hpp"

namespace busbar::sim {

struct NetworkOptions {
    Duration delay_min{1};
    Duration delay_max{300};
    // Of 100 texts, that many break the connection: half of them arrive before it breaks.
    double cut_percent = 0;
    Duration reconnect_max{5'000};
    // The site notices a broken connection within this time: by its pings, when nothing is sent.
    Duration unnoticed_max{40'000};
    // The site's timer may come this much late: simulations of days need not tick each second.
    Duration timer_slack{0};
};

class Network {
public:
    Network(World& world, site::Site& site, NetworkOptions options);
    ~Network();
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;

    // A charge point with drivers; it connects within reconnect_max and from then on by itself.
    Charger& add(ChargerOptions charger, DriverOptions drivers);

    // Breaks every connection at once: a switch loses its power.
    void cut_all();
    // From now on no charger can connect, until that much time has passed.
    void outage_for(Duration span);
    // Changes NetworkOptions::cut_percent.
    void set_cut_percent(double percent) { options_.cut_percent = percent; }
    // Nobody brings cars any more; those that are there stay as long as they like.
    void close_to_new_cars() { open_to_cars_ = false; }
    // Call after anything but this network has made the site do something.
    void site_was_touched() { arm_site(); }

    std::size_t size() const { return stations_.size(); }
    Charger& charger(std::size_t index);
    std::uint64_t cuts() const { return cuts_; }

    // Told at once; may be empty.
    std::function<void(const Charger& charger, const ChargerEvent& event)> on_event;
    // A text that the site hands to the network.
    std::function<void(const Charger& charger, std::string_view text)> on_site_text;

private:
    class WireLink;
    struct Station;

    void connect(Station& station);
    void break_connection(Station& station, const std::shared_ptr<WireLink>& link, bool noticed);
    void to_site(Station& station, std::string text);
    void to_charger(Station& station, const std::shared_ptr<WireLink>& link, std::string text);
    template <class Arrive>
    void deliver(Station& station, const std::shared_ptr<WireLink>& link, Instant& last,
                 Arrive arrive);
    void step(Station& station);
    void arm(Station& station);
    void arm_site();

    World& world_;
    site::Site& site_;
    NetworkOptions options_;
    std::vector<std::unique_ptr<Station>> stations_;
    std::optional<Instant> site_armed_;
    Instant site_timer_ran_{};
    Instant outage_until_{};
    std::uint64_t generations_ = 0;
    std::uint64_t cuts_ = 0;
    bool open_to_cars_ = true;
};

}  // namespace busbar::sim
