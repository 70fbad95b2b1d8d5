// Which badge an unknown idTag may have come from: readers turn the bytes of a card's number round,
// add to them or leave some out. Found by look-ups, not by a search through all badges: a page of
// a thousand unknown ones costs the site loop milliseconds. Site loop; no I/O.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "base/text.hpp"
#include "db/rows.hpp"

namespace busbar::site {

class Site;

// How an unknown idTag may have come from a known one.
BOOST_DEFINE_ENUM_CLASS(BadgeLikeness, reversed, longer, shorter)

// The badge that an unknown one may be: read backwards byte by byte (`reversed`), with something
// added to it by a reader (`longer`), or without a part of it (`shorter`).
struct LikelyBadge {
    std::string idTag;
    BadgeLikeness likeness{};
};
BOOST_DESCRIBE_STRUCT(LikelyBadge, (), (idTag, likeness))

// An index of the badges' idTags, made when it is first asked after a change.
class LikelyBadges {
public:
    using Badges = std::map<std::string, db::BadgeSaved, LessIgnoringCase>;

    // Nothing if no badge is like it. Of several the one with the most in common.
    std::optional<LikelyBadge> find(const Badges& badges, std::string_view id_tag);

    // Badges have come or gone.
    void badges_changed() { is_current_ = false; }

private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };

    void refresh(const Badges& badges);
    std::optional<std::string> within(std::string_view id_tag) const;
    std::optional<std::string> around(const Badges& badges, std::string_view id_tag) const;

    bool is_current_ = false;
    // All idTags in lower case, those too short to be told by a part left out.
    std::unordered_set<std::string, Hash, std::equal_to<>> id_tags_;
    std::vector<std::size_t> sizes_;      // that they have, the longest first
    std::vector<std::string> backwards_;  // the same from their ends, in order
    std::size_t badges_ = 0;
};

// Nothing if no badge of the site is like it.
std::optional<LikelyBadge> likely_badge(Site& site, std::string_view id_tag);

// An idTag of whole bytes in hex with their order reversed; nothing for any other text.
std::optional<std::string> reversed_bytes(std::string_view id_tag);

}  // namespace busbar::site
