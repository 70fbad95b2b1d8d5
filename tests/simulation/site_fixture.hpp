// A whole simulated site: the production site core with simulated journal, network, chargers and
// cars, in one world. The seed decides everything.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sim/journal.hpp"
#include "sim/network.hpp"
#include "sim/world.hpp"
#include "site/charge_points.hpp"
#include "site/load_management.hpp"
#include "site/site.hpp"

namespace busbar::sim {

// Seeds 1 to BUSBAR_SIMULATION_SEEDS, or to `usual`.
inline std::vector<std::uint64_t> seeds(int usual) {
    const char* wanted = std::getenv("BUSBAR_SIMULATION_SEEDS");
    const int count = wanted ? std::atoi(wanted) : usual;
    std::vector<std::uint64_t> result;
    for (int seed = 1; seed <= count; ++seed) result.push_back(static_cast<std::uint64_t>(seed));
    return result;
}

struct SimulatedSite {
    SimulatedSite(std::uint64_t seed, site::Settings settings, NetworkOptions network_options)
        : world(seed),
          journal(world),
          site(journal, std::move(settings)),
          network(world, site, network_options) {}

    // An accepted charger whose drivers have a badge of their own each.
    Charger& add_charger(int number, ChargerOptions charger, DriverOptions drivers) {
        charger.identity = "CP" + std::to_string(number);
        charger.seed = world.random().fork();
        auto settings = site::default_settings(charger.identity);
        settings.max_milliamps = charger.current_max.milliamps;
        settings.phase_map = charger.phase_map;
        site::apply_settings(site, settings, world.now());
        drivers.id_tags.clear();
        for (int connector = 1; connector <= charger.connectors; ++connector) {
            const std::string tag =
                "TAG" + std::to_string(number) + "-" + std::to_string(connector);
            drivers.id_tags.push_back(tag);
            db::BadgeSaved badge;
            badge.id_tag = tag;
            badge.status = "active";
            badge.max_active_transactions = charger.connectors;
            site.badges[tag] = badge;
        }
        return network.add(std::move(charger), std::move(drivers));
    }

    World world;
    SimulatedJournal journal;
    site::Site site;
    Network network;
};

}  // namespace busbar::sim
