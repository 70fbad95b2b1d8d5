#include <algorithm>

#include "base/text.hpp"
#include "net/file_drop.hpp"

namespace busbar::net {
namespace {

constexpr std::size_t token_size = 32;

bool is_token(std::string_view text) {
    return text.size() == token_size && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
           });
}

}  // namespace

// Not decoded: a token needs no escapes, and what a charger appends to its URL may be anything.
std::string token_of_target(std::string_view target) {
    bool behind_f = false;
    while (!target.empty()) {
        const auto segment = target.substr(0, target.find_first_of("/?#"));
        if (behind_f && is_token(segment)) return to_lower(segment);
        if (!segment.empty()) behind_f = segment == "f";
        if (segment.size() == target.size() || target[segment.size()] != '/') return "";
        target.remove_prefix(segment.size() + 1);
    }
    return "";
}

}  // namespace busbar::net
