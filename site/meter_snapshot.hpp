// From the rows of one time to what was so at that time: phases, sums, locations, contexts. Pure;
// a part of meter_values.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "site/meter_values.hpp"

namespace busbar::site {

// The values of one measurand at one time.
struct MeasuredPhases {
    static constexpr std::size_t whole = 3;

    struct Value {
        double number = 0;
        int location_rank = 0;
    };
    std::array<std::optional<Value>, 4> by_phase{};  // L1, L2, L3, and what names no phase
    std::array<std::optional<Value>, 3> between{};   // L1-L2, L2-L3, L3-L1
    bool positions_guessed = false;                  // three values called L1 in a row

    std::optional<double> at(std::size_t phase) const;
    bool any_phase() const { return by_phase[0] || by_phase[1] || by_phase[2]; }
    // What names no phase, else the sum of all three.
    std::optional<double> total() const;
};

// All of one time, by measurand. Values of a transaction's begin and end are kept apart.
struct Moment {
    std::map<std::string_view, MeasuredPhases> measured;
    std::optional<double> transaction_begin_wh;
    std::optional<double> transaction_end_wh;
    bool energy_says_kilo = false;
    std::vector<std::size_t> energy_rows;  // whose numbers follow a change of its unit
};

// Puts the rows of one MeterValue, those from `first` to before `last` that have numbers, into the
// moment, which refers to them. says_kilo: by row, whether its unit is kWh. Three that are all
// called L1 are given the names they were meant to have, so that each is stored.
void add_rows(Moment& moment, std::vector<db::MeterSample>& rows, std::size_t first,
              std::size_t last, const std::vector<bool>& says_kilo, MeterFindings& findings);

// Everything but the energy register and whether it is live.
MeterSnapshot make_snapshot(const Moment& moment, const MeterSituation& situation,
                            MeterFindings& findings);

}  // namespace busbar::site
