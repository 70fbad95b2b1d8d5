// What the fuzz targets share: a law that is checked also in optimised builds, and the fuzzer's
// bytes as text or as numbers. Pure.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace busbar::fuzz {

// Ends the process, as a fuzzer wants it, if the law does not hold.
// (clang 14 has the built-ins, but not std::source_location.)
inline void law(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%d: a law does not hold\n", file, line);
    std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// Takes the first byte off as a number below `count`; 'A' is 0, so that the seeds are readable.
inline std::size_t take_selector(std::string_view& text, std::size_t count) {
    if (text.empty()) return 0;
    const auto selected = static_cast<std::uint8_t>(text.front() - 'A') % count;
    text.remove_prefix(1);
    return selected;
}

}  // namespace busbar::fuzz
