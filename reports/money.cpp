#include "reports/money.hpp"

#include <limits>

namespace busbar::reports {
namespace {

__extension__ using Wide = __int128;

std::int64_t rounded_half_up(Wide value, Wide unit) {
    const Wide out = (2 * value + unit) / (2 * unit);
    constexpr Wide most = std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(out > most ? most : out);
}

}  // namespace

Cost cost_of(std::int64_t watt_hour_prices, std::int64_t tax_basis_points) {
    constexpr Wide cent = 1'000'000;  // in 1e-8 units
    const Wide worth = watt_hour_prices;
    const auto net = rounded_half_up(worth, cent);
    const auto gross = rounded_half_up(worth * (10'000 + tax_basis_points), cent * 10'000);
    return {gross, gross - net};
}

}  // namespace busbar::reports
