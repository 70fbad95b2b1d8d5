// The table of configuration keys: where each is kept, and what it may be. Pure.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/config.hpp"

namespace busbar::app {

using ConfigValue = std::variant<std::string, std::int64_t, double, std::vector<double>, bool>;

struct ConfigKey {
    std::string_view section;
    std::string_view name;
    ConfigValue (*read)(const Config&);
    void (*write)(Config&, const ConfigValue&);
    std::string (*check)(const ConfigValue&);  // what is wrong; "" if nothing is
    bool secret = false;
};

// In the order in which they are printed.
const std::vector<ConfigKey>& config_keys();

// What is wrong with keys that are right one by one, and which keys these are: where one of them
// could not be read, nothing is known.
struct Contradiction {
    std::vector<std::string> keys;  // "[meter] host"
    std::string detail;
};
std::vector<Contradiction> contradictions(const Config& config);

}  // namespace busbar::app
