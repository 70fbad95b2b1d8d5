#include "site/change_outcomes.hpp"

#include <algorithm>

#include "site/quirks.hpp"

namespace busbar::site {
namespace {

constexpr std::string_view sampled_data = "MeterValuesSampledData";
constexpr std::string_view what_is_rejected = "ChangeConfiguration of MeterValuesSampledData";

// KeyOutcome::tries counts below 0 how many connections in a row have ended over the change.
constexpr int ended_max = 2;

// It is known to end connections, or may be about to.
bool ends_connections(const KeyOutcome& outcome) {
    return outcome.tries <= -ended_max || (outcome.tries < 0 && outcome.state == KeyState::pending);
}

}  // namespace

bool is_own_measurands(const KeyChange& change) {
    return !change.by_operator && equal_ignoring_case(change.key, sampled_data);
}

void count_try(ChargePoint& charger, const KeyChange& change) {
    auto& outcome = charger.configuration.outcomes[change.key];
    const bool is_same = outcome.value == change.value;
    int tries = is_same ? outcome.tries : 0;
    if (tries >= 0) ++tries;
    outcome = {KeyState::pending, change.value, tries};
}

void note_outcome(ChargePoint& charger, const KeyChange& change, KeyState state) {
    auto& outcome = charger.configuration.outcomes[change.key];
    outcome.state = state;
    outcome.value = change.value;
}

void connection_ended_over(Site& site, ChargePoint& charger, const KeyChange& change) {
    const auto found = charger.configuration.outcomes.find(change.key);
    if (found == charger.configuration.outcomes.end()) return;
    // Its value stays: where a shorter list of measurands is tried, it is that of the longer one.
    auto& outcome = found->second;
    outcome.tries = std::min(outcome.tries, 0) - 1;
    outcome.state = KeyState::pending;
    if (outcome.tries > -ended_max) return;
    outcome.state = KeyState::refused;
    count_deviation(charger, "change_ends_connection", change.key, site.now.wall);
    if (!is_own_measurands(change)) return;
    learn(site, charger, "setMeasurands", "false",
          std::string{what_is_rejected} + ", which ended the connection twice", site.now);
}

void connection_outlived(ChargePoint& charger, const KeyChange& change) {
    const auto found = charger.configuration.outcomes.find(change.key);
    if (found == charger.configuration.outcomes.end()) return;
    found->second.tries = std::max(found->second.tries, 1);
}

void forget_outcomes(ChargePoint& charger) {
    std::erase_if(charger.configuration.outcomes,
                  [](const auto& entry) { return !ends_connections(entry.second); });
}

void learn_minimal_measurands(Site& site, ChargePoint& charger, const KeyChange& change,
                              const KeyOutcome& before) {
    const bool learned =
        learn(site, charger, "measurands", R"(["Energy.Active.Import.Register","Current.Import"])",
              what_is_rejected, site.now);
    // Otherwise the longer list is still wanted, and stays refused until the next boot.
    if (!learned) charger.configuration.outcomes[change.key] = before;
}

}  // namespace busbar::site
