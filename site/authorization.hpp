// May this badge charge here and now? One pure function, asked by Authorize, StartTransaction,
// RemoteStartTransaction, reservations and local lists alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time_zone.hpp"
#include "db/rows.hpp"
#include "ocpp/v16/common.hpp"

namespace busbar::site {

class HoursBook;

// What a badge and its group are charging now, and have charged.
struct BadgeUse {
    int active = 0;              // transactions of the badge that run elsewhere
    int active_in_group = 0;     // the same of all badges of its group
    std::int64_t energy_wh = 0;  // of the badge in this local month, running transactions included
};

// What the answer depends on.
struct AuthorizationQuestion {
    const db::BadgeSaved* badge = nullptr;       // null: unknown idTag
    const db::BadgeGroupSaved* group = nullptr;  // what is set for the badge's group, if anything
    const db::ChargePointSaved& charge_point;
    Timestamp at;
    TimeZone zone;
    BadgeUse use;
    // A transaction starts. Only then are those that run counted: nothing else may be answered
    // ConcurrentTx (OCPP 1.6, 7.2).
    bool is_start = false;
    // The connector is kept for a badge that is neither this one nor of its group.
    bool is_reserved_for_others = false;
    // The charger sends an empty idTag for somebody without a badge, and may (its quirks).
    bool is_nobody = false;
    // Where hours are read; null: anew each time.
    const HoursBook* hours = nullptr;
};

// The answer, and why.
struct Authorization {
    ocpp::v16::IdTagInfo id_tag_info;
    std::string reason;  // a stable word for logs and the interface, see docs/badges.md
    std::string words;   // the same for people; without idTag and names
    // Both for a log: quota_reached detail="...".
    std::string explained() const;
    bool accepted() const { return id_tag_info.status == ocpp::v16::AuthorizationStatus::Accepted; }
};

// An accepted badge is good until its expiryDate: the end of its validity or of the hours in which
// it, or the charger, may be used, whichever comes first.
Authorization authorize(const AuthorizationQuestion& question);

// True if the badge may be used at this charge point, at some time.
bool is_for(const db::BadgeSaved& badge, const db::ChargePointSaved& charge_point);

// The class in which load management serves a car with this badge, higher first (null: without a
// badge): its priority class decides, and inside that its charge mode: fast goes before fair, and
// what can wait for sun or cheap hours comes last. 0 to 29.
int charging_class(const db::BadgeSaved* badge);

}  // namespace busbar::site
