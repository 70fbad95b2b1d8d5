// Local authorisation lists by rule (OCPP 1.6, 3.5.2, 5.10 and 5.15): which badges belong on a
// charger's list, what its list lacks, and the next message on the way there. The list in the
// charger is brought up to date in steps of one message each, so that it can be gone on with from
// whatever is known of it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe/enum.hpp>

#include "base/text.hpp"
#include "base/time.hpp"
#include "base/time_zone.hpp"
#include "db/rows.hpp"
#include "ocpp/v16/local_list.hpp"

namespace busbar::site {

class HoursBook;

using LocalListEntries = std::vector<ocpp::v16::AuthorizationData>;

// What a charger can take. As it says in its configuration; where it says nothing, what every
// charger should be able to take.
struct LocalListLimits {
    std::size_t length_max = 48;               // LocalAuthListMaxLength: badges in all
    std::size_t entries_per_message_max = 20;  // SendLocalListMaxLength
    std::size_t message_bytes_max = 4096;      // of the entries as JSON
};

// Nobody's site has more; a charger that claims more does not get them.
inline constexpr std::size_t local_list_length_max = 5000;

// The badges that belong on a list, in the order of their idTags, letters' case aside.
struct WantedList {
    LocalListEntries entries;
    std::size_t left_out = 0;             // badges that found no room
    std::optional<Timestamp> changes_at;  // when a badge begins or ceases to be good
};

// What a list depends on.
struct ListQuestion {
    const std::map<std::string, db::BadgeSaved, LessIgnoringCase>& badges;
    const db::ChargePointSaved& charge_point;
    Timestamp now;
    TimeZone zone;
    std::size_t length_max = 48;
    // Of a badge in this month, for those that have a quota; empty: none has used anything.
    std::function<std::int64_t(const db::BadgeSaved&)> energy_used_wh;
    const HoursBook* hours = nullptr;  // where schedules are read; null: in one of its own
};

// The list of this charge point: badges that would be accepted there now, each until its own hours
// are over. The charge point's opening hours do not matter: the list is for the time without a
// connection, and a charger that lost it overnight should serve those it knows in the morning.
WantedList wanted_list(const ListQuestion& question);

// What makes `wanted` of `held`, both in the order of their idTags: removals first (entries without
// idTagInfo), because they make room, then what is new or has changed.
LocalListEntries difference(const LocalListEntries& held, const LocalListEntries& wanted);

// How a list stands, for people. unknown: the charger has not been asked yet.
BOOST_DEFINE_ENUM_CLASS(LocalListState, unknown, unsupported, outdated, synchronised, failed,
                        manual)

// What is known of the list in one charger.
struct LocalList {
    // Kept over restarts:
    std::int32_t version = 0;  // that we sent last
    bool is_known = false;     // `held` is what the charger had at that version
    LocalListEntries held;     // in the order of their idTags
    bool is_manual = false;    // an operator sent a list of his own: it is left alone
    bool is_saved = true;      // the newest row says all this

    // Since the charger has connected or booted:
    std::uint32_t round = 0;               // of messages: answers to earlier ones say nothing
    std::optional<std::int32_t> reported;  // the version the charger has; -1: it has no lists
    bool is_waiting = false;               // for an answer
    bool is_restarted = false;             // by a Full list, because a Differential one failed
    bool has_given_up = false;             // until the next boot, or until badges change
    int silences = 0;                      // calls that were not answered, one after the other
    std::string last_error;                // "" if the last message was accepted
    std::optional<Instant> due;            // when to look at it again
};

// What to do next about a list.
struct LocalListStep {
    enum class Kind { nothing, ask_version, send };
    Kind kind = Kind::nothing;
    ocpp::v16::SendLocalList::Request request;  // of `send`
};

// The next step towards `wanted`. A charger whose version is not the one we left gets a Full list;
// what does not fit one message follows as Differential ones. Versions always rise and are never 0
// or -1 (errata 3.52).
LocalListStep next_step(const LocalList& list, const WantedList& wanted,
                        const LocalListLimits& limits);

// How the list stands if `wanted` is what it should be.
LocalListState state_of(const LocalList& list, const WantedList& wanted);

// The charger has answered GetLocalListVersion.
void version_reported(LocalList& list, std::int32_t version);

// The charger has accepted this message.
void accepted(LocalList& list, const ocpp::v16::SendLocalList::Request& request);

// The charger has refused this message, and how in words: after a Differential list a Full one is
// tried (5.15), once; a refused Full list is not tried again for now.
void refused(LocalList& list, const ocpp::v16::SendLocalList::Request& request, std::string why);

// The charger was sent a list by somebody else than us, and took it: what it holds is not known.
void sent_by_hand(LocalList& list, std::int32_t version);

// Badges have changed, or an operator wants it: what was given up is tried again, and a list that
// was sent by hand gives way.
void try_again(LocalList& list);

// The charger has connected or booted: it must say its version again. Makes a new round.
void begin_round(LocalList& list);

}  // namespace busbar::site
