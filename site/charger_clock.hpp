// How far a charger's clock is off, found from what it sends live, and what that does to the times
// in its messages (ruling R14).
//
// Nothing arrives before it was made: a clock is ahead by at least as much as any of its messages
// seems to be. So a higher offset is soon believed; a lower one may be a queue that is emptied
// slowly. ChargerClock is plain; what takes a Context belongs to the site loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.hpp"
#include "ocpp/v16/core.hpp"
#include "site/quirk_settings.hpp"

namespace busbar::db {
struct StateSaved;
}

namespace busbar::site {

class Site;
struct ChargePoint;

// What is known of a clock over a restart; see the members of ChargerClock.
struct KnownClock {
    std::optional<std::chrono::seconds> offset;
    std::optional<std::chrono::seconds> former;
    std::optional<Timestamp> found_at;
    bool was_unknown = true;  // until found_at nothing was known
};

class ChargerClock {
public:
    // What chargers queue while they are offline (meter values), and what they need not.
    enum class Source { may_be_queued, live };
    struct Expectation {
        std::chrono::seconds tolerance;  // it may be off by so much and still count as right
        // It is taken for that as long as nothing has been measured.
        std::chrono::seconds usual{0};
    };

    // A message made at `at` by the charger's clock has just arrived. True if what is known of the
    // clock has changed.
    bool observe(Timestamp at, Now now, const Expectation& expected, Source source);

    // The charger is ahead by this; 0 if it is right, whole quarters of an hour if it is in another
    // zone. Nothing until enough has come.
    std::optional<std::chrono::seconds> offset() const { return known_.offset; }
    // What it was taken for before that.
    std::optional<std::chrono::seconds> former() const { return known_.former; }
    // When the present offset was found.
    std::optional<Timestamp> found_at() const { return known_.found_at; }
    // As measured last, to the second.
    std::optional<std::chrono::seconds> measured() const { return measured_; }
    // The same, believed or not: what is lower may be a queue that is emptied slowly.
    std::optional<std::chrono::seconds> shown() const { return shown_; }

    // It booted: its clock may have been set. A zone it is in by habit stays known.
    // True if an offset was forgotten.
    bool booted();
    // True if there is anything to keep over a restart.
    bool is_known() const { return known_.offset || known_.former; }
    const KnownClock& known() const { return known_; }
    // What was known before a restart.
    void restore(const KnownClock& known) { known_ = known; }

private:
    // Messages whose times go as fast as ours, from the first of them on.
    struct Run {
        Timestamp first_at;
        Instant first_received;
        Timestamp newest_at;
        Instant last_received;
        int messages = 1;
        bool has_live = false;
    };
    std::optional<Run> run_;
    KnownClock known_;
    std::optional<std::chrono::seconds> measured_;
    std::optional<std::chrono::seconds> shown_;
};

// What is to be taken off the times of this charger: its offset as learned, that of the site's zone
// where its model is known to send local time, or 0. Always 0 for one that is read strictly.
std::chrono::seconds time_correction(const Site& site, const ChargePoint& charger, Timestamp now);

// Learns from the times of a message and puts them right. What belongs together stays together: a
// StartTransaction that repeats one we know keeps the time we know it by, and a transaction that
// began before the clock was known goes on by the charger's times. Other messages have no times, or
// none that matter.
void correct_times(Site& site, ChargePoint& charger, Now now,
                   ocpp::v16::StatusNotification::Request& request);
void correct_times(Site& site, ChargePoint& charger, Now now,
                   ocpp::v16::MeterValues::Request& request);
void correct_times(Site& site, ChargePoint& charger, Now now,
                   ocpp::v16::StartTransaction::Request& request);
void correct_times(Site& site, ChargePoint& charger, Now now,
                   ocpp::v16::StopTransaction::Request& request);
template <class Request>
void correct_times(Site&, ChargePoint&, Now, Request&) {}

// The kind of StateSaved row that holds what is known of a clock, by charge point id.
inline constexpr std::string_view clock_kind = "charger_clock";
db::StateSaved clock_row(const ChargePoint& charger);
// At start: takes over such a row; others are ignored.
void restore_clock(Site& site, const db::StateSaved& row);

}  // namespace busbar::site
