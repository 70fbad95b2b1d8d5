#include "site/badge_likeness.hpp"

#include <algorithm>
#include <set>

#include "site/site.hpp"

namespace busbar::site {
namespace {

// The shortest part of an idTag that says something: the number of a card has 4 bytes or more.
constexpr std::size_t telling_size = 6;

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

std::string backwards(std::string_view text) { return {text.rbegin(), text.rend()}; }

}  // namespace

std::optional<std::string> reversed_bytes(std::string_view id_tag) {
    if (id_tag.empty() || id_tag.size() % 2 != 0 || !is_hex(id_tag)) return std::nullopt;
    std::string out;
    for (auto at = id_tag.size(); at > 0; at -= 2) out.append(id_tag.substr(at - 2, 2));
    return out;
}

void LikelyBadges::refresh(const Badges& badges) {
    if (is_current_ && badges_ == badges.size()) return;
    id_tags_.clear();
    backwards_.clear();
    std::set<std::size_t, std::greater<>> sizes;
    for (const auto& [id_tag, badge] : badges) {
        if (id_tag.size() < telling_size) continue;
        auto lower = to_lower(id_tag);
        sizes.insert(lower.size());
        backwards_.push_back(backwards(lower));
        id_tags_.insert(std::move(lower));
    }
    std::sort(backwards_.begin(), backwards_.end());
    sizes_.assign(sizes.begin(), sizes.end());
    badges_ = badges.size();
    is_current_ = true;
}

// The longest badge that this idTag, in lower case, begins or ends with.
std::optional<std::string> LikelyBadges::within(std::string_view id_tag) const {
    for (const auto size : sizes_) {
        if (size >= id_tag.size()) continue;
        for (const auto part : {id_tag.substr(0, size), id_tag.substr(id_tag.size() - size)}) {
            if (id_tags_.contains(part)) return std::string{part};
        }
    }
    return std::nullopt;
}

// A badge that begins or ends with this idTag, in lower case.
std::optional<std::string> LikelyBadges::around(const Badges& badges,
                                                std::string_view id_tag) const {
    if (id_tag.size() < telling_size) return std::nullopt;
    // What begins with a text follows it in the order of texts.
    const auto longer = badges.upper_bound(id_tag);
    if (longer != badges.end() &&
        equal_ignoring_case(std::string_view{longer->first}.substr(0, id_tag.size()), id_tag)) {
        return longer->first;
    }
    const auto end = backwards(id_tag);
    const auto other = std::upper_bound(backwards_.begin(), backwards_.end(), end);
    if (other == backwards_.end() || !other->starts_with(end)) return std::nullopt;
    return backwards(*other);
}

std::optional<LikelyBadge> LikelyBadges::find(const Badges& badges, std::string_view id_tag) {
    const auto as_saved = [&](std::string_view text, BadgeLikeness likeness) {
        return LikelyBadge{badges.find(text)->first, likeness};
    };
    const auto reversed = reversed_bytes(id_tag);
    if (reversed && badges.contains(*reversed) && !equal_ignoring_case(*reversed, id_tag)) {
        return as_saved(*reversed, BadgeLikeness::reversed);
    }
    refresh(badges);
    const auto lower = to_lower(id_tag);
    const auto part = within(lower);
    if (part && badges.contains(*part)) return as_saved(*part, BadgeLikeness::longer);
    const auto whole = around(badges, lower);
    if (whole && badges.contains(*whole)) return as_saved(*whole, BadgeLikeness::shorter);
    return std::nullopt;
}

std::optional<LikelyBadge> likely_badge(Site& site, std::string_view id_tag) {
    return site.likely_badges.find(site.badges, id_tag);
}

}  // namespace busbar::site
