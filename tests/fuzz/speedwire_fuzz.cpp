// Any datagram from the group of SMA's meters: it is refused with a reason, or has finite values.
#include <cmath>

#include "meters/speedwire.hpp"
#include "tests/fuzz/laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using busbar::fuzz::law;
    const auto parsed = busbar::meters::parse_speedwire({data, size});
    law(parsed.datagram.has_value() == parsed.problem.empty());
    if (!parsed.datagram) return 0;
    law(!parsed.datagram->values.empty());
    for (const auto& [name, value] : parsed.datagram->values) law(std::isfinite(value));
    return 0;
}
