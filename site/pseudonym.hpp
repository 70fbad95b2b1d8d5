// The names under which transactions go on when their badge was erased. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace busbar::site {

// "anon-1a2b3c4d", of the lower half of these random bits.
inline std::string pseudonym_of(std::uint64_t random_bits) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "anon-";
    for (int shift = 28; shift >= 0; shift -= 4) out += digits[(random_bits >> shift) & 15];
    return out;
}

// True for what stands for a badge that was erased, or whose transaction has become too old to be
// anybody's: what the charger once sent in its place is not known any more.
inline bool is_pseudonym(std::string_view id_tag) {
    return id_tag.starts_with("anon-") || id_tag.starts_with("anonymous");
}

}  // namespace busbar::site
