// Keeps the local authorisation lists of chargers like the badges: behind set-up after a boot or a
// connection, a few seconds after badges were edited, and when a badge begins or ceases to be
// valid. One message at a time, none of which anything urgent waits for. Site loop.
#pragma once

#include <string>
#include <string_view>

#include "site/site.hpp"

namespace busbar::site {

// The StateSaved kind that restore_local_list() takes.
inline constexpr std::string_view local_list_kind = "local_list";

// A charger is asked for its list this long after it was set up, and badges rest this long before
// they are sent.
inline constexpr std::chrono::seconds local_list_delay{5};

// How a list stands.
struct LocalListStatus {
    std::optional<bool> supported;  // nothing: not known yet
    std::int32_t version = 0;       // what the charger said, or took, last; 0: an empty list
    std::size_t entries = 0;        // badges that are on it, as far as is known
    std::size_t wanted = 0;         // that are to be on it
    std::size_t left_out = 0;       // that find no room on it
    LocalListState state{};
    std::string last_error;  // "" if there was none
    bool manual = false;     // sent by an operator: left alone
};
LocalListStatus local_list_status(const Site& site, const ChargePoint& charger, Timestamp now);

// What the charger can take, by its configuration.
LocalListLimits local_list_limits(const ChargePoint& charger);

// True if the charger has not shown that it does without lists.
bool may_have_local_list(const ChargePoint& charger);

// The charger has connected or booted: what it holds must be asked anew.
void begin_local_list(ChargePoint& charger);

// The charger is being set up: its list comes after the rest.
void local_list_after_set_up(Site& site, ChargePoint& charger, Now now);

// Badges have changed: all lists are looked at once they have rested.
void badges_changed(Site& site, Now now);

// An operator wants the list to be like the badges, also where he had sent one by hand.
void synchronise_local_list(Site& site, ChargePoint& charger, Now now);

// Goes on with what is due; for on_timer.
void continue_local_list(Site& site, ChargePoint& charger, Now now);

// A command by hand was answered: what is known of the list is void, or the charger has said more.
void local_list_sent_by_hand(Site& site, ChargePoint& charger,
                             const v16::SendLocalList::Request& request,
                             const v16::SendLocalList::Response& response);
void local_list_version_told(Site& site, ChargePoint& charger, std::int32_t version, Now now);

// At start: what a charger held. Rows of unknown charge points, and such as we would not write, are
// ignored.
void restore_local_list(Site& site, const db::StateSaved& row);

// Takes the charger's row out of the database; the caller forgets the charger.
void forget_local_list(Site& site, const ChargePoint& charger);

}  // namespace busbar::site
