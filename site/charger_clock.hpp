// How far a charger's clock is off, found from what it sends live, and what that does to the times
// in its messages (ruling R14).
//
// Only messages that come as fast as they say they were made count: a wrong clock runs as fast as
// ours, a queue is emptied faster. ChargerClock is plain; what takes a Context belongs to the site
// loop.
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

class ChargerClock {
public:
    // A live message made at `at` by the charger's clock has just arrived. True if what is known of
    // the clock has changed. `tolerance`: it may be off by so much and still count as right.
    bool observe(Timestamp at, Now now, std::chrono::seconds tolerance);

    // The charger is ahead by this; 0 if it is right, whole quarters of an hour if it is in another
    // zone. Nothing until enough has come.
    std::optional<std::chrono::seconds> offset() const { return offset_; }
    // What it was taken for before that.
    std::optional<std::chrono::seconds> former() const { return former_; }
    // When the present offset was found; nothing if it was restored.
    std::optional<Timestamp> found_at() const { return found_at_; }
    // As measured last, to the second.
    std::optional<std::chrono::seconds> measured() const { return measured_; }

    // It booted: its clock may have been set. A zone it is in by habit stays known.
    // True if an offset was forgotten.
    bool booted();
    // What was known before a restart.
    void restore(std::chrono::seconds offset) { offset_ = offset; }

private:
    struct Sight {
        Timestamp at;
        Instant received;
    };
    std::optional<Sight> last_;
    Instant run_began_{};
    int run_ = 0;  // messages in step, one after the other
    std::optional<std::chrono::seconds> offset_;
    std::optional<std::chrono::seconds> former_;
    std::optional<Timestamp> found_at_;
    std::optional<std::chrono::seconds> measured_;
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

// The kind of StateSaved row that holds an offset, by charge point id.
inline constexpr std::string_view clock_kind = "charger_clock";
// At start: takes over such a row; others are ignored.
void restore_clock(Site& site, const db::StateSaved& row);

}  // namespace busbar::site
