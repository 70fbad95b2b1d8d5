// Any text as a meter profile: it is taken, or refused with a reason.
#include "meters/profile.hpp"
#include "tests/fuzz/laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    busbar::meters::parse_profile(busbar::fuzz::as_text(data, size));
    return 0;
}
