// Money without floating point. Prices are whole hundred-thousandths of a currency unit per kWh,
// amounts whole cents; a session is rounded once, half a cent up. Pure.
#pragma once

#include <cstdint>

namespace busbar::reports {

// Hundred-thousandths of a unit: 32450 is 0.3245.
using Price = std::int64_t;
inline constexpr Price price_max = 1'000 * 100'000;

// What a session costs. The cents include the tax.
struct Cost {
    std::int64_t cents = 0;
    std::int64_t tax_cents = 0;
};

// From the energy's worth (Wh times price, in 1e-8 units) and the tax in hundredths of a per cent.
// Tax is what the rounded total is more than the rounded worth.
Cost cost_of(std::int64_t watt_hour_prices, std::int64_t tax_basis_points);

}  // namespace busbar::reports
