// Badges that were tapped and that nobody knows: kept with where and when, so that an operator can
// make a badge of one in one step. Bounded in number and in rows, whatever chargers send. Site
// loop; no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <boost/describe/class.hpp>

#include "base/text.hpp"
#include "base/time.hpp"
#include "db/journal.hpp"
#include "db/rows.hpp"

namespace busbar::site {

class Site;

// Somebody held a badge to a charger, or a charger started a transaction for one.
struct BadgeTap {
    Timestamp at;
    std::string chargePoint;
    std::optional<std::int32_t> connectorId;  // if it was said
    std::string idTag;                        // as it is read, see badge_text()
    bool known = false;
    bool accepted = false;
    std::string reason;    // as in Authorization
    bool learned = false;  // it is the one that learning was waiting for
};
BOOST_DESCRIBE_STRUCT(BadgeTap, (),
                      (at, chargePoint, connectorId, idTag, known, accepted, reason, learned))

// Stored as it is (kind "unknown_badge").
struct UnknownBadge {
    std::string idTag;
    Timestamp firstAt;
    Timestamp lastAt;
    std::string chargePoint;                  // where it was last
    std::optional<std::int32_t> connectorId;  // if that is known
    std::int64_t taps = 0;
};
BOOST_DESCRIBE_STRUCT(UnknownBadge, (), (idTag, firstAt, lastAt, chargePoint, connectorId, taps))

// The StateSaved kind of an UnknownBadge.
inline constexpr std::string_view unknown_badge_kind = "unknown_badge";

// The unknown badges of a site: the one whose last tap is the oldest goes first.
class UnknownBadges {
public:
    static constexpr std::size_t kept_max = 1000;
    static constexpr std::chrono::seconds row_pause{10};  // between two rows of one badge
    static constexpr int rows_per_minute_max = 300;       // of all of them

    // Counts a tap, and records it in the site's journal unless that has just been done.
    void note(Site& site, const BadgeTap& tap, Now now);

    // One that was kept before a restart.
    void restore(UnknownBadge badge);

    // An operator does not want to see it any more. The ticket of the row, or nothing if it is not
    // among them.
    std::optional<db::Journal::Ticket> forget(Site& site, std::string_view id_tag);
    // It is a badge now. The row for the caller to record, unless it is not among them.
    std::optional<db::StateRemoved> forget(std::string_view id_tag);
    // The same of all that have become badges.
    void forget_known(Site& site);

    // By idTag, letters' case aside.
    const std::map<std::string, UnknownBadge, LessIgnoringCase>& all() const { return badges_; }

private:
    bool may_save(std::string_view id_tag, Now now);
    void make_room(Site& site);

    std::map<std::string, UnknownBadge, LessIgnoringCase> badges_;
    std::map<std::string, Instant, LessIgnoringCase> saved_;  // when its row was last written
    Instant minute_began_{};
    int saved_this_minute_ = 0;
};

// Takes over an unknown badge from before a restart; other rows are left alone.
void restore_unknown_badge(Site& site, const db::StateSaved& row);

}  // namespace busbar::site
