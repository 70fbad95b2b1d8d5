// How much energy a transaction has used, by the best source there is, and which one that was.
// Pure: the caller keeps a transaction's tally and adds what the charger measures.
//
// The sources, best first, by the words under which they are stored (energy_source):
//   register            what the register rose between start and stop
//   register_sum        the sum of its believable rises: it was reset, rolled over, exchanged, or
//                       start and stop are not of the same register
//   transaction_values  the registers of Transaction.Begin and Transaction.End
//   intervals           the sum of Energy.Active.Import.Interval
//   power               measured power over time
//   unknown             nothing of all that: 0
// A transaction that an operator has corrected says "corrected" (view transaction_in_force).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <boost/describe/class.hpp>

#include "base/codec.hpp"
#include "base/time.hpp"

namespace busbar::site {

// What was known of a register when it fell, or rose as no charger can: if it comes back to where
// it was, what lay between was no reading of it.
struct RegisterBreak {
    double register_wh = 0;
    Timestamp register_at;
    double rises_wh = 0;
    std::optional<Timestamp> broken_at;
    double piece_wh = 0;
    Timestamp piece_at;
    double rises_before_wh = 0;
    std::optional<Timestamp> fell_at;
};
BOOST_DESCRIBE_STRUCT(RegisterBreak, (),
                      (register_wh, register_at, rises_wh, broken_at, piece_wh, piece_at,
                       rises_before_wh, fell_at))

// What a transaction's meter values have said so far. Stored as it is (kind "transaction_energy")
// where a restart could not find it again, see is_odd.
struct EnergyTally {
    std::optional<double> register_wh;  // newest believed
    Timestamp register_at;
    double rises_wh = 0;                 // sum of the register's believable rises since the start
    std::int32_t readings = 0;           // of the register
    std::optional<Timestamp> broken_at;  // it first fell, or rose as no charger can
    // Where it has gone on since it last did so, and the rises until there.
    double piece_wh = 0;
    Timestamp piece_at;
    double rises_before_wh = 0;
    std::optional<double> begin_wh;  // Transaction.Begin
    std::optional<double> end_wh;    // Transaction.End
    double intervals_wh = 0;
    std::optional<Timestamp> interval_at;
    double power_wh = 0;  // measured power over time
    std::optional<double> power_watts;
    Timestamp power_at;
    bool is_stored = false;  // there is a row of it
    std::optional<RegisterBreak> last_break{};
    std::optional<Timestamp> fell_at{};  // first
};
BOOST_DESCRIBE_STRUCT(EnergyTally, (),
                      (register_wh, register_at, rises_wh, readings, broken_at, piece_wh, piece_at,
                       rises_before_wh, begin_wh, end_wh, intervals_wh, interval_at, power_wh,
                       power_watts, power_at, is_stored, last_break, fell_at))

// What was measured at one time.
struct EnergyReading {
    Timestamp at;
    std::optional<double> register_wh;  // plausible ones only, see meter_register
    std::optional<double> begin_wh;
    std::optional<double> end_wh;
    std::optional<double> interval_wh;
    std::optional<double> power_watts;
};

// The most that a charger of this power can have delivered between two times, half as much again,
// and the step of a register that shows whole kWh. `power_watts` 0: not known.
double deliverable_wh(double power_watts, Timestamp from, Timestamp to);

// The rise of a register from one reading to a later one: none if no charger delivers so much. One
// that shows less than before has rolled over (after 6 to 8 digits of Wh or kWh, or 31 or 32 bits)
// where that explains it, or was reset to 0.
struct RegisterRise {
    std::optional<double> wh;  // absent: not believable
    bool fell = false;
    bool rolled_over = false;
};
RegisterRise register_rise(double earlier_wh, double later_wh, double rise_max_wh);

// True if the register may have come from one reading to a later one; it may have rolled over.
bool may_follow(double earlier_wh, Timestamp earlier_at, double later_wh, Timestamp later_at,
                double power_watts_max);

// The tally of a transaction that begins with this register.
EnergyTally begin_tally(double meter_start_wh, Timestamp started_at);
// Readings older than the newest one of their kind change nothing.
void add_reading(EnergyTally& tally, const EnergyReading& reading, double power_watts_max);

// Takes back what was read after the transaction's end, which a later one's start tells: it is that
// one's. False where there was nothing, or it cannot be told.
bool take_back(EnergyTally& tally, double stop_wh, Timestamp stopped_at);

// True if start and last register alone do not tell what the tally tells.
bool is_odd(const EnergyTally& tally);

// Where a transaction began, and where it has come to.
struct EnergySpan {
    double start_wh = 0;
    Timestamp started_at;
    Timestamp start_received_at;
    std::optional<double> stop_wh;  // absent: not known, or still running
    Timestamp stopped_at;           // or now
    Timestamp stop_received_at;
    bool times_are_believable = true;
};

struct Energy {
    std::int64_t wh = 0;  // never negative
    std::string source;
};

Energy energy_of(const EnergyTally& tally, const EnergySpan& span, double power_watts_max);

}  // namespace busbar::site
